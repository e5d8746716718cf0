//! Floors: what the hardware and the kernel ask for the same act, with nothing around it. None of these is a semaphore.
#![allow(unsafe_code)] // The futex has no door in std.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use crate::engine::*;

/// Two locked additions, no wait at all. In a contended workload it shows the cost of the cache line and, as everybody
/// always gets in, how evenly the scheduler alone treats the threads.
pub struct Xadd(AtomicU32);

impl Engine for Xadd {
    const NAME: &'static str = "floor: lock xadd";
    const ORDER: Order = Order::None;

    fn new(permits: u32) -> Self {
        Self(AtomicU32::new(permits))
    }
}

pub struct Added<'a>(&'a AtomicU32);

impl Drop for Added<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Release);
    }
}

impl Guarded for Xadd {
    type Permit<'a> = Added<'a>;
}

impl Wait for Xadd {
    fn wait(&self) -> Added<'_> {
        self.0.fetch_sub(1, Acquire);
        Added(&self.0)
    }
}

/// A load and a compare-exchange each way: the least that a count with a bound can do when nobody contends.
pub struct LoadCas(AtomicU32);

impl Engine for LoadCas {
    const NAME: &'static str = "floor: load+CAS";
    const ORDER: Order = Order::None;

    fn new(permits: u32) -> Self {
        Self(AtomicU32::new(permits))
    }
}

pub struct Swapped<'a>(&'a AtomicU32);

impl Drop for Swapped<'_> {
    fn drop(&mut self) {
        let mut free = self.0.load(Relaxed);
        while let Err(now) = self.0.compare_exchange_weak(free, free + 1, Release, Relaxed) {
            free = now;
        }
    }
}

impl Guarded for LoadCas {
    type Permit<'a> = Swapped<'a>;
}

impl Try for LoadCas {
    fn try_acquire(&self) -> Option<Swapped<'_>> {
        let mut free = self.0.load(Relaxed);
        while free > 0 {
            match self.0.compare_exchange_weak(free, free - 1, Acquire, Relaxed) {
                Ok(_) => return Some(Swapped(&self.0)),
                Err(now) => free = now,
            }
        }
        None
    }
}

/// A flag that the receiver spins on: the fastest hand-over between two cores, and no wait that a program could use.
pub struct Spin(AtomicU32);

impl Engine for Spin {
    const NAME: &'static str = "floor: spin";
    const ORDER: Order = Order::None;
    const MAX_PERMITS: u32 = 1;

    fn new(permits: u32) -> Self {
        Self(AtomicU32::new(permits))
    }
}

impl Give for Spin {
    fn drained(_permits: u32) -> Self {
        Self::new(0)
    }

    fn give(&self) {
        self.0.store(1, Release);
    }
}

impl Take for Spin {
    fn take(&self) {
        while self.0.load(Acquire) == 0 {
            std::hint::spin_loop();
        }
        self.0.store(0, Relaxed);
    }
}

/// The bare futex: a flag, a wait while it is down, a wake at each give.
pub struct Futex(AtomicU32);

impl Engine for Futex {
    const NAME: &'static str = "floor: futex";
    const ORDER: Order = Order::None;
    const MAX_PERMITS: u32 = 1;

    fn new(permits: u32) -> Self {
        Self(AtomicU32::new(permits))
    }
}

fn futex(word: &AtomicU32, operation: libc::c_int, value: u32) {
    // SAFETY: FUTEX_WAIT and FUTEX_WAKE read the word only, which lives as long as the borrow; no time limit is given.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            operation | libc::FUTEX_PRIVATE_FLAG,
            value,
            std::ptr::null::<libc::timespec>(),
        );
    }
}

impl Give for Futex {
    fn drained(_permits: u32) -> Self {
        Self::new(0)
    }

    fn give(&self) {
        self.0.store(1, Release);
        futex(&self.0, libc::FUTEX_WAKE, 1);
    }
}

impl Take for Futex {
    fn take(&self) {
        while self.0.swap(0, Acquire) == 0 {
            futex(&self.0, libc::FUTEX_WAIT, 0);
        }
    }
}
