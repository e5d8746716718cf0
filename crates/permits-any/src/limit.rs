//! The contract's trait, by that of each reach.

use crate::any::{Acquiring, AnyAcquire, AnyPermit, AnyRelease, AnySemaphore, Releasing, each};
use permits::limit::{Held, Limit, Properties, Wait, WaitBlocking};
use permits::{Error, State, Status, Token};
use std::future::Future;
use std::time::{Duration, Instant};

impl Limit for AnySemaphore {
    type Permit = AnyPermit;
    type Acquire = AnyAcquire;
    type Release = AnyRelease;

    fn traits(&self) -> Properties {
        each!(self, it => it.traits())
    }

    fn acquire_many(&self, n: u32) -> AnyAcquire {
        match self {
            AnySemaphore::Host(it) => AnyAcquire::Host(Limit::acquire_many(it, n)),
            #[cfg(feature = "etcd")]
            AnySemaphore::Etcd(it) => AnyAcquire::Etcd(it.acquire_many(n)),
        }
    }

    fn release_many(&self, n: u32) -> AnyRelease {
        match self {
            AnySemaphore::Host(it) => AnyRelease::Host(Limit::release_many(it, n)),
            #[cfg(feature = "etcd")]
            AnySemaphore::Etcd(it) => AnyRelease::Etcd(it.release_many(n)),
        }
    }

    fn acquire_loose_many(&self, n: u32) -> impl Future<Output = Result<(), Error>> + Send + 'static {
        let this = self.clone();
        async move { each!(this, it => it.acquire_loose_many(n).await) }
    }

    fn name(&self) -> Option<&str> {
        each!(self, it => Limit::name(it))
    }

    async fn state(&self) -> Result<State, Error> {
        each!(self, it => Limit::state(it).await)
    }

    async fn status(&self) -> Result<Option<Status>, Error> {
        each!(self, it => Limit::status(it).await)
    }

    async fn set_max_permits(&self, n: u32) -> Result<(), Error> {
        each!(self, it => Limit::set_max_permits(it, n).await)
    }

    async fn grow(&self, n: u32) -> Result<(), Error> {
        each!(self, it => Limit::grow(it, n).await)
    }

    async fn shrink(&self, n: u32) -> Result<(), Error> {
        each!(self, it => Limit::shrink(it, n).await)
    }

    async fn close(&self) -> Result<(), Error> {
        each!(self, it => Limit::close(it).await)
    }
}

/// The same for both kinds of requests.
macro_rules! request {
    ($request:ident, $waiting:ident, $given:ty) => {
        impl IntoFuture for $request {
            type Output = Result<$given, Error>;
            type IntoFuture = $waiting;

            fn into_future(self) -> $waiting {
                match self {
                    $request::Host(it) => $waiting::Host(it),
                    #[cfg(feature = "etcd")]
                    $request::Etcd(it) => $waiting::Etcd(it.into_future()),
                }
            }
        }

        impl Wait for $request {
            type Granted = $given;

            async fn try_now(self) -> Result<$given, Error> {
                each!(self, it => Wait::try_now(it).await.map(<$given>::from))
            }

            fn timed_out(&self) -> impl Future<Output = Error> + Send + 'static {
                /// Of one reach or of another.
                enum Late<H, E> {
                    Host(H),
                    #[cfg_attr(not(feature = "etcd"), expect(dead_code, reason = "there is no other reach"))]
                    Etcd(E),
                }
                let late = match self {
                    $request::Host(it) => Late::Host(Wait::timed_out(it)),
                    #[cfg(feature = "etcd")]
                    $request::Etcd(it) => Late::Etcd(Wait::timed_out(it)),
                };
                #[cfg(not(feature = "etcd"))]
                let late: Late<_, std::future::Pending<Error>> = late;
                async move {
                    match late {
                        Late::Host(late) => late.await,
                        Late::Etcd(late) => late.await,
                    }
                }
            }
        }

        /// By the ways of waiting of each reach: threads of a host take their places in the queue as such.
        impl WaitBlocking for $request {
            fn wait(self) -> Result<$given, Error> {
                each!(self, it => WaitBlocking::wait(it).map(<$given>::from))
            }

            fn wait_timeout(self, time: Duration) -> Result<$given, Error> {
                each!(self, it => WaitBlocking::wait_timeout(it, time).map(<$given>::from))
            }

            fn wait_deadline(self, deadline: Instant) -> Result<$given, Error> {
                each!(self, it => WaitBlocking::wait_deadline(it, deadline).map(<$given>::from))
            }
        }
    };
}

request!(AnyAcquire, Acquiring, AnyPermit);
request!(AnyRelease, Releasing, ());

impl Held for AnyPermit {
    fn count(&self) -> u32 {
        each!(self, it => it.count())
    }

    fn split(&mut self, n: u32) -> Result<AnyPermit, Error> {
        each!(self, it => it.split(n).map(AnyPermit::from))
    }

    fn merge(&mut self, other: AnyPermit) -> Result<(), AnyPermit> {
        match (self, other) {
            (AnyPermit::Host(it), AnyPermit::Host(other)) => Held::merge(it, other).map_err(AnyPermit::from),
            #[cfg(feature = "etcd")]
            (AnyPermit::Etcd(it), AnyPermit::Etcd(other)) => it.merge(other).map_err(AnyPermit::from),
            #[cfg(feature = "etcd")]
            (_, other) => Err(other),
        }
    }

    async fn release(self) -> Result<(), Error> {
        each!(self, it => Held::release(it).await)
    }

    async fn forget(self) -> Result<(), Error> {
        each!(self, it => Held::forget(it).await)
    }

    fn lost(&self) -> impl Future<Output = ()> + Send + 'static {
        AnyPermit::lost(self)
    }

    fn is_lost(&self) -> bool {
        each!(self, it => Held::is_lost(it))
    }

    fn remaining(&self) -> Option<Duration> {
        each!(self, it => Held::remaining(it))
    }

    fn token(&self) -> Option<Token> {
        each!(self, it => Held::token(it))
    }
}
