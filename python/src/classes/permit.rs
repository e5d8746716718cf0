//! `Permit`: permits that an object holds.

use crate::arguments::{Argument, Count};
use crate::classes::coroutine::Coroutine;
use crate::classes::done::Done;
use crate::classes::request::Request;
use crate::errors::end_of_block;
use crate::held::Held;
use crate::home::Home;
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

    /// As an object of Python's.
    pub(crate) fn make(py: Python<'_>, held: Option<Held>) -> PyResult<Py<PyAny>> {
        Ok(Py::new(py, Permit::new(held))?.into_any())
    }

    /// Once; later it does nothing.
    pub(crate) fn give_back(&self) -> PyResult<()> {
        // Apart, so that the lock is free when the permits are returned.
        if let Some(held) = self.take() {
            held.give_back()?;
        }
        raised()
    }

    /// An error if its permits were lost.
    fn is_held(&self) -> PyResult<()> {
        let loss = lock(&self.held).as_ref().and_then(Held::loss);
        loss.map_or(Ok(()), |loss| Err(loss.into()))
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

    /// The fencing token of its grant; None unless its semaphore is an EtcdSemaphore.
    #[getter]
    fn token(&self) -> Option<u64> {
        lock(&self.held).as_ref().and_then(Held::token)
    }

    /// For how many seconds it holds its permits for certain, if the lease is not renewed; None unless its
    /// semaphore is an EtcdSemaphore.
    #[getter]
    fn remaining(&self) -> Option<f64> {
        lock(&self.held).as_ref().and_then(Held::remaining).map(|time| time.as_secs_f64())
    }

    /// Whether the permits are lost. Only those of an EtcdSemaphore can be.
    fn lost(&self) -> bool {
        lock(&self.held).as_ref().is_some_and(Held::is_lost)
    }

    /// For a task: await it. It ends once the permits are lost, with the result True.
    fn lost_async(&self, py: Python<'_>) -> PyResult<Request> {
        let watched = lock(&self.held).as_ref().map(Held::loss_to_come);
        let (reach, request) = watched.ok_or_else(|| PyValueError::new_err("it holds no permits any more"))?;
        // Not the permit: it comes back when nothing else refers to it.
        let class = py.get_type::<Permit>();
        Ok(Request::new(Coroutine::once(class.as_any(), &Home::new(reach), request, "lost_async")))
    }

    /// Return the permits. Never waits; a second call does nothing. Raises LostError if they were lost before.
    fn release(&self) -> PyResult<()> {
        self.give_back()
    }

    /// Drop the permits and leave them given out, as loose ones, which any caller may release().
    fn forget(&self) -> PyResult<()> {
        if let Some(held) = self.take() {
            held.forget()?;
        }
        raised()
    }

    /// Split n permits off, into a Permit of their own. ValueError if it holds fewer; then it keeps them.
    #[pyo3(signature = (n = Argument::NONE), text_signature = "($self, n=1)")]
    fn split(&self, n: Argument<'_, '_>) -> PyResult<Permit> {
        let n = Count::new(n)?;
        self.is_held()?;
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
        slf.get().is_held()?;
        other.get().is_held()?;
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
    #[pyo3(signature = (_t, v, _tb, /), text_signature = "($self, t, v, tb, /)")]
    fn __exit__(&self, _t: &Bound<'_, PyAny>, v: &Bound<'_, PyAny>, _tb: &Bound<'_, PyAny>) -> PyResult<()> {
        end_of_block(v, self.give_back())
    }

    /// The same for `async with`.
    fn __aenter__(slf: Py<Self>) -> Done {
        Done::with(slf.into_any())
    }

    /// Release what it holds.
    #[pyo3(signature = (_t, v, _tb, /), text_signature = "($self, t, v, tb, /)")]
    fn __aexit__(
        &self,
        py: Python<'_>,
        _t: &Bound<'_, PyAny>,
        v: &Bound<'_, PyAny>,
        _tb: &Bound<'_, PyAny>,
    ) -> PyResult<Py<Done>> {
        end_of_block(v, self.give_back())?;
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
