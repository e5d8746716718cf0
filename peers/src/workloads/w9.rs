//! A release that waits: producers and consumers through one semaphore of ours, against channels of units and against
//! the classical pair of semaphores.

use crate::harness::{Bench, Metric};
use crate::workloads::{w9_tasks, w9_threads};

pub const UNIT: Metric = Metric { name: "unit passed", unit: "ns", higher_is_better: false };

pub const CAPACITIES: &[u32] = &[1, 16, 1_024];

pub fn run(bench: &mut Bench) -> Result<(), String> {
    w9_threads::run(bench)?;
    w9_tasks::run(bench)
}

/// How many units to pass: enough to fill the window at the speed of a probe.
pub fn enough(probe: u64, took: std::time::Duration, window: std::time::Duration) -> u64 {
    let scale = window.as_secs_f64() / took.as_secs_f64().max(1e-9);
    ((probe as f64 * scale) as u64).clamp(probe, 8_000_000)
}
