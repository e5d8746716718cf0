//! Replaces `threading.Semaphore` and `threading.BoundedSemaphore`.

use crate::arguments::{Argument, Patience};
use crate::asyncio::in_a_task;
use crate::classes::coroutine::Gives;
use crate::classes::done::Done;
use crate::classes::permit::Permit;
use crate::classes::request::{PermitRequest, Request};
use crate::classes::valued::Valued;
use crate::convert::{opening, state_to_python};
use crate::raised::raised;
use crate::reach::{Ask, Change};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use pyo3::{PyTraverseError, PyVisit};

/// The base of permits.Semaphore.
#[pyclass(frozen, subclass, module = "permits._permits")]
pub(crate) struct Semaphore {
    valued: Valued,
    /// A BoundedSemaphore: said by its own class.
    bounded: bool,
}

impl Semaphore {
    fn bounded(bounded: bool) -> Semaphore {
        Semaphore { valued: Valued::default(), bounded }
    }
}

#[pymethods]
impl Semaphore {
    /// Takes whatever a subclass's __init__ takes.
    #[new]
    #[pyo3(signature = (*_arguments, **_named))]
    fn new(_arguments: &Bound<'_, PyTuple>, _named: Option<&Bound<'_, PyDict>>) -> Semaphore {
        Semaphore::bounded(false)
    }

    fn _init(&self, value: &Bound<'_, PyAny>, fair: bool) -> PyResult<()> {
        let class = if self.bounded { "BoundedSemaphore" } else { "Semaphore" };
        self.valued.init(class, value, "semaphore", fair, self.bounded)
    }

    /// Take n permits. Waits while fewer than n are free.
    ///
    /// Returns True once it has them, False if the wait times out, or if blocking is false and it would have
    /// to wait.
    #[pyo3(signature = (blocking = Argument::NONE, timeout = Argument::NONE, *, n = Argument::NONE),
           text_signature = "($self, blocking=True, timeout=None, *, n=1)")]
    fn acquire(
        &self,
        py: Python<'_>,
        blocking: Argument<'_, '_>,
        timeout: Argument<'_, '_>,
        n: Argument<'_, '_>,
    ) -> PyResult<bool> {
        self.valued.acquire(py, blocking, timeout, n)
    }

    /// Return n permits. Never waits.
    #[pyo3(signature = (n = Argument::NONE), text_signature = "($self, n=1)")]
    fn release(&self, n: Argument<'_, '_>) -> PyResult<()> {
        self.valued.release(n, "Semaphore")
    }

    /// acquire() for a task: await it. Its result is True.
    #[pyo3(signature = (n = Argument::NONE), text_signature = "($self, n=1)")]
    fn acquire_async(slf: &Bound<'_, Self>, n: Argument<'_, '_>) -> PyResult<Request> {
        Ok(Request::new(slf.get().valued.request(slf, Ask::Loose, n, Gives::True, "acquire_async")?))
    }

    /// Take n permits that the returned Permit holds: no release() can return them.
    ///
    /// Waits as acquire() does. Raises WaitTimeoutError if the wait times out, WouldBlockError if blocking is
    /// false and it would have to wait.
    #[pyo3(signature = (n = Argument::NONE, timeout = Argument::NONE, *, blocking = Argument::NONE),
           text_signature = "($self, n=1, timeout=None, *, blocking=True)")]
    fn permit(
        &self,
        py: Python<'_>,
        n: Argument<'_, '_>,
        timeout: Argument<'_, '_>,
        blocking: Argument<'_, '_>,
    ) -> PyResult<Permit> {
        self.valued.permit(py, n, timeout, blocking)
    }

    /// permit() for a task: await it, or use it in `async with`.
    #[pyo3(signature = (n = Argument::NONE), text_signature = "($self, n=1)")]
    fn permit_async(slf: &Bound<'_, Self>, n: Argument<'_, '_>) -> PyResult<PermitRequest> {
        Ok(PermitRequest::new(slf.get().valued.request(
            slf,
            Ask::Held,
            n,
            Gives::Permit(Permit::make),
            "permit_async",
        )?))
    }

    /// Acquire, as `acquire()` does.
    fn __enter__(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.valued.home()?.wait(py, Ask::Loose, 1, Patience::Endless)?.is_some())
    }

    /// Release, as `release()` does.
    #[pyo3(signature = (_t, _v, _tb, /), text_signature = "($self, t, v, tb, /)")]
    fn __exit__(&self, _t: &Bound<'_, PyAny>, _v: &Bound<'_, PyAny>, _tb: &Bound<'_, PyAny>) -> PyResult<()> {
        self.valued.release(Argument::NONE, "Semaphore")
    }

    /// Acquire, for `async with`.
    fn __aenter__(slf: &Bound<'_, Self>) -> PyResult<Request> {
        Ok(Request::new(slf.get().valued.request(slf, Ask::Loose, Argument::NONE, Gives::Nothing, "__aenter__")?))
    }

    /// Release.
    #[pyo3(signature = (_t, _v, _tb, /), text_signature = "($self, t, v, tb, /)")]
    fn __aexit__(
        &self,
        py: Python<'_>,
        _t: &Bound<'_, PyAny>,
        _v: &Bound<'_, PyAny>,
        _tb: &Bound<'_, PyAny>,
    ) -> PyResult<Py<Done>> {
        in_a_task(|| self.valued.release(Argument::NONE, "Semaphore"))?;
        Done::nothing(py)
    }

    /// Close the semaphore for good: waiters and later calls get ClosedError. Permits that are out can still
    /// come back.
    fn close(&self) -> PyResult<()> {
        self.valued.home()?.reach.close()?;
        raised()
    }

    /// Whether it was closed.
    #[getter]
    fn closed(&self) -> PyResult<bool> {
        Ok(self.valued.sem()?.is_closed())
    }

    /// Whether the order is strict; otherwise threads may pass waiters, within a bound.
    #[getter]
    fn fair(&self) -> PyResult<bool> {
        Ok(self.valued.sem()?.overtakes() == 0)
    }

    /// How many permits are free: the value. A reading, not a promise.
    #[getter]
    fn available(&self) -> PyResult<u32> {
        Ok(self.valued.sem()?.available_permits())
    }

    /// How many threads and tasks wait to acquire.
    #[getter]
    fn waiting(&self) -> PyResult<usize> {
        Ok(self.valued.sem()?.waiting_acquirers())
    }

    /// The value, by its name in the standard library's class.
    #[getter]
    fn _value(&self) -> PyResult<u32> {
        self.available()
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.valued.cell.traverse(&visit)
    }

    fn __clear__(&self, py: Python<'_>) {
        self.valued.cell.clear(py);
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let opening = opening(slf.as_any())?;
        let valued = &slf.get().valued;
        let Ok(sem) = valued.sem() else { return Ok(format!("{opening}: not initialized>")) };
        let value = sem.available_permits();
        Ok(match valued.bound() {
            None => format!("{opening}: value={value}>"),
            Some(_) => format!("{opening}: value={value}/{}>", valued.state()?.max_permits),
        })
    }
}

