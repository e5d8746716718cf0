//! What a semaphore's object, its permits and its requests have in common.

use crate::arguments::Patience;
use crate::errors::Failure;
use crate::here::generation;
#[cfg(target_os = "linux")]
use crate::mailbox::Mailbox;
use crate::park;
use crate::reach::{Ask, Granted, Hold, Reach};
use crate::wake::{self, Slot};
use permits::OwnedPermit;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};
#[cfg(target_os = "linux")]
use std::sync::Weak;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, ThreadId};

pub(crate) struct Shared {
    pub(crate) reach: Reach,
    /// Tasks that were granted and have not resumed since: newcomers let them go first, as asyncio's do.
    resuming: AtomicU32,
    /// The generation of forks in which they were counted.
    counted_in: AtomicU64,
    waiters: Mutex<Waiters>,
    /// What `with` holds, and in which thread it was entered. One permit is as good as another, so that no block needs to know its own; but for
    /// those of a parent, which are worth nothing in a child at the reach of the host: there each thread has to leave by its own.
    entered: Mutex<Vec<(ThreadId, Held)>>,
}

/// Never held while anything else is done: a push, a pop, a take (P2).
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All tasks that wait. They are here for the garbage collector: who waits for a semaphore is alive as long as that is, even if nobody else
/// refers to its task; and all of them go together.
#[derive(Default)]
struct Waiters {
    slots: Vec<Option<Arc<Slot>>>,
    free: Vec<usize>,
    /// The loops in which they wait, or others have waited: those know the semaphore too.
    #[cfg(target_os = "linux")]
    mailboxes: Vec<Weak<Mailbox>>,
}

impl Waiters {
    fn add(&mut self, slot: &Arc<Slot>) -> usize {
        let slot = Some(Arc::clone(slot));
        match self.free.pop() {
            Some(place) => {
                self.slots[place] = slot;
                place
            }
            None => {
                self.slots.push(slot);
                self.slots.len() - 1
            }
        }
    }

    /// `false` if it is known already.
    #[cfg(target_os = "linux")]
    fn meet(&mut self, mailbox: &Arc<Mailbox>) -> bool {
        if self.mailboxes.iter().any(|known| known.as_ptr() == Arc::as_ptr(mailbox)) {
            return false;
        }
        self.mailboxes.retain(|known| known.strong_count() > 0);
        self.mailboxes.push(Arc::downgrade(mailbox));
        true
    }
}

impl Shared {
    pub(crate) fn new(reach: Reach) -> Arc<Shared> {
        Arc::new(Shared {
            reach,
            resuming: AtomicU32::new(0),
            counted_in: AtomicU64::new(generation()),
            waiters: Mutex::default(),
            entered: Mutex::default(),
        })
    }

    /// Asks, and waits as a thread if it must. `None` when the time is over.
    #[inline]
    pub(crate) fn wait(
        self: &Arc<Self>,
        py: Python<'_>,
        ask: Ask,
        n: u32,
        patience: Patience,
    ) -> PyResult<Option<Granted>> {
        let outcome = match self.reach.try_now(ask, n) {
            Ok(granted) => Ok(Some(granted)),
            Err(failure) if failure.is_not_now() => match patience {
                Patience::Try => Ok(None),
                Patience::Endless => park::wait(py, self, ask, n, None),
                Patience::Until(deadline) => park::wait(py, self, ask, n, Some(deadline)),
            },
            Err(failure) => Err(failure.into()),
        };
        let Err(error) = wake::raised() else { return outcome };
        if let Ok(Some(granted)) = outcome {
            self.undo(ask, n, granted);
        }
        Err(error)
    }

    /// A caller that gets an exception instead has nothing.
    pub(crate) fn undo(&self, ask: Ask, n: u32, granted: Granted) {
        if ask == Ask::Loose {
            // Unless somebody else has returned them.
            let _ = self.reach.try_now(Ask::Back, n);
        }
        drop(granted);
    }

