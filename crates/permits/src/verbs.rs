//! Acquire and release on a [`Semaphore`], in all their forms.

use crate::check::Hold;
use crate::engine::word::Act;
use crate::error::exact::{TryAcquireError, TryReleaseError};
use crate::permit::{Guard, OwnedPermit, Permit};
use crate::request::{Acquire, AcquireOwned, Release, ReleaseOwned, Request};
use crate::semaphore::Semaphore;
use std::sync::Arc;

impl Semaphore {
    /// Requests one permit. The request does nothing until you wait for it: see [`Request`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use permits::Semaphore;
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// # runtime.block_on(async {
    /// let sem = Semaphore::new(1);
    /// let permit = sem.acquire().await?;         // in a task
    /// drop(permit);
    /// let permit = sem.acquire().wait()?;        // in a thread
    /// # drop(permit); Ok::<(), permits::AcquireError>(()) }).unwrap();
    /// ```
    #[inline(always)]
    pub fn acquire(&self) -> Acquire<'_> {
        self.acquire_many(1)
    }

    /// Requests `n` permits, all of them or none (C3). More than [`max_permits`](Self::max_permits) fails at
    /// once (C7), 0 succeeds at once.
    #[inline(always)]
    pub fn acquire_many(&self, n: u32) -> Acquire<'_> {
        Request::new(self, n)
    }

    /// Takes one permit if that is possible now.
    ///
    /// # Errors
    ///
    /// See [`TryAcquireError`]. Under [`fair`](Self::fair) it fails while there are waiters, even if permits
    /// are free (C8).
    #[inline(always)]
    #[cfg_attr(feature = "check", track_caller)]
    pub fn try_acquire(&self) -> Result<Permit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// Takes `n` permits if that is possible now, or none.
    ///
    /// # Errors
    ///
    /// As [`try_acquire`](Self::try_acquire).
    #[inline(always)]
    #[cfg_attr(feature = "check", track_caller)]
    pub fn try_acquire_many(&self, n: u32) -> Result<Permit<'_>, TryAcquireError> {
        self.core.try_now(Act::Take, n)?;
        Ok(Guard::new(self, n, Hold::by_thread()))
    }

    /// Requests to return one loose permit: one that [`forget`](crate::Guard::forget) or
    /// [`loose`](Request::loose) left out.
    ///
    /// It waits while none is loose, so that the count never leaves its bounds; only its guard can return a
    /// permit that a guard holds (C4, C5).
    ///
    /// # Examples
    ///
    /// ```
    /// # use permits::Semaphore;
    /// let sem = Semaphore::new(1);
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| sem.release().wait());            // waits for the line below
    ///     sem.acquire().wait()?.forget();
    ///     Ok::<(), permits::AcquireError>(())
    /// })?;
    /// assert_eq!(sem.available_permits(), 1);
    /// # Ok::<(), permits::AcquireError>(())
    /// ```
    #[inline(always)]
    pub fn release(&self) -> Release<'_> {
        self.release_many(1)
    }

    /// Requests to return `n` loose permits, all of them or none (C4). More than
    /// [`max_permits`](Self::max_permits) fails at once (C7), unless a shrink left that many out; 0 succeeds
    /// at once.
    ///
    /// Batches on both sides can wait for each other: with `n` here and `m` to acquire, keep `n + m <=
    /// max_permits + 1` (C22).
    #[inline(always)]
    pub fn release_many(&self, n: u32) -> Release<'_> {
        Request::new(self, n)
    }

    /// Returns one loose permit if there is one now.
    ///
    /// # Errors
    ///
    /// See [`TryReleaseError`].
    #[inline(always)]
    pub fn try_release(&self) -> Result<(), TryReleaseError> {
        self.try_release_many(1)
    }

    /// Returns `n` loose permits if that many are out now, or none.
    ///
    /// # Errors
    ///
    /// See [`TryReleaseError`].
    #[inline(always)]
    pub fn try_release_many(&self, n: u32) -> Result<(), TryReleaseError> {
        Ok(self.core.try_now(Act::Return, n)?)
    }

    /// [`acquire`](Self::acquire) by an `Arc` instead of a borrow.
    ///
    /// # Examples
    ///
    /// ```
    /// # use {permits::Semaphore, std::sync::Arc};
    /// let sem = Arc::new(Semaphore::new(1));
    /// let permit = sem.acquire_owned().wait()?;
    /// std::thread::spawn(move || drop(permit)).join().unwrap();
    /// assert_eq!(sem.available_permits(), 1);
    /// # Ok::<(), permits::AcquireError>(())
    /// ```
    #[inline]
    pub fn acquire_owned(self: &Arc<Self>) -> AcquireOwned {
        self.acquire_many_owned(1)
    }

    /// [`acquire_many`](Self::acquire_many) by an `Arc` instead of a borrow.
    #[inline]
    pub fn acquire_many_owned(self: &Arc<Self>, n: u32) -> AcquireOwned {
        Request::new(Arc::clone(self), n)
    }

    /// [`try_acquire`](Self::try_acquire) by an `Arc` instead of a borrow.
    ///
    /// # Errors
    ///
    /// As [`try_acquire`](Self::try_acquire).
    #[inline]
    #[cfg_attr(feature = "check", track_caller)]
    pub fn try_acquire_owned(self: &Arc<Self>) -> Result<OwnedPermit, TryAcquireError> {
        self.acquire_owned().try_now()
    }

    /// [`try_acquire_many`](Self::try_acquire_many) by an `Arc` instead of a borrow.
    ///
    /// # Errors
    ///
    /// As [`try_acquire`](Self::try_acquire).
    #[inline]
    #[cfg_attr(feature = "check", track_caller)]
    pub fn try_acquire_many_owned(self: &Arc<Self>, n: u32) -> Result<OwnedPermit, TryAcquireError> {
        self.acquire_many_owned(n).try_now()
    }

    /// [`release`](Self::release) by an `Arc` instead of a borrow.
    #[inline]
    pub fn release_owned(self: &Arc<Self>) -> ReleaseOwned {
        self.release_many_owned(1)
    }

    /// [`release_many`](Self::release_many) by an `Arc` instead of a borrow.
    #[inline]
    pub fn release_many_owned(self: &Arc<Self>, n: u32) -> ReleaseOwned {
        Request::new(Arc::clone(self), n)
    }
}
