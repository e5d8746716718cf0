//! How a fork is noticed. The only unsafe code.
//!
//! By the C library, which calls [`in_child`] before `fork` returns in the child (pthread_atfork(3)).
//! Python's own hooks would come too late: they are called in the order in which they were registered, and
//! one that was there before ours may use a semaphore. And they are not called at all for a fork that is not
//! Python's.

#![expect(unsafe_code, reason = "the C library is asked to call a function in each child")]

use crate::{ending, here};
use std::io;

/// Asks for [`in_child`] to be called in each child, for good.
pub(crate) fn watch() -> io::Result<()> {
    // SAFETY: `in_child` is a function of this module, which Python never unloads.
    let error = unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
    if error == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(error)) }
}

/// Only stores to atomics: other threads may have been in the middle of anything (signal-safety(7)).
unsafe extern "C" fn in_child() {
    here::begin_generation();
    ending::after_fork();
}
