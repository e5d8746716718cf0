//! In the place of `threading.Semaphore` and `threading.BoundedSemaphore`.
//!
//! All of their permits are loose. A `Semaphore` without a bound is one of [`Semaphore::MAX_PERMITS`] permits of which all but its value are
//! out: to release is to return one of those, which is there as long as the limit is not reached.

use crate::arguments::{Argument, Count, Patience, patience};
use crate::count::{one, opening, resize, state_to_python};
use crate::errors::Failure;
use crate::here::Here;
use crate::permit::Permit;
use crate::reach::{Ask, Change, Reach};
use crate::request::{Done, Gives, Inner, PermitRequest, Request};
use crate::shared::{Cell, Held, Shared};
use crate::wake::{in_a_task, raised};
use permits::{Semaphore as Core, State};
use pyo3::exceptions::{PyOverflowError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use pyo3::{PyTraverseError, PyVisit};
use std::mem;
use std::sync::{Arc, OnceLock};

/// A semaphore as the standard library has it: a value that goes down and up.
#[derive(Default)]
pub(crate) struct Valued {
    pub(crate) cell: Cell,
    /// The value at the start, if it must not be exceeded.
    bound: OnceLock<Option<u32>>,
    /// What `init` was called with.
    initial: OnceLock<(u32, bool)>,
}

impl Valued {
    /// `name` as it stands in the standard library's error.
    pub(crate) fn init(
        &self,
        class: &str,
        value: &Bound<'_, PyAny>,
        name: &str,
        fair: bool,
        bounded: bool,
    ) -> PyResult<()> {
        let value = match Count::given(value)? {
            Count::Negative(_) => return Err(PyValueError::new_err(format!("{name} initial value must be >= 0"))),
            Count::Some(value) if value <= Core::MAX_PERMITS => value,
            other => return Err(beyond("the initial value", &other.text())),
        };
        // Of two bases that both call it, the second finds it done.
        if self.cell.is_set() && self.initial.get() == Some(&(value, fair)) {
            return Ok(());
        }
        let max = if bounded { value.max(1) } else { Core::MAX_PERMITS };
        let sem = if fair { Core::fair(max) } else { Core::new(max) };
        if bounded && value == 0 {
            // None that anybody could have: the one that there has to be is held for ever.
            mem::forget(sem.try_acquire());
        } else {
            sem.acquire_many(max - value).loose().try_now().map_err(Failure::from)?;
        }
        self.cell.set(class, Shared::new(Reach::Here(Here::new(sem))))?;
        let _ = self.bound.set(bounded.then_some(value));
        let _ = self.initial.set((value, fair));
        Ok(())
    }

    #[inline]
    pub(crate) fn shared(&self) -> PyResult<&Arc<Shared>> {
        self.cell.get()
    }

    pub(crate) fn sem(&self) -> PyResult<&Arc<Core>> {
        let here = self.shared()?.reach.here();
        here.map(Here::sem).ok_or_else(|| unreachable!("these are of this process"))
    }

    /// One permit more than there are, if the value is bounded by 0: see `init`.
    fn spare(&self) -> u32 {
        u32::from(self.bound.get() == Some(&Some(0)))
    }

    pub(crate) fn bound(&self) -> Option<u32> {
        self.bound.get().copied().flatten()
    }

    /// The readings of a bounded one.
    fn state(&self) -> PyResult<State> {
        let mut state = self.sem()?.state();
        state.max_permits -= self.spare();
        state.given_out -= self.spare();
        Ok(state)
    }

    pub(crate) fn acquire(
        &self,
        py: Python<'_>,
        blocking: Argument<'_, '_>,
        timeout: Argument<'_, '_>,
        n: Argument<'_, '_>,
    ) -> PyResult<bool> {
        let shared = self.shared()?;
        let patience = patience(blocking, timeout)?;
        let n = self.possible(n)?;
        Ok(shared.wait(py, Ask::Loose, n, patience)?.is_some())
    }

    /// How many are asked for.
    fn possible(&self, n: Argument<'_, '_>) -> PyResult<u32> {
        let shared = self.shared()?;
        let n = self.at_least_one(n)?.ask_for(|| shared.max())?;
        // The spare one is nobody's; but one permit may be waited for even where there is none, as in `threading`.
        if self.spare() == 1 && n > 1 {
            let max = self.state()?.max_permits;
            if n > max {
                return Err(Failure::TooMany { requested: n.to_string(), max }.into());
            }
        }
        Ok(n)
    }

    fn at_least_one(&self, n: Argument<'_, '_>) -> PyResult<Count> {
        match Count::new(n)? {
            Count::Some(0) | Count::Negative(_) => Err(PyValueError::new_err("n must be one or more")),
            n => Ok(n),
        }
    }

    /// Never waits. `name` as it stands in the standard library's error.
    #[inline]
    pub(crate) fn release(&self, n: Argument<'_, '_>, name: &str) -> PyResult<()> {
        let n = self.at_least_one(n)?;
        if let Count::Some(n) = n
            && self.shared()?.reach.try_now(Ask::Back, n).is_ok()
        {
            return raised();
        }
        self.refuse(n, name)
    }

    #[cold]
    fn refuse(&self, n: Count, name: &str) -> PyResult<()> {
        match self.bound() {
            Some(_) => Err(PyValueError::new_err(format!("{name} released too many times"))),
            None => {
                let value = self.sem()?.available_permits();
                Err(beyond("the value", &format!("{value} + {}", n.text())))
            }
        }
    }

    pub(crate) fn permit(
        &self,
        py: Python<'_>,
        n: Argument<'_, '_>,
        timeout: Argument<'_, '_>,
        blocking: Argument<'_, '_>,
    ) -> PyResult<Permit> {
        let shared = self.shared()?;
        let patience = patience(blocking, timeout)?;
        let n = self.possible(n)?;
        let granted = shared.wait_or_tell(py, Ask::Held, n, patience)?;
        Ok(Permit::new(Held::new(shared, granted)))
    }

    pub(crate) fn request(
        &self,
        owner: &Bound<'_, PyAny>,
        ask: Ask,
        n: Argument<'_, '_>,
        gives: Gives,
        name: &'static str,
    ) -> PyResult<Inner> {
        let shared = self.shared()?;
        let n = self.possible(n)?;
        Ok(Inner::new(owner, shared, (ask, n), (gives, name)))
    }

    pub(crate) fn resize(&self, py: Python<'_>, change: Change, n: Argument<'_, '_>) -> PyResult<()> {
        let reach = &self.shared()?.reach;
        match n {
            Argument(Some(n)) if self.spare() == 1 && matches!(change, Change::Set) => {
                // The spare one comes on top.
                let n = Count::given(&n)?.have("max_permits")?;
                reach.resize(change, (n + 1).min(Core::MAX_PERMITS))?;
                raised()
            }
            n => resize(reach, change, &n.0.map_or_else(|| one(py), |n| n.to_owned())),
        }
    }
}

fn beyond(what: &str, value: &str) -> PyErr {
    PyOverflowError::new_err(format!("{what} must be at most `{}`, it would be `{value}`", Core::MAX_PERMITS))
}

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
    /// True if it has them. False if the time was over first, or if blocking is false and it would have to wait.
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

    /// Return n permits. Does not wait.
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
    /// Waits as acquire() does. WaitTimeoutError when the time is over, WouldBlockError if blocking is false and it would have to wait.
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
        Ok(PermitRequest::new(slf.get().valued.request(slf, Ask::Held, n, Gives::Permit, "permit_async")?))
    }

    fn __enter__(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.valued.shared()?.wait(py, Ask::Loose, 1, Patience::Endless)?.is_some())
    }

    #[pyo3(signature = (_t, _v, _tb, /), text_signature = "($self, t, v, tb, /)")]
    fn __exit__(&self, _t: &Bound<'_, PyAny>, _v: &Bound<'_, PyAny>, _tb: &Bound<'_, PyAny>) -> PyResult<()> {
        self.valued.release(Argument::NONE, "Semaphore")
    }

    fn __aenter__(slf: &Bound<'_, Self>) -> PyResult<Request> {
        Ok(Request::new(slf.get().valued.request(slf, Ask::Loose, Argument::NONE, Gives::Nothing, "__aenter__")?))
    }

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

    /// Close it for good: whoever waits, and whoever comes later, gets ClosedError. What is out can still come back.
    fn close(&self) -> PyResult<()> {
        self.valued.shared()?.reach.close()?;
        raised()
    }

    /// Whether it was closed.
    #[getter]
    fn closed(&self) -> PyResult<bool> {
        Ok(self.valued.sem()?.is_closed())
    }

    /// Whether nobody passes a waiter; otherwise threads do, within a bound.
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

    /// The value, by the name that it has in the standard library's class.
    #[getter]
    fn _value(&self) -> PyResult<u32> {
        self.available()
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.valued.cell.visit(&visit)
    }

    fn __clear__(&self) {
        self.valued.cell.clear();
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

    /// Set the bound. Permits that are out and too many go as they come back.
    fn resize(slf: &Bound<'_, Self>, max_permits: &Bound<'_, PyAny>) -> PyResult<()> {
        slf.as_super().get().valued.resize(slf.py(), Change::Set, Argument(Some(max_permits.as_borrowed())))
    }

    /// Add n permits. Whoever waits and fits goes ahead.
    #[pyo3(signature = (n = Argument::NONE), text_signature = "($self, n=1)")]
    fn grow(slf: &Bound<'_, Self>, n: Argument<'_, '_>) -> PyResult<()> {
        slf.as_super().get().valued.resize(slf.py(), Change::Grow, n)
    }

    /// Take n permits away: free ones now, those that are out as they come back.
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
