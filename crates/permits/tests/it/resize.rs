//! More permits, or fewer, while they are out (C13).
//!
//! Covers: a shrink that takes only what is free, occupancy that lies while a shrink is owed, a resize that
//! underflows, drain and put back, growth that wakes as many as fit and in order, and queued requests that a
//! shrink makes impossible.

use crate::{DEADLINE, both_policies, counts, queued};
use permits::{AcquireError, AcquireTimeoutError, ReleaseError, Semaphore};
use permits_conformance::wait::{Polled, Running};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

#[test]
fn growing_wakes_as_many_as_fit_in_order() {
    for sem in both_policies(1) {
        let _held = sem.try_acquire().unwrap();
        let mut waiting = [1, 2, 3, 1].map(|n| Polled::new(sem.acquire_many(n.min(1)).loose()));
        assert!(waiting.iter_mut().all(|it| it.poll().is_pending()));

        sem.grow(3).unwrap();

        assert_eq!(waiting.each_ref().map(Polled::wakes), [1, 1, 1, 0]);
        assert_eq!((counts(&sem), queued(&sem)), ((0, 4, 0), (1, 0)));
        sem.grow(1).unwrap();
        assert_eq!(waiting[3].wakes(), 1);
        assert!(waiting.iter_mut().all(|it| it.poll().is_ready()));
        assert_eq!(counts(&sem), (0, 1, 4));
    }
}

/// One event, a thread on either side: the acquirer that growth lets through lets the releaser through.
#[test]
fn growing_serves_threads_on_both_sides() {
    for sem in both_policies(1) {
        let sem = Arc::new(sem);
        let _held = sem.try_acquire().unwrap();
        let (taking, giving) = (Arc::clone(&sem), Arc::clone(&sem));
        let mut giver = Running::start(move || giving.release().wait());
        let mut taker = Running::start(move || taking.acquire().loose().wait());
        crate::until(&sem, |state| (state.waiting_acquirers, state.waiting_releasers) == (1, 1));

        sem.grow(1).unwrap();

        taker.outcome(DEADLINE).unwrap().unwrap();
        giver.outcome(DEADLINE).unwrap().unwrap();
        assert_eq!(counts(&sem), (1, 1, 0));
    }
}

#[test]
fn what_is_owed_is_paid_before_anybody_is_served() {
    for sem in both_policies(4) {
        let mut held = sem.try_acquire_many(4).unwrap();
        let mut waiting = Polled::new(sem.acquire());
        assert!(waiting.poll().is_pending());

        sem.shrink(2).unwrap();

        assert_eq!((counts(&sem), sem.max_permits(), sem.given_out()), ((0, 4, 0), 2, 4));
        assert!(sem.try_acquire().is_err());
        drop(held.split(1).unwrap());
        assert_eq!((counts(&sem), waiting.wakes()), ((0, 3, 0), 0));
        drop(held.split(1).unwrap());
        assert_eq!((counts(&sem), waiting.wakes()), ((0, 2, 0), 0));
        drop(held.split(1).unwrap());
        assert_eq!((counts(&sem), waiting.wakes()), ((0, 2, 0), 1));
        assert!(waiting.poll().is_ready());
        drop(held);
        assert_eq!(counts(&sem), (2, 0, 0));
    }
}

#[test]
fn a_shrink_takes_what_is_free_now_and_the_rest_as_it_comes_back() {
    for sem in both_policies(5) {
        let held = sem.try_acquire_many(2).unwrap();

        sem.set_max_permits(4).unwrap();
        assert_eq!(counts(&sem), (2, 2, 0));
        sem.set_max_permits(2).unwrap();
        assert_eq!(counts(&sem), (0, 2, 0));
        sem.set_max_permits(1).unwrap();
        assert_eq!(counts(&sem), (0, 2, 0));

        drop(held);
        assert_eq!(counts(&sem), (1, 0, 0));
    }
}

