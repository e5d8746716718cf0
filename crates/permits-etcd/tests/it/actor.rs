//! Another process that takes part in a semaphore, and does what a test tells it: this test binary once more.
//!
//! A test orders by lines on its standard input, and the actor answers by lines on its standard output, that
//! start with an `@` (the harness writes there as well). It ends with its input, or with the test.

use crate::churn;
use crate::scene::DEADLINE;
use permits_conformance::wait::eventually;
use permits_etcd::{Error, Etcd, EtcdPermit, EtcdSemaphore};
use rustix::process::{Pid, Signal, kill_process};
use std::fmt::Display;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Where the servers are; its presence makes a process an actor.
const ENDPOINTS: &str = "PERMITS_TEST_ENDPOINTS";
/// The name of the semaphore.
const NAME: &str = "PERMITS_TEST_NAME";

/// How long a lease of an actor lasts.
pub(crate) const TTL: Duration = Duration::from_secs(2);

/// What an actor can be told. It goes over the pipe as [`Order::line`] writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Acquires, and holds.
    Hold(u32),
    /// Acquires, and leaves loose.
    HoldLoose(u32),
    /// Waits in a thread, and holds.
    Ask(u32),
    /// Waits in a thread.
    AskRelease(u32),
    /// Releases what it holds, and says why it could not.
    Release,
    /// Does at random what can be done, by that seed, with up to so many permits at once, until it is told to
    /// stop.
    Churn { seed: u32, most: u32 },
    /// Goes on with nothing, and says so when it has nothing any more.
    Stop,
}

impl Order {
    fn line(self) -> String {
        match self {
            Order::Hold(n) => format!("hold {n} 0"),
            Order::HoldLoose(n) => format!("hold-loose {n} 0"),
            Order::Ask(n) => format!("ask {n} 0"),
            Order::AskRelease(n) => format!("ask-release {n} 0"),
            Order::Release => "release 0 0".to_owned(),
            Order::Churn { seed, most } => format!("churn {seed} {most}"),
            Order::Stop => "stop 0 0".to_owned(),
        }
    }

    fn from_line(line: &str) -> Order {
        let words: Vec<&str> = line.split(' ').collect();
        let [word, one, two] = words[..] else { panic!("not an order: {line}") };
        let number = |text: &str| text.parse::<u32>().expect("it is a number");
        match word {
            "hold" => Order::Hold(number(one)),
            "hold-loose" => Order::HoldLoose(number(one)),
            "ask" => Order::Ask(number(one)),
            "ask-release" => Order::AskRelease(number(one)),
            "release" => Order::Release,
            "churn" => Order::Churn { seed: number(one), most: number(two) },
            "stop" => Order::Stop,
            _ => panic!("not an order: {line}"),
        }
    }
}

/// An actor, as the test has it. It is killed and reaped when this is dropped.
pub(crate) struct Actor {
    child: Child,
    orders: Option<ChildStdin>,
    pub(crate) answers: Receiver<String>,
}

impl Actor {
    /// Starts one that takes part in the semaphore of that name.
    pub(crate) fn start(endpoints: &[String], name: &str) -> Actor {
        let mut command = Command::new(std::env::current_exe().expect("a test knows its binary"));
        command
            .args(["--exact", "actor::actor", "--nocapture", "--test-threads=1"])
            .env(ENDPOINTS, endpoints.join(","))
            .env(NAME, name)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = permits_testbed::start(&mut command);
        let lines = BufReader::new(child.stdout.take().expect("it is piped"));
        let (report, answers) = channel();
        thread::spawn(move || {
            let lines = lines.lines().map_while(Result::ok);
            for answer in lines.filter_map(|line| Some(line.strip_prefix('@')?.to_owned())) {
                // A test that is over does not listen.
                _ = report.send(answer);
            }
        });
        Actor { orders: child.stdin.take(), child, answers }
    }

