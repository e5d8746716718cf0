//! The semaphore of the contract: `CountSemaphore` and `HostSemaphore` are this, at two reaches.

use crate::arguments::{Argument, Count, Patience, count_or_blocking, interval, number, patience};
use crate::asyncio::in_a_task;
use crate::classes::coroutine::{Coroutine, Gives};
use crate::classes::done::Done;
use crate::classes::permit::Permit;
use crate::classes::request::{PermitRequest, Request};
#[cfg(target_os = "linux")]
use crate::connecting::Connecting;
use crate::convert::{one, opening, resize, state_to_python};
use crate::errors::{Failure, end_of_block};
use crate::held::Held;
use crate::here::Here;
use crate::home::{Cell, Home};
#[cfg(target_os = "linux")]
use crate::machines::{Machines, Terms};
use crate::raised::raised;
use crate::reach::{Ask, Change, Reach};
use permits::{Semaphore, State};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use pyo3::{PyTraverseError, PyVisit};
use std::sync::Arc;

/// The base of CountSemaphore and HostSemaphore.
#[pyclass(frozen, subclass, module = "permits._permits")]
pub(crate) struct Counting {
    cell: Cell,
    #[cfg(target_os = "linux")]
    host: std::sync::OnceLock<permits_host::HostSemaphore>,
}

impl Counting {
    #[inline]
    fn home(&self) -> PyResult<&Arc<Home>> {
        self.cell.get()
    }

    fn state(&self) -> PyResult<State> {
        Ok(self.home()?.reach.state()?)
    }

    fn wait(&self, py: Python<'_>, ask: Ask, [n, timeout, blocking]: [Argument<'_, '_>; 3]) -> PyResult<bool> {
        let home = self.home()?;
        let (n, blocking) = count_or_blocking(n, blocking)?;
        let patience = patience(blocking, timeout)?;
        let n = Count::new(n)?.ask_for(|| home.max())?;
        Ok(home.wait(py, ask, n, patience)?.is_some())
    }

    fn request(
        &self,
        owner: &Bound<'_, PyAny>,
        ask: Ask,
        n: Argument<'_, '_>,
        gives: Gives,
        name: &'static str,
    ) -> PyResult<Coroutine> {
        let home = self.home()?;
        let n = Count::new(n)?.ask_for(|| home.max())?;
        Ok(Coroutine::new(owner, home, (ask, n), (gives, name)))
    }
}

#[pymethods]
impl Counting {
    /// Takes whatever a subclass's __init__ takes.
    #[new]
    #[pyo3(signature = (*_arguments, **_named))]
    fn new(_arguments: &Bound<'_, PyTuple>, _named: Option<&Bound<'_, PyDict>>) -> Counting {
        Counting {
            cell: Cell::default(),
            #[cfg(target_os = "linux")]
            host: std::sync::OnceLock::new(),
        }
    }

    fn _init_here(&self, permits: &Bound<'_, PyAny>, fair: bool) -> PyResult<()> {
        let max = number(permits, "permits").and_then(Count::given)?.have("permits")?;
        let sem = if fair { Semaphore::fair(max) } else { Semaphore::new(max) };
        self.cell.set("CountSemaphore", Home::new(Reach::Here(Arc::new(Here::new(sem)))))
    }

