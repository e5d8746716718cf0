//! Another process that takes part in a semaphore, and does what a test tells it: this test binary once more.
//!
//! A test orders by lines on its standard input, and the actor answers by lines on its standard output, that
//! start with an `@` (the harness writes there as well). What takes long is done by a thread of the actor,
//! which answers when it is through.

mod order;
mod scene;

pub(crate) use order::Order;

use crate::look::{DEADLINE, state_of, waiting};
use crate::place::Directory;
use crate::sys;
use permits_conformance::wait::eventually;
use permits_host::HostSemaphore;
use permits_testbed::{before_exec, enter_mount_namespace};
use scene::Scene;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// Where the actor finds its directory; its presence makes a process an actor.
const DIRECTORY: &str = "PERMITS_TEST_DIRECTORY";
/// The first order, if it is not heard.
const ORDER: &str = "PERMITS_TEST_ORDER";

/// The file that tells a child of an actor to go on.
pub(crate) const GO: &str = "go";

/// Somebody else.
pub(crate) const NOBODY: u32 = 65534;

/// An actor, as the test has it. It is killed and reaped when this is dropped, and so is all that it forked.
pub(crate) struct Actor {
    child: Child,
    orders: Option<ChildStdin>,
    answers: Receiver<String>,
    descendants: Vec<u32>,
}

impl Actor {
    /// Starts one, which opens the semaphore of the directory when it is first told something that needs it.
    pub(crate) fn start(directory: &Directory) -> Actor {
        Actor::spawn(&mut process(directory.path(), None)).expect("a test binary can be started")
    }

    /// Starts one in a mount namespace of its own, in which it is root, after it was prepared.
    pub(crate) fn start_in(
        directory: &Path,
        mut prepare: impl FnMut() -> io::Result<()> + Send + Sync + 'static,
    ) -> Actor {
        Actor::start_after(directory, move || {
            enter_mount_namespace()?;
            prepare()
        })
    }

    /// Starts one that does something to itself before it executes its program.
    pub(crate) fn start_after(
        directory: &Path,
        prepare: impl FnMut() -> io::Result<()> + Send + Sync + 'static,
    ) -> Actor {
        let mut command = process(directory, None);
        Actor::spawn(before_exec(&mut command, prepare)).expect("what was prepared is allowed here")
    }

