//! Guards: permits that are held.

use crate::check::Hold;
use crate::engine::word;
use crate::error::exact::{MergeError, SplitError};
use crate::handle::Handle;
use crate::semaphore::Semaphore;
use crate::state::Side;
use std::fmt;
use std::ptr;
use std::sync::Arc;

/// A guard that borrows its semaphore. See [`Guard`].
pub type Permit<'a> = Guard<&'a Semaphore>;

/// A guard that shares its semaphore by an `Arc`: it can move to another thread or task and outlive this one.
/// See [`Guard`].
pub type OwnedPermit = Guard<Arc<Semaphore>>;

/// A guard that holds permits; dropping it returns them (C5).
///
/// [`Permit`] and [`OwnedPermit`] are this type. Dropping a guard never waits and never fails, and wakes the
/// waiters that its permits suffice for. If there are waiters, or the last of them has just given up, it
/// takes the lock of the queues for a short while, and calls the wakers of waiting tasks after that. Leaking
/// a guard (`mem::forget`) keeps its permits out for good, as held ones that no `release` returns; to end the
/// guard and make its permits loose, call [`forget`](Self::forget).
///
/// # Examples
///
/// ```
/// # use permits::Semaphore;
/// let sem = Semaphore::new(3);
/// let mut both = sem.try_acquire_many(2)?;
/// let one = both.split(1).expect("it has two");
/// drop(both);
/// assert_eq!(sem.available_permits(), 2);
/// drop(one);
/// assert_eq!(sem.available_permits(), 3);
/// # Ok::<(), permits::TryAcquireError>(())
/// ```
#[must_use = "a permit that is not kept is returned at once: `let _permit = …` keeps it, `let _ = …` does not"]
#[clippy::has_significant_drop]
pub struct Guard<H: Handle> {
    handle: H,
    n: u32,
    /// Its permits came out of the queue: others wait there still, most likely.
    from_queue: bool,
    hold: Hold,
}

impl<H: Handle> Guard<H> {
    #[inline(always)]
    pub(crate) fn new(handle: H, n: u32, hold: Hold) -> Guard<H> {
        hold.begin(&handle, n);
        Guard { handle, n, from_queue: false, hold }
    }

    #[inline(always)]
    pub(crate) fn out_of_queue(mut self) -> Guard<H> {
        self.from_queue = true;
        self
    }

    #[inline(always)]
    fn give(&self, change: u64, feeds: Side) {
        if self.from_queue {
            self.handle.core.give_in_crowd(change, feeds);
        } else {
            self.handle.core.give(change, feeds);
        }
    }

    /// How many permits the guard holds; 0 is possible, after a split or an acquire of none.
    #[inline]
    #[must_use]
    pub fn count(&self) -> u32 {
        self.n
    }

    /// The semaphore that the permits belong to.
    #[inline]
    #[must_use]
    pub fn semaphore(&self) -> &Semaphore {
        &self.handle
    }

    /// Ends the guard and leaves its permits given out, as loose ones, which any thread or task may
    /// [`release`](Semaphore::release) (C6).
    ///
    /// If they suffice for a waiting release, it goes ahead.
    #[inline]
    pub fn forget(mut self) {
        let n = std::mem::take(&mut self.n);
        if n > 0 {
            self.hold.end(&self.handle, n);
            self.give(word::loose(n), Side::Release);
        }
    }

    /// Splits `n` permits off, into a guard of their own.
    ///
    /// # Errors
    ///
    /// If the guard holds fewer than `n`; then it keeps them.
    pub fn split(&mut self, n: u32) -> Result<Guard<H>, SplitError> {
        let Some(rest) = self.n.checked_sub(n) else {
            return Err(SplitError::new(n, self.n));
        };
        let part = Guard { handle: self.handle.clone(), n, from_queue: self.from_queue, hold: self.hold };
        self.n = rest;
        Ok(part)
    }

    /// Takes the permits of `other` into this guard.
    ///
    /// # Errors
    ///
    /// If `other` belongs to another semaphore; the error returns it, and both guards keep their permits
    /// (C6).
    pub fn merge(&mut self, mut other: Guard<H>) -> Result<(), MergeError<Guard<H>>> {
        if !ptr::eq(self.semaphore(), other.semaphore()) {
            return Err(MergeError::new(other));
        }
        let n = std::mem::take(&mut other.n);
        other.hold.end(&other.handle, n);
        self.hold.begin(&self.handle, n);
        self.n += n;
        Ok(())
    }
}

impl<H: Handle> Drop for Guard<H> {
    #[inline]
    fn drop(&mut self) {
        if self.n > 0 {
            self.hold.end(&self.handle, self.n);
            self.give(word::free(self.n), Side::Acquire);
        }
    }
}

impl<H: Handle> fmt::Debug for Guard<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("count", &self.n).finish_non_exhaustive()
    }
}
