//! Models of the interleavings that matter: loom runs each of them through every schedule and every value
//! that a weak memory may show, within the bound on preemptions that is named. Run them with
//! `RUSTFLAGS="--cfg permits_loom" cargo test --release -p permits --test loom`.
//!
//! A model that hangs in some schedule fails as a deadlock, so "it ends" is an assertion here. Time stands
//! still in a model, but that a sleep with a deadline may end at any moment.
#![cfg(permits_loom)]

#[path = "loom/lease.rs"]
mod lease;
#[path = "loom/wakers.rs"]
mod wakers;

use loom::cell::UnsafeCell;
use loom::future::block_on;
use loom::model::Builder;
use loom::thread;
use permits::{AcquireError, AcquireTimeoutError, Handle, Kind, ReleaseError, ReleaseTimeoutError, Request, Semaphore};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

const SOON: Duration = Duration::from_millis(1);

/// Runs a model. Two or three preemptions find what there is to find in models of this size; more take hours.
fn check(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

/// Both policies; the bound is small so that it is reached.
fn policies() -> [fn(u32) -> Semaphore; 2] {
    [|max| Semaphore::fair(max), |max| Semaphore::with_overtaking(max, 1)]
}

fn check_policies(preemptions: usize, model: fn(fn(u32) -> Semaphore)) {
    for policy in policies() {
        check(preemptions, move || model(policy));
    }
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn join(threads: [thread::JoinHandle<()>; 2]) {
    for thread in threads {
        thread.join().unwrap();
    }
}

/// Everything is back, and nobody waits.
fn assert_idle(sem: &Semaphore) {
    let state = sem.state();
    assert_eq!(state.available_permits, state.max_permits, "{state}");
    assert_eq!((state.loose, state.waiting_acquirers, state.waiting_releasers), (0, 0, 0), "{state}");
}

/// A cell that loom lets nobody touch while somebody else does.
struct Guarded(UnsafeCell<u32>);

// SAFETY: the semaphore under test is what makes it true; loom checks it.
#[allow(unsafe_code, reason = "the shared cell whose protection is being tested")]
unsafe impl Sync for Guarded {}

impl Guarded {
    #[allow(unsafe_code, reason = "as above")]
    fn add_one(&self) {
        self.0.with_mut(|value| {
            // SAFETY: loom reports any access that is not ordered with this one.
            unsafe { *value += 1 }
        });
    }
}

#[test]
fn one_permit_excludes_and_publishes() {
    check_policies(2, |new| {
        let shared = Arc::new((new(1), Guarded(UnsafeCell::new(0))));
        let threads = [(); 2].map(|()| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let _permit = shared.0.acquire().wait().unwrap();
                shared.1.add_one();
            })
        });
        let permit = shared.0.acquire().wait().unwrap();
        shared.1.add_one();
        drop(permit);
        join(threads);
        assert_idle(&shared.0);
    });
}

#[test]
fn one_permit_excludes_tasks_and_threads_alike() {
    check_policies(2, |new| {
        let shared = Arc::new((new(1), Guarded(UnsafeCell::new(0))));
        let task = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                block_on(async {
                    let _permit = shared.0.acquire().await.unwrap();
                    shared.1.add_one();
                });
            })
        };
        let thread = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let _permit = shared.0.acquire().wait().unwrap();
                shared.1.add_one();
            })
        };
        let permit = shared.0.acquire().wait().unwrap();
        shared.1.add_one();
        drop(permit);
        task.join().unwrap();
        thread.join().unwrap();
        assert_idle(&shared.0);
    });
}

/// Waits as a thread that polls, and sleeps by itself.
fn wait_by_polls<H: Handle, K: Kind>(request: Request<H, K>) -> Result<K::Output<H>, K::Error> {
    let mut request = pin!(request);
    block_on(poll_fn(|context| request.as_mut().poll_passing(context)))
}

#[test]
fn one_permit_excludes_polling_threads_and_threads_alike() {
    check_policies(2, |new| {
        let shared = Arc::new((new(1), Guarded(UnsafeCell::new(0))));
        let poller = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let _permit = wait_by_polls(shared.0.acquire()).unwrap();
                shared.1.add_one();
            })
        };
        let thread = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let _permit = shared.0.acquire().wait().unwrap();
                shared.1.add_one();
            })
        };
        let permit = wait_by_polls(shared.0.acquire()).unwrap();
        shared.1.add_one();
        drop(permit);
        poller.join().unwrap();
        thread.join().unwrap();
        assert_idle(&shared.0);
    });
}

#[test]
fn a_polling_thread_that_gives_up_makes_way_woken_or_not() {
    check_policies(3, |new| {
        let sem = Arc::new(new(1));
        let permit = sem.try_acquire_owned().unwrap();
        let mut first = Box::pin(sem.acquire_owned());
        assert!(first.as_mut().poll_passing(&mut Context::from_waker(Waker::noop())).is_pending());
        let second = {
            let sem = Arc::clone(&sem);
            thread::spawn(move || drop(sem.acquire().wait().unwrap()))
        };
        let giver = thread::spawn(move || drop(permit));
        drop(first);
        join([second, giver]);
        assert_idle(&sem);
    });
}

