//! Processes that take all of the processor that they get.

use std::time::{Duration, Instant};

use super::sys::Child;
use crate::threads;

/// If all else fails they end by themselves.
const LIFE: Duration = Duration::from_secs(1_800);

/// One on each core, at the priority of this process. They end with this value, or with the process.
pub struct Spinners(Vec<Child>);

impl Spinners {
    pub fn start() -> Self {
        let spin = |core| {
            threads::pin_to(core);
            let start = Instant::now();
            while start.elapsed() < LIFE {
                (0..10_000).for_each(|_| std::hint::spin_loop());
            }
        };
        Self(threads::cores().iter().map(|&core| Child::start(|| spin(core))).collect())
    }

    /// Makes sure that they were there all the time.
    pub fn end(mut self) {
        self.0.iter_mut().for_each(Child::check);
    }
}
