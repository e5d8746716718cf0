//! Waiting in a queue of the semaphore, in a way that signals, a stop of the job, a revocation and time can end.
//!
//! The request is a future that is polled by hand: this program sleeps in one place, [`Events::wait`], for the grant and for
//! everything else.
//!
//! A job that is stopped (Ctrl-Z) gives up its place and queues again, at the end, when it is continued. Were it to keep the place,
//! it would be granted permits that it cannot use, and everybody behind it would wait for somebody's shell.

use std::future::Future;
use std::os::fd::BorrowedFd;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use permits_host::{AcquireOwned, Error, ErrorKind, Holder, HostSemaphore, ReleaseOwned, Side, State, Status};

use crate::args::Patience;
use crate::events::Events;
use crate::failure::{Failure, code};
use crate::out::Notes;
use crate::people::Who;
use crate::sys;

/// A request that queues: for permits, or to give loose ones back.
pub(crate) trait Request: Future<Output = Result<Self::Given, Error>> + Unpin {
    /// What is had when it is granted.
    type Given;
    /// Place in the queue, 1 for the first.
    fn position(&self) -> Option<u32>;
    /// Grants it now or not at all.
    fn try_now(self) -> Result<Self::Given, Error>;
}

impl Request for AcquireOwned {
    type Given = permits_host::OwnedPermit;

    fn position(&self) -> Option<u32> {
        AcquireOwned::position(self)
    }

    fn try_now(self) -> Result<Self::Given, Error> {
        AcquireOwned::try_now(self)
    }
}

impl Request for ReleaseOwned {
    type Given = ();

    fn position(&self) -> Option<u32> {
        ReleaseOwned::position(self)
    }

    fn try_now(self) -> Result<Self::Given, Error> {
        ReleaseOwned::try_now(self)
    }
}

/// How a wait ended.
pub(crate) enum Ended<T> {
    /// With what was asked for.
    Granted(T),
    /// Not within the time: nothing was taken, and the place is given up.
    TooLate(Failure),
    /// By a signal: the place is given up.
    Signalled(i32),
    /// By a revocation: the place is given up.
    Revoked,
    /// Because the extra descriptor became readable: the place is given up.
    Extra,
}

/// What a wait concerns and whom it tells.
pub(crate) struct Waiting<'a> {
    pub(crate) semaphore: &'a HostSemaphore,
    pub(crate) side: Side,
    pub(crate) units: u32,
    pub(crate) patience: &'a Patience,
    pub(crate) notes: &'a Notes,
    /// Ends the wait when it is readable.
    pub(crate) extra: Option<BorrowedFd<'a>>,
}

/// Holders that are named in one line; `status` names them all.
const NAMED: usize = 3;
/// The waiting line appears after this time, so that short waits do not flicker.
const UNNOTICED: Duration = Duration::from_millis(300);
const REDRAW: Duration = Duration::from_secs(1);

