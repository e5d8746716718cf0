//! A request as a future: the node of `engine/waiters` lies inside it.

use super::kind::Kind;
use crate::check::Hold;
use crate::engine::waiters::Node;
use crate::engine::word::Manner;
use crate::handle::Handle;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::ptr;
use std::task::{Context, Poll};

/// A request to acquire or release permits; it does nothing until you wait for it.
///
/// You choose how to wait here: `.await`, [`wait`](Self::wait), [`wait_timeout`](Self::wait_timeout),
/// [`wait_deadline`](Self::wait_deadline), or [`try_now`](Self::try_now), which does not wait. The methods of
/// [`Semaphore`](crate::Semaphore) make requests. Their types have short names: [`Acquire`](crate::Acquire),
/// [`AcquireOwned`](crate::AcquireOwned), [`AcquireLoose`](crate::AcquireLoose),
/// [`AcquireLooseOwned`](crate::AcquireLooseOwned), [`Release`](crate::Release),
/// [`ReleaseOwned`](crate::ReleaseOwned).
///
/// The table of requests and ways of waiting is [on the front page](crate#the-verbs). A request is not
/// `Unpin`: to poll it by hand, or in a `select!` loop, pin it first, `let mut request =
/// pin!(sem.acquire());`.
///
/// # Cancel safety
///
/// You may drop the future at any time. If it was not ready before, nothing has happened: it took no permit
/// and returned none, and the waiters behind it have moved up (C10). Its place in the queue is lost. It takes
/// its place at the first poll.
///
/// Leaking a waiting request (`mem::forget` of a pinned box) is safe, but it keeps its place: the queue stops
/// behind it.
///
/// # Panics
///
/// If it is polled again after it was ready.
#[must_use = "a request does nothing until it is waited for: `.await` it, or call `.wait()`, `.wait_timeout(…)` or `.try_now()`"]
pub struct Request<H: Handle, K: Kind> {
    /// `None` once it is ready: then the permit has it.
    handle: Option<H>,
    node: Node,
    kind: PhantomData<K>,
}

/// What comes before a blocking wait or a try is compiled into the caller, down to the exchange on the word: only
/// so is the request not built in memory, node and all, to be taken apart again by the next call. A compiler left
/// to itself does so in small programs, and not in large ones.
impl<H: Handle, K: Kind> Request<H, K> {
    #[inline(always)]
    pub(crate) fn new(handle: H, n: u32) -> Self {
        Request { handle: Some(handle), node: Node::new(K::ACT, n), kind: PhantomData }
    }

    #[inline(always)]
    pub(crate) fn count(&self) -> u32 {
        self.node.count()
    }

    /// Of a request that was not ready yet.
    #[inline(always)]
    pub(crate) fn handle(&self) -> &H {
        self.handle.as_ref().expect("a request that is waited for was not ready")
    }

    /// Ends the request before its first poll. (A request that was polled is pinned, and no caller owns it
    /// any more.)
    #[inline(always)]
    pub(crate) fn into_handle(self) -> H {
        let this = ManuallyDrop::new(self);
        // SAFETY: `this` is not used again, and not dropped, so the handle stays the only one. Nothing else in the
        // request needs a drop: its node was never linked.
        let handle = unsafe { ptr::read(&raw const this.handle) };
        handle.expect("a request that can be moved was not polled")
    }

    #[inline(always)]
    fn project(self: Pin<&mut Self>) -> (&mut Option<H>, Pin<&Node>) {
        // SAFETY: the node is not moved out of the reference, and below only the handle is used mutably.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: the node is pinned since the request is; `drop` takes it out of the queue before its memory
        // goes.
        (&mut this.handle, unsafe { Pin::new_unchecked(&this.node) })
    }
}

impl<H: Handle, K: Kind> Request<H, K> {
    /// Polls it in the manner of a thread: for threads that sleep in a way of their own, such as one that a
    /// signal interrupts.
    ///
    /// As [`poll`](Future::poll), but within the bound on overtaking it may pass waiters, and be passed while
    /// it waits, as [`wait`](Self::wait) may (C8). Poll until it is ready, and sleep in between until the
    /// waker is called. Each poll looks for itself, so a poll at the timeout takes permits that are free by
    /// then (C11); dropping the request after that gives up.
    ///
    /// # Examples
    ///
    /// ```
    /// # use permits::{Semaphore, AcquireError};
    /// # use std::{pin::pin, sync::Arc, task::{Context, Poll, Wake, Waker}, thread::{self, Thread}};
    /// struct Unpark(Thread);
    /// impl Wake for Unpark {
    ///     fn wake(self: Arc<Self>) {
    ///         self.0.unpark();
    ///     }
    /// }
    ///
    /// let sem = Semaphore::new(1);
    /// let waker = Waker::from(Arc::new(Unpark(thread::current())));
    /// let mut request = pin!(sem.acquire());
    /// let permit = loop {
    ///     match request.as_mut().poll_passing(&mut Context::from_waker(&waker)) {
    ///         Poll::Ready(permit) => break permit?,
    ///         Poll::Pending => thread::park(),         // and look for whatever else may have woken it
    ///     }
    /// };
    /// assert_eq!(permit.count(), 1);
    /// # Ok::<(), AcquireError>(())
    /// ```
    ///
    /// # Panics
    ///
    /// When it is polled again after it was ready.
    #[inline]
    pub fn poll_passing(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<K::Output<H>, K::Error>> {
        self.poll_as(Manner::Passing, context)
    }

    #[inline(always)]
    fn poll_as(
        self: Pin<&mut Self>,
        manner: Manner,
        context: &mut Context<'_>,
    ) -> Poll<Result<K::Output<H>, K::Error>> {
        let (handle, node) = self.project();
        let core = &handle.as_ref().expect("a request is not polled after it was ready").core;
        let waited = !node.is_idle();
        let Poll::Ready(outcome) = core.poll(node, K::ACT, manner, context) else { return Poll::Pending };
        let handle = handle.take().expect("it was there a line above");
        Poll::Ready(match outcome {
            Ok(()) if waited => Ok(K::finish_waited(handle, node.count(), Hold::by_nobody())),
            Ok(()) => Ok(K::finish(handle, node.count(), Hold::by_nobody())),
            Err(refusal) => Err(K::refused(refusal)),
        })
    }
}

impl<H: Handle, K: Kind> Future for Request<H, K> {
    type Output = Result<K::Output<H>, K::Error>;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_as(Manner::Queuing, context)
    }
}

impl<H: Handle, K: Kind> Drop for Request<H, K> {
    #[inline(always)]
    fn drop(&mut self) {
        if let Some(handle) = &self.handle
            && !self.node.is_idle()
        {
            // SAFETY: a node leaves `Idle` in `poll` alone, which pins it, so it has not moved and will not
            // before this drop ends.
            let node = unsafe { Pin::new_unchecked(&self.node) };
            handle.core.abandon(node);
        }
    }
}

impl<H: Handle, K: Kind> fmt::Debug for Request<H, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(K::NAME)
            .field("permits", &self.node.count())
            .field("stage", &self.node.stage())
            .finish_non_exhaustive()
    }
}
