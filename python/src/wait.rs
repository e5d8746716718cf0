//! How a thread of Python's waits: detached from the interpreter, and woken by a grant or by a signal.
//!
//! On Linux it sleeps in a bare futex call, which a signal ends (futex(2), EINTR): Python installs its
//! handlers without `SA_RESTART`. The standard library's own waits would go on sleeping. Signals are Python's
//! main thread's business, and the kernel prefers that one for a signal that is sent to the process
//! (signal(7)). Between the last look for signals and the call there is a moment in which one is not noticed;
//! for that, and for signals that went to another thread, the main thread looks again after a few
//! milliseconds, and ever more rarely ([`Sleeper`]).

use crate::arguments::Patience;
use crate::errors::Failure;
use crate::held::Held;
use crate::here::generation;
use crate::home::Home;
use crate::park::Sleeper;
use crate::raised::raised;
use crate::reach::{Ask, Granted, Manner};
use pyo3::prelude::*;
use std::mem;
use std::task::{Context, Poll};
use std::time::Instant;

impl Home {
    /// Asks, and waits as a thread if it must. `None` when the time is over.
    #[inline]
    pub(crate) fn wait(&self, py: Python<'_>, ask: Ask, n: u32, patience: Patience) -> PyResult<Option<Granted>> {
        let tried = match patience {
            // It waits for servers that do not answer, where a try fails.
            Patience::Endless | Patience::Until(_) if self.reach.asks_servers() => None,
            _ => Some(self.reach.try_now(ask, n)).filter(|tried| !tried.as_ref().is_err_and(Failure::is_not_now)),
        };
        let outcome = match (tried, patience) {
            (Some(tried), _) => tried.map(Some).map_err(Into::into),
            (None, Patience::Try) => Ok(None),
            (None, Patience::Endless) => wait(py, self, ask, n, None),
            (None, Patience::Until(deadline)) => wait(py, self, ask, n, Some(deadline)),
        };
        let Err(error) = raised() else { return outcome };
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
    pub(crate) fn wait_or_tell(&self, py: Python<'_>, ask: Ask, n: u32, patience: Patience) -> PyResult<Granted> {
        if let Some(granted) = self.wait(py, ask, n, patience)? {
            return Ok(granted);
        }
        let last = match patience {
            Patience::Try => self.reach.try_now(ask, n),
            _ => self.reach.try_at_the_end(ask, n),
        };
        Ok(last?)
    }
}

/// Waits for `n`. `None` when the time is over; whatever else ends it without a grant, its place or its grant
/// has gone on to the next (P3).
#[cold]
fn wait(py: Python<'_>, home: &Home, ask: Ask, n: u32, deadline: Option<Instant>) -> PyResult<Option<Granted>> {
    let mut sleeper = Sleeper::new();
    // Loose ones are held until this returns, so that a signal's exception can still return them.
    let held = if ask == Ask::Loose { Ask::Held } else { ask };
    let mut request = home.reach.request(held, n);
    let mut since = generation();
    loop {
        let mut context = Context::from_waker(sleeper.waker());
        // Before the poll, so that what is granted by the end of the time is taken (C11).
        let rest = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if let Poll::Ready(outcome) = request.as_mut().poll(Manner::Thread, &mut context) {
            return Ok(Some(let_go(home, ask, outcome?)?));
        }
        if rest.is_some_and(|rest| rest.is_zero()) {
            return Ok(None);
        }
        if !sleeper.sleep(py, rest) {
            continue;
        }
        // A handler may wait for this very semaphore, and take long. While it runs, this request is as a
        // task's: what is for it is kept for it, and whoever is next goes on, rather than that all wait for
        // it to take its permits by itself.
        let mut context = Context::from_waker(sleeper.waker());
        if let Poll::Ready(outcome) = request.as_mut().poll(Manner::Task, &mut context) {
            let granted = outcome?;
            // What was given back is back, signal or not.
            if ask != Ask::Back {
                let held = Held::new(&home.reach, granted);
                py.check_signals()?;
                let granted = held.map_or(Granted::Nothing, Held::into_granted);
                return Ok(Some(let_go(home, ask, granted)?));
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
fn let_go(home: &Home, ask: Ask, granted: Granted) -> Result<Granted, Failure> {
    if ask == Ask::Loose {
        if let Some(held) = Held::new(&home.reach, granted) {
            held.forget()?;
        }
        return Ok(Granted::Nothing);
    }
    Ok(granted)
}