    /// Starts one of another user, as root can.
    pub(crate) fn of_nobody(directory: &Path) -> Actor {
        // Where the binary is, somebody else may not be let in.
        let place = Directory::new();
        let program = place.path().join("program");
        fs::copy(std::env::current_exe().expect("a test knows its binary"), &program)
            .expect("there is room for a copy");
        for path in [place.path(), &program] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("it is ours");
        }
        let mut command = process_of(&program, directory, None);
        command.uid(NOBODY).gid(NOBODY);
        let mut actor = Actor::spawn(&mut command);
        // Another test may be starting a process, which has the copy open to be written to until it executes
        // its own program.
        eventually(DEADLINE, || {
            let busy = actor.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::ExecutableFileBusy);
            if busy {
                actor = Actor::spawn(&mut command);
            }
            !busy
        });
        actor.expect("root can start processes of others")
    }

    /// Starts one by a command of [`process_of`].
    pub(crate) fn spawn(command: &mut Command) -> io::Result<Actor> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let lines = BufReader::new(child.stdout.take().expect("it is piped"));
        let (report, answers) = channel();
        thread::spawn(move || {
            let answers =
                lines.lines().map_while(Result::ok).filter_map(|line| Some(line.strip_prefix('@')?.to_owned()));
            for answer in answers {
                // A test that is over does not listen.
                let _ = report.send(answer);
            }
        });
        Ok(Actor { orders: child.stdin.take(), child, answers, descendants: Vec::new() })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Orders something, and returns what the actor answers first.
    pub(crate) fn asked(&mut self, order: Order) -> String {
        self.told(order);
        self.hear()
    }

    /// Orders something.
    pub(crate) fn told(&mut self, order: Order) {
        let orders = self.orders.as_mut().expect("it listens until it is dropped");
        writeln!(orders, "{order:?}").unwrap_or_else(|error| panic!("an actor is not there for {order:?}: {error}"));
    }

    /// What the actor says next.
    pub(crate) fn hear(&mut self) -> String {
        self.hear_within(DEADLINE)
    }

    /// The same, where it takes longer.
    pub(crate) fn hear_within(&mut self, time: Duration) -> String {
        self.answers.recv_timeout(time).expect("an actor answers")
    }

    /// Whether it says nothing more, now that it and all that it started are gone.
    pub(crate) fn is_silent_for_good(&mut self) -> bool {
        self.answers.recv_timeout(DEADLINE) == Err(RecvTimeoutError::Disconnected)
    }

    /// Has it hold `n` more permits, which it gets at once.
    pub(crate) fn holds(&mut self, n: u32) {
        assert_eq!(self.asked(Order::Hold(n)), format!("held {n}"));
    }

    /// Has it wait for `n` permits, as a thread, and sees to it that it is queued as one more.
    pub(crate) fn waits(&mut self, n: u32, semaphore: &HostSemaphore) {
        self.queues(Order::Wait(n), semaphore);
    }

    /// As [`waits`](Self::waits), as a task.
    pub(crate) fn awaits(&mut self, n: u32, semaphore: &HostSemaphore) {
        self.queues(Order::Await(n), semaphore);
    }

    fn queues(&mut self, order: Order, semaphore: &HostSemaphore) {
        let before = waiting(semaphore);
        self.told(order);
        assert!(eventually(DEADLINE, || waiting(semaphore) == before + 1), "{order:?} queues");
    }

    /// Has it fork; it goes on as the child, and the parent does nothing more than keep what it has. The
    /// child's process id.
    pub(crate) fn forks(&mut self) -> u32 {
        let pid = self.starts(Order::Fork);
        self.told(Order::Ping);
        assert_eq!(self.hear(), "pong", "the child listens");
        pid
    }

    /// As [`forks`](Self::forks), into a new PID namespace, whose first process the child is. Its process id here.
    pub(crate) fn forks_into_a_namespace(&mut self) -> u32 {
        // A process with several threads, as the harness is one, may not enter a user namespace.
        self.forks();
        assert_eq!(self.asked(Order::UnsharePids), "unshared");
        self.forks()
    }

    /// Orders something that is answered by the number of a process, which ends with the actor at the latest.
    pub(crate) fn starts(&mut self, order: Order) -> u32 {
        let answer = self.asked(order);
        let pid = answer.parse().unwrap_or_else(|_| panic!("{order:?} is answered by a process id: {answer}"));
        self.descendants.push(pid);
        pid
    }

    /// Has it run a command that leaves a daemon behind, and ends; the daemon's process id.
    pub(crate) fn starts_daemon(&mut self) -> u32 {
        self.told(Order::RunCommandThatLeavesADaemon);
        // The actor tells the command, and the command its daemon, in any order.
        let answers = [self.hear(), self.hear()];
        let find = |answer: &String| answer.strip_prefix("daemon ").and_then(|pid| pid.parse().ok());
        let daemon = answers.iter().find_map(find).unwrap_or_else(|| panic!("a daemon is told of: {answers:?}"));
        self.descendants.push(daemon);
        daemon
    }

    /// Kills its process, which stays a zombie.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it is a child of ours");
    }

    /// Kills its process and waits until nothing is left of it.
    pub(crate) fn kill_and_reap(&mut self) {
        self.kill();
        self.child.wait().expect("it is a child of ours");
    }

    /// Stops its process, all of its threads.
    pub(crate) fn stop(&self) {
        sys::signal(self.pid(), libc::SIGSTOP);
        assert!(eventually(DEADLINE, || state_of(self.pid()) == Some('T')), "it stops");
    }

    pub(crate) fn resume(&self) {
        sys::signal(self.pid(), libc::SIGCONT);
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        for &pid in &self.descendants {
            sys::signal(pid, libc::SIGKILL);
        }
        // Whoever was forked in the meantime ends with its input.
        self.orders = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// This binary as an actor, which obeys `order` at first if there is one.
pub(crate) fn process(directory: &Path, order: Option<Order>) -> Command {
    process_of(&std::env::current_exe().expect("a test knows its binary"), directory, order)
}

/// The same, by another path of this binary.
pub(crate) fn process_of(program: &Path, directory: &Path, order: Option<Order>) -> Command {
    let mut command = Command::new(program);
    command.args(["--exact", "actor::actor", "--nocapture", "--test-threads=1"]).env(DIRECTORY, directory);
    if let Some(order) = order {
        command.env(ORDER, format!("{order:?}"));
    }
    command
}

/// Not a test: the process of an actor, if this is one.
#[test]
fn actor() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let order = std::env::var(ORDER).ok().map(|line| Order::from_line(&line));
    // A command is there to outlive whoever started it; it ends with its input.
    if !matches!(order, Some(Order::BeCommand)) {
        sys::die_with_parent();
    }
    Scene::new(directory.into()).act(order);
}
