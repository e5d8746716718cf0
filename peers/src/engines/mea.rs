//! `mea::semaphore::Semaphore`: first come, first served. It has no blocking form, so threads park on its future.

use mea::semaphore::{Semaphore, SemaphorePermit};
use pollster::block_on;

use crate::engine::*;

pub struct Mea(pub Semaphore);

impl Engine for Mea {
    const NAME: &'static str = "mea";
    const ORDER: Order = Order::Fifo;

    fn new(permits: u32) -> Self {
        Self(Semaphore::new(permits as usize))
    }
}

impl Guarded for Mea {
    type Permit<'a> = SemaphorePermit<'a>;
}

impl Try for Mea {
    fn try_acquire(&self) -> Option<SemaphorePermit<'_>> {
        self.0.try_acquire(1)
    }
}

impl Wait for Mea {
    fn wait(&self) -> SemaphorePermit<'_> {
        block_on(self.0.acquire(1))
    }
}

impl WaitMany for Mea {
    fn wait_many(&self, n: u32) -> SemaphorePermit<'_> {
        block_on(self.0.acquire(n as usize))
    }
}

impl Await for Mea {
    type Got<'a> = SemaphorePermit<'a>;

    fn acquire(&self) -> impl Future<Output = SemaphorePermit<'_>> + Send {
        self.0.acquire(1)
    }
}

impl AwaitMany for Mea {
    fn acquire_many(&self, n: u32) -> impl Future<Output = SemaphorePermit<'_>> + Send {
        self.0.acquire(n as usize)
    }
}

impl Give for Mea {
    fn drained(_permits: u32) -> Self {
        Self(Semaphore::new(0))
    }

    fn give(&self) {
        self.0.release(1);
    }
}

impl Take for Mea {
    fn take(&self) {
        block_on(self.0.acquire_and_forget(1));
    }
}

impl TakeTask for Mea {
    fn take_task(&self) -> impl Future<Output = ()> + Send {
        self.0.acquire_and_forget(1)
    }
}
