//! How a task of a loop is told that it may go on.
//!
//! A waiting task has given a future to its loop. If whoever grants it is in the middle of a task of that very loop, the future is resolved on
//! the spot, so that the task is next in line there as with asyncio's own semaphores. From anywhere else it goes by the loop's mailbox.
//!
//! In two cases the request is dropped, and the grant goes on to the next (P3): the future was cancelled, though its task has not run since;
//! or its loop is closed, be it now or before it ran the task again.
//!
//! To resolve a future is in part Python code, and in the main thread a signal's handler may run in it, and raise. Then the loop is told
//! by its mailbox as well, and the exception goes to whoever called us, as [`raised`].

use crate::here::generation;
#[cfg(target_os = "linux")]
use crate::mailbox::Mailbox;
use crate::reach::{Ask, BoxedWaiting};
use crate::shared::{Shared, lock};
use pyo3::exceptions::{PyException, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::{PyTraverseError, PyVisit};
use std::cell::{Cell, OnceCell, RefCell};
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Wake;
use std::thread;
use std::time::{Duration, Instant};

/// A request of a task: the meeting place of the awaitable, which polls it, and of whoever wakes it.
pub(crate) struct Slot {
    home: Arc<Shared>,
    ask: Ask,
    state: Mutex<State>,
    /// Its place among the waiters of its semaphore.
    place: AtomicUsize,
    /// The generation of forks that it belongs to.
    pub(crate) generation: u64,
    #[cfg(target_os = "linux")]
    mailbox: Option<Arc<Mailbox>>,
}

struct State {
    /// Taken out while it is polled or dropped, so that nothing of Python's runs under the lock (P2).
    request: Option<BoxedWaiting>,
    /// `None` when its task has gone on, or away.
    target: Option<Target>,
    /// Woken, and counted in `Shared::resuming`.
    counted: bool,
}

pub(crate) struct Target {
    pub(crate) event_loop: Py<PyAny>,
    /// `None` once it is resolved: from then on its loop refers to the task. Should the loop be closed instead of running it, the task
    /// goes, its request with it, and the grant to the next.
    pub(crate) future: Option<Py<PyAny>>,
    /// Those of the future, if it was interrupted in telling them: then it may have forgotten them.
    callbacks: Option<Py<PyAny>>,
}

impl Target {
    pub(crate) fn new(event_loop: Py<PyAny>, future: Py<PyAny>) -> Target {
        Target { event_loop, future: Some(future), callbacks: None }
    }
}

impl Slot {
    pub(crate) fn new(home: &Arc<Shared>, ask: Ask, target: Target, py: Python<'_>) -> PyResult<Arc<Slot>> {
        #[cfg(target_os = "linux")]
        let mailbox = Mailbox::of(target.event_loop.bind(py))?;
        let slot = Arc::new(Slot {
            home: Arc::clone(home),
            ask,
            state: Mutex::new(State { request: None, target: Some(target), counted: false }),
            place: AtomicUsize::new(0),
            generation: generation(),
            #[cfg(target_os = "linux")]
            mailbox,
        });
        // Relaxed: the same thread reads it, or one that has the interpreter's lock after it.
        slot.place.store(home.add(&slot), Ordering::Relaxed);
        let _ = py;
        Ok(slot)
    }

    /// Keeps the request while its task waits.
    pub(crate) fn put(&self, request: BoxedWaiting) {
        let mut state = lock(&self.state);
        if state.target.is_some() {
            state.request = Some(request);
        } else {
            drop(state);
            pass_on(request);
        }
    }

    /// Its task has a grant, or an error, and will resume.
    pub(crate) fn count(&self) {
        let mut state = lock(&self.state);
        // Those who give back are in nobody's way.
        if self.ask != Ask::Back && !state.counted && state.target.is_some() {
            state.counted = true;
            self.home.count_resuming();
        }
    }

    /// Its task has resumed, or never will: it takes its request along; `None` if that was passed on.
    pub(crate) fn end(&self) -> Option<BoxedWaiting> {
        let mut state = lock(&self.state);
        let (target, request) = (state.target.take(), state.request.take());
        let counted = mem::take(&mut state.counted);
        drop(state);
        if counted && self.generation == generation() {
            self.home.uncount_resuming();
        }
        if target.is_some() {
            drop(self.home.remove(self.place.load(Ordering::Relaxed)));
        }
        request
    }

    /// Its task is not waiting any more.
    pub(crate) fn leave(&self) {
        if let Some(request) = self.end() {
            pass_on(request);
        }
    }

    /// For the garbage collector; whoever is at work on it at this moment keeps it alive.
    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self.state.try_lock().as_deref() {
            Ok(State { target: Some(target), .. }) => {
                visit.call(&target.event_loop)?;
                visit.call(&target.future)?;
                visit.call(&target.callbacks)
            }
            _ => Ok(()),
        }
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn mailbox(&self) -> Option<&Arc<Mailbox>> {
        self.mailbox.as_ref()
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn waits_in(&self, mailbox: &Arc<Mailbox>) -> bool {
        self.mailbox.as_ref().is_some_and(|mine| Arc::ptr_eq(mine, mailbox))
    }

    /// For the loop's reader: what is to be resolved, if its task still waits for that.
    #[cfg(target_os = "linux")]
    pub(crate) fn letter(&self, py: Python<'_>) -> Option<(Py<PyAny>, Option<Py<PyAny>>)> {
        let state = lock(&self.state);
        let Target { future, callbacks, .. } = state.target.as_ref()?;
        Some((future.as_ref()?.clone_ref(py), callbacks.as_ref().map(|callbacks| callbacks.clone_ref(py))))
    }

    /// Its future was interrupted in telling these.
    #[cfg(target_os = "linux")]
    pub(crate) fn keep(&self, callbacks: Option<Py<PyAny>>) {
        let before = lock(&self.state).target.as_mut().map(|target| mem::replace(&mut target.callbacks, callbacks));
        drop(before);
    }

    /// Its future is resolved.
    pub(crate) fn told(&self) {
        let future = lock(&self.state).target.as_mut().map(|target| (target.future.take(), target.callbacks.take()));
        drop(future);
    }

    /// Has its loop told; `false` if it cannot be.
    fn post(self: &Arc<Self>, py: Option<Python<'_>>) -> bool {
        #[cfg(target_os = "linux")]
        if let Some(mailbox) = &self.mailbox {
            let _ = py;
            return mailbox.post(Arc::clone(self));
        }
        let Some(py) = py else { return false };
        let state = lock(&self.state);
        let Some(Target { event_loop, future: Some(future), .. }) = &state.target else { return true };
        let (event_loop, future) = (event_loop.clone_ref(py), future.clone_ref(py));
        drop(state);
        let poked = poke(event_loop.bind(py), future.bind(py));
        self.told();
        poked.is_ok()
    }

    fn wake_up(self: &Arc<Self>, py: Python<'_>) {
        let (event_loop, future) = match &mut lock(&self.state).target {
            Some(Target { event_loop, future, .. }) => (event_loop.clone_ref(py), future.take()),
            None => return,
        };
        let Some(future) = future else { return };
        self.count();
        if !self.tell(event_loop.bind(py), future.into_bound(py)) {
            self.leave();
        }
    }

    /// `false` if its task is not to be told any more.
    fn tell(self: &Arc<Self>, event_loop: &Bound<'_, PyAny>, future: Bound<'_, PyAny>) -> bool {
        let py = event_loop.py();
        let runs_here = runs_here(event_loop).unwrap_or(false);
        // Not at the end of the interpreter: see `InFlight`.
        let (callbacks, error) = match InFlight::begin().filter(|_| runs_here) {
            None => (None, None),
            Some(_in_flight) => {
                let callbacks = future.getattr(pyo3::intern!(py, "_callbacks")).ok();
                let outcome = resolve(&future).and_then(|()| is_in_a_task(event_loop));
                match outcome {
                    Ok(true) => return true,
                    // It may be a signal handler, while the loop sleeps.
                    Ok(false) => (None, None),
                    Err(error) => (callbacks, Some(error)),
                }
            }
        };
        let cancelled = future.call_method0(pyo3::intern!(py, "cancelled")).and_then(|cancelled| cancelled.is_truthy());
        // That a future cannot be resolved which was cancelled is no news.
        if let Some(error) = error
            && !(matches!(cancelled, Ok(true)) && error.is_instance_of::<PyException>(py))
        {
            raise(py, error);
        }
        if matches!(cancelled, Ok(true)) {
            return false;
        }
        if let Some(target) = &mut lock(&self.state).target {
            target.future = Some(future.unbind());
            target.callbacks = callbacks.map(Bound::unbind);
        }
        self.post(Some(py))
    }
}

impl Wake for Slot {
    fn wake(self: Arc<Self>) {
        if self.generation != generation() {
            // The parent's, in a child after fork.
            return;
        }
        if self.home.reach.wakes_from_outside() {
            self.count();
            if !self.post(None) {
                self.leave();
            }
            return;
        }
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

/// Threads other than the main one that are resolving a future. One that is caught there by the end of the interpreter is unwound, which
/// aborts the process, as it has frames of Rust's on its stack (before CPython 3.14). So the end waits for them, and from then on they use
/// the mailbox.
static IN_FLIGHT: AtomicUsize = AtomicUsize::new(0);
static ENDING: AtomicBool = AtomicBool::new(false);

struct InFlight {
    /// Of which generation of forks; `None` if it is not counted.
    counted: Option<u64>,
}

impl InFlight {
    fn begin() -> Option<InFlight> {
        if IS_MAIN.try_with(|is_main| *is_main).unwrap_or(false) {
            return Some(InFlight { counted: None });
        }
        // SeqCst, with `end`: either that one sees this, or this sees that one.
        IN_FLIGHT.fetch_add(1, Ordering::SeqCst);
        let begun = InFlight { counted: Some(generation()) };
        (!ENDING.load(Ordering::SeqCst)).then_some(begun)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if self.counted == Some(generation()) {
            // Release: pairs with the load in `end`; it is out of there.
            IN_FLIGHT.fetch_sub(1, Ordering::Release);
        }
    }
}

/// In a child after fork: the others are not there.
pub(crate) fn after_fork() {
    // Relaxed: there is one thread.
    IN_FLIGHT.store(0, Ordering::Relaxed);
}

/// At the end of the interpreter, while others can still run.
pub(crate) fn end(py: Python<'_>) {
    ENDING.store(true, Ordering::SeqCst);
    py.detach(|| {
        let patience = Instant::now() + Duration::from_secs(1);
        while IN_FLIGHT.load(Ordering::SeqCst) > 0 && Instant::now() < patience {
            thread::sleep(Duration::from_millis(1));
        }
    });
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

/// Is it the loop that runs in this thread? Before 3.12 `_get_running_loop` is a system call; there asyncio's own loops are asked first, which
/// know their thread while they run.
fn runs_here(event_loop: &Bound<'_, PyAny>) -> PyResult<bool> {
    static ASKS_THE_LOOP: PyOnceLock<bool> = PyOnceLock::new();
    let py = event_loop.py();
    if *ASKS_THE_LOOP.get_or_init(py, || py.version_info() < (3, 12))
        && let Ok(thread) = event_loop.getattr(pyo3::intern!(py, "_thread_id"))
        && let Ok(thread) = thread.extract::<Option<u64>>()
    {
        return Ok(thread == THREAD.with(|thread| thread.get_or_init(|| ident(py)).to_owned()));
    }
    Ok(running_loop(py)?.is_some_and(|running| running.is(event_loop)))
}

/// `threading.get_ident()`
fn ident(py: Python<'_>) -> Option<u64> {
    py.import("threading").and_then(|module| module.call_method0("get_ident")?.extract()).ok()
}

/// Runs the end of an `async with` block, which is part of a task: no signal handler, and no callback of a loop.
pub(crate) fn in_a_task<T>(end: impl FnOnce() -> T) -> T {
    let before = IN_A_TASK.with(|it| it.replace(true));
    let outcome = end();
    IN_A_TASK.with(|it| it.set(before));
    outcome
}

/// `asyncio.current_task(event_loop) is not None`. Before 3.12 that function is not compiled; there it is the dictionary that it looks into.
fn is_in_a_task(event_loop: &Bound<'_, PyAny>) -> PyResult<bool> {
    static CURRENT: PyOnceLock<(bool, Py<PyAny>)> = PyOnceLock::new();
    if IN_A_TASK.with(Cell::get) {
        return Ok(true);
    }
    let py = event_loop.py();
    let (compiled, current) = CURRENT.get_or_try_init(py, || {
        let compiled = py.version_info() >= (3, 12);
        let (module, name) = if compiled { ("asyncio", "current_task") } else { ("asyncio.tasks", "_current_tasks") };
        Ok::<_, PyErr>((compiled, function(py, module, name)?))
    })?;
    let current = current.bind(py);
    if *compiled { Ok(!current.call1((event_loop,))?.is_none()) } else { current.contains(event_loop) }
}

/// Where there is no mailbox.
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
    static IS_MAIN: bool = crate::park::is_main_thread();
    static THREAD: OnceCell<Option<u64>> = const { OnceCell::new() };
    static IN_A_TASK: Cell<bool> = const { Cell::new(false) };
    static HAS_RAISED: Cell<bool> = const { Cell::new(false) };
    static RAISED: RefCell<Option<PyErr>> = const { RefCell::new(None) };
    /// Requests that this thread is about to drop; `None` unless it is dropping them already.
    static LEAVING: RefCell<Option<Vec<BoxedWaiting>>> = const { RefCell::new(None) };
}

fn raise(py: Python<'_>, error: PyErr) {
    let first = RAISED.try_with(|raised| match &mut *raised.borrow_mut() {
        Some(_) => Some(error.clone_ref(py)),
        none => {
            *none = Some(error.clone_ref(py));
            None
        }
    });
    match first {
        Ok(None) => HAS_RAISED.with(|has| has.set(true)),
        _ => error.write_unraisable(py, None),
    }
}

/// An exception that came up while somebody was told to go on, and has nothing to do with it: a signal handler's. All is done
/// nevertheless; it is for whoever called.
#[inline]
pub(crate) fn raised() -> PyResult<()> {
    if HAS_RAISED.try_with(Cell::get).unwrap_or(false) { Err(take_raised()) } else { Ok(()) }
}

#[cold]
fn take_raised() -> PyErr {
    HAS_RAISED.with(|has| has.set(false));
    let raised = RAISED.with(|raised| raised.borrow_mut().take());
    raised.unwrap_or_else(|| PyRuntimeError::new_err("nothing was raised"))
}

/// For destructors, which have no caller.
pub(crate) fn report_raised() {
    if let Err(error) = raised() {
        Python::try_attach(|py| error.write_unraisable(py, None));
    }
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
