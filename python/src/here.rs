//! A semaphore of this process, and of each child that inherits it.
//!
//! After a fork the child has one thread. The waiters of the parent are gone, and must not be granted
//! anything; permits of the other threads stay out, as it does when a thread ends without returning it. So a
//! child begins a semaphore of its own, with the counts that it finds and with empty queues, at its first
//! use. The old one is never touched again: its queues point to waiters that do not exist.

use crate::locks::lock;
use permits::{OwnedPermit, Semaphore};
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

/// How many forks lie between this process and the one that loaded the module.
static GENERATION: AtomicU64 = AtomicU64::new(0);

/// In the child of a fork, before anything else is done there.
pub(crate) fn begin_generation() {
    // Relaxed, here and below: a child has one thread at first.
    GENERATION.fetch_add(1, Ordering::Relaxed);
}

#[inline]
pub(crate) fn generation() -> u64 {
    GENERATION.load(Ordering::Relaxed)
}

pub(crate) struct Here {
    generation: u64,
    sem: Arc<Semaphore>,
    /// What guards of earlier generations hold, as one; they return it piece by piece.
    inherited: Mutex<Option<OwnedPermit>>,
    next: OnceLock<Box<Here>>,
}

impl Here {
    pub(crate) fn new(sem: Semaphore) -> Here {
        Here { generation: generation(), sem: Arc::new(sem), inherited: Mutex::new(None), next: OnceLock::new() }
    }

    /// The semaphore of this process.
    #[inline]
    pub(crate) fn sem(&self) -> &Arc<Semaphore> {
        if self.generation == generation() { &self.sem } else { &self.latest().sem }
    }

    #[cold]
    fn latest(&self) -> &Here {
        let now = generation();
        let mut at = self;
        while at.generation != now {
            at = at.next.get_or_init(|| Box::new(at.reborn(now)));
        }
        at
    }

    /// The same counts, and no waiters.
    fn reborn(&self, generation: u64) -> Here {
        let state = self.sem.state();
        // More may be out than there shall be (C13).
        let size = state.max_permits.max(state.given_out);
        let sem = Arc::new(Semaphore::with_overtaking(size, self.sem.overtakes()));
        let all_free = "no other thread knows it yet";
        sem.acquire_many(state.loose).loose().try_now().expect(all_free);
        let held = sem.try_acquire_many_owned(state.given_out - state.loose).expect(all_free);
        sem.set_max_permits(state.max_permits).expect("a number that it had");
        if state.closed {
            sem.close();
        }
        Here { generation, sem, inherited: Mutex::new(Some(held)), next: OnceLock::new() }
    }

    /// `n` of the permits that guards of earlier generations hold, as this process has them.
    fn inherit(&self, n: u32) -> OwnedPermit {
        let mut inherited = lock(&self.latest().inherited);
        let all = inherited.as_mut().expect("a later generation has what was inherited");
        all.split(n).expect("what guards hold was counted")
    }

    /// What a request of an earlier generation had been granted.
    pub(crate) fn claim(&self, n: u32) -> Option<OwnedPermit> {
        let mut inherited = lock(&self.latest().inherited);
        inherited.as_mut()?.split(n).ok()
    }
}

/// Permits that are held, in the generation in which they were. In a child after fork they are the child's
/// own, from the first use on.
pub(crate) struct Guard {
    of: Arc<Here>,
    /// `None` once it is taken out.
    permit: Option<OwnedPermit>,
    generation: u64,
}

impl Guard {
    pub(crate) fn new(of: &Arc<Here>, permit: OwnedPermit) -> Guard {
        Guard { of: Arc::clone(of), permit: Some(permit), generation: generation() }
    }

    pub(crate) fn count(&self) -> u32 {
        self.permit.as_ref().map_or(0, OwnedPermit::count)
    }

    /// The permits, as this process has them.
    fn take(&mut self) -> Option<OwnedPermit> {
        let permit = self.permit.take()?;
        if self.generation == generation() {
            return Some(permit);
        }
        let n = permit.count();
        // Its semaphore is the parent's copy, which is not touched any more.
        mem::forget(permit);
        Some(self.of.inherit(n))
    }

    pub(crate) fn into_permit(mut self) -> OwnedPermit {
        self.take().expect("it is there from `new` on, but while it is split or merged")
    }

    /// Splits `n` off; `None` if it has fewer.
    pub(crate) fn split(&mut self, n: u32) -> Option<Guard> {
        let mut permit = self.take()?;
        let part = permit.split(n).ok();
        self.put(permit);
        part.map(|part| Guard::new(&self.of, part))
    }

    /// Takes in those of `other`; gives it back if it is of another semaphore.
    pub(crate) fn merge(&mut self, mut other: Guard) -> Result<(), Guard> {
        let (Some(mut mine), Some(theirs)) = (self.take(), other.take()) else { return Err(other) };
        let rest = mine.merge(theirs).err();
        self.put(mine);
        match rest {
            None => Ok(()),
            Some(error) => {
                other.put(error.into_permit());
                Err(other)
            }
        }
    }

    fn put(&mut self, permit: OwnedPermit) {
        *self = Guard::new(&self.of, permit);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.take());
    }
}
