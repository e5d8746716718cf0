//! Waiting in a queue of the semaphore, in a way that signals, a stop of the job, a revocation and time can end.
//!
//! The request is a future that is polled by hand: this program sleeps in one place, [`Events::wait`], for
//! the grant and for everything else.
//!
//! A job that is stopped (Ctrl-Z) gives up its place and queues again, at the end, when it is continued. Were
//! it to keep the place, it would be granted permits that it cannot use, and all waiters behind it would wait
//! for its shell.

use std::future::Future;
use std::os::fd::BorrowedFd;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use permits_host::{
    AcquireOwned, Error, ErrorKind, Holder, HostSemaphore, OwnedPermit, ReleaseOwned, Side, State, Status,
};

use crate::args::Patience;
use crate::end::End;
use crate::events::Events;
use crate::failure::{Failure, code};
use crate::out::Notes;
use crate::people::{self, Who};
use crate::place::Scene;
use crate::spacing;
use crate::sys;

/// A request that queues: for permits, or to give loose ones back.
trait Request: Future<Output = Result<Self::Given, Error>> + Unpin {
    /// What is had when it is granted.
    type Given;
    /// Place in the queue, 1 for the first.
    fn position(&self) -> Option<u32>;
    /// Grants it now or not at all.
    fn try_now(self) -> Result<Self::Given, Error>;
}

impl Request for AcquireOwned {
    type Given = OwnedPermit;

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

/// Why a wait ended without a grant. No permit was acquired or released, and the place in the queue is given up.
pub(crate) enum Ungranted {
    /// Not within the time.
    TooLate(Failure),
    /// By a signal.
    Signalled(i32),
    /// By a revocation.
    Revoked(Failure),
    /// The semaphore was removed after it was opened, and before this had a place in the queue: the next one of that
    /// name is as good.
    Gone(Failure),
    /// By an error, or because the process for which it waited has ended.
    Failed(Failure),
}

impl Ungranted {
    /// The end of a program that has nothing else to do.
    pub(crate) fn end(self) -> Result<End, Failure> {
        match self {
            Ungranted::Signalled(signal) => Ok(End::Signal(signal)),
            Ungranted::TooLate(failure)
            | Ungranted::Revoked(failure)
            | Ungranted::Gone(failure)
            | Ungranted::Failed(failure) => Err(failure),
        }
    }
}

impl<E: Into<Failure>> From<E> for Ungranted {
    fn from(error: E) -> Self {
        Ungranted::Failed(error.into())
    }
}

/// A wait that is about to begin: for what, how long, and whom it tells.
pub(crate) struct Waiting<'a> {
    notes: &'a Notes,
    semaphore: &'a HostSemaphore,
    units: u32,
    patience: &'a Patience,
    process: Option<(i32, BorrowedFd<'a>)>,
}

/// Holders that are named in one line; `status` names them all.
const NAMED: usize = 3;
/// The waiting line appears after this time, so that short waits do not flicker.
pub(crate) const UNNOTICED: Duration = Duration::from_millis(300);
pub(crate) const REDRAW: Duration = Duration::from_secs(1);

impl<'a> Waiting<'a> {
    pub(crate) fn new(scene: Scene<'a>, semaphore: &'a HostSemaphore, units: u32, patience: &'a Patience) -> Self {
        Waiting { notes: scene.notes, semaphore, units, patience, process: None }
    }

    /// Ends the wait when this process ends.
    pub(crate) fn while_alive(self, pid: i32, pidfd: BorrowedFd<'a>) -> Self {
        Waiting { process: Some((pid, pidfd)), ..self }
    }

    /// Waits for permits; `queued` is told the position when it has to queue.
    pub(crate) fn acquire(
        &self,
        events: &mut Events,
        queued: impl FnMut(Option<u32>),
    ) -> Result<OwnedPermit, Ungranted> {
        let permit = self.run(Side::Acquire, events, || self.semaphore.acquire_many_owned(self.units), queued)?;
        // Frozen while it waited, it is granted before it sees that a newer run has replaced it. Its command has not
        // started yet, and would do stale work after the newer one's. The permit is returned by its drop.
        if self.semaphore.is_superseded() { Err(self.revoked()) } else { Ok(permit) }
    }

    /// Waits until as many are loose, and gives them back.
    pub(crate) fn release(&self, events: &mut Events) -> Result<(), Ungranted> {
        self.run(Side::Release, events, || self.semaphore.release_many_owned(self.units), |_| ())
    }

    fn run<R: Request>(
        &self,
        side: Side,
        events: &mut Events,
        make: impl FnMut() -> R,
        queued: impl FnMut(Option<u32>),
    ) -> Result<R::Given, Ungranted> {
        let ended = self.queue(side, events, make, queued);
        self.notes.wipe_waiting();
        ended
    }

