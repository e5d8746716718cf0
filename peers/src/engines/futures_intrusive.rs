//! `futures_intrusive::sync::Semaphore`: a mutex around an intrusive list; strictly fair or not, as it is made.
//! It has no blocking form, so threads park on its future.

use futures_intrusive::sync::{Semaphore, SemaphoreReleaser};
use pollster::block_on;

use crate::engine::*;

pub struct FuturesIntrusive<const FAIR: bool>(pub Semaphore);

impl<const FAIR: bool> Engine for FuturesIntrusive<FAIR> {
    const NAME: &'static str = if FAIR { "futures-intrusive-fair" } else { "futures-intrusive" };
    const ORDER: Order = if FAIR { Order::Fifo } else { Order::None };

    fn new(permits: u32) -> Self {
        Self(Semaphore::new(FAIR, permits as usize))
    }
}

impl<const FAIR: bool> Guarded for FuturesIntrusive<FAIR> {
    type Permit<'a> = SemaphoreReleaser<'a>;
}

impl<const FAIR: bool> Try for FuturesIntrusive<FAIR> {
    fn try_acquire(&self) -> Option<SemaphoreReleaser<'_>> {
        self.0.try_acquire(1)
    }
}

impl<const FAIR: bool> Wait for FuturesIntrusive<FAIR> {
    fn wait(&self) -> SemaphoreReleaser<'_> {
        block_on(self.0.acquire(1))
    }
}

impl<const FAIR: bool> WaitMany for FuturesIntrusive<FAIR> {
    fn wait_many(&self, n: u32) -> SemaphoreReleaser<'_> {
        block_on(self.0.acquire(n as usize))
    }
}

impl<const FAIR: bool> Await for FuturesIntrusive<FAIR> {
    type Got<'a> = SemaphoreReleaser<'a>;

    fn acquire(&self) -> impl Future<Output = SemaphoreReleaser<'_>> + Send {
        self.0.acquire(1)
    }
}

impl<const FAIR: bool> AwaitMany for FuturesIntrusive<FAIR> {
    fn acquire_many(&self, n: u32) -> impl Future<Output = SemaphoreReleaser<'_>> + Send {
        self.0.acquire(n as usize)
    }
}

impl<const FAIR: bool> Give for FuturesIntrusive<FAIR> {
    fn drained(_permits: u32) -> Self {
        Self(Semaphore::new(FAIR, 0))
    }

    fn give(&self) {
        self.0.release(1);
    }
}

impl<const FAIR: bool> Take for FuturesIntrusive<FAIR> {
    fn take(&self) {
        self.wait().disarm();
    }
}

impl<const FAIR: bool> TakeTask for FuturesIntrusive<FAIR> {
    async fn take_task(&self) {
        self.0.acquire(1).await.disarm();
    }
}
