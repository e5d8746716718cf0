//! `std_semaphore::Semaphore`: std's mutex and condition variable, one notification at each release.

use std_semaphore::{Semaphore, SemaphoreGuard};

use crate::engine::*;

pub struct StdSemaphore(pub Semaphore);

impl Engine for StdSemaphore {
    const NAME: &'static str = "std-semaphore";
    const ORDER: Order = Order::None;

    fn new(permits: u32) -> Self {
        Self(Semaphore::new(permits as isize))
    }
}

impl Guarded for StdSemaphore {
    type Permit<'a> = SemaphoreGuard<'a>;
}

impl Wait for StdSemaphore {
    fn wait(&self) -> SemaphoreGuard<'_> {
        self.0.access()
    }
}

impl Give for StdSemaphore {
    fn drained(_permits: u32) -> Self {
        Self(Semaphore::new(0))
    }

    fn give(&self) {
        self.0.release();
    }
}

impl Take for StdSemaphore {
    fn take(&self) {
        self.0.acquire();
    }
}
