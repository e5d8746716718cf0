//! What a task awaits, as Python sees it.

use crate::classes::coroutine::Coroutine;
use crate::classes::done::Done;
use crate::errors::end_of_block;
use crate::raised::raised;
use pyo3::exceptions::PyStopIteration;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use pyo3::{PyTraverseError, PyVisit};

/// A request of a task: await it. It does nothing before.
#[pyclass(frozen, module = "permits")]
pub(crate) struct Request {
    coroutine: Coroutine,
}

/// A request of a task for a Permit: await it, or use it in `async with`. It does nothing before.
#[pyclass(frozen, module = "permits")]
pub(crate) struct PermitRequest {
    coroutine: Coroutine,
}

macro_rules! coroutine {
    ($type:ident { $($extra:tt)* }) => {
        impl $type {
            pub(crate) fn new(coroutine: Coroutine) -> $type {
                $type { coroutine }
            }
        }

        #[pymethods]
        impl $type {
            fn __await__(slf: Py<Self>) -> PyResult<Py<Self>> {
                slf.get().coroutine.is_new()?;
                Ok(slf)
            }

            fn __iter__(slf: Py<Self>) -> Py<Self> {
                slf
            }

            #[getter]
            fn __name__(&self) -> &'static str {
                self.coroutine.name()
            }

            #[getter]
            fn __qualname__(&self, py: Python<'_>) -> PyResult<String> {
                self.coroutine.qualified_name(py)
            }

            fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
                let name = slf.get().coroutine.qualified_name(slf.py())?;
                Ok(format!("<coroutine object {name} at {:#x}>", slf.as_ptr() as usize))
            }

            fn __next__(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
                self.coroutine.step(py)
            }

            /// Make a step. What is sent is of no use to it.
            #[pyo3(signature = (value, /))]
            fn send(&self, py: Python<'_>, value: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
                let _ = value;
                self.coroutine.step(py)?.ok_or_else(|| PyStopIteration::new_err(()))
            }

            /// Give up, and raise the exception. A grant that it has not seen goes to the next in line.
            #[pyo3(signature = (*exception), text_signature = "($self, typ, val=None, tb=None, /)")]
            fn throw(&self, exception: &Bound<'_, PyTuple>) -> PyResult<Py<PyAny>> {
                Err(self.coroutine.throw(exception.py(), exception))
            }

            /// Give up. A grant that it has not seen goes to the next in line.
            fn close(&self, py: Python<'_>) -> PyResult<()> {
                self.coroutine.leave(py);
                raised()
            }

            fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
                self.coroutine.traverse(&visit)
            }

            fn __clear__(&self, py: Python<'_>) {
                self.coroutine.leave(py);
            }

            $($extra)*
        }
    };
}

coroutine!(Request {});

coroutine!(PermitRequest {
    /// Wait for the permit.
    fn __aenter__(slf: Py<Self>) -> Py<Self> {
        slf.get().coroutine.enter();
        slf
    }

    /// Release it.
    #[pyo3(signature = (_t, v, _tb, /), text_signature = "($self, t, v, tb, /)")]
    fn __aexit__(&self, py: Python<'_>, _t: &Bound<'_, PyAny>, v: &Bound<'_, PyAny>, _tb: &Bound<'_, PyAny>) -> PyResult<Py<Done>> {
        end_of_block(v, self.coroutine.exit(py))?;
        Done::nothing(py)
    }
});
