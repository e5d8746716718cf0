//! How a thread of Python's waits: detached from the interpreter, and woken by a grant or by a signal.
//!
//! On Linux it sleeps in a bare futex call, which a signal ends (futex(2), EINTR): Python installs its handlers without `SA_RESTART`. The
//! standard library's own waits would go on sleeping. Signals are Python's main thread's business, and the kernel prefers that one for
//! a signal that is sent to the process (signal(7)). Between the last look for signals and the call there is a moment in which one is not
//! noticed; for that, and for signals that went to another thread, the main thread looks again after [`FIRST_LOOK`], and ever more rarely.

use crate::here::generation;
use crate::reach::{Ask, Granted, Manner};
use crate::shared::{Held, Shared};
use pyo3::prelude::*;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

/// How soon, and how often at last, a waiting main thread looks for signals of itself; doubled in between.
const FIRST_LOOK: Duration = Duration::from_millis(4);
const LAST_LOOK: Duration =
    if cfg!(target_os = "linux") { Duration::from_millis(512) } else { Duration::from_millis(16) };

/// Waits for `n`. `None` when the time is over; whatever else ends it without a grant, its place or its grant has gone on to the next (P3).
#[cold]
pub(crate) fn wait(
    py: Python<'_>,
    home: &Arc<Shared>,
    ask: Ask,
    n: u32,
    deadline: Option<Instant>,
) -> PyResult<Option<Granted>> {
    let parker = Arc::new(Parker::default());
    let waker = Waker::from(Arc::clone(&parker));
    let mut context = Context::from_waker(&waker);
    // Loose ones are held until this returns, so that a signal's exception can still return them.
    let held = if ask == Ask::Loose { Ask::Held } else { ask };
    let mut request = home.reach.request(held, n);
    let mut since = generation();
    let mut look = is_main_thread().then_some(FIRST_LOOK);
    loop {
        // Before the poll, so that what is granted by the end of the time is taken (C11).
        let rest = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if let Poll::Ready(outcome) = request.as_mut().poll(Manner::Thread, &mut context) {
            return Ok(Some(let_go(home, ask, outcome?)));
        }
        if rest.is_some_and(|rest| rest.is_zero()) {
            return Ok(None);
        }
        let limit = [rest, look].into_iter().flatten().min();
        py.detach(|| parker.sleep(limit));
        let Some(next_look) = &mut look else { continue };
        *next_look = (*next_look * 2).min(LAST_LOOK);
        // A handler may wait for this very semaphore, and take long. While it runs, this request is as a task's: what is for it is kept for
        // it, and whoever is next goes on, rather than that all wait for it to take its permits by itself.
        if let Poll::Ready(outcome) = request.as_mut().poll(Manner::Task, &mut context) {
            let granted = outcome?;
            // What was given back is back, signal or not.
            if ask != Ask::Back {
                let held = Held::new(home, granted);
                py.check_signals()?;
                let granted = held.map_or(Granted::Nothing, Held::into_granted);
                return Ok(Some(let_go(home, ask, granted)));
            }
            return Ok(Some(granted));
        }
        py.check_signals()?;
        if since != generation() {
            // A handler has forked, and this is the child: the parent's queue is not touched any more.
            mem::forget(mem::replace(&mut request, home.reach.request(held, n)));
            since = generation();
        }
    }
}

/// Makes permits loose that were asked for as such.
fn let_go(home: &Arc<Shared>, ask: Ask, granted: Granted) -> Granted {
    if ask == Ask::Loose {
        if let Some(held) = Held::new(home, granted) {
            held.forget();
        }
        return Granted::Nothing;
    }
    granted
}

#[cfg(target_os = "linux")]
pub(crate) fn is_main_thread() -> bool {
    rustix::thread::gettid() == rustix::process::getpid()
}

/// Everybody looks, where it cannot be told.
#[cfg(not(target_os = "linux"))]
pub(crate) fn is_main_thread() -> bool {
    true
}

#[cfg(target_os = "linux")]
mod sleeping {
    use rustix::io::Errno;
    use rustix::thread::futex::{Flags, Timespec, wait, wake};
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    /// Where a thread sleeps until it is woken, once.
    #[derive(Default)]
    pub(crate) struct Parker {
        /// 1 if it was woken and has not slept since.
        woken: AtomicU32,
    }

    impl Parker {
        /// Sleeps until woken, or for `limit`, or until a signal comes, or for no reason.
        pub(crate) fn sleep(&self, limit: Option<Duration>) {
            let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
            // A word that has changed, a signal, the end of the time: in each case the caller looks for itself.
            let _: Result<(), Errno> = wait(&self.woken, Flags::PRIVATE, 0, limit.as_ref());
            // Acquire: pairs with the Release in `wake`; what travels is what the waker did before. (The grant itself is the
            // semaphore's own story.)
            self.woken.swap(0, Ordering::Acquire);
        }

        pub(crate) fn wake(&self) {
            // Release: pairs with the Acquire in `sleep`.
            if self.woken.swap(1, Ordering::Release) == 0 {
                let _: Result<usize, Errno> = wake(&self.woken, Flags::PRIVATE, 1);
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod sleeping {
    use std::sync::{Condvar, Mutex, PoisonError};
    use std::time::Duration;

    /// Where a thread sleeps until it is woken, once.
    #[derive(Default)]
    pub(crate) struct Parker {
        woken: Mutex<bool>,
        change: Condvar,
    }

    impl Parker {
        pub(crate) fn sleep(&self, limit: Option<Duration>) {
            let woken = self.woken.lock().unwrap_or_else(PoisonError::into_inner);
            let asleep = |woken: &mut bool| !*woken;
            let mut woken = match limit {
                None => self.change.wait_while(woken, asleep).unwrap_or_else(PoisonError::into_inner),
                Some(limit) => {
                    self.change.wait_timeout_while(woken, limit, asleep).unwrap_or_else(PoisonError::into_inner).0
                }
            };
            *woken = false;
        }

        pub(crate) fn wake(&self) {
            *self.woken.lock().unwrap_or_else(PoisonError::into_inner) = true;
            self.change.notify_one();
        }
    }
}

use sleeping::Parker;

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        Parker::wake(&self);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        Parker::wake(self);
    }
}
