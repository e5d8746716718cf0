//! What a [`HostSemaphore`] is for: acquire and release, in all their forms.

use crate::error::Error;
use crate::permit::{OwnedPermit, Permit};
use crate::request::{Acquire, AcquireOwned, Release, ReleaseOwned, Request};
use crate::semaphore::HostSemaphore;

impl HostSemaphore {
    /// Asks for a permit (C3).
    #[inline]
    pub fn acquire(&self) -> Acquire<'_> {
        self.acquire_many(1)
    }

    /// Asks for `n` permits, all at once.
    #[inline]
    pub fn acquire_many(&self, n: u32) -> Acquire<'_> {
        Request::new(self, n)
    }

    /// Takes a permit if one is free and nobody waits.
    ///
    /// # Errors
    ///
    /// As [`Request::try_now`].
    #[inline]
    pub fn try_acquire(&self) -> Result<Permit<'_>, Error> {
        self.acquire().try_now()
    }

    /// Takes `n` permits, if they are free and nobody waits.
    ///
    /// # Errors
    ///
    /// As [`Request::try_now`].
    #[inline]
    pub fn try_acquire_many(&self, n: u32) -> Result<Permit<'_>, Error> {
        self.acquire_many(n).try_now()
    }

    /// Asks for a permit that can outlive this handle.
    #[inline]
    pub fn acquire_owned(&self) -> AcquireOwned {
        self.acquire_many_owned(1)
    }

    /// Asks for `n` permits that can outlive this handle, all at once.
    #[inline]
    pub fn acquire_many_owned(&self, n: u32) -> AcquireOwned {
        Request::new(self.clone(), n)
    }

    /// Takes a permit that can outlive this handle, if one is free and nobody waits.
    ///
    /// # Errors
    ///
    /// As [`Request::try_now`].
    #[inline]
    pub fn try_acquire_owned(&self) -> Result<OwnedPermit, Error> {
        self.acquire_owned().try_now()
    }

    /// Takes `n` permits that can outlive this handle, if they are free and nobody waits.
    ///
    /// # Errors
    ///
    /// As [`Request::try_now`].
    #[inline]
    pub fn try_acquire_many_owned(&self, n: u32) -> Result<OwnedPermit, Error> {
        self.acquire_many_owned(n).try_now()
    }

    /// Asks to return a loose permit, whoever took it (C4).
    pub fn release(&self) -> Release<'_> {
        self.release_many(1)
    }

    /// Asks to return `n` loose permits, all at once.
    pub fn release_many(&self, n: u32) -> Release<'_> {
        Request::new(self, n)
    }

    /// Asks to return a loose permit, by a request that can outlive this handle.
    pub fn release_owned(&self) -> ReleaseOwned {
        self.release_many_owned(1)
    }

    /// Asks to return `n` loose permits, all at once, by a request that can outlive this handle.
    pub fn release_many_owned(&self, n: u32) -> ReleaseOwned {
        Request::new(self.clone(), n)
    }

    /// Returns a loose permit, if there is one.
    ///
    /// # Errors
    ///
    /// As [`Request::try_now`].
    pub fn try_release(&self) -> Result<(), Error> {
        self.release().try_now()
    }

    /// Returns `n` loose permits, if there are as many.
    ///
    /// # Errors
    ///
    /// As [`Request::try_now`].
    pub fn try_release_many(&self, n: u32) -> Result<(), Error> {
        self.release_many(n).try_now()
    }
}
