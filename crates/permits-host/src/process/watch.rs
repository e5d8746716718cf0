//! The threads that notice deaths, while others wait.
//!
//! # The problem
//!
//! The kernel drops the lock of a process that dies, and notifies no other process. Waiters could look again
//! and again, but then an idle waiter would use the processor, and a thousand of them much of it.
//!
//! # The idea
//!
//! Two threads in each process in which a thread or task waits for longer than a moment, and none otherwise:
//!
//! - The *watch* sleeps in `poll`. If one of its own is the first or the second of a queue, it watches all
//!   participants: the kernel reports (inotify, `IN_CLOSE_WRITE`) when a process has closed the file, dead or
//!   not, in any PID namespace. Then it asks for the locks of all that hold something. The second does so
//!   too, since the first may be stopped. If its own waiters are behind others, it watches the processes
//!   right before them (pidfd), so that each is watched by the next one, and one death wakes one process, not
//!   a thousand. A process that passes a permit on notifies the new first of its place.
//! - The *bell* is there for tasks, which cannot sleep on a futex: it does, and calls their wakers.
//!
//! The watch has a table of descriptors of its own (`close_range(2)` with `CLOSE_RANGE_UNSHARE`): a program
//! may close all of its descriptors at any time, and give their numbers to other files.
//!
//! Where starts are spaced, the first acquirer may wait for the time alone. Its watch looks when that has
//! come, and serves it. A waiter that becomes the first is told so in any case, so its watch takes that over,
//! and those behind it sleep on.
//!
//! These are hints for when to look; the locks are the truth (see `life.rs`). Where a hint cannot be had
//! (another PID namespace, no inotify left, a kernel before 5.9), the watch looks ten times a second. And
//! since a process may be stopped or killed between its commit and the wakes that follow from it, and the
//! waiter in front may be stopped, each watch looks at everything now and then in any case: once a second for
//! the first two in line, every five seconds for the others.
//!
//! Most waits are shorter than all that. A thread sleeps for [`GRACE`] at first, and sets none of this in
//! motion if it is woken by then. Where permits go from hand to hand even the timer of that is too much (it
//! costs more than the rest of the hand-over), so after some such waits the watch goes on *patrol*: it looks
//! every [`PATROL`], and serves the waiters that it meets for the second time, and waiters set no timer. The
//! patrol ends when no new waiter has come between two rounds.
//!
//! A wait that no thread can serve ends with an error. This happens if looks fail again and again (the
//! program has closed its descriptors, and cannot open the file any more), if the file is damaged, and if one
//! of the two threads panics.

use crate::error::{Error, ErrorKind};
use crate::process::attachment::{Attachment, Probe};
#[cfg(doc)]
use crate::process::attendants::GRACE;
use crate::process::attendants::{LINGER, PATROL, Round};
use crate::process::descriptor::Descriptor;
use crate::process::life::{Life, Suspects};
use crate::process::sys::{self, pid_namespace};
use crate::protocol::layout::{self, seat, waiter};
use crate::protocol::waiter::Stage;
use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};
use std::time::{Duration, Instant};

/// How often the watches of the first two in line look without a hint.
const FIRST_LOOKS: Duration = Duration::from_secs(1);
/// How often the watches of the others do.
const OTHERS_LOOK: Duration = Duration::from_secs(5);
/// How often a watch looks that has no hints to wait for.
const BLIND_LOOKS: Duration = Duration::from_millis(100);
/// This many looks in a row, over at least [`FIRST_LOOKS`], must fail before waits end with the error.
const FAILED_LOOKS: u32 = 5;
/// When to look again after a hint that has led to no dead process: the kernel reports a file closed just
/// before it drops the locks.
const LOOKS_AFTER_HINT: [Duration; 5] = [
    Duration::from_micros(30),
    Duration::from_micros(100),
    Duration::from_micros(400),
    Duration::from_millis(2),
    Duration::from_millis(10),
];

