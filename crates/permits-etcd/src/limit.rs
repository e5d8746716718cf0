//! The contract's trait.

use crate::error::Error;
use crate::permit::EtcdPermit;
use crate::request::{Acquire, Release};
use crate::semaphore::EtcdSemaphore;
use permits::limit::{Held, Limit, Properties, Safety};
use permits::{State, Status, Token};
use std::future::Future;
use std::time::Duration;

impl Limit for EtcdSemaphore {
    type Permit = EtcdPermit;
    type Acquire = Acquire;
    type Release = Release;

    fn traits(&self) -> Properties {
        Properties::new(Safety::Linearizable).leased().fenced()
    }

    fn acquire_many(&self, n: u32) -> Acquire {
        EtcdSemaphore::acquire_many(self, n)
    }

    fn release_many(&self, n: u32) -> Release {
        EtcdSemaphore::release_many(self, n)
    }

    fn name(&self) -> Option<&str> {
        Some(EtcdSemaphore::name(self))
    }

    async fn state(&self) -> Result<State, Error> {
        EtcdSemaphore::state(self).await
    }

    async fn status(&self) -> Result<Option<Status>, Error> {
        EtcdSemaphore::status(self).await.map(Some)
    }

    async fn set_max_permits(&self, n: u32) -> Result<(), Error> {
        EtcdSemaphore::set_max_permits(self, n).await
    }

    async fn grow(&self, n: u32) -> Result<(), Error> {
        EtcdSemaphore::grow(self, n).await
    }

    async fn shrink(&self, n: u32) -> Result<(), Error> {
        EtcdSemaphore::shrink(self, n).await
    }

    async fn close(&self) -> Result<(), Error> {
        EtcdSemaphore::close(self).await
    }
}

impl Held for EtcdPermit {
    fn count(&self) -> u32 {
        EtcdPermit::count(self)
    }

    fn split(&mut self, n: u32) -> Result<Self, Error> {
        EtcdPermit::split(self, n)
    }

    fn merge(&mut self, other: Self) -> Result<(), Self> {
        EtcdPermit::merge(self, other)
    }

    async fn release(self) -> Result<(), Error> {
        EtcdPermit::release(self).await
    }

    async fn forget(self) -> Result<(), Error> {
        EtcdPermit::forget(self).await
    }

    fn lost(&self) -> impl Future<Output = ()> + Send + 'static {
        EtcdPermit::lost(self)
    }

    fn is_lost(&self) -> bool {
        EtcdPermit::is_lost(self)
    }

    fn remaining(&self) -> Option<Duration> {
        Some(EtcdPermit::remaining(self))
    }

    fn token(&self) -> Option<Token> {
        Some(EtcdPermit::token(self))
    }
}
