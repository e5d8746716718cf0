//! The contract's trait.

use crate::error::Error;
use crate::permit::OwnedPermit;
use crate::request::{Guarded, Kind, Request, Returned};
use crate::semaphore::HostSemaphore;
use permits::State;
use permits::limit::{Held, Limit, Safety, Traits, Wait, WaitBlocking};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// A request of a [`HostSemaphore`] as the trait has it: its errors are those of all reaches.
#[derive(Debug)]
#[must_use = "a request does nothing until it is awaited or waited for"]
pub struct Asked<K: Kind>(Request<HostSemaphore, K>);

impl<K: Kind> Future for Asked<K> {
    type Output = Result<K::Output<HostSemaphore>, permits::Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map_err(Into::into)
    }
}

impl<K, T> Wait for Asked<K>
where
    K: Kind<Output<HostSemaphore> = T>,
    T: Send + 'static,
{
    type Granted = T;

    async fn try_now(self) -> Result<T, permits::Error> {
        self.0.try_now().map_err(Into::into)
    }
}

/// By the semaphore's own ways of waiting, which take their places in the queue as threads.
impl<K, T> WaitBlocking for Asked<K>
where
    K: Kind<Output<HostSemaphore> = T>,
    T: Send + 'static,
{
    fn wait(self) -> Result<T, permits::Error> {
        self.0.wait().map_err(Into::into)
    }

    fn wait_timeout(self, time: Duration) -> Result<T, permits::Error> {
        self.0.wait_timeout(time).map_err(Into::into)
    }

    fn wait_deadline(self, deadline: Instant) -> Result<T, permits::Error> {
        self.0.wait_deadline(deadline).map_err(Into::into)
    }
}

impl Limit for HostSemaphore {
    type Permit = OwnedPermit;
    type Acquire = Asked<Guarded>;
    type Release = Asked<Returned>;

    fn traits(&self) -> Traits {
        Traits::new(Safety::Host)
    }

    fn acquire_many(&self, n: u32) -> Self::Acquire {
        Asked(self.acquire_many_owned(n))
    }

    fn release_many(&self, n: u32) -> Self::Release {
        Asked(self.release_many_owned(n))
    }

    async fn state(&self) -> Result<State, permits::Error> {
        HostSemaphore::state(self).map_err(Into::into)
    }

    async fn set_max_permits(&self, n: u32) -> Result<(), permits::Error> {
        HostSemaphore::set_max_permits(self, n).map_err(Into::into)
    }

    async fn grow(&self, n: u32) -> Result<(), permits::Error> {
        HostSemaphore::grow(self, n).map_err(Into::into)
    }

    async fn shrink(&self, n: u32) -> Result<(), permits::Error> {
        HostSemaphore::shrink(self, n).map_err(Into::into)
    }

    async fn close(&self) -> Result<(), permits::Error> {
        HostSemaphore::close(self).map_err(Into::into)
    }
}

/// What a live process holds is not lost. Being asked to give up is another thing, see [`OwnedPermit::is_revoked`].
impl Held for OwnedPermit {
    fn count(&self) -> u32 {
        OwnedPermit::count(self)
    }

    fn split(&mut self, n: u32) -> Result<OwnedPermit, permits::Error> {
        OwnedPermit::split(self, n).map_err(|error: Error| error.into())
    }

    fn merge(&mut self, other: OwnedPermit) -> Result<(), OwnedPermit> {
        OwnedPermit::merge(self, other)
    }

    async fn release(self) -> Result<(), permits::Error> {
        drop(self);
        Ok(())
    }

    async fn forget(self) -> Result<(), permits::Error> {
        OwnedPermit::forget(self);
        Ok(())
    }
}
