//! Those who wait in this process, and the two threads that look after them; see `watch.rs` for what they do.

use crate::acts::{Stage, Who};
use crate::attach::{Attachment, locked};
use crate::crash::{Point, point};
use crate::error::Error;
use crate::layout::{self, waiter};
use crate::sys::{self, SignalsBlocked};
use std::collections::HashMap;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Waker;
use std::time::{Duration, Instant};

/// How long one waits before anybody is watched: a permit that is handed from hand to hand comes sooner.
pub(crate) const GRACE: Duration = Duration::from_millis(1);
/// How often the watch comes by on patrol. Whoever it meets twice has waited for as long at least.
pub(crate) const PATROL: Duration = Duration::from_millis(4);
/// How long the threads stay when nobody waits any more, in case that somebody does again.
pub(crate) const LINGER: Duration = Duration::from_millis(200);
/// After so many waits that were over within [`GRACE`] the watch goes on patrol.
const SHORT_WAITS: u32 = 8;
/// How often the bell looks whether anybody is left, without being rung.
const BELL_LOOKS: Duration = Duration::from_secs(2);
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
    /// What the watch takes a copy of when it starts; closed here, in the process's table.
    lent: Option<File>,
    /// The watch is on patrol.
    patrols: bool,
    /// How many have come since it was here.
    arrivals: u32,
    /// How many waits were over before anybody was watched, without a patrol.
    short_waits: u32,
    /// Whom the watch looks after has changed.
    news: bool,
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
    care: Care,
}

impl Local {
    /// A task that was woken does not wait any more, whenever it comes for what it was granted.
    fn waits(&self) -> bool {
        !self.is_task || self.waker.is_some()
    }
}

/// Who looks after somebody who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Care {
    /// Nobody, until then.
    Until(Instant),
    /// The patrol has not come by since; or once.
    Patrol { met: bool },
    /// The watch.
    Watch,
}

/// What the watch is to do next.
pub(crate) enum Round {
    /// Nobody has waited here for a while.
    End,
    /// Nobody has waited for long enough to be looked after.
    Idle { patrols: bool },
    /// These are to be looked after, of whom some may be new.
    Look { numbers: Vec<u16>, patrols: bool, news: bool },
}

impl Attachment {
    /// Somebody has come who waits as a thread. `true`: it is looked after from now on. `false`: after [`GRACE`] it has to see to that.
    pub(crate) fn arrive(&self, number: u16) -> bool {
        let mut locals = locked(&self.attendants.locals);
        if locals.patrols {
            locals.arrivals = locals.arrivals.wrapping_add(1);
            let local = Local { waker: None, is_task: false, care: Care::Patrol { met: false } };
            locals.waiting.insert(number, local);
        }
        locals.patrols
    }

    /// A wait was over before it was looked after; if that happens often, the watch goes on patrol.
    pub(crate) fn was_short(self: &Arc<Self>) {
        let mut locals = locked(&self.attendants.locals);
        locals.short_waits += 1;
        if locals.short_waits >= SHORT_WAITS && !locals.patrols {
            locals.short_waits = 0;
            locals.patrols = self.wake_watch(&mut locals).is_ok();
        }
    }

    /// Has the watch look after a thread that waits. `false` if there can be no watch: then the thread has to look itself.
    pub(crate) fn watch_thread(self: &Arc<Self>, number: u16) -> bool {
        let mut locals = locked(&self.attendants.locals);
        locals.waiting.insert(number, Local { waker: None, is_task: false, care: Care::Watch });
        locals.news = true;
        let watched = self.wake_watch(&mut locals).is_ok();
        drop(locals);
        point(Point::Watching);
        watched
    }

    /// Has the bell wake a task.
    pub(crate) fn watch_task(self: &Arc<Self>, number: u16, waker: &Waker) -> Result<(), Error> {
        // Foreign code, as is what drops a waker: before the lock, and after it.
        let mut waker = Some(waker.clone());
        let mut before = None;
        let started = self.register_task(number, &mut waker, &mut before);
        drop((waker, before));
        match started {
            Ok(ring) => {
                if ring {
                    sys::ring(self.seat_bell(self.seat));
                }
                Ok(())
            }
            Err(error) => Err(Error::system("cannot start a thread that wakes tasks", error)),
        }
    }

    /// Whether the bell has to be rung for it.
    fn register_task(
        self: &Arc<Self>,
        number: u16,
        waker: &mut Option<Waker>,
        before: &mut Option<Waker>,
    ) -> Result<bool, std::io::Error> {
        let mut locals = locked(&self.attendants.locals);
        let mut ring = false;
        match locals.waiting.get_mut(&number) {
            Some(local) => *before = std::mem::replace(&mut local.waker, waker.take()),
            None => {
                let care = match locals.patrols {
                    true => Care::Patrol { met: false },
                    false => Care::Until(Instant::now() + GRACE),
                };
                locals.arrivals = locals.arrivals.wrapping_add(1);
                locals.waiting.insert(number, Local { waker: waker.take(), is_task: true, care });
                // On patrol nobody has to count the time.
                ring = !locals.patrols && std::mem::take(&mut locals.bell_sleeps);
            }
        }
        if !locals.bell_runs {
            let attachment = Arc::clone(self);
            spawn("permits-bell", move || attachment.run_bell())?;
            locals.bell_runs = true;
        }
        Ok(ring)
    }

