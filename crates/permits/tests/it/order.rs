//! Who comes first, and who may come before (C8, C9).
//!
//! Covers: newcomers that pass a queued request for many, an owner that takes again past those who wait, free
//! permits that seem taken while a large request waits, one wake-up for two returns, and as many through as
//! there are permits, in phases, on both sides.

use crate::{DEADLINE, both_policies, counts, queued};
use permits::{Semaphore, TryAcquireError, TryReleaseError};
use permits_conformance::wait::{Polled, Running, eventually};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

/// For how long a waiter may be passed, whatever the bound: documented as a millisecond.
const PATIENCE: Duration = Duration::from_millis(1);

/// Counts passings, up to `most`, since somebody began to wait at `since`; `None` if it was time that ended
/// them, on a machine that was busy with other things.
fn passings(since: Instant, most: u32, mut pass: impl FnMut(u32) -> bool) -> Option<u32> {
    for passed in 0..most {
        if !pass(passed) {
            return (since.elapsed() < PATIENCE).then_some(passed);
        }
    }
    Some(most)
}

/// Tries until a run was quick enough.
fn undisturbed<T>(run: impl Fn() -> Option<T>) -> T {
    (0..1_000).find_map(|_| run()).expect("one run in a thousand takes less than a millisecond")
}

#[test]
fn waiter_is_passed_exactly_as_often_as_the_bound_says() {
    // Up to the largest number that the word has room for.
    for bound in [0, 1, 2, 5, 126, 127] {
        let passed = undisturbed(|| {
            let sem = Semaphore::with_overtaking(2, bound);
            let held = sem.try_acquire().unwrap();
            let (mut waiting, since) = (Polled::new(sem.acquire_many(2)), Instant::now());
            assert!(waiting.poll().is_pending());

            // A try and a thread that is ready to wait have the same right.
            let passed = passings(since, bound + 1, |turn| match turn % 2 {
                0 => sem.try_acquire().is_ok(),
                _ => sem.acquire().wait_timeout(Duration::ZERO).is_ok(),
            });

            let refused = TryAcquireError::NoPermits { requested: 1, available: 1 };
            assert_eq!(sem.try_acquire().unwrap_err(), refused);
            assert_eq!(waiting.wakes(), 0);
            drop(held);
            assert_eq!(waiting.wakes(), 1);
            assert!(waiting.poll().is_ready());
            passed
        });
        assert_eq!(passed, bound);
    }
}

#[test]
fn waiting_releaser_is_passed_exactly_as_often_as_the_bound_says() {
    for bound in [0, 1, 2, 5, 126, 127] {
        let passed = undisturbed(|| {
            let sem = Semaphore::with_overtaking(2, bound);
            sem.acquire().loose().wait().unwrap();
            let (mut waiting, since) = (Polled::new(sem.release_many(2)), Instant::now());
            assert!(waiting.poll().is_pending());

            let passed = passings(since, bound + 1, |turn| {
                let passed = match turn % 2 {
                    0 => sem.try_release().is_ok(),
                    _ => sem.release().wait_timeout(Duration::ZERO).is_ok(),
                };
                passed && sem.acquire().loose().wait().is_ok()
            });

            assert_eq!(sem.try_release(), Err(TryReleaseError::NotLoose { requested: 1, loose: 1 }));
            assert_eq!(waiting.wakes(), 0);
            sem.acquire().loose().wait().unwrap();
            assert!(waiting.poll().is_ready());
            passed
        });
        assert_eq!(passed, bound);
    }
}

/// What one waiter did not need of its bound is not added to that of the next.
#[test]
fn passings_left_over_from_a_waiter_that_is_gone_are_not_added_up() {
    let passed = undisturbed(|| {
        let sem = Semaphore::with_overtaking(2, 3);
        let _held = sem.try_acquire().unwrap();
        for _ in 0..5 {
            let mut gone = Polled::new(sem.acquire_many(2));
            assert!(gone.poll().is_pending());
            drop(sem.try_acquire());
        }
        let (mut waiting, since) = (Polled::new(sem.acquire_many(2)), Instant::now());
        assert!(waiting.poll().is_pending());

        passings(since, 10, |_| sem.try_acquire().is_ok())
    });
    assert_eq!(passed, 3);
}