#[test]
fn what_was_drained_can_be_put_back() {
    for sem in both_policies(6) {
        let held = sem.try_acquire_many(2).unwrap();
        let drained = sem.try_acquire_many(sem.available_permits()).unwrap();
        assert_eq!((drained.count(), counts(&sem)), (4, (0, 6, 0)));
        sem.shrink(5).unwrap();

        drop(drained);
        assert_eq!(counts(&sem), (0, 2, 0));
        sem.grow(5).unwrap();

        assert_eq!(counts(&sem), (4, 2, 0));
        drop(held);
    }
}

#[test]
fn as_many_loose_permits_as_are_out_go_back_though_there_are_fewer() {
    for sem in both_policies(5) {
        sem.acquire_many(5).loose().wait().unwrap();
        sem.set_max_permits(2).unwrap();

        sem.try_release_many(3).unwrap();
        assert_eq!(
            (counts(&sem), sem.release_many(3).wait()),
            ((0, 0, 2), Err(ReleaseError::TooMany { requested: 3, max: 2 }))
        );
        sem.release_many(2).wait().unwrap();

        assert_eq!(counts(&sem), (2, 0, 0));
    }
}

#[test]
fn every_waiter_that_a_shrink_makes_impossible_is_refused_and_the_rest_keeps_its_order() {
    for sem in both_policies(9) {
        let held = sem.try_acquire_many(9).unwrap();
        let mut acquirers = [1, 9, 2, 8, 3, 7, 4].map(|n| (n, Polled::new(sem.acquire_many(n).loose())));
        let mut releasers = [9, 5, 8, 2, 7].map(|n| (n, Polled::new(sem.release_many(n))));
        assert!(acquirers.iter_mut().all(|(_, it)| it.poll().is_pending()));
        assert!(releasers.iter_mut().all(|(_, it)| it.poll().is_pending()));

        sem.set_max_permits(6).unwrap();

        let max = 6;
        for (requested, it) in acquirers.iter_mut().filter(|(n, _)| *n > 6) {
            assert_eq!(it.wakes(), 1);
            assert_eq!(it.poll(), Poll::Ready(Err(AcquireError::TooMany { requested: *requested, max })));
        }
        for (requested, it) in releasers.iter_mut().filter(|(n, _)| *n > 6) {
            assert_eq!(it.wakes(), 1);
            assert_eq!(it.poll(), Poll::Ready(Err(ReleaseError::TooMany { requested: *requested, max })));
        }
        assert_eq!(queued(&sem), (4, 2));
        assert!(acquirers.iter_mut().filter(|(n, _)| *n <= 6).all(|(_, it)| it.wakes() == 0));
        drop(held);
        let granted: Vec<_> = acquirers.iter().filter(|(n, it)| *n <= 6 && it.wakes() == 1).map(|(n, _)| *n).collect();
        assert_eq!(granted, [1, 2, 3]);
    }
}

/// What is said is what was true when it was refused, not when somebody looked.
#[test]
fn refused_waiter_is_told_the_number_that_refused_it() {
    for sem in both_policies(8) {
        let _held = sem.try_acquire_many(4).unwrap();
        let mut waiting = Polled::new(sem.acquire_many(5));
        assert!(waiting.poll().is_pending());
        sem.set_max_permits(2).unwrap();

        sem.set_max_permits(9).unwrap();

        let Poll::Ready(Err(error)) = waiting.poll() else { panic!("it is refused") };
        assert_eq!(error, AcquireError::TooMany { requested: 5, max: 2 });
    }
}

#[test]
fn thread_that_a_shrink_makes_impossible_is_told_so_and_those_behind_it_go() {
    for sem in both_policies(4) {
        let sem = Arc::new(sem);
        let held = sem.try_acquire().unwrap();
        let theirs = Arc::clone(&sem);
        let mut large = Running::start(move || theirs.acquire_many(4).wait_timeout(DEADLINE).map(drop));
        crate::until(&sem, |state| state.waiting_acquirers == 1);
        let mut small = Polled::new(sem.acquire_many(2));
        assert!(small.poll().is_pending());

        sem.shrink(1).unwrap();

        assert_eq!(small.wakes(), 1);
        assert!(small.poll().is_ready());
        let outcome = large.outcome(DEADLINE).unwrap();
        assert_eq!(outcome, Err(AcquireTimeoutError::TooMany { requested: 4, max: 3 }));
        drop(held);
    }
}