    /// Looks after a waiter no more.
    pub(crate) fn unwatch(&self, number: u16) {
        let mut locals = locked(&self.attendants.locals);
        let local = locals.waiting.remove(&number);
        let lent = if locals.watch != Some(0) { locals.lent.take() } else { None };
        drop(locals);
        // After the lock: a waker is foreign code.
        drop(local);
        self.close(lent);
    }

    /// The watch looks anew, since a thread has been told something.
    pub(crate) fn look_anew(self: &Arc<Self>, number: u16) {
        let mut locals = locked(&self.attendants.locals);
        if let Some(local) = locals.waiting.get_mut(&number) {
            local.care = Care::Watch;
        }
        locals.news = true;
        // Without a watch the thread looks by itself.
        let _ = self.wake_watch(&mut locals);
    }

    /// Closes a descriptor of the process, unless the program has done so.
    fn close(&self, file: Option<File>) {
        if let Some(file) = file
            && !self.is_ours(&file)
        {
            // Whatever has that number now is not ours to close.
            std::mem::forget(file);
        }
    }

    /// Lets go of what was lent without closing it: this may be another table of descriptors, in which the number is another file's.
    pub(crate) fn forget_lent(&self) {
        std::mem::forget(locked(&self.attendants.locals).lent.take());
    }

    /// Ends the threads. On a thread that has the process's descriptors, which the last one to leave may not have.
    pub(crate) fn dismiss(&self) {
        let mut locals = locked(&self.attendants.locals);
        locals.stop = true;
        wake(&locals);
        let (bell_runs, lent) = (locals.bell_runs, locals.lent.take());
        drop(locals);
        self.close(lent);
        // After the stop: nobody starts a watch any more, who would open it again.
        self.close_probe();
        if bell_runs {
            sys::ring(self.seat_bell(self.seat));
        }
    }

    fn wake_watch(self: &Arc<Self>, locals: &mut Locals) -> Result<(), std::io::Error> {
        // Whoever is dismissed has nobody left to look after.
        if !wake(locals) && !locals.stop {
            let attachment = Arc::clone(self);
            let lent = self.probe(&self.probe).ok().and_then(|probe| probe.try_clone().ok());
            let number = lent.as_ref().map(AsRawFd::as_raw_fd);
            locals.lent = lent;
            spawn("permits-watch", move || attachment.run_watch(number))?;
            locals.watch = Some(0);
        }
        Ok(())
    }

    /// What the watch is to do next. `lingered`: it has just waited, and nothing came.
    pub(crate) fn round(&self, lingered: bool) -> Round {
        let mut locals = locked(&self.attendants.locals);
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
            locals.watch = None;
            locals.patrols = false;
            return Round::End;
        }
        locals.watch = Some(sys::thread());
        if numbers.is_empty() { Round::Idle { patrols } } else { Round::Look { numbers, patrols, news } }
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
            if self.stage(number) != Some(Stage::Queued) {
                self.tell(number).store(waiter::KNOWS, Ordering::SeqCst);
                wakers.extend(local.waker.take());
                continue;
            }
            tasks += 1;
            match local.care {
                // The ring may have been to tell it that it is the first: then `TELL` is 0.
                Care::Watch => changed |= self.tell(number).load(Ordering::SeqCst) == 0,
                Care::Patrol { .. } => {}
                Care::Until(then) if then <= now => {
                    local.care = Care::Watch;
                    changed = true;
                }
                Care::Until(then) => sleep = Some(sleep.map_or(then - now, |sleep| sleep.min(then - now))),
            }
        }
        if changed {
            locals.news = true;
            // If no watch can be started now, the next round tries again.
            let _ = self.wake_watch(&mut locals);
        }
        if tasks == 0 {
            if wakers.is_empty() && (locals.stop || locals.bell_sleeps) {
                locals.bell_runs = false;
                locals.bell_sleeps = false;
                return None;
            }
            sleep = Some(LINGER);
        }
        locals.bell_sleeps = sleep.is_none() || tasks == 0;
        // Whoever gives up its place rings nobody: if it was the last one, this finds out.
        Some((wakers, Some(sleep.unwrap_or(BELL_LOOKS))))
    }

    /// The word by which the watch asks to be told when a waiter has become the first.
    pub(crate) fn tell(&self, number: u16) -> &AtomicU64 {
        self.store().word(layout::waiter(usize::from(number), waiter::TELL))
    }

    fn stage(&self, number: u16) -> Option<Stage> {
        let who = self.store().peek(layout::waiter(usize::from(number), waiter::WHO));
        Who::unpack(who).ok().map(|who| who.stage)
    }
}

/// Wakes the watch, if there is one.
fn wake(locals: &Locals) -> bool {
    // It is there as long as it says so, under the lock that the caller has. One that has not said where has not looked yet.
    if let Some(thread @ 1..) = locals.watch {
        sys::wake_thread(thread);
    }
    locals.watch.is_some()
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    let _blocked = SignalsBlocked::new();
    std::thread::Builder::new().name(name.into()).stack_size(STACK).spawn(run).map(drop)
}
