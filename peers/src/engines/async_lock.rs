//! `async_lock::Semaphore`: a count, and an event that wakes one waiter who then tries again.

use async_lock::{Semaphore, SemaphoreGuard};

use crate::engine::*;

pub struct AsyncLock(pub Semaphore);

impl Engine for AsyncLock {
    const NAME: &'static str = "async-lock";
    const ORDER: Order = Order::None;

    fn new(permits: u32) -> Self {
        Self(Semaphore::new(permits as usize))
    }
}

impl Guarded for AsyncLock {
    type Permit<'a> = SemaphoreGuard<'a>;
}

impl Try for AsyncLock {
    fn try_acquire(&self) -> Option<SemaphoreGuard<'_>> {
        self.0.try_acquire()
    }
}

impl Wait for AsyncLock {
    fn wait(&self) -> SemaphoreGuard<'_> {
        self.0.acquire_blocking()
    }
}

impl Await for AsyncLock {
    type Got<'a> = SemaphoreGuard<'a>;

    fn acquire(&self) -> impl Future<Output = SemaphoreGuard<'_>> + Send {
        self.0.acquire()
    }
}

impl Give for AsyncLock {
    fn drained(_permits: u32) -> Self {
        Self(Semaphore::new(0))
    }

    fn give(&self) {
        self.0.add_permits(1);
    }
}

impl Take for AsyncLock {
    fn take(&self) {
        self.0.acquire_blocking().forget();
    }
}

impl TakeTask for AsyncLock {
    async fn take_task(&self) {
        self.0.acquire().await.forget();
    }
}
