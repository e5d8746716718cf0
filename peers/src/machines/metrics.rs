//! What more than one workload measures.

use crate::harness::Metric;

pub const PAIR: Metric = Metric { name: "pair", unit: "us", higher_is_better: false };
pub const PAIR_P99: Metric = Metric { name: "pair p99", unit: "us", higher_is_better: false };

pub const HAND_OVER: Metric = Metric { name: "hand-over", unit: "us", higher_is_better: false };
pub const HAND_OVER_P99: Metric = Metric { name: "hand-over p99", unit: "us", higher_is_better: false };