/// Each by its own count: the one behind may be passed as often as the one before it, from when it came.
#[test]
fn waiter_behind_another_has_a_bound_of_its_own() {
    let passed = undisturbed(|| {
        let sem = Semaphore::with_overtaking(3, 3);
        let _held = sem.try_acquire().unwrap();
        let (mut first, mut second) = (Polled::new(sem.acquire_many(3)), Polled::new(sem.acquire_many(3)));
        let since = Instant::now();
        assert!(first.poll().is_pending());
        let before_the_second_came = passings(since, 2, |_| sem.try_acquire().is_ok())?;
        assert!(second.poll().is_pending());

        let of_both = passings(since, 10, |_| sem.try_acquire().is_ok())?;
        drop(first);
        let of_the_second = passings(since, 10, |_| sem.try_acquire().is_ok())?;

        Some([before_the_second_came, of_both, of_the_second])
    });
    assert_eq!(passed, [2, 1, 2]);
}

#[test]
fn passing_is_free_where_nobody_waits() {
    let sem = Semaphore::with_overtaking(2, 1);
    let held = sem.try_acquire().unwrap();
    let mut waiting = Polled::new(sem.acquire_many(2));
    assert!(waiting.poll().is_pending());
    drop(sem.try_acquire());
    assert!(sem.try_acquire().is_err());
    drop(waiting);

    for _ in 0..100 {
        drop(sem.try_acquire().unwrap());
    }

    drop(held);
}

/// Whatever the bound, time counts as well.
#[test]
fn waiter_is_passed_for_a_moment_only() {
    for bound in [Semaphore::DEFAULT_OVERTAKES, u32::MAX] {
        let sem = Semaphore::with_overtaking(2, bound);
        let held = sem.try_acquire().unwrap();
        let mut waiting = Polled::new(sem.acquire_many(2));
        assert!(waiting.poll().is_pending());
        let start = Instant::now();

        let mut passed = 0_u64;
        while sem.try_acquire().is_ok() {
            passed += 1;
            assert!(start.elapsed() < Duration::from_secs(10), "it was passed {passed} times");
        }

        assert!(passed > 0, "nobody could pass at all");
        assert!(sem.acquire().wait_timeout(Duration::ZERO).is_err());
        let mut newcomer = Polled::new(sem.acquire());
        assert!(newcomer.poll().is_pending());
        drop(held);
        let Poll::Ready(Ok(mut permit)) = waiting.poll() else { panic!("it is its turn") };
        drop(permit.split(1).unwrap());
        assert!(newcomer.poll().is_ready());
    }
}

/// What is left of a bound is worth nothing once the moment is over.
#[test]
fn waiter_is_not_passed_after_its_moment_though_its_bound_allows_it() {
    for side in ["acquire", "release"] {
        let sem = Semaphore::with_overtaking(2, 127);
        sem.acquire().loose().wait().unwrap();
        let (mut acquire, mut release) = (Polled::new(sem.acquire_many(2)), Polled::new(sem.release_many(2)));
        let pass = || match side {
            "acquire" => sem.try_acquire().is_ok(),
            _ => sem.try_release().is_ok() && sem.acquire().loose().wait().is_ok(),
        };
        let pending = if side == "acquire" { acquire.poll().is_pending() } else { release.poll().is_pending() };
        assert!(pending && pass());

        let start = Instant::now();
        while start.elapsed() < 2 * PATIENCE {
            std::hint::spin_loop();
        }

        // The next one that gives back and serves nobody by it looks at the clock.
        let passed = (0..100).take_while(|_| pass()).count();
        assert!(passed <= 1, "{passed} passed a waiter whose moment was over, to {side}");
    }
}

/// A thread that is woken, comes, and finds its permit taken again by somebody who is quicker: that is a moment, too.
#[test]
fn thread_that_always_comes_too_late_is_handed_its_permit_after_a_moment() {
    const BOUND: usize = 127;
    let passed_until_handed = || {
        let sem = Arc::new(Semaphore::with_overtaking(1, BOUND as u32));
        let mut held = sem.try_acquire_owned().ok();
        let theirs = Arc::clone(&sem);
        let mut waiting = Running::start(move || theirs.acquire_owned().wait().unwrap());
        crate::until(&sem, |state| state.waiting_acquirers == 1);

        let mut passed = 0;
        loop {
            drop(held.take());
            held = sem.try_acquire_owned().ok();
            if held.is_none() {
                break;
            }
            passed += 1;
            // Long enough for the other to come, and for its moment to pass within some turns.
            let start = Instant::now();
            while start.elapsed() < PATIENCE {
                std::hint::spin_loop();
            }
        }
        drop(waiting.outcome(DEADLINE).unwrap());
        passed
    };

    // It is some two turns; more if the thread could not run, and fewer if it was the other that could not.
    let mut passed = [(); 5].map(|()| passed_until_handed());
    passed.sort_unstable();
    assert!(passed[2] < BOUND / 2, "five times so many passed: {passed:?}");
}

