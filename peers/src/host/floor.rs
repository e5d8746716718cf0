//! Floors between processes: none of these is a semaphore.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::peer::*;
use super::sys::{Mapping, futex_wait, futex_wait_limited, futex_wake};
use crate::engine::Order;

/// Two locked additions on a word that processes share.
pub struct Xadd(Mapping);

impl Peer for Xadd {
    const NAME: &'static str = "floor: lock xadd";
    const ORDER: Order = Order::None;
    type Handle<'a> = &'a Xadd;

    fn new(_permits: u32) -> Self {
        Self(Mapping::new(512))
    }

    fn open(&self) -> &Self {
        self
    }
}

impl Handle for &Xadd {
    fn acquire(&mut self) {
        self.0.half(0).fetch_sub(1, Acquire);
    }

    fn release(&mut self) {
        self.0.half(0).fetch_add(1, Release);
    }
}

/// A flag, a wait while it is down, a wake at each give: the bare shared futex of a hand-over. With a limit,
/// each wait ends after so many milliseconds and is repeated. A limit below the tick of the kernel makes the
/// timer the next one to fire, so that the hardware's clock is set at each wait, which is dear in a virtual
/// machine.
pub struct Futex<const LIMIT_MS: i64>(Mapping);

impl<const LIMIT_MS: i64> Peer for Futex<LIMIT_MS> {
    const NAME: &'static str = match LIMIT_MS {
        0 => "floor: futex",
        1 => "floor: futex, limit 1 ms",
        _ => "floor: futex, limit 10 ms",
    };
    const ORDER: Order = Order::None;
    const MAX_PERMITS: u32 = 1;
    type Handle<'a> = &'a Self;

    fn new(permits: u32) -> Self {
        let mapping = Mapping::new(512);
        mapping.half(0).store(permits, Relaxed);
        Self(mapping)
    }

    fn open(&self) -> &Self {
        self
    }
}

impl<const LIMIT_MS: i64> Gives for Futex<LIMIT_MS> {
    fn drained() -> Self {
        Self::new(0)
    }
}

impl<const LIMIT_MS: i64> Handle for &Futex<LIMIT_MS> {
    fn acquire(&mut self) {
        let word = self.0.half(0);
        while word.swap(0, Acquire) == 0 {
            if LIMIT_MS > 0 { futex_wait_limited(word, 0, LIMIT_MS) } else { futex_wait(word, 0) }
        }
    }

    fn release(&mut self) {
        self.0.half(0).store(1, Release);
        futex_wake(self.0.half(0), 1);
    }
}

/// A lock of three states on a futex, which calls the kernel only if somebody waits; after Drepper, "Futexes
/// are tricky".
pub struct FutexLock(Mapping);

const FREE: u32 = 0;
const TAKEN: u32 = 1;
const AWAITED: u32 = 2;

impl Peer for FutexLock {
    const NAME: &'static str = "floor: futex lock";
    const ORDER: Order = Order::None;
    const MAX_PERMITS: u32 = 1;
    type Handle<'a> = &'a FutexLock;

    fn new(_permits: u32) -> Self {
        Self(Mapping::new(512))
    }

    fn open(&self) -> &Self {
        self
    }
}

impl Handle for &FutexLock {
    fn acquire(&mut self) {
        let word = self.0.half(0);
        if word.compare_exchange(FREE, TAKEN, Acquire, Relaxed).is_err() {
            while word.swap(AWAITED, Acquire) != FREE {
                futex_wait(word, AWAITED);
            }
        }
    }

    fn release(&mut self) {
        let word = self.0.half(0);
        if word.swap(FREE, Release) == AWAITED {
            futex_wake(word, 1);
        }
    }
}
