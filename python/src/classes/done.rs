//! What a task awaits when it need not wait.

use pyo3::exceptions::PyStopIteration;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::{PyTraverseError, PyVisit};

/// What awaits nothing: it is done at once.
#[pyclass(frozen, module = "permits")]
pub(crate) struct Done {
    value: Option<Py<PyAny>>,
}

impl Done {
    /// The one with nothing in it.
    pub(crate) fn nothing(py: Python<'_>) -> PyResult<Py<Done>> {
        static NOTHING: PyOnceLock<Py<Done>> = PyOnceLock::new();
        Ok(NOTHING.get_or_try_init(py, || Py::new(py, Done { value: None }))?.clone_ref(py))
    }

    pub(crate) fn with(value: Py<PyAny>) -> Done {
        Done { value: Some(value) }
    }
}

#[pymethods]
impl Done {
    fn __await__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        match &self.value {
            None => Ok(None),
            Some(value) => Err(PyStopIteration::new_err((value.clone_ref(py),))),
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.value)
    }
}
