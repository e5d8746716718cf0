//! Requests: their short names, and the ways of waiting for them that block a thread. The way that does not
//! is `future.rs`.

#[allow(unsafe_code, reason = "it pins the node that lies in the request")]
mod future;
mod kind;

pub use future::Request;
pub(crate) use kind::sealed::Sealed;
pub use kind::{Guarded, Kind, Loose, Returned};

use crate::check::{Hold, check_wait};
use crate::engine::thread::Patience;
use crate::error::exact::Stuck;
use crate::error::refusal::Refusal;
use crate::handle::Handle;
use crate::semaphore::Semaphore;
use crate::state::Side;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A request for permits, made by [`Semaphore::acquire`] and [`Semaphore::acquire_many`]; yields a
/// [`Permit`](crate::Permit).
pub type Acquire<'a> = Request<&'a Semaphore, Guarded>;
/// The same by an `Arc`, made by [`Semaphore::acquire_owned`] and [`Semaphore::acquire_many_owned`]; yields
/// an [`OwnedPermit`](crate::OwnedPermit).
pub type AcquireOwned = Request<Arc<Semaphore>, Guarded>;
/// A request for permits without a guard, made by [`Acquire::loose`](Request::loose); yields nothing.
pub type AcquireLoose<'a> = Request<&'a Semaphore, Loose>;
/// The same by an `Arc`.
pub type AcquireLooseOwned = Request<Arc<Semaphore>, Loose>;
/// A request to return loose permits, made by [`Semaphore::release`] and [`Semaphore::release_many`].
pub type Release<'a> = Request<&'a Semaphore, Returned>;
/// The same by an `Arc`, made by [`Semaphore::release_owned`] and [`Semaphore::release_many_owned`].
pub type ReleaseOwned = Request<Arc<Semaphore>, Returned>;

/// The ways of waiting that block the thread, and the one that does not wait.
///
/// # Blocking
///
/// The thread stays awake for about 50 µs at most, giving way to other threads from the first microseconds
/// on, then it sleeps. Where giving way cost it a time slice lately, since other work wants the core, it
/// sleeps at once; one such wait in 16 or fewer stays awake for 100 µs. No signal and no spurious wake-up
/// ends a wait early. Do not block a thread that runs tasks: `.await` there.
///
/// It sleeps by [`std::thread::park`]. An `unpark` by the program that comes before or during the wait is not
/// lost: the thread's next `park` returns at once. It may also return at once without one, once, as a `park`
/// may at any time.
///
/// The first wait of a thread that Rust did not start may allocate its handle (`std::thread::current`);
/// nothing else here allocates.
///
/// # Errors
///
/// `Closed` if the semaphore is closed before the request is granted (C12); `TooMany` at once if it can never
/// be granted, or when a shrink makes it so (C7); `TimedOut`, or `NoPermits` and `NotLoose` for a try, if it
/// was not granted in time. After any error no permit was taken and none returned.
impl<H: Handle, K: Kind> Request<H, K> {
    /// Blocks the thread until the request is granted.
    ///
    /// # Panics
    ///
    /// With the feature `check` alone: if the thread [waits for itself](crate#a-thread-that-waits-for-itself).
    ///
    /// # Examples
    ///
    /// ```
    /// # use permits::Semaphore;
    /// let sem = Semaphore::new(2);
    /// let permit = sem.acquire().wait()?;
    /// assert_eq!(sem.available_permits(), 1);
    /// drop(permit);
    /// # Ok::<(), permits::AcquireError>(())
    /// ```
    #[inline(always)]
    #[cfg_attr(feature = "check", track_caller)]
    pub fn wait(self) -> Result<K::Output<H>, K::Error> {
        if K::ACT.side() == Side::Acquire {
            check_wait(self.handle(), self.count());
        }
        self.block(Patience::Endless, Hold::by_thread(), |_, refusal| K::refused(refusal))
    }

