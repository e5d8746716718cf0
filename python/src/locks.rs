//! How this crate locks.

use pyo3::Python;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Never held while anything else is done: a push, a pop, a take (P2).
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What only threads touch that are attached to the interpreter, one after the other.
///
/// All that refers to objects of Python's is kept in one of these, and nothing else that others wait for may
/// be. The garbage collector goes over everything twice, and an object that it sees once and not the second
/// time is destroyed, though it is in use. So what it sees must not depend on a lock that a thread may have
/// which it cannot stop. No thread has this one while the collector is at work: it stops all threads that are
/// attached, and no lock is held where they can be stopped (P2).
#[derive(Default)]
pub(crate) struct Attached<T>(Mutex<T>);

impl<T> Attached<T> {
    pub(crate) fn new(value: T) -> Attached<T> {
        Attached(Mutex::new(value))
    }

    pub(crate) fn lock(&self, _: Python<'_>) -> MutexGuard<'_, T> {
        lock(&self.0)
    }

    /// For the collector.
    pub(crate) fn traverse<E>(&self, visit: impl FnOnce(&T) -> Result<(), E>) -> Result<(), E> {
        match self.0.try_lock() {
            Ok(value) => visit(&value),
            Err(_) => Ok(()),
        }
    }
}
