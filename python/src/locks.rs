//! How this crate locks.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Never held while anything else is done: a push, a pop, a take (P2).
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