    /// Blocks the thread for at most `time`; zero is a try, and a time beyond the range of the clock is no
    /// limit.
    ///
    /// A grant that races the end of the time wins (C11). The wait never ends early; it ends late by the time
    /// the system needs to wake a thread: about 0.1 ms, also on a machine whose cores are all busy, as long as
    /// the system lets a thread that wakes run before those that were running.
    ///
    /// # Examples
    ///
    /// ```
    /// # use {permits::{AcquireTimeoutError, Semaphore}, std::time::Duration};
    /// let sem = Semaphore::new(1);
    /// let _held = sem.try_acquire()?;
    /// let late = sem.acquire().wait_timeout(Duration::from_millis(1));
    /// let Err(AcquireTimeoutError::TimedOut(stuck)) = late else { panic!() };
    /// assert_eq!(stuck.state.available_permits, 0);
    /// # Ok::<(), permits::TryAcquireError>(())
    /// ```
    #[inline]
    #[cfg_attr(feature = "check", track_caller)]
    pub fn wait_timeout(self, time: Duration) -> Result<K::Output<H>, K::TimeoutError> {
        self.block(Patience::For(time), Hold::by_thread(), stuck::<K>)
    }

    /// Blocks the thread until `deadline` at most; a deadline that has passed makes it a try.
    #[inline]
    #[cfg_attr(feature = "check", track_caller)]
    pub fn wait_deadline(self, deadline: Instant) -> Result<K::Output<H>, K::TimeoutError> {
        self.block(Patience::Until(deadline), Hold::by_thread(), stuck::<K>)
    }

    /// Tries the request now, and does not wait.
    #[inline(always)]
    #[cfg_attr(feature = "check", track_caller)]
    pub fn try_now(self) -> Result<K::Output<H>, K::TryError> {
        self.try_as(Hold::by_thread())
    }

    /// The same, for whom the permits count.
    #[inline(always)]
    pub(crate) fn try_as(self, hold: Hold) -> Result<K::Output<H>, K::TryError> {
        let n = self.count();
        let handle = self.into_handle();
        match handle.core.try_now(K::ACT, n) {
            Ok(()) => Ok(K::finish(handle, n, hold)),
            Err(refusal) => Err(K::try_refused(refusal)),
        }
    }

    #[inline(always)]
    fn block<E>(
        self,
        patience: Patience,
        hold: Hold,
        fail: fn((&Semaphore, Side, u32), Refusal) -> E,
    ) -> Result<K::Output<H>, E> {
        let n = self.count();
        let handle = self.into_handle();
        match handle.core.wait(K::ACT, n, patience) {
            Ok(()) => Ok(K::finish(handle, n, hold)),
            Err(refusal) => Err(fail((&handle, K::ACT.side(), n), refusal)),
        }
    }
}

/// The error of a wait with a time limit; after a timeout it has the state.
#[cold]
fn stuck<K: Kind>((semaphore, side, requested): (&Semaphore, Side, u32), refusal: Refusal) -> K::TimeoutError {
    match refusal {
        Refusal::TimedOut => K::timed_out(Stuck::new(side, requested, semaphore.state())),
        refusal => K::timeout_refused(refusal),
    }
}

impl<H: Handle> Request<H, Guarded> {
    /// Asks for the permits as loose ones, with no guard: what [`Permit::forget`](crate::Permit::forget) on
    /// the result would do, but in one step, which costs one atomic operation less.
    ///
    /// # Examples
    ///
    /// ```
    /// # use permits::Semaphore;
    /// let sem = Semaphore::new(1);
    /// sem.acquire().loose().wait()?;
    /// assert_eq!(sem.loose(), 1);
    /// sem.release().wait().expect("one is loose");
    /// # Ok::<(), permits::AcquireError>(())
    /// ```
    #[inline(always)]
    pub fn loose(self) -> Request<H, Loose> {
        let n = self.count();
        Request::new(self.into_handle(), n)
    }
}
