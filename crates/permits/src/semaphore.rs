//! [`Semaphore`]: the public type.

use crate::core::Core;
use crate::error::{MaxPermitsError, TryAcquireError, TryReleaseError};
use crate::permit::{Guard, OwnedPermit, Permit};
use crate::readings::State;
use crate::request::{Acquire, AcquireOwned, Release, ReleaseOwned};
use crate::state::{self, Act};
use crate::sync::const_unless_modelled;
use crate::waiters::Request;
use std::fmt;
use std::sync::Arc;

/// A counting semaphore for threads and tasks, whose [`release`](Self::release) waits too.
///
/// It hands out a fixed number of permits. Who asks for more than are free waits until others come back; who wants to
/// [`release`](Self::release) more than are *loose*, out with no guard that returns them, waits until so many are. The [contract](crate::contract) has every promise as a numbered clause,
/// C1 to C22.
///
/// # Fairness
///
/// Two policies (C8). Both keep acquirers in one queue and releasers in another, threads and tasks mixed.
///
/// - [`new`](Self::new), *bounded overtaking*: a running thread, or a try, may take free permits ahead of those who wait, which is
///   many times faster where permits are held for less than some microseconds. No waiter is passed more than
///   [`DEFAULT_OVERTAKES`](Self::DEFAULT_OVERTAKES) times, and the first in line not for much longer than a millisecond: then
///   newcomers queue, and permits are handed to it. A task never passes anybody.
/// - [`fair`](Self::fair), first come, first served: nobody passes a waiter.
///
/// # Memory ordering
///
/// What happens before a permit is returned happens before what follows the acquire that takes it, and what happens before
/// an acquire happens before what follows the release that it lets through (C14).
///
/// # Size
///
/// 64 bytes, no heap. No operation allocates (C16), as far as the standard library's mutex does not (on a few systems that are neither
/// Linux, Windows nor a BSD it does, once, at its first use).
///
/// # Examples
///
/// ```
/// use permits::Semaphore;
///
/// static BUILDS: Semaphore = Semaphore::new(2);
///
/// let permit = BUILDS.acquire().wait()?;
/// // … at most two threads are here at a time …
/// drop(permit);
/// # Ok::<(), permits::AcquireError>(())
/// ```
pub struct Semaphore {
    pub(crate) core: Core,
}

impl Semaphore {
    /// The most permits that a semaphore can have: 2²² - 1, that is 4,194,303.
    ///
    /// All counts and flags share one 64-bit word, which is what makes every operation a single atomic step. To meter larger
    /// amounts, count in units: bytes by the 4 KiB reach 16 GiB.
    pub const MAX_PERMITS: u32 = state::MAX_PERMITS;

    /// How often a waiter may be passed under [`new`](Self::new): 65,536 times (2¹⁶).
    ///
    /// That many passings of 50 ns each are some 3 ms. The number is this large since it is counted for every waiter over its
    /// whole wait: with many threads on one permit a smaller one makes hand-overs, which cost microseconds, the rule; a larger one
    /// gains nothing that could be measured.
    /// `docs/performance.md` has the curve of throughput and longest wait against it.
    pub const DEFAULT_OVERTAKES: u32 = 1 << 16;

