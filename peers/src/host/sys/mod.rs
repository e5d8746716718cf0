//! The system calls of the host workloads: the only unsafe code of them.
#![allow(unsafe_code)] // None of this has a door in std.

mod primitives;
mod process;

pub use primitives::{EventFd, NamedSemaphore, RobustMutex, SystemV, lock_description, unlock_description};
pub use process::{
    Child, Mapping, clock_ns, context_switches_of_self, futex_wait, futex_wait_limited, futex_wake, pidfd, readable,
};

use std::io;

/// Repeats a call that a signal may interrupt.
fn uninterrupted(what: &str, mut call: impl FnMut() -> libc::c_int) {
    while call() == -1 {
        let error = io::Error::last_os_error();
        assert!(error.kind() == io::ErrorKind::Interrupted, "{what}: {error}");
    }
}
