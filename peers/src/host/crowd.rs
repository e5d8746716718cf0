//! A few processes hammer a few permits: throughput, how evenly they get them, and the longest wait.

use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use super::crew::Board;
use super::floor::{FutexLock, Xadd};
use super::locks::{Description, FileLock, Flock, Robust};
use super::ours::Host;
use super::peer::*;
use super::semaphores::{EventFd, Pipe, Posix, SystemV};
use super::sys::Child;
use crate::harness::{Bench, CellInfo, Entry, OPS, Sample};
use crate::stats::jain;
use crate::threads::{COUNTING, SETTLE, SETTLING, STOPPED, Section};

const SECTION_NS: u32 = 50;

struct Cell {
    processes: usize,
    permits: u32,
    section: Section,
    window: Duration,
}

pub fn run(bench: &mut Bench) -> Result<(), String> {
    for processes in [2, 4, 8] {
        for permits in [1, 4] {
            let section = bench.spin.section(SECTION_NS);
            let window = Duration::from_millis(bench.pick(120, 40));
            let info = CellInfo {
                workload: "h3",
                parameters: format!("processes={processes} permits={permits} section={SECTION_NS}ns"),
                metrics: &[OPS],
                reference: Host::NAME,
            };
            bench.cell(&info, &peers(), &Cell { processes, permits, section, window })?;
        }
    }
    Ok(())
}

fn peers() -> Vec<Entry<Cell>> {
    vec![
        hammered::<Xadd>(),
        hammered::<FutexLock>(),
        hammered::<Host>(),
        hammered::<Posix>(),
        hammered::<Robust>(),
        hammered::<SystemV<false>>(),
        hammered::<SystemV<true>>(),
        hammered::<FileLock<Flock>>(),
        hammered::<FileLock<Description>>(),
        hammered::<Pipe>(),
        hammered::<EventFd>(),
    ]
}

const PHASE: usize = 0;
const ARRIVED: usize = 1;
/// From here on, for each process: its turns, and its longest in nanoseconds.
const DONE: usize = 2;

fn hammered<P: Peer>() -> Entry<Cell> {
    let run = |cell: &Cell| {
        let (turns, elapsed, _) = contend::<P>(cell, false);
        let (_, _, longest) = contend::<P>(cell, true);
        Sample {
            values: vec![turns.iter().sum::<u64>() as f64 / elapsed.as_secs_f64()],
            jain: jain(&turns),
            longest_wait_us: Some(longest as f64 / 1e3),
            share: None,
        }
    };
    Entry::new(P::NAME, P::ORDER, run).fits(|cell: &Cell| cell.permits <= P::MAX_PERMITS)
}

/// Turns of each process that fall into the window, the window, and the longest turn in nanoseconds. Only
/// with `clocked` do they read the clock at each turn.
fn contend<P: Peer>(cell: &Cell, clocked: bool) -> (Vec<u64>, Duration, u64) {
    let peer = P::new(cell.permits);
    let board = Board::new(DONE + 2 * cell.processes);
    let mut crew: Vec<Child> = (0..cell.processes)
        .map(|i| {
            Child::start(|| {
                let (turns, longest) = take_turns(&mut peer.open(), cell.section, &board, clocked);
                board.set(DONE + 2 * i, turns);
                board.set(DONE + 2 * i + 1, longest);
            })
        })
        .collect();
    while board.get(ARRIVED) < cell.processes as u64 {
        crew.iter_mut().for_each(Child::check);
        thread::yield_now();
    }
    board.set(PHASE, SETTLING.into());
    thread::sleep(SETTLE);
    let start = Instant::now();
    board.set(PHASE, COUNTING.into());
    thread::sleep(cell.window);
    board.set(PHASE, STOPPED.into());
    let elapsed = start.elapsed();
    crew.into_iter().for_each(Child::join);
    let of = |what| (0..cell.processes).map(move |i| DONE + 2 * i + what);
    let turns = of(0).map(|word| board.get(word)).collect();
    (turns, elapsed, of(1).map(|word| board.get(word)).max().unwrap_or(0))
}

fn take_turns(handle: &mut impl Handle, section: Section, board: &Board, clocked: bool) -> (u64, u64) {
    let phase = board.word(PHASE);
    // Relaxed: the phase carries nothing but itself.
    let is = |which: u8| phase.load(Relaxed) == u64::from(which);
    let mut turn = || {
        handle.acquire();
        section.work();
        handle.release();
    };
    board.word(ARRIVED).fetch_add(1, SeqCst);
    while is(0) {
        thread::yield_now();
    }
    let (mut turns, mut longest) = (0, Duration::ZERO);
    while is(SETTLING) {
        turn();
    }
    if clocked {
        let mut before = Instant::now();
        while is(COUNTING) {
            turn();
            let after = Instant::now();
            longest = longest.max(after - before);
            before = after;
        }
    } else {
        while is(COUNTING) {
            turn();
            turns += 1;
        }
    }
    (turns, u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX))
}
