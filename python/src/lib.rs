//! The compiled half of the Python package `permits`: see `ARCHITECTURE.md`, and `python/README.md` for its users.
//!
//! Its classes are bases of those in `permits/__init__.py`, which are plain Python classes, so that they can be subclassed, weakly referenced,
//! given attributes and collected as any other.
//!
//! # What must stay true
//!
//! - **P1 attached.** Every operation on a semaphore's core happens attached to the interpreter; a thread is detached only while it
//!   sleeps ([`park`]). So nobody is inside a core when Python forks, and a child finds no lock taken ([`here`]): whoever forks has the global
//!   interpreter lock, or, in a build without one, has all other threads stopped outside of code like this
//!   ([CPython 116522](https://github.com/python/cpython/issues/116522)).
//! - **P2 no lock across Python.** No lock of ours is held while Python code may run: waking a loop, checking for signals, dropping an
//!   object. Such code may come back to the same semaphore, by a finalizer or a signal handler.
//! - **P3 two steps.** A grant to a waiter is completed by its own next step. If that never comes, since it was cancelled or interrupted, or its
//!   loop is closed, its request is dropped, and the grant goes on to the next (C10).

mod aio;
mod arguments;
mod count;
mod errors;
mod here;
mod park;
mod permit;
mod reach;
mod request;
mod shared;
mod threading;
mod wake;

use pyo3::prelude::*;

#[pymodule]
mod _permits {
    #[pymodule_export]
    use crate::aio::{AsyncBoundedSemaphore, AsyncSemaphore};
    #[pymodule_export]
    use crate::count::Counting;
    #[pymodule_export]
    use crate::permit::Permit;
    #[pymodule_export]
    use crate::request::{Done, PermitRequest, Request};
    #[pymodule_export]
    use crate::threading::{BoundedSemaphore, Semaphore};
    use pyo3::prelude::*;

    /// In a child after fork: see `here`.
    #[pyfunction]
    fn _after_fork() {
        crate::here::after_fork();
    }

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("MAX_PERMITS", permits::Semaphore::MAX_PERMITS)?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        let hooks = pyo3::types::PyDict::new(module.py());
        hooks.set_item("after_in_child", module.getattr("_after_fork")?)?;
        let os = module.py().import("os")?;
        if os.hasattr("register_at_fork")? {
            os.call_method("register_at_fork", (), Some(&hooks))?;
        }
        Ok(())
    }
}
