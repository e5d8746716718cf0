//! Who notices that somebody has died, while others wait.
//!
//! # The problem
//!
//! The kernel drops the lock of a process that dies, and tells nobody. Who waits could look again and again, and an idle waiter would
//! use the processor, a thousand of them much of it.
//!
//! # The idea
//!
//! Two threads of each process that has somebody waiting for longer than a moment, and none otherwise:
//!
//! - The *watch* sleeps in `poll`. If one of its own is the first or the second of a queue, it watches everybody: the kernel reports (inotify,
//!   `IN_CLOSE_WRITE`) when a process has let go of the file, dead or not, in whatever PID namespace. Then it asks for the locks of all that
//!   hold something. The second does so too, as the first may be stopped. If its own stand behind others, it watches the processes right before them (pidfd), so that each is watched by the next one, and
//!   one death wakes one process, not a thousand. Whoever passes a permit on tells the new first that it is the first now.
//! - The *bell* is there for tasks, which cannot sleep on a futex: it does, and calls their wakers.
//!
//! The watch has a table of descriptors of its own (`close_range(2)`, `CLOSE_RANGE_UNSHARE`): a program may close all of its descriptors at any
//! time, and give their numbers to other files.
//!
//! These are hints for when to look; the locks are the truth (see `attach.rs`). Where a hint cannot be had (another PID namespace, no
//! inotify left, a kernel before 5.9), the watch looks ten times a second. And since whoever was to wake somebody may have been stopped or
//! killed between its commit and the wake, and whoever is in front may be stopped, each watch looks at everything now and then in any case: once
//! a second for the first two in line, every five seconds for the others.
//!
//! A thread that waits for less than [`GRACE`] sets none of this in motion.

use crate::acts::{Stage, Who};
use crate::attach::{Attachment, Life, Probe, locked, pid_namespace};
use crate::crash::{Point, point};
use crate::error::{Error, ErrorKind};
use crate::layout::{self, seat, waiter};
use crate::sys::{self, SignalsBlocked};
use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{Ordering, fence};
use std::sync::{Arc, Mutex};
use std::task::Waker;
use std::time::{Duration, Instant};

/// How long one waits before anybody is watched: a permit that is handed from hand to hand comes sooner.
pub(crate) const GRACE: Duration = Duration::from_millis(1);
/// How long the threads stay when nobody waits any more, in case that somebody does again.
const LINGER: Duration = Duration::from_millis(200);
/// How often the watches of the first two in line look without a hint.
const FIRST_LOOKS: Duration = Duration::from_secs(1);
/// How often the watches of the others do.
const OTHERS_LOOK: Duration = Duration::from_secs(5);
/// How often a watch looks that has no hints to wait for.
const BLIND_LOOKS: Duration = Duration::from_millis(100);
/// When to look again after a hint that has led to nobody dead: the kernel reports a file closed just before it drops the locks.
const LOOKS_AFTER_HINT: [Duration; 5] = [
    Duration::from_micros(30),
    Duration::from_micros(100),
    Duration::from_micros(400),
    Duration::from_millis(2),
    Duration::from_millis(10),
];
const STACK: usize = 256 * 1024;

/// The threads that look after those who wait in this process, and whom they look after.
#[derive(Debug, Default)]
pub(crate) struct Attendants {
    locals: Mutex<Locals>,
}

#[derive(Debug, Default)]
struct Locals {
    waiting: HashMap<u16, Local>,
    /// The thread of the watch, while it runs; 0 while it has not looked at these for the first time.
    watch: Option<i32>,
    bell_runs: bool,
    /// The bell sleeps until it is rung.
    bell_sleeps: bool,
    /// The handle is gone.
    stop: bool,
}

#[derive(Debug)]
struct Local {
    /// Of a task that is not woken yet.
    waker: Option<Waker>,
    is_task: bool,
    since: Instant,
    /// The watch looks after it.
    watched: bool,
}

impl Attachment {
    /// Has the watch look after a thread that waits. `false` if there can be no watch: then the thread has to look itself.
    pub(crate) fn watch_thread(self: &Arc<Self>, number: u16) -> bool {
        let mut locals = locked(&self.attendants.locals);
        let local = Local { waker: None, is_task: false, since: Instant::now(), watched: true };
        locals.waiting.insert(number, local);
        let watched = self.wake_watch(&mut locals).is_ok();
        drop(locals);
        point(Point::Watching);
        watched
    }