    const_unless_modelled! {
        /// Makes a semaphore of `max_permits` permits, all free, with bounded overtaking.
        ///
        /// # Panics
        ///
        /// If `max_permits` is not within `1..=`[`MAX_PERMITS`](Self::MAX_PERMITS); in a `const` or `static` that is a compile
        /// error. [`try_new`](Self::try_new) returns an error instead.
        #[must_use]
        #[track_caller]
        pub fn new(max_permits: u32) -> Semaphore {
            Semaphore::with_overtaking(max_permits, Semaphore::DEFAULT_OVERTAKES)
        }

        /// Makes a semaphore that serves strictly first come, first served.
        ///
        /// # Panics
        ///
        /// As [`new`](Self::new).
        #[must_use]
        #[track_caller]
        pub fn fair(max_permits: u32) -> Semaphore {
            Semaphore::with_overtaking(max_permits, 0)
        }

        /// Makes a semaphore in which no waiter is passed more than `overtakes` times; 0 is [`fair`](Self::fair).
        ///
        /// # Panics
        ///
        /// As [`new`](Self::new).
        #[must_use]
        #[track_caller]
        pub fn with_overtaking(max_permits: u32, overtakes: u32) -> Semaphore {
            if max_permits == 0 || max_permits > Semaphore::MAX_PERMITS {
                refuse(max_permits);
            }
            Semaphore { core: Core::new(max_permits, overtakes) }
        }

        /// [`new`](Self::new), but a number out of range is an error.
        ///
        /// # Errors
        ///
        /// If `max_permits` is not within `1..=`[`MAX_PERMITS`](Self::MAX_PERMITS) (C2).
        pub fn try_new(max_permits: u32) -> Result<Semaphore, MaxPermitsError> {
            Semaphore::try_with_overtaking(max_permits, Semaphore::DEFAULT_OVERTAKES)
        }

        /// [`fair`](Self::fair), but a number out of range is an error.
        ///
        /// # Errors
        ///
        /// As [`try_new`](Self::try_new).
        pub fn try_fair(max_permits: u32) -> Result<Semaphore, MaxPermitsError> {
            Semaphore::try_with_overtaking(max_permits, 0)
        }

        /// [`with_overtaking`](Self::with_overtaking), but a number out of range is an error.
        ///
        /// # Errors
        ///
        /// As [`try_new`](Self::try_new).
        pub fn try_with_overtaking(max_permits: u32, overtakes: u32) -> Result<Semaphore, MaxPermitsError> {
            if max_permits == 0 || max_permits > Semaphore::MAX_PERMITS {
                return Err(MaxPermitsError { requested: max_permits as i64, limit: Semaphore::MAX_PERMITS });
            }
            Ok(Semaphore { core: Core::new(max_permits, overtakes) })
        }
    }

