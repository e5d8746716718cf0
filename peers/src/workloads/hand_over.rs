//! Two hand one permit to and fro through two semaphores: the cost of waking the other side, or of not having to.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::thread;
use std::time::{Duration, Instant};

use crate::engine::*;
use crate::engines::floor::{Futex, Spin};
use crate::engines::*;
use crate::harness::{Bench, CellInfo, Entry, Metric, Sample};
use crate::threads::Place;

const TRIP: Metric = Metric { name: "round trip", unit: "us", higher_is_better: false };

struct Cell {
    place: Place,
    window: Duration,
    busy: bool,
}

pub fn run(bench: &mut Bench) -> Result<(), String> {
    let window = Duration::from_millis(bench.pick(60, 25));
    cells(bench, "w3", window, false)
}

/// `busy`: other processes take all of the processor that they get.
pub fn cells(bench: &mut Bench, workload: &str, window: Duration, busy: bool) -> Result<(), String> {
    let between = |sides: &str, place: Place| CellInfo {
        workload,
        parameters: format!("sides={sides} on={}", place.name()),
        metrics: &[TRIP],
        reference: Permits::<false>::NAME,
    };
    for place in [Place::TwoCores, Place::OneCore, Place::Anywhere] {
        if !place.is_possible() {
            eprintln!("{workload}: no rows for {}: the process may use one core only", place.name());
            continue;
        }
        let cell = Cell { place, window, busy };
        bench.cell(&between("threads", place), &threads(), &cell)?;
        bench.cell(&between("thread+task", place), &tasks(), &cell)?;
    }
    Ok(())
}

fn threads() -> Vec<Entry<Cell>> {
    vec![
        // Spinning for a thread that cannot run lasts a whole time slice: nothing to compare with.
        hand_over::<Spin>().fits(|cell| cell.place == Place::TwoCores && !cell.busy),
        hand_over::<Futex>(),
        Entry::new("floor: thread::park", Order::None, parked),
        hand_over::<Permits<false>>(),
        hand_over::<Permits<true>>(),
        hand_over::<Crossbeam>(),
        hand_over::<Flume>(),
        hand_over::<Saa>(),
        hand_over::<SemT>(),
        hand_over::<Well>(),
        hand_over::<Naive>(),
        hand_over::<StdSemaphore>(),
        hand_over::<AsyncLock>(),
        hand_over::<Tokio>(),
        hand_over::<Mea>(),
        hand_over::<FuturesIntrusive<false>>(),
        hand_over::<FuturesIntrusive<true>>(),
    ]
}

fn tasks() -> Vec<Entry<Cell>> {
    vec![
        with_task::<Permits<false>>(),
        with_task::<Permits<true>>(),
        with_task::<Flume>(),
        with_task::<Saa>(),
        with_task::<AsyncLock>(),
        with_task::<Tokio>(),
        with_task::<Mea>(),
        with_task::<FuturesIntrusive<false>>(),
        with_task::<FuturesIntrusive<true>>(),
    ]
}

/// Makes round trips for the window, then one more after `stop` is up, so that the other side sees it.
fn serve(window: Duration, stop: &AtomicBool, mut trip: impl FnMut()) -> Sample {
    const BATCH: u32 = 16;
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
    stop.store(true, Relaxed);
    trip();
    Sample::of(elapsed.as_nanos() as f64 / 1e3 / trips as f64)
}

fn hand_over<E: Take>() -> Entry<Cell> {
    Entry::new(E::NAME, E::ORDER, |cell: &Cell| {
        let (there, back) = (E::drained(1), E::drained(1));
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                cell.place.pin(1);
                loop {
                    there.take();
                    // Relaxed: the hand-over itself carries the flag.
                    let last = stop.load(Relaxed);
                    back.give();
                    if last {
                        break;
                    }
                }
            });
            let here = scope.spawn(|| {
                cell.place.pin(0);
                serve(cell.window, &stop, || {
                    there.give();
                    back.take();
                })
            });
            here.join().expect("a hand-over does not panic")
        })
    })
}

fn with_task<E: Take + TakeTask>() -> Entry<Cell> {
    Entry::new(E::NAME, E::ORDER, |cell: &Cell| {
        let (there, back) = (E::drained(1), E::drained(1));
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                cell.place.pin(1);
                let runtime = ::tokio::runtime::Builder::new_current_thread()
                    .build()
                    .expect("a runtime without drivers needs nothing");
                runtime.block_on(async {
                    loop {
                        there.take_task().await;
                        let last = stop.load(Relaxed);
                        back.give();
                        if last {
                            break;
                        }
                    }
                });
            });
            let here = scope.spawn(|| {
                cell.place.pin(0);
                serve(cell.window, &stop, || {
                    there.give();
                    back.take();
                })
            });
            here.join().expect("a hand-over does not panic")
        })
    })
}

/// The floor of what std offers to a thread that sleeps: a turn in a word, and park and unpark.
fn parked(cell: &Cell) -> Sample {
    const HERE: u32 = 0;
    const THERE: u32 = 1;
    let turn = AtomicU32::new(HERE);
    let stop = AtomicBool::new(false);
    let until = |side| {
        while turn.load(Acquire) != side {
            thread::park();
        }
    };
    thread::scope(|scope| {
        let here = scope.spawn(|| {
            cell.place.pin(0);
            let first = thread::current();
            // Inner scope, because the second side needs a handle to the first and the first one to the second.
            thread::scope(|inner| {
                let (until, turn, stop) = (&until, &turn, &stop);
                let second = inner.spawn(move || {
                    cell.place.pin(1);
                    loop {
                        until(THERE);
                        let last = stop.load(Relaxed);
                        turn.store(HERE, Release);
                        first.unpark();
                        if last {
                            break;
                        }
                    }
                });
                serve(cell.window, stop, || {
                    turn.store(THERE, Release);
                    second.thread().unpark();
                    until(HERE);
                })
            })
        });
        here.join().expect("a hand-over does not panic")
    })
}
