//! Threads crowd on few permits: throughput, how evenly the turns fall, and the longest wait.

use std::rc::Rc;

use crate::engine::*;
use crate::engines::floor::Xadd;
use crate::engines::java::Java;
use crate::engines::*;
use crate::harness::{Bench, CellInfo, Entry, OPS, Sample};
use crate::threads::contend;
use crate::workloads::crowd_cell::Cell;

pub fn run(bench: &mut Bench) -> Result<(), String> {
    let mut entries = peers();
    if bench.wants("java") {
        match Java::start() {
            Ok(java) => {
                let java = Rc::new(java);
                entries.push(java_entry(java.clone(), "java", Order::None));
                entries.push(java_entry(java, "java-fair", Order::Fifo));
            }
            Err(why) => eprintln!("w2: no rows for java: {why}"),
        }
    }

    for threads in bench.pick(&[2, 4, 8, 32, 128][..], &[2, 8, 32]) {
        let mut counts = vec![1, 2, *threads as u32 / 2];
        counts.sort();
        counts.dedup();
        for permits in counts {
            for section_ns in bench.pick(&[0, 50][..], &[50]) {
                let cell = Cell::new(bench, *threads, permits, *section_ns);
                bench.cell(&info("w2", &cell), &entries, &cell)?;
            }
        }
    }
    Ok(())
}

pub fn info<'a>(workload: &'a str, cell: &Cell) -> CellInfo<'a> {
    CellInfo { workload, parameters: cell.parameters(), metrics: &[OPS], reference: Permits::<false>::NAME }
}

/// All but Java's, which are in a process of their own.
pub fn peers() -> Vec<Entry<Cell>> {
    vec![
        entry::<Xadd>(),
        entry::<Permits<false>>(),
        entry::<Permits<true>>(),
        entry::<Crossbeam>(),
        entry::<AsyncLock>(),
        entry::<SemT>(),
        entry::<StdSemaphore>(),
        entry::<Naive>(),
        entry::<Well>(),
        entry::<Saa>(),
        entry::<Tokio>(),
        entry::<Mea>(),
        entry::<FuturesIntrusive<false>>(),
        entry::<FuturesIntrusive<true>>(),
    ]
}

fn entry<E: Wait>() -> Entry<Cell> {
    Entry::new(E::NAME, E::ORDER, |cell: &Cell| crowd(&E::new(cell.permits), cell))
        .fits(|cell| cell.permits <= E::MAX_PERMITS)
}

fn java_entry(java: Rc<Java>, name: &str, order: Order) -> Entry<Cell> {
    let fair = order == Order::Fifo;
    Entry::new(name, order, move |cell: &Cell| java.crowd(fair, cell))
}

/// Two windows: one without clocks for the throughput and the shares, one in which each thread times its waits.
pub fn crowd<E: Wait>(semaphore: &E, cell: &Cell) -> Sample {
    let turn = |_| {
        let permit = semaphore.wait();
        cell.section.work();
        drop(permit);
    };
    let free = contend(cell.threads, cell.window, false, turn);
    let clocked = contend(cell.threads, cell.clocked_window, true, turn);
    Sample {
        values: vec![free.per_second()],
        jain: crate::stats::jain(&free.turns),
        longest_wait_us: Some(clocked.longest.as_nanos() as f64 / 1e3),
        share: None,
    }
}