    /// Asks for one permit. Nothing happens until the request is waited for: see [`Request`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use permits::Semaphore;
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// # runtime.block_on(async {
    /// let sem = Semaphore::new(1);
    /// let permit = sem.acquire().await?;         // a task waits so
    /// drop(permit);
    /// let permit = sem.acquire().wait()?;        // and a thread so
    /// # drop(permit); Ok::<(), permits::AcquireError>(()) }).unwrap();
    /// ```
    #[inline]
    pub fn acquire(&self) -> Acquire<'_> {
        self.acquire_many(1)
    }

    /// Asks for `n` permits, all of them or none (C3). More than [`max_permits`](Self::max_permits) fails at once (C7), 0 succeeds at once.
    #[inline]
    pub fn acquire_many(&self, n: u32) -> Acquire<'_> {
        Request::new(self, n)
    }

    /// Takes one permit if that can be done now.
    ///
    /// # Errors
    ///
    /// See [`TryAcquireError`]. Under [`fair`](Self::fair) it fails while anybody waits, even if permits are free (C8).
    #[inline]
    pub fn try_acquire(&self) -> Result<Permit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// Takes `n` permits if that can be done now, or none.
    ///
    /// # Errors
    ///
    /// As [`try_acquire`](Self::try_acquire).
    #[inline]
    pub fn try_acquire_many(&self, n: u32) -> Result<Permit<'_>, TryAcquireError> {
        self.core.try_now(Act::Take, n)?;
        Ok(Guard::new(self, n))
    }

    /// Asks to return one loose permit: one that [`forget`](crate::Guard::forget) or [`loose`](Request::loose) left out.
    ///
    /// It waits while none is loose, so that the count never leaves its bounds; a permit that a guard holds comes back by its guard
    /// alone (C4, C5).
    ///
    /// # Examples
    ///
    /// ```
    /// # use permits::Semaphore;
    /// let sem = Semaphore::new(1);
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| sem.release().wait());            // waits for the line below
    ///     sem.acquire().wait()?.forget();
    ///     Ok::<(), permits::AcquireError>(())
    /// })?;
    /// assert_eq!(sem.available_permits(), 1);
    /// # Ok::<(), permits::AcquireError>(())
    /// ```
    #[inline]
    pub fn release(&self) -> Release<'_> {
        self.release_many(1)
    }

    /// Asks to return `n` loose permits, all of them or none (C4). More than [`max_permits`](Self::max_permits) fails at once (C7),
    /// unless a shrink left so many out; 0 succeeds at once.
    ///
    /// Batches on both sides can wait for each other: with `n` here and `m` to acquire, keep `n + m <= max_permits + 1` (C22).
    #[inline]
    pub fn release_many(&self, n: u32) -> Release<'_> {
        Request::new(self, n)
    }

    /// Returns one loose permit if there is one now.
    ///
    /// # Errors
    ///
    /// See [`TryReleaseError`].
    #[inline]
    pub fn try_release(&self) -> Result<(), TryReleaseError> {
        self.try_release_many(1)
    }

    /// Returns `n` loose permits if so many are out now, or none.
    ///
    /// # Errors
    ///
    /// See [`TryReleaseError`].
    #[inline]
    pub fn try_release_many(&self, n: u32) -> Result<(), TryReleaseError> {
        Ok(self.core.try_now(Act::Return, n)?)
    }

    /// [`acquire`](Self::acquire) with a share of the semaphore instead of a borrow.
    ///
    /// # Examples
    ///
    /// ```
    /// # use {permits::Semaphore, std::sync::Arc};
    /// let sem = Arc::new(Semaphore::new(1));
    /// let permit = sem.acquire_owned().wait()?;
    /// std::thread::spawn(move || drop(permit)).join().unwrap();
    /// assert_eq!(sem.available_permits(), 1);
    /// # Ok::<(), permits::AcquireError>(())
    /// ```
    #[inline]
    pub fn acquire_owned(self: &Arc<Self>) -> AcquireOwned {
        self.acquire_many_owned(1)
    }

    /// [`acquire_many`](Self::acquire_many) with a share of the semaphore instead of a borrow.
    #[inline]
    pub fn acquire_many_owned(self: &Arc<Self>, n: u32) -> AcquireOwned {
        Request::new(Arc::clone(self), n)
    }

    /// [`try_acquire`](Self::try_acquire) with a share of the semaphore instead of a borrow.
    ///
    /// # Errors
    ///
    /// As [`try_acquire`](Self::try_acquire).
    #[inline]
    pub fn try_acquire_owned(self: &Arc<Self>) -> Result<OwnedPermit, TryAcquireError> {
        self.acquire_owned().try_now()
    }

    /// [`try_acquire_many`](Self::try_acquire_many) with a share of the semaphore instead of a borrow.
    ///
    /// # Errors
    ///
    /// As [`try_acquire`](Self::try_acquire).
    #[inline]
    pub fn try_acquire_many_owned(self: &Arc<Self>, n: u32) -> Result<OwnedPermit, TryAcquireError> {
        self.acquire_many_owned(n).try_now()
    }

    /// [`release`](Self::release) with a share of the semaphore instead of a borrow.
    #[inline]
    pub fn release_owned(self: &Arc<Self>) -> ReleaseOwned {
        self.release_many_owned(1)
    }

    /// [`release_many`](Self::release_many) with a share of the semaphore instead of a borrow.
    #[inline]
    pub fn release_many_owned(self: &Arc<Self>, n: u32) -> ReleaseOwned {
        Request::new(Arc::clone(self), n)
    }

    /// Closes it for good (C12): whoever waits, on both sides, is woken with `Closed`, and later requests fail with `Closed`.
    ///
    /// What is out can still come back: guards drop, and `release` succeeds while so many permits are loose.
    /// A second close does nothing.
    pub fn close(&self) {
        self.core.close();
    }

    /// Whether it was closed.
    #[inline]
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.core.word().closed()
    }

    /// Adds `n` permits; whoever they suffice for goes ahead at once (C13).
    ///
    /// # Errors
    ///
    /// If it would have more than [`MAX_PERMITS`](Self::MAX_PERMITS); nothing has changed then.
    pub fn grow(&self, n: u32) -> Result<(), MaxPermitsError> {
        self.core.resize(|old| in_range(i64::from(old) + i64::from(n)))
    }

    /// Takes `n` permits away: free ones now, and those that are out as they come back (C13).
    ///
    /// While fewer permits exist than are out, nothing is granted, [`available_permits`](Self::available_permits) is 0 and
    /// [`given_out`](Self::given_out) says how many are out. Whoever waits for more than are left gets `TooMany` (C7).
    ///
    /// # Errors
    ///
    /// If fewer than one would be left; nothing has changed then.
    pub fn shrink(&self, n: u32) -> Result<(), MaxPermitsError> {
        self.core.resize(|old| in_range(i64::from(old) - i64::from(n)))
    }

    /// Sets the number of permits: [`grow`](Self::grow) or [`shrink`](Self::shrink), whichever it takes.
    ///
    /// # Errors
    ///
    /// If `n` is not within `1..=`[`MAX_PERMITS`](Self::MAX_PERMITS); nothing has changed then.
    pub fn set_max_permits(&self, n: u32) -> Result<(), MaxPermitsError> {
        self.core.resize(|_| in_range(i64::from(n)))
    }

    /// How many permits there are, given out or not.
    #[inline]
    #[must_use]
    pub fn max_permits(&self) -> u32 {
        self.core.max()
    }

    /// How often a waiter may be passed (C8): [`DEFAULT_OVERTAKES`](Self::DEFAULT_OVERTAKES) unless made otherwise, 0 if it is
    /// [`fair`](Self::fair).
    #[inline]
    #[must_use]
    pub fn overtakes(&self) -> u32 {
        self.core.bound()
    }

    /// How many permits were free at some instant of the call: a reading, not a promise (C15).
    #[inline]
    #[must_use]
    pub fn available_permits(&self) -> u32 {
        self.core.word().free().max(0).unsigned_abs()
    }

    /// How many permits were out, held or loose (C15). Takes the lock of the queues.
    #[must_use]
    pub fn given_out(&self) -> u32 {
        self.state().given_out
    }

    /// How many permits were out with no guard that owns them (C15).
    #[inline]
    #[must_use]
    pub fn loose(&self) -> u32 {
        self.core.word().loose()
    }

    /// How many threads and tasks were queued to acquire (C15). Takes the lock of the queues.
    #[must_use]
    pub fn waiting_acquirers(&self) -> usize {
        self.state().waiting_acquirers as usize
    }

    /// How many threads and tasks were queued to release (C15). Takes the lock of the queues.
    #[must_use]
    pub fn waiting_releasers(&self) -> usize {
        self.state().waiting_releasers as usize
    }

    /// All readings at one instant (C15). Takes the lock of the queues.
    #[must_use]
    pub fn state(&self) -> State {
        self.core.read(&self.core.lock())
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Semaphore")
            .field("max_permits", &state.max_permits)
            .field("available_permits", &state.available_permits)
            .field("given_out", &state.given_out)
            .field("loose", &state.loose)
            .field("waiting_acquirers", &state.waiting_acquirers)
            .field("waiting_releasers", &state.waiting_releasers)
            .field("closed", &state.closed)
            .field("overtakes", &self.core.bound())
            .finish()
    }
}

