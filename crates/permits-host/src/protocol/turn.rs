//! Whose turn it is among the threads of one process: a lock that no other process ever waits for.

use crate::protocol::layout::record;
use crate::sync::{AtomicBool, AtomicU64, Ordering, wait_for_turn};

/// What a seat remembers of its last commit, and whose turn it is to commit from it: a seat has one record to
/// write to, and a process many threads.
#[derive(Debug, Default)]
pub(crate) struct Memo {
    taken: AtomicBool,
    /// The root after the last commit, all changes of which are made; 0 at first.
    pub(super) root: AtomicU64,
    pub(super) book: [AtomicU64; record::BOOK_WORDS],
    /// The seat's `OWN`.
    pub(super) own: AtomicU64,
}

/// A turn.
pub(crate) struct Turn<'a>(&'a Memo);

impl Memo {
    /// Waits for its turn. No thread keeps it for longer than a commit takes, and no other process ever waits
    /// for it; a thread that has it and does not finish was interrupted, and gets the processor.
    #[inline]
    pub(crate) fn turn(&self) -> Turn<'_> {
        let mut failures = 0;
        // Acquire: pairs with the Release of whoever had it before; what it remembers is seen.
        while self.taken.swap(true, Ordering::Acquire) {
            failures += 1;
            wait_for_turn(failures);
        }
        Turn(self)
    }
}

impl std::ops::Deref for Turn<'_> {
    type Target = Memo;

    #[inline]
    fn deref(&self) -> &Memo {
        self.0
    }
}

impl Drop for Turn<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.taken.store(false, Ordering::Release);
    }
}
