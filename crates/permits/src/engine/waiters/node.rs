//! One waiter.

use crate::engine::sync::{AtomicU8, Ordering, Thread, UnsafeCell};
use crate::engine::word::{Act, Manner};
use crate::error::refusal::Refusal;
use std::marker::PhantomPinned;
use std::mem::MaybeUninit;
use std::task::Waker;

/// What has become of a waiter; see the table in the module's essay. Those that are linked come last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Stage {
    Idle,
    Granted,
    Closed,
    TooMany,
    Waiting,
    Notified,
    Refusing,
}

impl Stage {
    const ALL: [Stage; 7] =
        [Stage::Idle, Stage::Granted, Stage::Closed, Stage::TooMany, Stage::Waiting, Stage::Notified, Stage::Refusing];
    const FIRST_LINKED: Stage = Stage::Waiting;
}

/// How a waiter is told to look at its stage. Not `Clone`: to clone a waker is to run other people's code,
/// and most of these lie under the lock.
#[derive(Debug)]
pub(crate) enum Wake {
    Task(Waker),
    Thread(Thread),
    /// A thread that sleeps in a way of its own: see `Request::poll_passing`. `None` once it was told, until
    /// its next poll.
    Sleeper(Option<Waker>),
}

/// A task's.
impl From<Waker> for Wake {
    #[inline(always)]
    fn from(waker: Waker) -> Wake {
        Wake::Task(waker)
    }
}

impl Wake {
    /// For a request that is polled in that manner.
    pub(crate) fn polling(manner: Manner, waker: Waker) -> Wake {
        match manner {
            Manner::Queuing => Wake::Task(waker),
            Manner::Passing => Wake::Sleeper(Some(waker)),
        }
    }

    /// Never called with the lock held: wakers are other people's code.
    pub(crate) fn wake(self) {
        match self {
            Wake::Task(waker) | Wake::Sleeper(Some(waker)) => waker.wake(),
            // It was told before, and has not polled since: it will see its stage when it does.
            Wake::Sleeper(None) => {}
            Wake::Thread(thread) => thread.unpark(),
        }
    }
}

/// Since when it is known that others pass a head, in microseconds of `sync::ticks`: it is in every waiting future,
/// where an `Option<Instant>` would take four times the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Passed(u32);

impl Passed {
    /// Until a thread looks.
    pub(super) const UNKNOWN: Passed = Passed(0);
    /// For long enough: newcomers may no longer pass it.
    pub(super) const FOR_LONG: Passed = Passed(u32::MAX);

    pub(super) fn since(ticks: u32) -> Passed {
        Passed(ticks.clamp(Passed::UNKNOWN.0 + 1, Passed::FOR_LONG.0 - 1))
    }

    /// For how long, if a thread has looked. The clock wraps every 71 minutes: a head that is looked at so
    /// seldom may have to wait for one look more.
    pub(crate) fn for_micros(self, ticks: u32) -> Option<u32> {
        match self {
            Passed::UNKNOWN => None,
            Passed::FOR_LONG => Some(u32::MAX),
            // Clamped as the other, or the same moment would seem to be hours ago where that was moved.
            Passed(since) => Some(Passed::since(ticks).0.wrapping_sub(since)),
        }
    }
}

/// The part of a node that belongs to the lock of the semaphore. In this order: see [`Node`].
#[repr(C)]
pub(super) struct Linked {
    pub(super) prev: *const Node,
    pub(super) next: *const Node,
    /// Present while linked.
    pub(super) wake: Option<Wake>,
    pub(super) passed: Passed,
    /// The queue's count of passings when it came; once it is refused, how many permits there were.
    pub(super) stamp: u32,
}