    /// [`wait`](Self::wait), with an error that tells how things stood when the time is over.
    pub(crate) fn wait_or_tell(
        self: &Arc<Self>,
        py: Python<'_>,
        ask: Ask,
        n: u32,
        patience: Patience,
    ) -> PyResult<Granted> {
        if let Some(granted) = self.wait(py, ask, n, patience)? {
            return Ok(granted);
        }
        let last = match patience {
            Patience::Try => self.reach.try_now(ask, n),
            _ => self.reach.try_at_the_end(ask, n),
        };
        Ok(last?)
    }

    pub(crate) fn max(&self) -> Result<u32, Failure> {
        Ok(self.reach.state()?.max_permits)
    }

    pub(crate) fn enter(self: &Arc<Self>, granted: Granted) {
        if let Some(held) = Held::new(self, granted) {
            lock(&self.entered).push((thread::current().id(), held));
        }
    }

    pub(crate) fn exit(&self) -> PyResult<()> {
        let me = thread::current().id();
        let mut entered = lock(&self.entered);
        let own = entered.iter().rposition(|(thread, _)| *thread == me);
        // A block may end in another thread than it began in.
        let last = own.or_else(|| entered.len().checked_sub(1));
        let held = last.map(|place| entered.remove(place));
        // Before the permit is returned.
        drop(entered);
        held.map(drop).ok_or_else(|| PyRuntimeError::new_err("the `with` block was not entered"))?;
        wake::raised()
    }

    /// A newcomer finds tasks that were granted before it and have not resumed yet.
    #[inline]
    pub(crate) fn others_are_resuming(&self) -> bool {
        // Relaxed, here and below: a matter of courtesy among the tasks of one thread.
        self.resuming.load(Ordering::Relaxed) > 0 && !self.forget_resuming()
    }

    /// A task waits; its place.
    pub(crate) fn add(self: &Arc<Self>, slot: &Arc<Slot>) -> usize {
        let mut waiters = lock(&self.waiters);
        let place = waiters.add(slot);
        #[cfg(target_os = "linux")]
        if let Some(mailbox) = slot.mailbox()
            && waiters.meet(mailbox)
        {
            drop(waiters);
            mailbox.join(self);
        }
        place
    }

    /// It waits no more. What comes back is to be dropped.
    pub(crate) fn remove(&self, place: usize) -> Option<Arc<Slot>> {
        let mut waiters = lock(&self.waiters);
        let slot = waiters.slots.get_mut(place)?.take()?;
        waiters.free.push(place);
        Some(slot)
    }

    /// All tasks that wait.
    pub(crate) fn slots(&self) -> Vec<Arc<Slot>> {
        lock(&self.waiters).slots.iter().flatten().cloned().collect()
    }

