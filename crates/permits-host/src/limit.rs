//! The contract's trait.

use crate::error::Error;
use crate::permit::OwnedPermit;
use crate::request::{AcquireOwned, Kind, ReleaseOwned, Request};
use crate::semaphore::HostSemaphore;
use permits::limit::{Held, Limit, Properties, Safety, Wait, WaitBlocking};
use permits::{MergeError, State, Status};
use std::future::Future;
use std::time::{Duration, Instant};

impl<K, T> Wait for Request<HostSemaphore, K>
where
    K: Kind<Output<HostSemaphore> = T>,
    T: Send + 'static,
{
    type Granted = T;

    async fn try_now(self) -> Result<T, Error> {
        Request::try_now(self)
    }

    fn timed_out(&self) -> impl Future<Output = Error> + Send + 'static {
        let late = Request::timed_out(self);
        async move { late() }
    }
}

/// By the semaphore's own ways of waiting, which take their places in the queue as threads.
impl<K, T> WaitBlocking for Request<HostSemaphore, K>
where
    K: Kind<Output<HostSemaphore> = T>,
    T: Send + 'static,
{
    fn wait(self) -> Result<T, Error> {
        Request::wait(self)
    }

    fn wait_timeout(self, time: Duration) -> Result<T, Error> {
        Request::wait_timeout(self, time)
    }

    fn wait_deadline(self, deadline: Instant) -> Result<T, Error> {
        Request::wait_deadline(self, deadline)
    }
}

impl Limit for HostSemaphore {
    type Permit = OwnedPermit;
    type Acquire = AcquireOwned;
    type Release = ReleaseOwned;

    fn traits(&self) -> Properties {
        Properties::new(Safety::Host)
    }

    fn acquire_many(&self, n: u32) -> Self::Acquire {
        self.acquire_many_owned(n)
    }

    fn release_many(&self, n: u32) -> Self::Release {
        self.release_many_owned(n)
    }

    fn acquire_loose_many(&self, n: u32) -> impl Future<Output = Result<(), Error>> + Send + 'static {
        self.acquire_many_owned(n).loose()
    }

    fn name(&self) -> Option<&str> {
        Some(HostSemaphore::name(self))
    }

    async fn state(&self) -> Result<State, Error> {
        HostSemaphore::state(self)
    }

    async fn status(&self) -> Result<Option<Status>, Error> {
        HostSemaphore::status(self).map(Some)
    }

    async fn set_max_permits(&self, n: u32) -> Result<(), Error> {
        HostSemaphore::set_max_permits(self, n)
    }

    async fn grow(&self, n: u32) -> Result<(), Error> {
        HostSemaphore::grow(self, n)
    }

    async fn shrink(&self, n: u32) -> Result<(), Error> {
        HostSemaphore::shrink(self, n)
    }

    async fn close(&self) -> Result<(), Error> {
        HostSemaphore::close(self)
    }
}

/// A live process never loses its permits. Being asked to give up is different, see
/// [`OwnedPermit::is_revoked`].
impl Held for OwnedPermit {
    fn count(&self) -> u32 {
        OwnedPermit::count(self)
    }

    fn split(&mut self, n: u32) -> Result<OwnedPermit, Error> {
        OwnedPermit::split(self, n)
    }

    fn merge(&mut self, other: OwnedPermit) -> Result<(), OwnedPermit> {
        OwnedPermit::merge(self, other).map_err(MergeError::into_permit)
    }

    async fn release(self) -> Result<(), Error> {
        self.give_back()
    }

    async fn forget(self) -> Result<(), Error> {
        self.let_go()
    }
}
