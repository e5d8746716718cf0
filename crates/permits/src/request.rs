//! Requests: what they are for, and the ways of waiting for them.

use crate::error::{
    AcquireError, AcquireTimeoutError, Refusal, ReleaseError, ReleaseTimeoutError, Stuck, TryAcquireError,
    TryReleaseError,
};
use crate::permit::Guard;
use crate::semaphore::Semaphore;
use crate::state::{Act, Side};
use crate::thread::Patience;
use crate::waiters::Request;
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A request for permits, made by [`Semaphore::acquire`] and [`Semaphore::acquire_many`]; yields a [`Permit`](crate::Permit).
pub type Acquire<'a> = Request<&'a Semaphore, Guarded>;
/// The same without a borrow, made by [`Semaphore::acquire_owned`] and its kin; yields an [`OwnedPermit`](crate::OwnedPermit).
pub type AcquireOwned = Request<Arc<Semaphore>, Guarded>;
/// A request for permits that nobody shall hold, made by [`Acquire::loose`](Request::loose); yields nothing.
pub type AcquireLoose<'a> = Request<&'a Semaphore, Loose>;
/// The same without a borrow.
pub type AcquireLooseOwned = Request<Arc<Semaphore>, Loose>;
/// A request to return loose permits, made by [`Semaphore::release`] and [`Semaphore::release_many`].
pub type Release<'a> = Request<&'a Semaphore, Returned>;
/// The same without a borrow, made by [`Semaphore::release_owned`] and [`Semaphore::release_many_owned`].
pub type ReleaseOwned = Request<Arc<Semaphore>, Returned>;

/// How a request or a permit reaches its semaphore: by a reference, or by a share of it. Implemented for `&Semaphore` and
/// `Arc<Semaphore>`, and for nothing else.
pub trait Handle: Deref<Target = Semaphore> + Clone + sealed::Sealed {}

impl Handle for &Semaphore {}
impl Handle for Arc<Semaphore> {}

/// What a request is for: [`Guarded`], [`Loose`] or [`Returned`].
pub trait Kind: sealed::Sealed {
    #[doc(hidden)]
    const ACT: Act;
    #[doc(hidden)]
    const NAME: &'static str;
    /// What a request yields.
    type Output<H: Handle>;
    /// Why `.await` and [`wait`](Request::wait) fail.
    type Error: From<Refusal>;
    /// Why [`try_now`](Request::try_now) fails.
    type TryError: From<Refusal>;
    /// Why [`wait_timeout`](Request::wait_timeout) and [`wait_deadline`](Request::wait_deadline) fail.
    type TimeoutError: From<Refusal> + From<Stuck>;
    #[doc(hidden)]
    fn finish<H: Handle>(handle: H, n: u32) -> Self::Output<H>;
}

/// Permits that a guard holds.
#[derive(Debug)]
pub enum Guarded {}
/// Permits that nobody holds: given out until somebody releases them.
#[derive(Debug)]
pub enum Loose {}
/// Loose permits on their way back.
#[derive(Debug)]
pub enum Returned {}

impl Kind for Guarded {
    const ACT: Act = Act::Take;
    const NAME: &'static str = "Acquire";
    type Output<H: Handle> = Guard<H>;
    type Error = AcquireError;
    type TryError = TryAcquireError;
    type TimeoutError = AcquireTimeoutError;

    #[inline]
    fn finish<H: Handle>(handle: H, n: u32) -> Guard<H> {
        Guard::new(handle, n)
    }
}

impl Kind for Loose {
    const ACT: Act = Act::TakeLoose;
    const NAME: &'static str = "AcquireLoose";
    type Output<H: Handle> = ();
    type Error = AcquireError;
    type TryError = TryAcquireError;
    type TimeoutError = AcquireTimeoutError;

    #[inline]
    fn finish<H: Handle>(_: H, _: u32) {}
}

impl Kind for Returned {
    const ACT: Act = Act::Return;
    const NAME: &'static str = "Release";
    type Output<H: Handle> = ();
    type Error = ReleaseError;
    type TryError = TryReleaseError;
    type TimeoutError = ReleaseTimeoutError;

