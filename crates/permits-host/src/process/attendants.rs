//! Those who wait in this process, and what the two threads that look after them are to do next. What they do
//! is in `watch.rs`, and who starts them in `attend.rs`.

use crate::error::{Error, ErrorKind};
use crate::process::sys;
use crate::sync::locked;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;
use std::time::{Duration, Instant};

/// How long a waiter waits before any holder is watched: a permit that goes from hand to hand comes sooner.
pub(crate) const GRACE: Duration = Duration::from_millis(1);
/// How often the watch looks on patrol. A waiter that it meets twice has waited at least that long.
pub(crate) const PATROL: Duration = Duration::from_millis(4);
/// How long the threads stay after the last wait, in case another one begins.
pub(crate) const LINGER: Duration = Duration::from_millis(200);
/// After this many waits that ended within [`GRACE`] the watch goes on patrol.
pub(super) const SHORT_WAITS: u32 = 8;
/// How often the bell looks whether any waiter is left, without being rung.
pub(super) const BELL_LOOKS: Duration = Duration::from_secs(2);

/// The threads that serve the waiters of this process, and these waiters.
#[derive(Debug, Default)]
pub(crate) struct Attendants {
    pub(super) locals: Mutex<Locals>,
    /// Some wait may have failed. It saves a look under the lock for what is rare.
    may_have_failed: AtomicBool,
}

#[derive(Debug, Default)]
pub(super) struct Locals {
    pub(super) waiting: HashMap<u16, Local>,
    /// The thread of the watch, while it runs; 0 while it has not looked at these for the first time.
    pub(super) watch: Option<i32>,
    /// The watch is on patrol.
    pub(super) patrols: bool,
    /// How many have come since it was here.
    pub(super) arrivals: u32,
    /// How many waits ended before any holder was watched, without a patrol.
    pub(super) short_waits: u32,
    /// The waiters that the watch serves have changed.
    pub(super) news: bool,
    pub(super) bell_runs: bool,
    /// The bell sleeps until it is rung.
    pub(super) bell_sleeps: bool,
    /// The handle is gone.
    pub(super) stop: bool,
}

#[derive(Debug)]
pub(super) struct Local {
    /// Of a task that is not woken yet.
    pub(super) waker: Option<Waker>,
    pub(super) is_task: bool,
    pub(super) care: Care,
    /// Why the wait has to end.
    pub(super) failure: Option<Failure>,
}

/// An error that ends several waits.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    kind: ErrorKind,
    semaphore: String,
    text: String,
}

impl Failure {
    pub(super) fn new(semaphore: &str, error: &Error) -> Failure {
        let text = error.to_string();
        // It is said again by whoever makes an error of it.
        let text = match text.strip_prefix(&format!("semaphore `{semaphore}`: ")) {
            Some(rest) => rest.to_owned(),
            None => text,
        };
        Failure { kind: error.kind(), semaphore: semaphore.to_owned(), text }
    }

    pub(super) fn error(&self) -> Error {
        Error::new(self.kind, self.text.clone()).with_semaphore(&self.semaphore)
    }
}

impl Local {
    pub(super) fn thread(care: Care) -> Local {
        Local { waker: None, is_task: false, care, failure: None }
    }

    /// A task that was woken does not wait any more, whenever it comes for what it was granted.
    pub(super) fn waits(&self) -> bool {
        !self.is_task || self.waker.is_some()
    }
}

/// Who serves a waiting thread or task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Care {
    /// None, until that time.
    Until(Instant),
    /// The patrol has not come by since; or once.
    Patrol { met: bool },
    /// The watch.
    Watch,
}

/// What the watch is to do next.
pub(crate) enum Round {
    /// No thread or task has waited here for a while.
    End,
    /// No waiter has waited long enough to be watched for.
    Idle { patrols: bool },
    /// These waiters need a watch; some may be new.
    Look { numbers: Vec<u16>, patrols: bool, news: bool },
}

