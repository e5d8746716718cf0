//! Limits of time: no wait ends early, none is missed, and who sleeps costs nothing (C11, C16).
//!
//! Covers: an operation that was performed and reported as timed out, a long wait that spins, limits below a
//! millisecond that end at once, a timed wait that never ends, and as many waits ended as permits came back.

use crate::{DEADLINE, both_policies, counts, queued};
use permits::{AcquireTimeoutError, ReleaseTimeoutError, Semaphore};
use permits_conformance::Dice;
use permits_conformance::wait::{Polled, Running, eventually};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn limit_lasts_as_long_as_it_says_and_not_much_longer() {
    for sem in both_policies(1) {
        let _held = sem.try_acquire().unwrap();
        for micros in [0, 1, 50, 1_000, 30_000, 100_000] {
            let time = Duration::from_micros(micros);
            let start = Instant::now();
            assert!(matches!(sem.acquire().wait_timeout(time), Err(AcquireTimeoutError::TimedOut(_))));
            let acquiring = start.elapsed();
            let start = Instant::now();
            assert!(matches!(sem.release().wait_deadline(start + time), Err(ReleaseTimeoutError::TimedOut(_))));
            let releasing = start.elapsed();

            for elapsed in [acquiring, releasing] {
                // The slack is for a busy machine; a limit that was read in other units is off by a thousand.
                assert!(elapsed >= time && elapsed < time + Duration::from_secs(10), "{time:?} took {elapsed:?}");
            }
        }
    }
}

#[test]
fn limit_of_nothing_is_a_try() {
    for sem in both_policies(1) {
        let past = Instant::now();
        let held = sem.acquire().wait_timeout(Duration::ZERO).unwrap();
        assert!(sem.acquire().wait_timeout(Duration::ZERO).is_err());
        assert!(sem.acquire().wait_deadline(past).is_err());
        drop(held);
        sem.acquire().loose().wait_deadline(past).unwrap();
        sem.release().wait_deadline(past).unwrap();
        assert!(sem.release().wait_timeout(Duration::ZERO).is_err());

        assert_eq!((counts(&sem), queued(&sem)), ((1, 0, 0), (0, 0)));
    }
}

#[test]
fn error_of_a_timeout_shows_both_sides_without_the_one_who_left() {
    for sem in both_policies(4) {
        sem.acquire_many(2).loose().wait().unwrap();
        let mut acquirer = Polled::new(sem.acquire_many(3));
        assert!(acquirer.poll().is_pending());

        let Err(ReleaseTimeoutError::TimedOut(stuck)) = sem.release_many(3).wait_timeout(Duration::from_millis(1))
        else {
            panic!("two are loose")
        };

        assert_eq!(stuck.requested, 3);
        assert_eq!((stuck.state.waiting_acquirers, stuck.state.next_acquirer), (1, 3));
        assert_eq!((stuck.state.waiting_releasers, stuck.state.next_releaser), (0, 0));
        assert_eq!((stuck.state.available_permits, stuck.state.loose), (2, 2));
        assert!(stuck.batches_may_deadlock());
    }
}

/// Two of one side never block each other, and neither do two that leave room for one more than there is.
#[test]
fn error_of_a_timeout_blames_only_those_who_can_be_to_blame() {
    for sem in both_policies(4) {
        sem.acquire_many(2).loose().wait().unwrap();
        let stuck = |n| match sem.release_many(n).wait_timeout(Duration::from_millis(1)) {
            Err(ReleaseTimeoutError::TimedOut(stuck)) => stuck,
            other => panic!("two are loose: {other:?}"),
        };
        let mut same_side = Polled::new(sem.release_many(4));
        assert!(same_side.poll().is_pending());
        assert!(!stuck(3).batches_may_deadlock());
        drop(same_side);

        let mut other_side = Polled::new(sem.acquire_many(3));
        assert!(other_side.poll().is_pending());
        assert!(stuck(3).batches_may_deadlock());
        drop(other_side);
        let _held = sem.try_acquire_many(1).unwrap();
        let mut other_side = Polled::new(sem.acquire_many(2));
        assert!(other_side.poll().is_pending());
        assert!(!stuck(3).batches_may_deadlock());
    }
}

#[test]
fn limit_that_the_clock_cannot_tell_is_none() {
    for sem in both_policies(1) {
        let sem = Arc::new(sem);
        let theirs = Arc::clone(&sem);
        let mut giver = Running::start(move || theirs.release().wait_timeout(Duration::MAX));
        crate::until(&sem, |state| state.waiting_releasers == 1);
        let theirs = Arc::clone(&sem);
        let far = Instant::now() + Duration::from_secs(u32::MAX.into());
        let mut other = Running::start(move || theirs.release().wait_deadline(far));
        crate::until(&sem, |state| state.waiting_releasers == 2);

        sem.acquire().loose().wait().unwrap();
        sem.acquire().loose().wait().unwrap();

        giver.outcome(DEADLINE).unwrap().unwrap();
        other.outcome(DEADLINE).unwrap().unwrap();
    }
}

