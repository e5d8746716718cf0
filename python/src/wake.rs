//! How a task of a loop is told that it may go on.
//!
//! A waiting task has given a future to its loop. Whoever grants it resolves the future: at once, if he runs in that very loop, so that
//! the task is next in line there as with asyncio's own semaphores; by `call_soon_threadsafe` from anywhere else.
//!
//! Three cases end with the request being dropped, and the grant going on to the next (P3): the future was cancelled, though its task
//! has not run since; the loop is closed; or it cannot be told for any other reason.

use crate::reach::{Ask, BoxedWaiting};
use crate::shared::{Shared, lock};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::{PyTraverseError, PyVisit};
use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Wake;
use std::thread::{self, ThreadId};

/// A request of a task: the meeting place of the awaitable, which polls it, and of whoever wakes it.
pub(crate) struct Slot {
    home: Arc<Shared>,
    ask: Ask,
    /// Taken out while it is polled or dropped, so that nothing of Python's runs under the lock (P2).
    request: Mutex<Option<BoxedWaiting>>,
    target: Mutex<Option<Target>>,
    /// Where its task waits.
    thread: ThreadId,
    /// Its place in `Shared::slots`.
    place: AtomicUsize,
    /// Woken, and counted in `Shared::resuming`.
    counted: AtomicBool,
}

pub(crate) struct Target {
    pub(crate) event_loop: Py<PyAny>,
    pub(crate) future: Py<PyAny>,
}

