//! Numbers: which ones it starts with, takes, refuses, and what a refusal leaves behind: nothing (C1, C2, C7, C21).
//!
//! Covers: a count that wraps before the check, a number of permits that is not validated, a permanent gain
//! by returning too often, the table of constructors, the sequence of tries, and a bounded channel as the
//! oracle: sending is acquiring, receiving is releasing, and both wait.

use crate::{both_policies, counts};
use permits::{
    AcquireError, AcquireTimeoutError, MaxPermitsError, ReleaseError, Semaphore, TryAcquireError, TryReleaseError,
};
use permits_conformance::Dice;
use permits_conformance::wait::Polled;
use std::sync::mpsc::sync_channel;
use std::task::Poll;
use std::time::Duration;

const MAX: u32 = Semaphore::MAX_PERMITS;

/// One above each width that a count might be kept in.
const TOO_MANY: [u32; 9] =
    [MAX + 1, MAX + 2, 1 << 23, (1 << 31) - 1, 1 << 31, (1 << 31) + 1, (1 << 31) + 4, u32::MAX - 1, u32::MAX];

static SHARED: Semaphore = Semaphore::new(1);
static SHARED_FAIRLY: Semaphore = Semaphore::fair(MAX);
static SHARED_WITHIN_A_BOUND: Semaphore = Semaphore::with_overtaking(2, 3);

#[test]
fn a_static_semaphore_needs_no_start() {
    let held = SHARED.acquire().wait().unwrap();
    assert!(SHARED.try_acquire().is_err());
    drop(held);

    assert_eq!((SHARED.max_permits(), SHARED_FAIRLY.max_permits(), SHARED_WITHIN_A_BOUND.max_permits()), (1, MAX, 2));
}

#[test]
fn every_constructor_takes_the_range_and_nothing_else() {
    for max in [1, 2, MAX - 1, MAX] {
        for sem in [Semaphore::new(max), Semaphore::fair(max), Semaphore::with_overtaking(max, 7)] {
            assert_eq!((sem.max_permits(), counts(&sem), sem.is_closed()), (max, (max, 0, 0), false));
        }
        assert!(Semaphore::try_new(max).is_ok() && Semaphore::try_fair(max).is_ok());
        assert!(Semaphore::try_with_overtaking(max, u32::MAX).is_ok());
    }
    for max in [0].into_iter().chain(TOO_MANY) {
        for refused in [Semaphore::try_new(max), Semaphore::try_fair(max), Semaphore::try_with_overtaking(max, 7)] {
            let MaxPermitsError { requested, limit, .. } = refused.expect_err("out of range");
            assert_eq!((requested, limit), (max.into(), MAX));
        }
    }
}

#[test]
#[should_panic(expected = "max_permits cannot be `0`: it ranges from `1` to `4194303`")]
fn a_constructor_that_cannot_fail_panics_on_zero() {
    _ = Semaphore::new(0);
}

#[test]
#[should_panic(expected = "max_permits cannot be `4194304`: it ranges from `1` to `4194303`")]
fn a_constructor_that_cannot_fail_panics_on_too_many() {
    _ = Semaphore::fair(MAX + 1);
}

#[test]
#[should_panic(expected = "max_permits cannot be `4294967295`: it ranges from `1` to `4194303`")]
fn a_constructor_that_cannot_fail_panics_on_the_largest_number() {
    _ = Semaphore::with_overtaking(u32::MAX, 0);
}

#[test]
fn tries_follow_the_count() {
    for sem in both_policies(2) {
        let first = sem.try_acquire().unwrap();
        let second = sem.try_acquire().unwrap();
        assert_eq!(sem.try_acquire().unwrap_err(), TryAcquireError::NoPermits { requested: 1, available: 0 });
        drop(first);
        let third = sem.try_acquire().unwrap();
        drop((second, third));

        assert_eq!(counts(&sem), (2, 0, 0));
    }
}

#[test]
fn failed_try_leaves_the_counts() {
    for sem in both_policies(4) {
        sem.acquire_many(1).loose().wait().unwrap();
        let held = sem.try_acquire().unwrap();

        let (requested, available, loose) = (3, 2, 1);
        assert_eq!(sem.try_acquire_many(3).unwrap_err(), TryAcquireError::NoPermits { requested, available });
        assert_eq!(sem.try_release_many(3).unwrap_err(), TryReleaseError::NotLoose { requested, loose });

        assert_eq!(counts(&sem), (2, 1, 1));
        drop(held);
    }
}

#[test]
fn too_many_is_refused_in_every_form_and_changes_nothing() {
    for sem in both_policies(4) {
        let _held = sem.try_acquire().unwrap();
        sem.acquire_many(2).loose().wait().unwrap();
        let time = Duration::from_millis(1);
        for requested in TOO_MANY.into_iter().chain([5]) {
            let max = 4;
            assert_eq!(sem.try_acquire_many(requested).unwrap_err(), TryAcquireError::TooMany { requested, max });
            assert_eq!(sem.acquire_many(requested).wait().unwrap_err(), AcquireError::TooMany { requested, max });
            assert_eq!(sem.acquire_many(requested).loose().wait(), Err(AcquireError::TooMany { requested, max }));
            let timed = sem.acquire_many(requested).wait_timeout(time).unwrap_err();
            assert_eq!(timed, AcquireTimeoutError::TooMany { requested, max });
            let Poll::Ready(Err(polled)) = Polled::new(sem.acquire_many(requested)).poll() else { panic!("it waits") };
            assert_eq!(polled, AcquireError::TooMany { requested, max });

            assert_eq!(sem.try_release_many(requested), Err(TryReleaseError::TooMany { requested, max }));
            assert_eq!(sem.release_many(requested).wait(), Err(ReleaseError::TooMany { requested, max }));
            let polled = Polled::new(sem.release_many(requested)).poll();
            assert_eq!(polled, Poll::Ready(Err(ReleaseError::TooMany { requested, max })));

            assert_eq!(counts(&sem), (1, 1, 2));
        }
    }
}

