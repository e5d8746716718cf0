//! A lease, for reaches over a network: permits are held until a deadline, which a session moves on as long
//! as it can.
//!
//! # The problem
//!
//! A server that cannot reach a holder must give its permits to others at some time, and the holder must know
//! before that happens (C20). Only the holder's own clock can show it, and that clock goes on while the
//! holder does not run, or is suspended.
//!
//! # The idea
//!
//! 1. A lease has a deadline on the holder's clock, computed from when the request for it was *sent*: so it
//!    is never later than the server's.
//! 2. Until that deadline the permits are held. A holder that looks from then on finds them lost, whether or
//!    not the server has noticed.
//! 3. The deadline is one word. Renewing moves it by an exchange, and so does losing, which writes `LOST`
//!    over it for good.
//! 4. A caller that reads the clock and finds the deadline passed records that before it reports it. So the
//!    lease cannot come back to life after a caller has learnt that it is lost.
//! 5. This module has no thread and no timer. The session of a reach calls [`Lease::check`] at the deadline,
//!    to wake sleeping waiters.
//!
//! # Invariants
//!
//! - **L1 sticky.** Once a caller has learnt that it is lost, it stays lost: no renewal succeeds.
//! - **L2 forward.** A renewal never moves the deadline back: replies come out of order.
//! - **L3 told.** A task that waits in [`Lost`] when the lease is lost is woken, or finds it lost by its own
//!   look.
//! - **L4 no trace.** A [`Lost`] that is dropped leaves no waker behind (C10), in O(1).
//!
//! # Orderings
//!
//! All accesses to the deadline are Relaxed: L1 and L2 are of that one word, and nothing travels with it. L3
//! rests on the lock of the wakers: the thread that loses the lease writes `LOST` before it takes the lock; a
//! waiter leaves its waker and then looks, both under the lock. Either the waker is found, or the look comes
//! after and sees what was written.
//!
//! # What it gives up
//!
//! A holder that is paused between a look and its next act may overlap with the next holder: fencing tokens
//! are for that (C19). The reach must allow for clocks that run at different speeds, by an earlier deadline.
//!
//! # Sources
//!
//! Gray and Cheriton, *Leases* (1989). `clock_gettime(2)`, for `CLOCK_BOOTTIME`.

use crate::blocking::block_on_until;
use crate::engine::sync::{AtomicU64, Mutex, MutexGuard, Ordering};
use crate::engine::waiters::contained;
use crate::error::{Error, ErrorKind, Operation};
use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// Instead of a deadline: lost.
const LOST: u64 = 0;

/// A reading of a clock that counts from the boot of the machine and goes on while it is suspended.
///
/// On Linux this is `CLOCK_BOOTTIME`. Not [`Instant`], which stands still there while a laptop sleeps and its
/// lease runs out. This crate calls no system by itself, so the reach brings the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BootTime(u64);

impl BootTime {
    /// The time `since` boot; it saturates after 584 years.
    #[must_use]
    pub fn new(since: Duration) -> BootTime {
        BootTime(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
    }

    /// The time since boot.
    #[must_use]
    pub const fn since_boot(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    /// The time from `earlier` to this; zero if `earlier` is later.
    #[must_use]
    pub const fn saturating_duration_since(self, earlier: BootTime) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl std::ops::Add<Duration> for BootTime {
    type Output = BootTime;

    fn add(self, time: Duration) -> BootTime {
        BootTime::new(self.since_boot().saturating_add(time))
    }
}

/// The lease was lost before it could be renewed (C20).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LostLease;

impl fmt::Display for LostLease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the lease was lost before it was renewed")
    }
}

impl StdError for LostLease {}

/// Of the kind [`ErrorKind::Lost`], while the lease was renewed ([`Operation::Renew`]).
impl From<LostLease> for Error {
    fn from(lost: LostLease) -> Error {
        Error::new(ErrorKind::Lost, lost).with_operation(Operation::Renew)
    }
}

/// Until when permits are held. All permits of one lease share it, in an [`Arc`].
///
/// # Examples
///
/// ```
/// use permits::lease::{BootTime, Lease};
/// use std::{sync::Arc, time::Duration};
///
/// fn clock() -> BootTime {
///     BootTime::new(Duration::from_secs(5))      // a reach asks the system
/// }
///
/// let lease = Arc::new(Lease::new(clock, clock() + Duration::from_secs(10)));
/// assert_eq!(lease.remaining(), Duration::from_secs(10));
/// lease.renew(clock() + Duration::from_secs(15))?;
/// lease.revoke();
/// assert!(lease.is_lost() && lease.renew(clock() + Duration::from_secs(20)).is_err());
/// # Ok::<(), permits::lease::LostLease>(())
/// ```
pub struct Lease {
    /// In nanoseconds since boot, or [`LOST`].
    deadline: AtomicU64,
    clock: fn() -> BootTime,
    wakers: Mutex<Slots>,
}

/// The wakers of the tasks that wait for the loss: each [`Lost`] has a slot, from its first poll on.
#[derive(Default)]
struct Slots {
    wakers: Vec<Option<Waker>>,
    free: Vec<usize>,
}

impl Slots {
    fn take(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.wakers.push(None);
            self.wakers.len() - 1
        })
    }
}

impl Lease {
    /// A lease that is held until `valid_until` on that clock. `clock` has to go on while the machine is
    /// suspended, and never back.
    #[must_use]
    pub fn new(clock: fn() -> BootTime, valid_until: BootTime) -> Lease {
        Lease { deadline: AtomicU64::new(valid_until.0.max(1)), clock, wakers: Mutex::new(Slots::default()) }
    }

