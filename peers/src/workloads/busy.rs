//! Waiting on a busy machine: on each core another process spins at the same priority, as in a build.

use std::time::Duration;

use crate::harness::Bench;
use crate::host::Spinners;
use crate::workloads::crowd_cell::Cell;
use crate::workloads::{crowd, hand_over, not_getting_it};

pub fn run(bench: &mut Bench) -> Result<(), String> {
    let spinners = Spinners::start();
    // Slices are some milliseconds long: a window must hold many of them.
    let window = Duration::from_millis(bench.pick(200, 60));
    hand_over::cells(bench, "busy", window, true)?;
    not_getting_it::late(bench, "busy", window)?;
    let crowd = Cell { window, clocked_window: window, ..Cell::new(bench, 8, 1, 50) };
    bench.cell(&crowd::info("busy", &crowd), &crowd::peers(), &crowd)?;
    spinners.end();
    Ok(())
}