    /// Has the bell wake a task.
    pub(crate) fn watch_task(self: &Arc<Self>, number: u16, waker: &Waker) -> Result<(), Error> {
        let mut locals = locked(&self.attendants.locals);
        let mut ring = false;
        // What is dropped is dropped after the lock: it is foreign code.
        let _before = match locals.waiting.get_mut(&number) {
            Some(local) if local.waker.as_ref().is_some_and(|before| before.will_wake(waker)) => None,
            Some(local) => local.waker.replace(waker.clone()),
            None => {
                let local = Local { waker: Some(waker.clone()), is_task: true, since: Instant::now(), watched: false };
                locals.waiting.insert(number, local);
                ring = std::mem::take(&mut locals.bell_sleeps);
                None
            }
        };
        if !locals.bell_runs {
            let attachment = Arc::clone(self);
            spawn("permits-bell", move || attachment.run_bell())
                .map_err(|error| Error::system("cannot start a thread that wakes tasks", error))?;
            locals.bell_runs = true;
        }
        drop(locals);
        if ring {
            sys::ring(self.seat_bell(self.seat));
        }
        Ok(())
    }

    /// Looks after a waiter no more.
    pub(crate) fn unwatch(&self, number: u16) {
        let local = locked(&self.attendants.locals).waiting.remove(&number);
        drop(local);
    }

    /// The watch looks anew, since a thread has been told something.
    pub(crate) fn look_anew(self: &Arc<Self>) {
        let mut locals = locked(&self.attendants.locals);
        // Without a watch the thread looks by itself.
        let _ = self.wake_watch(&mut locals);
    }

    /// Ends the threads.
    pub(crate) fn dismiss(&self) {
        let mut locals = locked(&self.attendants.locals);
        locals.stop = true;
        wake(&locals);
        let bell_runs = locals.bell_runs;
        drop(locals);
        if bell_runs {
            sys::ring(self.seat_bell(self.seat));
        }
    }

    fn wake_watch(self: &Arc<Self>, locals: &mut Locals) -> Result<(), std::io::Error> {
        if !wake(locals) {
            let attachment = Arc::clone(self);
            spawn("permits-watch", move || attachment.run_watch())?;
            locals.watch = Some(0);
        }
        Ok(())
    }

    fn run_bell(self: Arc<Self>) {
        let bell = self.seat_bell(self.seat);
        loop {
            // SeqCst: read before the stages; who changes a stage rings after it.
            let value = bell.load(Ordering::SeqCst);
            let Some((wakers, sleep)) = self.bell_round() else { return };
            for waker in wakers {
                // A waker that panics is no reason to wake nobody after it.
                let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
            }
            sys::futex_wait(bell, value, sleep);
        }
    }

    /// Whom to wake, and for how long to sleep then; nothing if nobody is left to wake.
    fn bell_round(self: &Arc<Self>) -> Option<(Vec<Waker>, Option<Duration>)> {
        let mut locals = locked(&self.attendants.locals);
        let now = Instant::now();
        let (mut wakers, mut sleep, mut changed, mut tasks) = (Vec::new(), None::<Duration>, false, 0);
        for (&number, local) in locals.waiting.iter_mut().filter(|(_, local)| local.is_task) {
            tasks += 1;
            if self.stage(number) != Some(Stage::Queued) {
                wakers.extend(local.waker.take());
            } else if local.watched {
                // The ring may have been to tell it that it is the first: then `TELL` is 0.
                changed |= self.tell(number).load(Ordering::SeqCst) == 0;
            } else {
                let rest = GRACE.saturating_sub(now - local.since);
                if rest.is_zero() {
                    local.watched = true;
                    changed = true;
                } else {
                    sleep = Some(sleep.map_or(rest, |sleep| sleep.min(rest)));
                }
            }
        }
        if changed {
            // If no watch can be started now, the next round tries again.
            let _ = self.wake_watch(&mut locals);
        }
        if tasks == 0 {
            if locals.stop || locals.bell_sleeps {
                locals.bell_runs = false;
                locals.bell_sleeps = false;
                return None;
            }
            sleep = Some(LINGER);
        }
        locals.bell_sleeps = sleep.is_none() || tasks == 0;
        Some((wakers, sleep))
    }

