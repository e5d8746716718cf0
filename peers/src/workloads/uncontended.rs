//! One thread takes a permit and gives it back, with nobody in its way: the price of the fast path at each door.

use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use ::permits::Semaphore;

use crate::engine::*;
use crate::engines::floor::{LoadCas, Xadd};
use crate::engines::*;
use crate::harness::{Bench, CellInfo, Entry, Metric, Sample};

const PERMITS: u32 = 4;
const FREE: &str = "nobody else takes permits here";
const PAIR: Metric = Metric { name: "pair", unit: "ns", higher_is_better: false };

struct Cell {
    window: Duration,
}

pub fn run(bench: &mut Bench) -> Result<(), String> {
    let cell = Cell { window: Duration::from_millis(bench.pick(40, 20)) };
    for (door, entries) in [("try", by_try()), ("wait", by_wait()), ("await", by_await())] {
        let info =
            CellInfo { workload: "w1", parameters: format!("door={door}"), metrics: &[PAIR], reference: Xadd::NAME };
        bench.cell(&info, &entries, &cell)?;
    }
    Ok(())
}

/// Polls a future that must be ready at once, as a task finds it when nobody contends.
fn poll_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(got) => got,
        Poll::Pending => unreachable!("{FREE}"),
    }
}

/// Repeats `pair` for the window. `pair` gets the semaphore through a black box, or the compiler could see that nobody
/// else has it.
fn timed<E>(semaphore: E, cell: &Cell, pair: impl Fn(&E)) -> Sample {
    const BATCH: u32 = 2_000;
    let mut pairs = 0_u64;
    let start = Instant::now();
    loop {
        for _ in 0..BATCH {
            pair(black_box(&semaphore));
        }
        pairs += u64::from(BATCH);
        let elapsed = start.elapsed();
        if elapsed >= cell.window {
            return Sample::of(elapsed.as_nanos() as f64 / pairs as f64);
        }
    }
}

fn tried<E: Try>() -> Entry<Cell> {
    Entry::new(E::NAME, E::ORDER, |cell: &Cell| timed(E::new(PERMITS), cell, |e| drop(e.try_acquire().expect(FREE))))
}

fn waited<E: Wait>() -> Entry<Cell> {
    Entry::new(E::NAME, E::ORDER, |cell: &Cell| timed(E::new(PERMITS), cell, |e| drop(e.wait())))
}

fn awaited<E: Await>() -> Entry<Cell> {
    Entry::new(E::NAME, E::ORDER, |cell: &Cell| timed(E::new(PERMITS), cell, |e| drop(poll_once(e.acquire()))))
}

/// Ours without a guard, in both orders.
fn loose(kind: &str, pair: impl Fn(&Semaphore) + Copy + 'static) -> [Entry<Cell>; 2] {
    [
        Entry::new(format!("permits-{kind}"), Order::Overtakes, move |cell: &Cell| {
            timed(Semaphore::new(PERMITS), cell, pair)
        }),
        Entry::new(format!("permits-fair-{kind}"), Order::Fifo, move |cell: &Cell| {
            timed(Semaphore::fair(PERMITS), cell, pair)
        }),
    ]
}

fn by_try() -> Vec<Entry<Cell>> {
    let mut all = vec![
        // The addition has no try that fails; it is the floor of every door.
        waited::<Xadd>(),
        tried::<LoadCas>(),
        tried::<Permits<false>>(),
        tried::<Permits<true>>(),
        tried::<SemT>(),
        tried::<Saa>(),
        tried::<Crossbeam>(),
        tried::<AsyncLock>(),
        tried::<Tokio>(),
        tried::<Mea>(),
        tried::<FuturesIntrusive<false>>(),
        tried::<FuturesIntrusive<true>>(),
    ];
    all.extend(loose("loose", |s| {
        s.acquire().loose().try_now().expect(FREE);
        s.try_release().expect(FREE);
    }));
    all
}

fn by_wait() -> Vec<Entry<Cell>> {
    let mut all = vec![
        waited::<Xadd>(),
        tried::<LoadCas>(),
        waited::<Permits<false>>(),
        waited::<Permits<true>>(),
        waited::<SemT>(),
        waited::<Saa>(),
        waited::<Crossbeam>(),
        waited::<AsyncLock>(),
        waited::<Tokio>(),
        waited::<Mea>(),
        waited::<FuturesIntrusive<false>>(),
        waited::<FuturesIntrusive<true>>(),
        waited::<StdSemaphore>(),
        waited::<Naive>(),
        waited::<Well>(),
    ];
    all.extend(loose("loose", |s| {
        s.acquire().loose().wait().expect(FREE);
        s.release().wait().expect(FREE);
    }));
    all.extend(loose("forget", |s| {
        s.acquire().wait().expect(FREE).forget();
        s.release().wait().expect(FREE);
    }));
    all
}

fn by_await() -> Vec<Entry<Cell>> {
    let mut all = vec![
        waited::<Xadd>(),
        tried::<LoadCas>(),
        awaited::<Permits<false>>(),
        awaited::<Permits<true>>(),
        awaited::<Saa>(),
        awaited::<AsyncLock>(),
        awaited::<Tokio>(),
        awaited::<Mea>(),
        awaited::<FuturesIntrusive<false>>(),
        awaited::<FuturesIntrusive<true>>(),
        awaited::<Flume>(),
    ];
    all.extend(loose("loose", |s| {
        poll_once(s.acquire().loose()).expect(FREE);
        poll_once(s.release()).expect(FREE);
    }));
    all
}