impl Attendants {
    /// A thread has begun to wait. `true`: it is served from now on. `false`: after [`GRACE`] it must ask for
    /// that.
    pub(crate) fn arrive(&self, number: u16) -> bool {
        let mut locals = locked(&self.locals);
        if locals.patrols {
            locals.arrivals = locals.arrivals.wrapping_add(1);
            locals.waiting.insert(number, Local::thread(Care::Patrol { met: false }));
        }
        locals.patrols
    }

    /// What the watch is to do next. `lingered`: it has just waited, and nothing came.
    pub(crate) fn round(&self, lingered: bool) -> Round {
        let mut locals = locked(&self.locals);
        let mut waits = false;
        let patrols = locals.patrols;
        let mut news = std::mem::take(&mut locals.news);
        for local in locals.waiting.values_mut().filter(|local| local.waits()) {
            local.care = match local.care {
                Care::Patrol { met: false } if patrols => Care::Patrol { met: true },
                Care::Patrol { .. } => {
                    news = true;
                    Care::Watch
                }
                care => care,
            };
            waits |= local.care != Care::Watch;
        }
        if patrols && std::mem::take(&mut locals.arrivals) == 0 && !waits {
            locals.patrols = false;
        }
        let watched = locals.waiting.iter().filter(|(_, local)| local.waits() && local.care == Care::Watch);
        let numbers: Vec<u16> = watched.map(|(&number, _)| number).collect();
        let patrols = locals.patrols;
        if locals.stop || (numbers.is_empty() && lingered && !patrols) {
            locals.end_watch();
            return Round::End;
        }
        locals.watch = Some(sys::thread());
        if numbers.is_empty() { Round::Idle { patrols } } else { Round::Look { numbers, patrols, news } }
    }

    /// Ends the waits of these numbers. They have to be woken then.
    pub(super) fn fail(&self, numbers: &[u16], failure: &Failure) {
        let mut locals = locked(&self.locals);
        for number in numbers {
            if let Some(local) = locals.waiting.get_mut(number) {
                local.failure = Some(failure.clone());
            }
        }
        self.have_failed();
    }

    /// Ends all waits, as one of the threads that look after them is gone, which `end` writes down; those
    /// that have to be woken.
    pub(super) fn fail_all<T>(&self, failure: &Failure, end: impl FnOnce(&mut Locals) -> T) -> (Vec<u16>, T) {
        let mut locals = locked(&self.locals);
        locals.waiting.values_mut().for_each(|local| local.failure = Some(failure.clone()));
        // Under the same lock: whoever comes next starts the thread anew.
        let ended = end(&mut locals);
        self.have_failed();
        (locals.waiting.keys().copied().collect(), ended)
    }

    fn have_failed(&self) {
        // SeqCst: before the bells are rung. Whoever waits reads its bell, and then this.
        self.may_have_failed.store(true, Ordering::SeqCst);
    }

    /// Why a wait has to end, if it has to.
    pub(crate) fn failure(&self, number: u16) -> Option<Error> {
        // SeqCst: as above.
        if !self.may_have_failed.load(Ordering::SeqCst) {
            return None;
        }
        let locals = locked(&self.locals);
        locals.waiting.get(&number)?.failure.as_ref().map(Failure::error)
    }
}

impl Locals {
    /// Wakes the watch, if there is one.
    pub(super) fn wake_watch(&self) -> bool {
        // It is there as long as it says so, under the lock that the caller has. One that has not said where
        // has not looked yet.
        if let Some(thread @ 1..) = self.watch {
            sys::wake_thread(thread);
        }
        self.watch.is_some()
    }

    /// The watch is gone.
    pub(super) fn end_watch(&mut self) {
        (self.watch, self.patrols) = (None, false);
    }

    /// The bell is gone; returns the tasks that it would have woken.
    pub(super) fn end_bell(&mut self) -> Vec<Waker> {
        (self.bell_runs, self.bell_sleeps) = (false, false);
        self.waiting.values_mut().filter_map(|local| local.waker.take()).collect()
    }
}
