//! A permit is handed to a process that sleeps.

use std::thread;
use std::time::{Duration, Instant};

use super::crew::{Board, until_asleep};
use super::floor::Futex;
use super::locks::{Description, FileLock, Flock, Robust};
use super::ours::{Host, Loose};
use super::peer::*;
use super::semaphores::{EventFd, Pipe, Posix, SystemV};
use super::sys::{Child, clock_ns};
use crate::harness::{Bench, CellInfo, Entry, Metric, Sample};
use crate::stats::median;
use crate::threads::Place;

const TRIP: Metric = Metric { name: "round trip", unit: "us", higher_is_better: false };
const SHOT: Metric = Metric { name: "one hand-over", unit: "us", higher_is_better: false };

struct Cell {
    place: Place,
    window: Duration,
    shots: usize,
}

pub fn run(bench: &mut Bench) -> Result<(), String> {
    for place in [Place::TwoCores, Place::OneCore] {
        if !place.is_possible() {
            eprintln!("h2: no rows for {}: the process may use one core only", place.name());
            continue;
        }
        let cell = Cell { place, window: Duration::from_millis(bench.pick(60, 25)), shots: bench.pick(30, 12) };
        let on = |way: &str, metrics: &'static [Metric]| CellInfo {
            workload: "h2",
            parameters: format!("way={way} on={}", place.name()),
            metrics,
            reference: Host::NAME,
        };
        bench.cell(&on("to and fro", &[TRIP]), &to_and_fro(), &cell)?;
        bench.cell(&on("once", &[SHOT]), &once(), &cell)?;
    }
    Ok(())
}

fn to_and_fro() -> Vec<Entry<Cell>> {
    vec![
        giving::<Futex<0>>(),
        giving::<Futex<1>>(),
        giving::<Futex<10>>(),
        locking::<Host>(),
        giving::<Loose>(),
        giving::<Posix>(),
        giving::<SystemV<false>>(),
        locking::<SystemV<true>>(),
        giving::<Pipe>(),
        giving::<EventFd>(),
        locking::<Robust>(),
        locking::<FileLock<Flock>>(),
        locking::<FileLock<Description>>(),
    ]
}

fn once() -> Vec<Entry<Cell>> {
    vec![
        shots::<Futex<0>>(),
        shots::<Host>(),
        shots::<Posix>(),
        shots::<SystemV<false>>(),
        shots::<SystemV<true>>(),
        shots::<Pipe>(),
        shots::<EventFd>(),
        shots::<Robust>(),
        shots::<FileLock<Flock>>(),
        shots::<FileLock<Description>>(),
    ]
}

const FIGURE: usize = 0;
const STOP: usize = 1;

/// Makes round trips for the window, then one more after `STOP` is up, so that the other side sees it.
fn serve(board: &Board, window: Duration, mut trip: impl FnMut()) {
    const BATCH: u32 = 15;
    // The first trips find the other side not there yet.
    for _ in 0..BATCH {
        trip();
    }
    let mut trips = 0_u64;
    let start = Instant::now();
    let elapsed = loop {
        for _ in 0..BATCH {
            trip();
        }
        trips += u64::from(BATCH);
        let elapsed = start.elapsed();
        if elapsed >= window {
            break elapsed;
        }
    };
    board.set(STOP, 1);
    trip();
    board.leave(FIGURE, elapsed.as_nanos() as f64 / 1e3 / trips as f64);
}

/// One permit goes through two semaphores that are empty at the start.
fn giving<P: Gives>() -> Entry<Cell> {
    Entry::new(P::NAME, P::ORDER, |cell: &Cell| {
        let (there, back) = (P::drained(), P::drained());
        let board = Board::new(2);
        let other = Child::start(|| {
            cell.place.pin(1);
            let (mut there, mut back) = (there.open(), back.open());
            loop {
                there.acquire();
                let last = board.get(STOP) == 1;
                back.release();
                if last {
                    break;
                }
            }
        });
        let one = Child::start(|| {
            cell.place.pin(0);
            let (mut there, mut back) = (there.open(), back.open());
            serve(&board, cell.window, || {
                there.release();
                back.acquire();
            });
        });
        one.join();
        other.join();
        Sample::of(board.figure(FIGURE))
    })
}

/// The same with locks, which only their holder can release: of three, each side has one or two. A hand-over is one
/// release and one acquire here as well: each releases what the other waits for, then waits for what the other has.
fn locking<P: Peer>() -> Entry<Cell> {
    const READY: usize = 2;
    Entry::new(P::NAME, P::ORDER, |cell: &Cell| {
        let locks = [P::new(1), P::new(1), P::new(1)];
        let board = Board::new(3);
        let other = Child::start(|| {
            cell.place.pin(1);
            let mut locks = locks.each_ref().map(P::open);
            locks[1].acquire();
            board.set(READY, 1);
            board.until(READY, 2);
            let mut turn = 0;
            locks[0].acquire();
            loop {
                let last = board.get(STOP) == 1;
                locks[(turn + 1) % 3].release();
                if last {
                    break;
                }
                locks[(turn + 2) % 3].acquire();
                turn += 2;
            }
        });
        let one = Child::start(|| {
            cell.place.pin(0);
            let mut locks = locks.each_ref().map(P::open);
            locks[0].acquire();
            locks[2].acquire();
            board.until(READY, 1);
            board.set(READY, 2);
            let mut turn = 0;
            serve(&board, cell.window, || {
                locks[turn % 3].release();
                locks[(turn + 1) % 3].acquire();
                turn += 2;
            });
        });
        one.join();
        other.join();
        Sample::of(board.figure(FIGURE))
    })
}

/// A process has slept for a few milliseconds when the permit it waits for is released: from the call of release to the
/// return of acquire.
fn shots<P: Peer>() -> Entry<Cell> {
    const SLEPT: Duration = Duration::from_millis(3);
    const HELD: usize = 0;
    const GOES_IN: usize = 1;
    const HAD: usize = 2;
    const TIMES: usize = 3;
    Entry::new(P::NAME, P::ORDER, |cell: &Cell| {
        let peer = P::new(1);
        let board = Board::new(TIMES + 2 * cell.shots);
        let waiter = Child::start(|| {
            cell.place.pin(1);
            let mut handle = peer.open();
            for shot in 0..cell.shots {
                board.until(HELD, shot as u64 + 1);
                board.set(GOES_IN, shot as u64 + 1);
                handle.acquire();
                board.set(TIMES + 2 * shot + 1, clock_ns());
                handle.release();
                board.set(HAD, shot as u64 + 1);
            }
        });
        let pid = waiter.id();
        let holder = Child::start(|| {
            cell.place.pin(0);
            let mut handle = peer.open();
            for shot in 0..cell.shots {
                handle.acquire();
                board.set(HELD, shot as u64 + 1);
                board.until(GOES_IN, shot as u64 + 1);
                until_asleep(pid);
                thread::sleep(SLEPT);
                board.set(TIMES + 2 * shot, clock_ns());
                handle.release();
                board.until(HAD, shot as u64 + 1);
            }
        });
        holder.join();
        waiter.join();
        let late = |shot| board.get(TIMES + 2 * shot + 1).saturating_sub(board.get(TIMES + 2 * shot)) as f64 / 1e3;
        let all: Vec<f64> = (0..cell.shots).map(late).collect();
        let longest = all.iter().copied().fold(0.0, f64::max);
        Sample { values: vec![median(&all).unwrap_or(f64::NAN)], longest_wait_us: Some(longest), ..Sample::default() }
    })
}
