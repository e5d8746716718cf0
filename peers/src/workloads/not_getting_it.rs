//! Not getting a permit: a try that fails, a future that waits and is dropped, and how late a timed wait gives up.

use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

use crate::engine::*;
use crate::engines::*;
use crate::harness::{Bench, CellInfo, Entry, Metric, Sample};
use crate::stats::median;

const CALL: Metric = Metric { name: "call", unit: "ns", higher_is_better: false };
const LATE: Metric = Metric { name: "lateness", unit: "us", higher_is_better: false };

const HELD: &str = "not one permit is free";

struct Cell {
    window: Duration,
    limit: Duration,
}

pub fn run(bench: &mut Bench) -> Result<(), String> {
    let cell = || Cell { window: Duration::from_millis(bench.pick(30, 15)), limit: Duration::ZERO };
    let cells =
        [("try that fails", CALL, tries(), cell()), ("future that waits and is dropped", CALL, futures(), cell())];
    for (parameters, metric, entries, cell) in cells {
        bench.cell(&info("w10", parameters.into(), &[metric]), &entries, &cell)?;
    }
    late(bench, "w10", Duration::from_millis(bench.pick(30, 15)))
}

/// How late timed waits of 100 us and 1 ms are.
pub fn late(bench: &mut Bench, workload: &str, window: Duration) -> Result<(), String> {
    for limit_us in [100, 1_000] {
        let cell = Cell { window, limit: Duration::from_micros(limit_us) };
        bench.cell(&info(workload, format!("wait of {limit_us} us"), &[LATE]), &timed_waits(), &cell)?;
    }
    Ok(())
}

fn info<'a>(workload: &'a str, parameters: String, metrics: &'a [Metric]) -> CellInfo<'a> {
    CellInfo { workload, parameters, metrics, reference: Permits::<false>::NAME }
}

fn tries() -> Vec<Entry<Cell>> {
    vec![
        failing_try::<Permits<false>>(),
        failing_try::<Permits<true>>(),
        failing_try::<SemT>(),
        failing_try::<Saa>(),
        failing_try::<Crossbeam>(),
        failing_try::<AsyncLock>(),
        failing_try::<Tokio>(),
        failing_try::<Mea>(),
        failing_try::<FuturesIntrusive<false>>(),
        failing_try::<FuturesIntrusive<true>>(),
    ]
}

fn futures() -> Vec<Entry<Cell>> {
    vec![
        dropped_future::<Permits<false>>(),
        dropped_future::<Permits<true>>(),
        dropped_future::<Saa>(),
        dropped_future::<AsyncLock>(),
        dropped_future::<Tokio>(),
        dropped_future::<Mea>(),
        dropped_future::<FuturesIntrusive<false>>(),
        dropped_future::<FuturesIntrusive<true>>(),
        dropped_future::<Flume>(),
    ]
}

fn timed_waits() -> Vec<Entry<Cell>> {
    vec![
        Entry::new("floor: park_timeout", Order::None, |cell: &Cell| {
            lateness(cell, || thread::park_timeout(cell.limit))
        }),
        timed_wait::<Permits<false>>(),
        timed_wait::<Permits<true>>(),
        timed_wait::<SemT>(),
        timed_wait::<Crossbeam>(),
        timed_wait::<Flume>(),
        timed_wait::<Naive>(),
        timed_wait::<Well>(),
        Entry::new(Tokio::NAME, Tokio::ORDER, tokio_timeout),
    ]
}

/// Repeats `call` for the window, the semaphore going through a black box so that its state is not known.
fn timed<E>(semaphore: &E, cell: &Cell, call: impl Fn(&E)) -> Sample {
    const BATCH: u32 = 500;
    let mut calls = 0_u64;
    let start = Instant::now();
    loop {
        for _ in 0..BATCH {
            call(black_box(semaphore));
        }
        calls += u64::from(BATCH);
        let elapsed = start.elapsed();
        if elapsed >= cell.window {
            return Sample::of(elapsed.as_nanos() as f64 / calls as f64);
        }
    }
}

fn failing_try<E: Try>() -> Entry<Cell> {
    Entry::new(E::NAME, E::ORDER, |cell: &Cell| {
        let semaphore = E::new(1);
        let _held = semaphore.try_acquire().expect("a new semaphore has its permit");
        timed(&semaphore, cell, |s| assert!(s.try_acquire().is_none(), "{HELD}"))
    })
}

fn dropped_future<E: Await + Give>() -> Entry<Cell> {
    Entry::new(E::NAME, E::ORDER, |cell: &Cell| {
        let semaphore = E::drained(1);
        timed(&semaphore, cell, |s| {
            let future = pin!(s.acquire());
            assert!(future.poll(&mut Context::from_waker(Waker::noop())).is_pending(), "{HELD}");
        })
    })
}

/// The median over the window of how much longer than the limit a wait took.
fn lateness(cell: &Cell, mut wait: impl FnMut()) -> Sample {
    let mut late = Vec::new();
    let start = Instant::now();
    while start.elapsed() < cell.window {
        let before = Instant::now();
        wait();
        let took = before.elapsed();
        late.push((took.as_secs_f64() - cell.limit.as_secs_f64()) * 1e6);
    }
    Sample::of(median(&late).expect("it waited at least once"))
}

fn timed_wait<E: WaitTimeout + Give>() -> Entry<Cell> {
    Entry::new(E::NAME, E::ORDER, |cell: &Cell| {
        let semaphore = E::drained(1);
        lateness(cell, || assert!(!semaphore.wait_timeout(cell.limit), "{HELD}"))
    })
}

/// The way of all semaphores that have futures only: the runtime's timer ends the wait.
fn tokio_timeout(cell: &Cell) -> Sample {
    let runtime = ::tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a timer needs no resource of the system");
    let semaphore = Tokio::drained(1);
    lateness(cell, || {
        let late = runtime.block_on(async { ::tokio::time::timeout(cell.limit, semaphore.acquire()).await.is_err() });
        assert!(late, "{HELD}");
    })
}
