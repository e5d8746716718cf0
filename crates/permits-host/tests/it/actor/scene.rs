//! What an actor does when it is told something: the side of its own process.

use super::{GO, Order};
use crate::look::{DEADLINE, kind, watches};
use crate::place::NAME;
use crate::{crowd, handles, strangers, sys};
use permits::limit::Held;
use permits_conformance::wait::{Polled, block_on, eventually};
use permits_host::crash_points::{self, Point};
use permits_host::{Error, HostSemaphore, Options, OwnedPermit, Removal, Supersede};
use std::fs::{self, File, Permissions};
use std::io::Seek;
use std::mem::ManuallyDrop;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::thread;
use std::time::Duration;

/// Longer than a watch takes to look for the file by its name once more.
const UNTIL_THE_NAME_IS_CHECKED: Duration = Duration::from_millis(1300);

type Guards = Arc<Mutex<Vec<OwnedPermit>>>;

/// What an actor has.
pub(super) struct Scene {
    directory: PathBuf,
    semaphore: Option<HostSemaphore>,
    guards: Guards,
    /// A request that waits, as a task that nobody polls.
    queued: Option<Polled<'static, Result<OwnedPermit, Error>>>,
    /// Files that have the numbers of descriptors that were closed behind the back of their owners.
    reused: Vec<ManuallyDrop<File>>,
    /// What it has started, to be zombies when they end before it does.
    programs: Vec<Child>,
}

fn say(answer: impl std::fmt::Display) {
    println!("\n@{answer}");
}

fn say_or(outcome: Result<String, Error>) {
    say(outcome.unwrap_or_else(|error| format!("{:?}: {error}", error.kind())));
}

fn open_in(directory: &Path) -> HostSemaphore {
    HostSemaphore::options().directory(directory).open(NAME, 1).expect("it can be opened")
}

