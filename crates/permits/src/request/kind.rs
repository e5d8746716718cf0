//! What a request is for.

use crate::check::Hold;
use crate::engine::word::Act;
use crate::error::exact::{
    AcquireError, AcquireTimeoutError, ReleaseError, ReleaseTimeoutError, Stuck, TryAcquireError, TryReleaseError,
};
use crate::error::refusal::Refusal;
use crate::handle::Handle;
use crate::permit::Guard;

/// What a request is for: [`Guarded`], [`Loose`] or [`Returned`].
pub trait Kind: sealed::Sealed {
    #[doc(hidden)]
    const ACT: Act;
    #[doc(hidden)]
    const NAME: &'static str;
    /// What a granted request yields.
    type Output<H: Handle>;
    /// The error of `.await` and [`wait`](crate::Request::wait).
    type Error;
    /// The error of [`try_now`](crate::Request::try_now).
    type TryError;
    /// The error of [`wait_timeout`](crate::Request::wait_timeout) and
    /// [`wait_deadline`](crate::Request::wait_deadline).
    type TimeoutError;
    #[doc(hidden)]
    fn refused(refusal: Refusal) -> Self::Error;
    #[doc(hidden)]
    fn try_refused(refusal: Refusal) -> Self::TryError;
    #[doc(hidden)]
    fn timeout_refused(refusal: Refusal) -> Self::TimeoutError;
    #[doc(hidden)]
    fn timed_out(stuck: Stuck) -> Self::TimeoutError;
    #[doc(hidden)]
    fn finish<H: Handle>(handle: H, n: u32, hold: Hold) -> Self::Output<H>;
    /// The same for a request that has waited in a queue.
    #[doc(hidden)]
    #[inline(always)]
    fn finish_waited<H: Handle>(handle: H, n: u32, hold: Hold) -> Self::Output<H> {
        Self::finish(handle, n, hold)
    }
}

/// Permits that a guard holds.
#[derive(Debug)]
pub enum Guarded {}
/// Permits that no guard holds: given out until a `release` returns them.
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
    fn refused(refusal: Refusal) -> Self::Error {
        refusal.into()
    }

    #[inline]
    fn try_refused(refusal: Refusal) -> Self::TryError {
        refusal.into()
    }

    #[inline]
    fn timeout_refused(refusal: Refusal) -> Self::TimeoutError {
        refusal.into()
    }

    fn timed_out(stuck: Stuck) -> Self::TimeoutError {
        stuck.into()
    }

    #[inline(always)]
    fn finish<H: Handle>(handle: H, n: u32, hold: Hold) -> Guard<H> {
        Guard::new(handle, n, hold)
    }

    #[inline(always)]
    fn finish_waited<H: Handle>(handle: H, n: u32, hold: Hold) -> Guard<H> {
        Guard::new(handle, n, hold).out_of_queue()
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
    fn refused(refusal: Refusal) -> Self::Error {
        refusal.into()
    }

    #[inline]
    fn try_refused(refusal: Refusal) -> Self::TryError {
        refusal.into()
    }

    #[inline]
    fn timeout_refused(refusal: Refusal) -> Self::TimeoutError {
        refusal.into()
    }

    fn timed_out(stuck: Stuck) -> Self::TimeoutError {
        stuck.into()
    }

    #[inline(always)]
    fn finish<H: Handle>(_: H, _: u32, _: Hold) {}
}

impl Kind for Returned {
    const ACT: Act = Act::Return;
    const NAME: &'static str = "Release";
    type Output<H: Handle> = ();
    type Error = ReleaseError;
    type TryError = TryReleaseError;
    type TimeoutError = ReleaseTimeoutError;

    #[inline]
    fn refused(refusal: Refusal) -> Self::Error {
        refusal.into()
    }

    #[inline]
    fn try_refused(refusal: Refusal) -> Self::TryError {
        refusal.into()
    }

    #[inline]
    fn timeout_refused(refusal: Refusal) -> Self::TimeoutError {
        refusal.into()
    }

    fn timed_out(stuck: Stuck) -> Self::TimeoutError {
        stuck.into()
    }

    #[inline(always)]
    fn finish<H: Handle>(_: H, _: u32, _: Hold) {}
}

pub(crate) mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Guarded {}
    impl Sealed for super::Loose {}
    impl Sealed for super::Returned {}
}