    fn tell(&self, number: u16) -> &std::sync::atomic::AtomicU64 {
        self.store().word(layout::waiter(usize::from(number), waiter::TELL))
    }

    fn stage(&self, number: u16) -> Option<Stage> {
        let who = self.store().peek(layout::waiter(usize::from(number), waiter::WHO));
        Who::unpack(who).ok().map(|who| who.stage)
    }

    fn run_watch(self: Arc<Self>) {
        // Without descriptors of its own it uses none, and looks by the clock: those of the program may be closed, and then be others.
        let wakes = sys::own_descriptors().and_then(|()| sys::wakes()).ok();
        let probe = Probe::default();
        let mut closes = None;
        let mut pidfds = HashMap::new();
        let mut hints = LOOKS_AFTER_HINT.len();
        let mut lingered = false;
        let mut checked = Instant::now();
        loop {
            let numbers = {
                let mut locals = locked(&self.attendants.locals);
                let numbers: Vec<u16> =
                    locals.waiting.iter().filter(|(_, local)| local.watched).map(|(&number, _)| number).collect();
                if locals.stop || (numbers.is_empty() && lingered) {
                    locals.watch = None;
                    break;
                }
                locals.watch = Some(sys::thread());
                numbers
            };
            if numbers.is_empty() {
                // The instance is one of few that a user can have.
                closes = None;
                lingered = !wait_for(&wakes, LINGER);
                continue;
            }
            lingered = false;
            if checked.elapsed() >= FIRST_LOOKS {
                checked = Instant::now();
                if !self.place.is_current(self.file) {
                    // An error shows itself to whoever waits.
                    let _ = self.declare_gone();
                }
            }
            let survey = match self.survey(&numbers, &mut pidfds, &probe) {
                Ok(survey) => survey,
                Err(_) => {
                    self.ring_all(&numbers);
                    Survey { first: false, blind: true, found_dead: false, targets: Vec::new() }
                }
            };
            if survey.found_dead {
                hints = 0;
            }
            let Some(wakes) = &wakes else {
                std::thread::sleep(BLIND_LOOKS);
                continue;
            };
            let wants_closes = survey.first || survey.blind;
            if !wants_closes {
                closes = None;
            } else if closes.is_none() {
                closes = self.probe(&probe).ok().and_then(|probe| sys::watch_closes(probe.as_fd()).ok());
                if closes.is_some() {
                    // Whoever died before is found by looking once more.
                    continue;
                }
            }
            let rest = match LOOKS_AFTER_HINT.get(hints) {
                Some(&soon) => soon,
                None if survey.blind || (survey.first && closes.is_none()) => BLIND_LOOKS,
                None if survey.first => FIRST_LOOKS,
                None => OTHERS_LOOK,
            };
            hints += 1;
            let mut fds = vec![wakes.as_fd()];
            fds.extend(closes.as_ref().map(AsFd::as_fd));
            fds.extend(survey.targets.iter().filter_map(|key| pidfds.get(key)).flatten().map(AsFd::as_fd));
            let readable = sys::poll(&fds, rest);
            drop(fds);
            let ends = readable.len() - survey.targets.iter().filter(|target| has_fd(&pidfds, target)).count();
            let with_fd = survey.targets.iter().filter(|target| has_fd(&pidfds, target)).copied().collect::<Vec<_>>();
            for (target, _) in with_fd.iter().zip(&readable[ends..]).filter(|(_, readable)| **readable) {
                // It tells this once and for ever; should the process be found alive all the same, we look by the clock.
                pidfds.insert(*target, None);
            }
            sys::drain(wakes.as_fd());
            if let Some(closes) = &closes {
                sys::drain(closes.as_fd());
            }
            if readable[1..].iter().any(|&readable| readable) {
                hints = 0;
                // A name that was lost is a hint of its own.
                if !self.place.is_current(self.file) {
                    let _ = self.declare_gone();
                }
            }
        }
    }

