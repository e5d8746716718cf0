//! A thousand processes wait in a row, and one waits for long: what each grant costs, in what order they come, and what
//! it costs to wait.

use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::{Duration, Instant};

use super::crew::{Board, context_switches, processor_time, until_asleep};
use super::locks::{Description, FileLock, Flock, Robust};
use super::ours::Host;
use super::peer::*;
use super::semaphores::{EventFd, Pipe, Posix, SystemV};
use super::sys::{Child, Mapping, clock_ns, context_switches_of_self, futex_wait, futex_wake};
use crate::harness::{Bench, CellInfo, Entry, Metric, Sample};

const GRANT: Metric = Metric { name: "grant", unit: "us", higher_is_better: false };
const SWITCHES: Metric = Metric { name: "context switches of the waiters", unit: "a grant", higher_is_better: false };
const PASSED: Metric = Metric { name: "waiters out of their turn", unit: "of all", higher_is_better: false };
const ON_CORE: Metric = Metric { name: "processor time of one who waits", unit: "us in 10 s", higher_is_better: false };
const IDLE_SWITCHES: Metric =
    Metric { name: "context switches of one who waits", unit: "in 10 s", higher_is_better: false };

struct Row {
    waiters: usize,
}

struct Idle {
    window: Duration,
    /// How many stand before the one that is watched.
    ahead: usize,
}

pub fn run(bench: &mut Bench) -> Result<(), String> {
    for waiters in bench.pick(vec![10, 100, 1_000], vec![10, 100]) {
        let info = CellInfo {
            workload: "h5",
            parameters: format!("waiting={waiters}"),
            metrics: &[GRANT, SWITCHES, PASSED],
            reference: Host::NAME,
        };
        bench.cell(&info, &rows(), &Row { waiters })?;
    }
    for (place, ahead) in [("first", 0), ("second", 1)] {
        let info = CellInfo {
            workload: "h5",
            parameters: format!("idle in place={place}"),
            metrics: &[ON_CORE, IDLE_SWITCHES],
            reference: Host::NAME,
        };
        bench.once(&info, &idlers(), &Idle { window: Duration::from_secs(bench.pick(10, 2)), ahead })?;
    }
    Ok(())
}

fn rows() -> Vec<Entry<Row>> {
    vec![
        in_a_row::<Host>(),
        in_a_row::<Posix>(),
        in_a_row::<SystemV<false>>(),
        in_a_row::<SystemV<true>>(),
        in_a_row::<Robust>(),
        in_a_row::<FileLock<Flock>>(),
        in_a_row::<FileLock<Description>>(),
        in_a_row::<Pipe>(),
        in_a_row::<EventFd>(),
    ]
}

fn idlers() -> Vec<Entry<Idle>> {
    vec![idle::<Host>(), idle::<SystemV<true>>(), idle::<FileLock<Flock>>(), idle::<Robust>()]
}

const HELD: usize = 0;
const GOES_IN: usize = 1;
const GO: usize = 2;
const SERVED: usize = 3;
const FIRST: usize = 4;
const LAST: usize = 5;
/// From here on, for each waiter: which one it was served as, and its context switches at the end.
const EACH: usize = 6;

/// Waiters queue one after the other, each known to sleep before the next one is started. Then the holder releases, and
/// each of them as soon as it is served.
fn in_a_row<P: Peer>() -> Entry<Row> {
    Entry::new(P::NAME, P::ORDER, |row: &Row| {
        let peer = P::new(1);
        let board = Board::new(EACH + 2 * row.waiters);
        let end = Mapping::new(8);
        let holder = Child::start(|| {
            let mut handle = peer.open();
            handle.acquire();
            board.set(HELD, 1);
            board.until(GO, 1);
            board.set(FIRST, clock_ns());
            handle.release();
        });
        board.until(HELD, 1);
        let crew: Vec<Child> = (0..row.waiters)
            .map(|i| {
                let waiter = Child::start(|| {
                    let mut handle = peer.open();
                    board.set(GOES_IN, i as u64 + 1);
                    handle.acquire();
                    let turn = board.word(SERVED).fetch_add(1, SeqCst);
                    board.set(EACH + 2 * i, turn);
                    board.set(LAST, clock_ns());
                    handle.release();
                    // Its end would be work on the cores that the rest is measured on.
                    while end.half(0).load(SeqCst) == 0 {
                        futex_wait(end.half(0), 0);
                    }
                    board.set(EACH + 2 * i + 1, context_switches_of_self());
                });
                board.until(GOES_IN, i as u64 + 1);
                until_asleep(waiter.id());
                waiter
            })
            .collect();
        // What each of them sets in motion when it waits for longer than a moment.
        thread::sleep(Duration::from_millis(300));
        let before: u64 = crew.iter().map(|waiter| context_switches(waiter.id())).sum();
        board.set(GO, 1);
        board.until(SERVED, row.waiters as u64);
        holder.join();
        end.half(0).store(1, SeqCst);
        futex_wake(end.half(0), i32::MAX);
        crew.into_iter().for_each(Child::join);

        let each = |what| (0..row.waiters).map(move |i| EACH + 2 * i + what);
        let after: u64 = each(1).map(|word| board.get(word)).sum();
        let passed = each(0).enumerate().filter(|(i, word)| board.get(*word) != *i as u64).count();
        let waiters = row.waiters as f64;
        let elapsed = (board.get(LAST) - board.get(FIRST)) as f64 / 1e3;
        // The sleep in the queue is not among them, the sleep at the end is, so each wait counts for one.
        let switches = after.saturating_sub(before) as f64 / waiters;
        Sample { values: vec![elapsed / waiters, switches, passed as f64 / waiters], ..Sample::default() }
    })
}

fn idle<P: Peer>() -> Entry<Idle> {
    Entry::new(P::NAME, P::ORDER, |idle: &Idle| {
        let peer = P::new(1);
        let board = Board::new(2);
        let mut crew = Vec::new();
        for i in 0..idle.ahead + 2 {
            let process = Child::start(|| {
                let mut handle = peer.open();
                board.set(GOES_IN, i as u64 + 1);
                handle.acquire();
                board.set(HELD, 1);
                loop {
                    thread::park();
                }
            });
            board.until(GOES_IN, i as u64 + 1);
            board.until(HELD, 1);
            until_asleep(process.id());
            crew.push(process);
        }
        let watched = crew.last().expect("at least a holder and a waiter").id();
        // Until it has settled.
        thread::sleep(Duration::from_millis(500));
        let (time, switches, start) = (processor_time(watched), context_switches(watched), Instant::now());
        thread::sleep(idle.window);
        let scale = 10.0 / start.elapsed().as_secs_f64();
        let time = (processor_time(watched) - time) as f64 / 1e3 * scale;
        let switches = (context_switches(watched) - switches) as f64 * scale;
        Sample { values: vec![time, switches], ..Sample::default() }
    })
}
