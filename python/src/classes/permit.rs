//! `Permit`: permits that an object holds.

use crate::arguments::{Argument, Count};
use crate::classes::done::Done;
use crate::held::Held;
use crate::locks::lock;
use crate::raised::{raised, report_raised};
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::mem;
use std::sync::{Mutex, PoisonError};

/// An object that holds permits until it returns them.
///
/// It returns them when its `with` block ends, by release(), or when it is collected. You may pass it to
/// another thread or task. No release() of the semaphore can return its permits.
#[pyclass(frozen, weakref, module = "permits")]
pub(crate) struct Permit {
    held: Mutex<Option<Held>>,
}

impl Permit {
    pub(crate) fn new(held: Option<Held>) -> Permit {
        Permit { held: Mutex::new(held) }
    }

    /// Once; later it does nothing.
    pub(crate) fn give_back(&self) -> PyResult<()> {
        // Apart, so that the lock is free when the permits are returned.
        let held = self.take();
        drop(held);
        raised()
    }

    fn take(&self) -> Option<Held> {
        lock(&self.held).take()
    }

    /// Back again; a caller that came in between and found nothing was right.
    fn put(&self, held: Held) {
        *lock(&self.held) = Some(held);
    }
}

#[pymethods]
impl Permit {
    /// How many permits it holds; 0 once they are returned or forgotten.
    #[getter]
    fn count(&self) -> u32 {
        lock(&self.held).as_ref().map_or(0, Held::count)
    }

    /// The numbers of its permits, lowest first, if its semaphore is a HostSemaphore opened with
    /// numbered=True; else ().
    #[getter]
    fn slots<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let slots = lock(&self.held).as_ref().map_or_else(Vec::new, |held| held.slots().to_vec());
        PyTuple::new(py, slots)
    }

    /// Return the permits. Never waits; a second call does nothing.
    fn release(&self) -> PyResult<()> {
        self.give_back()
    }

    /// Drop the permits and leave them given out, as loose ones, which any caller may release().
    fn forget(&self) -> PyResult<()> {
        if let Some(held) = self.take() {
            held.forget();
        }
        raised()
    }

    /// Split n permits off, into a Permit of their own. ValueError if it holds fewer; then it keeps them.
    #[pyo3(signature = (n = Argument::NONE), text_signature = "($self, n=1)")]
    fn split(&self, n: Argument<'_, '_>) -> PyResult<Permit> {
        let n = Count::new(n)?;
        let mut held = self.take();
        let count = held.as_ref().map_or(0, Held::count);
        let outcome = match (n, &mut held) {
            (Count::Some(0), None) => Ok(Permit::new(None)),
            (Count::Some(n), Some(held)) if n <= count => {
                let part = held.split(n).ok_or_else(|| PyRuntimeError::new_err("the permit was returned already"));
                part.map(|part| Permit::new(Some(part)))
            }
            (n, _) => {
                let n = n.text();
                Err(PyValueError::new_err(format!("cannot split `{n}` permits off one that holds `{count}`")))
            }
        };
        if let Some(held) = held {
            self.put(held);
        }
        outcome
    }

    /// Take the permits of other, which holds none afterwards. ValueError if they belong to another
    /// semaphore; then both keep theirs.
    fn merge(slf: &Bound<'_, Self>, other: &Bound<'_, Self>) -> PyResult<()> {
        if slf.is(other) {
            return Err(PyValueError::new_err("a permit cannot be merged with itself"));
        }
        let Some(theirs) = other.get().take() else { return Ok(()) };
        let Some(mut mine) = slf.get().take() else {
            other.get().put(theirs);
            return Err(PyValueError::new_err("it holds no permits any more, and belongs to no semaphore"));
        };
        let rest = mine.merge(theirs);
        slf.get().put(mine);
        rest.map_err(|theirs| {
            other.get().put(theirs);
            PyValueError::new_err("the permits are of another semaphore: both keep what they hold")
        })
    }

    /// The permit itself: it is held already.
    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    /// Release what it holds.
    #[pyo3(signature = (_t, _v, _tb, /), text_signature = "($self, t, v, tb, /)")]
    fn __exit__(&self, _t: &Bound<'_, PyAny>, _v: &Bound<'_, PyAny>, _tb: &Bound<'_, PyAny>) -> PyResult<()> {
        self.give_back()
    }

    /// The same for `async with`.
    fn __aenter__(slf: Py<Self>) -> Done {
        Done::with(slf.into_any())
    }

    /// Release what it holds.
    #[pyo3(signature = (_t, _v, _tb, /), text_signature = "($self, t, v, tb, /)")]
    fn __aexit__(
        &self,
        py: Python<'_>,
        _t: &Bound<'_, PyAny>,
        _v: &Bound<'_, PyAny>,
        _tb: &Bound<'_, PyAny>,
    ) -> PyResult<Py<Done>> {
        self.give_back()?;
        Done::nothing(py)
    }

    fn __repr__(slf: &Bound<'_, Self>) -> String {
        format!("<permits.Permit at {:#x}: count={}>", slf.as_ptr() as usize, slf.get().count())
    }

    /// A permit is held once: it can be neither copied nor sent to another process.
    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err("cannot pickle 'Permit' object"))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        drop(mem::take(self.held.get_mut().unwrap_or_else(PoisonError::into_inner)));
        report_raised();
    }
}