    pub(crate) fn count_resuming(&self) {
        self.forget_resuming();
        self.resuming.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn uncount_resuming(&self) {
        if !self.forget_resuming() {
            self.resuming.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// In a child after fork: they are the parent's. Only once.
    fn forget_resuming(&self) -> bool {
        let now = generation();
        if self.counted_in.load(Ordering::Relaxed) == now {
            return false;
        }
        self.counted_in.store(now, Ordering::Relaxed);
        self.resuming.store(0, Ordering::Relaxed);
        true
    }
}

/// Permits that an object of Python's holds.
pub(crate) struct Held {
    home: Arc<Shared>,
    /// `None` once they are returned or let go.
    hold: Option<Hold>,
}

impl Held {
    /// `None` if nothing was granted that could be held.
    pub(crate) fn new(home: &Arc<Shared>, granted: Granted) -> Option<Held> {
        let hold = match granted {
            Granted::Nothing => return None,
            Granted::Here(permit) => Hold::Here(home.reach.here()?.guard(permit)),
            #[cfg(target_os = "linux")]
            Granted::Host(permit) => Hold::Host(permit),
        };
        Some(Held { home: Arc::clone(home), hold: Some(hold) })
    }

    pub(crate) fn count(&self) -> u32 {
        match &self.hold {
            None => 0,
            Some(Hold::Here(guard)) => guard.count(),
            #[cfg(target_os = "linux")]
            Some(Hold::Host(permit)) => permit.count(),
        }
    }

    pub(crate) fn forget(mut self) {
        match self.take() {
            None => {}
            Some(Granted::Here(permit)) => permit.forget(),
            #[cfg(target_os = "linux")]
            Some(Granted::Host(permit)) => permit.forget(),
            Some(Granted::Nothing) => {}
        }
    }

    /// The permits, as this process has them.
    fn take(&mut self) -> Option<Granted> {
        Some(match self.hold.take()? {
            Hold::Here(guard) => Granted::Here(self.adopt(guard)?),
            #[cfg(target_os = "linux")]
            Hold::Host(permit) => Granted::Host(permit),
        })
    }

    fn adopt(&self, guard: crate::here::Guard) -> Option<OwnedPermit> {
        Some(self.home.reach.here()?.adopt(guard).into_permit())
    }

    fn put(&mut self, granted: Granted) {
        self.hold = Held::new(&self.home, granted).and_then(|mut held| held.hold.take());
    }

    /// The permits alone.
    pub(crate) fn into_granted(mut self) -> Granted {
        self.take().unwrap_or(Granted::Nothing)
    }

    /// Splits `n` off; it has as many.
    pub(crate) fn split(&mut self, n: u32) -> PyResult<Held> {
        let home = Arc::clone(&self.home);
        let mut whole = self.take().unwrap_or(Granted::Nothing);
        let part = match &mut whole {
            Granted::Nothing => None,
            Granted::Here(permit) => permit.split(n).ok().map(Granted::Here),
            #[cfg(target_os = "linux")]
            Granted::Host(permit) => permit.split(n).ok().map(Granted::Host),
        };
        self.put(whole);
        let part = part.and_then(|part| Held::new(&home, part));
        part.ok_or_else(|| PyRuntimeError::new_err("the permit was returned already"))
    }

    /// Takes in those of `other`; gives it back if it is of another semaphore.
    pub(crate) fn merge(&mut self, mut other: Held) -> Result<(), Held> {
        let (Some(mine), Some(theirs)) = (self.take(), other.take()) else { return Err(other) };
        let (mine, rest) = match (mine, theirs) {
            (Granted::Here(mut mine), Granted::Here(theirs)) => {
                let rest = mine.merge(theirs).err().map(|error| Granted::Here(error.into_permit()));
                (Granted::Here(mine), rest)
            }
            #[cfg(target_os = "linux")]
            (Granted::Host(mut mine), Granted::Host(theirs)) => {
                let rest = mine.merge(theirs).err().map(|error| Granted::Host(error.into_permit()));
                (Granted::Host(mine), rest)
            }
            #[cfg(target_os = "linux")]
            (mine, theirs) => (mine, Some(theirs)),
        };
        self.put(mine);
        match rest {
            None => Ok(()),
            Some(rest) => {
                other.put(rest);
                Err(other)
            }
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.take());
    }
}

/// The semaphore of an object, set by its `__init__`.
#[derive(Default)]
pub(crate) struct Cell(OnceLock<Arc<Shared>>);

impl Cell {
    pub(crate) fn is_set(&self) -> bool {
        self.0.get().is_some()
    }

    pub(crate) fn set(&self, class: &str, shared: Arc<Shared>) -> PyResult<()> {
        self.0.set(shared).map_err(|_| PyRuntimeError::new_err(format!("{class}.__init__() was called before")))
    }

    #[inline]
    pub(crate) fn get(&self) -> PyResult<&Arc<Shared>> {
        self.0.get().ok_or_else(not_initialized)
    }

    /// For the garbage collector: the object refers to those who wait for it.
    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self.0.get().map(|shared| shared.waiters.try_lock()) {
            Some(Ok(waiters)) => waiters.slots.iter().flatten().try_for_each(|slot| slot.visit(visit)),
            _ => Ok(()),
        }
    }

    /// Nobody can reach it or those who wait for it any more.
    pub(crate) fn clear(&self) {
        if let Some(shared) = self.0.get() {
            shared.slots().iter().for_each(|slot| slot.leave());
        }
    }
}

#[cold]
fn not_initialized() -> PyErr {
    PyRuntimeError::new_err("the semaphore's __init__() was not called")
}
