//! Wakers are other people's code: they may come back to the semaphore, panic, be exchanged, and are called
//! as often as there is something to tell.
//!
//! Covers: wakers woken, replaced or dropped under the lock, a panicking waker that leaves the rest asleep or
//! loses a permit, a second poll whose waker does not replace the first (as [`std::task::Waker`] asks for),
//! waking over and over, and the semaphore gone by the last wake.

use crate::{DEADLINE, both_policies, counts, queued};
use permits::Semaphore;
use permits_conformance::wait::{Polled, Running};
use std::cell::Cell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// Does something when it is woken, and when its last handle goes.
struct Acting<A: Fn() + Send + Sync + 'static, B: Fn() + Send + Sync + 'static> {
    on_wake: A,
    on_drop: B,
}

thread_local! {
    /// How many acts were begun and not ended. A panic in a waker goes no further, so a test has to look for it here.
    static UNDER_WAY: Cell<u32> = const { Cell::new(0) };
}

fn whole(act: impl Fn()) {
    UNDER_WAY.set(UNDER_WAY.get() + 1);
    act();
    UNDER_WAY.set(UNDER_WAY.get() - 1);
}

impl<A: Fn() + Send + Sync, B: Fn() + Send + Sync> Wake for Acting<A, B> {
    fn wake(self: Arc<Self>) {
        whole(&self.on_wake);
    }
}

impl<A: Fn() + Send + Sync, B: Fn() + Send + Sync> Drop for Acting<A, B> {
    fn drop(&mut self) {
        whole(&self.on_drop);
    }
}

fn acting(on_wake: impl Fn() + Send + Sync + 'static, on_drop: impl Fn() + Send + Sync + 'static) -> Waker {
    Waker::from(Arc::new(Acting { on_wake, on_drop }))
}

fn poll<F: Future + ?Sized>(future: &mut Pin<Box<F>>, waker: &Waker) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(waker))
}

/// Everything that takes the lock, and leaves the counts as they were.
fn use_all(sem: &Semaphore) {
    drop(sem.try_acquire());
    if sem.acquire().loose().try_now().is_ok() {
        sem.release().wait().expect("one is loose");
    }
    drop(Polled::new(sem.acquire_many(2)).poll());
    _ = Polled::new(sem.release_many(2)).poll();
    drop(sem.acquire_many(2).wait_timeout(Duration::from_micros(1)));
    sem.grow(1).expect("far from the limit");
    sem.shrink(1).expect("it has grown before");
    _ = sem.state();
}

/// What may wake a waiter, each with one acquirer and one releaser queued on a semaphore of two that is all held.
type Event = fn(&Semaphore, Vec<permits::OwnedPermit>, Waiters);
type Waiters = [Waiter; 2];
type Waiter = Pin<Box<dyn Future<Output = ()> + Send>>;

const EVENTS: [(&str, Event); 8] = [
    ("a guard is dropped", |_, guards, _waiters| drop(guards)),
    ("a guard is forgotten", |_, guards, _waiters| guards.into_iter().for_each(permits::OwnedPermit::forget)),
    ("a loose permit goes back", |sem, mut guards, _waiters| {
        guards.pop().expect("there are two").forget();
        _ = sem.try_release();
    }),
    ("a waiter leaves", |_, _guards, waiters| drop(waiters)),
    ("it grows", |sem, _guards, _waiters| sem.grow(2).expect("far from the limit")),
    ("it shrinks", |sem, _guards, _waiters| sem.shrink(1).expect("it has two")),
    ("it is closed", |sem, _guards, _waiters| sem.close()),
    ("a grant is collected", |_, guards, mut waiters| {
        drop(guards);
        for waiter in &mut waiters {
            _ = poll(waiter, Waker::noop());
        }
    }),
];