/// The watch, as it goes about.
struct Watch {
    attachment: Arc<Attachment>,
    /// Readable when it is woken. A watch without descriptors of its own uses none, and looks by the clock.
    wakes: Option<OwnedFd>,
    probe: Probe,
    /// Readable when a process has closed the file. Once it was needed it stays until the watch ends: the
    /// kernel takes milliseconds to take it down.
    closes: Option<OwnedFd>,
    /// It is wanted.
    wants_closes: bool,
    /// Readable when a process has ended; nothing if the kernel cannot tell.
    ends: HashMap<Target, Option<OwnedFd>>,
    /// How many looks there were since the last hint.
    looks: usize,
    /// Since when, and how often in a row, a look has failed.
    failing: Option<(Instant, u32)>,
    /// When the file was last looked for by its name.
    checked: Instant,
}

/// The watch, until no thread or task has waited here for a while.
///
/// `probe` is a descriptor of the file in the table of the process, of which it takes a copy before it first
/// says that it is there.
pub(crate) fn run(attachment: &Arc<Attachment>, probe: Option<RawFd>) {
    // It uses none of the program's descriptors, which may be closed, and then be others.
    let kept = probe.and_then(|number| sys::own_descriptors(number).and_then(Descriptor::new).ok());
    let mut watch = Watch {
        wakes: kept.as_ref().and_then(|_| sys::wakes().ok()),
        // If the number was another file's by then, the copy is closed here, and the watch opens the file by
        // its path.
        probe: Probe::of(kept.filter(|kept| kept.identity() == attachment.file)),
        attachment: Arc::clone(attachment),
        closes: None,
        wants_closes: false,
        ends: HashMap::new(),
        looks: LOOKS_AFTER_HINT.len(),
        failing: None,
        checked: Instant::now(),
    };
    let (mut lingered, mut due) = (false, Instant::now());
    loop {
        match watch.attachment.attendants.round(lingered) {
            Round::End => return,
            Round::Idle { patrols } => {
                watch.wants_closes = false;
                watch.ends.clear();
                let woken = watch.wait(if patrols { PATROL } else { LINGER });
                lingered = !woken && !patrols;
                due = Instant::now();
            }
            Round::Look { numbers, patrols, news } => {
                lingered = false;
                if news || due <= Instant::now() {
                    due = Instant::now() + watch.look(&numbers);
                }
                let rest = due.saturating_duration_since(Instant::now());
                if watch.wait(if patrols { rest.min(PATROL) } else { rest }) {
                    due = Instant::now();
                }
            }
        }
    }
}

impl Watch {
    /// Looks after those of these numbers, and says when to do so again.
    fn look(&mut self, numbers: &[u16]) -> Duration {
        if self.checked.elapsed() >= FIRST_LOOKS {
            self.check_name();
        }
        let mut survey = self.survey(numbers);
        let before = std::mem::replace(&mut self.wants_closes, survey.first || survey.blind);
        if self.wants_closes && !before && self.wakes.is_some() {
            match &self.closes {
                Some(closes) => sys::drain(closes.as_fd()),
                None => {
                    let probe = self.attachment.probe(&self.probe).ok();
                    self.closes = probe.and_then(|probe| sys::watch_closes(probe.as_fd()).ok());
                }
            }
            // Whoever died before it was there, or while it was not looked at, is found by looking once more.
            survey = self.survey(numbers);
        }
        let rest = self.rest_after(&survey);
        self.looks += 1;
        // Whoever is first serves itself when its time has come (S1), and nobody else has to wake for it.
        survey.rest.map_or(rest, |next_start| rest.min(next_start))
    }

    /// When to look again for who may have died.
    fn rest_after(&self, survey: &Survey) -> Duration {
        let blind = survey.blind || (survey.first && self.closes.is_none());
        match LOOKS_AFTER_HINT.get(self.looks) {
            Some(&soon) => soon,
            None if blind => BLIND_LOOKS,
            None if survey.first => FIRST_LOOKS,
            None => OTHERS_LOOK,
        }
    }

