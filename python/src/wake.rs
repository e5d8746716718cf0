//! How a task of a loop is told that it may go on.
//!
//! A waiting task has given a future to its loop. Whoever grants it resolves the future: at once, if he runs in that very loop, so that
//! the task is next in line there as with asyncio's own semaphores; by `call_soon_threadsafe` from anywhere else.
//!
//! Three cases end with the request being dropped, and the grant going on to the next (P3): the future was cancelled, though its task
//! has not run since; the loop is closed; or it cannot be told for any other reason.

use crate::reach::BoxedWaiting;
use crate::shared::{Shared, lock};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Wake;

/// A request of a task: the meeting place of the awaitable, which polls it, and of whoever wakes it.
pub(crate) struct Slot {
    home: Arc<Shared>,
    /// Taken out while it is polled or dropped, so that nothing of Python's runs under the lock (P2).
    request: Mutex<Option<BoxedWaiting>>,
    target: Mutex<Option<Target>>,
    /// Woken, and counted in `Shared::resuming`.
    counted: AtomicBool,
}

pub(crate) struct Target {
    pub(crate) event_loop: Py<PyAny>,
    pub(crate) future: Py<PyAny>,
}

impl Target {
    fn clone_ref(&self, py: Python<'_>) -> Target {
        Target { event_loop: self.event_loop.clone_ref(py), future: self.future.clone_ref(py) }
    }
}

impl Slot {
    pub(crate) fn new(home: &Arc<Shared>, target: Target) -> Arc<Slot> {
        Arc::new(Slot {
            home: Arc::clone(home),
            request: Mutex::new(None),
            target: Mutex::new(Some(target)),
            counted: AtomicBool::new(false),
        })
    }

    pub(crate) fn take(&self) -> Option<BoxedWaiting> {
        lock(&self.request).take()
    }

    pub(crate) fn put(&self, request: BoxedWaiting) {
        *lock(&self.request) = Some(request);
    }

    /// Its task has a grant, or an error, and will resume.
    pub(crate) fn count(&self) {
        // Relaxed: see `Shared::others_are_resuming`; here and below.
        if !self.counted.swap(true, Ordering::Relaxed) {
            self.home.resuming.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Its task has resumed, or never will.
    pub(crate) fn uncount(&self) {
        if self.counted.swap(false, Ordering::Relaxed) {
            self.home.resuming.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Its task is not waiting any more.
    pub(crate) fn leave(&self) {
        self.uncount();
        let target = lock(&self.target).take();
        drop(target);
        if let Some(request) = self.take() {
            pass_on(request);
        }
    }

    /// For the garbage collector; whoever is at work on it at this moment keeps it alive.
    pub(crate) fn visit(&self, visit: &pyo3::PyVisit<'_>) -> Result<(), pyo3::PyTraverseError> {
        match self.target.try_lock().as_deref() {
            Ok(Some(target)) => {
                visit.call(&target.event_loop)?;
                visit.call(&target.future)
            }
            _ => Ok(()),
        }
    }

    fn wake_up(&self, py: Python<'_>) {
        let Some(Target { event_loop, future }) = lock(&self.target).as_ref().map(|target| target.clone_ref(py)) else {
            return;
        };
        self.count();
        let (event_loop, future) = (event_loop.bind(py), future.bind(py));
        if !matches!(deliver(event_loop, future), Ok(true)) {
            self.uncount();
            if let Some(request) = self.take() {
                pass_on(request);
            }
        }
    }
}

impl Wake for Slot {
    fn wake(self: Arc<Self>) {
        // `None` while the interpreter ends: then nobody waits any more.
        Python::try_attach(|py| {
            // It may come from a destructor, with an exception on its way.
            let on_its_way = PyErr::take(py);
            self.wake_up(py);
            // The last reference to a loop or a future may go with it.
            drop(self);
            if let Some(error) = on_its_way {
                error.restore(py);
            }
        });
    }
}

static RUNNING_LOOP: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static CURRENT_TASK: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static RESOLVE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// The loop that runs in this thread; `None` if there is none.
pub(crate) fn running_loop(py: Python<'_>) -> PyResult<Option<Bound<'_, PyAny>>> {
    let get = RUNNING_LOOP.get_or_try_init(py, || function(py, "asyncio", "_get_running_loop"))?;
    let event_loop = get.bind(py).call0()?;
    Ok(Some(event_loop).filter(|event_loop| !event_loop.is_none()))
}

fn function(py: Python<'_>, module: &str, name: &str) -> PyResult<Py<PyAny>> {
    Ok(py.import(module)?.getattr(name)?.unbind())
}

/// Resolves the future, or has its loop do so. `false` if it was cancelled.
fn deliver(event_loop: &Bound<'_, PyAny>, future: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = event_loop.py();
    if future.call_method0(pyo3::intern!(py, "cancelled"))?.is_truthy()? {
        return Ok(false);
    }
    let same = running_loop(py)?.is_some_and(|running| running.is(event_loop));
    if !same {
        let resolve = RESOLVE.get_or_try_init(py, || function(py, "permits._types", "resolve"))?;
        event_loop.call_method1(pyo3::intern!(py, "call_soon_threadsafe"), (resolve.bind(py), future))?;
        return Ok(true);
    }
    resolve(future)?;
    // Outside of all tasks it may be a signal handler that runs while the loop sleeps: asyncio would not look at what is ready now.
    let task = CURRENT_TASK.get_or_try_init(py, || function(py, "asyncio", "current_task"))?;
    if task.bind(py).call1((event_loop,))?.is_none() {
        let resolve = RESOLVE.get_or_try_init(py, || function(py, "permits._types", "resolve"))?;
        event_loop.call_method1(pyo3::intern!(py, "call_soon_threadsafe"), (resolve.bind(py), future))?;
    }
    Ok(true)
}

/// Tells the future's task to go on; what it finds, its request knows.
pub(crate) fn resolve(future: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = future.py();
    if !future.call_method0(pyo3::intern!(py, "done"))?.is_truthy()? {
        future.call_method1(pyo3::intern!(py, "set_result"), (py.None(),))?;
    }
    Ok(())
}

thread_local! {
    /// Requests that this thread is about to drop; `None` unless it is dropping them already.
    static LEAVING: RefCell<Option<Vec<BoxedWaiting>>> = const { RefCell::new(None) };
}

/// Drops a request, which may wake the next task, which may be found to be cancelled as well, and so on: one after the other, and
/// not one inside the other, or a long row of them would not fit the stack.
pub(crate) fn pass_on(request: BoxedWaiting) {
    let mut request = Some(request);
    let is_first = LEAVING.try_with(|leaving| {
        let mut leaving = leaving.borrow_mut();
        let is_first = leaving.is_none();
        leaving.get_or_insert_default().extend(request.take());
        is_first
    });
    // (A thread whose locals are gone drops it right here.)
    if !matches!(is_first, Ok(true)) {
        return;
    }
    while let Some(request) = LEAVING.with(|leaving| {
        let mut leaving = leaving.borrow_mut();
        let next = leaving.as_mut().and_then(Vec::pop);
        if next.is_none() {
            *leaving = None;
        }
        next
    }) {
        drop(request);
    }
}
