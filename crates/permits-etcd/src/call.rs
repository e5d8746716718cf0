//! Calls, and the ways of waiting for them.

use crate::engine::caller::Calling;
use crate::error::Error;
use permits::blocking::block_on;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A call to etcd: a future, which does nothing before its first poll.
///
/// # Cancel safety
///
/// What was sent may take effect after the future is dropped.
#[must_use = "a call does nothing until it is waited for: `.await` it, or call `.wait()`"]
pub struct Call<T>(Result<Calling<T>, Option<Error>>);

impl<T: Send + 'static> Call<T> {
    pub(crate) fn of(calling: Calling<T>) -> Call<T> {
        Call(Ok(calling))
    }

    /// A call that has failed before it was made.
    pub(crate) fn refused(why: Error) -> Call<T> {
        Call(Err(Some(why)))
    }

    /// Blocks the thread until there is an answer, or none in time.
    ///
    /// # Errors
    ///
    /// Those of the call.
    pub fn wait(self) -> Result<T, Error> {
        block_on(self)
    }
}

impl<T: Send + 'static> Future for Call<T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Ok(calling) => Pin::new(calling).poll(context),
            Err(why) => Poll::Ready(Err(why.take().expect("a future is not polled after it was ready"))),
        }
    }
}

impl<T> fmt::Debug for Call<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").finish_non_exhaustive()
    }
}
