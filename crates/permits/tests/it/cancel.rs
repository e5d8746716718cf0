//! Requests that are taken back, granted or not: what they leave behind is nothing, and whoever fits then
//! goes at once (C10).
//!
//! Covers: a cancelled head that lets nobody go, a grant that is lost with the future it was for, a first
//! wake that does not lead to the second, a future that outlives its task, the wrong one of a task's two
//! futures dequeued, a cancel that races a return, a request that was over before it began, and a grant to a
//! future that nobody polls, which has the name of futurelock: <https://rfd.shared.oxide.computer/rfd/0609>.

use crate::{DEADLINE, both_policies, counts, queued};
use permits::{AcquireTimeoutError, ReleaseTimeoutError, Semaphore};
use permits_conformance::wait::{Polled, Running};
use std::future::{Future, poll_fn};
use std::mem;
use std::sync::{Arc, Barrier};
use std::task::Poll;
use std::time::Duration;

/// For a thread's limit, so that others are queued behind it before it is over, on a busy machine too.
const LONG_ENOUGH: Duration = Duration::from_secs(1);

#[test]
fn cancelled_head_lets_the_next_one_go() {
    for sem in both_policies(2) {
        let _held = sem.try_acquire().unwrap();
        let (mut large, mut small) = (Polled::new(sem.acquire_many(2)), Polled::new(sem.acquire()));
        assert!(large.poll().is_pending() && small.poll().is_pending());

        drop(large);

        assert_eq!(small.wakes(), 1);
        assert!(small.poll().is_ready());
    }
}

#[test]
fn cancelled_head_lets_all_go_who_fit() {
    for sem in both_policies(4) {
        let _held = sem.try_acquire().unwrap();
        let mut large = Polled::new(sem.acquire_many(4));
        let mut small = [1, 1, 1, 1].map(|n| Polled::new(sem.acquire_many(n)));
        assert!(large.poll().is_pending() && small.iter_mut().all(|it| it.poll().is_pending()));

        drop(large);

        assert_eq!(small.each_ref().map(Polled::wakes), [1, 1, 1, 0]);
        assert_eq!((counts(&sem), queued(&sem)), ((0, 4, 0), (1, 0)));
    }
}

#[test]
fn cancelled_head_releaser_lets_the_next_one_go() {
    for sem in both_policies(2) {
        sem.acquire().loose().wait().unwrap();
        let (mut large, mut small) = (Polled::new(sem.release_many(2)), Polled::new(sem.release()));
        assert!(large.poll().is_pending() && small.poll().is_pending());

        drop(large);

        assert_eq!(small.wakes(), 1);
        assert!(small.poll().is_ready());
        assert_eq!(counts(&sem), (2, 0, 0));
    }
}

#[test]
fn timed_out_head_lets_the_next_one_go() {
    for sem in both_policies(2) {
        let sem = Arc::new(sem);
        let held = sem.try_acquire().unwrap();
        let thread = |n, time| {
            let sem = Arc::clone(&sem);
            Running::start(move || sem.acquire_many(n).wait_timeout(time).map(drop))
        };
        let mut large = thread(2, LONG_ENOUGH);
        crate::until(&sem, |state| state.waiting_acquirers == 1);
        let mut small = Polled::new(sem.acquire());
        assert!(small.poll().is_pending());

        let outcome = large.outcome(DEADLINE).unwrap();

        assert!(matches!(outcome, Err(AcquireTimeoutError::TimedOut(_))));
        assert!(small.poll().is_ready());
        drop(held);
    }
}

#[test]
fn timed_out_head_releaser_lets_the_next_one_go() {
    for sem in both_policies(2) {
        let sem = Arc::new(sem);
        sem.acquire().loose().wait().unwrap();
        let large = Arc::clone(&sem);
        let mut large = Running::start(move || large.release_many(2).wait_timeout(LONG_ENOUGH));
        crate::until(&sem, |state| state.waiting_releasers == 1);
        let mut small = Polled::new(sem.release());
        assert!(small.poll().is_pending());

        let outcome = large.outcome(DEADLINE).unwrap();

        assert!(matches!(outcome, Err(ReleaseTimeoutError::TimedOut(_))));
        assert!(small.poll().is_ready());
        assert_eq!(counts(&sem), (2, 0, 0));
    }
}