    /// Orders something. One that was killed does not hear it.
    pub(crate) fn told(&mut self, order: Order) {
        if let Some(orders) = &mut self.orders {
            _ = writeln!(orders, "{}", order.line());
        }
    }

    /// Orders something, and waits until it says that it has done it.
    #[track_caller]
    pub(crate) fn does(&mut self, order: Order) {
        self.told(order);
        assert_eq!(self.answers.recv_timeout(DEADLINE).as_deref(), Ok("done"), "{order:?}");
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Stops all of its threads.
    #[track_caller]
    pub(crate) fn stop(&mut self) {
        kill_process(self.pid(), Signal::STOP).expect("it is a child of ours");
        let stat = format!("/proc/{}/stat", self.child.id());
        let is_stopped = || std::fs::read_to_string(&stat).is_ok_and(|text| text.contains(") T "));
        assert!(eventually(DEADLINE, is_stopped), "it stops");
    }

    pub(crate) fn resume(&mut self) {
        kill_process(self.pid(), Signal::CONT).expect("it is a child of ours");
    }

    /// Kills it, and waits until nothing is left of it.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it is a child of ours");
        self.child.wait().expect("it is a child of ours");
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        // It may have ended by itself.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// Says something to the test.
pub(crate) fn say(answer: impl Display) {
    // A line each, also of two threads. A test that is gone does not listen.
    _ = std::io::stdout().lock().write_all(format!("\n@{answer}\n").as_bytes());
}

fn say_done(outcome: Result<(), Error>) {
    match outcome {
        Ok(()) => say("done"),
        Err(why) => say(why),
    }
}

/// What an actor holds until it ends.
type Permits = Arc<Mutex<Vec<EtcdPermit>>>;

fn keep(permits: &Permits, outcome: Result<EtcdPermit, Error>) -> Result<(), Error> {
    permits.lock().unwrap_or_else(PoisonError::into_inner).push(outcome?);
    Ok(())
}

fn hold_loose(semaphore: &EtcdSemaphore, n: u32) -> Result<(), Error> {
    semaphore.acquire_many(n).wait_timeout(DEADLINE)?.forget().wait()
}

/// Not a test: the process of an actor, if this is one.
#[test]
fn actor() {
    let (Ok(endpoints), Ok(name)) = (std::env::var(ENDPOINTS), std::env::var(NAME)) else { return };
    let options = Etcd::options(endpoints.split(',')).ttl(TTL).answer_within(TTL);
    let etcd = options.connect().expect("the options are good");
    // Servers may be cut off just now.
    let open = || etcd.open_existing(&name).wait();
    let semaphore = std::iter::repeat_with(open).find_map(Result::ok).expect("it is there sooner or later");
    let permits = Permits::default();
    let mut churn: Option<churn::Churn> = None;
    for line in std::io::stdin().lines().map_while(Result::ok) {
        let (semaphore, permits) = (semaphore.clone(), Arc::clone(&permits));
        match Order::from_line(&line) {
            Order::Hold(n) => say_done(keep(&permits, semaphore.acquire_many(n).wait_timeout(DEADLINE))),
            Order::HoldLoose(n) => say_done(hold_loose(&semaphore, n)),
            Order::Ask(n) => drop(thread::spawn(move || say_done(keep(&permits, semaphore.acquire_many(n).wait())))),
            Order::AskRelease(n) => drop(thread::spawn(move || say_done(semaphore.release_many(n).wait()))),
            Order::Release => {
                let held = std::mem::take(&mut *permits.lock().unwrap_or_else(PoisonError::into_inner));
                let outcome: Result<(), Error> = held.into_iter().try_for_each(|permit| permit.release().wait());
                say(outcome.map_or_else(|why| format!("{:?}", why.kind()), |()| "done".to_owned()));
            }
            Order::Churn { seed, most } => churn = Some(churn::Churn::start(&semaphore, seed, most)),
            Order::Stop => {
                churn.take().into_iter().for_each(churn::Churn::stop);
                say("done");
            }
        }
    }
    // As a process that ends without a word.
    std::process::exit(0);
}