fn after_each_event(make: impl Fn(&Arc<Semaphore>) -> Waker + Clone + Send + 'static) {
    for (name, event) in EVENTS {
        for sem in both_policies(2) {
            let make = make.clone();
            // On a thread of its own: a lock taken twice would hang.
            let mut attempt = Running::start(move || {
                let sem = Arc::new(sem);
                let guards = vec![sem.try_acquire_owned().unwrap(), sem.try_acquire_owned().unwrap()];
                let (acquire, release) = (sem.acquire_many_owned(2).loose(), sem.release_many_owned(2));
                let mut waiters: Waiters =
                    [Box::pin(async { _ = acquire.await }), Box::pin(async { _ = release.await })];
                for waiter in &mut waiters {
                    let waker = make(&sem);
                    assert!(poll(waiter, &waker).is_pending());
                }
                event(&sem, guards, waiters);
                assert_eq!(UNDER_WAY.get(), 0, "a waker has panicked when {name}");
                sem
            });
            let sem = attempt.outcome(DEADLINE).unwrap_or_else(|| panic!("the lock was taken twice when {name}"));
            let (free, held, loose) = counts(&sem);
            assert_eq!((free + held + loose, held, queued(&sem)), (sem.max_permits().max(loose), 0, (0, 0)), "{name}");
        }
    }
}

#[test]
fn waker_may_use_the_semaphore_while_it_wakes() {
    after_each_event(|sem| {
        let sem = Arc::downgrade(sem);
        acting(move || _ = sem.upgrade().map(|sem| use_all(&sem)), || {})
    });
}

#[test]
fn waker_may_use_the_semaphore_while_it_is_dropped() {
    after_each_event(|sem| {
        let sem = Arc::downgrade(sem);
        acting(|| {}, move || _ = sem.upgrade().map(|sem| use_all(&sem)))
    });
}

#[test]
fn waker_may_close_the_semaphore() {
    after_each_event(|sem| {
        let (waking, dropping) = (Arc::downgrade(sem), Arc::downgrade(sem));
        acting(
            move || _ = waking.upgrade().map(|sem| sem.close()),
            move || _ = dropping.upgrade().map(|sem| sem.close()),
        )
    });
}

#[test]
fn replaced_waker_may_use_the_semaphore_while_it_is_dropped() {
    for sem in both_policies(1) {
        let mut attempt = Running::start(move || {
            let sem = Arc::new(sem);
            let held = sem.try_acquire_owned().unwrap();
            let uses = Arc::new(AtomicUsize::new(0));
            let (theirs, count) = (Arc::clone(&sem), Arc::clone(&uses));
            let waker = acting(
                || {},
                move || {
                    use_all(&theirs);
                    count.fetch_add(1, Ordering::SeqCst);
                },
            );
            let mut waiting = Box::pin(sem.acquire_owned());
            assert!(poll(&mut waiting, &waker).is_pending());
            drop(waker);
            assert_eq!(uses.load(Ordering::SeqCst), 0, "the queue keeps it");

            assert!(poll(&mut waiting, Waker::noop()).is_pending());

            assert_eq!(uses.load(Ordering::SeqCst), 1, "the queue has let it go");
            drop(held);
            assert!(poll(&mut waiting, Waker::noop()).is_ready());
        });
        attempt.outcome(DEADLINE).expect("no lock was taken twice");
    }
}

#[test]
fn waker_may_drop_the_last_share_of_the_semaphore() {
    let sem = Arc::new(Semaphore::new(1));
    let gone = Arc::downgrade(&sem);
    let held = sem.try_acquire_owned().unwrap();
    let mut waiting = Box::pin(sem.acquire_owned());
    let cell: Arc<Mutex<Option<Waiter>>> = Arc::default();
    let (ours, last) = (Arc::clone(&cell), Mutex::new(Some(sem)));
    let waker = acting(
        move || {
            drop(ours.lock().unwrap().take());
            drop(last.lock().unwrap().take());
        },
        || {},
    );
    assert!(poll(&mut waiting, &waker).is_pending());
    *cell.lock().unwrap() = Some(Box::pin(async { drop(waiting.await) }));

    drop(held);

    assert!(gone.upgrade().is_none());
}

