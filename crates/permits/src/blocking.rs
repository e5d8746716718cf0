//! Blocks a thread on a future that another thread or task drives: for reaches whose requests are only
//! futures, and for tests.
//!
//! Do not use it in a thread that runs tasks, or on futures that need their own runtime on this thread to
//! make progress. Semaphores of one process and of one host block by themselves, without allocation:
//! [`Request::wait`](crate::Request::wait).

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

/// Says that the future wants to be polled. Not `std::thread::park`: a thread has one token for it, which is
/// also the caller's, and the caller may be about to sleep for something else.
#[derive(Default)]
struct Signal {
    given: Mutex<bool>,
    changed: Condvar,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        *self.given.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_one();
    }
}

impl Signal {
    /// Sleeps until it is given or until `deadline`, or for no reason at all.
    fn wait(&self, deadline: Option<Instant>) {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        if !*given {
            given = match deadline {
                None => self.changed.wait(given).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let rest = deadline.saturating_duration_since(Instant::now());
                    self.changed.wait_timeout(given, rest).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        *given = false;
    }
}

/// Polls `future` on this thread until it is ready, and sleeps in between.
///
/// # Examples
///
/// ```
/// use permits::{Semaphore, blocking::block_on};
///
/// let sem = Semaphore::new(1);
/// let permit = block_on(async { sem.acquire().await })?;
/// assert_eq!(permit.count(), 1);
/// # Ok::<(), permits::AcquireError>(())
/// ```
pub fn block_on<F: Future>(future: F) -> F::Output {
    block_on_until(future, None).expect("without a deadline it ends by the future alone")
}

/// Polls `future` on this thread until it is ready or `deadline` has passed; after the deadline it drops the
/// future and returns `None`.
///
/// It polls the future once more after the deadline: a result that is ready by then wins (C11), so a deadline
/// in the past makes it a try.
///
/// # Examples
///
/// ```
/// use permits::{Semaphore, blocking::block_on_until};
/// use std::time::{Duration, Instant};
///
/// let sem = Semaphore::new(1);
/// let _held = sem.try_acquire()?;
/// let soon = Instant::now() + Duration::from_millis(1);
/// assert!(block_on_until(async { sem.acquire().await }, Some(soon)).is_none());
/// assert_eq!(sem.waiting_acquirers(), 0);
/// # Ok::<(), permits::TryAcquireError>(())
/// ```
pub fn block_on_until<F: Future>(future: F, deadline: Option<Instant>) -> Option<F::Output> {
    let signal = Arc::new(Signal::default());
    let waker = Waker::from(Arc::clone(&signal));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        // Read before the poll: a poll that began before the deadline is not the last one.
        let is_late = deadline.is_some_and(|deadline| Instant::now() >= deadline);
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Some(output);
        }
        if is_late {
            return None;
        }
        signal.wait(deadline);
    }
}