/// Not even if the threads before it have been granted passings that they did not use.
#[test]
fn task_never_passes() {
    for bound in [0, 1, 100, Semaphore::DEFAULT_OVERTAKES] {
        let sem = Semaphore::with_overtaking(2, bound);
        sem.acquire().loose().wait().unwrap();
        let (mut large, mut small) = (Polled::new(sem.acquire_many(2)), Polled::new(sem.acquire()));
        assert!(large.poll().is_pending());
        drop(sem.try_acquire());
        assert!(small.poll().is_pending());
        drop((large, small));

        let (mut large, mut small) = (Polled::new(sem.release_many(2)), Polled::new(sem.release()));
        assert!(large.poll().is_pending());
        if sem.try_release().is_ok() {
            sem.acquire().loose().wait().unwrap();
        }
        assert!(small.poll().is_pending());
    }
}

/// And each waiter's moment is its own.
#[test]
fn waiter_behind_one_that_was_passed_for_too_long_may_be_passed_too() {
    let sem = Semaphore::new(2);
    let held = sem.try_acquire().unwrap();
    let (mut first, mut second) = (Polled::new(sem.acquire_many(2)), Polled::new(sem.acquire_many(2)));
    assert!(first.poll().is_pending() && second.poll().is_pending());
    let start = Instant::now();
    while sem.try_acquire().is_ok() {
        assert!(start.elapsed() < Duration::from_secs(10));
    }

    drop(first);

    drop(sem.try_acquire().expect("the second has just become the first"));
    drop(held);
    assert!(second.poll().is_ready());
}

/// A task gets its permit from the one who returns it: nobody can be quicker.
#[test]
fn owner_cannot_retake_past_a_waiting_task() {
    for sem in both_policies(1) {
        let held = sem.try_acquire().unwrap();
        let mut waiting = Polled::new(sem.acquire());
        assert!(waiting.poll().is_pending());

        drop(held);

        assert!(sem.try_acquire().is_err());
        let mut again = Polled::new(sem.acquire());
        assert!(again.poll().is_pending());
        assert!(waiting.poll().is_ready());
        assert!(again.poll().is_ready());
    }
}

#[test]
fn under_fair_the_owner_cannot_retake_past_a_waiting_thread() {
    const ROUNDS: usize = if cfg!(miri) { 5 } else { 300 };
    let sem = Arc::new(Semaphore::fair(1));
    for _ in 0..ROUNDS {
        let held = sem.try_acquire_owned().unwrap();
        let theirs = Arc::clone(&sem);
        let mut waiting = Running::start(move || theirs.acquire_owned().wait().unwrap());
        crate::until(&sem, |state| state.waiting_acquirers == 1);

        drop(held);

        assert!(sem.try_acquire().is_err());
        assert_eq!((counts(&sem), queued(&sem)), ((0, 1, 0), (0, 0)));
        drop(waiting.outcome(DEADLINE).unwrap());
        crate::until(&sem, |state| state.given_out == 0);
    }
}

#[test]
fn chain_of_one_three_and_one_keeps_its_order() {
    for sem in both_policies(3) {
        let (first, second, third) =
            (sem.try_acquire().unwrap(), sem.try_acquire().unwrap(), sem.try_acquire().unwrap());
        let mut chain = [1, 3, 1].map(|n| Polled::new(sem.acquire_many(n)));
        assert!(chain.iter_mut().all(|it| it.poll().is_pending()));

        drop(first);
        assert_eq!(chain.each_ref().map(Polled::wakes), [1, 0, 0]);
        drop(second);
        drop(third);
        assert_eq!((chain.each_ref().map(Polled::wakes), counts(&sem)), ([1, 0, 0], (2, 1, 0)));
        let Poll::Ready(Ok(one)) = chain[0].poll() else { panic!("it is granted") };
        drop(one);
        assert_eq!(chain.each_ref().map(Polled::wakes), [1, 1, 0]);
        let Poll::Ready(Ok(three)) = chain[1].poll() else { panic!("it is granted") };
        drop(three);

        assert_eq!(chain.each_ref().map(Polled::wakes), [1, 1, 1]);
    }
}

#[test]
fn free_permits_are_seen_as_free_while_the_head_wants_more() {
    for sem in both_policies(10) {
        let _held = sem.try_acquire_many(4).unwrap();
        let mut large = Polled::new(sem.acquire_many(8));
        assert!(large.poll().is_pending());

        assert_eq!((sem.available_permits(), sem.given_out(), sem.waiting_acquirers()), (6, 4, 1));
    }
}

