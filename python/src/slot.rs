//! How a task of a loop is told that it may go on.
//!
//! A waiting task has given a future to its loop. If the thread that grants it is in the middle of a task of
//! that very loop, the future is resolved on the spot, so that the task is next in line there as with
//! asyncio's own semaphores. From anywhere else it goes by the loop's mailbox.
//!
//! In two cases the request is dropped, and the grant goes on to the next (P3): the future was cancelled,
//! though its task has not run since; or its loop is closed, be it now or before it ran the task again.
//!
//! To resolve a future is in part Python code, and in the main thread a signal's handler may run in it, and
//! raise. Then the loop is told by its mailbox as well, and the exception goes to our caller, as
//! [`raised`](crate::raised::raised).

use crate::asyncio::{is_in_a_task, poke, resolve, runs_here};
use crate::ending::InFlight;
use crate::here::generation;
use crate::locks::{Attached, lock};
use crate::raised::raise;
use crate::reach::{Ask, BoxedWaiting};
#[cfg(target_os = "linux")]
use crate::waiters::MailboxOf;
use crate::waiters::Waiters;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};
use std::cell::RefCell;
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Wake;

/// The mailbox of a loop.
#[cfg(target_os = "linux")]
pub(crate) type SlotMailbox = MailboxOf<Slot>;

thread_local! {
    /// Requests that this thread is about to drop; `None` unless it is dropping them already.
    static LEAVING: RefCell<Option<Vec<BoxedWaiting>>> = const { RefCell::new(None) };
}

/// A request of a task: the meeting place of the awaitable, which polls it, and of the thread that wakes it.
pub(crate) struct Slot {
    waiters: Arc<Waiters<Slot>>,
    ask: Ask,
    /// It may be woken by threads that are not Python's.
    wakes_from_outside: bool,
    /// What the garbage collector has to see. `None` when its task has gone on, or away.
    target: Attached<Option<Target>>,
    waiting: Mutex<Waiting>,
    /// Its place among the waiters of its semaphore.
    place: AtomicUsize,
    /// The generation of forks that it belongs to.
    pub(crate) generation: u64,
    #[cfg(target_os = "linux")]
    mailbox: Option<Arc<SlotMailbox>>,
}

/// Threads that are not Python's may have this: nothing in it refers to an object of Python's, and in a child
/// after fork it is not touched.
#[derive(Default)]
struct Waiting {
    /// Taken out while it is polled or dropped, so that nothing of Python's runs under the lock (P2).
    request: Option<BoxedWaiting>,
    /// Woken, and counted in `Waiters::resuming`.
    counted: bool,
    /// Its task has gone on, or away.
    over: bool,
}

pub(crate) struct Target {
    pub(crate) event_loop: Py<PyAny>,
    /// `None` once it is resolved: from then on its loop refers to the task. Should the loop be closed
    /// instead of running it, the task goes, its request with it, and the grant to the next.
    pub(crate) future: Option<Py<PyAny>>,
    /// Those of the future, if it was interrupted in telling them: then it may have forgotten them.
    callbacks: Option<Py<PyAny>>,
    #[cfg(target_os = "linux")]
    mailbox: Option<Arc<SlotMailbox>>,
}

impl Target {
    pub(crate) fn new(
        event_loop: Py<PyAny>,
        future: Py<PyAny>,
        #[cfg(target_os = "linux")] mailbox: Option<Arc<SlotMailbox>>,
    ) -> Target {
        Target {
            event_loop,
            future: Some(future),
            callbacks: None,
            #[cfg(target_os = "linux")]
            mailbox,
        }
    }
}

impl Slot {
    pub(crate) fn new(
        py: Python<'_>,
        waiters: &Arc<Waiters<Slot>>,
        ask: Ask,
        wakes_from_outside: bool,
        mut target: Target,
    ) -> Arc<Slot> {
        #[cfg(target_os = "linux")]
        let mailbox = target.mailbox.take();
        let slot = Arc::new(Slot {
            waiters: Arc::clone(waiters),
            ask,
            wakes_from_outside,
            target: Attached::new(Some(target)),
            waiting: Mutex::default(),
            place: AtomicUsize::new(0),
            generation: generation(),
            #[cfg(target_os = "linux")]
            mailbox,
        });
        // Relaxed: the same thread reads it, or one that has the interpreter's lock after it.
        slot.place.store(waiters.add(py, &slot), Ordering::Relaxed);
        #[cfg(target_os = "linux")]
        if let Some(mailbox) = &slot.mailbox {
            waiters.join(py, mailbox);
        }
        slot
    }