/// Half of them can be served; exactly half of them are, and the others are told.
#[test]
fn as_many_end_well_as_permits_come_back() {
    for (waiters, returns, free) in [(50, 25, 0), (50, 50, 5), (50, 0, 0), (10, 10, 0)] {
        for policy in [Semaphore::new, Semaphore::fair] {
            let sem = Arc::new(policy(60));
            sem.acquire_many(60).loose().wait().unwrap();
            let mut threads: Vec<_> = (0..waiters)
                .map(|_| {
                    let sem = Arc::clone(&sem);
                    // Some have to run out of time; but not before the first permit is back.
                    let time = match returns {
                        0 => Duration::from_millis(50),
                        _ if returns < waiters => Duration::from_secs(2),
                        _ => DEADLINE,
                    };
                    Running::start(move || sem.acquire().loose().wait_timeout(time).is_ok())
                })
                .collect();
            // Mostly they all wait by then; and if some come later, or were there before, the sum is the same.
            eventually(Duration::from_millis(300), || sem.state().waiting_acquirers == waiters);

            for _ in 0..returns + free {
                sem.release().wait().unwrap();
            }

            let served = threads.iter_mut().filter_map(|it| it.outcome(DEADLINE)).filter(|served| *served).count();
            assert_eq!(served as u32, returns);
            assert_eq!((counts(&sem), queued(&sem)), ((free, 0, 60 - free), (0, 0)));
        }
    }
}

/// Whatever the answer was, it is true: the permit is with the one who was told so, or it is where it was.
#[test]
fn grant_that_races_the_limit_is_kept_or_never_was() {
    const ROUNDS: u32 = if cfg!(miri) { 10 } else { 3_000 };
    for sem in both_policies(1) {
        let sem = Arc::new(sem);
        let theirs = Arc::clone(&sem);
        let mut dice = Dice::seeded(17);
        let mut giver = Running::start(move || {
            let mut given = 0;
            while given < ROUNDS {
                if theirs.release().wait_timeout(Duration::from_micros(dice.below(60).into())).is_ok() {
                    given += 1;
                }
            }
        });
        let mut dice = Dice::seeded(18);
        let mut taken = 0;
        while taken < ROUNDS {
            if sem.acquire().loose().wait_timeout(Duration::from_micros(dice.below(60).into())).is_ok() {
                taken += 1;
            }
        }

        giver.outcome(DEADLINE).expect("as many were taken as were to be given");
        assert_eq!((counts(&sem), queued(&sem)), ((1, 0, 0), (0, 0)));
    }
}

/// A wait for five minutes, of which the test needs a moment: the thread is asleep all that time.
#[cfg(target_os = "linux")]
#[test]
fn waiting_thread_sleeps() {
    /// Time on a processor so far, of the thread that asks.
    fn busy() -> Duration {
        let text =
            std::fs::read_to_string("/proc/thread-self/schedstat").expect("the kernel keeps it for every thread");
        let nanos = text.split(' ').next().and_then(|first| first.parse().ok()).expect("it begins with a number");
        Duration::from_nanos(nanos)
    }
    for sem in both_policies(1) {
        let sem = Arc::new(sem);
        let held = sem.try_acquire_owned().unwrap();
        let wait = |timed: bool, release: bool| {
            let sem = Arc::clone(&sem);
            Running::start(move || {
                let before = busy();
                match (timed, release) {
                    (true, true) => sem.release().wait_timeout(Duration::from_secs(300)).unwrap(),
                    (false, true) => sem.release().wait().unwrap(),
                    (true, false) => sem.acquire().loose().wait_timeout(Duration::from_secs(300)).unwrap(),
                    (false, false) => sem.acquire().loose().wait().unwrap(),
                }
                busy() - before
            })
        };
        let mut waiting = [wait(true, true), wait(false, true), wait(true, false), wait(false, false)];
        crate::until(&sem, |state| (state.waiting_acquirers, state.waiting_releasers) == (2, 2));

        // Not a wait for a state: this is the time for which they are watched.
        thread::sleep(Duration::from_millis(200));
        assert_eq!(queued(&sem), (2, 2));
        drop(held);

        for thread in &mut waiting {
            let busy = thread.outcome(DEADLINE).unwrap();
            assert!(busy < Duration::from_millis(50), "a waiting thread was busy for {busy:?}");
        }
    }
}
