//! Ours: `permits::Semaphore`, with guards and with loose permits, in its default order and strictly fair.

use std::time::Duration;

use permits::{AcquireError, Permit, Semaphore};

use crate::engine::*;

const OPEN: &str = "nobody closes the semaphore, and no request is larger than it";

fn semaphore<const FAIR: bool>(permits: u32) -> Semaphore {
    if FAIR { Semaphore::fair(permits) } else { Semaphore::new(permits) }
}

fn order<const FAIR: bool>() -> Order {
    if FAIR { Order::Fifo } else { Order::Overtakes }
}

/// Permits held by guards.
pub struct Permits<const FAIR: bool>(pub Semaphore);

impl<const FAIR: bool> Permits<FAIR> {
    /// With the bound on overtaking said, for the curve that shows what the bound costs.
    pub fn with_overtaking(permits: u32, bound: u32) -> Self {
        Self(Semaphore::with_overtaking(permits, bound))
    }
}

impl<const FAIR: bool> Engine for Permits<FAIR> {
    const NAME: &'static str = if FAIR { "permits-fair" } else { "permits" };
    const ORDER: Order = if FAIR { Order::Fifo } else { Order::Overtakes };
    const MAX_PERMITS: u32 = Semaphore::MAX_PERMITS;

    fn new(permits: u32) -> Self {
        Self(semaphore::<FAIR>(permits))
    }
}

impl<const FAIR: bool> Guarded for Permits<FAIR> {
    type Permit<'a> = Permit<'a>;
}

impl<const FAIR: bool> Try for Permits<FAIR> {
    fn try_acquire(&self) -> Option<Permit<'_>> {
        self.0.try_acquire().ok()
    }
}

impl<const FAIR: bool> Wait for Permits<FAIR> {
    fn wait(&self) -> Permit<'_> {
        self.0.acquire().wait().expect(OPEN)
    }
}

impl<const FAIR: bool> WaitMany for Permits<FAIR> {
    fn wait_many(&self, n: u32) -> Permit<'_> {
        self.0.acquire_many(n).wait().expect(OPEN)
    }
}

impl<const FAIR: bool> Await for Permits<FAIR> {
    type Got<'a> = Result<Permit<'a>, AcquireError>;

    fn acquire(&self) -> impl Future<Output = Self::Got<'_>> + Send {
        self.0.acquire()
    }
}

impl<const FAIR: bool> AwaitMany for Permits<FAIR> {
    fn acquire_many(&self, n: u32) -> impl Future<Output = Self::Got<'_>> + Send {
        self.0.acquire_many(n)
    }
}

impl<const FAIR: bool> WaitTimeout for Permits<FAIR> {
    fn wait_timeout(&self, limit: Duration) -> bool {
        self.0.acquire().wait_timeout(limit).is_ok()
    }
}

impl<const FAIR: bool> Give for Permits<FAIR> {
    fn drained(permits: u32) -> Self {
        let semaphore = semaphore::<FAIR>(permits);
        semaphore.acquire_many(permits).loose().try_now().expect("a new semaphore has all its permits");
        Self(semaphore)
    }

    fn give(&self) {
        self.0.try_release().expect("one gives what another left out, so a loose permit is there");
    }
}

impl<const FAIR: bool> Take for Permits<FAIR> {
    fn take(&self) {
        self.0.acquire().loose().wait().expect(OPEN);
    }
}

impl<const FAIR: bool> TakeTask for Permits<FAIR> {
    async fn take_task(&self) {
        self.0.acquire().loose().await.expect(OPEN);
    }
}

/// One semaphore whose free permits are the units in a buffer: taking waits for a unit, releasing waits for room.
pub struct Buffer<const FAIR: bool>(Semaphore);

impl<const FAIR: bool> Buffer<FAIR> {
    pub const NAME: &'static str = if FAIR { "permits-fair" } else { "permits" };

    pub fn order() -> Order {
        order::<FAIR>()
    }

    pub fn empty(capacity: u32) -> Self {
        Self(Permits::<FAIR>::drained(capacity).0)
    }

    pub fn put(&self) {
        self.0.release().wait().expect(OPEN);
    }

    pub fn take(&self) {
        self.0.acquire().loose().wait().expect(OPEN);
    }

    pub async fn put_task(&self) {
        self.0.release().await.expect(OPEN);
    }

    pub async fn take_task(&self) {
        self.0.acquire().loose().await.expect(OPEN);
    }
}
