//! The holder is killed: how long until the process that waits runs.

use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;

use super::crew::{Board, until_asleep};
use super::locks::{Description, FileLock, Flock, Robust};
use super::ours::Host;
use super::peer::*;
use super::semaphores::SystemV;
use super::sys::{self, Child, clock_ns};
use crate::engine::Order;
use crate::harness::{Bench, CellInfo, Entry, Metric, Sample};
use crate::stats::median;

const DEATH: Metric = Metric { name: "from the kill to the waiter", unit: "us", higher_is_better: false };

struct Cell {
    deaths: u64,
    /// How long the waiter has slept when the holder is killed.
    slept: Duration,
    /// Memory of the holder, which the kernel frees before its files.
    megabytes: usize,
}

pub fn run(bench: &mut Bench) -> Result<(), String> {
    let small = |slept| Cell { deaths: bench.pick(20, 8), slept: Duration::from_millis(slept), megabytes: 0 };
    let cells = [small(3), small(30)];
    let large = Cell { deaths: 3, megabytes: 1_024, ..small(30) };
    let info = |cell: &Cell| CellInfo {
        workload: "h4",
        parameters: format!("slept={}ms memory={}MB", cell.slept.as_millis(), cell.megabytes),
        metrics: &[DEATH],
        reference: Host::NAME,
    };
    for cell in cells {
        bench.cell(&info(&cell), &peers(), &cell)?;
    }
    bench.once(&info(&large), &peers(), &large)
}

fn peers() -> Vec<Entry<Cell>> {
    vec![
        Entry::new("floor: pidfd", Order::None, told),
        killed::<Host>(),
        killed::<FileLock<Flock>>(),
        killed::<FileLock<Description>>(),
        killed::<SystemV<true>>(),
        killed::<Robust>(),
    ]
}

const HELD: usize = 0;
const GOES_IN: usize = 1;
const HAD: usize = 2;
const WHEN: usize = 3;

/// Kills a holder again and again, and tells how long after each kill the waiter ran.
fn deaths(cell: &Cell, board: &Board, waiter: &Child, holds: impl Fn()) -> Sample {
    let mut late = Vec::new();
    for death in 1..=cell.deaths {
        let mut holder = Child::start(|| {
            // Written to, or it would be no memory.
            let memory = vec![1_u8; cell.megabytes << 20];
            holds();
            board.set(HELD, death);
            loop {
                std::hint::black_box(&memory);
                thread::park();
            }
        });
        board.until(HELD, death);
        board.until(GOES_IN, death);
        until_asleep(waiter.id());
        thread::sleep(cell.slept);
        let at = clock_ns();
        holder.kill();
        board.until(HAD, death);
        late.push(board.get(WHEN).saturating_sub(at) as f64 / 1e3);
        holder.reap();
    }
    let longest = late.iter().copied().fold(0.0, f64::max);
    Sample { values: vec![median(&late).unwrap_or(f64::NAN)], longest_wait_us: Some(longest), ..Sample::default() }
}

fn killed<P: Peer>() -> Entry<Cell> {
    Entry::new(P::NAME, P::ORDER, |cell: &Cell| {
        let peer = P::new(1);
        let board = Board::new(WHEN + 1);
        let waiter = Child::start(|| {
            let mut handle = peer.open();
            for death in 1..=cell.deaths {
                board.until(HELD, death);
                board.set(GOES_IN, death);
                handle.acquire();
                board.set(WHEN, clock_ns());
                handle.release();
                board.set(HAD, death);
            }
        });
        let sample = deaths(cell, &board, &waiter, || {
            let mut handle = peer.open();
            handle.acquire();
            // Only death ends it.
            std::mem::forget(handle);
        });
        waiter.join();
        sample
    })
}

/// No semaphore: the kernel tells a process that another one has ended.
fn told(cell: &Cell) -> Sample {
    const PID: usize = WHEN + 1;
    let board = Board::new(PID + 1);
    let waiter = Child::start(|| {
        for death in 1..=cell.deaths {
            board.until(HELD, death);
            let ended = sys::pidfd(u32::try_from(board.get(PID)).expect("a process id"));
            board.set(GOES_IN, death);
            sys::readable(ended.as_fd());
            board.set(WHEN, clock_ns());
            board.set(HAD, death);
        }
    });
    let sample = deaths(cell, &board, &waiter, || board.set(PID, std::process::id().into()));
    waiter.join();
    sample
}
