//! Producers and consumers as tasks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ::tokio::runtime::Runtime;

use crate::engines::permits::Buffer;
use crate::engines::pipes::Two;
use crate::engines::task_pipes::*;
use crate::engines::*;
use crate::harness::{Bench, CellInfo, Entry, Sample};
use crate::tasks::{one_thread, workers};
use crate::workloads::units::{CAPACITIES, UNIT, enough};

struct Cell {
    capacity: u32,
    a_side: usize,
    runtime: Arc<Runtime>,
    window: Duration,
}

pub fn run(bench: &mut Bench) -> Result<(), String> {
    let entries = [
        entry::<Buffer<false>>(),
        entry::<Buffer<true>>(),
        entry::<FlumePipe>(),
        entry::<AsyncChannelPipe>(),
        entry::<TokioChannel>(),
        entry::<Two<Tokio>>(),
        entry::<Two<Mea>>(),
        entry::<Two<FuturesIntrusive<true>>>(),
        entry::<Two<Permits<false>>>(),
    ];
    let two = Arc::new(workers());
    let one = Arc::new(one_thread());
    for (a_side, on, runtime) in [(1, "two workers", &two), (1, "one thread", &one), (4, "two workers", &two)] {
        for &capacity in CAPACITIES {
            let window = Duration::from_millis(bench.pick(40, 15));
            let cell = Cell { capacity, a_side, runtime: runtime.clone(), window };
            let info = CellInfo {
                workload: "w9",
                parameters: format!("tasks={a_side}:{a_side} on={on} capacity={capacity}"),
                metrics: &[UNIT],
                reference: Buffer::<false>::NAME,
            };
            bench.cell(&info, &entries, &cell)?;
        }
    }
    Ok(())
}

fn entry<P: TaskPipe>() -> Entry<Cell> {
    Entry::new(P::name(), P::order(), |cell: &Cell| {
        const PROBE: u64 = 2_000;
        let took = pass::<P>(cell, PROBE);
        let units = enough(PROBE, took, cell.window).next_multiple_of(cell.a_side as u64);
        Sample::of(pass::<P>(cell, units).as_nanos() as f64 / units as f64)
    })
    .fits(|cell| cell.a_side == 1 || !P::ONE_TAKER)
}

/// The time until the last task is done; spawning is less than a thousandth of it.
fn pass<P: TaskPipe>(cell: &Cell, units: u64) -> Duration {
    let (puts, takes) = P::ends(cell.capacity, cell.a_side, cell.a_side);
    let each = units / cell.a_side as u64;
    let start = Instant::now();
    let mut tasks = Vec::new();
    for mut end in puts {
        tasks.push(cell.runtime.spawn(async move {
            for _ in 0..each {
                end.put().await;
            }
        }));
    }
    for mut end in takes {
        tasks.push(cell.runtime.spawn(async move {
            for _ in 0..each {
                end.take().await;
            }
        }));
    }
    cell.runtime.block_on(async {
        for task in tasks {
            task.await.expect("a unit passes without a panic");
        }
    });
    start.elapsed()
}
