//! What producers and consumers pass on, as threads and as tasks.

use crate::harness::Metric;

pub const UNIT: Metric = Metric { name: "unit passed", unit: "ns", higher_is_better: false };

pub const CAPACITIES: &[u32] = &[1, 16, 1_024];

/// How many units to pass: enough to fill the window at the speed of a probe.
pub fn enough(probe: u64, took: std::time::Duration, window: std::time::Duration) -> u64 {
    let scale = window.as_secs_f64() / took.as_secs_f64().max(1e-9);
    ((probe as f64 * scale) as u64).clamp(probe, 8_000_000)
}
