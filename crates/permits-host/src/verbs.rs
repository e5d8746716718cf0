//! Acquire and release on a [`HostSemaphore`], in all their forms.

use crate::error::Error;
use crate::permit::{OwnedPermit, Permit};
use crate::request::{Acquire, AcquireOwned, Release, ReleaseOwned, Request};
use crate::semaphore::HostSemaphore;

impl HostSemaphore {
    /// Requests a permit (C3).
    #[inline]
    pub fn acquire(&self) -> Acquire<'_> {
        self.acquire_many(1)
    }

    /// Requests `n` permits, all of them or none (C3).
    #[inline]
    pub fn acquire_many(&self, n: u32) -> Acquire<'_> {
        Request::new(self, n)
    }

    /// Takes a permit if one is free and there are no waiters.
    ///
    /// # Errors
    ///
    /// As [`Request::try_now`].
    #[inline]
    pub fn try_acquire(&self) -> Result<Permit<'_>, Error> {
        self.acquire().try_now()
    }

    /// Takes `n` permits if they are free and there are no waiters.
    ///
    /// # Errors
    ///
    /// As [`Request::try_now`].
    #[inline]
    pub fn try_acquire_many(&self, n: u32) -> Result<Permit<'_>, Error> {
        self.acquire_many(n).try_now()
    }

    /// Requests a permit that can outlive this handle.
    #[inline]
    pub fn acquire_owned(&self) -> AcquireOwned {
        self.acquire_many_owned(1)
    }

    /// Requests `n` permits that can outlive this handle, all of them or none.
    #[inline]
    pub fn acquire_many_owned(&self, n: u32) -> AcquireOwned {
        Request::new(self.clone(), n)
    }

    /// Takes a permit that can outlive this handle, if one is free and there are no waiters.
    ///
    /// # Errors
    ///
    /// As [`Request::try_now`].
    #[inline]
    pub fn try_acquire_owned(&self) -> Result<OwnedPermit, Error> {
        self.acquire_owned().try_now()
    }

    /// Takes `n` permits that can outlive this handle, if they are free and there are no waiters.
    ///
    /// # Errors
    ///
    /// As [`Request::try_now`].
    #[inline]
    pub fn try_acquire_many_owned(&self, n: u32) -> Result<OwnedPermit, Error> {
        self.acquire_many_owned(n).try_now()
    }

    /// Requests to return a loose permit, which any participant may have taken (C4).
    pub fn release(&self) -> Release<'_> {
        self.release_many(1)
    }

    /// Requests to return `n` loose permits, all of them or none (C4).
    pub fn release_many(&self, n: u32) -> Release<'_> {
        Request::new(self, n)
    }

    /// Requests to return a loose permit; the request can outlive this handle.
    pub fn release_owned(&self) -> ReleaseOwned {
        self.release_many_owned(1)
    }

    /// Requests to return `n` loose permits, all of them or none; the request can outlive this handle.
    pub fn release_many_owned(&self, n: u32) -> ReleaseOwned {
        Request::new(self.clone(), n)
    }

    /// Returns a loose permit if there is one.
    ///
    /// # Errors
    ///
    /// As [`Request::try_now`].
    pub fn try_release(&self) -> Result<(), Error> {
        self.release().try_now()
    }

    /// Returns `n` loose permits if that many are out.
    ///
    /// # Errors
    ///
    /// As [`Request::try_now`].
    pub fn try_release_many(&self, n: u32) -> Result<(), Error> {
        self.release_many(n).try_now()
    }
}
