//! What a reach tells the suite about itself.

use permits::Error;
use permits::limit::{Limit, WaitBlocking};
use std::time::Duration;

/// The order that a semaphore is to keep (C8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// What the reach does unless it is told otherwise.
    Default,
    /// Strictly first come, first served.
    Fair,
    /// No waiter is passed more than this many times. A reach in which none may pass makes a fair one.
    Bounded(u32),
}

/// How to make semaphores of one reach, and how patient to be with them.
pub trait Rig {
    /// A handle on a semaphore of this reach.
    type Limit: Limit<Acquire: WaitBlocking, Release: WaitBlocking>;

    /// The most permits that a semaphore of this reach can have (C2). The suite makes semaphores of up to 16.
    const MAX_PERMITS: u32;

    /// A new semaphore of `max` permits, all free, that no other test uses.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::BadMax`](permits::ErrorKind::BadMax) if no semaphore can have that many (C2).
    fn fresh(&self, policy: Policy, max: u32) -> Result<Self::Limit, Error>;

    /// Another handle on the same semaphore. A clone, unless the reach has more distant ones: a second
    /// mapping of the file, a second connection.
    fn another(&self, limit: &Self::Limit) -> Self::Limit {
        limit.clone()
    }

    /// How long something that must not happen is watched for. Some times longer than the reach needs for it
    /// when it is wrong.
    fn grace(&self) -> Duration;

    /// How long something that must happen may take before the test gives up. Tens of seconds: a busy machine
    /// is no failure.
    fn deadline(&self) -> Duration;

    /// How often a race is run. Some hundreds or thousands where an operation takes less than a millisecond;
    /// Miri wants tens.
    fn rounds(&self) -> u32;
}
