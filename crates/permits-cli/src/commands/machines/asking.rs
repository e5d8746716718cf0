//! Asking machines for permits, in a way that signals, a stop of the job and time can end: as `waiting` does on this
//! host.

use std::error::Error as _;
use std::future::Future;
use std::os::fd::BorrowedFd;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use permits::limit::Wait;
use permits_etcd::{Call, Error, ErrorKind, EtcdPermit, EtcdSemaphore, Status};

use crate::args::{EngineLoss, Machines, Patience};
use crate::events::Events;
use crate::failure::{Failure, code};
use crate::out::Notes;
use crate::place::Scene;
use crate::sys;
use crate::waiting::{REDRAW, UNNOTICED, Ungranted, held_by, seconds};

type Asked<T> = Pin<Box<dyn Future<Output = Result<T, Error>>>>;

/// A request that is about to be made.
pub(crate) struct Asking<'a> {
    notes: &'a Notes,
    address: &'a str,
    semaphore: &'a EtcdSemaphore,
    units: u32,
    patience: &'a Patience,
    process: Option<(i32, BorrowedFd<'a>)>,
    /// It ends when no server answers, instead of waiting for one.
    needs_a_server: bool,
}

impl<'a> Asking<'a> {
    pub(crate) fn new(
        scene: Scene<'a>,
        address: &'a str,
        semaphore: &'a EtcdSemaphore,
        units: u32,
        patience: &'a Patience,
    ) -> Self {
        Asking { notes: scene.notes, address, semaphore, units, patience, process: None, needs_a_server: false }
    }

    /// Ends the wait when this process ends.
    pub(crate) fn while_alive(self, pid: i32, pidfd: BorrowedFd<'a>) -> Self {
        Asking { process: Some((pid, pidfd)), ..self }
    }

    /// What the wait does while no server answers.
    pub(crate) fn on_engine_loss(self, machines: &Machines) -> Self {
        Asking { needs_a_server: machines.on_engine_loss == Some(EngineLoss::Fail), ..self }
    }

    /// Waits for permits; `queued` is called when it has to queue. Its place is not known: it is one of etcd's keys.
    pub(crate) fn acquire(
        &self,
        events: &mut Events,
        queued: impl FnMut(Option<u32>),
    ) -> Result<EtcdPermit, Ungranted> {
        self.run(events, || self.semaphore.acquire_many(self.units), queued, "free")
    }

    /// Waits until as many are loose, and gives them back.
    pub(crate) fn release(&self, events: &mut Events) -> Result<(), Ungranted> {
        self.run(events, || self.semaphore.release_many(self.units), |_| (), "loose")
    }

    fn run<R: Wait>(
        &self,
        events: &mut Events,
        make: impl FnMut() -> R,
        queued: impl FnMut(Option<u32>),
        what: &str,
    ) -> Result<R::Granted, Ungranted> {
        let ended = self.ask(events, make, queued, what);
        self.notes.wipe_waiting();
        ended
    }

