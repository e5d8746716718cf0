//! Waits that are given up, by a drop or by the end of their time.

use crate::{SOON, assert_idle, check_policies, poll_once};
use loom::future::block_on;
use loom::thread;
use permits::{AcquireTimeoutError, ReleaseTimeoutError};
use std::pin::pin;
use std::sync::Arc;

#[test]
fn a_dropped_head_makes_way_whoever_it_was_granted_to() {
    check_policies(2, |new| {
        let sem = Arc::new(new(2));
        let mut held = sem.acquire_many_owned(2).wait().unwrap();
        let rest = held.split(1).unwrap();
        let cancelled = {
            let sem = Arc::clone(&sem);
            thread::spawn(move || {
                let mut request = pin!(sem.acquire_many(2));
                let _ = poll_once(request.as_mut());
            })
        };
        let waiter = {
            let sem = Arc::clone(&sem);
            thread::spawn(move || sem.acquire().wait().unwrap().forget())
        };
        drop(held);
        waiter.join().unwrap();
        cancelled.join().unwrap();
        drop(rest);
        assert_eq!((sem.available_permits(), sem.loose()), (1, 1));
    });
}

#[test]
fn a_granted_future_that_is_dropped_passes_the_permit_on() {
    check_policies(3, |new| {
        let sem = Arc::new(new(1));
        let permit = sem.acquire_owned().wait().unwrap();
        let mut request = Box::pin(sem.acquire_owned());
        let was_ready = poll_once(request.as_mut()).is_ready();
        assert!(!was_ready);
        let waiter = {
            let sem = Arc::clone(&sem);
            thread::spawn(move || drop(block_on(sem.acquire()).unwrap()))
        };
        let dropper = thread::spawn(move || drop(request));
        drop(permit);
        waiter.join().unwrap();
        dropper.join().unwrap();
        assert_idle(&sem);
    });
}

#[test]
fn a_granted_release_that_is_dropped_has_returned_nothing() {
    check_policies(3, |new| {
        let sem = Arc::new(new(1));
        let mut request = Box::pin(sem.release_owned());
        assert!(poll_once(request.as_mut()).is_pending());
        let giver = {
            let sem = Arc::clone(&sem);
            thread::spawn(move || sem.release().wait().unwrap())
        };
        let dropper = thread::spawn(move || drop(request));
        sem.acquire().loose().wait().unwrap();
        giver.join().unwrap();
        dropper.join().unwrap();
        assert_idle(&sem);
    });
}

#[test]
fn a_grant_that_races_the_end_of_the_time_is_taken_or_leaves_no_trace() {
    check_policies(3, |new| {
        let sem = Arc::new(new(1));
        let permit = sem.acquire_owned().wait().unwrap();
        let timed = {
            let sem = Arc::clone(&sem);
            thread::spawn(move || match sem.acquire().wait_timeout(SOON) {
                Ok(permit) => drop(permit),
                Err(error) => assert!(matches!(error, AcquireTimeoutError::TimedOut(_))),
            })
        };
        let waiter = {
            let sem = Arc::clone(&sem);
            thread::spawn(move || drop(sem.acquire().wait().unwrap()))
        };
        drop(permit);
        timed.join().unwrap();
        waiter.join().unwrap();
        assert_idle(&sem);
    });
}

#[test]
fn a_timed_release_returns_its_permit_once_or_not_at_all() {
    check_policies(3, |new| {
        let sem = Arc::new(new(1));
        let timed = {
            let sem = Arc::clone(&sem);
            thread::spawn(move || match sem.release().wait_timeout(SOON) {
                Ok(()) => 1,
                Err(error) => {
                    assert!(matches!(error, ReleaseTimeoutError::TimedOut(_)));
                    0
                }
            })
        };
        let waiter = {
            let sem = Arc::clone(&sem);
            thread::spawn(move || u32::from(sem.release().wait().is_ok()))
        };
        sem.acquire().loose().wait().unwrap();
        let returned = timed.join().unwrap();
        // The other release is still to be let through if the timed one got the permit.
        if returned == 1 {
            sem.acquire().loose().wait().unwrap();
        }
        assert_eq!(waiter.join().unwrap(), 1);
        assert_idle(&sem);
    });
}

#[test]
fn a_timed_head_that_leaves_lets_the_small_one_behind_it_go() {
    check_policies(2, |new| {
        let sem = Arc::new(new(2));
        let held = sem.acquire_owned().wait().unwrap();
        let large = {
            let sem = Arc::clone(&sem);
            thread::spawn(move || {
                assert!(sem.acquire_many(2).wait_timeout(SOON).is_err());
            })
        };
        let small = {
            let sem = Arc::clone(&sem);
            thread::spawn(move || drop(sem.acquire().wait().unwrap()))
        };
        large.join().unwrap();
        small.join().unwrap();
        drop(held);
        assert_idle(&sem);
    });
}
