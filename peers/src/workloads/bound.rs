//! What the bound on overtaking costs and buys: ours under w2's crowd, from strictly fair to no bound at all.

use crate::engine::*;
use crate::engines::Permits;
use crate::harness::{Bench, CellInfo, Entry, OPS};
use crate::workloads::crowd::crowd;
use crate::workloads::crowd_cell::Cell;

const BOUNDS: &[u32] = &[0, 1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, u32::MAX];

pub fn run(bench: &mut Bench) -> Result<(), String> {
    let mut entries = vec![entry(Permits::<false>::NAME.into(), Order::Overtakes, Permits::<false>::new)];
    for &bound in BOUNDS {
        let (name, order) = match bound {
            0 => ("permits bound=0".into(), Order::Fifo),
            u32::MAX => ("permits bound=none".into(), Order::None),
            bound => (format!("permits bound={bound}"), Order::Overtakes),
        };
        entries.push(entry(name, order, move |permits| Permits::<false>::with_overtaking(permits, bound)));
    }

    for (threads, permits) in [(8, 1), (8, 2), (32, 1)] {
        let cell = Cell::new(bench, threads, permits, 50);
        let info = CellInfo {
            workload: "w2b",
            parameters: cell.parameters(),
            metrics: &[OPS],
            reference: Permits::<false>::NAME,
        };
        bench.cell(&info, &entries, &cell)?;
    }
    Ok(())
}

fn entry(name: String, order: Order, make: impl Fn(u32) -> Permits<false> + 'static) -> Entry<Cell> {
    Entry::new(name, order, move |cell: &Cell| crowd(&make(cell.permits), cell))
}
