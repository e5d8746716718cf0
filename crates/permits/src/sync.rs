//! Where the rest of the crate gets its atomics, its lock and its sleeping from: the standard library, or loom's models of
//! them under `--cfg permits_loom`. (An own flag: `--cfg loom` would reach every crate of the graph.)

#[cfg(not(permits_loom))]
mod imp {
    pub(crate) use std::hint::spin_loop;
    pub(crate) use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
    pub(crate) use std::sync::{Mutex, MutexGuard};
    pub(crate) use std::thread::{Thread, current, park, yield_now};
    use std::time::Instant;

    /// The standard cell behind loom's interface, which sees who reads and who writes.
    #[derive(Debug)]
    pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        pub(crate) const fn new(value: T) -> Self {
            UnsafeCell(std::cell::UnsafeCell::new(value))
        }

        #[inline(always)]
        pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            f(self.0.get())
        }
    }

    /// The present, as far as waiting is concerned.
    #[inline]
    pub(crate) fn now() -> Instant {
        Instant::now()
    }

    /// Sleeps until woken or until `deadline`, or for no reason at all.
    pub(crate) fn park_until(deadline: Instant) {
        std::thread::park_timeout(deadline.saturating_duration_since(Instant::now()));
    }
}

#[cfg(permits_loom)]
mod imp {
    pub(crate) use loom::cell::UnsafeCell;
    pub(crate) use loom::hint::spin_loop;
    pub(crate) use loom::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
    pub(crate) use loom::sync::{Mutex, MutexGuard};
    pub(crate) use loom::thread::{Thread, current, park, yield_now};
    use std::cell::Cell;
    use std::time::{Duration, Instant};

    std::thread_local! {
        static START: Instant = Instant::now();
        static PASSED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    }

    /// Time stands still in a model, but for the sleeps with a deadline: loom explores what happens before and after.
    pub(crate) fn now() -> Instant {
        START.with(|start| *start) + PASSED.with(Cell::get)
    }

    /// Lets every other thread run, or none, and then it is late.
    pub(crate) fn park_until(deadline: Instant) {
        yield_now();
        PASSED.with(|passed| passed.set(passed.get() + deadline.saturating_duration_since(now())));
    }
}

pub(crate) use imp::*;
