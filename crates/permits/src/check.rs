//! The debug check of the feature `check`: a thread that would wait for its own release panics instead.
//!
//! A table counts, for each semaphore and thread, the permits of the guards that the thread has acquired. A
//! guard knows the thread and the line that acquired it, so a drop counts for that thread, wherever it is. Before
//! a thread waits without a limit, the table is asked: with `h` permits held and `n` more wanted, no more than
//! `max_permits - h` can be free until one of its own guards is dropped.
//!
//! - A guard that another thread was given counts for the one that acquired it: a move cannot be seen. So a thread
//!   that waits for a guard which it has given away is said to wait for itself.
//! - Which task runs is not known, and a task may hold its guard on another thread than it was polled on. So
//!   permits that a future yields are not counted, and a future is not checked.
//! - A semaphore is known by a number that it gets with its first guard, and not by its address: it may be moved
//!   when its guards were leaked, and another may have its address then.
//!
//! Without the feature a semaphore has no number, [`Hold`] is empty, and the functions do nothing.

#[cfg(not(feature = "check"))]
pub(crate) use off::{Hold, check_wait};
#[cfg(feature = "check")]
pub(crate) use on::{Hold, check_wait};

#[cfg(not(feature = "check"))]
mod off {
    use crate::semaphore::Semaphore;

    #[derive(Clone, Copy)]
    pub struct Hold;

    impl Hold {
        #[inline(always)]
        pub(crate) fn by_thread() -> Hold {
            Hold
        }

        #[inline(always)]
        pub(crate) fn by_nobody() -> Hold {
            Hold
        }

        #[inline(always)]
        pub(crate) fn begin(self, _: &Semaphore, _: u32) {}

        #[inline(always)]
        pub(crate) fn end(self, _: &Semaphore, _: u32) {}
    }

    #[inline(always)]
    pub(crate) fn check_wait(_: &Semaphore, _: u32) {}
}

#[cfg(feature = "check")]
mod on {
    use crate::identity::next;
    use crate::semaphore::Semaphore;
    use std::cell::Cell;
    use std::collections::BTreeMap;
    use std::panic::Location;
    use std::sync::atomic::AtomicU64;
    use std::sync::{Mutex, MutexGuard, PoisonError};

    /// What a thread holds of a semaphore: where it was acquired and how many, the oldest first.
    type Holds = Vec<(&'static Location<'static>, u32)>;
    /// By the number of the semaphore and that of the thread.
    type Table = BTreeMap<(u64, u64), Holds>;

    static TABLE: Mutex<Table> = Mutex::new(BTreeMap::new());

    /// No user code runs under it, and nothing here panics there.
    fn table() -> MutexGuard<'static, Table> {
        TABLE.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which thread this is. In a thread-local without a destructor, so that it can be asked while others run.
    fn this_thread() -> u64 {
        static LAST: AtomicU64 = AtomicU64::new(0);
        thread_local! {
            static NUMBER: Cell<u64> = const { Cell::new(0) };
        }
        if NUMBER.get() == 0 {
            NUMBER.set(next(&LAST));
        }
        NUMBER.get()
    }

    /// For whom the permits of a guard count, and where they were acquired.
    #[derive(Clone, Copy)]
    pub struct Hold(Option<(u64, &'static Location<'static>)>);

    impl Hold {
        #[track_caller]
        pub(crate) fn by_thread() -> Hold {
            Hold(Some((this_thread(), Location::caller())))
        }

        /// By a task, or by a part of a guard that holds nothing.
        pub(crate) fn by_nobody() -> Hold {
            Hold(None)
        }

        pub(crate) fn begin(self, semaphore: &Semaphore, n: u32) {
            let Some((thread, at)) = self.0.filter(|_| n > 0) else { return };
            let mut table = table();
            let holds = table.entry((semaphore.identity.number(), thread)).or_default();
            match holds.iter_mut().find(|(found, _)| *found == at) {
                Some((_, count)) => *count += n,
                None => holds.push((at, n)),
            }
        }

        pub(crate) fn end(self, semaphore: &Semaphore, n: u32) {
            let Some((thread, at)) = self.0.filter(|_| n > 0) else { return };
            let mut table = table();
            let key = (semaphore.identity.number(), thread);
            let Some(holds) = table.get_mut(&key) else { return };
            if let Some(place) = holds.iter().position(|(found, _)| *found == at) {
                holds[place].1 = holds[place].1.saturating_sub(n);
                if holds[place].1 == 0 {
                    holds.remove(place);
                }
            }
            if holds.is_empty() {
                table.remove(&key);
            }
        }
    }

    /// Panics if this thread, which is about to wait for `n` permits, holds permits without which no other
    /// thread can serve it.
    #[track_caller]
    pub(crate) fn check_wait(semaphore: &Semaphore, n: u32) {
        let key = (semaphore.identity.number(), this_thread());
        let Some(holds) = table().get(&key).cloned() else { return };
        let held: u32 = holds.iter().map(|(_, count)| count).sum();
        let max = semaphore.max_permits();
        // What is impossible, or closed, is refused and not waited for.
        if n > max || n <= max.saturating_sub(held) || semaphore.is_closed() {
            return;
        }
        let (first, _) = holds[0];
        panic!(
            "this thread waits for itself: it asks for `{n}` permits of `{max}`, and holds `{held}`, acquired at {first}: drop that \
             permit first, or acquire all at once"
        );
    }
}
