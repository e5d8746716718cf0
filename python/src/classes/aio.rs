//! Replaces `asyncio.Semaphore` and `asyncio.BoundedSemaphore`; for any number of loops, in any threads.

use crate::arguments::Argument;
use crate::asyncio::in_a_task;
use crate::classes::coroutine::Gives;
use crate::classes::done::Done;
use crate::classes::permit::Permit;
use crate::classes::request::{PermitRequest, Request};
use crate::classes::valued::Valued;
use crate::raised::raised;
use crate::reach::Ask;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use pyo3::{PyTraverseError, PyVisit};

/// The base of permits.aio.Semaphore.
#[pyclass(frozen, subclass, module = "permits._permits")]
pub(crate) struct AsyncSemaphore {
    valued: Valued,
    bounded: bool,
}

impl AsyncSemaphore {
    fn bounded(bounded: bool) -> AsyncSemaphore {
        AsyncSemaphore { valued: Valued::default(), bounded }
    }

    /// Whether a newcomer would have to wait: none is free, or there are waiters, or a task was granted a
    /// permit and has not resumed yet.
    fn is_locked(&self) -> PyResult<bool> {
        let home = self.valued.home()?;
        let state = self.valued.sem()?.state();
        Ok(state.available_permits == 0 || state.waiting_acquirers > 0 || home.waiters.are_resuming())
    }
}

#[pymethods]
impl AsyncSemaphore {
    /// Takes whatever a subclass's __init__ takes.
    #[new]
    #[pyo3(signature = (*_arguments, **_named))]
    fn new(_arguments: &Bound<'_, PyTuple>, _named: Option<&Bound<'_, PyDict>>) -> AsyncSemaphore {
        AsyncSemaphore::bounded(false)
    }

    fn _init(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let class = if self.bounded { "BoundedSemaphore" } else { "Semaphore" };
        self.valued.init(class, value, "Semaphore", true, self.bounded)
    }

    /// Take n permits: await it. Its result is True.
    #[pyo3(signature = (n = Argument::NONE), text_signature = "($self, n=1)")]
    fn acquire(slf: &Bound<'_, Self>, n: Argument<'_, '_>) -> PyResult<Request> {
        Ok(Request::new(slf.get().valued.request(slf, Ask::Loose, n, Gives::True, "acquire")?))
    }

    /// Return n permits. Never waits; you may call it from any thread.
    #[pyo3(signature = (n = Argument::NONE), text_signature = "($self, n=1)")]
    fn release(&self, n: Argument<'_, '_>) -> PyResult<()> {
        self.valued.release(n, "BoundedSemaphore")
    }

    /// Whether acquire() would have to wait.
    fn locked(&self) -> PyResult<bool> {
        self.is_locked()
    }

    /// Take n permits that a Permit holds: await it, or use it in `async with`.
    #[pyo3(signature = (n = Argument::NONE), text_signature = "($self, n=1)")]
    fn permit(slf: &Bound<'_, Self>, n: Argument<'_, '_>) -> PyResult<PermitRequest> {
        Ok(PermitRequest::new(slf.get().valued.request(slf, Ask::Held, n, Gives::Permit(Permit::make), "permit")?))
    }

    /// Acquire, as `await acquire()` does.
    fn __aenter__(slf: &Bound<'_, Self>) -> PyResult<Request> {
        Ok(Request::new(slf.get().valued.request(slf, Ask::Loose, Argument::NONE, Gives::Nothing, "__aenter__")?))
    }

    /// Release, as `release()` does.
    #[pyo3(signature = (_t, _v, _tb, /), text_signature = "($self, t, v, tb, /)")]
    fn __aexit__(
        &self,
        py: Python<'_>,
        _t: &Bound<'_, PyAny>,
        _v: &Bound<'_, PyAny>,
        _tb: &Bound<'_, PyAny>,
    ) -> PyResult<Py<Done>> {
        in_a_task(|| self.valued.release(Argument::NONE, "BoundedSemaphore"))?;
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

    /// How many permits are free: the value. A reading, not a promise.
    #[getter]
    fn available(&self) -> PyResult<u32> {
        Ok(self.valued.sem()?.available_permits())
    }

    /// How many tasks wait.
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
        let class = slf.get_type();
        let opening = format!("<{}.{} object at {:#x}", class.module()?, class.qualname()?, slf.as_ptr() as usize);
        let this = slf.get();
        let Ok(sem) = this.valued.sem() else { return Ok(format!("{opening} [not initialized]>")) };
        let mut extra = if this.is_locked()? {
            "locked".to_owned()
        } else {
            format!("unlocked, value:{}", sem.available_permits())
        };
        let waiting = sem.waiting_acquirers();
        if waiting > 0 {
            extra += &format!(", waiters:{waiting}");
        }
        Ok(format!("{opening} [{extra}]>"))
    }
}

/// The base of permits.aio.BoundedSemaphore.
#[pyclass(frozen, subclass, extends = AsyncSemaphore, module = "permits._permits")]
pub(crate) struct AsyncBoundedSemaphore;

#[pymethods]
impl AsyncBoundedSemaphore {
    /// Takes whatever a subclass's __init__ takes.
    #[new]
    #[pyo3(signature = (*_arguments, **_named))]
    fn new(
        _arguments: &Bound<'_, PyTuple>,
        _named: Option<&Bound<'_, PyDict>>,
    ) -> PyClassInitializer<AsyncBoundedSemaphore> {
        PyClassInitializer::from(AsyncSemaphore::bounded(true)).add_subclass(AsyncBoundedSemaphore)
    }
}