impl Slot {
    pub(crate) fn new(home: &Arc<Shared>, ask: Ask, target: Target) -> Arc<Slot> {
        let slot = Arc::new(Slot {
            home: Arc::clone(home),
            ask,
            request: Mutex::new(None),
            target: Mutex::new(Some(target)),
            thread: this_thread(),
            place: AtomicUsize::new(0),
            counted: AtomicBool::new(false),
        });
        // Relaxed: the same thread reads it, or one that has the interpreter's lock after it.
        slot.place.store(lock(&home.slots).add(Arc::clone(&slot)), Ordering::Relaxed);
        slot
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
        // Those who give back are in nobody's way.
        if self.ask != Ask::Back && !self.counted.swap(true, Ordering::Relaxed) {
            self.home.resuming.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Its task has resumed, or never will.
    pub(crate) fn uncount(&self) {
        if self.counted.swap(false, Ordering::Relaxed) {
            self.home.resuming.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Its task has resumed, and takes its request along; `None` if that was passed on.
    pub(crate) fn end(&self) -> Option<BoxedWaiting> {
        self.uncount();
        drop(self.take_target());
        self.take()
    }

    /// From here on the semaphore refers to its loop and its task no more.
    fn take_target(&self) -> Option<Target> {
        let target = lock(&self.target).take()?;
        // Apart, so that the lock is free when it is dropped.
        let registered = lock(&self.home.slots).remove(self.place.load(Ordering::Relaxed));
        drop(registered);
        Some(target)
    }

    /// Its task is not waiting any more.
    pub(crate) fn leave(&self) {
        if let Some(request) = self.end() {
            pass_on(request);
        }
    }

    /// For the garbage collector; whoever is at work on it at this moment keeps it alive.
    fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self.target.try_lock().as_deref() {
            Ok(Some(target)) => {
                visit.call(&target.event_loop)?;
                visit.call(&target.future)
            }
            _ => Ok(()),
        }
    }

    fn wake_up(&self, py: Python<'_>) {
        // Once it is told, its loop refers to the task. Should the loop be closed instead of running it, the task goes, its request
        // with it, and the grant to the next.
        let Some(Target { event_loop, future }) = self.take_target() else { return };
        self.count();
        let (event_loop, future) = (event_loop.bind(py), future.bind(py));
        if deliver(event_loop, future, self.thread).is_err() {
            self.uncount();
            if let Some(request) = self.take() {
                pass_on(request);
            }
        }
    }
}

/// All slots of a semaphore, for the garbage collector: who waits for a semaphore is alive as long as that is, even if nobody else refers to
/// its task; and all of them go together.
#[derive(Default)]
pub(crate) struct Slots {
    slots: Vec<Option<Arc<Slot>>>,
    free: Vec<usize>,
}

impl Slots {
    fn add(&mut self, slot: Arc<Slot>) -> usize {
        match self.free.pop() {
            Some(place) => {
                self.slots[place] = Some(slot);
                place
            }
            None => {
                self.slots.push(Some(slot));
                self.slots.len() - 1
            }
        }
    }

    fn remove(&mut self, place: usize) -> Option<Arc<Slot>> {
        let slot = self.slots[place].take()?;
        self.free.push(place);
        Some(slot)
    }

    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.slots.iter().flatten().try_for_each(|slot| slot.visit(visit))
    }

    /// Those that are there, to be left with the lock free.
    pub(crate) fn all(&self) -> Vec<Arc<Slot>> {
        self.slots.iter().flatten().cloned().collect()
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

/// Tells the future's task to go on, or has its loop tell it; what it finds, its request knows. An error if the future was cancelled, or the
/// loop is closed.
fn deliver(event_loop: &Bound<'_, PyAny>, future: &Bound<'_, PyAny>, waits_in: ThreadId) -> PyResult<()> {
    let py = event_loop.py();
    // The loop is in the middle of a task, in this thread: it will look at what is ready after that. (Or in another thread, if it went
    // there since: it will as well.)
    if waits_in == this_thread() && is_in_a_task(event_loop)? {
        return resolve(future);
    }
    if running_loop(py)?.is_some_and(|running| running.is(event_loop)) {
        resolve(future)?;
        // Outside of all tasks it may be a signal handler that runs while the loop sleeps: asyncio would not look at what is ready now.
        return poke(event_loop, future);
    }
    if future.call_method0(pyo3::intern!(py, "cancelled"))?.is_truthy()? {
        return Err(PyRuntimeError::new_err("cancelled"));
    }
    poke(event_loop, future)
}

/// `asyncio.current_task(event_loop) is not None`. Before 3.12 that function is not compiled; there it is the dictionary that it looks into.
fn is_in_a_task(event_loop: &Bound<'_, PyAny>) -> PyResult<bool> {
    static CURRENT: PyOnceLock<(bool, Py<PyAny>)> = PyOnceLock::new();
    let py = event_loop.py();
    let (compiled, current) = CURRENT.get_or_try_init(py, || {
        let compiled = py.version_info() >= (3, 12);
        let (module, name) = if compiled { ("asyncio", "current_task") } else { ("asyncio.tasks", "_current_tasks") };
        Ok::<_, PyErr>((compiled, function(py, module, name)?))
    })?;
    let current = current.bind(py);
    if *compiled { Ok(!current.call1((event_loop,))?.is_none()) } else { current.contains(event_loop) }
}

fn poke(event_loop: &Bound<'_, PyAny>, future: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = event_loop.py();
    let resolve = RESOLVE.get_or_try_init(py, || function(py, "permits._types", "resolve"))?;
    event_loop.call_method1(pyo3::intern!(py, "call_soon_threadsafe"), (resolve.bind(py), future))?;
    Ok(())
}

/// An error if it is done already, which for a future of ours is to say cancelled.
pub(crate) fn resolve(future: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = future.py();
    future.call_method1(pyo3::intern!(py, "set_result"), (py.None(),))?;
    Ok(())
}

thread_local! {
    static THIS_THREAD: ThreadId = thread::current().id();
    /// Requests that this thread is about to drop; `None` unless it is dropping them already.
    static LEAVING: RefCell<Option<Vec<BoxedWaiting>>> = const { RefCell::new(None) };
}

fn this_thread() -> ThreadId {
    // A thread whose locals are gone waits nowhere.
    THIS_THREAD.try_with(|id| *id).unwrap_or_else(|_| thread::current().id())
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