/// While one woken thread has not come yet, a second return wakes nobody else; it must end a second wait all the same.
#[test]
fn two_returns_end_two_waits() {
    const ROUNDS: usize = if cfg!(miri) { 5 } else { 500 };
    for sem in both_policies(2) {
        let sem = Arc::new(sem);
        for _ in 0..ROUNDS {
            let (one, other) = (sem.try_acquire_owned().unwrap(), sem.try_acquire_owned().unwrap());
            let mut waiting: Vec<_> = (0..2)
                .map(|_| {
                    let sem = Arc::clone(&sem);
                    Running::start(move || sem.acquire_owned().wait().unwrap())
                })
                .collect();
            crate::until(&sem, |state| state.waiting_acquirers == 2);

            drop(one);
            drop(other);

            let both: Vec<_> = waiting.iter_mut().map(|it| it.outcome(DEADLINE).expect("two came back")).collect();
            assert_eq!((counts(&sem), queued(&sem)), ((0, 2, 0), (0, 0)));
            drop(both);
        }
    }
}

#[test]
fn newcomer_that_takes_what_a_woken_thread_came_for_costs_it_no_wake_up() {
    const ROUNDS: usize = if cfg!(miri) { 5 } else { 2_000 };
    let sem = Arc::new(Semaphore::new(1));
    let done = Arc::new(AtomicU32::new(0));
    let (theirs, count) = (Arc::clone(&sem), Arc::clone(&done));
    let mut waiting = Running::start(move || {
        for _ in 0..ROUNDS {
            drop(theirs.acquire().wait().unwrap());
            count.fetch_add(1, Ordering::SeqCst);
        }
    });

    // Takes it away again and again, and never for long.
    while done.load(Ordering::SeqCst) < ROUNDS as u32 {
        for _ in 0..10 {
            drop(sem.try_acquire());
        }
    }

    waiting.outcome(DEADLINE).unwrap();
    assert_eq!((counts(&sem), queued(&sem)), ((1, 0, 0), (0, 0)));
}

/// Ten threads take two each from seven permits; as many get through as come back, in ones and at once.
#[test]
fn as_many_acquirers_get_through_as_there_are_permits() {
    for sem in both_policies(7) {
        let sem = Arc::new(sem);
        let passed = Arc::new(AtomicU32::new(0));
        let mut threads: Vec<_> = (0..10)
            .map(|_| {
                let (sem, passed) = (Arc::clone(&sem), Arc::clone(&passed));
                Running::start(move || {
                    for _ in 0..2 {
                        sem.acquire().loose().wait().unwrap();
                        passed.fetch_add(1, Ordering::SeqCst);
                    }
                })
            })
            .collect();
        let reaches = |all: u32| {
            assert!(eventually(DEADLINE, || passed.load(Ordering::SeqCst) == all), "{passed:?} of {all} got through");
            assert_eq!(counts(&sem), (0, 0, 7));
        };

        reaches(7);
        for _ in 0..6 {
            sem.release().wait().unwrap();
        }
        reaches(13);
        sem.release_many(7).wait().unwrap();
        reaches(20);

        threads.iter_mut().for_each(|it| it.outcome(DEADLINE).unwrap());
        assert_eq!(queued(&sem), (0, 0));
    }
}

/// Its mirror image: ten threads give two each, and nothing is out.
#[test]
fn as_many_releasers_get_through_as_permits_are_taken() {
    for sem in both_policies(7) {
        let sem = Arc::new(sem);
        let passed = Arc::new(AtomicU32::new(0));
        let mut threads: Vec<_> = (0..10)
            .map(|_| {
                let (sem, passed) = (Arc::clone(&sem), Arc::clone(&passed));
                Running::start(move || {
                    for _ in 0..2 {
                        sem.release().wait().unwrap();
                        passed.fetch_add(1, Ordering::SeqCst);
                    }
                })
            })
            .collect();
        let reaches = |all: u32| {
            assert!(eventually(DEADLINE, || passed.load(Ordering::SeqCst) == all), "{passed:?} of {all} got through");
            crate::until(&sem, |state| state.available_permits == 7);
        };
        crate::until(&sem, |state| state.waiting_releasers == 10);

        for _ in 0..6 {
            sem.acquire().loose().wait().unwrap();
        }
        reaches(6);
        sem.acquire_many(7).loose().wait().unwrap();
        reaches(13);
        sem.acquire_many(7).loose().wait().unwrap();
        reaches(20);

        threads.iter_mut().for_each(|it| it.outcome(DEADLINE).unwrap());
        assert_eq!((counts(&sem), queued(&sem)), ((7, 0, 0), (0, 0)));
    }
}
