//! Another process that takes part in a semaphore, and does what a test tells it: this test binary once more.
//!
//! A test orders by lines on its standard input, and the actor answers by lines on its standard output, that start with an `@` (the
//! harness writes there as well). What takes long is done by a thread of the actor, which answers when it is through.

use crate::place::Directory;
use crate::sys;
use permits_conformance::wait::{Polled, block_on, eventually};
use permits_host::{Error, HostSemaphore, OwnedPermit};
use std::fs::File;
use std::io::{BufRead, BufReader, Seek, Write};
use std::mem::ManuallyDrop;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::thread;
use std::time::Duration;

/// How long anything may take that has to happen.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);
/// Where the actor finds its directory; its presence makes a process an actor.
const VARIABLE: &str = "PERMITS_TEST_ACTOR";
/// The semaphore that a test and its actors share.
pub(crate) const NAME: &str = "shared";

/// The file that tells a child of an actor to go on.
pub(crate) const GO: &str = "go";

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
        let program = std::env::current_exe().expect("a test knows its binary");
        let mut child = Command::new(program)
            .args(["--exact", "actor::actor", "--nocapture", "--test-threads=1"])
            .env(VARIABLE, directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a test binary can be started");
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
        Actor { orders: child.stdin.take(), child, answers, descendants: Vec::new() }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Orders something, and returns what the actor answers first.
    pub(crate) fn asked(&mut self, order: &str) -> String {
        self.told(order);
        self.hear()
    }

    /// Orders something.
    pub(crate) fn told(&mut self, order: &str) {
        let orders = self.orders.as_mut().expect("it listens until it is dropped");
        writeln!(orders, "{order}").unwrap_or_else(|error| panic!("an actor is not there for `{order}`: {error}"));
    }

    /// What the actor says next.
    pub(crate) fn hear(&mut self) -> String {
        self.answers.recv_timeout(DEADLINE).expect("an actor answers")
    }

    /// Whether it says nothing more, now that it and all that it started are gone.
    pub(crate) fn is_silent_for_good(&mut self) -> bool {
        self.answers.recv_timeout(DEADLINE) == Err(RecvTimeoutError::Disconnected)
    }

    /// Has it hold `n` more permits, which it gets at once.
    pub(crate) fn holds(&mut self, n: u32) {
        assert_eq!(self.asked(&format!("hold {n}")), format!("held {n}"));
    }

    /// Has it wait for `n` permits, as a thread, and sees to it that it is queued as one more.
    pub(crate) fn waits(&mut self, n: u32, semaphore: &HostSemaphore) {
        self.queues(&format!("wait {n}"), semaphore);
    }

    /// As [`waits`](Self::waits), as a task.
    pub(crate) fn awaits(&mut self, n: u32, semaphore: &HostSemaphore) {
        self.queues(&format!("await {n}"), semaphore);
    }

    fn queues(&mut self, order: &str, semaphore: &HostSemaphore) {
        let before = waiting(semaphore);
        self.told(order);
        assert!(eventually(DEADLINE, || waiting(semaphore) == before + 1), "`{order}` queues");
    }

    /// Has it fork; it goes on as the child, and the parent does nothing more than keep what it has. The child's process id.
    pub(crate) fn forks(&mut self) -> u32 {
        let pid = self.starts("fork");
        self.told("ping");
        assert_eq!(self.hear(), "pong", "the child listens");
        pid
    }

    /// As [`forks`](Self::forks), into a new PID namespace, whose first process the child is. Its process id here.
    pub(crate) fn forks_into_a_namespace(&mut self) -> u32 {
        // A process with several threads, as the harness is one, may not enter a user namespace.
        self.forks();
        assert_eq!(self.asked("unshare"), "unshared");
        self.forks()
    }

    /// Orders something that is answered by the number of a process, which ends with the actor at the latest.
    pub(crate) fn starts(&mut self, order: &str) -> u32 {
        let answer = self.asked(order);
        let pid = answer.parse().unwrap_or_else(|_| panic!("`{order}` is answered by a process id: {answer}"));
        self.descendants.push(pid);
        pid
    }

    /// Has it run a command that leaves a daemon behind, and ends; the daemon's process id.
    pub(crate) fn starts_daemon(&mut self) -> u32 {
        self.told("run-command-that-leaves-a-daemon");
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

/// What the kernel says that a process does: `R`, `S`, `T`, `Z`; nothing if there is no such process.
pub(crate) fn state_of(pid: u32) -> Option<char> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    text.rsplit_once(')')?.1.trim_start().chars().next()
}

/// Whether a process lives: a zombie does not.
pub(crate) fn lives(pid: u32) -> bool {
    state_of(pid).is_some_and(|state| !matches!(state, 'Z' | 'X'))
}

/// How many wait on both sides. Looks at the file alone, so that it helps nobody.
pub(crate) fn waiting(semaphore: &HostSemaphore) -> u32 {
    let directory = semaphore.path().parent().expect("a file is in a directory");
    let status = HostSemaphore::options().directory(directory).read(semaphore.name()).expect("it can be read");
    status.state.waiting_acquirers + status.state.waiting_releasers
}

/// Not a test: the process of an actor, if this is one.
#[test]
fn actor() {
    let Some(directory) = std::env::var_os(VARIABLE) else { return };
    sys::die_with_parent();
    Scene {
        directory: directory.into(),
        semaphore: None,
        guards: Guards::default(),
        reused: Vec::new(),
        programs: Vec::new(),
    }
    .act();
}

type Guards = Arc<Mutex<Vec<OwnedPermit>>>;

/// What an actor has.
struct Scene {
    directory: PathBuf,
    semaphore: Option<HostSemaphore>,
    guards: Guards,
    /// Files that have the numbers of descriptors that were closed behind the back of their owners.
    reused: Vec<ManuallyDrop<File>>,
    /// What it has started, to be zombies when they end before it does.
    programs: Vec<Child>,
}

fn say(answer: impl std::fmt::Display) {
    println!("\n@{answer}");
}

/// Keeps what was granted, and tells.
fn keep(guards: &Guards, outcome: Result<OwnedPermit, Error>) -> String {
    match outcome {
        Ok(permit) => {
            let answer = format!("got {}", permit.count());
            guards.lock().unwrap_or_else(PoisonError::into_inner).push(permit);
            answer
        }
        Err(error) => format!("{:?}", error.kind()),
    }
}

impl Scene {
    fn semaphore(&mut self) -> HostSemaphore {
        let open = || {
            let options = HostSemaphore::options().directory(&self.directory);
            options.open_existing(NAME).expect("an actor opens the test's semaphore")
        };
        self.semaphore.get_or_insert_with(open).clone()
    }

    fn act(mut self) {
        for line in std::io::stdin().lines() {
            let line = line.expect("orders are text");
            let (order, n) = line.split_once(' ').unwrap_or((&line, "1"));
            let n: u32 = n.parse().expect("an order's argument is a number");
            self.obey(order, n);
        }
        // The test is over, and a child of an actor must not go on with the parent's harness.
        sys::exit(0);
    }

    fn obey(&mut self, order: &str, n: u32) {
        match order {
            "ping" => say("pong"),
            "hold" => self.hold(n),
            "hold-in-threads" => self.hold_in_threads(n),
            "hold-in-thread-that-ends" => self.hold_in_thread_that_ends(),
            "try" => {
                let outcome = self.semaphore().try_acquire_many_owned(n);
                say(keep(&self.guards, outcome));
            }
            "wait" => self.in_thread(move |semaphore| semaphore.acquire_many_owned(n).wait()),
            "await" => self.in_thread(move |semaphore| block_on(semaphore.acquire_many_owned(n), DEADLINE * 10)),
            "release" => self.release_in_thread(n, move |semaphore| semaphore.release_many_owned(n).wait()),
            "await-release" => {
                self.release_in_thread(n, move |semaphore| block_on(semaphore.release_many_owned(n), DEADLINE * 10))
            }
            "drop" => {
                self.taken().clear();
                say("dropped");
            }
            "forget" => {
                self.taken().into_iter().for_each(OwnedPermit::forget);
                say("forgotten");
            }
            "commit-in-a-loop" => self.commit_in_a_loop(),
            "fork" => self.fork(),
            "queue-and-fork" => self.queue_and_fork(),
            "fork-often" => self.fork_often(n, |semaphore| semaphore.acquire_owned().wait_timeout(DEADLINE).is_ok()),
            "fork-and-look" => self.fork_often(n, |semaphore| semaphore.state().is_ok()),
            "exec" => {
                let error = Command::new("sleep").arg("1000").exec();
                say(error);
            }
            "spawn" => {
                let child = Command::new("sleep").arg("1000").spawn().expect("there is `sleep`");
                say(child.id());
                self.programs.push(child);
            }
            "look" => {
                let state = self.semaphore().state().expect("it can be looked at");
                say(format_args!("{} given out, {} loose", state.given_out, state.loose));
            }
            "close-descriptors" => {
                sys::close_all();
                say("closed");
            }
            "close-and-reuse-descriptors" => self.close_and_reuse(),
            "look-at-reused-descriptors" => self.look_at_reused(),
            "unshare" => {
                sys::unshare_pids();
                say("unshared");
            }
            "reuse-pid" => self.reuse_pid(),
            "run-command" => self.run("exec sleep 1000"),
            "run-command-that-leaves-a-daemon" => self.run("sleep 1000 >/dev/null & echo; echo @daemon $!"),
            "run-command-late" => self.run_late(),
            _ => panic!("no actor knows what `{order}` is"),
        }
    }

    fn taken(&self) -> Vec<OwnedPermit> {
        std::mem::take(&mut *self.guards.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn hold(&mut self, n: u32) {
        let outcome = self.semaphore().acquire_many_owned(n).wait_timeout(DEADLINE);
        match keep(&self.guards, outcome) {
            answer if answer.starts_with("got") => say(format_args!("held {n}")),
            answer => say(answer),
        }
    }

    fn hold_in_threads(&mut self, n: u32) {
        let (report, held) = channel();
        for _ in 0..n {
            let (semaphore, report) = (self.semaphore(), report.clone());
            thread::spawn(move || {
                let _permit = semaphore.acquire_owned().wait_timeout(DEADLINE).expect("there are enough");
                report.send(()).expect("the actor listens");
                loop {
                    thread::park();
                }
            });
        }
        (0..n).for_each(|_| held.recv().expect("each of them acquires"));
        say(format_args!("held {n}"));
    }

    /// The guard is forgotten by Rust, not given up: it is there until the process ends.
    fn hold_in_thread_that_ends(&mut self) {
        let semaphore = self.semaphore();
        let thread = thread::spawn(move || {
            std::mem::forget(semaphore.acquire_owned().wait_timeout(DEADLINE).expect("one is free"))
        });
        thread.join().expect("it acquires, and ends");
        say("ended");
    }

    fn in_thread(&mut self, ask: impl FnOnce(&HostSemaphore) -> Result<OwnedPermit, Error> + Send + 'static) {
        let (semaphore, guards) = (self.semaphore(), Arc::clone(&self.guards));
        thread::spawn(move || say(keep(&guards, ask(&semaphore))));
    }

    fn release_in_thread(&mut self, n: u32, ask: impl FnOnce(&HostSemaphore) -> Result<(), Error> + Send + 'static) {
        let semaphore = self.semaphore();
        thread::spawn(move || match ask(&semaphore) {
            Ok(()) => say(format_args!("returned {n}")),
            Err(error) => say(format_args!("{:?}", error.kind())),
        });
    }

    fn commit_in_a_loop(&mut self) {
        let semaphore = self.semaphore();
        thread::spawn(move || {
            loop {
                drop(semaphore.try_acquire_owned());
            }
        });
        say("commits");
    }

    fn fork(&mut self) {
        if let Some(child) = sys::fork() {
            // Here, where the child cannot be heard in between.
            say(child);
            sys::pause();
        }
    }

    /// Queues as a task, and has a child poll the request that it inherits.
    fn queue_and_fork(&mut self) {
        let mut task = Polled::new(self.semaphore().acquire_owned());
        assert!(task.poll().is_pending(), "it queues");
        if let Some(child) = sys::fork() {
            say(child);
            sys::pause();
        }
        sys::die_with_parent();
        match task.poll() {
            Poll::Ready(Err(error)) => say(format_args!("{:?}", error.kind())),
            _ => say("went on"),
        }
        drop(task);
        say("dropped");
    }

    /// Forks `n` times; each child drops what it inherited, uses the semaphore, and ends.
    fn fork_often(&mut self, n: u32, succeeds: impl Fn(&HostSemaphore) -> bool) {
        let semaphore = self.semaphore();
        let mut failed = 0;
        for _ in 0..n {
            if let Some(child) = sys::fork() {
                failed += u32::from(sys::reap(child) != 0);
                continue;
            }
            sys::die_with_parent();
            drop(self.taken());
            let succeeded = succeeds(&semaphore);
            sys::exit(i32::from(!succeeded));
        }
        say(format_args!("{failed} failed"));
    }

    fn close_and_reuse(&mut self) {
        let path = self.directory.join("stranger");
        std::fs::write(&path, "text").expect("it can be written");
        sys::close_all();
        // More than anybody can have had open here.
        for _ in 0..64 {
            let file = File::options().read(true).write(true).open(&path).expect("it is there");
            self.reused.push(ManuallyDrop::new(file));
        }
        say("reused");
    }

    /// Whether all of them are open still, and nobody has read from or written to any.
    fn look_at_reused(&mut self) {
        let touched = |file: &mut File| match file.metadata() {
            Ok(found) => found.len() != 4 || file.stream_position().is_ok_and(|position| position != 0),
            Err(_) => true,
        };
        let touched = self.reused.iter_mut().filter_map(|file| touched(file).then_some(())).count();
        say(format_args!("{touched} touched"));
    }

    /// As the init of a PID namespace: has a process acquire, kills it, and has another one take its number.
    fn reuse_pid(&mut self) {
        let semaphore = self.semaphore();
        let Some(holder) = sys::fork() else {
            sys::die_with_parent();
            let _permit = semaphore.acquire_owned().wait_timeout(DEADLINE);
            sys::pause();
        };
        let all = |semaphore: &HostSemaphore| semaphore.state().is_ok_and(|state| state.available_permits == 0);
        assert!(eventually(DEADLINE, || all(&semaphore)), "the child acquires");
        sys::signal(holder, libc::SIGKILL);
        sys::reap(holder);
        let last = (holder - 1).to_string();
        std::fs::write("/proc/sys/kernel/ns_last_pid", last).expect("a namespace's root says which number is next");
        let Some(other) = sys::fork() else {
            sys::die_with_parent();
            sys::pause()
        };
        say(format_args!("{holder} {other}"));
    }

    /// Holds a permit, and has a command keep it.
    fn run(&mut self, script: &str) {
        let semaphore = self.semaphore();
        let permit = semaphore.acquire_owned().wait_timeout(DEADLINE);
        assert!(keep(&self.guards, permit).starts_with("got"), "one is free");
        let lock = Arc::new(semaphore.command_lock().expect("it can be made"));
        let taken = Arc::clone(&lock);
        let mut command = Command::new("sh");
        sys::before_exec(command.args(["-c", script]), move || taken.take());
        let child = command.spawn().expect("there is `sh`");
        lock.set_command_pid(child.id());
        say(child.id());
        self.programs.push(child);
    }

    /// As `run`, with a child that takes the lock when it is told to.
    fn run_late(&mut self) {
        let semaphore = self.semaphore();
        let permit = semaphore.acquire_owned().wait_timeout(DEADLINE);
        assert!(keep(&self.guards, permit).starts_with("got"), "one is free");
        let lock = semaphore.command_lock().expect("it can be made");
        let directory = self.directory.clone();
        let mut command = Command::new("sh");
        sys::before_exec(command.args(["-c", "echo; echo @executed"]), move || {
            sys::write_out(b"\n@forked\n");
            // Until the test says that nothing is left of the parent, or is over itself.
            while directory.exists() && !directory.join(GO).exists() {
                thread::yield_now();
            }
            let taken = lock.take();
            match &taken {
                Err(error) if error.raw_os_error() == Some(libc::EOWNERDEAD) => sys::write_out(b"\n@owner dead\n"),
                Err(_) => sys::write_out(b"\n@another error\n"),
                Ok(()) => sys::write_out(b"\n@taken\n"),
            }
            taken
        });
        // It does not return: this process is killed before.
        let _ = command.spawn();
    }
}