    fn survey(&mut self, numbers: &[u16]) -> Survey {
        let survey = self.attachment.survey(numbers, &mut self.ends, &self.probe);
        let failed = survey.as_ref().err();
        if let Some(error) = patience(&mut self.failing, failed) {
            // A wait that nobody can look after must not last for ever.
            self.attachment.fail(numbers, error);
        }
        let survey = survey.unwrap_or_else(|_| Survey { blind: true, ..Survey::default() });
        if survey.found_dead {
            self.looks = 0;
        }
        survey
    }

    /// Waits for a wake or a hint, for `time` at most; whether there was one.
    fn wait(&mut self, time: Duration) -> bool {
        let Some(wakes) = &self.wakes else {
            std::thread::sleep(time.min(BLIND_LOOKS));
            return true;
        };
        let (targets, mut fds): (Vec<Target>, Vec<_>) =
            self.ends.iter().filter_map(|(target, fd)| Some((*target, fd.as_ref()?.as_fd()))).unzip();
        fds.push(wakes.as_fd());
        let closes = self.closes.as_ref().filter(|_| self.wants_closes);
        fds.extend(closes.map(AsFd::as_fd));
        let readable = sys::poll(&fds, time);
        drop(fds);
        sys::drain(wakes.as_fd());
        for (target, _) in targets.iter().zip(&readable).filter(|(_, readable)| **readable) {
            // It tells this once and for ever; should the process be found alive all the same, we look by the
            // clock.
            self.ends.insert(*target, None);
        }
        let closed = readable.get(targets.len() + 1) == Some(&true);
        if let Some(closes) = closes {
            sys::drain(closes.as_fd());
        }
        let hint = closed || readable[..targets.len()].contains(&true);
        if hint {
            self.looks = 0;
        }
        if closed {
            // It may have lost its name.
            self.check_name();
        }
        hint || readable[targets.len()]
    }

    fn check_name(&mut self) {
        self.checked = Instant::now();
        // An error shows itself to whoever waits.
        let _ = self.attachment.notice_gone(&self.probe);
    }
}

/// The error of a look, if it is time to end the waits with it: damage stays, and other errors may pass.
pub(super) fn patience<'e>(failing: &mut Option<(Instant, u32)>, error: Option<&'e Error>) -> Option<&'e Error> {
    let Some(error) = error else {
        *failing = None;
        return None;
    };
    let (since, looks) = failing.get_or_insert_with(|| (Instant::now(), 0));
    *looks += 1;
    let over = *looks >= FAILED_LOOKS && since.elapsed() >= FIRST_LOOKS;
    (error.kind() == ErrorKind::Damaged || over).then_some(error)
}

impl Attachment {
    /// Serves the waiters of this process: wakes those that are granted or refused, and takes back the
    /// permits of the dead that they wait for.
    fn survey(
        &self,
        numbers: &[u16],
        pidfds: &mut HashMap<Target, Option<OwnedFd>>,
        probe: &Probe,
    ) -> Result<Survey, Error> {
        let mut survey = Survey::default();
        let mut ahead = Vec::new();
        for &number in numbers {
            self.tell(number).store(waiter::WANTS_TO_KNOW, Ordering::SeqCst);
        }
        // Pairs with the SeqCst exchange of the root: see `tell_head`.
        fence(Ordering::SeqCst);
        for &number in numbers {
            match self.standing(number)? {
                Standing::Decided => {
                    sys::ring(self.waiter_bell(usize::from(number)));
                    sys::ring(self.seat_bell(self.seat));
                }
                Standing::First => survey.first = true,
                Standing::Behind { seat, generation, first } => {
                    survey.first |= first;
                    if seat != self.seat {
                        ahead.push((seat, generation));
                    }
                }
            }
        }
        let mut suspects = ahead.clone();
        suspects.extend(self.suspects(Suspects::InTheWay)?);
        suspects.sort_unstable();
        suspects.dedup();
        survey.found_dead = self.recover_dead(suspects, probe, |(seat, generation), life| {
            // The first is told of all ends but that of a command, which is not the one that has the file.
            if life == Life::Lives && !ahead.contains(&(seat, generation)) {
                return;
            }
            let target = Target { seat, generation, command: life == Life::CommandLives };
            survey.blind |= !self.aim(target, pidfds, probe);
            survey.targets.push(target);
        })?;
        pidfds.retain(|target, _| survey.targets.contains(target));
        let rest = self.serve_all()?;
        let (decider, heads) =
            self.look(|tx| Ok((tx.book.decider, [tx.book.acquirers.head, tx.book.releasers.head])))?;
        if let Some(decider) = decider.checked_sub(1) {
            self.wake_for(usize::from(decider));
        }
        // Who becomes the first after this is told, and looks again.
        survey.rest = rest.filter(|_| numbers.contains(&heads[0]));
        // Ours know it by now. Only after a death: two watches, each with the first of one side, would tell
        // each other for ever.
        for head in heads.into_iter().filter(|head| survey.found_dead && !numbers.contains(head)) {
            self.tell_head(usize::from(head));
        }
        Ok(survey)
    }

