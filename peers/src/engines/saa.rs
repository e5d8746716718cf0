//! `saa::Semaphore`: count and queue in one word, at most 63 permits, no guards. Both doors spin a while
//! before they wait.

use saa::Semaphore;

use crate::engine::*;

pub struct Saa(pub Semaphore);

impl Engine for Saa {
    const NAME: &'static str = "saa";
    const ORDER: Order = Order::Fifo;
    const MAX_PERMITS: u32 = Semaphore::MAX_PERMITS as u32;

    fn new(permits: u32) -> Self {
        Self(Semaphore::with_permits(permits as usize))
    }
}

/// Unlike the common guard it returns all its permits in one call.
pub struct Held<'a> {
    from: &'a Semaphore,
    count: usize,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.from.release_many(self.count);
    }
}

impl Guarded for Saa {
    type Permit<'a> = Held<'a>;
}

impl Saa {
    fn held(&self, n: u32) -> Held<'_> {
        Held { from: &self.0, count: n as usize }
    }
}

impl Try for Saa {
    fn try_acquire(&self) -> Option<Held<'_>> {
        self.0.try_acquire().then(|| self.held(1))
    }
}

impl Wait for Saa {
    fn wait(&self) -> Held<'_> {
        self.0.acquire_sync();
        self.held(1)
    }
}

impl WaitMany for Saa {
    fn wait_many(&self, n: u32) -> Held<'_> {
        self.0.acquire_many_sync(n as usize);
        self.held(n)
    }
}

impl Await for Saa {
    type Got<'a> = Held<'a>;

    async fn acquire(&self) -> Held<'_> {
        self.0.acquire_async().await;
        self.held(1)
    }
}

impl AwaitMany for Saa {
    async fn acquire_many(&self, n: u32) -> Held<'_> {
        self.0.acquire_many_async(n as usize).await;
        self.held(n)
    }
}

impl Give for Saa {
    fn drained(_permits: u32) -> Self {
        Self(Semaphore::with_permits(0))
    }

    fn give(&self) {
        self.0.release();
    }
}

impl Take for Saa {
    fn take(&self) {
        self.0.acquire_sync();
    }
}

impl TakeTask for Saa {
    async fn take_task(&self) {
        self.0.acquire_async().await;
    }
}
