//! Atomics and fences, and how to let others go ahead. The models have their own: `tests/loom.rs`.

pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Locks what no code panics under.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets the thread go ahead whose turn it is.
#[cold]
pub(crate) fn wait_for_turn(failures: u32) {
    match failures {
        ..100 => std::hint::spin_loop(),
        100..200 => std::thread::yield_now(),
        // Yielding may lead nowhere, if whoever has the turn is of lower priority: sleeping does.
        _ => std::thread::sleep(Duration::from_micros(50)),
    }
}

/// Lets others go ahead; more of it the longer this has not come through.
#[cold]
pub(crate) fn back_off(failures: u32) {
    // Pauses cost nobody anything; a processor given away lets who was interrupted in the middle go on.
    if failures % 16 == 15 {
        std::thread::yield_now();
    }
    for _ in 0..(8 << failures.min(5)) {
        std::hint::spin_loop();
    }
}