    /// Moves the deadline to `valid_until`, if that is later than it is now. `valid_until` comes from a
    /// server that has renewed the lease.
    ///
    /// # Errors
    ///
    /// If the lease was lost, or its deadline has passed on the clock when this looks: then it is lost from
    /// now on.
    pub fn renew(&self, valid_until: BootTime) -> Result<(), LostLease> {
        loop {
            let deadline = self.live().ok_or(LostLease)?;
            let later = valid_until.0.max(deadline);
            if self.exchange(deadline, later) {
                return Ok(());
            }
        }
    }

    /// Whether the lease is lost. Once this is `true` it stays so.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.live().is_none()
    }

    /// How long the lease is still held if it is not renewed; zero if it is lost.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        // From the one reading that found it held: a later one could say zero of a lease that is not marked
        // as lost (L1).
        self.look().map_or(Duration::ZERO, |(deadline, now)| Duration::from_nanos(deadline - now))
    }

    /// The deadline; `None` if it is lost.
    #[must_use]
    pub fn valid_until(&self) -> Option<BootTime> {
        self.live().map(BootTime)
    }

    /// Ends the lease now, for instance because the server says that it is gone. Wakes all that wait for the
    /// loss.
    pub fn revoke(&self) {
        self.deadline.swap(LOST, Ordering::Relaxed);
        self.wake_all();
    }

    /// Looks at the clock, for the session of a reach, which sleeps in between. If the deadline has passed,
    /// the lease is lost from here on, all that wait for the loss are woken, and the result is `None`.
    /// Otherwise the lease is held, and the result is the deadline, the time to look again.
    ///
    /// It changes nothing else, and it may be called at any time. Ending a lease early is
    /// [`revoke`](Self::revoke).
    #[must_use = "it is when to look again"]
    pub fn check(&self) -> Option<BootTime> {
        self.valid_until()
    }

    /// Returns a future that is ready once the lease is lost. It borrows nothing.
    ///
    /// # Cancel safety
    ///
    /// It may be dropped at any time, and leaves no trace.
    #[must_use = "a future does nothing until it is awaited"]
    pub fn lost(self: &Arc<Self>) -> Lost {
        Lost { lease: Arc::clone(self), slot: None }
    }

    /// Blocks the thread until the lease is lost, or for `time` at most; returns whether it is lost.
    ///
    /// It looks at the deadline by itself, so it notices the loss even if the session is late or gone. It
    /// sleeps by a clock that stands still while the machine is suspended, so after a suspension it may be
    /// late by the time that was left to the deadline before.
    #[must_use]
    pub fn wait_lost(self: &Arc<Self>, time: Duration) -> bool {
        let end = Instant::now().checked_add(time);
        loop {
            let look = Instant::now().checked_add(self.remaining());
            let until = [end, look].into_iter().flatten().min();
            if block_on_until(self.lost(), until).is_some() {
                return true;
            }
            if end.is_some_and(|end| end <= Instant::now()) {
                return self.is_lost();
            }
        }
    }

    /// The deadline of a lease that is not lost. One whose deadline has passed is lost from here on (L1).
    fn live(&self) -> Option<u64> {
        self.look().map(|(deadline, _)| deadline)
    }

    /// As [`live`](Self::live), with the time at which it was held.
    fn look(&self) -> Option<(u64, u64)> {
        loop {
            // Relaxed, all of them: see the essay.
            let deadline = self.deadline.load(Ordering::Relaxed);
            if deadline == LOST {
                return None;
            }
            let now = (self.clock)().0;
            if now < deadline {
                return Some((deadline, now));
            }
            // A renewal may have come in between; then its deadline is what counts.
            if self.exchange(deadline, LOST) {
                self.wake_all();
                return None;
            }
        }
    }

    fn exchange(&self, from: u64, to: u64) -> bool {
        self.deadline.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        // Nothing panics under this lock.
        self.wakers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// After [`LOST`] was written (L3). Wakers are foreign code, so they are called with the lock free.
    fn wake_all(&self) {
        let wakers: Vec<Waker> = self.slots().wakers.iter_mut().filter_map(Option::take).collect();
        for waker in wakers {
            contained(|| waker.wake());
        }
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let deadline = self.deadline.load(Ordering::Relaxed);
        let deadline = (deadline != LOST).then_some(Duration::from_nanos(deadline));
        f.debug_struct("Lease").field("valid_until", &deadline).finish_non_exhaustive()
    }
}

/// A future that is ready once a [`Lease`] is lost: see [`Lease::lost`].
#[must_use = "a future does nothing until it is awaited"]
pub struct Lost {
    lease: Arc<Lease>,
    slot: Option<usize>,
}

impl Future for Lost {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.lease.is_lost() {
            return Poll::Ready(());
        }
        // Cloned before the lock and dropped after it: wakers are foreign code.
        let mut waker = Some(context.waker().clone());
        let lease = Arc::clone(&self.lease);
        let mut slots = lease.slots();
        let slot = *self.slot.get_or_insert_with(|| slots.take());
        std::mem::swap(&mut slots.wakers[slot], &mut waker);
        // L3: after the waker is there, with the lock held.
        let is_lost = lease.deadline.load(Ordering::Relaxed) == LOST;
        drop(slots);
        drop(waker);
        if is_lost { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Lost {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            let mut slots = self.lease.slots();
            let waker = slots.wakers[slot].take();
            slots.free.push(slot);
            drop(slots);
            contained(|| drop(waker));
        }
    }
}

impl fmt::Debug for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lost").field("lease", &self.lease).finish_non_exhaustive()
    }
}
