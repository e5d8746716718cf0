//! Exceptions that come up in the middle of something else.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use std::cell::{Cell, RefCell};

thread_local! {
    static HAS_RAISED: Cell<bool> = const { Cell::new(false) };
    static RAISED: RefCell<Option<PyErr>> = const { RefCell::new(None) };
}

/// Keeps it for the caller, by [`raised`]. A second one is reported as unraisable.
pub(crate) fn raise(py: Python<'_>, error: PyErr) {
    let first = RAISED.try_with(|raised| match &mut *raised.borrow_mut() {
        Some(_) => Some(error.clone_ref(py)),
        none => {
            *none = Some(error.clone_ref(py));
            None
        }
    });
    match first {
        Ok(None) => HAS_RAISED.with(|has| has.set(true)),
        _ => error.write_unraisable(py, None),
    }
}

/// An exception that came up while a task was woken, and has nothing to do with it: a signal handler's. The
/// wake is done nevertheless; the exception goes to the caller.
#[inline]
pub(crate) fn raised() -> PyResult<()> {
    if HAS_RAISED.try_with(Cell::get).unwrap_or(false) { Err(take_raised()) } else { Ok(()) }
}

#[cold]
fn take_raised() -> PyErr {
    HAS_RAISED.with(|has| has.set(false));
    let raised = RAISED.with(|raised| raised.borrow_mut().take());
    raised.unwrap_or_else(|| PyRuntimeError::new_err("nothing was raised"))
}

/// For destructors, which have no caller.
pub(crate) fn report_raised() {
    if let Err(error) = raised() {
        Python::try_attach(|py| error.write_unraisable(py, None));
    }
}