    /// Has the watch wait for the end of a process; `false` if the kernel cannot tell.
    fn aim(&self, target: Target, pidfds: &mut HashMap<Target, Option<OwnedFd>>, probe: &Probe) -> bool {
        let told = |word| self.store().word(layout::seat(target.seat, word)).load(Ordering::Relaxed);
        let pidfd = pidfds.entry(target).or_insert_with(|| {
            let pid = u32::try_from(told(if target.command { seat::COMMAND_PID } else { seat::PID })).unwrap_or(0);
            // A descriptor of the program's table may be closed at any time, and its number be another
            // file's.
            let here =
                sys::has_own_descriptors() && told(seat::PID_NAMESPACE) == pid_namespace() && pid_namespace() != 0;
            let pidfd = if here && pid > 1 { sys::pidfd(pid).ok() } else { None }?;
            // It lives after its number was looked up, so the number was not somebody else's.
            let life = self.life(target.seat, probe).ok()?;
            let expected = if target.command { Life::CommandLives } else { Life::Lives };
            (life == expected).then_some(pidfd)
        });
        pidfd.is_some()
    }

    /// How long it is until the next start may be; nothing if it may be now (S1).
    pub(crate) fn rest(&self) -> Result<Option<Duration>, Error> {
        self.look(|tx| {
            let spaced = tx.book.interval != 0;
            let rest = if spaced { tx.book.rest(sys::time_since_boot()) } else { 0 };
            Ok((rest > 0).then(|| Duration::from_nanos(rest)))
        })
    }

    fn standing(&self, number: u16) -> Result<Standing, Error> {
        self.look(|tx| {
            let who = tx.who(number)?;
            if who.stage != Stage::Queued {
                return Ok(Standing::Decided);
            }
            match tx.before(number, who.side)? {
                0 => Ok(Standing::First),
                before => {
                    let seat = tx.who(before)?.seat;
                    let first = tx.book.queue(who.side).head == before;
                    Ok(Standing::Behind { seat, generation: tx.status(seat)?.generation, first })
                }
            }
        })
    }

    /// One look after a waiter, by a thread that no watch could be started for. For how long it waits for the
    /// time alone, if it does.
    pub(crate) fn look_after(&self, number: u16) -> Result<Option<Duration>, Error> {
        self.survey(&[number], &mut HashMap::new(), &self.probe).map(|survey| survey.rest)
    }
}

/// The place of a waiter.
enum Standing {
    Decided,
    First,
    /// Behind a waiter of that seat and generation, who may be the first.
    Behind {
        seat: usize,
        generation: u32,
        first: bool,
    },
}

/// A process whose end is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Target {
    seat: usize,
    generation: u32,
    /// The command of the seat, whose own process has ended.
    command: bool,
}

#[derive(Debug, Default)]
struct Survey {
    /// One of ours is the first of a queue, or the second.
    first: bool,
    /// There is a participant whose end the kernel will not report by a pidfd.
    blind: bool,
    found_dead: bool,
    /// One of ours is the first acquirer, and the next start may be in so long (S1).
    rest: Option<Duration>,
    targets: Vec<Target>,
}