#[test]
fn granted_and_dropped_unpolled_goes_to_the_next_in_line() {
    for sem in both_policies(1) {
        let held = sem.try_acquire().unwrap();
        let (mut first, mut second) = (Polled::new(sem.acquire()), Polled::new(sem.acquire().loose()));
        let mut third = Polled::new(sem.acquire());
        assert!(first.poll().is_pending() && second.poll().is_pending() && third.poll().is_pending());
        drop(held);
        assert_eq!((first.wakes(), second.wakes()), (1, 0));

        drop(first);
        assert_eq!((second.wakes(), third.wakes()), (1, 0));
        drop(second);

        assert_eq!(third.wakes(), 1);
        assert!(third.poll().is_ready());
        assert_eq!((counts(&sem), queued(&sem)), ((1, 0, 0), (0, 0)));
    }
}

#[test]
fn granted_release_that_is_dropped_unpolled_goes_to_the_next_in_line() {
    for sem in both_policies(1) {
        let (mut first, mut second) = (Polled::new(sem.release()), Polled::new(sem.release()));
        assert!(first.poll().is_pending() && second.poll().is_pending());
        sem.try_acquire().unwrap().forget();
        assert_eq!((first.wakes(), second.wakes()), (1, 0));

        drop(first);

        assert_eq!(second.wakes(), 1);
        assert!(second.poll().is_ready());
        assert_eq!((counts(&sem), queued(&sem)), ((1, 0, 0), (0, 0)));
    }
}

#[test]
fn granted_and_dropped_with_nobody_behind_has_done_nothing() {
    for sem in both_policies(1) {
        let held = sem.try_acquire().unwrap();
        let mut acquire = Polled::new(sem.acquire());
        assert!(acquire.poll().is_pending());
        drop(held);
        assert_eq!(counts(&sem), (0, 1, 0));
        drop(acquire);
        assert_eq!(counts(&sem), (1, 0, 0));

        let mut release = Polled::new(sem.release());
        assert!(release.poll().is_pending());
        sem.acquire().loose().try_now().unwrap();
        drop(release);
        assert_eq!(counts(&sem), (0, 0, 1));
    }
}

/// The grant of a loose permit is a reservation until the poll: no releaser may be let through by it, as that
/// could not be undone.
#[test]
fn granted_loose_acquire_lets_releasers_through_by_its_poll_only() {
    for sem in both_policies(1) {
        let held = sem.try_acquire().unwrap();
        let (mut acquire, mut release) = (Polled::new(sem.acquire().loose()), Polled::new(sem.release()));
        assert!(acquire.poll().is_pending() && release.poll().is_pending());
        drop(held);
        assert_eq!((acquire.wakes(), release.wakes()), (1, 0));

        drop(acquire);
        assert_eq!((counts(&sem), release.wakes()), ((1, 0, 0), 0));
        let held = sem.try_acquire().unwrap();
        let mut acquire = Polled::new(sem.acquire().loose());
        assert!(acquire.poll().is_pending());
        drop(held);
        assert!(acquire.poll().is_ready());

        assert_eq!(release.wakes(), 1);
        assert!(release.poll().is_ready());
        assert_eq!(counts(&sem), (1, 0, 0));
    }
}

#[test]
fn granted_release_lets_acquirers_through_by_its_poll_only() {
    for sem in both_policies(1) {
        let mut release = Polled::new(sem.release());
        assert!(release.poll().is_pending());
        sem.acquire().loose().try_now().unwrap();
        let mut acquire = Polled::new(sem.acquire());
        assert!(acquire.poll().is_pending());
        assert_eq!((release.wakes(), acquire.wakes()), (1, 0));

        assert!(release.poll().is_ready());

        assert_eq!(acquire.wakes(), 1);
        assert!(acquire.poll().is_ready());
    }
}

#[test]
fn one_return_of_three_serves_three_waiters() {
    for sem in both_policies(3) {
        let held = sem.try_acquire_many(3).unwrap();
        let mut waiting = [(); 3].map(|()| Polled::new(sem.acquire()));
        assert!(waiting.iter_mut().all(|it| it.poll().is_pending()));

        drop(held);

        let granted = waiting.each_mut().map(|it| it.poll());
        assert!(granted.iter().all(|it| it.is_ready()));
        assert_eq!(counts(&sem), (0, 3, 0));
    }
}

