//! Where letters for a loop are left.

use crate::here::generation;
use crate::locks::{Attached, lock};
use pyo3::Python;
use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::mem;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Letters of type `L` for one loop, and a bell that it hears. `H` are those who have to hear of its end.
///
/// Generic, since a letter in turn knows the mailbox that it goes by.
pub(crate) struct Mailbox<L, H> {
    bell: OwnedFd,
    letters: Attached<VecDeque<Arc<L>>>,
    /// Of threads that are not Python's. A fork may come while one of them has it: in the child it is not
    /// touched.
    outside: Mutex<VecDeque<Arc<L>>>,
    homes: Attached<Vec<Weak<H>>>,
    closed: AtomicBool,
    /// The generation of forks that it belongs to.
    generation: u64,
}

impl<L, H> Mailbox<L, H> {
    pub(crate) fn new() -> Result<Mailbox<L, H>, Errno> {
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Mailbox {
            bell,
            letters: Attached::new(VecDeque::new()),
            outside: Mutex::default(),
            homes: Attached::new(Vec::new()),
            closed: AtomicBool::new(false),
            generation: generation(),
        })
    }

    /// What is readable when there are letters.
    pub(crate) fn bell(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    pub(crate) fn is_closed(&self) -> bool {
        // Acquire: pairs with the Release in `close`.
        self.closed.load(Ordering::Acquire)
    }

    pub(crate) fn join(&self, py: Python<'_>, home: &Arc<H>) {
        let mut homes = self.homes.lock(py);
        // Those that are gone go before the list would have to grow.
        if homes.len() == homes.capacity() {
            homes.retain(|home| home.strong_count() > 0);
        }
        homes.push(Arc::downgrade(home));
    }

    /// `false` if the loop is closed.
    pub(crate) fn post(&self, py: Python<'_>, letter: Arc<L>) -> bool {
        self.push(&mut self.letters.lock(py), letter) && self.ring()
    }

    /// From a thread that is not attached.
    pub(crate) fn post_from_outside(&self, letter: Arc<L>) -> bool {
        self.push(&mut lock(&self.outside), letter) && self.ring()
    }

    fn push(&self, letters: &mut VecDeque<Arc<L>>, letter: Arc<L>) -> bool {
        let is_open = !self.is_closed();
        if is_open {
            letters.push_back(letter);
        }
        is_open
    }

    /// The loop will look at what is ready.
    fn ring(&self) -> bool {
        // It fails only if it was rung 2⁶⁴ - 1 times since it was read.
        let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
        true
    }

    /// The first letter, which stays there. If there is none, the bell is silent until the next.
    pub(crate) fn first(&self, py: Python<'_>) -> Option<Arc<L>> {
        self.look(py).or_else(|| {
            if self.is_inherited() {
                // The bell is the parent's as well, who is to hear it.
                return None;
            }
            // Letters are pushed before the bell is rung: what comes after the second look rings after this.
            let _ = rustix::io::read(&self.bell, &mut [0; 8]);
            self.look(py)
        })
    }

    fn look(&self, py: Python<'_>) -> Option<Arc<L>> {
        let mut letters = self.letters.lock(py);
        if letters.is_empty() && !self.is_inherited() {
            letters.append(&mut lock(&self.outside));
        }
        letters.front().cloned()
    }

    /// Takes the first letter out.
    pub(crate) fn take(&self, py: Python<'_>) -> Option<Arc<L>> {
        self.letters.lock(py).pop_front()
    }

    /// The loop is closed: no thread posts from here on. Returns those that must hear of it.
    pub(crate) fn close(&self, py: Python<'_>) -> Vec<Arc<H>> {
        // Release: pairs with the Acquire in `is_closed`. Who posted before is found below.
        self.closed.store(true, Ordering::Release);
        let letters = mem::take(&mut *self.letters.lock(py));
        drop(letters);
        if !self.is_inherited() {
            let letters = mem::take(&mut *lock(&self.outside));
            drop(letters);
        }
        let homes = mem::take(&mut *self.homes.lock(py));
        homes.iter().filter_map(Weak::upgrade).collect()
    }

    /// This is a child after fork, and it is the parent's.
    fn is_inherited(&self) -> bool {
        self.generation != generation()
    }
}

impl<L, H> Drop for Mailbox<L, H> {
    fn drop(&mut self) {
        if self.is_inherited() {
            // As the fork found it, perhaps in the middle of a change.
            mem::forget(mem::take(self.outside.get_mut().unwrap_or_else(PoisonError::into_inner)));
        }
    }
}
