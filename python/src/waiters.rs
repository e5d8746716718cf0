//! The tasks that wait for a semaphore.

use crate::here::generation;
use crate::locks::Attached;
#[cfg(target_os = "linux")]
use crate::mailbox::Mailbox;
use pyo3::Python;
use std::sync::Arc;
#[cfg(target_os = "linux")]
use std::sync::Weak;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// The mailbox of a loop in which slots of a type wait.
#[cfg(target_os = "linux")]
pub(crate) type MailboxOf<S> = Mailbox<S, Waiters<S>>;

/// All tasks that wait for one semaphore, each by its slot. They are here for the garbage collector: a task
/// that waits for a semaphore is alive as long as the semaphore is, even if nothing else refers to the task;
/// and all of them go together.
///
/// Generic, since a slot in turn knows the list that it is in.
pub(crate) struct Waiters<S> {
    list: Attached<List<S>>,
    /// Tasks that were granted and have not resumed since: newcomers let them go first, as asyncio's do.
    resuming: AtomicU32,
    /// The generation of forks in which they were counted.
    counted_in: AtomicU64,
}

struct List<S> {
    slots: Vec<Option<Arc<S>>>,
    free: Vec<usize>,
    /// The loops in which they wait, or others have waited: those know the list too.
    #[cfg(target_os = "linux")]
    mailboxes: Vec<Weak<MailboxOf<S>>>,
}

impl<S> List<S> {
    fn add(&mut self, slot: &Arc<S>) -> usize {
        let slot = Some(Arc::clone(slot));
        match self.free.pop() {
            Some(place) => {
                self.slots[place] = slot;
                place
            }
            None => {
                self.slots.push(slot);
                self.slots.len() - 1
            }
        }
    }

    /// `false` if it is known already.
    #[cfg(target_os = "linux")]
    fn meet(&mut self, mailbox: &Arc<MailboxOf<S>>) -> bool {
        if self.mailboxes.iter().any(|known| known.as_ptr() == Arc::as_ptr(mailbox)) {
            return false;
        }
        self.mailboxes.retain(|known| known.strong_count() > 0);
        self.mailboxes.push(Arc::downgrade(mailbox));
        true
    }
}

impl<S> Waiters<S> {
    pub(crate) fn new() -> Arc<Waiters<S>> {
        Arc::new(Waiters {
            list: Attached::new(List {
                slots: Vec::new(),
                free: Vec::new(),
                #[cfg(target_os = "linux")]
                mailboxes: Vec::new(),
            }),
            resuming: AtomicU32::new(0),
            counted_in: AtomicU64::new(generation()),
        })
    }

    /// A task waits; its place.
    pub(crate) fn add(&self, py: Python<'_>, slot: &Arc<S>) -> usize {
        self.list.lock(py).add(slot)
    }

    /// It waits no more. The caller drops what it returns.
    pub(crate) fn remove(&self, py: Python<'_>, place: usize) -> Option<Arc<S>> {
        let mut list = self.list.lock(py);
        let slot = list.slots.get_mut(place)?.take()?;
        list.free.push(place);
        Some(slot)
    }

    /// Has the loop of a mailbox know of this list.
    #[cfg(target_os = "linux")]
    pub(crate) fn join(self: &Arc<Self>, py: Python<'_>, mailbox: &Arc<MailboxOf<S>>) {
        let is_new = self.list.lock(py).meet(mailbox);
        if is_new {
            mailbox.join(py, self);
        }
    }

    /// All slots.
    pub(crate) fn all(&self, py: Python<'_>) -> Vec<Arc<S>> {
        self.list.lock(py).slots.iter().flatten().cloned().collect()
    }

    /// For the garbage collector.
    pub(crate) fn traverse<E>(&self, mut visit: impl FnMut(&S) -> Result<(), E>) -> Result<(), E> {
        self.list.traverse(|list| list.slots.iter().flatten().try_for_each(|slot| visit(slot)))
    }

    /// A newcomer finds tasks that were granted before it and have not resumed yet.
    #[inline]
    pub(crate) fn are_resuming(&self) -> bool {
        // Relaxed, here and below: a matter of courtesy among the tasks of one thread.
        self.resuming.load(Ordering::Relaxed) > 0 && !self.forget_resuming()
    }

    pub(crate) fn count_resuming(&self) {
        self.forget_resuming();
        self.resuming.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn uncount_resuming(&self) {
        if !self.forget_resuming() {
            self.resuming.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// In a child after fork: they are the parent's. Only once.
    fn forget_resuming(&self) -> bool {
        let now = generation();
        if self.counted_in.load(Ordering::Relaxed) == now {
            return false;
        }
        self.counted_in.store(now, Ordering::Relaxed);
        self.resuming.store(0, Ordering::Relaxed);
        true
    }
}
