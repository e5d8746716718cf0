//! Wakers that do the worst in each of their four functions, on each path on which the semaphore has to do
//! with a waker: nothing hangs, no panic reaches the thread that gives permits back, no wake-up and no permit
//! is lost (C5, C10).
//!
//! Covers: a waker that is cloned, woken or dropped with the lock held, and a panic in any of the three that
//! leaves a waiter asleep.
#![allow(unsafe_code, reason = "only a raw waker can act when it is cloned")]

use crate::{DEADLINE, both_policies, queued};
use permits::{Handle, Kind, OwnedPermit, Request, Semaphore};
use permits_conformance::wait::Running;
use std::cell::Cell;
use std::future::Future;
use std::mem::take;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};
use std::time::Duration;

/// What wakers can reach: the semaphore, and the permits that are held.
struct Scene {
    sem: Arc<Semaphore>,
    guards: Mutex<Vec<OwnedPermit>>,
}

impl Scene {
    fn take_guards(&self) -> Vec<OwnedPermit> {
        take(&mut *self.guards.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Function {
    Clone,
    Wake,
    WakeByRef,
    Drop,
}

const FUNCTIONS: [Function; 4] = [Function::Clone, Function::Wake, Function::WakeByRef, Function::Drop];

type Act = (&'static str, fn(&Scene));

const ACTS: [Act; 9] = [
    ("reads", |scene| _ = scene.sem.state()),
    ("tries", |scene| drop(scene.sem.try_acquire())),
    ("waits a moment", |scene| drop(scene.sem.acquire().wait_timeout(Duration::from_micros(1)))),
    ("polls and leaves", |scene| {
        let context = &mut Context::from_waker(Waker::noop());
        _ = pin!(scene.sem.acquire_many(2)).poll(context);
        _ = pin!(scene.sem.release_many(2)).poll_passing(context);
    }),
    ("releases", |scene| _ = scene.sem.try_release()),
    ("drops the permits", |scene| drop(scene.take_guards())),
    ("resizes", |scene| {
        scene.sem.grow(1).expect("far from the limit");
        scene.sem.shrink(1).expect("it has grown before");
    }),
    ("closes", |scene| scene.sem.close()),
    ("panics", |_| resume_unwind(Box::new("this waker has a bug"))),
];

/// A waker that does something in one of its functions.
struct Hostile {
    scene: Arc<Scene>,
    function: Function,
    act: fn(&Scene),
    /// How often it was woken.
    wakes: AtomicUsize,
    is_armed: AtomicBool,
}

thread_local! {
    /// The act itself may wake, clone and drop: that is done in peace.
    static IS_ACTING: Cell<bool> = const { Cell::new(false) };
}

impl Hostile {
    fn waker(self: &Arc<Self>) -> Waker {
        // SAFETY: the table takes what `Arc::into_raw` made, and counts the shares as a waker has to.
        unsafe { Waker::from_raw(RawWaker::new(Arc::into_raw(Arc::clone(self)).cast(), &TABLE)) }
    }

    fn wakes(&self) -> usize {
        self.wakes.load(Ordering::SeqCst)
    }

    fn called(&self, function: Function) {
        if matches!(function, Function::Wake | Function::WakeByRef) {
            self.wakes.fetch_add(1, Ordering::SeqCst);
        }
        if function != self.function || !self.is_armed.load(Ordering::SeqCst) || IS_ACTING.replace(true) {
            return;
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.act)(&self.scene)));
        IS_ACTING.set(false);
        outcome.unwrap_or_else(|panic| resume_unwind(panic));
    }
}

static TABLE: RawWakerVTable = RawWakerVTable::new(
    |data| {
        // SAFETY: a waker has one share of it.
        unsafe { &*data.cast::<Hostile>() }.called(Function::Clone);
        // SAFETY: as above; the new waker has the new share.
        unsafe { Arc::increment_strong_count(data.cast::<Hostile>()) };
        RawWaker::new(data, &TABLE)
    },
    // SAFETY: waking takes the waker's share.
    |data| unsafe { Arc::from_raw(data.cast::<Hostile>()) }.called(Function::Wake),
    // SAFETY: a waker has one share of it.
    |data| unsafe { &*data.cast::<Hostile>() }.called(Function::WakeByRef),
    // SAFETY: dropping takes the waker's share.
    |data| unsafe { Arc::from_raw(data.cast::<Hostile>()) }.called(Function::Drop),
);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Manner {
    Task,
    PollingThread,
}

/// One poll of a request, whose outcome does not matter.
type PollOnce = dyn FnMut(&mut Context<'_>) -> Poll<()>;

/// A request that is polled with a hostile waker.
struct Waiter {
    /// `None` when it is ready, or was dropped.
    poll: Option<Box<PollOnce>>,
    hostile: Arc<Hostile>,
    /// How often it had been woken when it last was pending, if that poll was with the hostile waker.
    pending_at: Option<usize>,
}

impl Waiter {
    fn new<H: Handle + 'static, K: Kind + 'static>(request: Request<H, K>, manner: Manner, hostile: Hostile) -> Waiter {
        let mut request = Box::pin(request);
        let poll = move |context: &mut Context<'_>| match manner {
            Manner::Task => request.as_mut().poll(context).map(drop),
            Manner::PollingThread => request.as_mut().poll_passing(context).map(drop),
        };
        Waiter { poll: Some(Box::new(poll)), hostile: Arc::new(hostile), pending_at: None }
    }

    fn poll(&mut self) {
        let (waker, wakes) = (self.hostile.waker(), self.hostile.wakes());
        if self.poll_with(&waker) {
            self.pending_at = Some(wakes);
        }
        // The last drop of one that is the test's own.
        self.in_peace(|_| drop(waker));
    }

    fn poll_with_another(&mut self) {
        if self.poll_with(Waker::noop()) {
            self.pending_at = None;
        }
    }

    /// Is it pending? A panic of `clone` is the one who polls' own, and leaves things as they were.
    fn poll_with(&mut self, waker: &Waker) -> bool {
        let Some(poll) = &mut self.poll else { return false };
        match catch_unwind(AssertUnwindSafe(|| poll(&mut Context::from_waker(waker)))) {
            Ok(Poll::Pending) => true,
            Ok(Poll::Ready(())) => {
                self.poll = None;
                false
            }
            Err(panic) => {
                assert_eq!(self.hostile.function, Function::Clone, "{:?}", panic.downcast_ref::<&str>());
                false
            }
        }
    }

    fn leave(&mut self) {
        self.poll = None;
    }

    fn in_peace(&mut self, act: impl FnOnce(&mut Waiter)) {
        let was_armed = self.hostile.is_armed.swap(false, Ordering::SeqCst);
        act(self);
        self.hostile.is_armed.store(was_armed, Ordering::SeqCst);
    }

    /// Who is ready was woken since it last was pending.
    fn assert_that_no_wake_up_was_lost(&mut self) {
        self.in_peace(|waiter| {
            if let (true, Some(then)) = (waiter.poll.is_some(), waiter.pending_at) {
                waiter.poll_with(Waker::noop());
                assert!(waiter.poll.is_some() || waiter.hostile.wakes() > then, "it is ready, and was not woken");
            }
        });
    }
}

/// What happens to an acquirer and a releaser of two, of a semaphore whose two permits are held, once both were polled.
type Event = (&'static str, fn(&Scene, &mut [Waiter; 2]));

const EVENTS: [Event; 15] = [
    ("they wait", |_, _| {}),
    ("they are polled again", |_, waiters| waiters.iter_mut().for_each(Waiter::poll)),
    ("they are polled with another waker", |_, waiters| waiters.iter_mut().for_each(Waiter::poll_with_another)),
    ("they go to and fro between two wakers", |scene, waiters| {
        waiters.iter_mut().for_each(Waiter::poll_with_another);
        waiters.iter_mut().for_each(Waiter::poll);
        drop(scene.take_guards());
    }),
    ("permits are dropped", |scene, _| drop(scene.take_guards())),
    ("permits are forgotten", |scene, _| scene.take_guards().into_iter().for_each(OwnedPermit::forget)),
    ("a permit is dropped, a loose one is returned", |scene, _| {
        for (i, guard) in scene.take_guards().into_iter().enumerate() {
            if i == 0 { guard.forget() } else { drop(guard) }
        }
        _ = scene.sem.try_release();
    }),
    ("it grows", |scene, _| scene.sem.grow(2).expect("far from the limit")),
    ("it shrinks", |scene, _| scene.sem.shrink(1).expect("it has two")),
    ("it is closed", |scene, _| scene.sem.close()),
    ("it is closed once they are woken", |scene, _| {
        drop(scene.take_guards());
        scene.sem.close();
    }),
    ("it shrinks once they are woken", |scene, _| {
        drop(scene.take_guards());
        scene.sem.shrink(1).expect("it has two");
    }),
    ("they leave", |_, waiters| waiters.iter_mut().for_each(Waiter::leave)),
    ("they leave once they are woken", |scene, waiters| {
        drop(scene.take_guards());
        waiters.iter_mut().for_each(Waiter::leave);
    }),
    ("they are woken, passed, and polled again", |scene, waiters| {
        drop(scene.take_guards());
        let passing = scene.sem.try_acquire();
        waiters.iter_mut().for_each(Waiter::poll);
        drop(passing);
        waiters.iter_mut().for_each(Waiter::poll);
    }),
];

/// Each waker, each manner of polling, each policy: on a thread of its own, since a lock that is taken twice hangs.
fn for_each_waker(name: &str, scenario: impl Fn(&Arc<Scene>, Manner, &dyn Fn() -> Hostile) + Copy + Send + 'static) {
    for (act, function) in ACTS.into_iter().flat_map(|act| FUNCTIONS.map(|function| (act, function))) {
        for manner in [Manner::Task, Manner::PollingThread] {
            for sem in both_policies(2).map(Arc::new) {
                let what = format!("{name}; {function:?} {}, {manner:?}, {} may pass", act.0, sem.overtakes());
                let mut attempt = Running::start(move || {
                    let guards = Mutex::new(vec![sem.try_acquire_owned().unwrap(), sem.try_acquire_owned().unwrap()]);
                    let scene = Arc::new(Scene { sem, guards });
                    let hostile = || Hostile {
                        scene: Arc::clone(&scene),
                        function,
                        act: act.1,
                        wakes: AtomicUsize::new(0),
                        is_armed: AtomicBool::new(true),
                    };
                    let outcome = catch_unwind(AssertUnwindSafe(|| {
                        scenario(&scene, manner, &hostile);
                        assert_that_all_is_back(&scene);
                    }));
                    outcome.map_err(|panic| match panic.downcast::<String>() {
                        Ok(text) => *text,
                        Err(panic) => (*panic.downcast::<&str>().expect("panics have texts")).to_owned(),
                    })
                });
                let outcome = attempt.outcome(DEADLINE).unwrap_or_else(|| panic!("it hangs: {what}"));
                assert_eq!(outcome, Ok(()), "{what}");
            }
        }
    }
}

#[track_caller]
fn assert_that_all_is_back(scene: &Scene) {
    drop(scene.take_guards());
    while scene.sem.try_release().is_ok() {}
    let state = scene.sem.state();
    assert_eq!((state.available_permits, state.given_out), (state.max_permits, 0));
    assert_eq!(queued(&scene.sem), (0, 0));
}

#[test]
fn hostile_waker_hangs_nothing_and_loses_no_wake_up_and_no_permit() {
    fn scenario(scene: &Arc<Scene>, manner: Manner, hostile: &dyn Fn() -> Hostile, event: Event) {
        let mut waiters = [
            Waiter::new(scene.sem.acquire_many_owned(2).loose(), manner, hostile()),
            Waiter::new(scene.sem.release_many_owned(2), manner, hostile()),
        ];
        waiters.iter_mut().for_each(Waiter::poll);
        (event.1)(scene, &mut waiters);
        waiters.iter_mut().for_each(Waiter::assert_that_no_wake_up_was_lost);
    }
    for event in EVENTS {
        for_each_waker(event.0, move |scene, manner, hostile| scenario(scene, manner, hostile, event));
    }
}

/// A thread that was woken takes its permits, and wakes the next in line: the waker's deeds are not the thread's.
#[test]
fn thread_that_wakes_a_hostile_waker_gets_its_own_permit() {
    for_each_waker("a thread is ahead", |scene, manner, hostile| {
        let theirs = Arc::clone(&scene.sem);
        let mut thread = Running::start(move || theirs.acquire_owned().wait().map(drop).is_ok());
        crate::until(&scene.sem, |state| state.waiting_acquirers == 1);
        let mut waiter = Waiter::new(scene.sem.acquire_owned().loose(), manner, hostile());
        waiter.poll();

        drop(scene.take_guards());

        let got_it = thread.outcome(DEADLINE).expect("it is granted");
        assert!(got_it || scene.sem.is_closed());
        crate::until(&scene.sem, |state| state.waiting_acquirers <= 1);
        waiter.assert_that_no_wake_up_was_lost();
    });
}
