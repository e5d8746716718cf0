//! The errors of one process: a small exact enum for every way of waiting.

use super::refusal::Refusal;
use super::texts::{BY_ITS_GUARD, closed, no_permits, not_loose, too_many, too_many_back};
use crate::state::{Side, State};
use std::error::Error as StdError;
use std::fmt;

fn timed_out(f: &mut fmt::Formatter<'_>, act: &str, stuck: &Stuck) -> fmt::Result {
    write!(f, "timed out {act} `{}` permits: {}", stuck.requested, stuck.state)?;
    let State { max_permits, given_out, loose, .. } = stuck.state;
    if stuck.side == Side::Release && loose < stuck.requested && given_out > loose {
        write!(f, "; {BY_ITS_GUARD}")?;
    }
    if stuck.batches_may_deadlock() {
        let limit = u64::from(max_permits) + 1;
        write!(f, "; batches on the two sides that sum up to more than `{limit}` can wait for each other without end")?;
    }
    Ok(())
}

/// The state at a timeout, and what both sides were waiting for (C22).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Stuck {
    /// How many permits the request was for.
    pub requested: u32,
    side: Side,
    /// The semaphore at that instant, this request no longer among the waiters.
    pub state: State,
}

impl Stuck {
    /// For a reach: `requested` permits were asked for on `side`, and `state` was read after the request had
    /// left its queue.
    #[must_use]
    pub const fn new(side: Side, requested: u32, state: State) -> Stuck {
        Stuck { requested, side, state }
    }

    /// On which side the request was.
    #[must_use]
    pub const fn side(&self) -> Side {
        self.side
    }

    /// Whether the first waiter of the other side asks for so large a batch that it and this request can
    /// block each other without end.
    ///
    /// This is so if the two sum up to more than `max_permits + 1`: then there are counts at which neither
    /// fits.
    #[must_use]
    pub fn batches_may_deadlock(&self) -> bool {
        let other = match self.side {
            Side::Acquire => self.state.next_releaser,
            Side::Release => self.state.next_acquirer,
        };
        other > 0 && u64::from(self.requested) + u64::from(other) > u64::from(self.state.max_permits) + 1
    }
}

/// The error of an acquire without a time limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AcquireError {
    /// The semaphore was closed, before the call or during the wait (C12).
    Closed,
    /// More permits than the semaphore has, or has since a shrink (C7).
    TooMany {
        /// How many were asked for.
        requested: u32,
        /// How many there are.
        max: u32,
    },
}

/// The error of a try to acquire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TryAcquireError {
    /// The semaphore is closed (C12).
    Closed,
    /// More permits than the semaphore has (C7).
    TooMany {
        /// How many were asked for.
        requested: u32,
        /// How many there are.
        max: u32,
    },
    /// Too few permits are free now, or other waiters come first (C8).
    NoPermits {
        /// How many were asked for.
        requested: u32,
        /// How many were free.
        available: u32,
    },
}

/// The error of an acquire with a time limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AcquireTimeoutError {
    /// The semaphore was closed, before the call or during the wait (C12).
    Closed,
    /// More permits than the semaphore has, or has since a shrink (C7).
    TooMany {
        /// How many were asked for.
        requested: u32,
        /// How many there are.
        max: u32,
    },
    /// The time was over first; nothing was taken (C10, C11).
    TimedOut(Stuck),
}

/// The error of a release without a time limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReleaseError {
    /// The semaphore was closed, and fewer loose permits than that were out (C12).
    Closed,
    /// More permits than the semaphore has, or has since a shrink (C7).
    TooMany {
        /// How many were to be returned.
        requested: u32,
        /// How many there are.
        max: u32,
    },
}

/// The error of a try to release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TryReleaseError {
    /// The semaphore is closed, and fewer loose permits than that are out (C12).
    Closed,
    /// More permits than the semaphore has (C7).
    TooMany {
        /// How many were to be returned.
        requested: u32,
        /// How many there are.
        max: u32,
    },
    /// Fewer loose permits than that are out now, or other waiters return theirs first (C4, C8).
    NotLoose {
        /// How many were to be returned.
        requested: u32,
        /// How many were loose.
        loose: u32,
    },
}

/// The error of a release with a time limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReleaseTimeoutError {
    /// The semaphore was closed, and fewer loose permits than that were out (C12).
    Closed,
    /// More permits than the semaphore has, or has since a shrink (C7).
    TooMany {
        /// How many were to be returned.
        requested: u32,
        /// How many there are.
        max: u32,
    },
    /// The time was over first; nothing was returned (C10, C11).
    TimedOut(Stuck),
}

/// A number of permits that no semaphore can have (C2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct MaxPermitsError {
    /// The refused number; it saturates if a change of the limit would have left 64 bits.
    pub requested: i64,
    /// The largest number that is allowed: in one process
    /// [`Semaphore::MAX_PERMITS`](crate::Semaphore::MAX_PERMITS), elsewhere what the reach states.
    pub limit: u32,
}

/// The error of a split: the guard holds too few permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SplitError {
    /// How many were to be split off.
    pub requested: u32,
    /// How many the guard holds.
    pub count: u32,
}

impl MaxPermitsError {
    /// For a reach: a bound of `requested` permits was refused, where `limit` is the largest that it allows.
    #[must_use]
    pub const fn new(requested: i64, limit: u32) -> MaxPermitsError {
        MaxPermitsError { requested, limit }
    }
}

impl SplitError {
    /// For a reach: cannot split `requested` permits off a guard of `count`.
    #[must_use]
    pub const fn new(requested: u32, count: u32) -> SplitError {
        SplitError { requested, count }
    }
}

