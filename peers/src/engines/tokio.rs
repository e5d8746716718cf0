//! `tokio::sync::Semaphore`: a queue behind a mutex, first come, first served.

use tokio::sync::{AcquireError, Semaphore, SemaphorePermit};

use crate::engine::*;

const OPEN: &str = "nobody closes the semaphore";

pub struct Tokio(pub Semaphore);

impl Engine for Tokio {
    const NAME: &'static str = "tokio";
    const ORDER: Order = Order::Fifo;

    fn new(permits: u32) -> Self {
        Self(Semaphore::new(permits as usize))
    }
}

impl Guarded for Tokio {
    type Permit<'a> = SemaphorePermit<'a>;
}

impl Try for Tokio {
    fn try_acquire(&self) -> Option<SemaphorePermit<'_>> {
        self.0.try_acquire().ok()
    }
}

impl Wait for Tokio {
    fn wait(&self) -> SemaphorePermit<'_> {
        self.0.blocking_acquire().expect(OPEN)
    }
}

impl WaitMany for Tokio {
    fn wait_many(&self, n: u32) -> SemaphorePermit<'_> {
        self.0.blocking_acquire_many(n).expect(OPEN)
    }
}

impl Await for Tokio {
    type Got<'a> = Result<SemaphorePermit<'a>, AcquireError>;

    fn acquire(&self) -> impl Future<Output = Self::Got<'_>> + Send {
        self.0.acquire()
    }
}

impl AwaitMany for Tokio {
    fn acquire_many(&self, n: u32) -> impl Future<Output = Self::Got<'_>> + Send {
        self.0.acquire_many(n)
    }
}

impl Give for Tokio {
    fn drained(_permits: u32) -> Self {
        Self(Semaphore::new(0))
    }

    fn give(&self) {
        self.0.add_permits(1);
    }
}

impl Take for Tokio {
    fn take(&self) {
        self.wait().forget();
    }
}

impl TakeTask for Tokio {
    async fn take_task(&self) {
        self.0.acquire().await.expect(OPEN).forget();
    }
}
