//! The contract's trait.

use crate::error::Error;
use crate::permit::Permit;
use crate::request::{Act, Request};
use crate::semaphore::HostSemaphore;
use permits::State;
use permits::limit::{Held, Limit, Wait};
use std::future::Future;
use std::time::{Duration, Instant};

impl Limit for HostSemaphore {
    type Permit = Permit;

    fn acquire_many(&self, n: u32) -> impl Wait<Permit> {
        HostSemaphore::acquire_many(self, n)
    }

    fn release_many(&self, n: u32) -> impl Wait<()> {
        HostSemaphore::release_many(self, n)
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

impl<A: Act> Wait<A::Output> for Request<A> {
    async fn into_future(self) -> Result<A::Output, permits::Error> {
        self.await.map_err(Into::into)
    }

    fn wait(self) -> Result<A::Output, permits::Error> {
        Request::wait(self).map_err(Into::into)
    }

    fn wait_timeout(self, time: Duration) -> Result<A::Output, permits::Error> {
        Request::wait_timeout(self, time).map_err(Into::into)
    }

    fn wait_deadline(self, deadline: Instant) -> Result<A::Output, permits::Error> {
        Request::wait_deadline(self, deadline).map_err(Into::into)
    }

    async fn try_now(self) -> Result<A::Output, permits::Error> {
        Request::try_now(self).map_err(Into::into)
    }
}

impl Held for Permit {
    fn count(&self) -> u32 {
        Permit::count(self)
    }

    fn forget(self) {
        Permit::forget(self);
    }

    fn split(&mut self, n: u32) -> Result<Permit, permits::Error> {
        Permit::split(self, n).map_err(|error: Error| error.into())
    }

    fn merge(&mut self, other: Permit) -> Result<(), Permit> {
        Permit::merge(self, other)
    }

    /// Never ready: what a live process holds is not lost. Being asked to give up is another thing, see `Permit::is_revoked`.
    fn lost(&self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }
}