fn in_range(max: i64) -> Result<u32, MaxPermitsError> {
    match u32::try_from(max) {
        Ok(max @ 1..=Semaphore::MAX_PERMITS) => Ok(max),
        _ => Err(MaxPermitsError { requested: max, limit: Semaphore::MAX_PERMITS }),
    }
}

/// Panics with both numbers in the text, which a const fn may not format by the usual means.
#[track_caller]
const fn refuse(max_permits: u32) -> ! {
    const BEFORE: &[u8] = b"max_permits cannot be `";
    const AFTER: &[u8] = b"`: it ranges from `1` to `4194303`";
    const _: () = assert!(Semaphore::MAX_PERMITS == 4_194_303);
    const DIGITS: usize = 10;

    let mut text = [0; BEFORE.len() + DIGITS + AFTER.len()];
    let mut digits = 1;
    while digits < DIGITS && max_permits >= 10u32.pow(digits as u32) {
        digits += 1;
    }
    let mut at = 0;
    while at < BEFORE.len() {
        text[at] = BEFORE[at];
        at += 1;
    }
    let mut digit = digits;
    let mut rest = max_permits;
    while digit > 0 {
        digit -= 1;
        text[at + digit] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    at += digits;
    let mut after = 0;
    while after < AFTER.len() {
        text[at] = AFTER[after];
        after += 1;
        at += 1;
    }
    let (text, _) = text.split_at(at);
    match std::str::from_utf8(text) {
        Ok(text) => panic!("{}", text),
        Err(_) => panic!("max_permits is out of range"),
    }
}