impl Waiting<'_> {
    /// Waits for the request that `make` makes; `queued` is told the position when it has to queue.
    pub(crate) fn run<R: Request>(
        &self,
        events: &mut Events,
        mut make: impl FnMut() -> R,
        mut queued: impl FnMut(Option<u32>),
    ) -> Result<Ended<R::Given>, Failure> {
        let began = Instant::now();
        if self.patience.try_now || self.patience.wait == Some(Duration::ZERO) {
            return match make().try_now() {
                Ok(given) => Ok(Ended::Granted(given)),
                Err(error) if error.kind() == ErrorKind::NotNow => {
                    Ok(Ended::TooLate(self.too_late("not now".to_owned())))
                }
                Err(error) => Err(error.into()),
            };
        }
        let mut request = make();
        // The usual case needs neither a waker nor a thread that calls it.
        if let Some(given) = ready(&mut request, Waker::noop())? {
            return Ok(Ended::Granted(given));
        }
        let deadline = self.patience.wait.and_then(|time| began.checked_add(time));
        let waker = events.waker();
        events.watch_revocation(self.semaphore);
        queued(request.position());
        self.notes.verbose(|| self.waiting_text(request.position(), began));
        let mut redraw = self.notes.can_show_waiting().then(|| began + UNNOTICED);
        loop {
            if let Some(given) = ready(&mut request, &waker)? {
                self.notes.verbose(|| format!("waited {} for `{}`", seconds(began.elapsed()), self.semaphore.name()));
                return Ok(self.over(Ended::Granted(given)));
            }
            let now = Instant::now();
            if self.semaphore.is_revoked() {
                return Ok(self.over(Ended::Revoked));
            }
            if deadline.is_some_and(|deadline| now >= deadline) {
                // First the place, lest the text count this one among those who wait.
                drop(request);
                return Ok(
                    self.over(Ended::TooLate(self.too_late(format!("timed out after {}", seconds(began.elapsed())))))
                );
            }
            if redraw.is_some_and(|at| now >= at) {
                self.notes.show_waiting(&self.waiting_text(request.position(), began));
                redraw = Some(now + REDRAW);
            }
            let seen = events.wait([deadline, redraw].into_iter().flatten().min(), self.extra)?;
            if seen.extra {
                return Ok(self.over(Ended::Extra));
            }
            for received in seen.signals {
                if received.signal == libc::SIGTSTP {
                    self.notes.wipe_waiting();
                    drop(request);
                    sys::stop_by(libc::SIGTSTP);
                    request = make();
                } else if !sys::is_harmless(received.signal) && !sys::is_ignored(received.signal) {
                    return Ok(self.over(Ended::Signalled(received.signal)));
                }
            }
        }
    }

    fn over<T>(&self, ended: Ended<T>) -> Ended<T> {
        self.notes.wipe_waiting();
        ended
    }

    /// `not now: asked for `1`, `build` has `0` of `1` free; held by 4711 (cargo test)`
    fn too_late(&self, how: String) -> Failure {
        let name = self.semaphore.name();
        let mut text = format!("{how}: asked for `{}`", self.units);
        // Why it was refused is good to know, and no reason to fail in another way.
        if let Ok(status) = self.semaphore.status() {
            let State { max_permits, available_permits, loose, waiting_acquirers, .. } = status.state;
            text += &match self.side {
                Side::Acquire => format!(", `{name}` has `{available_permits}` of `{max_permits}` free"),
                Side::Release => format!(", `{name}` has `{loose}` loose"),
            };
            if self.side == Side::Acquire && waiting_acquirers > 0 {
                text += &format!(", {waiting_acquirers} wait before");
            }
            text += &held_by(&status);
        }
        Failure::new(code::BUSY, text)
    }

    /// `waiting for `build`, position 2, 3 s; held by 4711 (cargo test), 4712 (make)`
    fn waiting_text(&self, position: Option<u32>, began: Instant) -> String {
        let mut text = format!("waiting for `{}`", self.semaphore.name());
        if let Some(position) = position {
            text += &format!(", position {position}");
        }
        text += &format!(", {} s", began.elapsed().as_secs());
        if let Ok(status) = self.semaphore.status() {
            text += &held_by(&status);
        }
        text
    }
}

/// `; held by 4711 (cargo test), 4712 (make), and 3 loose`; nothing if nothing is out.
fn held_by(status: &Status) -> String {
    let holder = |holder: &Holder| {
        let who = Who::from(&holder.who);
        format!("{} ({})", who.pid_text(), who.command)
    };
    let mut holders: Vec<_> = status.holders.iter().take(NAMED).map(holder).collect();
    if status.holders.len() > NAMED {
        holders.push(format!("{} more", status.holders.len() - NAMED));
    }
    if status.state.loose > 0 {
        holders.push(format!("nobody ({} loose, see `permits release`)", status.state.loose));
    }
    if holders.is_empty() { String::new() } else { format!("; held by {}", holders.join(", ")) }
}

/// This program, and not the command of a run, was asked to give up.
pub(crate) fn revoked(name: &str) -> Failure {
    Failure::new(code::LOST, format!("revoked while it waited for `{name}`"))
}

/// `0.3 s`
pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

fn ready<R: Request>(request: &mut R, waker: &Waker) -> Result<Option<R::Given>, Failure> {
    match Pin::new(request).poll(&mut Context::from_waker(waker)) {
        Poll::Ready(result) => Ok(Some(result?)),
        Poll::Pending => Ok(None),
    }
}
