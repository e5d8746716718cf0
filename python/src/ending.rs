//! The end of the interpreter, and the threads on the way to it.

use crate::here::generation;
use crate::park::is_main_thread;
use pyo3::prelude::*;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

thread_local! {
    static IS_MAIN: bool = is_main_thread();
}

/// Threads other than the main one that are resolving a future. One that is caught there by the end of the
/// interpreter is unwound, which aborts the process, as it has frames of Rust's on its stack (before CPython
/// 3.14). So the end waits for them, and from then on they use the mailbox.
static IN_FLIGHT: AtomicUsize = AtomicUsize::new(0);
static ENDING: AtomicBool = AtomicBool::new(false);

pub(crate) struct InFlight {
    /// Of which generation of forks; `None` if it is not counted.
    counted: Option<u64>,
}

impl InFlight {
    /// `None` at the end: by the mailbox then.
    pub(crate) fn begin() -> Option<InFlight> {
        if IS_MAIN.try_with(|is_main| *is_main).unwrap_or(false) {
            return Some(InFlight { counted: None });
        }
        // SeqCst, with `end`: either that one sees this, or this sees that one.
        IN_FLIGHT.fetch_add(1, Ordering::SeqCst);
        let begun = InFlight { counted: Some(generation()) };
        (!ENDING.load(Ordering::SeqCst)).then_some(begun)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if self.counted == Some(generation()) {
            // Release: pairs with the load in `end`; it is out of there.
            IN_FLIGHT.fetch_sub(1, Ordering::Release);
        }
    }
}

/// In the child of a fork: the others are not there.
pub(crate) fn after_fork() {
    // Relaxed: there is one thread.
    IN_FLIGHT.store(0, Ordering::Relaxed);
}

/// At the end of the interpreter, while others can still run.
pub(crate) fn end(py: Python<'_>) {
    ENDING.store(true, Ordering::SeqCst);
    py.detach(|| {
        let patience = Instant::now() + Duration::from_secs(1);
        while IN_FLIGHT.load(Ordering::SeqCst) > 0 && Instant::now() < patience {
            thread::sleep(Duration::from_millis(1));
        }
    });
}