/// A newcomer that can never be served does not get in line behind others to find that out, either.
#[test]
fn too_many_is_refused_behind_a_queue_too() {
    for sem in both_policies(2) {
        let held = sem.try_acquire().unwrap();
        let mut waiting = Polled::new(sem.acquire_many(2));
        assert!(waiting.poll().is_pending());

        for requested in TOO_MANY.into_iter().chain([3]) {
            let polled = Polled::new(sem.acquire_many(requested)).poll();
            assert!(matches!(polled, Poll::Ready(Err(AcquireError::TooMany { .. }))));
            assert!(matches!(sem.try_acquire_many(requested), Err(TryAcquireError::TooMany { .. })));
        }

        assert_eq!(sem.waiting_acquirers(), 1);
        drop(held);
        assert!(waiting.poll().is_ready());
    }
}

#[test]
fn all_there_can_ever_be_may_be_taken_and_given_at_once() {
    for sem in both_policies(MAX) {
        let mut all = sem.try_acquire_many(MAX).unwrap();
        assert_eq!(counts(&sem), (0, MAX, 0));
        let half = all.split(MAX / 2).unwrap();
        half.forget();
        all.forget();
        assert_eq!(counts(&sem), (0, 0, MAX));
        sem.try_release_many(MAX).unwrap();
        assert_eq!(counts(&sem), (MAX, 0, 0));

        sem.acquire_many(MAX).loose().wait().unwrap();
        sem.set_max_permits(1).unwrap();
        assert_eq!((counts(&sem), sem.given_out()), ((0, 0, MAX), MAX));
        sem.release_many(MAX).wait().unwrap();
        assert_eq!(counts(&sem), (1, 0, 0));
    }
}

#[test]
fn nothing_is_had_at_once_and_costs_nothing() {
    for sem in both_policies(1) {
        let held = sem.try_acquire().unwrap();
        let mut waiting = (Polled::new(sem.acquire()), Polled::new(sem.release()));
        assert!(waiting.0.poll().is_pending() && waiting.1.poll().is_pending());

        let mut nothing = sem.try_acquire_many(0).unwrap();
        assert_eq!(sem.acquire_many(0).wait().unwrap().count(), 0);
        assert!(Polled::new(sem.acquire_many(0)).poll().is_ready());
        assert!(Polled::new(sem.release_many(0)).poll().is_ready());
        sem.acquire_many(0).loose().wait().unwrap();
        sem.try_release_many(0).unwrap();
        sem.release_many(0).wait_timeout(Duration::ZERO).unwrap();
        sem.grow(0).unwrap();
        sem.shrink(0).unwrap();

        assert_eq!(nothing.split(0).unwrap().count(), 0);
        nothing.forget();
        assert_eq!((counts(&sem), sem.state().waiting_acquirers), ((0, 1, 0), 1));
        drop(held);
    }
}

#[test]
fn over_release_is_refused_whole() {
    for sem in both_policies(3) {
        for requested in [1, 2, 3] {
            let refused = TryReleaseError::NotLoose { requested, loose: 0 };
            assert_eq!(sem.try_release_many(requested), Err(refused));
        }
        sem.acquire_many(2).loose().wait().unwrap();

        assert_eq!(sem.try_release_many(3), Err(TryReleaseError::NotLoose { requested: 3, loose: 2 }));
        assert_eq!(counts(&sem), (1, 0, 2));
        sem.try_release_many(2).unwrap();

        assert_eq!(sem.try_release(), Err(TryReleaseError::NotLoose { requested: 1, loose: 0 }));
        assert_eq!(counts(&sem), (3, 0, 0));
    }
}

#[test]
fn resizing_out_of_range_changes_nothing() {
    for sem in both_policies(5) {
        let _held = sem.try_acquire_many(2).unwrap();
        let limit = MAX;
        let requested = |outcome: Result<(), MaxPermitsError>| {
            let error = outcome.expect_err("out of range");
            assert_eq!((error.limit, sem.max_permits(), counts(&sem)), (limit, 5, (3, 2, 0)));
            error.requested
        };

        assert_eq!(requested(sem.grow(MAX - 4)), i64::from(MAX) + 1);
        assert_eq!(requested(sem.grow(u32::MAX)), i64::from(u32::MAX) + 5);
        assert_eq!(requested(sem.shrink(5)), 0);
        assert_eq!(requested(sem.shrink(6)), -1);
        assert_eq!(requested(sem.shrink(u32::MAX)), 5 - i64::from(u32::MAX));
        assert_eq!(requested(sem.set_max_permits(0)), 0);
        assert_eq!(requested(sem.set_max_permits(MAX + 1)), i64::from(MAX) + 1);
        sem.grow(MAX - 5).unwrap();
        assert_eq!(sem.max_permits(), MAX);
    }
}

/// A channel with room for `max` messages: sending is acquiring, and receiving is a release that waits too.
#[test]
fn it_does_what_a_bounded_channel_does() {
    let mut dice = Dice::seeded(29);
    for max in 1..=5 {
        for sem in both_policies(max) {
            let (send, receive) = sync_channel(max as usize);
            for _ in 0..2_000 {
                if dice.below(2) == 0 {
                    assert_eq!(sem.acquire().loose().try_now().is_ok(), send.try_send(()).is_ok());
                } else {
                    assert_eq!(sem.try_release().is_ok(), receive.try_recv().is_ok());
                }
            }
        }
    }
}
