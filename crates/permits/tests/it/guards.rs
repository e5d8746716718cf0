//! Guards: what is held comes back once, whatever becomes of its holder (C5, C6).
//!
//! Covers: the guard on return, error and panic, leaking and forgetting, splitting and merging, and what
//! keeps a semaphore alive. A permit that is returned twice, or by somebody else, cannot be written down:
//! `tests/ui` shows that.

use crate::{DEADLINE, both_policies, counts, queued};
use permits::{OwnedPermit, Semaphore};
use permits_conformance::wait::{Polled, Running};
use std::future::Future;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;

#[test]
fn guard_returns_its_permits_on_every_way_out() {
    fn early(sem: &Semaphore, fail: bool) -> Result<(), &'static str> {
        let _permit = sem.acquire().wait().map_err(|_| "closed")?;
        if fail { Err("no luck") } else { Ok(()) }
    }
    for sem in both_policies(1) {
        early(&sem, false).unwrap();
        assert_eq!(early(&sem, true), Err("no luck"));
        for round in 0..3 {
            let _permit = sem.try_acquire().unwrap();
            if round == 1 {
                continue;
            }
        }
        let sem = Arc::new(sem);
        let unlucky = Arc::clone(&sem);
        let thread = thread::spawn(move || {
            let _permit = unlucky.try_acquire_owned().unwrap();
            std::panic::resume_unwind(Box::new("the holder is out of luck"));
        });
        assert!(thread.join().is_err());

        assert_eq!(counts(&sem), (1, 0, 0));
    }
}

#[test]
fn split_and_merged_guards_hold_what_the_first_one_held() {
    for sem in both_policies(6) {
        let sem = Arc::new(sem);
        let mut all = sem.try_acquire_many_owned(6).unwrap();

        let mut parts: Vec<OwnedPermit> = (1..=3).map(|n| all.split(n).unwrap()).collect();

        assert_eq!((all.count(), all.split(1).unwrap_err().count), (0, 0));
        assert_eq!(parts.iter().map(OwnedPermit::count).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(counts(&sem), (0, 6, 0));
        drop(parts.remove(0));
        for part in parts {
            all.merge(part).unwrap();
        }
        assert_eq!((all.count(), counts(&sem)), (5, (1, 5, 0)));
        assert_eq!(Arc::strong_count(&sem), 2);
        drop(all);
        assert_eq!((counts(&sem), Arc::strong_count(&sem)), ((6, 0, 0), 1));
    }
}

#[test]
fn guards_of_two_semaphores_do_not_merge_and_both_live_on() {
    let (here, there) = (Semaphore::new(3), Semaphore::new(3));
    let (mut mine, theirs) = (here.try_acquire().unwrap(), there.try_acquire_many(2).unwrap());

    let error = mine.merge(theirs).unwrap_err();

    assert_eq!((counts(&here), counts(&there)), ((2, 1, 0), (1, 2, 0)));
    let theirs = error.into_permit();
    assert_eq!((mine.count(), theirs.count()), (1, 2));
    assert!(std::ptr::eq(theirs.semaphore(), &there));
    drop(theirs);
    assert_eq!((counts(&here), counts(&there)), ((2, 1, 0), (3, 0, 0)));
}

#[test]
fn guard_in_a_merge_error_is_returned_when_the_error_is_dropped() {
    let (here, there) = (Semaphore::new(1), Semaphore::new(1));
    let mut mine = here.try_acquire().unwrap();

    drop(mine.merge(there.try_acquire().unwrap()));

    assert_eq!((counts(&here), counts(&there)), ((0, 1, 0), (1, 0, 0)));
}

#[test]
fn leaked_guard_keeps_its_permits_held_for_ever() {
    for sem in both_policies(2) {
        mem::forget(sem.try_acquire().unwrap());

        assert_eq!(counts(&sem), (1, 1, 0));
        assert!(sem.try_release().is_err());
        assert!(sem.try_acquire_many(2).is_err());
    }
}

#[test]
fn forgotten_guard_lets_as_many_releasers_through_as_it_held() {
    for sem in both_policies(3) {
        let mut releasers = [1, 1, 2].map(|n| Polled::new(sem.release_many(n)));
        assert!(releasers.iter_mut().all(|it| it.poll().is_pending()));

        sem.try_acquire_many(3).unwrap().forget();

        assert_eq!(releasers.each_ref().map(Polled::wakes), [1, 1, 0]);
        assert!(releasers[..2].iter_mut().all(|it| it.poll().is_ready()));
        assert_eq!((counts(&sem), queued(&sem)), ((2, 0, 1), (0, 1)));
    }
}

#[test]
fn bare_acquire_is_acquire_and_forget() {
    for sem in both_policies(2) {
        sem.acquire().wait().unwrap().forget();
        sem.acquire().loose().wait().unwrap();

        assert_eq!(counts(&sem), (0, 0, 2));
    }
}

#[test]
fn owned_permit_keeps_its_semaphore_alive() {
    let sem = Arc::new(Semaphore::new(2));
    let gone = Arc::downgrade(&sem);
    let permit = sem.try_acquire_many_owned(2).unwrap();
    drop(sem);
    assert_eq!(permit.semaphore().given_out(), 2);

    let mut elsewhere = Running::start(move || drop(permit));

    elsewhere.outcome(DEADLINE).unwrap();
    assert!(crate::eventually(DEADLINE, || gone.strong_count() == 0));
}

#[test]
fn waiting_owned_request_keeps_its_semaphore_alive() {
    let sem = Arc::new(Semaphore::new(1));
    let held = sem.try_acquire_owned().unwrap();
    let mut waiting = Polled::new(sem.acquire_owned());
    assert!(waiting.poll().is_pending());
    drop(sem);
    drop(held);

    let Poll::Ready(Ok(permit)) = waiting.poll() else { panic!("it is granted") };

    assert_eq!(permit.semaphore().given_out(), 1);
}

/// The memory of a waiter may be gone the moment it sees its grant; the one who granted it must be done with
/// it by then.
#[test]
fn waiter_may_be_gone_as_soon_as_it_is_granted() {
    const ROUNDS: usize = if cfg!(miri) { 20 } else { 3_000 };
    for sem in both_policies(1) {
        let sem = Arc::new(sem);
        let theirs = Arc::clone(&sem);
        let mut waiters = Running::start(move || {
            for round in 0..ROUNDS {
                if round % 2 == 0 {
                    let mut future = Box::pin(theirs.acquire_owned().loose());
                    // Polled at full tilt, not when it is woken: so it sees the grant before the waker is called.
                    while future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
                        thread::yield_now();
                    }
                } else {
                    theirs.acquire().loose().wait().unwrap();
                }
            }
        });
        for _ in 0..ROUNDS {
            sem.release().wait().unwrap();
        }
        waiters.outcome(DEADLINE).unwrap();
        assert_eq!(counts(&sem), (1, 0, 0));
    }
}
