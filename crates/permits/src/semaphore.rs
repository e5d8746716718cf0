//! [`Semaphore`]: the public type, how it is made, resized, closed and read. What it hands out is in
//! `verbs.rs`.

use crate::engine::core::Core;
use crate::engine::sync::const_unless_modelled;
use crate::error::exact::MaxPermitsError;
use crate::error::texts::refuse_max;
#[cfg(feature = "check")]
use crate::identity::Identity;
use crate::state::{self, State};
use std::fmt;

/// A counting semaphore for threads and tasks, whose [`release`](Self::release) waits too.
///
/// It hands out a fixed number of permits. [`acquire`](Self::acquire) waits until enough permits are free.
/// [`release`](Self::release) waits until enough are *loose*, that is, given out without a guard. The
/// [contract](crate::contract) has every promise as a numbered clause, C1 to C22.
///
/// # Fairness
///
/// Two policies (C8). Both keep acquirers in one queue and releasers in another, threads and tasks mixed.
///
/// - [`new`](Self::new), *bounded overtaking*: a running thread, or a try, may take free permits ahead of
///   waiters, which is many times faster if threads hold permits for less than a few microseconds. No waiter
///   is passed more than [`DEFAULT_OVERTAKES`](Self::DEFAULT_OVERTAKES) times, and the first in line not for
///   much longer than a millisecond: then newcomers queue, and permits are handed to it. A task never passes
///   a waiter.
/// - [`fair`](Self::fair), first come, first served: nothing passes a waiter.
///
/// # Memory ordering
///
/// What happens before a permit is returned happens before what follows the acquire that takes it, and what
/// happens before an acquire happens before what follows the release that it lets through (C14).
///
/// # Size
///
/// 64 bytes, no heap. No operation allocates (C16), as far as the standard library's mutex does not (on a few
/// systems that are neither Linux, Windows nor a BSD it does, once, at its first use).
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
    /// For the debug check.
    #[cfg(feature = "check")]
    pub(crate) identity: Identity,
}

impl Semaphore {
    /// The most permits that a semaphore can have: 2²² - 1, that is 4,194,303.
    ///
    /// All counts and flags share one 64-bit word, which is what makes every operation a single atomic step.
    /// To meter larger amounts, count in units: bytes by the 4 KiB reach 16 GiB.
    pub const MAX_PERMITS: u32 = state::MAX_PERMITS;

    /// How often a waiter may be passed under [`new`](Self::new): 65,536 times (2¹⁶).
    ///
    /// That many passings of 50 ns each are some 3 ms. The number is this large since it is counted for every
    /// waiter over its whole wait: with many threads on one permit a smaller one makes hand-overs, which cost
    /// microseconds, the rule; a larger one gains nothing that could be measured. `docs/performance.md` has
    /// the curve of throughput and longest wait against it.
    pub const DEFAULT_OVERTAKES: u32 = 1 << 16;

    const_unless_modelled! {
        /// Makes a semaphore of `max_permits` permits, all free, with bounded overtaking.
        ///
        /// # Panics
        ///
        /// If `max_permits` is not within `1..=`[`MAX_PERMITS`](Self::MAX_PERMITS); in a `const` or `static`
        /// that is a compile error. [`try_new`](Self::try_new) returns an error instead.
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

        /// Makes a semaphore in which no waiter is passed more than `overtakes` times; 0 is
        /// [`fair`](Self::fair).
        ///
        /// # Panics
        ///
        /// As [`new`](Self::new).
        #[must_use]
        #[track_caller]
        pub fn with_overtaking(max_permits: u32, overtakes: u32) -> Semaphore {
            if max_permits == 0 || max_permits > Semaphore::MAX_PERMITS {
                refuse_max(max_permits);
            }
            Semaphore {
                core: Core::new(max_permits, overtakes),
                #[cfg(feature = "check")]
                identity: Identity::new(),
            }
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
                return Err(MaxPermitsError::new(max_permits as i64, Semaphore::MAX_PERMITS));
            }
            Ok(Semaphore {
                core: Core::new(max_permits, overtakes),
                #[cfg(feature = "check")]
                identity: Identity::new(),
            })
        }
    }

    /// Closes the semaphore for good (C12): wakes all waiters of both sides with `Closed`, and lets later
    /// requests fail with `Closed`.
    ///
    /// Permits that are out can still come back: guards drop, and `release` succeeds while enough permits are
    /// loose. A second close does nothing.
    pub fn close(&self) {
        self.core.close();
    }

    /// Whether the semaphore was closed.
    #[inline]
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.core.word().closed()
    }

    /// Adds `n` permits, and serves waiters with them at once (C13).
    ///
    /// # Errors
    ///
    /// If there would be more than [`MAX_PERMITS`](Self::MAX_PERMITS); nothing has changed then.
    pub fn grow(&self, n: u32) -> Result<(), MaxPermitsError> {
        self.core.resize(|old| in_range(i64::from(old) + i64::from(n)))
    }

    /// Removes `n` permits: free ones now, and those that are out as they come back (C13).
    ///
    /// While fewer permits exist than are out, nothing is granted,
    /// [`available_permits`](Self::available_permits) is 0 and [`given_out`](Self::given_out) says how many
    /// are out. A waiter that asks for more than are left gets `TooMany` (C7).
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

    /// How often a waiter may be passed (C8): [`DEFAULT_OVERTAKES`](Self::DEFAULT_OVERTAKES) unless made
    /// otherwise, 0 if it is [`fair`](Self::fair).
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
        _ => Err(MaxPermitsError::new(max, Semaphore::MAX_PERMITS)),
    }
}