    fn queue<R: Request>(
        &self,
        side: Side,
        events: &mut Events,
        mut make: impl FnMut() -> R,
        mut queued: impl FnMut(Option<u32>),
    ) -> Result<R::Given, Ungranted> {
        let began = Instant::now();
        if self.semaphore.is_revoked() {
            return Err(self.revoked());
        }
        if self.patience.try_now || self.patience.wait == Some(Duration::ZERO) {
            return make().try_now().map_err(|error| match error.kind() {
                ErrorKind::NotNow => Ungranted::TooLate(self.too_late(side, "not now".to_owned())),
                _ => at_once(error),
            });
        }
        let mut request = make();
        // The usual case needs neither a waker nor a thread that calls it.
        if let Some(given) = ready(&mut request, Waker::noop()).map_err(at_once)? {
            return Ok(given);
        }
        let deadline = self.patience.wait.and_then(|time| began.checked_add(time));
        let waker = events.waker();
        events.watch_revocation(self.semaphore);
        queued(request.position());
        self.notes.verbose(|| self.waiting_text(side, request.position(), began));
        let mut redraw = self.notes.can_show_waiting().then(|| began + UNNOTICED);
        loop {
            if let Some(given) = ready(&mut request, &waker)? {
                self.notes.verbose(|| format!("waited {} for `{}`", seconds(began.elapsed()), self.semaphore.name()));
                return Ok(given);
            }
            let now = Instant::now();
            if self.semaphore.is_revoked() {
                return Err(self.revoked());
            }
            if deadline.is_some_and(|deadline| now >= deadline) {
                // First the place, lest the text count this one among those who wait.
                drop(request);
                let how = format!("timed out after {}", seconds(began.elapsed()));
                return Err(Ungranted::TooLate(self.too_late(side, how)));
            }
            if redraw.is_some_and(|at| now >= at) {
                self.notes.show_waiting(&self.waiting_text(side, request.position(), began));
                redraw = Some(now + REDRAW);
            }
            let seen =
                events.wait([deadline, redraw].into_iter().flatten().min(), self.process.map(|(_, pidfd)| pidfd))?;
            if let Some((pid, _)) = self.process.filter(|_| seen.extra) {
                let text = format!("process `{pid}` ended before `{}` was free", self.semaphore.name());
                return Err(Failure::new(code::UNAVAILABLE, text).into());
            }
            for received in seen.signals {
                if received.signal == libc::SIGTSTP {
                    self.notes.wipe_waiting();
                    drop(request);
                    sys::stop_by(libc::SIGTSTP);
                    request = make();
                } else if !sys::is_harmless(received.signal) && !sys::is_ignored(received.signal) {
                    return Err(Ungranted::Signalled(received.signal));
                }
            }
        }
    }

    /// `superseded by 4711 (nightly) while waiting for `build``
    fn revoked(&self) -> Ungranted {
        let text = format!("{} while waiting for `{}`", people::revocation(self.semaphore), self.semaphore.name());
        Ungranted::Revoked(Failure::new(code::LOST, text))
    }

    /// `not now: asked for `1`, `build` has `0` of `1` free; held by 4711 (cargo test)`
    fn too_late(&self, side: Side, how: String) -> Failure {
        let name = self.semaphore.name();
        let mut text = format!("{how}: asked for `{}`", self.units);
        // Why it was refused is good to know, and no reason to fail in another way.
        if let Ok(status) = self.semaphore.status() {
            let State { max_permits, available_permits, loose, waiting_acquirers, .. } = status.state;
            text += &match side {
                Side::Acquire => format!(", `{name}` has `{available_permits}` of `{max_permits}` free"),
                Side::Release => format!(", `{name}` has `{loose}` loose"),
            };
            if side == Side::Acquire && waiting_acquirers > 0 {
                text += &format!(", {waiting_acquirers} ahead in the queue");
            }
            if let (Side::Acquire, Some(_)) = (side, status.next_start) {
                text += &format!("; {}", spacing::text(status.interval, status.next_start).unwrap_or_default());
            }
            text += &held_by(&status);
        }
        Failure::new(code::BUSY, text)
    }

    /// `waiting for `build`, position 2, 3 s; held by 4711 (cargo test), 4712 (make)`
    fn waiting_text(&self, side: Side, position: Option<u32>, began: Instant) -> String {
        let mut text = format!("waiting for `{}`", self.semaphore.name());
        if let Some(position) = position {
            text += &format!(", position {position}");
        }
        text += &format!(", {} s", began.elapsed().as_secs());
        if let Ok(status) = self.semaphore.status() {
            let State { next_acquirer, available_permits, .. } = status.state;
            text += &match status.next_start {
                // Nobody has what the first waits for.
                Some(_) if side == Side::Acquire && next_acquirer <= available_permits => {
                    format!("; {}", spacing::text(status.interval, status.next_start).unwrap_or_default())
                }
                _ => held_by(&status),
            };
        }
        text
    }
}

/// `; held by 4711 (cargo test), 4712 (make), 3 loose (see `permits release`)`; nothing if nothing is out.
pub(crate) fn held_by(status: &Status) -> String {
    let holder = |holder: &Holder| {
        let who = Who::from(&holder.who);
        format!("{} ({})", who.pid_text(), who.command)
    };
    let mut holders: Vec<_> = status.holders.iter().take(NAMED).map(holder).collect();
    if status.holders.len() > NAMED {
        holders.push(format!("{} more", status.holders.len() - NAMED));
    }
    if status.state.loose > 0 {
        let loose = format!("{} loose (see `permits release`)", status.state.loose);
        return if holders.is_empty() {
            format!("; {loose}")
        } else {
            format!("; held by {}, {loose}", holders.join(", "))
        };
    }
    if holders.is_empty() { String::new() } else { format!("; held by {}", holders.join(", ")) }
}

/// `0.3 s`
pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// Why a request failed that has had no place in the queue.
fn at_once(error: Error) -> Ungranted {
    if error.kind() == ErrorKind::Gone { Ungranted::Gone(error.into()) } else { error.into() }
}

fn ready<R: Request>(request: &mut R, waker: &Waker) -> Result<Option<R::Given>, Error> {
    match Pin::new(request).poll(&mut Context::from_waker(waker)) {
        Poll::Ready(result) => Ok(Some(result?)),
        Poll::Pending => Ok(None),
    }
}
