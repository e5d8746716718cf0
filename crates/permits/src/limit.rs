//! The contract as a trait: for code that is handed a limit and does not care whether it spans threads, processes or machines.
//!
//! Write against the concrete types where you can: they are exact about what can fail. This is for libraries that take a limit as a
//! parameter, for tests that put a local one in the place of a remote one, and for the conformance suite, which is what
//! implementing it means. It may change before 1.0.
//!
//! With [`Limit`] in scope, `close`, `state`, `set_max_permits`, `acquire_many` and `release_many` on an `Arc<Semaphore>` are the
//! trait's, and the first three do nothing until they are awaited: write `Semaphore::close(&sem)` for the others.
//!
//! ```
//! use permits::{Error, Semaphore, limit::{Limit, Wait}};
//! use std::sync::Arc;
//!
//! fn polite_download(limit: &impl Limit) -> Result<(), Error> {
//!     let _permit = limit.acquire_many(1).wait()?;
//!     Ok(())
//! }
//!
//! polite_download(&Arc::new(Semaphore::new(2)))?;
//! # Ok::<(), Error>(())
//! ```

use crate::error::Error;
use crate::permit::OwnedPermit;
use crate::request::{Kind, Request};
use crate::semaphore::Semaphore;
use crate::state::State;
use std::future::{Future, pending};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A semaphore at any reach. A clone is another handle on the same one.
pub trait Limit: Clone + Send + Sync + 'static {
    /// What holds permits.
    type Permit: Held;

    /// Asks for `n` permits (C3).
    fn acquire_many(&self, n: u32) -> impl Wait<Self::Permit>;

    /// Asks to return `n` loose permits (C4).
    fn release_many(&self, n: u32) -> impl Wait<()>;

    /// All readings at one instant of the call (C15).
    fn state(&self) -> impl Future<Output = Result<State, Error>> + Send;

    /// Sets the number of permits (C13).
    fn set_max_permits(&self, n: u32) -> impl Future<Output = Result<(), Error>> + Send;

    /// Closes it for everybody (C12).
    fn close(&self) -> impl Future<Output = Result<(), Error>> + Send;
}

/// A request of a [`Limit`], and the five ways of waiting for it (C11). A task waits so: `request.into_future().await`.
#[must_use = "a request does nothing until it is waited for: `.into_future().await` it, or call `.wait()`"]
pub trait Wait<T>: Sized + Send + 'static {
    /// As a future; dropping it takes the request back (C10).
    fn into_future(self) -> impl Future<Output = Result<T, Error>> + Send + 'static;

    /// Blocks the thread until it is granted.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Closed`](crate::ErrorKind::Closed), [`ErrorKind::TooMany`](crate::ErrorKind::TooMany), and what can go wrong on the
    /// way to other processes or machines.
    fn wait(self) -> Result<T, Error>;

    /// Blocks the thread for at most `time`.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait), and [`ErrorKind::TimedOut`](crate::ErrorKind::TimedOut).
    fn wait_timeout(self, time: Duration) -> Result<T, Error>;

    /// Blocks the thread until `deadline` at most.
    ///
    /// # Errors
    ///
    /// As [`wait_timeout`](Self::wait_timeout).
    fn wait_deadline(self, deadline: Instant) -> Result<T, Error>;

    /// Does not wait for permits. A future, since a try may have to travel.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait), and [`ErrorKind::NotNow`](crate::ErrorKind::NotNow).
    fn try_now(self) -> impl Future<Output = Result<T, Error>> + Send;
}

/// Permits that are held; dropping it returns them (C5).
pub trait Held: Sized + Send + Sync + 'static {
    /// How many.
    fn count(&self) -> u32;

    /// Leaves them given out, as loose ones (C6).
    fn forget(self);

    /// Splits `n` off.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TooMany`](crate::ErrorKind::TooMany) if there are fewer; it keeps them then.
    fn split(&mut self, n: u32) -> Result<Self, Error>;

    /// Takes in those of `other`.
    ///
    /// # Errors
    ///
    /// `other`, if it belongs to another semaphore; both live on.
    fn merge(&mut self, other: Self) -> Result<(), Self>;

    /// Ready once the permits are lost (C20); in one process, never.
    fn lost(&self) -> impl Future<Output = ()> + Send;
}

impl Limit for Arc<Semaphore> {
    type Permit = OwnedPermit;

    fn acquire_many(&self, n: u32) -> impl Wait<OwnedPermit> {
        self.acquire_many_owned(n)
    }

    fn release_many(&self, n: u32) -> impl Wait<()> {
        self.release_many_owned(n)
    }

    async fn state(&self) -> Result<State, Error> {
        Ok(Semaphore::state(self))
    }

    async fn set_max_permits(&self, n: u32) -> Result<(), Error> {
        Semaphore::set_max_permits(self, n).map_err(Error::from)
    }

    async fn close(&self) -> Result<(), Error> {
        Semaphore::close(self);
        Ok(())
    }
}

impl<K> Wait<K::Output<Arc<Semaphore>>> for Request<Arc<Semaphore>, K>
where
    K: Kind<Error: Into<Error>, TryError: Into<Error>, TimeoutError: Into<Error>> + Send + 'static,
    K::Output<Arc<Semaphore>>: Send + 'static,
{
    async fn into_future(self) -> Result<K::Output<Arc<Semaphore>>, Error> {
        self.await.map_err(Into::into)
    }

    fn wait(self) -> Result<K::Output<Arc<Semaphore>>, Error> {
        Request::wait(self).map_err(Into::into)
    }

    fn wait_timeout(self, time: Duration) -> Result<K::Output<Arc<Semaphore>>, Error> {
        Request::wait_timeout(self, time).map_err(Into::into)
    }

    fn wait_deadline(self, deadline: Instant) -> Result<K::Output<Arc<Semaphore>>, Error> {
        Request::wait_deadline(self, deadline).map_err(Into::into)
    }

    async fn try_now(self) -> Result<K::Output<Arc<Semaphore>>, Error> {
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

    fn split(&mut self, n: u32) -> Result<Self, Error> {
        OwnedPermit::split(self, n).map_err(Error::from)
    }

    fn merge(&mut self, other: Self) -> Result<(), Self> {
        OwnedPermit::merge(self, other).map_err(crate::MergeError::into_permit)
    }

    fn lost(&self) -> impl Future<Output = ()> + Send {
        pending()
    }
}