/// The thread was woken and has not decided yet when the queue is put in another order.
#[test]
fn a_shrink_finds_a_woken_thread_wherever_it_is() {
    const ROUNDS: usize = if cfg!(miri) { 5 } else { 300 };
    for policy in [Semaphore::new, Semaphore::fair] {
        for _ in 0..ROUNDS {
            let sem = Arc::new(policy(3));
            let held = sem.try_acquire_many_owned(3).unwrap();
            let theirs = Arc::clone(&sem);
            let mut first = Running::start(move || theirs.acquire_many_owned(2).wait());
            crate::until(&sem, |state| state.waiting_acquirers == 1);
            let mut second = Polled::new(sem.acquire_many_owned(3));
            let mut third = Polled::new(sem.acquire_many_owned(1));
            assert!(second.poll().is_pending() && third.poll().is_pending());

            drop(held);
            sem.shrink(1).unwrap();

            assert_eq!(first.outcome(DEADLINE).unwrap().unwrap().count(), 2);
            let refused = second.outcome(DEADLINE).unwrap();
            assert_eq!(refused.unwrap_err(), AcquireError::TooMany { requested: 3, max: 2 });
            assert!(third.outcome(DEADLINE).unwrap().is_ok());
            assert_eq!((counts(&sem), queued(&sem)), ((2, 0, 0), (0, 0)));
        }
    }
}

/// And so when it is the woken one that is refused: nobody is awake then, and whoever comes next has to be woken.
#[test]
fn a_shrink_that_refuses_a_woken_thread_lets_the_next_one_go() {
    const ROUNDS: usize = if cfg!(miri) { 5 } else { 300 };
    for policy in [Semaphore::new, Semaphore::fair] {
        for _ in 0..ROUNDS {
            let sem = Arc::new(policy(3));
            let held = sem.try_acquire_many_owned(3).unwrap();
            let theirs = Arc::clone(&sem);
            let mut first = Running::start(move || theirs.acquire_many_owned(3).wait());
            crate::until(&sem, |state| state.waiting_acquirers == 1);
            let mut next = Polled::new(sem.acquire_owned());
            assert!(next.poll().is_pending());

            drop(held);
            sem.shrink(1).unwrap();

            // It may have been quick enough to take its three before; else it is refused.
            match first.outcome(DEADLINE).unwrap() {
                Ok(permit) => assert_eq!(permit.count(), 3),
                Err(error) => assert_eq!(error, AcquireError::TooMany { requested: 3, max: 2 }),
            }
            assert!(next.outcome(DEADLINE).unwrap().is_ok());
            assert_eq!((counts(&sem), queued(&sem)), ((2, 0, 0), (0, 0)));
        }
    }
}

#[test]
fn resizing_while_others_take_and_give_keeps_the_sum() {
    const ROUNDS: u32 = if cfg!(miri) { 10 } else { 2_000 };
    for sem in both_policies(4) {
        let sem = Arc::new(sem);
        let mut users: Vec<_> = (1..=3)
            .map(|n| {
                let sem = Arc::clone(&sem);
                Running::start(move || {
                    for _ in 0..ROUNDS {
                        if let Ok(permit) = sem.acquire_many(n).wait_timeout(Duration::from_micros(100)) {
                            permit.forget();
                            sem.release_many(n).wait().expect("as many are loose as were taken");
                        }
                    }
                })
            })
            .collect();
        for round in 0..ROUNDS {
            sem.set_max_permits(3 + round % 6).unwrap();
            let state = sem.state();
            assert!(state.available_permits == 0 || state.available_permits + state.given_out == state.max_permits);
        }
        for user in &mut users {
            user.outcome(DEADLINE).unwrap();
        }
        sem.set_max_permits(5).unwrap();

        assert_eq!((counts(&sem), queued(&sem)), ((5, 0, 0), (0, 0)));
    }
}