    #[cfg(target_os = "linux")]
    fn _init_host(
        &self,
        py: Python<'_>,
        name: String,
        max: Option<Bound<'_, PyAny>>,
        every: Option<Bound<'_, PyAny>>,
        options: (Option<std::path::PathBuf>, Option<Bound<'_, PyAny>>, Option<String>, bool, bool),
    ) -> PyResult<()> {
        let (directory, mode, label, resize, numbered) = options;
        let max = max.map(|max| number(&max, "max").and_then(Count::given)?.have("max")).transpose()?;
        let mode = mode.map(|mode| number(&mode, "mode").and_then(Count::given)?.permissions()).transpose()?;
        let mut options = permits_host::HostSemaphore::options().resize(resize).numbered(numbered);
        if let Some(directory) = directory {
            options = options.directory(directory);
        }
        if let Some(mode) = mode {
            options = options.mode(mode);
        }
        if let Some(label) = label {
            options = options.label(label);
        }
        if let Some(every) = every {
            options = options.every(interval(&every)?);
        }
        // It goes to the disk.
        let opened = py.detach(|| match max {
            Some(max) => options.open(&name, max),
            None => options.open_existing(&name),
        });
        let host = opened.map_err(Failure::from)?;
        let _ = self.host.set(host.clone());
        self.cell.set("HostSemaphore", Home::new(Reach::Host(host)))
    }

    /// Its name, and its address as it may be shown.
    #[cfg(target_os = "linux")]
    fn _init_machines(
        &self,
        address: &str,
        backend: Option<&str>,
        max: Option<Bound<'_, PyAny>>,
        resize: bool,
        options: Connecting<'_>,
    ) -> PyResult<(String, String)> {
        let max = max.map(|max| number(&max, "max").and_then(Count::given)?.have("max")).transpose()?;
        let terms = match max {
            Some(max) if resize => Terms::Resized(max),
            Some(max) => Terms::Max(max),
            None => Terms::Existing,
        };
        let machines = Machines::open(address, backend, terms, &options.options()?)?;
        let named = (machines.name().to_owned(), machines.address());
        self.cell.set("EtcdSemaphore", Home::new(Reach::Machines(machines)))?;
        Ok(named)
    }

    #[cfg(target_os = "linux")]
    fn _name(&self) -> PyResult<&str> {
        self.home()?;
        Ok(self.host.get().map_or("", |host| host.name()))
    }

    #[cfg(target_os = "linux")]
    fn _path(&self) -> PyResult<std::path::PathBuf> {
        self.home()?;
        Ok(self.host.get().map(|host| host.path().to_owned()).unwrap_or_default())
    }

    #[cfg(target_os = "linux")]
    fn _interval(&self) -> PyResult<Option<f64>> {
        self.home()?;
        let interval = self.host.get().map(|host| host.interval()).transpose().map_err(Failure::from)?;
        Ok(interval.flatten().map(|time| time.as_secs_f64()))
    }

    #[cfg(target_os = "linux")]
    fn _set_interval(&self, every: &Bound<'_, PyAny>) -> PyResult<()> {
        self.home()?;
        let interval = interval(every)?;
        if let Some(host) = self.host.get() {
            host.set_interval(interval).map_err(Failure::from)?;
        }
        raised()
    }

    #[cfg(target_os = "linux")]
    fn _unlink(&self, force: bool) -> PyResult<()> {
        self.home()?;
        let removal = if force { permits_host::Removal::Force } else { permits_host::Removal::IfIdle };
        if let Some(host) = self.host.get() {
            host.remove(removal).map_err(Failure::from)?;
        }
        raised()
    }

    /// Take n permits, as loose ones, which any caller may release. Waits while fewer than n are free.
    ///
    /// Returns True once it has them, False if the wait times out, or if blocking is false and it would have
    /// to wait.
    #[pyo3(signature = (n = Argument::NONE, timeout = Argument::NONE, *, blocking = Argument::NONE),
           text_signature = "($self, n=1, timeout=None, *, blocking=True)")]
    fn acquire(
        &self,
        py: Python<'_>,
        n: Argument<'_, '_>,
        timeout: Argument<'_, '_>,
        blocking: Argument<'_, '_>,
    ) -> PyResult<bool> {
        self.wait(py, Ask::Loose, [n, timeout, blocking])
    }

    /// Return n loose permits, which any caller may have taken. Waits while fewer than n are loose.
    ///
    /// Returns True once they are back, False if the wait times out, or if blocking is false and it would
    /// have to wait.
    #[pyo3(signature = (n = Argument::NONE, timeout = Argument::NONE, *, blocking = Argument::NONE),
           text_signature = "($self, n=1, timeout=None, *, blocking=True)")]
    fn release(
        &self,
        py: Python<'_>,
        n: Argument<'_, '_>,
        timeout: Argument<'_, '_>,
        blocking: Argument<'_, '_>,
    ) -> PyResult<bool> {
        self.wait(py, Ask::Back, [n, timeout, blocking])
    }

    /// acquire() for a task: await it. Its result is True.
    #[pyo3(signature = (n = Argument::NONE), text_signature = "($self, n=1)")]
    fn acquire_async(slf: &Bound<'_, Self>, n: Argument<'_, '_>) -> PyResult<Request> {
        Ok(Request::new(slf.get().request(slf, Ask::Loose, n, Gives::True, "acquire_async")?))
    }

    /// release() for a task: await it. Its result is True.
    #[pyo3(signature = (n = Argument::NONE), text_signature = "($self, n=1)")]
    fn release_async(slf: &Bound<'_, Self>, n: Argument<'_, '_>) -> PyResult<Request> {
        Ok(Request::new(slf.get().request(slf, Ask::Back, n, Gives::True, "release_async")?))
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
        let home = self.home()?;
        let patience = patience(blocking, timeout)?;
        let n = Count::new(n)?.ask_for(|| home.max())?;
        let granted = home.wait_or_tell(py, Ask::Held, n, patience)?;
        Ok(Permit::new(Held::new(&home.reach, granted)))
    }

    /// permit() for a task: await it, or use it in `async with`.
    #[pyo3(signature = (n = Argument::NONE), text_signature = "($self, n=1)")]
    fn permit_async(slf: &Bound<'_, Self>, n: Argument<'_, '_>) -> PyResult<PermitRequest> {
        Ok(PermitRequest::new(slf.get().request(slf, Ask::Held, n, Gives::Permit(Permit::make), "permit_async")?))
    }

    /// Take one permit, and hold it until the end of the block. Waits while none is free.
    fn __enter__(&self, py: Python<'_>) -> PyResult<bool> {
        let home = self.home()?;
        if let Some(granted) = home.wait(py, Ask::Held, 1, Patience::Endless)? {
            home.enter(granted);
        }
        Ok(true)
    }

    /// Give it back.
    #[pyo3(signature = (_t, v, _tb, /), text_signature = "($self, t, v, tb, /)")]
    fn __exit__(&self, _t: &Bound<'_, PyAny>, v: &Bound<'_, PyAny>, _tb: &Bound<'_, PyAny>) -> PyResult<()> {
        end_of_block(v, self.home()?.exit())
    }

    /// The same for `async with`.
    fn __aenter__(slf: &Bound<'_, Self>) -> PyResult<Request> {
        Ok(Request::new(slf.get().request(slf, Ask::Held, Argument::NONE, Gives::Nothing, "__aenter__")?))
    }

    /// Give it back.
    #[pyo3(signature = (_t, v, _tb, /), text_signature = "($self, t, v, tb, /)")]
    fn __aexit__(
        &self,
        py: Python<'_>,
        _t: &Bound<'_, PyAny>,
        v: &Bound<'_, PyAny>,
        _tb: &Bound<'_, PyAny>,
    ) -> PyResult<Py<Done>> {
        end_of_block(v, in_a_task(|| self.home()?.exit()))?;
        Done::nothing(py)
    }

    /// Close the semaphore for good: waiters and later calls get ClosedError. Permits that are out can still
    /// come back.
    fn close(&self) -> PyResult<()> {
        self.home()?.reach.close()?;
        raised()
    }

    /// Whether it was closed.
    #[getter]
    fn closed(&self) -> PyResult<bool> {
        Ok(self.home()?.reach.is_closed()?)
    }

    /// Set the number of permits. If too many are out, they are retired as they come back.
    fn resize(&self, max_permits: &Bound<'_, PyAny>) -> PyResult<()> {
        resize(&self.home()?.reach, Change::Set, max_permits)
    }

    /// Add n permits, and serve waiters with them at once.
    #[pyo3(signature = (n = Argument::NONE), text_signature = "($self, n=1)")]
    fn grow(&self, py: Python<'_>, n: Argument<'_, '_>) -> PyResult<()> {
        resize(&self.home()?.reach, Change::Grow, &n.0.map_or_else(|| one(py), |n| n.to_owned()))
    }

    /// Remove n permits: free ones now, those that are out as they come back.
    #[pyo3(signature = (n = Argument::NONE), text_signature = "($self, n=1)")]
    fn shrink(&self, py: Python<'_>, n: Argument<'_, '_>) -> PyResult<()> {
        resize(&self.home()?.reach, Change::Shrink, &n.0.map_or_else(|| one(py), |n| n.to_owned()))
    }

    /// Whether the order is strict; otherwise threads may pass waiters, within a bound.
    #[getter]
    fn fair(&self) -> PyResult<bool> {
        Ok(self.home()?.reach.here().is_none_or(|here| here.sem().overtakes() == 0))
    }

    /// How many permits there are.
    #[getter]
    fn max_permits(&self) -> PyResult<u32> {
        Ok(self.state()?.max_permits)
    }

    /// How many permits are free. A reading, not a promise.
    #[getter]
    fn available(&self) -> PyResult<u32> {
        Ok(self.state()?.available_permits)
    }

    /// How many permits are out, held or loose.
    #[getter]
    fn given_out(&self) -> PyResult<u32> {
        Ok(self.state()?.given_out)
    }

    /// How many permits are out and have no owner: release() can return these.
    #[getter]
    fn loose(&self) -> PyResult<u32> {
        Ok(self.state()?.loose)
    }

    /// How many threads and tasks wait, to acquire or to release.
    #[getter]
    fn waiting(&self) -> PyResult<u32> {
        let state = self.state()?;
        Ok(state.waiting_acquirers + state.waiting_releasers)
    }

    /// How many threads and tasks wait to acquire.
    #[getter]
    fn waiting_acquirers(&self) -> PyResult<u32> {
        Ok(self.state()?.waiting_acquirers)
    }

    /// How many threads and tasks wait to release.
    #[getter]
    fn waiting_releasers(&self) -> PyResult<u32> {
        Ok(self.state()?.waiting_releasers)
    }

    /// All readings at one instant.
    #[pyo3(name = "state")]
    fn readings<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        state_to_python(py, &self.state()?)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.cell.traverse(&visit)
    }

    fn __clear__(&self, py: Python<'_>) {
        self.cell.clear(py);
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let opening = opening(slf.as_any())?;
        // A repr asks no servers, and does not fail.
        #[cfg(target_os = "linux")]
        if let Some(machines) = slf.get().cell.get().ok().and_then(|home| home.reach.machines()) {
            return Ok(format!("{opening}: {}>", machines.address()));
        }
        let Ok(state) = slf.get().state() else { return Ok(format!("{opening}: not open>")) };
        Ok(format!("{opening}: {state}>"))
    }
}