/// In the order of their use: who gives up needs what comes first, down to the links, and a future lies
/// across two cache lines as often as not. In a queue of a million that is a quarter of what leaving it
/// costs.
#[repr(C)]
pub(crate) struct Node {
    pub(super) n: u32,
    pub(super) act: Act,
    pub(super) stage: AtomicU8,
    /// Written when the node is linked for the first time: most requests never are. Its waker is gone
    /// whenever the node is not linked, so that nothing is left to drop.
    pub(super) linked: UnsafeCell<MaybeUninit<Linked>>,
    /// Others hold pointers to it (I2).
    _pinned: PhantomPinned,
}

impl Node {
    #[inline(always)]
    pub(crate) fn new(act: Act, n: u32) -> Node {
        Node {
            linked: UnsafeCell::new(MaybeUninit::uninit()),
            n,
            act,
            stage: AtomicU8::new(Stage::Idle as u8),
            _pinned: PhantomPinned,
        }
    }

    #[inline]
    pub(crate) fn act(&self) -> Act {
        self.act
    }

    #[inline(always)]
    pub(crate) fn count(&self) -> u32 {
        self.n
    }

    #[inline]
    pub(crate) fn stage(&self) -> Stage {
        // Acquire: pairs with the Release stores of `Queue::pop`; brings what happened before the grant
        // (C14), and the word that nobody else touches this node any more (I3).
        Stage::ALL[usize::from(self.stage.load(Ordering::Acquire))]
    }

    /// Whether there is nothing to look at: it waits for nothing, and nothing has become of it. For its owner.
    #[inline(always)]
    pub(crate) fn is_idle(&self) -> bool {
        // Relaxed: the owner alone makes a node idle, or the opposite.
        self.stage.load(Ordering::Relaxed) == Stage::Idle as u8
    }

    /// Whether its permits are reserved for it. For its owner.
    #[inline(always)]
    pub(crate) fn is_granted(&self) -> bool {
        // Acquire: as in `stage`.
        self.stage.load(Ordering::Acquire) == Stage::Granted as u8
    }

    /// Why a node in the stage `TooMany`, or one that has left in the stage `Refusing`, was refused. For its
    /// owner.
    pub(crate) fn too_many(&self) -> Refusal {
        let max = self.linked.with_mut(|linked| {
            // SAFETY: the node is not linked any more, so that it is its owner's alone (I3).
            let linked = unsafe { &*linked };
            // SAFETY: it was linked before, and so written.
            unsafe { linked.assume_init_ref() }.stamp
        });
        Refusal::TooMany { requested: self.n, max }
    }

    /// For the owner of an unlinked node, or for the thread that holds the lock.
    #[inline]
    pub(crate) fn set_stage(&self, stage: Stage) {
        // Relaxed: the owner reads its own store, or the lock orders it.
        self.stage.store(stage as u8, Ordering::Relaxed);
    }
}

impl Drop for Node {
    #[inline(always)]
    fn drop(&mut self) {
        // Acquire: as in `stage`; what comes after it is the end of the memory.
        if self.stage.load(Ordering::Acquire) >= Stage::FIRST_LINKED as u8 {
            // I2: a queue still points here. Unwinding would leave it pointing at freed memory.
            std::process::abort();
        }
        // The memory goes: for the models, the last access of all, which nobody's may follow (I3).
        #[cfg(permits_loom)]
        self.linked.with_mut(|_| ());
    }
}

// SAFETY: what another thread may touch is `linked`, which only the lock's holder touches, `stage`, an
// atomic, and `n` and `act`, which nobody changes; an unlinked node is its owner's alone.
unsafe impl Send for Node {}
// SAFETY: as for `Send`: a shared reference gives no way to `linked` but through the queue, under its lock.
unsafe impl Sync for Node {}

#[cfg(all(test, not(any(permits_loom, permits_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a_head_was_passed_for_no_time_at_the_moment_when_the_first_looks() {
        for ticks in [0, 1, 2, u32::MAX / 2, u32::MAX - 1, u32::MAX] {
            assert_eq!(Passed::since(ticks).for_micros(ticks), Some(0), "{ticks}");
        }
        assert_eq!(Passed::since(u32::MAX - 4).for_micros(5), Some(10));
    }
}