#[test]
fn a_polling_thread_takes_what_is_there_when_its_time_is_over() {
    check_policies(3, |new| {
        let sem = Arc::new(new(1));
        let permit = sem.try_acquire_owned().unwrap();
        let giver = thread::spawn(move || drop(permit));
        let mut request = Box::pin(sem.acquire_owned());
        let mut poll = || request.as_mut().poll_passing(&mut Context::from_waker(Waker::noop()));
        let at_once = poll().is_ready();
        giver.join().unwrap();
        assert!(at_once || poll().is_ready());
        drop(request);
        assert_idle(&sem);
    });
}

#[test]
fn a_release_waits_for_its_acquire_and_sees_what_came_before() {
    check_policies(3, |new| {
        let shared = Arc::new((new(1), Guarded(UnsafeCell::new(0))));
        let giver = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                shared.0.release().wait().unwrap();
                shared.1.add_one();
            })
        };
        shared.1.add_one();
        shared.0.acquire().loose().wait().unwrap();
        giver.join().unwrap();
        assert_idle(&shared.0);
    });
}

#[test]
fn a_releasing_task_waits_for_its_acquire_and_sees_what_came_before() {
    check_policies(3, |new| {
        let shared = Arc::new((new(1), Guarded(UnsafeCell::new(0))));
        let giver = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                block_on(shared.0.release()).unwrap();
                shared.1.add_one();
            })
        };
        shared.1.add_one();
        block_on(shared.0.acquire()).unwrap().forget();
        giver.join().unwrap();
        assert_idle(&shared.0);
    });
}

#[test]
fn taker_and_giver_go_to_and_fro() {
    check_policies(2, |new| {
        let sem = Arc::new(new(1));
        let giver = {
            let sem = Arc::clone(&sem);
            thread::spawn(move || {
                for _ in 0..2 {
                    sem.release().wait().unwrap();
                }
            })
        };
        for _ in 0..2 {
            sem.acquire().wait().unwrap().forget();
        }
        giver.join().unwrap();
        assert_idle(&sem);
    });
}

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

#[test]
fn a_forget_lets_a_release_through() {
    check_policies(3, |new| {
        let sem = Arc::new(new(1));
        let permit = sem.acquire_owned().wait().unwrap();
        let giver = {
            let sem = Arc::clone(&sem);
            thread::spawn(move || sem.release().wait().unwrap())
        };
        permit.forget();
        giver.join().unwrap();
        assert_idle(&sem);
    });
}

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

#[test]
fn close_ends_every_wait_and_loses_nothing() {
    check_policies(2, |new| {
        let sem = Arc::new(new(1));
        let held = sem.acquire_owned().wait().unwrap();
        let acquirer = {
            let sem = Arc::clone(&sem);
            thread::spawn(move || match sem.acquire().wait() {
                Ok(permit) => drop(permit),
                Err(error) => assert_eq!(error, AcquireError::Closed),
            })
        };
        let releaser = {
            let sem = Arc::clone(&sem);
            thread::spawn(move || assert_eq!(block_on(sem.release()), Err(ReleaseError::Closed)))
        };
        let closer = {
            let sem = Arc::clone(&sem);
            thread::spawn(move || sem.close())
        };
        drop(held);
        acquirer.join().unwrap();
        releaser.join().unwrap();
        closer.join().unwrap();
        assert!(sem.is_closed());
        assert_idle(&sem);
    });
}

#[test]
fn what_is_loose_comes_back_through_a_close() {
    check_policies(3, |new| {
        let sem = Arc::new(new(1));
        sem.acquire().loose().wait().unwrap();
        let closer = {
            let sem = Arc::clone(&sem);
            thread::spawn(move || sem.close())
        };
        sem.release().wait().unwrap();
        closer.join().unwrap();
        assert_eq!(sem.release().wait(), Err(ReleaseError::Closed));
        assert_idle(&sem);
    });
}

#[test]
fn close_against_a_dropped_and_a_timed_wait() {
    check_policies(2, |new| {
        let sem = Arc::new(new(1));
        let held = sem.acquire_owned().wait().unwrap();
        let dropped = {
            let sem = Arc::clone(&sem);
            thread::spawn(move || {
                let mut request = pin!(sem.acquire());
                drop(poll_once(request.as_mut()));
            })
        };
        let timed = {
            let sem = Arc::clone(&sem);
            thread::spawn(move || drop(sem.acquire().wait_timeout(SOON)))
        };
        sem.close();
        drop(held);
        dropped.join().unwrap();
        timed.join().unwrap();
        assert_idle(&sem);
    });
}

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

#[test]
fn the_last_user_may_drop_the_semaphore_right_after_its_wait() {
    for policy in policies() {
        check(3, move || {
            let sem = Arc::new(policy(1));
            let permit = sem.acquire_owned().wait().unwrap();
            let other = thread::spawn(move || drop(permit));
            let last = sem.acquire_owned();
            drop(sem);
            drop(last.wait().unwrap());
            other.join().unwrap();
        });
        check(3, move || {
            let sem = Arc::new(policy(1));
            let permit = sem.acquire_owned().wait().unwrap();
            let other = thread::spawn(move || permit.forget());
            let last = sem.release_owned();
            drop(sem);
            last.wait().unwrap();
            other.join().unwrap();
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
