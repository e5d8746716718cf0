//! Requests, and the ways of waiting for them.

#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::{self, Error};
use crate::handle::Handle;
use crate::permit::Guard;
use crate::process::attachment::Attachment;
use crate::process::enter::{Entry, enter, try_slowly};
use crate::process::sys;
use crate::process::task::QueuePlace;
use crate::process::thread::block_slowly;
use crate::protocol::acts::Collected;
use crate::protocol::book::Side;
use crate::protocol::waiter::{Sleeper, Stage};
use crate::semaphore::HostSemaphore;
use permits::{Guarded, Loose, Returned};
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// A request for permits, made by [`HostSemaphore::acquire`] and [`HostSemaphore::acquire_many`]; yields a
/// [`Permit`](crate::Permit).
pub type Acquire<'a> = Request<&'a HostSemaphore, Guarded>;
/// The same with a handle of its own, made by [`HostSemaphore::acquire_owned`] and
/// [`HostSemaphore::acquire_many_owned`]; yields an [`OwnedPermit`](crate::OwnedPermit).
pub type AcquireOwned = Request<HostSemaphore, Guarded>;
/// A request for permits without a guard, made by [`Acquire::loose`](Request::loose); yields nothing.
pub type AcquireLoose<'a> = Request<&'a HostSemaphore, Loose>;
/// The same with a handle of its own.
pub type AcquireLooseOwned = Request<HostSemaphore, Loose>;
/// A request to return loose permits, made by [`HostSemaphore::release`] and [`HostSemaphore::release_many`].
pub type Release<'a> = Request<&'a HostSemaphore, Returned>;
/// The same with a handle of its own, made by [`HostSemaphore::release_owned`] and
/// [`HostSemaphore::release_many_owned`].
pub type ReleaseOwned = Request<HostSemaphore, Returned>;

/// What a request is for: [`Guarded`], [`Loose`] or [`Returned`].
pub trait Kind: sealed::Kind {
    /// What a granted request yields.
    type Output<H: Handle>;
}

impl Kind for Guarded {
    type Output<H: Handle> = Guard<H>;
}
impl Kind for Loose {
    type Output<H: Handle> = ();
}
impl Kind for Returned {
    type Output<H: Handle> = ();
}

#[allow(private_interfaces, reason = "the traits are sealed, and cannot be named outside")]
pub(crate) mod sealed {
    use super::{Guard, Guarded, Handle, Loose, Returned, Side};

    pub trait Kind: Send + Sync + 'static {
        const SIDE: Side;
        /// What is got by it, from the process of that epoch.
        fn granted<H: Handle>(handle: H, epoch: u64, n: u32) -> Self::Output<H>
        where
            Self: super::Kind;
    }

    impl Kind for Guarded {
        const SIDE: Side = Side::Acquire;
        #[inline]
        fn granted<H: Handle>(handle: H, epoch: u64, n: u32) -> Guard<H> {
            Guard::new(handle, epoch, n)
        }
    }

    impl Kind for Loose {
        const SIDE: Side = Side::Acquire;
        #[inline]
        fn granted<H: Handle>(handle: H, epoch: u64, n: u32) {
            Guard::without_slots(handle, epoch, n).forget();
        }
    }

    impl Kind for Returned {
        const SIDE: Side = Side::Release;
        #[inline]
        fn granted<H: Handle>(_: H, _: u64, _: u32) {}
    }
}

/// A request, [`Acquire`] or [`Release`]; it does nothing until you wait for it: by `.await`,
/// [`wait`](Self::wait), [`wait_timeout`](Self::wait_timeout), [`wait_deadline`](Self::wait_deadline), or
/// [`try_now`](Self::try_now), which does not wait.
///
/// # Fairness
///
/// First come, first served among all threads and tasks of all processes (C8). Two kinds of waiters lose
/// their places: the dead, and those that ask for more than there is since a shrink.
///
/// # Cancel safety
///
/// Dropping the future gives up its place in the queue; if it was granted already, the permits go to the next
/// (C10).
///
/// # After a fork
///
/// A request that waits as a future stays with the parent: in a child, polling it fails with
/// [`ErrorKind::NotOurs`], and dropping it does nothing.
#[must_use = "a request does nothing until it is waited for: `.await` it, or call `.wait()`"]
pub struct Request<H: Handle, K: Kind> {
    handle: H,
    n: u32,
    progress: Progress,
    kind: PhantomData<K>,
}

enum Progress {
    New,
    Queued(QueuePlace),
    Over,
}

impl<H: Handle> Request<H, Guarded> {
    /// Asks for the permits as loose ones, without a guard: they outlive this process, until a `release`
    /// returns them (C6). If the process dies before they are loose, they come back.
    pub fn loose(self) -> Request<H, Loose> {
        debug_assert!(matches!(self.progress, Progress::New), "it takes a request that was not polled, by value");
        Request::new(self.handle, self.n)
    }
}

impl<H: Handle, K: Kind> Request<H, K> {
    #[inline]
    pub(crate) fn new(handle: H, n: u32) -> Self {
        Request { handle, n, progress: Progress::New, kind: PhantomData }
    }

    /// Blocks the thread until the request is granted.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Closed`], [`ErrorKind::TooMany`], [`ErrorKind::Gone`], [`ErrorKind::Exhausted`] if there
    /// is no place in the queue, [`ErrorKind::Damaged`]. In each case no permit was taken or returned.
    pub fn wait(self) -> Result<K::Output<H>, Error> {
        self.block(None)
    }

