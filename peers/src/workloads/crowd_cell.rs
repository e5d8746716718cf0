//! How many threads, permits and nanoseconds a cell of the crowd has.

use std::time::Duration;

use crate::harness::Bench;
use crate::threads::Section;

pub struct Cell {
    pub threads: usize,
    pub permits: u32,
    pub section_ns: u32,
    pub section: Section,
    pub window: Duration,
    pub clocked_window: Duration,
}

impl Cell {
    pub fn new(bench: &Bench, threads: usize, permits: u32, section_ns: u32) -> Self {
        Self {
            threads,
            permits,
            section_ns,
            section: bench.spin.section(section_ns),
            window: Duration::from_millis(bench.pick(50, 20)),
            clocked_window: Duration::from_millis(bench.pick(40, 20)),
        }
    }

    pub fn parameters(&self) -> String {
        format!("threads={} permits={} section={}ns", self.threads, self.permits, self.section_ns)
    }
}
