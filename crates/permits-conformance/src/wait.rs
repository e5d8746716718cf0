//! Waiting in tests, without a runtime and without sleeping: futures that are polled by hand, threads that
//! report, and conditions that are looked at until a deadline.

use permits::blocking::block_on_until;
use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

/// A waker that counts, and wakes the thread that looks at the count.
#[derive(Debug, Default)]
pub struct CountingWaker {
    wakes: AtomicUsize,
    watcher: Mutex<Option<Thread>>,
}

impl CountingWaker {
    /// How often it was woken.
    pub fn wakes(&self) -> usize {
        // SeqCst, as all here: a test must not owe its success or failure to its own ordering.
        self.wakes.load(Ordering::SeqCst)
    }

    fn watch(&self) {
        *self.watcher.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread::current());
    }
}

impl Wake for CountingWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wakes.fetch_add(1, Ordering::SeqCst);
        if let Some(watcher) = &*self.watcher.lock().unwrap_or_else(PoisonError::into_inner) {
            watcher.unpark();
        }
    }
}

/// A task: a future that is polled when the test says so, with a waker of its own. Dropping it drops the
/// future.
pub struct Polled<'a, T> {
    future: Pin<Box<dyn Future<Output = T> + Send + 'a>>,
    waker: Arc<CountingWaker>,
    /// The count of wakes before the last poll; `None` before the first.
    polled_at: Option<usize>,
}

impl<'a, T> Polled<'a, T> {
    /// A task that was not polled yet.
    pub fn new(future: impl Future<Output = T> + Send + 'a) -> Self {
        Polled { future: Box::pin(future), waker: Arc::default(), polled_at: None }
    }

    /// Polls it, woken or not.
    pub fn poll(&mut self) -> Poll<T> {
        let waker = Waker::from(Arc::clone(&self.waker));
        self.polled_at = Some(self.waker.wakes());
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }

    /// Polls it if an executor would: at first, and whenever it was woken since.
    pub fn poll_if_woken(&mut self) -> Poll<T> {
        if self.is_woken() { self.poll() } else { Poll::Pending }
    }

    /// Would an executor poll it now?
    pub fn is_woken(&self) -> bool {
        self.polled_at.is_none_or(|then| self.waker.wakes() > then)
    }

    /// How often its present waker was woken.
    pub fn wakes(&self) -> usize {
        self.waker.wakes()
    }

    /// Moves it to another task, which has not polled it yet and has another waker. Returns the one before.
    pub fn change_waker(&mut self) -> Arc<CountingWaker> {
        self.polled_at = None;
        std::mem::take(&mut self.waker)
    }

    /// What it comes to; `None` if it is not there after `deadline`.
    pub fn outcome(&mut self, deadline: Duration) -> Option<T> {
        let end = Instant::now() + deadline;
        self.waker.watch();
        loop {
            if let Poll::Ready(outcome) = self.poll_if_woken() {
                return Some(outcome);
            }
            // At least one look at the time a poll: a future may wake itself at each.
            loop {
                let rest = end.saturating_duration_since(Instant::now());
                if rest.is_zero() {
                    return None;
                }
                if self.is_woken() {
                    break;
                }
                thread::park_timeout(rest);
            }
        }
    }
}

/// What a future comes to, run on this thread.
///
/// # Panics
///
/// If it is not there after `deadline`.
pub fn block_on<T>(future: impl Future<Output = T>, deadline: Duration) -> T {
    block_on_until(future, Instant::now().checked_add(deadline))
        .unwrap_or_else(|| panic!("a future is not ready after {deadline:?}"))
}

/// A thread that does one thing and reports what it came to. Dropping it leaves the thread alone.
pub struct Running<T> {
    outcome: Receiver<T>,
    thread: Thread,
    /// For the panic of a thread that does not report.
    end: Option<JoinHandle<()>>,
}

impl<T: Send + 'static> Running<T> {
    /// Starts it.
    pub fn start(act: impl FnOnce() -> T + Send + 'static) -> Self {
        let (report, outcome) = channel();
        // Who has lost interest in the outcome has dropped the receiver: then nobody is told.
        let end = thread::spawn(move || drop(report.send(act())));
        Running { outcome, thread: end.thread().clone(), end: Some(end) }
    }

    /// What it came to; `None` if it is still at it after `deadline`. To be asked no more once it was told.
    ///
    /// # Panics
    ///
    /// As the thread did.
    pub fn outcome(&mut self, deadline: Duration) -> Option<T> {
        match self.outcome.recv_timeout(deadline) {
            Ok(outcome) => Some(outcome),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                let end = self.end.take().expect("it reports once, or panics once");
                resume_unwind(end.join().expect_err("a thread that does not report has panicked"))
            }
        }
    }

    /// The thread, to be disturbed.
    pub fn thread(&self) -> &Thread {
        &self.thread
    }
}

/// Looks at a condition until it holds; `false` if it does not after `deadline`.
pub fn eventually(deadline: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + deadline;
    while !holds() {
        if Instant::now() >= end {
            return false;
        }
        thread::yield_now();
    }
    true
}

/// Looks at a condition for as long as `time`, and once at least; `false` as soon as it does not hold.
pub fn always(time: Duration, mut holds: impl FnMut() -> bool) -> bool {
    !eventually(time, || !holds())
}
