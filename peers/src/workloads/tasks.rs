//! Tasks crowd on few permits, each yielding to the runtime while it has one: throughput, and how evenly turns fall.

use std::sync::Arc;
use std::time::Duration;

use ::tokio::task::yield_now;

use crate::engine::*;
use crate::engines::*;
use crate::harness::{Bench, CellInfo, Entry, OPS, Sample};
use crate::stats::jain;
use crate::tasks::{Phase, WORKERS, workers};

struct Cell {
    tasks: usize,
    permits: u32,
    window: Duration,
}

pub fn run(bench: &mut Bench) -> Result<(), String> {
    // saa spins inside a poll and flume searches its queue: with more tasks a run of theirs lasts seconds.
    let few = |cell: &Cell| cell.tasks <= 1_000;
    let entries = [
        Entry::new("floor: yield only", Order::None, bare),
        entry::<Permits<false>>(),
        entry::<Permits<true>>(),
        entry::<FuturesIntrusive<false>>(),
        entry::<FuturesIntrusive<true>>(),
        entry::<Tokio>(),
        entry::<Mea>(),
        entry::<AsyncLock>(),
        entry::<Flume>().fits(few),
        entry::<Saa>().fits(move |cell| few(cell) && cell.permits <= Saa::MAX_PERMITS),
    ];
    for &tasks in bench.pick(&[100, 1_000, 10_000][..], &[1_000]) {
        for &permits in bench.pick(&[1, 2, 10, 100][..], &[1, 10]) {
            let cell = Cell { tasks, permits, window: Duration::from_millis(bench.pick(80, 40)) };
            let info = CellInfo {
                workload: "w4",
                parameters: format!("tasks={tasks} permits={permits} workers={WORKERS}"),
                metrics: &[OPS],
                reference: Permits::<false>::NAME,
            };
            bench.cell(&info, &entries, &cell)?;
        }
    }
    Ok(())
}

fn entry<E: Await>() -> Entry<Cell> {
    Entry::new(E::NAME, E::ORDER, |cell: &Cell| {
        let semaphore = Arc::new(E::new(cell.permits));
        let runtime = workers();
        let phase = Phase::settling();
        let tasks = (0..cell.tasks)
            .map(|_| {
                let (semaphore, phase) = (semaphore.clone(), phase.clone());
                runtime.spawn(async move {
                    let semaphore = &*semaphore;
                    phase
                        .count(async || {
                            let permit = semaphore.acquire().await;
                            yield_now().await;
                            drop(permit);
                        })
                        .await
                })
            })
            .collect();
        let done = phase.run(&runtime, cell.window, tasks);
        Sample { values: vec![done.per_second()], jain: jain(&done.turns), ..Sample::default() }
    })
}

/// What the runtime can do when every task has a permit of its own.
fn bare(cell: &Cell) -> Sample {
    let runtime = workers();
    let phase = Phase::settling();
    let tasks = (0..cell.tasks).map(|_| runtime.spawn(phase.clone().count(yield_now))).collect();
    let done = phase.run(&runtime, cell.window, tasks);
    Sample { values: vec![done.per_second()], jain: jain(&done.turns), ..Sample::default() }
}