    /// Blocks the thread for at most `time`; zero is a try, and a time beyond the range of the clock is no
    /// limit.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait), and [`ErrorKind::TimedOut`], with what both sides wait for, see
    /// [`Error::stuck`] (C22). A grant that races the timeout wins (C11).
    pub fn wait_timeout(self, time: Duration) -> Result<K::Output<H>, Error> {
        self.block(Instant::now().checked_add(time))
    }

    /// Blocks the thread until `deadline` at most.
    ///
    /// # Errors
    ///
    /// As [`wait_timeout`](Self::wait_timeout).
    pub fn wait_deadline(self, deadline: Instant) -> Result<K::Output<H>, Error> {
        self.block(Some(deadline))
    }

    /// Tries the request now, and does not wait. If there are too few permits, it takes some microseconds to
    /// check for dead holders.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait), and [`ErrorKind::NotNow`].
    #[inline]
    pub fn try_now(self) -> Result<K::Output<H>, Error> {
        let epoch =
            self.take(|side, attachment, n| try_slowly(side, attachment, n)).map_err(|error| self.told(error))?;
        Ok(K::granted(self.handle, epoch, self.n))
    }

    /// Takes at once, or in a slower way; returns the process that has the permits.
    #[inline]
    fn take(&self, slowly: impl FnOnce(Side, &Arc<Attachment>, u32) -> Result<(), Error>) -> Result<u64, Error> {
        let attachment = self.handle.shared().here()?;
        if K::SIDE == Side::Release || !attachment.take_quickly(self.n) {
            slowly(K::SIDE, attachment, self.n)?;
        }
        Ok(attachment.epoch)
    }

    /// An error of this request, with the semaphore and the operation.
    #[cold]
    fn told(&self, error: Error) -> Error {
        error::during(&self.handle.shared().place.name, error::asking(K::SIDE))(error)
    }

    /// The state for the error of a wait that timed out.
    pub(crate) fn timed_out(&self) -> impl FnOnce() -> Error + Send + 'static {
        let (shared, n) = (Arc::clone(self.handle.shared()), self.n);
        move || match shared.here() {
            Ok(attachment) => attachment.timed_out(K::SIDE, n),
            Err(error) => Error::timed_out(K::SIDE, n, Err(error)),
        }
    }

    /// Its position in its queue, 1 being the first; `None` if it is not queued as a future.
    #[must_use]
    pub fn position(&self) -> Option<u32> {
        let Progress::Queued(place) = &self.progress else { return None };
        if place.attachment.epoch != sys::epoch() {
            return None;
        }
        place.attachment.position(place.number).ok().flatten()
    }

    #[inline]
    fn block(self, deadline: Option<Instant>) -> Result<K::Output<H>, Error> {
        let slowly = |side, attachment: &Arc<Attachment>, n| block_slowly(side, attachment, n, deadline);
        let epoch = self.take(slowly).map_err(|error| self.told(error))?;
        Ok(K::granted(self.handle, epoch, self.n))
    }
}

impl<H: Handle, K: Kind> Unpin for Request<H, K> {}

impl<H: Handle, K: Kind> Future for Request<H, K> {
    type Output = Result<K::Output<H>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        this.advance(cx).map_err(|error| this.told(error))
    }
}

impl<H: Handle, K: Kind> Request<H, K> {
    fn advance(&mut self, cx: &mut Context<'_>) -> Poll<Result<K::Output<H>, Error>> {
        match std::mem::replace(&mut self.progress, Progress::Over) {
            Progress::New => self.first_poll(cx),
            Progress::Queued(place) => {
                let QueuePlace { attachment, number } = &place;
                if attachment.epoch != sys::epoch() {
                    // Dropping the place does nothing here either: it is the parent's.
                    return Poll::Ready(Err(error::not_ours(&attachment.place.name)));
                }
                if attachment.stage_of(*number)? == Stage::Queued {
                    attachment.watch_task(*number, cx.waker())?;
                }
                self.finish(place)
            }
            Progress::Over => panic!("a request was polled after it was over"),
        }
    }

    fn first_poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<K::Output<H>, Error>> {
        let attachment = self.handle.shared().here()?;
        match enter(K::SIDE, attachment, self.n, Some(Sleeper::Task))? {
            Entry::Granted => Poll::Ready(Ok(self.granted(attachment.epoch))),
            Entry::Refused(refusal) => Poll::Ready(Err(attachment.refused(K::SIDE, refusal))),
            Entry::Queued { number, spaced } => {
                let place = QueuePlace { attachment: Arc::clone(attachment), number };
                // If nobody would wake it, it gives up its place.
                place.attachment.watch_task(number, cx.waker())?;
                if spaced {
                    place.attachment.look_anew(number);
                }
                // It may have been granted before there was a waker to call.
                self.finish(place)
            }
        }
    }

    fn granted(&self, epoch: u64) -> K::Output<H> {
        K::granted(self.handle.clone(), epoch, self.n)
    }

    fn finish(&mut self, place: QueuePlace) -> Poll<Result<K::Output<H>, Error>> {
        if place.attachment.stage_of(place.number)? == Stage::Queued {
            self.progress = Progress::Queued(place);
            return Poll::Pending;
        }
        let (attachment, collected) = place.leave();
        Poll::Ready(match collected? {
            Collected::Granted => {
                attachment.note_since(K::SIDE, self.n);
                Ok(self.granted(attachment.epoch))
            }
            Collected::Refused(refusal) => Err(attachment.refused(K::SIDE, refusal)),
            Collected::Queued | Collected::GaveUp => Err(attachment.place.damaged("a waiter went back into its queue")),
        })
    }
}

impl<H: Handle, K: Kind> fmt::Debug for Request<H, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("semaphore", &self.handle.shared().place.name)
            .field("side", &K::SIDE)
            .field("n", &self.n)
            .finish_non_exhaustive()
    }
}
