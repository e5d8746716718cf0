//! One waiter.

use crate::engine::sync::{AtomicU8, Ordering, Thread, UnsafeCell};
use crate::engine::word::{Act, Manner};
use crate::error::refusal::Refusal;
use std::marker::PhantomPinned;
use std::ptr;
use std::task::Waker;
use std::time::Instant;

/// What has become of a waiter; see the table in the module's essay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Stage {
    Idle,
    Waiting,
    Notified,
    Granted,
    Closed,
    TooMany,
    Refusing,
}

impl Stage {
    const ALL: [Stage; 7] =
        [Stage::Idle, Stage::Waiting, Stage::Notified, Stage::Granted, Stage::Closed, Stage::TooMany, Stage::Refusing];
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

/// The part of a node that belongs to the lock of the semaphore.
pub(super) struct Linked {
    pub(super) prev: *const Node,
    pub(super) next: *const Node,
    /// Present while linked.
    pub(super) wake: Option<Wake>,
    /// Since when it is known that others pass this head; `None` until a thread looks.
    pub(super) passed_since: Option<Instant>,
    /// The queue's count of passings when it came.
    pub(super) stamp: u32,
    /// How many permits there were when it was refused.
    pub(super) max: u32,
    /// It has been passed for long enough: newcomers may no longer pass it.
    pub(super) starved: bool,
}

pub(crate) struct Node {
    pub(super) linked: UnsafeCell<Linked>,
    pub(super) n: u32,
    pub(super) act: Act,
    pub(super) stage: AtomicU8,
    /// Others hold pointers to it (I2).
    _pinned: PhantomPinned,
}

impl Node {
    #[inline]
    pub(crate) fn new(act: Act, n: u32) -> Node {
        Node {
            linked: UnsafeCell::new(Linked {
                prev: ptr::null(),
                next: ptr::null(),
                wake: None,
                passed_since: None,
                stamp: 0,
                max: 0,
                starved: false,
            }),
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

    #[inline]
    pub(crate) fn count(&self) -> u32 {
        self.n
    }

    #[inline]
    pub(crate) fn stage(&self) -> Stage {
        // Acquire: pairs with the Release stores of `Queue::pop`; brings what happened before the grant
        // (C14), and the word that nobody else touches this node any more (I3).
        Stage::ALL[usize::from(self.stage.load(Ordering::Acquire))]
    }

    /// Why a node in the stage `TooMany`, or one that has left in the stage `Refusing`, was refused. For its
    /// owner.
    pub(crate) fn too_many(&self) -> Refusal {
        // SAFETY: the node is not linked any more, so that it is its owner's alone (I3), and this is a copy.
        let max = self.linked.with_mut(|linked| unsafe { (*linked).max });
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
    #[inline]
    fn drop(&mut self) {
        if matches!(self.stage(), Stage::Waiting | Stage::Notified | Stage::Refusing) {
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