/// Uses a semaphore of which all permits are held, by which it looks for the name of the file.
fn look_and_wait(semaphore: &HostSemaphore) -> String {
    let state = semaphore.state().expect("it can be looked at");
    let tried = kind(semaphore.try_acquire_owned());
    let waited = kind(semaphore.acquire_owned().wait_timeout(UNTIL_THE_NAME_IS_CHECKED));
    format!("{} given out, {tried:?}, {waited:?}", state.given_out)
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
    pub(super) fn new(directory: PathBuf) -> Scene {
        Scene {
            directory,
            semaphore: None,
            guards: Guards::default(),
            queued: None,
            reused: Vec::new(),
            programs: Vec::new(),
        }
    }

    fn options(&self) -> Options {
        HostSemaphore::options().directory(&self.directory).numbered(true)
    }

    fn open(&mut self, max: u32) {
        let opened = self.options().open(NAME, max);
        say_or(opened.map(|semaphore| {
            self.semaphore = Some(semaphore);
            "open".into()
        }));
    }

    fn semaphore(&mut self) -> HostSemaphore {
        let open = || {
            let options = HostSemaphore::options().directory(&self.directory).numbered(true);
            options.open_existing(NAME).expect("an actor opens the test's semaphore")
        };
        self.semaphore.get_or_insert_with(open).clone()
    }

    /// Obeys until there are no more orders.
    pub(super) fn act(mut self, first: Option<Order>) {
        if let Some(order) = first {
            self.obey(order);
        }
        for line in std::io::stdin().lines() {
            self.obey(Order::from_line(&line.expect("orders are text")));
        }
        // The test is over, and a child of an actor must not go on with the parent's harness.
        sys::exit(0);
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Ping => say("pong"),
            Order::Hold(n) => self.hold(n),
            Order::HoldInThreads(n) => self.hold_in_threads(n),
            Order::HoldInThreadThatEnds => self.hold_in_thread_that_ends(),
            Order::Try(n) => {
                let outcome = self.semaphore().try_acquire_many_owned(n);
                say(keep(&self.guards, outcome));
            }
            Order::Wait(n) => self.in_thread(move |semaphore| semaphore.acquire_many_owned(n).wait()),
            Order::Await(n) => {
                self.in_thread(move |semaphore| block_on(semaphore.acquire_many_owned(n), DEADLINE * 10))
            }
            Order::Release(n) => self.release_in_thread(n, move |semaphore| semaphore.release_many_owned(n).wait()),
            Order::AwaitRelease(n) => {
                self.release_in_thread(n, move |semaphore| block_on(semaphore.release_many_owned(n), DEADLINE * 10))
            }
            Order::Drop => {
                self.taken().clear();
                say("dropped");
            }
            Order::Forget => {
                self.taken().into_iter().for_each(OwnedPermit::forget);
                say("forgotten");
            }
            Order::EndWithAnswers => {
                let [first, second] = self.taken().try_into().expect("it has two guards");
                let answers = [block_on(Held::release(first), DEADLINE), block_on(Held::forget(second), DEADLINE)];
                let [first, second] = answers.map(|answer| answer.map_err(|error| error.kind()));
                say(format_args!("{first:?} {second:?}"));
            }
            Order::CommitInALoop => self.commit_in_a_loop(),
            Order::Fork => self.fork(),
            Order::Queue => {
                let mut task = Polled::new(self.semaphore().acquire_owned());
                assert!(task.poll().is_pending(), "it queues");
                self.queued = Some(task);
                say("queued");
            }
            Order::PollQueued => self.poll_queued(),
            Order::ForkOften(n) => {
                self.fork_often(n, |semaphore| semaphore.acquire_owned().wait_timeout(DEADLINE).is_ok())
            }
            Order::ForkAndLook(n) => self.fork_often(n, |semaphore| semaphore.state().is_ok()),
            Order::Exec => {
                let error = Command::new("sleep").arg("1000").exec();
                say(error);
            }
            Order::Spawn => {
                let child = permits_testbed::start(Command::new("sleep").arg("1000"));
                say(child.id());
                self.programs.push(child);
            }
            Order::Look => {
                let state = self.semaphore().state().expect("it can be looked at");
                say(format_args!("{} given out, {} loose", state.given_out, state.loose));
            }
            Order::LookAnew => {
                let semaphore = self.options().open_existing(NAME).expect("it is there");
                let state = semaphore.state().expect("it can be looked at");
                let outcome = kind(semaphore.try_acquire_owned());
                say(format_args!("{} given out, {outcome:?}", state.given_out));
            }
            Order::Read => {
                let read = self.options().read(NAME);
                say_or(read.map(|status| format!("{} of {}", status.holders[0].permits, status.state.max_permits)));
            }
            Order::Open(max) => self.open(max),
            Order::DieWhileCreating => {
                crash_points::die_at(Point::Created, 1);
                self.open(3);
            }
            Order::StopWhileCreating => {
                crash_points::stop_at(Point::Created, 1);
                self.open(3);
            }
            Order::DieWhileSuperseding => {
                crash_points::die_at(Point::Superseded, 1);
                let _ = self.semaphore().supersede("k", Supersede::Waiters);
            }
            Order::RemoveByForce => {
                let removed = self.options().remove(NAME, Removal::Force);
                say(removed.map_or_else(|error| format!("{:?}", error.kind()), |_| "removed".to_owned()));
            }
            Order::Fill => say(crate::files::limits::fill_and_recover(&self.directory)),
            Order::UseFromElsewhere => {
                std::env::set_current_dir(&self.directory).expect("it is there");
                let semaphore = open_in(Path::new("."));
                std::env::set_current_dir("/").expect("it is there");
                say(look_and_wait(&semaphore));
            }
            Order::UseFromAnotherRoot => {
                let semaphore = open_in(&self.directory);
                std::os::unix::fs::chroot(self.directory.join("root")).expect("root may do this");
                say(look_and_wait(&semaphore));
            }
            Order::UseWithoutTheRightToLook => {
                let inner = self.directory.join("inner");
                let semaphore = open_in(&inner);
                fs::set_permissions(&self.directory, Permissions::from_mode(0o0)).expect("it is ours");
                let seen = fs::symlink_metadata(inner).map_err(|error| error.kind());
                assert_eq!(seen.err(), Some(std::io::ErrorKind::PermissionDenied), "it has no right to look any more");
                let answer = look_and_wait(&semaphore);
                // For the test, which may have no more rights.
                fs::set_permissions(&self.directory, Permissions::from_mode(0o700)).expect("it is ours");
                say(answer);
            }
            Order::GoBlind => {
                let _semaphore = self.semaphore();
                std::os::unix::fs::chroot(self.directory.join("root")).expect("root may do this");
                sys::close_all();
                say("blind");
            }
            Order::CloseDescriptors => {
                sys::close_all();
                say("closed");
            }
            Order::CloseAndReuseDescriptors => self.close_and_reuse(),
            Order::LookAtReusedDescriptors => self.look_at_reused(),
            Order::WaitBriefly(n) => self.wait_briefly(n),
            Order::PanicAtADeath => {
                crash_points::panic_at(Point::FoundDead, 1);
                say("armed");
            }
            Order::UnsharePids => {
                permits_testbed::enter_pid_namespace().expect("the test has asked whether it may");
                say("unshared");
            }
            Order::ReusePid => self.reuse_pid(),
            Order::RunCommand => self.run("exec sleep 1000"),
            Order::RunCommandThatLeavesADaemon => self.run("sleep 1000 >/dev/null & echo; echo @daemon $!"),
            Order::RunCommandLate => self.run_late(),
            Order::Wrap => self.wrap(),
            Order::WrapInPlace => self.wrap_in_place(),
            Order::BeCommand => say("runs"),
            Order::NobodyWaits => say(handles::nobody_waits(&self.semaphore())),
            Order::AThreadWaits => say(handles::a_thread_waits(&self.semaphore())),
            Order::ATaskWaits => say(handles::a_task_waits(&self.semaphore())),
            Order::IdleAsThread => say(handles::idle(&self.semaphore(), false)),
            Order::IdleAsTask => say(handles::idle(&self.semaphore(), true)),
            Order::CountDescriptors => say(handles::descriptors(&self.semaphore())),
            Order::ServeACrowd => say(crowd::serve(&self.semaphore())),
            Order::WaitInLine => say(crowd::wait_in_line(&self.semaphore())),
            Order::DoAll => say(strangers::do_all(&self.directory)),
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

    /// Polls the request that is queued, which a child has from its parent, and drops it.
    fn poll_queued(&mut self) {
        let mut task = self.queued.take().expect("it was told to queue");
        let answer = match task.poll() {
            Poll::Ready(Err(error)) => format!("{:?}", error.kind()),
            _ => "it goes on".to_owned(),
        };
        drop(task);
        say(answer);
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

    fn wait_briefly(&mut self, n: u32) {
        let semaphore = self.semaphore();
        for _ in 0..n {
            let outcome = semaphore.acquire_owned().wait_timeout(Duration::from_micros(300));
            assert!(outcome.is_err(), "all are held by others");
        }
        say(watches(std::process::id()));
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
        permits_testbed::before_exec(command.args(["-c", script]), move || taken.take());
        let child = permits_testbed::start(&mut command);
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
        // The standard library writes there that it cannot tell an error to a parent that is gone.
        command.stderr(Stdio::null());
        permits_testbed::before_exec(command.args(["-c", "echo; echo @executed"]), move || {
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
            if taken.is_err() {
                // The standard library would tell the parent, find that nobody hears, and abort with a message.
                sys::exit(1);
            }
            taken
        });
        // It does not return: this process is killed before.
        let _ = command.spawn();
    }

    /// Has an actor keep a permit, as a command of this one, and listen in its place.
    fn wrap(&mut self) {
        let semaphore = self.semaphore();
        let _permit = semaphore.try_acquire_owned().expect("it is free");
        let lock = semaphore.command_lock().expect("it can be made");
        let mut command = super::process(&self.directory, Some(Order::BeCommand));
        let mut child =
            permits_testbed::before_exec(&mut command, move || lock.take()).spawn().expect("it can be started");
        child.wait().expect("it is a child of ours");
    }

    fn wrap_in_place(&mut self) {
        let semaphore = self.semaphore();
        std::mem::forget(semaphore.try_acquire_owned().expect("it is free"));
        semaphore.command_lock().expect("it can be made").take().expect("its owner lives");
        let error = super::process(&self.directory, Some(Order::BeCommand)).exec();
        panic!("it cannot be executed: {error}");
    }
}