    #[inline]
    fn finish<H: Handle>(_: H, _: u32) {}
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for &super::Semaphore {}
    impl Sealed for std::sync::Arc<super::Semaphore> {}
    impl Sealed for super::Guarded {}
    impl Sealed for super::Loose {}
    impl Sealed for super::Returned {}
}

/// The ways of waiting that block the thread, and the one that does not wait.
///
/// # Blocking
///
/// The thread stays awake for about 50 µs at most, giving way to other threads from the first microseconds on, then it sleeps.
/// No signal and no spurious wake-up ends a wait early. Do not block a thread that has to run tasks: `.await` there.
///
/// The first wait of a thread that Rust did not start may allocate its handle (`std::thread::current`); nothing else here allocates.
///
/// # Errors
///
/// `Closed` if the semaphore is closed before the request is granted (C12); `TooMany` at once if it can never be granted, or when
/// a shrink makes it so (C7); `TimedOut`, or `NoPermits` and `NotLoose` for a try, if it was not granted in time. After any
/// error nothing was taken and nothing given back.
impl<H: Handle, K: Kind> Request<H, K> {
    /// Waits until it is granted.
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
    #[inline]
    pub fn wait(self) -> Result<K::Output<H>, K::Error> {
        self.block(Patience::Endless, |_, refusal| refusal.into())
    }

    /// Waits for at most `time`; zero is a try, and a time beyond what the clock can tell is for ever.
    ///
    /// A grant that races the end of the time wins (C11). It does not end early, and is late by what the system needs to wake
    /// a thread, some 0.1 ms.
    ///
    /// # Examples
    ///
    /// ```
    /// # use {permits::{AcquireTimeoutError, Semaphore}, std::time::Duration};
    /// let sem = Semaphore::new(1);
    /// let _held = sem.try_acquire()?;
    /// let Err(AcquireTimeoutError::TimedOut(stuck)) = sem.acquire().wait_timeout(Duration::from_millis(1)) else { panic!() };
    /// assert_eq!(stuck.state.available_permits, 0);
    /// # Ok::<(), permits::TryAcquireError>(())
    /// ```
    #[inline]
    pub fn wait_timeout(self, time: Duration) -> Result<K::Output<H>, K::TimeoutError> {
        self.block(Patience::For(time), stuck)
    }

    /// Waits until `deadline` at most; one that has passed makes it a try.
    #[inline]
    pub fn wait_deadline(self, deadline: Instant) -> Result<K::Output<H>, K::TimeoutError> {
        self.block(Patience::Until(deadline), stuck)
    }

    /// Does not wait.
    #[inline]
    pub fn try_now(self) -> Result<K::Output<H>, K::TryError> {
        let n = self.count();
        let handle = self.into_handle();
        match handle.core.try_now(K::ACT, n) {
            Ok(()) => Ok(K::finish(handle, n)),
            Err(refusal) => Err(refusal.into()),
        }
    }

    #[inline(always)]
    fn block<E>(self, patience: Patience, fail: fn((&Semaphore, Side, u32), Refusal) -> E) -> Result<K::Output<H>, E> {
        let n = self.count();
        let handle = self.into_handle();
        match handle.core.wait(K::ACT, n, patience) {
            Ok(()) => Ok(K::finish(handle, n)),
            Err(refusal) => Err(fail((&handle, K::ACT.side(), n), refusal)),
        }
    }
}

/// The error of a wait with a limit: if the time was over, with how things stand.
#[cold]
fn stuck<E: From<Refusal> + From<Stuck>>((semaphore, side, requested): (&Semaphore, Side, u32), refusal: Refusal) -> E {
    match refusal {
        Refusal::TimedOut => Stuck { requested, side, state: semaphore.state() }.into(),
        refusal => refusal.into(),
    }
}

impl<H: Handle> Request<H, Guarded> {
    /// Asks for the permits as loose ones, with no guard: what [`Permit::forget`](crate::Permit::forget) on the result would do, but in
    /// one step, which costs one atomic operation less.
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
    #[inline]
    pub fn loose(self) -> Request<H, Loose> {
        let n = self.count();
        Request::new(self.into_handle(), n)
    }
}
