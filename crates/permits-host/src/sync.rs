//! Atomics and fences, and how to let others go ahead. The models have their own: `tests/loom.rs`.

pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Locks what no code panics under.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

// Nothing here yields: on a busy machine a yield gives a whole time slice to other work, some milliseconds, while
// turns and commits take less than a microsecond.

/// How many rounds a thread spins for its turn before it sleeps: longer than some threads on other processors
/// need. After that the thread whose turn it is has been interrupted.
const SPINS: u32 = 300;
/// The first sleep. Each of the next ones is twice as long, up to [`DOUBLINGS`] times: still less than a time slice,
/// and a crowd of threads does not keep the processors busy with waking up.
const NAP: Duration = Duration::from_micros(50);
const DOUBLINGS: u32 = 4;

/// Lets the thread go ahead whose turn it is.
///
/// It sleeps by the clock, and not until it is woken: a lock that wakes costs each turn another atomic exchange,
/// and a system call for each thread that sleeps. Both were measured to cost more than late turns do.
#[cold]
pub(crate) fn wait_for_turn(failures: u32) {
    match nap(failures) {
        None => std::hint::spin_loop(),
        Some(nap) => std::thread::sleep(nap),
    }
}

fn nap(failures: u32) -> Option<Duration> {
    failures.checked_sub(SPINS).map(|naps| NAP * (1 << naps.min(DOUBLINGS)))
}

/// Pauses, for longer the longer this has not come through. A commit fails only if another one succeeded, so that
/// no other thread has to go ahead.
#[cold]
pub(crate) fn back_off(failures: u32) {
    for _ in 0..(8 << failures.min(5)) {
        std::hint::spin_loop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_spun_for_and_then_slept_for_ever_longer() {
        let naps = [0, SPINS - 1, SPINS, SPINS + 1, SPINS + 4, SPINS + 5, u32::MAX].map(nap);

        let longest = NAP * 16;
        let slept = [NAP, 2 * NAP, longest, longest, longest].map(Some);
        assert_eq!((&naps[..2], &naps[2..]), (&[None, None][..], &slept[..]));
    }
}
