//! Having those who wait in this process looked after: by the watch, which notices deaths, and by the bell,
//! which wakes tasks. Both are threads that are started here.

use crate::crash::{Point, point};
use crate::error::{self, Error, ErrorKind};
use crate::process::attachment::Attachment;
use crate::process::attendants::{BELL_LOOKS, Care, Failure, GRACE, LINGER, Local, Locals, SHORT_WAITS};
use crate::process::sys::{self, SignalsBlocked};
use crate::process::watch;
use crate::protocol::layout::{self, waiter};
use crate::protocol::waiter::{Stage, Who};
use crate::sync::locked;
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Waker;
use std::time::{Duration, Instant};

const STACK: usize = 256 * 1024;

impl Attachment {
    /// A wait was over before it was looked after; if that happens often, the watch goes on patrol.
    pub(crate) fn was_short(self: &Arc<Self>) {
        let mut locals = locked(&self.attendants.locals);
        locals.short_waits += 1;
        if locals.short_waits >= SHORT_WAITS && !locals.patrols {
            locals.short_waits = 0;
            locals.patrols = self.wake_watch(&mut locals).is_ok();
        }
    }

    /// Has the watch look after a thread that waits. `false` if there can be no watch: then the thread has to
    /// look itself.
    pub(crate) fn watch_thread(self: &Arc<Self>, number: u16) -> bool {
        let mut locals = locked(&self.attendants.locals);
        locals.waiting.insert(number, Local::thread(Care::Watch));
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
        if started? {
            sys::ring(self.seat_bell(self.seat));
        }
        Ok(())
    }

    /// Whether the bell has to be rung for it.
    fn register_task(
        self: &Arc<Self>,
        number: u16,
        waker: &mut Option<Waker>,
        before: &mut Option<Waker>,
    ) -> Result<bool, Error> {
        let mut locals = locked(&self.attendants.locals);
        let mut ring = false;
        match locals.waiting.get_mut(&number) {
            Some(Local { failure: Some(failure), .. }) => return Err(failure.error()),
            Some(local) => *before = std::mem::replace(&mut local.waker, waker.take()),
            None => {
                let care = match locals.patrols {
                    true => Care::Patrol { met: false },
                    false => Care::Until(Instant::now() + GRACE),
                };
                locals.arrivals = locals.arrivals.wrapping_add(1);
                locals.waiting.insert(number, Local { waker: waker.take(), is_task: true, care, failure: None });
                // On patrol nobody has to count the time.
                ring = !locals.patrols && std::mem::take(&mut locals.bell_sleeps);
            }
        }
        if !locals.bell_runs {
            self.spawn("permits-bell", |attachment| attachment.run_bell(), Locals::end_bell)
                .map_err(|error| error::system("cannot start a thread that wakes tasks", error))?;
            locals.bell_runs = true;
        }
        Ok(ring)
    }

    /// Looks after a waiter no more.
    pub(crate) fn unwatch(&self, number: u16) {
        let mut locals = locked(&self.attendants.locals);
        let local = locals.waiting.remove(&number);
        drop(locals);
        // After the lock: a waker is foreign code.
        drop(local);
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

    /// Ends the threads. On a thread that has the process's descriptors, which the last one to leave may not
    /// have.
    pub(crate) fn dismiss(&self) {
        let mut locals = locked(&self.attendants.locals);
        locals.stop = true;
        locals.wake_watch();
        let bell_runs = locals.bell_runs;
        drop(locals);
        // After the stop: nobody starts a watch any more, who would open it again.
        self.close_probe();
        if bell_runs {
            sys::ring(self.seat_bell(self.seat));
        }
    }

    fn wake_watch(self: &Arc<Self>, locals: &mut Locals) -> Result<(), std::io::Error> {
        // Whoever is dismissed has nobody left to look after.
        if !locals.wake_watch() && !locals.stop {
            // The watch takes a copy of the probe, if that is open still when it starts.
            let number = self.probe(&self.probe).ok().map(|probe| probe.as_raw_fd());
            let end = |locals: &mut Locals| {
                locals.end_watch();
                // The bell wakes tasks: this thread does not have the descriptors that a waker may use.
                Vec::new()
            };
            self.spawn("permits-watch", move |attachment| watch::run(attachment, number), end)?;
            locals.watch = Some(0);
        }
        Ok(())
    }

    /// Starts a thread. If it panics, all waits of this process end with an error that says so, since no
    /// thread serves them any more; `end` writes down that the thread is gone.
    fn spawn(
        self: &Arc<Self>,
        name: &'static str,
        run: impl FnOnce(&Arc<Attachment>) + Send + 'static,
        end: fn(&mut Locals) -> Vec<Waker>,
    ) -> std::io::Result<()> {
        let attachment = Arc::clone(self);
        let _blocked = SignalsBlocked::new();
        let thread = std::thread::Builder::new().name(name.into()).stack_size(STACK);
        thread
            .spawn(move || {
                let Err(panic) = catch_unwind(AssertUnwindSafe(|| run(&attachment))) else { return };
                let why = panic.downcast_ref::<String>().map(String::as_str);
                let why = why.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it says nothing");
                let what = format!("its thread `{name}` has panicked, which is an error in permits: {why}");
                let error = Error::new(ErrorKind::System, what).with_semaphore(&attachment.place.name);
                let failure = Failure::new(&attachment.place.name, &error);
                let (numbers, wakers) = attachment.attendants.fail_all(&failure, end);
                attachment.ring_all(&numbers);
                wake_all(wakers);
            })
            .map(drop)
    }

    /// Ends the waits of these numbers with an error.
    pub(super) fn fail(&self, numbers: &[u16], error: &Error) {
        self.attendants.fail(numbers, &Failure::new(&self.place.name, error));
        self.ring_all(numbers);
    }

    fn ring_all(&self, numbers: &[u16]) {
        for &number in numbers {
            sys::ring(self.waiter_bell(usize::from(number)));
        }
        sys::ring(self.seat_bell(self.seat));
    }

    fn run_bell(self: &Arc<Self>) {
        let bell = self.seat_bell(self.seat);
        loop {
            // SeqCst: read before the stages; who changes a stage rings after it.
            let value = bell.load(Ordering::SeqCst);
            let Some((wakers, sleep)) = self.bell_round() else { return };
            wake_all(wakers);
            sys::futex_wait(bell, value, sleep);
        }
    }

    /// Which tasks to wake, and how long to sleep then; nothing if none is left to wake.
    fn bell_round(self: &Arc<Self>) -> Option<(Vec<Waker>, Option<Duration>)> {
        let mut locals = locked(&self.attendants.locals);
        let now = Instant::now();
        let (mut wakers, mut sleep, mut changed, mut tasks) = (Vec::new(), None::<Duration>, false, 0);
        for (&number, local) in locals.waiting.iter_mut().filter(|(_, local)| local.is_task) {
            if local.failure.is_some() {
                wakers.extend(local.waker.take());
                continue;
            }
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

    fn stage(&self, number: u16) -> Option<Stage> {
        let who = self.store().peek(layout::waiter(usize::from(number), waiter::WHO));
        Who::unpack(who).ok().map(|who| who.stage)
    }
}

fn wake_all(wakers: Vec<Waker>) {
    for waker in wakers {
        // A waker that panics is no reason to wake nobody after it.
        let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
    }
}