/// Wakers that panic, for some of many waiters, quietly.
struct Panicking;

impl Wake for Panicking {
    fn wake(self: Arc<Self>) {
        resume_unwind(Box::new("this waker has a bug"));
    }
}

#[test]
fn panicking_wakers_keep_no_other_from_being_woken() {
    type Event = (&'static str, fn(&Semaphore));
    let events: [Event; 3] = [
        ("many are granted", |sem| sem.grow(100).expect("far from the limit")),
        ("it is closed", Semaphore::close),
        ("a shrink refuses them", |sem| sem.set_max_permits(1).expect("1 is a good number")),
    ];
    for (name, event) in events {
        for sem in both_policies(2) {
            let held = sem.try_acquire_many(2).unwrap();
            let n = if name == "a shrink refuses them" { 2 } else { 1 };
            let mut waiting: Vec<_> = (0..50).map(|_| Polled::new(sem.acquire_many(n))).collect();
            let bug = Waker::from(Arc::new(Panicking));
            let mut unlucky: Vec<_> = (0..50).map(|_| Box::pin(sem.acquire_many(n))).collect();
            for (one, other) in waiting.iter_mut().zip(&mut unlucky) {
                assert!(one.poll().is_pending() && poll(other, &bug).is_pending());
            }

            event(&sem);

            assert!(waiting.iter().all(|it| it.wakes() == 1), "{name}");
            assert!(waiting.iter_mut().all(|it| it.poll().is_ready()), "{name}");
            assert!(unlucky.iter_mut().all(|it| poll(it, Waker::noop()).is_ready()), "{name}");
            drop(held);
            assert_eq!((sem.state().given_out, queued(&sem)), (0, (0, 0)), "{name}");
        }
    }
}

/// The one who gives permits back has nothing to do with it, and may be unwinding already.
#[test]
fn panic_of_a_waker_does_not_reach_the_one_who_wakes() {
    for sem in both_policies(3) {
        let held = sem.try_acquire_many(3).unwrap();
        let mut unlucky = Box::pin(sem.acquire());
        assert!(poll(&mut unlucky, &Waker::from(Arc::new(Panicking))).is_pending());
        let mut next = Polled::new(sem.acquire());
        assert!(next.poll().is_pending());

        let unwound = catch_unwind(AssertUnwindSafe(|| {
            let _held = held;
            resume_unwind(Box::new("the holder is out of luck"));
        }));

        assert_eq!(unwound.expect_err("it unwinds").downcast_ref(), Some(&"the holder is out of luck"));
        assert!(next.poll().is_ready());
        assert_eq!(counts(&sem), (2, 1, 0));
        drop(unlucky);
        assert_eq!(counts(&sem), (3, 0, 0));
    }
}

/// A thread that was woken takes its permits, and then wakes the next in line: its own must not get lost by
/// what that does.
#[test]
fn permits_of_a_thread_are_not_lost_by_the_waker_that_it_wakes() {
    for sem in both_policies(2) {
        let sem = Arc::new(sem);
        let (one, other) = (sem.try_acquire_owned().unwrap(), sem.try_acquire_owned().unwrap());
        let theirs = Arc::clone(&sem);
        let mut thread = Running::start(move || theirs.acquire_owned().wait().unwrap());
        crate::until(&sem, |state| state.waiting_acquirers == 1);
        let mut unlucky = Box::pin(sem.acquire());
        assert!(poll(&mut unlucky, &Waker::from(Arc::new(Panicking))).is_pending());

        drop(one);
        drop(other);

        drop(thread.outcome(DEADLINE).unwrap());
        crate::until(&sem, |state| state.waiting_acquirers == 0);
        drop(unlucky);
        assert_eq!(counts(&sem), (2, 0, 0));
    }
}

#[test]
fn second_poll_with_another_waker_replaces_the_first() {
    for sem in both_policies(1) {
        let held = sem.try_acquire().unwrap();
        let (mut acquire, mut release) = (Polled::new(sem.acquire()), Polled::new(sem.release()));
        assert!(acquire.poll().is_pending() && release.poll().is_pending());
        let first = [acquire.change_waker(), release.change_waker()];
        assert!(acquire.poll().is_pending() && release.poll().is_pending());

        drop(held);
        assert_eq!((first[0].wakes(), acquire.wakes()), (0, 1));
        let Poll::Ready(Ok(permit)) = acquire.poll() else { panic!("it is granted") };
        permit.forget();

        assert_eq!((first[1].wakes(), release.wakes()), (0, 1));
        assert!(release.poll().is_ready());
    }
}

#[test]
fn future_may_be_polled_in_one_thread_and_finished_in_another() {
    for sem in both_policies(1) {
        let sem = Arc::new(sem);
        let held = sem.try_acquire_owned().unwrap();
        let mut waiting = Polled::new(sem.acquire_owned());
        assert!(waiting.poll().is_pending());

        let mut elsewhere = Running::start(move || {
            _ = waiting.change_waker();
            // The permit comes back before this poll, or between it and the next, or after.
            waiting.outcome(DEADLINE).unwrap().unwrap()
        });
        drop(held);

        assert_eq!(elsewhere.outcome(DEADLINE).unwrap().count(), 1);
    }
}

#[test]
fn polling_again_changes_neither_place_nor_count() {
    for sem in both_policies(1) {
        let held = sem.try_acquire().unwrap();
        let (mut first, mut second) = (Polled::new(sem.acquire()), Polled::new(sem.acquire()));
        assert!(first.poll().is_pending() && second.poll().is_pending());
        for _ in 0..10 {
            assert!(first.poll().is_pending() && second.poll().is_pending());
            _ = first.change_waker();
        }
        assert!(first.poll().is_pending());

        assert_eq!((first.wakes(), second.wakes(), queued(&sem)), (0, 0, (2, 0)));
        drop(held);
        assert_eq!((first.wakes(), second.wakes(), queued(&sem)), (1, 0, (1, 0)));
    }
}

#[test]
fn waiter_is_woken_once_and_not_before_it_fits() {
    for sem in both_policies(3) {
        let mut guards: Vec<_> = (0..3).map(|_| sem.try_acquire().unwrap()).collect();
        let (mut large, mut release) = (Polled::new(sem.acquire_many(3)), Polled::new(sem.release_many(2)));
        assert!(large.poll().is_pending() && release.poll().is_pending());

        for _ in 0..2 {
            drop(guards.pop());
            assert_eq!((large.wakes(), release.wakes()), (0, 0));
        }
        drop(guards.pop());

        assert_eq!((large.wakes(), release.wakes()), (1, 0));
        let Poll::Ready(Ok(mut held)) = large.poll() else { panic!("it is granted") };
        held.split(1).unwrap().forget();
        assert_eq!(release.wakes(), 0);
        held.forget();
        assert_eq!(release.wakes(), 1);
    }
}

#[test]
fn ready_request_is_ready_at_its_first_poll_and_wakes_nobody() {
    for sem in both_policies(1) {
        let mut loose = Polled::new(sem.acquire().loose());
        assert!(loose.poll().is_ready());
        let mut release = Polled::new(sem.release());
        assert!(release.poll().is_ready());
        let mut acquire = Polled::new(sem.acquire());
        assert!(acquire.poll().is_ready());

        assert_eq!((loose.wakes(), release.wakes(), acquire.wakes()), (0, 0, 0));
    }
}

#[test]
#[should_panic(expected = "a request is not polled after it was ready")]
fn polling_after_ready_is_a_documented_panic() {
    let sem = Semaphore::new(1);
    let mut acquire = Polled::new(sem.acquire());
    assert!(acquire.poll().is_ready());

    drop(acquire.poll());
}
