//! A release that waits: producers and consumers through one semaphore of ours, against channels of units and against
//! the classical pair of semaphores.

use crate::harness::Bench;
use crate::workloads::{producers_consumers_tasks, producers_consumers_threads};

pub fn run(bench: &mut Bench) -> Result<(), String> {
    producers_consumers_threads::run(bench)?;
    producers_consumers_tasks::run(bench)
}