/// More than fit into one stretch under the lock.
#[test]
fn one_return_of_a_hundred_serves_a_hundred_waiters() {
    for sem in both_policies(100) {
        let held = sem.try_acquire_many(100).unwrap();
        let mut waiting: Vec<_> = (0..100).map(|_| Polled::new(sem.acquire().loose())).collect();
        let mut releasing: Vec<_> = (0..100).map(|_| Polled::new(sem.release())).collect();
        assert!(waiting.iter_mut().all(|it| it.poll().is_pending()));
        assert!(releasing.iter_mut().all(|it| it.poll().is_pending()));

        drop(held);

        assert!(waiting.iter_mut().all(|it| it.poll().is_ready()));
        assert!(releasing.iter_mut().all(|it| it.poll().is_ready()));
        assert_eq!((counts(&sem), queued(&sem)), ((100, 0, 0), (0, 0)));
    }
}

#[test]
fn cancelling_one_that_is_not_first_wakes_nobody() {
    for sem in both_policies(2) {
        let held = sem.try_acquire().unwrap();
        let mut waiting = [2, 1, 1, 2].map(|n| Polled::new(sem.acquire_many(n)));
        assert!(waiting.iter_mut().all(|it| it.poll().is_pending()));
        let [first, second, third, fourth] = waiting;

        drop(second);
        drop(fourth);

        assert_eq!((first.wakes(), third.wakes(), queued(&sem)), (0, 0, (2, 0)));
        drop(held);
        assert_eq!((first.wakes(), third.wakes(), queued(&sem)), (1, 0, (1, 0)));
    }
}

#[test]
fn two_futures_of_one_task_may_be_dropped_in_either_order() {
    for first_goes_first in [true, false] {
        for sem in both_policies(1) {
            let held = sem.try_acquire().unwrap();
            let sem = &sem;
            // One task that holds both: one waker for the two.
            let (mut first, mut second) = (Box::pin(sem.acquire()), Box::pin(sem.acquire()));
            let mut task = Polled::new(poll_fn(move |context| {
                assert!(first.as_mut().poll(context).is_pending() && second.as_mut().poll(context).is_pending());
                let (gone, kept) = if first_goes_first { (&mut first, &mut second) } else { (&mut second, &mut first) };
                gone.set(sem.acquire());
                Poll::Ready(mem::replace(kept, Box::pin(sem.acquire())))
            }));
            let Poll::Ready(kept) = task.poll() else { panic!("it only looks at them") };
            assert_eq!(queued(sem), (1, 0));

            drop(held);

            assert_eq!(task.wakes(), 1);
            assert!(Polled::new(kept).poll().is_ready());
        }
    }
}

/// Parked in a struct, say, by a task that ended: woken, it wakes nobody, and its permits wait with it.
#[test]
fn future_that_outlives_its_task_keeps_its_place_until_it_is_dropped() {
    for sem in both_policies(1) {
        let held = sem.try_acquire().unwrap();
        let mut parked = Box::pin(sem.acquire());
        {
            let parked = &mut parked;
            let mut task =
                Polled::new(
                    async move { poll_fn(|context| Poll::Ready(parked.as_mut().poll(context).is_pending())).await },
                );
            assert_eq!(task.poll(), Poll::Ready(true));
        }
        let mut next = Polled::new(sem.acquire());
        assert!(next.poll().is_pending());
        drop(held);
        assert_eq!((next.wakes(), counts(&sem)), (0, (0, 1, 0)));

        drop(parked);

        assert!(next.poll().is_ready());
    }
}

/// What is known as futurelock: the order is kept for somebody who does not come. Dropping that future is the way out.
#[test]
fn unpolled_grant_holds_up_the_queue_and_dropping_it_lets_the_next_go() {
    for sem in both_policies(1) {
        let held = sem.try_acquire().unwrap();
        let (mut first, mut second) = (Polled::new(sem.acquire()), Polled::new(sem.acquire()));
        assert!(first.poll().is_pending() && second.poll().is_pending());
        drop(held);

        assert!(second.poll().is_pending());
        assert!(sem.try_acquire().is_err());
        assert_eq!(counts(&sem), (0, 1, 0));
        drop(first);

        assert!(second.poll().is_ready());
    }
}

