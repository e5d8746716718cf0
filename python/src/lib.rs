//! The compiled half of the Python package `permits`: see `ARCHITECTURE.md`, and `python/README.md` for its
//! users.
//!
//! Its classes are bases of those in `permits/__init__.py`, which are plain Python classes, so that they can
//! be subclassed, weakly referenced, given attributes and collected as any other.
//!
//! # What must stay true
//!
//! - **P1 attached.** Every operation on a semaphore's core happens attached to the interpreter; a thread is
//!   detached only while it sleeps ([`wait`]). So no thread is inside a core when Python forks, and a child
//!   finds no lock taken ([`here`], [`fork`]): the thread that forks has the global interpreter lock, or, in
//!   a build without one, has all other threads stopped outside of code like this
//!   ([CPython 116522](https://github.com/python/cpython/issues/116522)).
//! - **P2 no lock across Python.** No lock of ours is held while Python code may run: waking a loop, checking
//!   for signals, dropping an object. Such code may come back to the same semaphore, by a finalizer or a
//!   signal handler.
//! - **P2a what the collector sees.** All that refers to objects of Python's is in an
//!   [`Attached`](locks::Attached), which a thread that is not attached cannot lock. Such threads, the ones
//!   that wake the tasks of a host's semaphore, touch a slot's request and the outer letters of a mailbox. A
//!   child after fork touches neither: it may find them locked for good, or half changed.
//! - **P3 two steps.** A grant to a waiter is completed by its own next step. If that never comes, since it
//!   was cancelled or interrupted, or its loop is closed, its request is dropped, and the grant goes on to
//!   the next (C10).

mod arguments;
mod asyncio;
mod classes;
#[cfg(target_os = "linux")]
mod connecting;
mod convert;
mod ending;
mod errors;
#[cfg(unix)]
mod fork;
mod held;
mod here;
mod home;
mod locks;
#[cfg(target_os = "linux")]
mod loops;
#[cfg(target_os = "linux")]
mod machines;
#[cfg(target_os = "linux")]
mod mailbox;
#[cfg(target_os = "linux")]
mod own;
mod park;
mod raised;
mod reach;
mod slot;
mod wait;
mod waiters;

use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;

/// Python 3.12 and up see to it themselves.
fn refuse_subinterpreters(py: Python<'_>) -> PyResult<()> {
    if py.version_info() >= (3, 12) {
        return Ok(());
    }
    let Ok(interpreters) = py.import("_xxsubinterpreters") else { return Ok(()) };
    if interpreters.call_method0("get_current")?.eq(interpreters.call_method0("get_main")?)? {
        return Ok(());
    }
    Err(PyImportError::new_err(
        "permits works in the main interpreter only: its objects are shared by all threads of a process",
    ))
}

#[pymodule]
mod _permits {
    #[pymodule_export]
    use crate::classes::aio::{AsyncBoundedSemaphore, AsyncSemaphore};
    #[pymodule_export]
    use crate::classes::count::Counting;
    #[pymodule_export]
    use crate::classes::done::Done;
    #[pymodule_export]
    use crate::classes::permit::Permit;
    #[pymodule_export]
    use crate::classes::request::{PermitRequest, Request};
    #[pymodule_export]
    use crate::classes::threading::{BoundedSemaphore, Semaphore};
    use crate::refuse_subinterpreters;
    use pyo3::prelude::*;

    /// Gives back the leases of all connections to machines, and waits until the servers have them.
    #[cfg(target_os = "linux")]
    #[pyfunction]
    fn _leave_machines() -> PyResult<()> {
        Ok(crate::machines::leave()?)
    }

    /// Whether a text is an address of machines, and not a name of this host.
    #[cfg(target_os = "linux")]
    #[pyfunction]
    fn _is_of_machines(text: &str) -> bool {
        permits_any::Address::is_of_machines(text)
    }

    /// See `ending`.
    #[pyfunction]
    fn _at_exit(py: Python<'_>) {
        crate::ending::end(py);
    }

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        refuse_subinterpreters(module.py())?;
        module.add("MAX_PERMITS", permits::Semaphore::MAX_PERMITS)?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        let py = module.py();
        #[cfg(unix)]
        crate::fork::watch()?;
        py.import("atexit")?.call_method1("register", (module.getattr("_at_exit")?,))?;
        Ok(())
    }
}
