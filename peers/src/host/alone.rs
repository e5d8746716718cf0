//! One process takes a permit and gives it back, with nobody in its way.

use std::hint::black_box;
use std::time::{Duration, Instant};

use super::crew::Board;
use super::floor::{FutexLock, Xadd};
use super::locks::{Description, FileLock, Flock, Robust};
use super::ours::{Host, Loose, Tried};
use super::peer::*;
use super::semaphores::{EventFd, Pipe, Posix, SystemV};
use super::sys::Child;
use crate::harness::{Bench, CellInfo, Entry, Metric, Sample};
use crate::threads::Place;

const PAIR: Metric = Metric { name: "pair", unit: "ns", higher_is_better: false };

struct Cell {
    window: Duration,
}

pub fn run(bench: &mut Bench) -> Result<(), String> {
    let cell = Cell { window: Duration::from_millis(bench.pick(40, 20)) };
    let info = CellInfo { workload: "h1", parameters: "permits=1".into(), metrics: &[PAIR], reference: Host::NAME };
    let entries = [
        timed::<Xadd>(),
        timed::<FutexLock>(),
        timed::<Host>(),
        timed::<Tried>(),
        timed::<Loose>(),
        timed::<Posix>(),
        timed::<Robust>(),
        timed::<SystemV<false>>(),
        timed::<SystemV<true>>(),
        timed::<FileLock<Flock>>(),
        timed::<FileLock<Description>>(),
        timed::<Pipe>(),
        timed::<EventFd>(),
    ];
    bench.cell(&info, &entries, &cell)
}

fn timed<P: Peer>() -> Entry<Cell> {
    Entry::new(P::NAME, P::ORDER, |cell: &Cell| {
        let peer = P::new(1);
        let board = Board::new(1);
        let alone = Child::start(|| {
            Place::OneCore.pin(0);
            board.leave(0, pairs(&mut peer.open(), cell.window));
        });
        alone.join();
        Sample::of(board.figure(0))
    })
}

fn pairs(handle: &mut impl Handle, window: Duration) -> f64 {
    const BATCH: u32 = 500;
    let batch = |handle: &mut _| {
        for _ in 0..BATCH {
            let handle = black_box(&mut *handle);
            Handle::acquire(handle);
            Handle::release(handle);
        }
    };
    // The first touch of each page.
    batch(handle);
    let mut pairs = 0_u64;
    let start = Instant::now();
    loop {
        batch(handle);
        pairs += u64::from(BATCH);
        let elapsed = start.elapsed();
        if elapsed >= window {
            return elapsed.as_nanos() as f64 / pairs as f64;
        }
    }
}
