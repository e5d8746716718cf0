//! Where the rest of the crate gets its atomics, its lock and its sleeping from: the standard library, or the
//! models of them that loom has under `--cfg permits_loom` and shuttle under `--cfg permits_shuttle`. (Own
//! flags: `--cfg loom` would reach every crate of the graph.)

/// Is the crate built to be explored by loom or shuttle?
pub(crate) const MODELLED: bool = cfg!(any(permits_loom, permits_shuttle));

/// Makes const fns, but under loom and shuttle, whose types cannot be built in one.
macro_rules! const_unless_modelled {
    ($($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $type:ty),*) -> $out:ty $body:block)*) => {$(
        #[cfg(not(any(permits_loom, permits_shuttle)))]
        $(#[$meta])* $vis const fn $name($($arg: $type),*) -> $out $body
        #[cfg(any(permits_loom, permits_shuttle))]
        $(#[$meta])* $vis fn $name($($arg: $type),*) -> $out $body
    )*};
}
pub(crate) use const_unless_modelled;

#[cfg(not(permits_loom))]
mod plain {
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
}

#[cfg(not(any(permits_loom, permits_shuttle)))]
mod imp {
    pub(crate) use std::hint::spin_loop;
    use std::sync::OnceLock;
    pub(crate) use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
    pub(crate) use std::sync::{Mutex, MutexGuard};
    pub(crate) use std::thread::{Thread, current, park, yield_now};
    use std::time::Instant;

    pub(crate) use super::plain::UnsafeCell;

    /// The present, as far as waiting is concerned.
    #[inline]
    pub(crate) fn now() -> Instant {
        Instant::now()
    }

    /// Microseconds since some moment, wrapping.
    pub(crate) fn ticks() -> u32 {
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(now).elapsed().as_micros() as u32
    }

    /// Sleeps until woken or until `deadline`, or for no reason at all.
    pub(crate) fn park_until(deadline: Instant) {
        std::thread::park_timeout(deadline.saturating_duration_since(Instant::now()));
    }
}

#[cfg(permits_loom)]
mod imp {
    pub(crate) use super::modelled_time::{now, park_until, ticks};
    pub(crate) use loom::cell::UnsafeCell;
    pub(crate) use loom::hint::spin_loop;
    pub(crate) use loom::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
    pub(crate) use loom::sync::{Mutex, MutexGuard};
    pub(crate) use loom::thread::{Thread, current, park, yield_now};
}

#[cfg(permits_shuttle)]
mod imp {
    pub(crate) use super::modelled_time::{now, park_until, ticks};
    pub(crate) use super::plain::UnsafeCell;
    pub(crate) use shuttle::hint::spin_loop;
    pub(crate) use shuttle::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
    pub(crate) use shuttle::sync::{Mutex, MutexGuard};
    pub(crate) use shuttle::thread::{Thread, current, park, yield_now};
}

#[cfg(any(permits_loom, permits_shuttle))]
mod modelled_time {
    use std::cell::Cell;
    use std::time::{Duration, Instant};

    std::thread_local! {
        static START: Instant = Instant::now();
        static PASSED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    }

    /// Time stands still in a model, but for the sleeps with a deadline: what comes before and after is
    /// explored.
    pub(crate) fn now() -> Instant {
        START.with(|start| *start) + PASSED.with(Cell::get)
    }

    pub(crate) fn ticks() -> u32 {
        PASSED.with(Cell::get).as_micros() as u32
    }

    /// Lets every other thread run, or none, and then it is late.
    pub(crate) fn park_until(deadline: Instant) {
        super::yield_now();
        PASSED.with(|passed| passed.set(passed.get() + deadline.saturating_duration_since(now())));
    }
}

pub(crate) use imp::*;
