//! Where a thread sleeps.

use pyo3::Python;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Duration;

/// How soon, and how often at last, a waiting main thread looks for signals of itself; doubled in between.
const FIRST_LOOK: Duration = Duration::from_millis(4);
const LAST_LOOK: Duration =
    if cfg!(target_os = "linux") { Duration::from_millis(512) } else { Duration::from_millis(16) };

/// A thread of Python's that waits, and is woken by its waker.
pub(crate) struct Sleeper {
    parker: Arc<Parker>,
    waker: Waker,
    /// After which time it looks for signals, if it is the main thread.
    look: Option<Duration>,
}

impl Sleeper {
    pub(crate) fn new() -> Sleeper {
        let parker = Arc::new(Parker::default());
        let waker = Waker::from(Arc::clone(&parker));
        Sleeper { parker, waker, look: is_main_thread().then_some(FIRST_LOOK) }
    }

    pub(crate) fn waker(&self) -> &Waker {
        &self.waker
    }

    /// Sleeps, detached from the interpreter, until it is woken, for `limit` at most, or for no reason.
    /// Whether signals are its business.
    pub(crate) fn sleep(&mut self, py: Python<'_>, limit: Option<Duration>) -> bool {
        let limit = [limit, self.look].into_iter().flatten().min();
        py.detach(|| self.parker.sleep(limit));
        self.look = self.look.map(|look| (look * 2).min(LAST_LOOK));
        self.look.is_some()
    }
}

#[cfg(target_os = "linux")]
pub(crate) fn is_main_thread() -> bool {
    rustix::thread::gettid() == rustix::process::getpid()
}

/// Every thread counts as the main one, if the system does not say which is.
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
            // A word that has changed, a signal, the end of the time: in each case the caller looks for
            // itself.
            let _: Result<(), Errno> = wait(&self.woken, Flags::PRIVATE, 0, limit.as_ref());
            // Acquire: pairs with the Release in `wake`; what travels is what the waker did before. (The
            // grant itself is the semaphore's own story.)
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

pub(crate) use sleeping::Parker;

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        Parker::wake(&self);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        Parker::wake(self);
    }
}