    fn ask<R: Wait>(
        &self,
        events: &mut Events,
        mut make: impl FnMut() -> R,
        mut queued: impl FnMut(Option<u32>),
        what: &str,
    ) -> Result<R::Granted, Ungranted> {
        let began = Instant::now();
        let is_try = self.patience.try_now || self.patience.wait == Some(Duration::ZERO);
        let deadline = self.patience.wait.filter(|_| !is_try).and_then(|time| began.checked_add(time));
        let start = |request: R| -> (Asked<R::Granted>, Asked<()>) {
            let late = request.timed_out();
            // It is over when nothing of the request is left at the servers.
            let settled = Box::pin(async move {
                late.await;
                Ok(())
            });
            if is_try { (Box::pin(request.try_now()), settled) } else { (Box::pin(request.into_future()), settled) }
        };
        let (mut request, mut settled) = start(make());
        let waker = events.waker();
        let mut line = Line { text: String::new(), reading: None, trouble: None };
        let mut next = Some(began + UNNOTICED);
        let mut is_queued = false;
        loop {
            match request.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(Ok(given)) => {
                    if is_queued {
                        self.notes.verbose(|| format!("waited {} for `{}`", seconds(began.elapsed()), self.address));
                    }
                    return Ok(given);
                }
                Poll::Ready(Err(error)) if error.kind() == ErrorKind::NotNow => {
                    return Err(Ungranted::TooLate(self.too_late("not now", what)));
                }
                Poll::Ready(Err(error)) if error.kind() == ErrorKind::Lost => {
                    let failure = Failure::of_machines(error, self.address);
                    return Err(Ungranted::Revoked(failure));
                }
                // One that had no place yet comes to the next semaphore of that name, as on a host.
                Poll::Ready(Err(error)) if error.kind() == ErrorKind::Gone && error.source().is_none() => {
                    return Err(Ungranted::Gone(Failure::of_machines(error, self.address)));
                }
                Poll::Ready(Err(error)) => return Err(Failure::of_machines(error, self.address).into()),
                Poll::Pending => {}
            }
            let now = Instant::now();
            if deadline.is_some_and(|deadline| now >= deadline) {
                drop(request);
                let _ = permits::blocking::block_on(settled);
                let how = format!("timed out after {}", seconds(began.elapsed()));
                return Err(Ungranted::TooLate(self.too_late(&how, what)));
            }
            if !is_try && next.is_some_and(|at| now >= at) {
                if !std::mem::replace(&mut is_queued, true) {
                    queued(None);
                    self.notes.verbose(|| format!("waiting for `{}`", self.address));
                }
                line.reading.get_or_insert_with(|| self.semaphore.status());
                next = Some(now + REDRAW);
            }
            let is_new = line.look(&mut Context::from_waker(&waker), self.notes);
            if let Some(error) = line.trouble.take().filter(|error| error.kind() == ErrorKind::Unreachable)
                && self.needs_a_server
            {
                return Err(Failure::of_machines(error, self.address).into());
            }
            if is_new && self.notes.can_show_waiting() {
                let waits = began.elapsed().as_secs();
                self.notes.show_waiting(&format!("waiting for `{}`, {waits} s{}", self.address, line.text));
            }
            let seen =
                events.wait([deadline, next].into_iter().flatten().min(), self.process.map(|(_, pidfd)| pidfd))?;
            if let Some((pid, _)) = self.process.filter(|_| seen.extra) {
                let text = format!("process `{pid}` ended before `{}` was free", self.address);
                return Err(Failure::new(code::UNAVAILABLE, text).into());
            }
            for received in seen.signals {
                if received.signal == libc::SIGTSTP {
                    self.notes.wipe_waiting();
                    drop(request);
                    // A stopped program can send nothing: its place would be in the way until its lease ends.
                    let _ = permits::blocking::block_on(settled);
                    sys::stop_by(libc::SIGTSTP);
                    (request, settled) = start(make());
                } else if !sys::is_harmless(received.signal) && !sys::is_ignored(received.signal) {
                    return Err(Ungranted::Signalled(received.signal));
                }
            }
        }
    }

    /// `not now: asked for `1`, `etcd://…/build` has `0` of `1` free; held by web-1:4711 (cargo test)`
    fn too_late(&self, how: &str, what: &str) -> Failure {
        let mut text = format!("{how}: asked for `{}`", self.units);
        // Why it was refused is good to know, and no reason to fail in another way.
        if let Ok(status) = self.semaphore.status().wait() {
            let state = &status.state;
            text += &match what {
                "free" => {
                    format!(", `{}` has `{}` of `{}` free", self.address, state.available_permits, state.max_permits)
                }
                _ => format!(", `{}` has `{}` loose", self.address, state.loose),
            };
            if what == "free" && state.waiting_acquirers > 0 {
                text += &format!(", {} ahead in the queue", state.waiting_acquirers);
            }
            text += &held_by(&status);
        }
        Failure::new(code::BUSY, text)
    }
}

/// What the waiting line says beside the time, read from the servers while the wait goes on.
struct Line {
    text: String,
    reading: Option<Call<Status>>,
    /// Why the last reading has failed.
    trouble: Option<Error>,
}

impl Line {
    /// Whether there is something new to show.
    fn look(&mut self, context: &mut Context<'_>, notes: &Notes) -> bool {
        let Some(reading) = &mut self.reading else { return false };
        let Poll::Ready(read) = Pin::new(reading).poll(context) else { return false };
        self.reading = None;
        let text = match read {
            Ok(status) => held_by(&status),
            Err(error) => {
                let text = format!("; {error}");
                self.trouble = Some(error);
                text
            }
        };
        let is_new_trouble = text.contains("no server answered") && !self.text.contains("no server answered");
        if is_new_trouble && !notes.can_show_waiting() {
            notes.warn(&format!("waiting until a server answers{text}"));
        }
        self.text = text;
        true
    }
}
