//! One who asks for all permits among many who ask for one: does it get its turns, and what does that cost the rest?

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use ::tokio::task::yield_now;

use crate::engine::*;
use crate::engines::*;
use crate::harness::{Bench, CellInfo, Entry, OPS, Sample};
use crate::stats::jain;
use crate::tasks::{Phase, workers};
use crate::threads::{Outcome, Section, contend};

struct Cell {
    small: usize,
    permits: u32,
    section: Section,
    window: Duration,
}

pub fn run(bench: &mut Bench) -> Result<(), String> {
    let tasks = [
        as_tasks::<Permits<false>>(),
        as_tasks::<Permits<true>>(),
        as_tasks::<Tokio>(),
        as_tasks::<Mea>(),
        as_tasks::<FuturesIntrusive<false>>(),
        as_tasks::<FuturesIntrusive<true>>(),
        as_tasks::<Saa>(),
    ];
    let threads = [
        as_threads::<Permits<false>>(),
        as_threads::<Permits<true>>(),
        as_threads::<Tokio>(),
        as_threads::<Mea>(),
        as_threads::<FuturesIntrusive<false>>(),
        as_threads::<FuturesIntrusive<true>>(),
        as_threads::<Saa>(),
        as_threads::<Naive>(),
    ];
    for (kind, entries, small, permits) in
        [("tasks", &tasks[..], 16, 4), ("tasks", &tasks, 64, 16), ("threads", &threads, 8, 4)]
    {
        let cell =
            Cell { small, permits, section: bench.spin.section(50), window: Duration::from_millis(bench.pick(80, 40)) };
        let info = CellInfo {
            workload: "w7",
            parameters: format!("{kind}={small}+large permits={permits}"),
            metrics: &[OPS],
            reference: Permits::<false>::NAME,
        };
        bench.cell(&info, entries, &cell)?;
    }
    Ok(())
}

/// The longest of the large one's waits. It alone reads the clock, so the small ones are not slowed.
#[derive(Default)]
struct Longest(AtomicU64);

impl Longest {
    fn since(&self, start: Instant) {
        self.0.fetch_max(start.elapsed().as_nanos() as u64, Relaxed);
    }

    /// The large one is the first of those who take turns.
    fn sample(&self, done: &Outcome) -> Sample {
        let mean = done.turns.iter().sum::<u64>() as f64 / done.turns.len() as f64;
        Sample {
            values: vec![done.per_second()],
            jain: jain(&done.turns),
            longest_wait_us: Some(self.0.load(Relaxed) as f64 / 1e3),
            share: Some(if mean > 0.0 { done.turns[0] as f64 / mean } else { 0.0 }),
        }
    }
}

fn as_threads<E: WaitMany>() -> Entry<Cell> {
    Entry::new(E::NAME, E::ORDER, |cell: &Cell| {
        let semaphore = E::new(cell.permits);
        let longest = Longest::default();
        let done = contend(cell.small + 1, cell.window, false, |i| {
            let permit = if i == 0 {
                let start = Instant::now();
                let permit = semaphore.wait_many(cell.permits);
                longest.since(start);
                permit
            } else {
                semaphore.wait()
            };
            cell.section.work();
            drop(permit);
        });
        longest.sample(&done)
    })
    .fits(|cell| cell.permits <= E::MAX_PERMITS)
}

fn as_tasks<E: AwaitMany>() -> Entry<Cell> {
    Entry::new(E::NAME, E::ORDER, |cell: &Cell| {
        let semaphore = Arc::new(E::new(cell.permits));
        let longest = Arc::new(Longest::default());
        let runtime = workers();
        let phase = Phase::settling();
        let mut tasks = Vec::with_capacity(cell.small + 1);
        tasks.push({
            let (semaphore, longest, phase, all) = (semaphore.clone(), longest.clone(), phase.clone(), cell.permits);
            runtime.spawn(async move {
                let (semaphore, longest) = (&*semaphore, &*longest);
                phase
                    .count(async || {
                        let start = Instant::now();
                        let permit = semaphore.acquire_many(all).await;
                        longest.since(start);
                        yield_now().await;
                        drop(permit);
                    })
                    .await
            })
        });
        tasks.extend((0..cell.small).map(|_| {
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
        }));
        let done = phase.run(&runtime, cell.window, tasks);
        longest.sample(&done)
    })
}
