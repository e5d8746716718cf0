//! Where letters for a loop are left.

use crate::locks::lock;
use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};

/// Letters of type `L` for one loop, and a bell that it hears. `H` are those who have to hear of its end.
///
/// Generic, since a letter in turn knows the mailbox that it goes by.
pub(crate) struct Mailbox<L, H> {
    bell: OwnedFd,
    letters: Mutex<VecDeque<Arc<L>>>,
    homes: Mutex<Vec<Weak<H>>>,
    closed: AtomicBool,
}

impl<L, H> Mailbox<L, H> {
    pub(crate) fn new() -> Result<Mailbox<L, H>, Errno> {
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Mailbox { bell, letters: Mutex::default(), homes: Mutex::default(), closed: AtomicBool::new(false) })
    }

    /// What is readable when there are letters.
    pub(crate) fn bell(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    pub(crate) fn is_closed(&self) -> bool {
        // Acquire: pairs with the Release in `close`.
        self.closed.load(Ordering::Acquire)
    }

    pub(crate) fn join(&self, home: &Arc<H>) {
        let mut homes = lock(&self.homes);
        // Those that are gone go before the list would have to grow.
        if homes.len() == homes.capacity() {
            homes.retain(|home| home.strong_count() > 0);
        }
        homes.push(Arc::downgrade(home));
    }

    /// From any thread, attached or not. `false` if the loop is closed.
    pub(crate) fn post(&self, letter: Arc<L>) -> bool {
        let mut letters = lock(&self.letters);
        if self.is_closed() {
            return false;
        }
        letters.push_back(letter);
        // With the lock held, so that a reader that finds it empty has not missed the ring of what comes next.
        self.ring();
        true
    }

    /// The loop will look at what is ready.
    pub(crate) fn ring(&self) {
        // It fails only if it was rung 2⁶⁴ - 1 times since it was read.
        let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
    }

    /// The first letter, which stays there. If there is none, the bell is silent until the next.
    pub(crate) fn first(&self) -> Option<Arc<L>> {
        let letters = lock(&self.letters);
        let first = letters.front().cloned();
        if first.is_none() {
            let _ = rustix::io::read(&self.bell, &mut [0; 8]);
        }
        first
    }

    /// Takes the first letter out.
    pub(crate) fn take(&self) -> Option<Arc<L>> {
        lock(&self.letters).pop_front()
    }

    /// The loop is closed: nobody posts from here on. Who has to hear of it.
    pub(crate) fn close(&self) -> Vec<Arc<H>> {
        let letters = {
            let mut letters = lock(&self.letters);
            // Release: pairs with the Acquire in `is_closed`.
            self.closed.store(true, Ordering::Release);
            std::mem::take(&mut *letters)
        };
        drop(letters);
        let homes = std::mem::take(&mut *lock(&self.homes));
        homes.iter().filter_map(Weak::upgrade).collect()
    }
}
