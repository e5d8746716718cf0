//! The end of a semaphore, seen from inside the process (C12).
//!
//! Covers: an operation that clears the closed bit, waiters left asleep by a close, grants from before it,
//! loose permits that come back after it, and several who close it at once.

use crate::{DEADLINE, both_policies, counts, queued};
use permits::{AcquireError, ReleaseError, Semaphore, TryAcquireError, TryReleaseError};
use permits_conformance::wait::{Polled, Running};
use std::sync::{Arc, Barrier};
use std::task::Poll;

#[test]
fn no_operation_reopens_it() {
    type Operation = (&'static str, fn(&Arc<Semaphore>));
    let operations: [Operation; 14] = [
        ("close", |sem| sem.close()),
        ("grow", |sem| sem.grow(1).unwrap()),
        ("grow too far", |sem| _ = sem.grow(u32::MAX).unwrap_err()),
        ("shrink", |sem| sem.shrink(1).unwrap()),
        ("shrink below given out", |sem| sem.set_max_permits(1).unwrap()),
        ("grow to the limit", |sem| sem.set_max_permits(Semaphore::MAX_PERMITS).unwrap()),
        ("try_acquire", |sem| _ = sem.try_acquire().unwrap_err()),
        ("acquire nothing", |sem| _ = sem.acquire_many(0).wait().unwrap_err()),
        ("try_release", |sem| sem.try_release().unwrap()),
        ("release nothing", |sem| sem.release_many(0).wait().unwrap()),
        ("release too many", |sem| _ = sem.release_many(3).wait().unwrap_err()),
        ("release as a task", |sem| assert!(Polled::new(sem.release()).poll().is_ready())),
        ("acquire as a task", |sem| assert!(Polled::new(sem.acquire()).poll().is_ready())),
        ("read", |sem| _ = (sem.state(), sem.available_permits(), sem.loose(), sem.is_closed())),
    ];
    for (name, operation) in operations {
        for sem in both_policies(6) {
            let sem = Arc::new(sem);
            let mut guard = sem.try_acquire_many(3).unwrap();
            guard.split(2).unwrap().forget();
            sem.close();

            operation(&sem);

            assert!(sem.is_closed() && sem.state().closed, "{name}");
            assert_eq!(sem.try_acquire_owned().unwrap_err(), TryAcquireError::Closed, "{name}");
            guard.forget();
            assert!(sem.is_closed(), "{name}, and forget");
            while sem.try_release().is_ok() {}
            assert!(sem.is_closed(), "{name}, and release");
            assert_eq!(sem.acquire().wait().unwrap_err(), AcquireError::Closed, "{name}");
        }
    }
}

/// More than fit into one stretch under the lock, in both queues.
#[test]
fn close_wakes_everybody_once() {
    for sem in both_policies(2) {
        let held = sem.try_acquire_many(2).unwrap();
        let mut acquirers: Vec<_> = (0..100).map(|_| Polled::new(sem.acquire())).collect();
        let mut releasers: Vec<_> = (0..100).map(|_| Polled::new(sem.release_many(2))).collect();
        assert!(acquirers.iter_mut().all(|it| it.poll().is_pending()));
        assert!(releasers.iter_mut().all(|it| it.poll().is_pending()));

        sem.close();
        sem.close();

        for waiting in &mut acquirers {
            assert_eq!(waiting.wakes(), 1);
            assert!(matches!(waiting.poll(), Poll::Ready(Err(AcquireError::Closed))));
        }
        for waiting in &mut releasers {
            assert_eq!(waiting.wakes(), 1);
            assert!(matches!(waiting.poll(), Poll::Ready(Err(ReleaseError::Closed))));
        }
        assert_eq!((counts(&sem), queued(&sem)), ((0, 2, 0), (0, 0)));
        drop(held);
    }
}

#[test]
fn close_leaves_the_counts_alone() {
    for sem in both_policies(5) {
        let _held = sem.try_acquire().unwrap();
        sem.acquire_many(2).loose().wait().unwrap();

        sem.close();

        assert_eq!((counts(&sem), sem.max_permits()), ((2, 1, 2), 5));
    }
}

#[test]
fn grant_from_before_the_close_still_counts() {
    for sem in both_policies(1) {
        let mut release = Polled::new(sem.release());
        assert!(release.poll().is_pending());
        let held = sem.try_acquire().unwrap();
        let mut acquire = Polled::new(sem.acquire());
        assert!(acquire.poll().is_pending());
        drop(held);

        sem.close();

        let Poll::Ready(Ok(permit)) = acquire.poll() else { panic!("it was granted before") };
        assert!(matches!(release.poll(), Poll::Ready(Err(ReleaseError::Closed))));
        drop(permit);
        assert_eq!(counts(&sem), (1, 0, 0));
    }
    for sem in both_policies(1) {
        let mut release = Polled::new(sem.release());
        assert!(release.poll().is_pending());
        sem.acquire().loose().wait().unwrap();

        sem.close();

        assert!(matches!(release.poll(), Poll::Ready(Ok(()))));
        assert_eq!(counts(&sem), (1, 0, 0));
    }
}

#[test]
fn grant_from_before_the_close_may_be_dropped_after_it() {
    for sem in both_policies(2) {
        let mut release = Polled::new(sem.release());
        assert!(release.poll().is_pending());
        let held = sem.try_acquire().unwrap();
        sem.acquire().loose().wait().unwrap();
        let mut acquire = Polled::new(sem.acquire());
        assert!(acquire.poll().is_pending());
        drop(held);
        sem.close();
        assert_eq!(counts(&sem), (0, 2, 0));

        drop(acquire);
        drop(release);

        assert_eq!(counts(&sem), (1, 0, 1));
        sem.try_release().unwrap();
        assert!(sem.is_closed());
    }
}

#[test]
fn loose_permits_go_back_exactly_after_the_close() {
    for sem in both_policies(3) {
        sem.acquire_many(3).loose().wait().unwrap();
        sem.close();

        assert_eq!(sem.release_many(4).wait(), Err(ReleaseError::Closed));
        sem.release_many(2).wait().unwrap();
        assert_eq!(sem.release_many(2).wait(), Err(ReleaseError::Closed));
        assert_eq!(sem.try_release_many(2), Err(TryReleaseError::Closed));
        assert!(matches!(Polled::new(sem.release()).poll(), Poll::Ready(Ok(()))));

        assert_eq!(sem.try_release(), Err(TryReleaseError::Closed));
        assert_eq!(counts(&sem), (3, 0, 0));
    }
}

#[test]
fn close_ends_a_wait_that_a_thread_was_just_woken_from() {
    const ROUNDS: usize = if cfg!(miri) { 5 } else { 300 };
    for policy in [Semaphore::new, Semaphore::fair] {
        for _ in 0..ROUNDS {
            let sem = Arc::new(policy(1));
            let held = sem.try_acquire_owned().unwrap();
            let theirs = Arc::clone(&sem);
            let mut thread = Running::start(move || theirs.acquire_owned().wait());
            crate::until(&sem, |state| state.waiting_acquirers == 1);

            drop(held);
            sem.close();

            // Either end is right; a permit that it got comes back.
            drop(thread.outcome(DEADLINE).unwrap());
            assert_eq!((counts(&sem), queued(&sem)), ((1, 0, 0), (0, 0)));
        }
    }
}

#[test]
fn everybody_may_close_it_while_everybody_else_uses_it() {
    const ROUNDS: usize = if cfg!(miri) { 3 } else { 200 };
    for policy in [Semaphore::new, Semaphore::fair] {
        for _ in 0..ROUNDS {
            let sem = Arc::new(policy(1));
            let start = Arc::new(Barrier::new(3));
            let mut threads: Vec<_> = (0..3)
                .map(|_| {
                    let (sem, start) = (Arc::clone(&sem), Arc::clone(&start));
                    Running::start(move || {
                        start.wait();
                        if sem.acquire().loose().wait().is_ok() {
                            sem.release().wait().expect("as many are loose as were taken");
                        }
                        let mut waiting = Polled::new(sem.acquire_owned());
                        drop(waiting.poll());
                        // Or it might be granted while nobody polls it, and the line below wait for it for ever.
                        drop(waiting);
                        drop(sem.acquire().wait());
                        sem.close();
                        assert_eq!(sem.acquire().wait().unwrap_err(), AcquireError::Closed);
                    })
                })
                .collect();
            for thread in &mut threads {
                thread.outcome(DEADLINE).unwrap();
            }

            assert_eq!((counts(&sem), queued(&sem)), ((1, 0, 0), (0, 0)));
        }
    }
}
