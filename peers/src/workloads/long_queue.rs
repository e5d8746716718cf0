//! Long queues of futures: what one more waiter costs, what serving the next one costs, and what cancelling one
//! somewhere in the middle costs.

use std::time::{Duration, Instant};

use crate::engine::*;
use crate::engines::*;
use crate::harness::{Bench, CellInfo, Entry, Metric, Sample};
use crate::slab::Slab;

const fn per_waiter(name: &'static str) -> Metric {
    Metric { name, unit: "ns", higher_is_better: false }
}

const METRICS: [Metric; 3] = [per_waiter("enqueue"), per_waiter("serve"), per_waiter("cancel at random")];

struct Cell {
    waiters: usize,
    /// In which order they cancel.
    shuffled: Vec<u32>,
}

pub fn run(bench: &mut Bench) -> Result<(), String> {
    // Both search their queue for the one that leaves.
    let short = |cell: &Cell| cell.waiters <= 10_000;
    let entries = [
        entry::<Permits<false>>(),
        entry::<Permits<true>>(),
        entry::<FuturesIntrusive<false>>(),
        entry::<FuturesIntrusive<true>>(),
        entry::<Tokio>(),
        entry::<Mea>(),
        entry::<AsyncLock>(),
        entry::<Flume>().fits(short),
        entry::<Saa>().fits(short),
    ];
    for &waiters in bench.pick(&[10_000, 100_000, 1_000_000][..], &[10_000]) {
        let cell = Cell { waiters, shuffled: shuffled(waiters) };
        let info = CellInfo {
            workload: "w6",
            parameters: format!("waiters={waiters}"),
            metrics: &METRICS,
            reference: Permits::<false>::NAME,
        };
        bench.cell(&info, &entries, &cell)?;
    }
    Ok(())
}

/// The same order in every run: Fisher and Yates' shuffle, fed by a xorshift generator with a fixed seed.
fn shuffled(len: usize) -> Vec<u32> {
    let mut order: Vec<u32> = (0..len as u32).collect();
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    for i in (1..len).rev() {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        order.swap(i, (seed % (i as u64 + 1)) as usize);
    }
    order
}

#[derive(Default)]
struct Times {
    enqueue: Duration,
    serve: Duration,
    cancel: Duration,
}

fn entry<E: Await>() -> Entry<Cell> {
    Entry::new(E::NAME, E::ORDER, |cell: &Cell| {
        const ENOUGH: Duration = Duration::from_millis(40);
        let semaphore = E::new(1);
        let mut times = Times::default();
        let mut passes = 0_u32;
        let start = Instant::now();
        while passes == 0 || start.elapsed() < ENOUGH {
            pass(&semaphore, cell, &mut times);
            passes += 1;
        }
        let each = |time: Duration| time.as_nanos() as f64 / (f64::from(passes) * cell.waiters as f64);
        // The second enqueue of a pass is not timed, so each of the three has one.
        Sample { values: vec![each(times.enqueue), each(times.serve), each(times.cancel)], ..Sample::default() }
    })
}

fn pass<E: Await>(semaphore: &E, cell: &Cell, times: &mut Times) {
    let mut first = Slab::new(1);
    first.put(0, semaphore.acquire());
    let mut held = Some(ready(&mut first, 0));

    let mut queue = Slab::new(cell.waiters);
    let enqueue = |queue: &mut Slab<_>| {
        for i in 0..cell.waiters {
            queue.put(i, semaphore.acquire());
        }
        let start = Instant::now();
        for i in 0..cell.waiters {
            assert!(queue.poll(i).is_pending(), "the only permit is held");
        }
        start.elapsed()
    };

    times.enqueue += enqueue(&mut queue);
    let start = Instant::now();
    for i in 0..cell.waiters {
        // Dropping the permit is the release that lets the next one through.
        drop(held.take());
        held = Some(ready(&mut queue, i));
        queue.remove(i);
    }
    times.serve += start.elapsed();

    enqueue(&mut queue);
    let start = Instant::now();
    for &i in &cell.shuffled {
        queue.remove(i as usize);
    }
    times.cancel += start.elapsed();
    drop(held);
}

fn ready<F: Future>(slab: &mut Slab<F>, i: usize) -> F::Output {
    match slab.poll(i) {
        std::task::Poll::Ready(got) => got,
        std::task::Poll::Pending => panic!("waiter {i} is first in the queue and a permit is free"),
    }
}
