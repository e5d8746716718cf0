//! Semaphores that grow and shrink while permits are out and others wait for them.

use crate::{assert_idle, check, check_policies, join, poll_once};
use loom::future::block_on;
use loom::thread;
use permits::{AcquireError, Semaphore};
use std::sync::Arc;
use std::task::Poll;

#[test]
fn growth_serves_and_races_a_return() {
    check_policies(2, |new| {
        let sem = Arc::new(new(1));
        let held = sem.acquire_owned().wait().unwrap();
        let waiters = [1, 2].map(|n| {
            let sem = Arc::clone(&sem);
            thread::spawn(move || drop(sem.acquire_many(n).wait()))
        });
        sem.grow(1).unwrap();
        drop(held);
        join(waiters);
        assert_idle(&sem);
        assert_eq!(sem.max_permits(), 2);
    });
}

#[test]
fn growth_alone_ends_a_wait() {
    check_policies(3, |new| {
        let sem = Arc::new(new(1));
        let held = sem.acquire_owned().wait().unwrap();
        let waiter = {
            let sem = Arc::clone(&sem);
            thread::spawn(move || drop(sem.acquire().wait().unwrap()))
        };
        sem.grow(1).unwrap();
        waiter.join().unwrap();
        drop(held);
        assert_idle(&sem);
    });
}

#[test]
fn a_shrink_that_races_a_grant_refuses_or_is_owed() {
    check_policies(3, |new| {
        let sem = Arc::new(new(2));
        let held = sem.acquire_owned().wait().unwrap();
        let large = {
            let sem = Arc::clone(&sem);
            thread::spawn(move || match sem.acquire_many(2).wait() {
                Ok(permit) => drop(permit),
                Err(error) => assert_eq!(error, AcquireError::TooMany { requested: 2, max: 1 }),
            })
        };
        let shrinker = {
            let sem = Arc::clone(&sem);
            thread::spawn(move || sem.shrink(1).unwrap())
        };
        drop(held);
        large.join().unwrap();
        shrinker.join().unwrap();
        assert_idle(&sem);
        assert_eq!(sem.max_permits(), 1);
    });
}

/// More waiters than one batch of wakers holds become impossible, behind a woken head that stays possible.
#[test]
fn a_shrink_refuses_many_behind_a_woken_head() {
    check(2, || {
        let sem = Arc::new(Semaphore::with_overtaking(2, 8));
        let mut held = sem.acquire_many_owned(2).wait().unwrap();
        let head = {
            let sem = Arc::clone(&sem);
            thread::spawn(move || drop(sem.acquire().wait().unwrap()))
        };
        let mut impossible = [(); 3].map(|()| Box::pin(sem.acquire_many_owned(2)));
        for request in &mut impossible {
            let _ = poll_once(request.as_mut());
        }
        drop(held.split(1).unwrap());
        sem.shrink(1).unwrap();
        drop(impossible);
        drop(held);
        head.join().unwrap();
        assert_idle(&sem);
    });
}

#[test]
fn a_shrink_refuses_a_woken_head_and_the_small_one_behind_it_goes_on() {
    check(2, || {
        let sem = Arc::new(Semaphore::with_overtaking(2, 8));
        let mut held = sem.acquire_many_owned(2).wait().unwrap();
        let large = {
            let sem = Arc::clone(&sem);
            thread::spawn(move || drop(sem.acquire_many(2).wait()))
        };
        let mut small = Box::pin(sem.acquire_owned());
        assert!(poll_once(small.as_mut()).is_pending());
        let other = held.split(1).unwrap();
        drop(held);
        drop(other);
        sem.shrink(1).unwrap();
        drop(block_on(small).unwrap());
        large.join().unwrap();
        assert_idle(&sem);
    });
}

/// While a shrink tells the refused, which takes several batches, another resize makes their numbers possible again.
#[test]
fn resizes_that_race_keep_the_order_of_those_who_stay() {
    check(2, || {
        let sem = Arc::new(Semaphore::fair(2));
        let held = sem.acquire_many_owned(2).wait().unwrap();
        let mut first = Box::pin(sem.acquire_owned());
        assert!(poll_once(first.as_mut()).is_pending());
        let mut large = [(); 3].map(|()| Box::pin(sem.acquire_many_owned(2)));
        for request in &mut large {
            assert!(poll_once(request.as_mut()).is_pending());
        }
        let resizers = [1, 2].map(|max| {
            let sem = Arc::clone(&sem);
            thread::spawn(move || sem.set_max_permits(max).unwrap())
        });
        join(resizers);
        drop(held);
        let Poll::Ready(Ok(permit)) = poll_once(first.as_mut()) else {
            panic!("the first in line was passed: {sem:?}")
        };
        drop(permit);
        drop(large);
        assert_idle(&sem);
    });
}
