//! Points where a test can have the process killed or stopped, or a thread panic: the steps between which the file does
//! not record the whole truth.

/// A point at which the process dies. Each says what the file records then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
#[non_exhaustive]
#[cfg_attr(not(feature = "crash-points"), allow(unreachable_pub, reason = "public where it is of use"))]
pub enum Point {
    /// A commit is written down, and no other process knows of it.
    BeforeCommit = 1,
    /// The root names the commit; none of its changes is made.
    Committed,
    /// Some of its changes are made.
    ChangeMade,
    /// All of its changes are made; the waiters that were granted or refused are not woken.
    AllMade,
    /// A fast acquisition is committed, and its caller does not know.
    Taken,
    /// A request is queued, and no thread waits for it yet.
    Queued,
    /// It waits, and watches nothing yet.
    Waiting,
    /// It waits, and watches.
    Watching,
    /// The first in line has been granted, and was not told that it is out of the queue.
    Granted,
    /// A granted waiter knows, and its place in the table is not free yet.
    Collecting,
    /// In the hands of the caller.
    Held,
    /// Permits are on the way back; the book does not know.
    Returning,
    /// Permits are back, and the waiter that they were passed on to is not woken.
    Returned,
    /// One was woken, and the next was not told that it is the first.
    Woken,
    /// A wait is over by its time, and its place is still in the queue.
    TimedOut,
    /// A dead seat is found, and nothing of it is back.
    FoundDead,
    /// The waiters of a dead seat are out of the queue, its permits are not back.
    WaiterRemoved,
    /// All of a dead seat is back, and the seat is free.
    Recovered,
    /// The byte of a seat is locked, the seat is not taken.
    Locked,
    /// The seat is taken, and its handle is not made.
    Seated,
    /// A new file is complete, and has no name.
    Created,
    /// Room for more is backed, and the book does not know.
    Grown,
    /// A resize is committed; waiters that it made impossible are not refused yet.
    Resized,
    /// A close is committed; no waiter is woken.
    Closed,
    /// The process that becomes the command has not taken the lock on the byte of the seat's command yet.
    CommandForked,
    /// The lock is taken; the command is not executed yet.
    CommandLocked,
    /// A handle goes, and its seat is still taken.
    Leaving,
    /// A holder was asked to give up, and was not rung for.
    Revoked,
    /// A removal is committed; no waiter is woken, and the file still has its name.
    Removed,
    /// A handle has marked those that it supersedes, and rung for none.
    Superseded,
}

#[cfg(all(feature = "crash-points", not(permits_loom)))]
impl Point {
    /// All of them.
    pub const ALL: [Point; 30] = [
        Point::BeforeCommit,
        Point::Committed,
        Point::ChangeMade,
        Point::AllMade,
        Point::Taken,
        Point::Queued,
        Point::Waiting,
        Point::Watching,
        Point::Granted,
        Point::Collecting,
        Point::Held,
        Point::Returning,
        Point::Returned,
        Point::Woken,
        Point::TimedOut,
        Point::FoundDead,
        Point::WaiterRemoved,
        Point::Recovered,
        Point::Locked,
        Point::Seated,
        Point::Created,
        Point::Grown,
        Point::Resized,
        Point::Closed,
        Point::CommandForked,
        Point::CommandLocked,
        Point::Leaving,
        Point::Revoked,
        Point::Removed,
        Point::Superseded,
    ];
}

#[cfg(all(feature = "crash-points", not(permits_loom)))]
mod armed {
    use super::Point;
    use crate::process::sys;
    use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

    static AT: AtomicU32 = AtomicU32::new(0);
    static PASSES: AtomicI64 = AtomicI64::new(0);
    static ACT: AtomicU32 = AtomicU32::new(DIE);
    /// What happens there.
    const DIE: u32 = 0;
    const STOP: u32 = 1;
    const PANIC: u32 = 2;

    /// Kills this process (SIGKILL) when it passes `point` for the `passes`-th time from now; 1 is the next
    /// time.
    pub fn die_at(point: Point, passes: u32) {
        arm(point, passes, DIE);
    }

    /// Stops this process (SIGSTOP) when it passes `point` for the `passes`-th time from now; 1 is the next time.
    pub fn stop_at(point: Point, passes: u32) {
        arm(point, passes, STOP);
    }

    /// Lets the thread panic that passes `point` for the `passes`-th time from now; 1 is the next time.
    pub fn panic_at(point: Point, passes: u32) {
        arm(point, passes, PANIC);
    }

    fn arm(point: Point, passes: u32, act: u32) {
        // Relaxed: armed by the thread that then dies, or by one that does not care which thread does.
        ACT.store(act, Ordering::Relaxed);
        PASSES.store(i64::from(passes), Ordering::Relaxed);
        AT.store(point as u32, Ordering::Relaxed);
    }

    /// Cancels that.
    pub fn live() {
        AT.store(0, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn point(here: Point) {
        if AT.load(Ordering::Relaxed) == here as u32 && PASSES.fetch_sub(1, Ordering::Relaxed) == 1 {
            match ACT.load(Ordering::Relaxed) {
                STOP => sys::signal_myself(libc::SIGSTOP),
                PANIC => panic!("it was told to panic at {here:?}"),
                _ => loop {
                    sys::signal_myself(libc::SIGKILL);
                },
            }
        }
    }
}

#[cfg(all(feature = "crash-points", not(permits_loom)))]
pub(crate) use armed::point;
#[cfg(all(feature = "crash-points", not(permits_loom)))]
pub use armed::{die_at, live, panic_at, stop_at};

#[cfg(any(not(feature = "crash-points"), permits_loom))]
#[inline]
pub(crate) fn point(_: Point) {}
