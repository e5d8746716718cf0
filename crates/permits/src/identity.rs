//! Which semaphore one is, for the debug check: by a number, which stays with it when it is moved.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that was not given out before, from 1.
pub(crate) fn next(from: &AtomicU64) -> u64 {
    // Relaxed: numbers have to differ, and nothing travels with them.
    from.fetch_add(1, Ordering::Relaxed) + 1
}

/// 0 before it is first asked for.
pub(crate) struct Identity(AtomicU64);

impl Identity {
    pub(crate) const fn new() -> Identity {
        Identity(AtomicU64::new(0))
    }

    pub(crate) fn number(&self) -> u64 {
        static LAST: AtomicU64 = AtomicU64::new(0);
        // Relaxed, both: the number is all that there is to see.
        match self.0.load(Ordering::Relaxed) {
            0 => {
                let number = next(&LAST);
                let swapped = self.0.compare_exchange(0, number, Ordering::Relaxed, Ordering::Relaxed);
                swapped.map_or_else(|other| other, |_| number)
            }
            number => number,
        }
    }
}