    /// Whoever waits finds the same error when it looks for itself.
    fn ring_all(&self, numbers: &[u16]) {
        for &number in numbers {
            sys::ring(self.waiter_bell(usize::from(number)));
        }
        sys::ring(self.seat_bell(self.seat));
    }

    /// Looks after those who wait here: wakes those who are granted or refused, and takes back what the dead held whom they wait for.
    fn survey(
        &self,
        numbers: &[u16],
        pidfds: &mut HashMap<Target, Option<OwnedFd>>,
        probe: &Probe,
    ) -> Result<Survey, Error> {
        let mut survey = Survey::default();
        let mut ahead = Vec::new();
        for &number in numbers {
            self.tell(number).store(1, Ordering::SeqCst);
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
        suspects.extend(self.holders()?);
        suspects.sort_unstable();
        suspects.dedup();
        for (seat, generation) in suspects {
            match self.life(seat, probe)? {
                Life::Dead => {
                    self.recover(seat, generation)?;
                    survey.found_dead = true;
                }
                // The first is told of all ends but that of a command, which is not the one that has the file.
                Life::Lives if !ahead.contains(&(seat, generation)) => {}
                life => {
                    let target = Target { seat, generation, command: life == Life::CommandLives };
                    survey.blind |= !self.aim(target, pidfds, probe);
                    survey.targets.push(target);
                }
            }
        }
        pidfds.retain(|target, _| survey.targets.contains(target));
        let wakes = self.serve()?;
        self.dispatch(wakes)?;
        Ok(survey)
    }

    /// Has the watch wait for the end of a process; `false` if the kernel cannot tell.
    fn aim(&self, target: Target, pidfds: &mut HashMap<Target, Option<OwnedFd>>, probe: &Probe) -> bool {
        let told = |word| self.store().word(layout::seat(target.seat, word)).load(Ordering::Relaxed);
        let pidfd = pidfds.entry(target).or_insert_with(|| {
            let pid = u32::try_from(told(if target.command { seat::COMMAND_PID } else { seat::PID })).unwrap_or(0);
            let here = told(seat::PID_NAMESPACE) == pid_namespace() && pid_namespace() != 0;
            let pidfd = if here && pid > 1 { sys::pidfd(pid).ok() } else { None }?;
            // It lives after its number was looked up, so the number was not somebody else's.
            let life = self.life(target.seat, probe).ok()?;
            let expected = if target.command { Life::CommandLives } else { Life::Lives };
            (life == expected).then_some(pidfd)
        });
        pidfd.is_some()
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

    /// One look after a waiter, by a thread that no watch could be started for.
    pub(crate) fn look_after(&self, number: u16) -> Result<(), Error> {
        match self.survey(&[number], &mut HashMap::new(), &self.probe) {
            Err(error) if error.kind() != ErrorKind::Exhausted => Err(error),
            _ => Ok(()),
        }
    }
}

/// Where somebody stands.
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
    /// There is somebody whose end the kernel will not tell of by a pidfd.
    blind: bool,
    found_dead: bool,
    targets: Vec<Target>,
}

/// Wakes the watch, if there is one.
fn wake(locals: &Locals) -> bool {
    // It is there as long as it says so, under the lock that the caller has. One that has not said where has not looked yet.
    if let Some(thread @ 1..) = locals.watch {
        sys::wake_thread(thread);
    }
    locals.watch.is_some()
}

/// Waits for a wake, for `time` at most; whether there was one.
fn wait_for(wakes: &Option<OwnedFd>, time: Duration) -> bool {
    let Some(wakes) = wakes else {
        std::thread::sleep(time);
        return false;
    };
    let woken = sys::poll(&[wakes.as_fd()], time)[0];
    sys::drain(wakes.as_fd());
    woken
}

fn has_fd(pidfds: &HashMap<Target, Option<OwnedFd>>, target: &Target) -> bool {
    pidfds.get(target).is_some_and(Option::is_some)
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    let _blocked = SignalsBlocked::new();
    std::thread::Builder::new().name(name.into()).stack_size(STACK).spawn(run).map(drop)
}
