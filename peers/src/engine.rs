//! What a semaphore must offer to be measured. Every workload is generic over these traits, so each peer gets its own
//! compiled copy of it and no call goes through a table.

use std::fmt;
use std::future::Future;
use std::time::Duration;

/// What a peer promises about the order in which those who wait are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// First come, first served; newcomers do not pass the queue.
    Fifo,
    /// Newcomers may pass, but nobody is passed more than a stated number of times.
    Overtakes,
    /// Nothing: whoever runs when a permit is free may take it, for ever if need be.
    None,
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Order::Fifo => "fifo",
            Order::Overtakes => "overtakes",
            Order::None => "none",
        })
    }
}

pub trait Engine: Send + Sync + Sized + 'static {
    const NAME: &'static str;
    const ORDER: Order;
    /// The largest count that the peer can be made with.
    const MAX_PERMITS: u32 = u32::MAX;

    /// A semaphore whose permits are all free.
    fn new(permits: u32) -> Self;
}

/// Permits that return themselves when dropped.
pub trait Guarded: Engine {
    type Permit<'a>: Send
    where
        Self: 'a;
}

pub trait Try: Guarded {
    fn try_acquire(&self) -> Option<Self::Permit<'_>>;
}

pub trait Wait: Guarded {
    fn wait(&self) -> Self::Permit<'_>;
}

/// The future is the peer's own, not wrapped: its size and its polls are what some workloads measure. Hence what it
/// yields may be a `Result` around the permit, which is kept and dropped as it comes.
pub trait Await: Engine {
    type Got<'a>: Send
    where
        Self: 'a;

    fn acquire(&self) -> impl Future<Output = Self::Got<'_>> + Send;
}

pub trait WaitMany: Wait {
    fn wait_many(&self, n: u32) -> Self::Permit<'_>;
}

pub trait AwaitMany: Await {
    fn acquire_many(&self, n: u32) -> impl Future<Output = Self::Got<'_>> + Send;
}

/// A wait that gives up; `true` if it got a permit after all.
pub trait WaitTimeout: Engine {
    fn wait_timeout(&self, limit: Duration) -> bool;
}

/// Permits that are taken by one and given back by another, with no guard between.
pub trait Give: Engine {
    /// A semaphore of which not one permit is free, and all may be given.
    fn drained(permits: u32) -> Self;
    fn give(&self);
}

pub trait Take: Give {
    fn take(&self);
}

pub trait TakeTask: Give {
    fn take_task(&self) -> impl Future<Output = ()> + Send;
}

/// The guard of peers that have none: gives its permits back when dropped.
pub struct Returned<'a, E: Give> {
    pub to: &'a E,
    pub count: u32,
}

impl<'a, E: Give> Returned<'a, E> {
    pub fn one(to: &'a E) -> Self {
        Self { to, count: 1 }
    }
}

impl<E: Give> Drop for Returned<'_, E> {
    fn drop(&mut self) {
        for _ in 0..self.count {
            self.to.give();
        }
    }
}
