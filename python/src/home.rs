//! What a semaphore's object, its permits and its requests have in common.

use crate::errors::Failure;
use crate::held::Held;
use crate::locks::lock;
use crate::raised::raised;
use crate::reach::{Granted, Reach};
use crate::slot::Slot;
use crate::waiters::Waiters;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::{self, ThreadId};

/// A semaphore, at its reach, with the tasks that wait for it and the permits of its `with` blocks.
pub(crate) struct Home {
    pub(crate) reach: Reach,
    pub(crate) waiters: Arc<Waiters<Slot>>,
    /// What `with` holds, and in which thread it was entered. One permit is as good as another, so that no
    /// block needs to know its own; but for those of a parent, which are worth nothing in a child at the
    /// reach of the host: there each thread has to leave by its own.
    entered: Mutex<Vec<(ThreadId, Held)>>,
}

impl Home {
    pub(crate) fn new(reach: Reach) -> Arc<Home> {
        Arc::new(Home { reach, waiters: Waiters::new(), entered: Mutex::default() })
    }

    pub(crate) fn max(&self) -> Result<u32, Failure> {
        Ok(self.reach.state()?.max_permits)
    }

    pub(crate) fn enter(&self, granted: Granted) {
        if let Some(held) = Held::new(&self.reach, granted) {
            lock(&self.entered).push((thread::current().id(), held));
        }
    }

    pub(crate) fn exit(&self) -> PyResult<()> {
        let me = thread::current().id();
        let mut entered = lock(&self.entered);
        let own = entered.iter().rposition(|(thread, _)| *thread == me);
        // A block may end in another thread than it began in.
        let last = own.or_else(|| entered.len().checked_sub(1));
        let held = last.map(|place| entered.remove(place).1);
        // Before the permit is returned.
        drop(entered);
        held.ok_or_else(|| PyRuntimeError::new_err("the `with` block was not entered"))?.give_back()?;
        raised()
    }
}

/// The semaphore of an object, set by its `__init__`.
#[derive(Default)]
pub(crate) struct Cell(OnceLock<Arc<Home>>);

impl Cell {
    pub(crate) fn is_set(&self) -> bool {
        self.0.get().is_some()
    }

    pub(crate) fn set(&self, class: &str, home: Arc<Home>) -> PyResult<()> {
        self.0.set(home).map_err(|_| PyRuntimeError::new_err(format!("{class}.__init__() was called before")))
    }

    #[inline]
    pub(crate) fn get(&self) -> PyResult<&Arc<Home>> {
        self.0.get().ok_or_else(not_initialized)
    }

    /// For the garbage collector: the object refers to those who wait for it.
    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.0.get().map_or(Ok(()), |home| home.waiters.traverse(|slot| slot.traverse(visit)))
    }

    /// No code can reach it, or the tasks that wait for it, any more.
    pub(crate) fn clear(&self, py: Python<'_>) {
        if let Some(home) = self.0.get() {
            home.waiters.all(py).iter().for_each(|slot| slot.leave(py));
        }
    }
}

#[cold]
fn not_initialized() -> PyErr {
    PyRuntimeError::new_err("the semaphore's __init__() was not called")
}
