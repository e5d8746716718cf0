//! Permits that come back, and those who wait for them: none is forgotten, and none passed too often.

use crate::{assert_idle, check, check_policies, join, policies, poll_once};
use loom::future::block_on;
use loom::thread;
use permits::Semaphore;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

#[test]
fn two_returns_end_two_waits() {
    check_policies(2, |new| {
        let sem = Arc::new(new(2));
        let both = sem.acquire_many(2).wait().unwrap();
        let waiters = [(); 2].map(|()| {
            let sem = Arc::clone(&sem);
            thread::spawn(move || sem.acquire().wait().unwrap().forget())
        });
        drop(both);
        join(waiters);
        assert_eq!((sem.available_permits(), sem.loose()), (0, 2));
    });
}

#[test]
fn of_two_releases_at_the_same_word_the_later_one_serves() {
    check_policies(2, |new| {
        let sem = Arc::new(new(2));
        sem.acquire_many(2).loose().wait().unwrap();
        let releases = [(); 2].map(|()| {
            let sem = Arc::clone(&sem);
            thread::spawn(move || sem.release().wait().unwrap())
        });
        drop(sem.acquire_many(2).wait().unwrap());
        join(releases);
        assert_idle(&sem);
    });
}

#[test]
fn a_batch_waits_for_all_and_the_small_one_behind_it_goes_on() {
    check_policies(2, |new| {
        let sem = Arc::new(new(2));
        let mut held = sem.acquire_many_owned(2).wait().unwrap();
        let one = held.split(1).unwrap();
        let large = {
            let sem = Arc::clone(&sem);
            thread::spawn(move || drop(sem.acquire_many(2).wait().unwrap()))
        };
        let small = {
            let sem = Arc::clone(&sem);
            thread::spawn(move || drop(block_on(sem.acquire()).unwrap()))
        };
        drop(one);
        drop(held);
        large.join().unwrap();
        small.join().unwrap();
        assert_idle(&sem);
    });
}

/// No thread that waits joins others after it: loom takes an `unpark` that comes late for the end of a join.
#[test]
fn the_last_user_may_drop_the_semaphore_right_after_its_wait() {
    for policy in policies() {
        check(3, move || {
            let sem = Arc::new(policy(1));
            let permit = sem.acquire_owned().wait().unwrap();
            let giver = thread::spawn(move || drop(permit));
            let last = sem.acquire_owned();
            drop(sem);
            join([giver, thread::spawn(move || drop(last.wait().unwrap()))]);
        });
        check(3, move || {
            let sem = Arc::new(policy(1));
            let permit = sem.acquire_owned().wait().unwrap();
            let giver = thread::spawn(move || permit.forget());
            let last = sem.release_owned();
            drop(sem);
            join([giver, thread::spawn(move || last.wait().unwrap())]);
        });
    }
}

#[test]
fn a_second_poll_with_another_waker_is_the_one_that_is_woken() {
    check_policies(3, |new| {
        let sem = Arc::new(new(1));
        let permit = sem.acquire_owned().wait().unwrap();
        let mut request = Box::pin(sem.acquire_owned());
        assert!(poll_once(request.as_mut()).is_pending());
        let giver = thread::spawn(move || drop(permit));
        drop(block_on(request).unwrap());
        giver.join().unwrap();
        assert_idle(&sem);
    });
}

#[test]
fn a_waiter_is_passed_no_more_often_than_the_bound_says() {
    const BOUND: u32 = 1;
    check(2, || {
        let sem = Arc::new(Semaphore::with_overtaking(1, BOUND));
        let passed = Arc::new(AtomicU32::new(0));
        let permit = sem.acquire_owned().wait().unwrap();
        let mut waiter = Box::pin(sem.acquire_owned());
        assert!(poll_once(waiter.as_mut()).is_pending());
        let threads = [(); 2].map(|()| {
            let (sem, passed) = (Arc::clone(&sem), Arc::clone(&passed));
            thread::spawn(move || {
                if let Ok(permit) = sem.try_acquire() {
                    passed.fetch_add(1, Ordering::Relaxed);
                    drop(permit);
                }
            })
        });
        drop(permit);
        join(threads);
        assert!(passed.load(Ordering::Relaxed) <= BOUND);
    });
}
