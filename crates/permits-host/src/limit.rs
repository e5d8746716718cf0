//! The contract's trait.

use crate::error::Error;
use crate::permit::OwnedPermit;
use crate::request::{Kind, Request};
use crate::semaphore::HostSemaphore;
use permits::State;
use permits::limit::{Held, Limit, Wait};
use std::future::Future;
use std::time::{Duration, Instant};

impl Limit for HostSemaphore {
    type Permit = OwnedPermit;

    fn acquire_many(&self, n: u32) -> impl Wait<OwnedPermit> {
        self.acquire_many_owned(n)
    }

    fn release_many(&self, n: u32) -> impl Wait<()> {
        self.release_many_owned(n)
    }

    async fn state(&self) -> Result<State, permits::Error> {
        HostSemaphore::state(self).map_err(Into::into)
    }

    async fn set_max_permits(&self, n: u32) -> Result<(), permits::Error> {
        HostSemaphore::set_max_permits(self, n).map_err(Into::into)
    }

    async fn close(&self) -> Result<(), permits::Error> {
        HostSemaphore::close(self).map_err(Into::into)
    }
}

impl<K> Wait<K::Output<HostSemaphore>> for Request<HostSemaphore, K>
where
    K: Kind<Output<HostSemaphore>: Send + 'static>,
{
    async fn into_future(self) -> Result<K::Output<HostSemaphore>, permits::Error> {
        self.await.map_err(Into::into)
    }

    fn wait(self) -> Result<K::Output<HostSemaphore>, permits::Error> {
        Request::wait(self).map_err(Into::into)
    }

    fn wait_timeout(self, time: Duration) -> Result<K::Output<HostSemaphore>, permits::Error> {
        Request::wait_timeout(self, time).map_err(Into::into)
    }

    fn wait_deadline(self, deadline: Instant) -> Result<K::Output<HostSemaphore>, permits::Error> {
        Request::wait_deadline(self, deadline).map_err(Into::into)
    }

    async fn try_now(self) -> Result<K::Output<HostSemaphore>, permits::Error> {
        Request::try_now(self).map_err(Into::into)
    }
}

impl Held for OwnedPermit {
    fn count(&self) -> u32 {
        OwnedPermit::count(self)
    }

    fn forget(self) {
        OwnedPermit::forget(self);
    }

    fn split(&mut self, n: u32) -> Result<OwnedPermit, permits::Error> {
        OwnedPermit::split(self, n).map_err(|error: Error| error.into())
    }

    fn merge(&mut self, other: OwnedPermit) -> Result<(), OwnedPermit> {
        OwnedPermit::merge(self, other)
    }

    /// Never ready: what a live process holds is not lost. Being asked to give up is another thing, see `Permit::is_revoked`.
    fn lost(&self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }
}