/// The error of a merge of guards of different semaphores; both live on (C6).
#[derive(Debug)]
pub struct MergeError<P>(P);

impl<P> MergeError<P> {
    /// For a reach: `permit` was not merged.
    pub const fn new(permit: P) -> MergeError<P> {
        MergeError(permit)
    }

    /// Returns the guard that could not be merged into the other.
    pub fn into_permit(self) -> P {
        self.0
    }
}

impl<P> fmt::Display for MergeError<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the two permits belong to different semaphores: the first is unchanged, and `into_permit` returns the second")
    }
}

impl fmt::Display for SplitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot split `{}` permits off a guard that holds `{}`", self.requested, self.count)
    }
}

impl fmt::Display for MaxPermitsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "max_permits cannot be `{}`: it ranges from `1` to `{}`", self.requested, self.limit)
    }
}

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            AcquireError::Closed => closed(f),
            AcquireError::TooMany { requested, max } => too_many(f, requested, max),
        }
    }
}

impl fmt::Display for TryAcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            TryAcquireError::Closed => closed(f),
            TryAcquireError::TooMany { requested, max } => too_many(f, requested, max),
            TryAcquireError::NoPermits { requested, available } => no_permits(f, requested, available),
        }
    }
}

impl fmt::Display for AcquireTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AcquireTimeoutError::Closed => closed(f),
            AcquireTimeoutError::TooMany { requested, max } => too_many(f, *requested, *max),
            AcquireTimeoutError::TimedOut(stuck) => timed_out(f, "asking for", stuck),
        }
    }
}

impl fmt::Display for ReleaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            ReleaseError::Closed => closed(f),
            ReleaseError::TooMany { requested, max } => too_many_back(f, requested, max),
        }
    }
}

impl fmt::Display for TryReleaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            TryReleaseError::Closed => closed(f),
            TryReleaseError::TooMany { requested, max } => too_many_back(f, requested, max),
            TryReleaseError::NotLoose { requested, loose } => not_loose(f, requested, loose),
        }
    }
}

impl fmt::Display for ReleaseTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReleaseTimeoutError::Closed => closed(f),
            ReleaseTimeoutError::TooMany { requested, max } => too_many_back(f, *requested, *max),
            ReleaseTimeoutError::TimedOut(stuck) => timed_out(f, "returning", stuck),
        }
    }
}

impl StdError for AcquireError {}
impl StdError for TryAcquireError {}
impl StdError for AcquireTimeoutError {}
impl StdError for ReleaseError {}
impl StdError for TryReleaseError {}
impl StdError for ReleaseTimeoutError {}
impl StdError for MaxPermitsError {}
impl StdError for SplitError {}
impl<P: fmt::Debug> StdError for MergeError<P> {}

/// A wait without a limit ends by `Closed` and `TooMany` alone, a try by no `TimedOut`, a wait with a limit
/// by no `NotNow`; its `TimedOut` is made into a [`Stuck`] by the request.
#[cold]
#[inline(never)]
fn other(refusal: Refusal) -> ! {
    unreachable!("this way of waiting does not end by {refusal:?}")
}

impl From<Refusal> for AcquireError {
    #[inline]
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Closed => AcquireError::Closed,
            Refusal::TooMany { requested, max } => AcquireError::TooMany { requested, max },
            Refusal::NotNow { .. } | Refusal::TimedOut => other(refusal),
        }
    }
}

impl From<Refusal> for TryAcquireError {
    #[inline]
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Closed => TryAcquireError::Closed,
            Refusal::TooMany { requested, max } => TryAcquireError::TooMany { requested, max },
            Refusal::NotNow { requested, at_hand } => TryAcquireError::NoPermits { requested, available: at_hand },
            Refusal::TimedOut => other(refusal),
        }
    }
}

impl From<Stuck> for AcquireTimeoutError {
    fn from(stuck: Stuck) -> Self {
        AcquireTimeoutError::TimedOut(stuck)
    }
}

impl From<Refusal> for AcquireTimeoutError {
    #[inline]
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Closed => AcquireTimeoutError::Closed,
            Refusal::TooMany { requested, max } => AcquireTimeoutError::TooMany { requested, max },
            Refusal::TimedOut | Refusal::NotNow { .. } => other(refusal),
        }
    }
}

impl From<Refusal> for ReleaseError {
    #[inline]
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Closed => ReleaseError::Closed,
            Refusal::TooMany { requested, max } => ReleaseError::TooMany { requested, max },
            Refusal::NotNow { .. } | Refusal::TimedOut => other(refusal),
        }
    }
}

impl From<Refusal> for TryReleaseError {
    #[inline]
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Closed => TryReleaseError::Closed,
            Refusal::TooMany { requested, max } => TryReleaseError::TooMany { requested, max },
            Refusal::NotNow { requested, at_hand } => TryReleaseError::NotLoose { requested, loose: at_hand },
            Refusal::TimedOut => other(refusal),
        }
    }
}

impl From<Stuck> for ReleaseTimeoutError {
    fn from(stuck: Stuck) -> Self {
        ReleaseTimeoutError::TimedOut(stuck)
    }
}

impl From<Refusal> for ReleaseTimeoutError {
    #[inline]
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Closed => ReleaseTimeoutError::Closed,
            Refusal::TooMany { requested, max } => ReleaseTimeoutError::TooMany { requested, max },
            Refusal::TimedOut | Refusal::NotNow { .. } => other(refusal),
        }
    }
}