/// The base of permits.BoundedSemaphore.
#[pyclass(frozen, subclass, extends = Semaphore, module = "permits._permits")]
pub(crate) struct BoundedSemaphore;

#[pymethods]
impl BoundedSemaphore {
    /// Takes whatever a subclass's __init__ takes.
    #[new]
    #[pyo3(signature = (*_arguments, **_named))]
    fn new(
        _arguments: &Bound<'_, PyTuple>,
        _named: Option<&Bound<'_, PyDict>>,
    ) -> PyClassInitializer<BoundedSemaphore> {
        PyClassInitializer::from(Semaphore::bounded(true)).add_subclass(BoundedSemaphore)
    }

    /// Set the bound. If too many permits are out, they are retired as they come back.
    fn resize(slf: &Bound<'_, Self>, max_permits: &Bound<'_, PyAny>) -> PyResult<()> {
        slf.as_super().get().valued.resize(slf.py(), Change::Set, Argument(Some(max_permits.as_borrowed())))
    }

    /// Add n permits, and serve waiters with them at once.
    #[pyo3(signature = (n = Argument::NONE), text_signature = "($self, n=1)")]
    fn grow(slf: &Bound<'_, Self>, n: Argument<'_, '_>) -> PyResult<()> {
        slf.as_super().get().valued.resize(slf.py(), Change::Grow, n)
    }

    /// Remove n permits: free ones now, those that are out as they come back.
    #[pyo3(signature = (n = Argument::NONE), text_signature = "($self, n=1)")]
    fn shrink(slf: &Bound<'_, Self>, n: Argument<'_, '_>) -> PyResult<()> {
        slf.as_super().get().valued.resize(slf.py(), Change::Shrink, n)
    }

    /// How many permits there are.
    #[getter]
    fn max_permits(slf: &Bound<'_, Self>) -> PyResult<u32> {
        Ok(slf.as_super().get().valued.state()?.max_permits)
    }

    /// How many permits are out.
    #[getter]
    fn given_out(slf: &Bound<'_, Self>) -> PyResult<u32> {
        Ok(slf.as_super().get().valued.state()?.given_out)
    }

    /// How many permits are out and held by no Permit.
    #[getter]
    fn loose(slf: &Bound<'_, Self>) -> PyResult<u32> {
        Ok(slf.as_super().get().valued.state()?.loose)
    }

    /// All readings at one instant.
    fn state<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        state_to_python(slf.py(), &slf.as_super().get().valued.state()?)
    }
}