    /// `None` if a fork may have found it in the middle of a change: a thread that is not Python's may have
    /// had it, and this is the child.
    fn waiting(&self) -> Option<MutexGuard<'_, Waiting>> {
        let is_whole = !self.wakes_from_outside || self.generation == generation();
        is_whole.then(|| lock(&self.waiting))
    }

    /// Keeps the request while its task waits.
    pub(crate) fn put(&self, request: BoxedWaiting) {
        match self.waiting() {
            Some(mut waiting) if !waiting.over => waiting.request = Some(request),
            waiting => {
                drop(waiting);
                pass_on(request);
            }
        }
    }

    /// Its task has a grant, or an error, and will resume.
    pub(crate) fn count(&self) {
        let Some(mut waiting) = self.waiting() else { return };
        // Those who give back are in nobody's way.
        if self.ask != Ask::Back && !waiting.counted && !waiting.over {
            waiting.counted = true;
            self.waiters.count_resuming();
        }
    }

    /// Its task has resumed, or never will: it takes its request along; `None` if that was passed on.
    pub(crate) fn end(&self, py: Python<'_>) -> Option<BoxedWaiting> {
        let target = self.target.lock(py).take();
        if target.is_some() {
            drop(self.waiters.remove(py, self.place.load(Ordering::Relaxed)));
        }
        self.stop()
    }

    /// The part of [`end`](Self::end) for which the thread need not be attached.
    fn stop(&self) -> Option<BoxedWaiting> {
        let mut waiting = self.waiting()?;
        let ended = mem::replace(&mut *waiting, Waiting { over: true, ..Waiting::default() });
        drop(waiting);
        if ended.counted && self.generation == generation() {
            self.waiters.uncount_resuming();
        }
        ended.request
    }

    /// Its task is not waiting any more.
    pub(crate) fn leave(&self, py: Python<'_>) {
        if let Some(request) = self.end(py) {
            pass_on(request);
        }
    }

    /// For the garbage collector.
    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.target.traverse(|target| {
            let Some(target) = target else { return Ok(()) };
            visit.call(&target.event_loop)?;
            visit.call(&target.future)?;
            visit.call(&target.callbacks)
        })
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn waits_in(&self, mailbox: &Arc<SlotMailbox>) -> bool {
        self.mailbox.as_ref().is_some_and(|mine| Arc::ptr_eq(mine, mailbox))
    }

    /// For the loop's reader: the future to resolve, if its task still waits for it.
    #[cfg(target_os = "linux")]
    pub(crate) fn letter(&self, py: Python<'_>) -> Option<(Py<PyAny>, Option<Py<PyAny>>)> {
        let target = self.target.lock(py);
        let Target { future, callbacks, .. } = target.as_ref()?;
        Some((future.as_ref()?.clone_ref(py), callbacks.as_ref().map(|callbacks| callbacks.clone_ref(py))))
    }

    /// Its future was interrupted in telling these.
    #[cfg(target_os = "linux")]
    pub(crate) fn keep(&self, py: Python<'_>, callbacks: Option<Py<PyAny>>) {
        let before = self.target.lock(py).as_mut().map(|target| mem::replace(&mut target.callbacks, callbacks));
        drop(before);
    }

    /// Its future is resolved.
    pub(crate) fn told(&self, py: Python<'_>) {
        let future = self.target.lock(py).as_mut().map(|target| (target.future.take(), target.callbacks.take()));
        drop(future);
    }

    /// Has its loop told; `false` if it cannot be.
    fn post(self: &Arc<Self>, py: Python<'_>) -> bool {
        #[cfg(target_os = "linux")]
        if let Some(mailbox) = &self.mailbox {
            return mailbox.post(py, Arc::clone(self));
        }
        let target = self.target.lock(py);
        let Some(Target { event_loop, future: Some(future), .. }) = &*target else { return true };
        let (event_loop, future) = (event_loop.clone_ref(py), future.clone_ref(py));
        drop(target);
        let poked = poke(event_loop.bind(py), future.bind(py));
        self.told(py);
        poked.is_ok()
    }

    /// By a thread that is not attached.
    fn wake_from_outside(self: &Arc<Self>) {
        self.count();
        #[cfg(target_os = "linux")]
        let is_told = self.mailbox.as_ref().is_some_and(|mailbox| mailbox.post_from_outside(Arc::clone(self)));
        #[cfg(not(target_os = "linux"))]
        let is_told = false;
        // Its loop is closed, and whoever closed it lets go of the rest.
        if !is_told && let Some(request) = self.stop() {
            pass_on(request);
        }
    }

    fn wake_up(self: &Arc<Self>, py: Python<'_>) {
        let (event_loop, future) = match &mut *self.target.lock(py) {
            Some(Target { event_loop, future, .. }) => (event_loop.clone_ref(py), future.take()),
            None => return,
        };
        let Some(future) = future else { return };
        self.count();
        if !self.tell(event_loop.bind(py), future.into_bound(py)) {
            self.leave(py);
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
        let (future, callbacks) = (Some(future.unbind()), callbacks.map(Bound::unbind));
        let before =
            self.target.lock(py).as_mut().map(|target| {
                (mem::replace(&mut target.future, future), mem::replace(&mut target.callbacks, callbacks))
            });
        drop(before);
        self.post(py)
    }
}

impl Wake for Slot {
    fn wake(self: Arc<Self>) {
        if self.generation != generation() {
            // The parent's, in a child after fork.
            return;
        }
        if self.wakes_from_outside {
            self.wake_from_outside();
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

impl Drop for Slot {
    fn drop(&mut self) {
        if self.wakes_from_outside && self.generation != generation() {
            // See `waiting`.
            mem::forget(self.waiting.get_mut().unwrap_or_else(PoisonError::into_inner).request.take());
        }
    }
}

/// Drops a request, which may wake the next task, which may be found to be cancelled as well, and so on: one
/// after the other, and not one inside the other, or a long row of them would not fit the stack.
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