#[test]
fn request_that_is_dropped_before_its_first_poll_was_never_there() {
    for sem in both_policies(1) {
        let sem = Arc::new(sem);
        drop(sem.acquire());
        drop(sem.acquire_owned().loose());
        drop(sem.release_owned());
        drop(Polled::new(sem.acquire()));

        assert_eq!((counts(&sem), queued(&sem), Arc::strong_count(&sem)), ((1, 0, 0), (0, 0), 1));
    }
}

#[test]
fn cancelled_owned_request_gives_its_share_back() {
    let sem = Arc::new(Semaphore::new(1));
    let held = sem.try_acquire_owned().unwrap();
    let mut waiting = Polled::new(sem.acquire_owned());
    assert!(waiting.poll().is_pending());
    assert_eq!(Arc::strong_count(&sem), 3);

    drop(waiting);
    drop(held);

    assert_eq!(Arc::strong_count(&sem), 1);
}

/// Safe, if unwise: nothing is freed while the queue points at it.
#[test]
fn leaked_future_keeps_its_place_and_does_no_other_harm() {
    for sem in both_policies(2) {
        let held = sem.try_acquire_many(2).unwrap();
        let mut leaked = Polled::new(sem.acquire());
        assert!(leaked.poll().is_pending());
        mem::forget(leaked);
        let mut next = Polled::new(sem.acquire());
        assert!(next.poll().is_pending());

        drop(held);

        assert!(next.poll().is_ready());
        assert_eq!(counts(&sem), (1, 1, 0));
        let mut behind = Polled::new(sem.acquire_many(2));
        assert!(behind.poll().is_pending());
        drop(behind);
        sem.close();
        assert_eq!(queued(&sem), (0, 0));
    }
}

#[test]
fn cancel_that_races_a_return_leaves_the_permit_in_one_place() {
    const ROUNDS: usize = if cfg!(miri) { 20 } else { 5_000 };
    for sem in both_policies(1) {
        let sem = Arc::new(sem);
        let meeting = Arc::new(Barrier::new(2));
        let (theirs, other) = (Arc::clone(&sem), Arc::clone(&meeting));
        let mut canceller = Running::start(move || {
            for round in 0..ROUNDS {
                other.wait();
                let mut future = Polled::new(theirs.acquire());
                assert!(future.poll().is_pending());
                other.wait();
                // Now and then late enough to meet the grant half-way.
                for _ in 0..round % 50 {
                    std::hint::spin_loop();
                }
                if round % 3 == 0 {
                    drop(future.poll());
                }
                drop(future);
                other.wait();
            }
        });
        for _ in 0..ROUNDS {
            let held = sem.try_acquire().unwrap();
            meeting.wait();
            crate::until(&sem, |state| state.waiting_acquirers == 1);
            let mut next = Polled::new(sem.acquire());
            assert!(next.poll().is_pending());
            meeting.wait();

            drop(held);
            meeting.wait();

            assert_eq!((next.wakes(), counts(&sem), queued(&sem)), (1, (0, 1, 0), (0, 0)));
            drop(next);
        }
        canceller.outcome(DEADLINE).unwrap();
    }
}

/// Three threads poll two futures each and drop them, while ten come back: small, and good at finding what
/// cancel gets wrong.
#[test]
fn many_cancels_that_race_one_large_return_lose_nothing() {
    const ROUNDS: usize = if cfg!(miri) { 5 } else { 300 };
    for sem in both_policies(10) {
        let sem = Arc::new(sem);
        for _ in 0..ROUNDS {
            let held = sem.try_acquire_many(10).unwrap();
            let mut threads: Vec<_> = (0..3)
                .map(|number| {
                    let sem = Arc::clone(&sem);
                    Running::start(move || {
                        let mut first = Polled::new(sem.acquire_many(5 + number));
                        let mut second = Polled::new(sem.acquire_many(3));
                        drop(first.poll());
                        drop(second.poll());
                    })
                })
                .collect();

            drop(held);

            for thread in &mut threads {
                thread.outcome(DEADLINE).unwrap();
            }
            assert_eq!((counts(&sem), queued(&sem)), ((10, 0, 0), (0, 0)));
        }
    }
}
