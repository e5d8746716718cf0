//! What a task awaits.
//!
//! A request is a coroutine in all but its type: `send`, `throw`, `close`, `__await__`. It is written out
//! here rather than as an `async def`, since then an acquire that need not wait costs one call. Nothing
//! happens before its first step.

use crate::asyncio::{resolve, running_loop};
use crate::held::Held;
use crate::here::generation;
use crate::home::Home;
use crate::locks::{Attached, lock};
#[cfg(target_os = "linux")]
use crate::loops::mailbox_of;
use crate::raised::{raised, report_raised};
use crate::reach::{Ask, BoxedWaiting, Granted, Manner};
use crate::slot::{Slot, Target};
use pyo3::exceptions::{PyRuntimeError, PyRuntimeWarning, PyStopIteration, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyType};
use pyo3::{PyTraverseError, PyVisit};
use std::ffi::CString;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// What its task gets.
#[derive(Clone, Copy)]
pub(crate) enum Gives {
    True,
    /// What `async with` on a semaphore gets.
    Nothing,
    /// An object that holds them, as this makes it; it has a method `release`.
    Permit(fn(Python<'_>, Option<Held>) -> PyResult<Py<PyAny>>),
}

pub(crate) struct Coroutine {
    /// The semaphore's object, which refers to all who wait for it; or a class.
    owner: Py<PyAny>,
    home: Arc<Home>,
    ask: Ask,
    n: u32,
    gives: Gives,
    /// What it waits for in place of permits; `None` inside once it is waited for.
    once: Option<Mutex<Option<BoxedWaiting>>>,
    /// The method that made it.
    name: &'static str,
    progress: Mutex<Progress>,
    /// It is used by `async with`, whose end returns what was made.
    entered: AtomicBool,
    made: Attached<Option<Py<PyAny>>>,
}

enum Progress {
    New,
    /// A step is being made.
    Busy,
    Waiting(Arc<Slot>),
    /// It has its permits, and lets those resume first who were granted theirs before.
    Yielding {
        slot: Arc<Slot>,
        held: Held,
    },
    Over,
}

/// How a step ended.
enum Step {
    Yield(Py<PyAny>),
    Done(Granted),
}

impl Coroutine {
    pub(crate) fn new(
        owner: &Bound<'_, PyAny>,
        home: &Arc<Home>,
        (ask, n): (Ask, u32),
        (gives, name): (Gives, &'static str),
    ) -> Coroutine {
        Coroutine {
            owner: owner.clone().unbind(),
            home: Arc::clone(home),
            ask,
            n,
            gives,
            once: None,
            name,
            progress: Mutex::new(Progress::New),
            entered: AtomicBool::new(false),
            made: Attached::new(None),
        }
    }

    /// One that waits for this request, which takes no permits, and whose task gets True.
    pub(crate) fn once(
        owner: &Bound<'_, PyAny>,
        home: &Arc<Home>,
        request: BoxedWaiting,
        name: &'static str,
    ) -> Coroutine {
        let mut coroutine = Coroutine::new(owner, home, (Ask::Back, 0), (Gives::True, name));
        coroutine.once = Some(Mutex::new(Some(request)));
        coroutine
    }

    /// A request to wait for. One that cannot be made again is the parent's, in a child after fork.
    fn request(&self) -> PyResult<BoxedWaiting> {
        match &self.once {
            None => Ok(self.home.reach.request(self.ask, self.n)),
            Some(once) => lock(once).take().ok_or_else(used_up),
        }
    }

    fn set(&self, progress: Progress) -> Progress {
        mem::replace(&mut *lock(&self.progress), progress)
    }

    /// One step of the coroutine: what it yields to the loop; `None` if it is over and has nothing to tell,
    /// `StopIteration` if it has; or an error.
    pub(crate) fn step(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let step = match self.set(Progress::Busy) {
            Progress::New => self.begin(py),
            Progress::Waiting(slot) => self.resume(py, &slot),
            Progress::Yielding { slot, held } => {
                slot.leave(py);
                self.turned_into(held)
            }
            Progress::Busy => return Err(PyRuntimeError::new_err("coroutine already executing")),
            Progress::Over => {
                self.set(Progress::Over);
                return Err(used_up());
            }
        };
        match step {
            Ok(Step::Yield(future)) => Ok(Some(future)),
            Ok(Step::Done(granted)) => {
                self.set(Progress::Over);
                if let Err(error) = raised() {
                    self.home.undo(self.ask, self.n, granted);
                    return Err(error);
                }
                self.finish(py, granted)
            }
            Err(error) => {
                // Wherever it was by then.
                self.leave(py);
                Err(error)
            }
        }
    }

    fn begin(&self, py: Python<'_>) -> PyResult<Step> {
        if self.once.is_some() {
            return self.wait(py, self.request()?);
        }
        let yields = self.ask != Ask::Back && self.home.waiters.are_resuming();
        // A guard, if it yields: loose permits could be returned by others before it has seen them.
        let ask = if yields && self.ask == Ask::Loose { Ask::Held } else { self.ask };
        if let Some(outcome) = self.home.reach.try_as_task(ask, self.n) {
            return self.may_yield(py, outcome?, yields);
        }
        self.wait(py, self.request()?)
    }

    fn may_yield(&self, py: Python<'_>, granted: Granted, yields: bool) -> PyResult<Step> {
        if !yields {
            return Ok(Step::Done(granted));
        }
        let Some(held) = Held::new(&self.home.reach, granted) else { return Ok(Step::Done(Granted::Nothing)) };
        let Some((target, future)) = target(py)? else { return self.turned_into(held) };
        resolve(future.bind(py))?;
        let slot = self.slot(py, target);
        slot.count();
        self.set(Progress::Yielding { slot, held });
        block_on(py, future)
    }

    /// Makes of held permits what was asked for.
    fn turned_into(&self, held: Held) -> PyResult<Step> {
        Ok(Step::Done(match self.ask {
            Ask::Held => held.into_granted(),
            Ask::Loose => {
                held.forget()?;
                Granted::Nothing
            }
            Ask::Back => {
                drop(held);
                Granted::Nothing
            }
        }))
    }

    fn slot(&self, py: Python<'_>, target: Target) -> Arc<Slot> {
        Slot::new(py, &self.home.waiters, self.ask, self.home.reach.wakes_from_outside(), target)
    }

    /// Queues, and gives its loop a future.
    fn wait(&self, py: Python<'_>, mut request: BoxedWaiting) -> PyResult<Step> {
        let (target, future) = target(py)?.ok_or_else(|| PyRuntimeError::new_err("no running event loop"))?;
        let slot = self.slot(py, target);
        let waker = Waker::from(Arc::clone(&slot));
        match request.as_mut().poll(Manner::Task, &mut Context::from_waker(&waker)) {
            Poll::Ready(outcome) => {
                slot.leave(py);
                Ok(Step::Done(outcome?))
            }
            Poll::Pending => {
                slot.put(request);
                self.set(Progress::Waiting(slot));
                block_on(py, future)
            }
        }
    }

    fn resume(&self, py: Python<'_>, slot: &Arc<Slot>) -> PyResult<Step> {
        let request = slot.end(py);
        if slot.generation != generation() {
            return match request.and_then(|request| self.inherit(request)) {
                Some(permit) => self.turned_into(permit),
                None => self.wait(py, self.request()?),
            };
        }
        // It is `None` if it was passed on, and its task goes on nevertheless.
        let Some(mut request) = request else { return self.wait(py, self.request()?) };
        match request.as_mut().poll(Manner::Task, &mut Context::from_waker(Waker::noop())) {
            Poll::Ready(outcome) => Ok(Step::Done(outcome?)),
            // Somebody else has resolved the future; whoever grants it from here on is seen by the next poll.
            Poll::Pending => self.wait(py, request),
        }
    }

    /// What a request of the parent's had been granted, in a child after fork. Apart from this the request is
    /// not touched any more.
    fn inherit(&self, mut request: BoxedWaiting) -> Option<Held> {
        let Some(here) = self.home.reach.here() else {
            // The grant is the parent's.
            mem::forget(request);
            return None;
        };
        // The child's counts are taken from the parent's before these are changed by what follows.
        here.sem();
        let polled = request.as_mut().poll(Manner::Task, &mut Context::from_waker(Waker::noop()));
        mem::forget(request);
        match polled {
            Poll::Ready(Ok(granted)) => {
                mem::forget(granted);
                Held::new(&self.home.reach, Granted::Here(here.claim(self.n)?))
            }
            _ => None,
        }
    }

    /// What its task gets.
    fn finish(&self, py: Python<'_>, granted: Granted) -> PyResult<Option<Py<PyAny>>> {
        match self.gives {
            Gives::True => Err(PyStopIteration::new_err(true)),
            Gives::Nothing => {
                self.home.enter(granted);
                Ok(None)
            }
            Gives::Permit(make) => {
                let permit = make(py, Held::new(&self.home.reach, granted))?;
                // Relaxed: the same thread wrote it.
                if self.entered.load(Ordering::Relaxed) {
                    *self.made.lock(py) = Some(permit.clone_ref(py));
                }
                Err(PyStopIteration::new_err((permit,)))
            }
        }
    }

    /// Gives up, wherever it is.
    pub(crate) fn leave(&self, py: Python<'_>) {
        match self.set(Progress::Over) {
            Progress::Waiting(slot) if slot.generation != generation() => {
                let inherited = slot.end(py).and_then(|request| self.inherit(request));
                // A release that is given up leaves its permits loose.
                match inherited {
                    Some(held) if self.ask == Ask::Back => drop(held.forget()),
                    inherited => drop(inherited),
                }
            }
            Progress::Waiting(slot) => slot.leave(py),
            Progress::Yielding { slot, held } => {
                slot.leave(py);
                drop(held);
            }
            Progress::New | Progress::Busy | Progress::Over => {}
        }
    }

    pub(crate) fn throw(&self, py: Python<'_>, exception: &Bound<'_, PyTuple>) -> PyErr {
        let was_over = matches!(*lock(&self.progress), Progress::Over);
        self.leave(py);
        report_raised();
        if was_over {
            return used_up();
        }
        thrown(exception).unwrap_or_else(|error| error)
    }

    /// Whether a task may begin to await it.
    pub(crate) fn is_new(&self) -> PyResult<()> {
        match *lock(&self.progress) {
            Progress::New => Ok(()),
            Progress::Over => Err(used_up()),
            _ => Err(PyRuntimeError::new_err("coroutine is being awaited already")),
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn qualified_name(&self, py: Python<'_>) -> PyResult<String> {
        let owner = self.owner.bind(py);
        let class = owner.cast::<PyType>().map_or_else(|_| owner.get_type(), Clone::clone);
        Ok(format!("{}.{}", class.qualname()?, self.name))
    }

    /// `async with` begins: its end returns what is made.
    pub(crate) fn enter(&self) {
        // Relaxed: the same thread reads it.
        self.entered.store(true, Ordering::Relaxed);
    }

    /// `async with` ends.
    pub(crate) fn exit(&self, py: Python<'_>) -> PyResult<()> {
        let permit = self.made.lock(py).take();
        permit.map_or(Ok(()), |permit| permit.call_method0(py, pyo3::intern!(py, "release")).map(drop))
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.owner)?;
        self.made.traverse(|made| visit.call(made))
    }
}

impl Drop for Coroutine {
    fn drop(&mut self) {
        match self.progress.get_mut().unwrap_or_else(PoisonError::into_inner) {
            Progress::Over => {}
            Progress::New => self.warn(),
            _ => {
                Python::try_attach(|py| self.leave(py));
                report_raised();
            }
        }
    }
}

impl Coroutine {
    /// As for a coroutine.
    #[cold]
    fn warn(&self) {
        Python::try_attach(|py| {
            let on_its_way = PyErr::take(py);
            let name = self.qualified_name(py).unwrap_or_else(|_| self.name.to_owned());
            let text = CString::new(format!("coroutine '{name}' was never awaited")).unwrap_or_default();
            let category = py.get_type::<PyRuntimeWarning>();
            if let Err(error) = PyErr::warn(py, &category, &text, 1) {
                error.write_unraisable(py, None);
            }
            if let Some(error) = on_its_way {
                error.restore(py);
            }
        });
    }
}

#[cold]
fn used_up() -> PyErr {
    PyRuntimeError::new_err("cannot reuse already awaited coroutine")
}

/// The running loop, and a future of it; `None` if no loop is running.
fn target(py: Python<'_>) -> PyResult<Option<(Target, Py<PyAny>)>> {
    let Some(event_loop) = running_loop(py)? else { return Ok(None) };
    let future = event_loop.call_method0(pyo3::intern!(py, "create_future"))?.unbind();
    #[cfg(target_os = "linux")]
    let mailbox = mailbox_of(&event_loop)?;
    let target = Target::new(
        event_loop.unbind(),
        future.clone_ref(py),
        #[cfg(target_os = "linux")]
        mailbox,
    );
    Ok(Some((target, future)))
}

/// What a future's own iterator does: a task that is handed a future with this mark sleeps until it is done.
fn block_on(py: Python<'_>, future: Py<PyAny>) -> PyResult<Step> {
    future.setattr(py, pyo3::intern!(py, "_asyncio_future_blocking"), true)?;
    Ok(Step::Yield(future))
}

/// The exception that `throw(exception)` or `throw(type, value, traceback)` is about.
fn thrown(arguments: &Bound<'_, PyTuple>) -> PyResult<PyErr> {
    let first = arguments.get_item(0).map_err(|_| PyTypeError::new_err("throw() takes an exception"))?;
    if first.is_instance_of::<PyType>() {
        let value = arguments.get_item(1).ok().filter(|value| !value.is_none());
        let exception = match value {
            None => first.call0()?,
            Some(value) if value.is_instance(&first)? => value,
            Some(value) => first.call1((value,))?,
        };
        return Ok(PyErr::from_value(exception));
    }
    Ok(PyErr::from_value(first))
}
