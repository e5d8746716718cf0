//! Requests, and the ways of waiting for them.

use crate::call::Call;
use crate::engine::caller::Calling;
use crate::engine::{loose, wait};
use crate::error::{self, Error};
use crate::handle::Shared;
use crate::permit::EtcdPermit;
use permits::limit::{Wait, WaitBlocking};
use permits::{Side, State};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

#[cfg(doc)]
use crate::{ErrorKind, EtcdSemaphore};

macro_rules! request {
    ($(#[$doc:meta])* $name:ident, $side:expr, $output:ty, $wait:path, $try:path) => {
        $(#[$doc])*
        ///
        /// It does nothing until it is waited for: by `.await`, [`wait`](Self::wait),
        /// [`wait_timeout`](Self::wait_timeout), [`wait_deadline`](Self::wait_deadline), or
        /// [`try_now`](Self::try_now), which does not wait for others.
        ///
        /// # Cancel safety
        ///
        /// Dropping the future gives up its place; if it was granted already, the grant goes to the next
        /// (C10).
        #[must_use = "a request does nothing until it is waited for: `.await` it, or call `.wait()`"]
        pub struct $name {
            shared: Arc<Shared>,
            n: u32,
        }

        impl $name {
            pub(crate) fn new(shared: &Arc<Shared>, n: u32) -> $name {
                $name { shared: Arc::clone(shared), n }
            }

            /// Blocks the thread until the request is granted; as long as no server answers, too.
            ///
            /// # Errors
            ///
            /// [`ErrorKind::Closed`], [`ErrorKind::TooMany`], [`ErrorKind::Gone`], [`ErrorKind::Denied`],
            /// [`ErrorKind::Lost`] if another client has deleted its place in the queue,
            /// [`ErrorKind::Unreachable`] if it is not known whether loose permits were returned.
            pub fn wait(self) -> Result<$output, Error> {
                WaitBlocking::wait(self)
            }

            /// Blocks the thread for at most `time`; zero is a try, and a time beyond the range of the clock
            /// is no limit.
            ///
            /// # Errors
            ///
            /// As [`wait`](Self::wait), and [`ErrorKind::TimedOut`].
            pub fn wait_timeout(self, time: Duration) -> Result<$output, Error> {
                WaitBlocking::wait_timeout(self, time)
            }

            /// Blocks the thread until `deadline` at most.
            ///
            /// # Errors
            ///
            /// As [`wait_timeout`](Self::wait_timeout).
            pub fn wait_deadline(self, deadline: Instant) -> Result<$output, Error> {
                WaitBlocking::wait_deadline(self, deadline)
            }

            /// Asks the servers, and does not wait for other clients.
            ///
            /// # Errors
            ///
            /// As [`wait`](Self::wait), [`ErrorKind::NotNow`], and [`ErrorKind::Unreachable`] if no server
            /// answers in time.
            pub fn try_now(self) -> Call<$output> {
                let n = self.n;
                let Shared { link, name } = &*self.shared;
                Call::of(Calling::new(link, name, move |room, caller| $try(room, n, caller)))
            }
        }

        impl IntoFuture for $name {
            type Output = Result<$output, Error>;
            type IntoFuture = Waiting<$output>;

            fn into_future(self) -> Waiting<$output> {
                let n = self.n;
                let Shared { link, name } = &*self.shared;
                let calling = Calling::new(link, name, move |room, caller| $wait(room, n, caller));
                Waiting { calling, _shared: self.shared }
            }
        }

        impl Wait for $name {
            type Granted = $output;

            async fn try_now(self) -> Result<$output, Error> {
                $name::try_now(self).await
            }

            fn timed_out(&self) -> impl Future<Output = Error> + Send + 'static {
                timed_out(&self.shared, $side, self.n)
            }
        }

        impl WaitBlocking for $name {}

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut text = f.debug_struct(stringify!($name));
                text.field("semaphore", &self.shared.name).field("n", &self.n).finish()
            }
        }
    };
}

request! {
    /// A request for permits, made by [`EtcdSemaphore::acquire`] and [`EtcdSemaphore::acquire_many`].
    Acquire, Side::Acquire, EtcdPermit, wait::acquire, wait::try_acquire
}

request! {
    /// A request to return loose permits, made by [`EtcdSemaphore::release`] and
    /// [`EtcdSemaphore::release_many`].
    Release, Side::Release, (), loose::release, loose::try_release
}

/// A request that is waited for as a future.
#[must_use = "a future does nothing until it is awaited"]
pub struct Waiting<T> {
    calling: Calling<T>,
    /// What is known of the semaphore stays as long as a request waits.
    _shared: Arc<Shared>,
}

impl<T: Send + 'static> Future for Waiting<T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.calling).poll(context)
    }
}

impl<T> fmt::Debug for Waiting<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting").finish_non_exhaustive()
    }
}

/// What a wait that has run out of time was waiting for (C22).
fn timed_out(shared: &Arc<Shared>, side: Side, n: u32) -> impl Future<Output = Error> + Send + 'static {
    let name = Arc::clone(&shared.name);
    let reading: Calling<State> = Calling::answer(&shared.link, &shared.name, |room| async move {
        // The request has left the queue here, and its place is on its way out.
        let settled = tokio::time::timeout(room.base.settings.answer, room.is_settled());
        if settled.await.is_err() {
            return Err(error::unreachable(room.base.settings.answer, None));
        }
        Ok(room.read(room.patience()).await?.state())
    });
    async move { Error::timed_out(side, n, reading.await).with_semaphore(&name) }
}
