//! Permits that go from hand to hand under the lock, and waits that are given up and leave their flag behind.

use crate::{Guarded, assert_idle, check, check_policies, join, poll_once};
use loom::cell::UnsafeCell;
use loom::future::block_on;
use loom::thread;
use permits::{AcquireOwned, OwnedPermit, Semaphore};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

fn waiting(sem: &Arc<Semaphore>, n: u32) -> Pin<Box<AcquireOwned>> {
    let mut request = Box::pin(sem.acquire_many_owned(n));
    assert!(poll_once(request.as_mut()).is_pending());
    request
}

fn granted(request: &mut Pin<Box<AcquireOwned>>) -> OwnedPermit {
    match poll_once(request.as_mut()) {
        Poll::Ready(permit) => permit.unwrap(),
        Poll::Pending => panic!("it is the first, and its permits are there"),
    }
}

/// A guard that has waited for `n` permits, of a semaphore that has as many.
fn from_queue(sem: &Arc<Semaphore>, n: u32) -> OwnedPermit {
    let first = sem.try_acquire_many_owned(n).unwrap();
    let mut request = waiting(sem, n);
    drop(first);
    granted(&mut request)
}

/// In the middle of the queue a grant leaves the word as it was: all that happened before comes with the
/// stage.
#[test]
fn a_permit_that_goes_from_hand_to_hand_excludes_and_publishes() {
    check_policies(3, |new| {
        let sem = Arc::new(new(1));
        let shared = Arc::new(Guarded(UnsafeCell::new(0)));
        let held = from_queue(&sem, 1);
        let queue = [waiting(&sem, 1), waiting(&sem, 1)];
        let tasks = queue.map(|request| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let _permit = block_on(request).unwrap();
                shared.add_one();
            })
        });
        shared.add_one();
        drop(held);
        join(tasks);
        assert_idle(&sem);
    });
}

#[test]
fn a_hand_over_races_a_newcomer_that_passes_and_one_that_queues() {
    check_policies(2, |new| {
        let shared = Arc::new((new(1), Guarded(UnsafeCell::new(0))));
        let first = shared.0.try_acquire().unwrap();
        let mut request = pin!(shared.0.acquire());
        assert!(poll_once(request.as_mut()).is_pending());
        drop(first);
        let Poll::Ready(held) = poll_once(request.as_mut()) else { panic!("it is the first") };
        let passing = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                if let Ok(_permit) = shared.0.try_acquire() {
                    shared.1.add_one();
                }
            })
        };
        let queuing = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let _permit = block_on(shared.0.acquire()).unwrap();
                shared.1.add_one();
            })
        };
        shared.1.add_one();
        drop(held.unwrap());
        join([passing, queuing]);
        assert_idle(&shared.0);
    });
}

/// Between the look at the word and the lock, the head may be woken, the permit that it was woken for be
/// taken by a newcomer, and its bound be used up.
#[test]
fn a_hand_over_leaves_a_woken_head_its_place() {
    check(2, || {
        let sem = Arc::new(Semaphore::with_overtaking(2, 1));
        let mut plain = sem.try_acquire_many_owned(2).unwrap();
        let mut request = waiting(&sem, 1);
        drop(plain.split(1).unwrap());
        let queued = granted(&mut request);
        let mut polling = [(); 2].map(|()| Box::pin(sem.acquire_owned()));
        let mut poll = |at: usize| polling[at].as_mut().poll_passing(&mut Context::from_waker(Waker::noop()));
        assert!(poll(0).is_pending() && poll(1).is_pending());
        let passing = {
            let sem = Arc::clone(&sem);
            thread::spawn(move || drop(sem.try_acquire()))
        };
        let givers = [queued, plain].map(|permit| thread::spawn(move || drop(permit)));
        join(givers);
        passing.join().unwrap();
        assert!(poll(0).is_ready());
        assert!(poll(1).is_ready());
        assert_idle(&sem);
    });
}

#[test]
fn a_batch_that_is_handed_over_reaches_all_it_suffices_for() {
    check_policies(2, |new| {
        let sem = Arc::new(new(2));
        let held = from_queue(&sem, 2);
        let [first, second] = [waiting(&sem, 1), waiting(&sem, 1)];
        let giver = thread::spawn(move || drop(held));
        let tasks = [first, second].map(|request| thread::spawn(move || block_on(request).unwrap().forget()));
        join(tasks);
        giver.join().unwrap();
        assert_eq!((sem.available_permits(), sem.loose()), (0, 2));
    });
}

/// The permit that a thread takes loose is for the other side's waiter, which the word tells beforehand.
#[test]
fn what_is_taken_or_returned_goes_on_to_the_other_side_in_the_same_step() {
    check_policies(3, |new| {
        let sem = Arc::new(new(1));
        let mut release = Box::pin(sem.release_owned());
        assert!(poll_once(release.as_mut()).is_pending());
        let returning = thread::spawn(move || block_on(release).unwrap());
        let taking = {
            let sem = Arc::clone(&sem);
            thread::spawn(move || sem.acquire().loose().wait().unwrap())
        };
        join([returning, taking]);
        assert_idle(&sem);
    });
}

#[test]
fn a_hand_over_races_a_close() {
    check_policies(3, |new| {
        let sem = Arc::new(new(1));
        let held = from_queue(&sem, 1);
        let mut request = waiting(&sem, 1);
        let closer = {
            let sem = Arc::clone(&sem);
            thread::spawn(move || sem.close())
        };
        let giver = thread::spawn(move || drop(held));
        join([closer, giver]);
        let Poll::Ready(outcome) = poll_once(request.as_mut()) else { panic!("granted, or closed") };
        drop(outcome);
        assert_idle(&sem);
    });
}

#[test]
fn a_hand_over_races_a_shrink() {
    check_policies(3, |new| {
        let sem = Arc::new(new(2));
        let held = from_queue(&sem, 2);
        let mut request = waiting(&sem, 1);
        let shrinker = {
            let sem = Arc::clone(&sem);
            thread::spawn(move || sem.shrink(1).unwrap())
        };
        let giver = thread::spawn(move || drop(held));
        join([shrinker, giver]);
        assert_eq!((sem.max_permits(), sem.available_permits()), (1, 0));
        drop(granted(&mut request));
        assert_idle(&sem);
    });
}

/// The one that gave up was alone, and has left its flag; the permit comes back, and that ends the flag.
#[test]
fn a_wait_that_is_given_up_stands_in_no_way() {
    check_policies(3, |new| {
        let sem = Arc::new(new(1));
        let held = sem.try_acquire_owned().unwrap();
        let request = waiting(&sem, 1);
        let leaving = thread::spawn(move || drop(request));
        let giver = thread::spawn(move || drop(held));
        join([leaving, giver]);
        drop(sem.try_acquire().unwrap());
        assert_idle(&sem);
    });
}

#[test]
fn after_a_wait_that_is_given_up_the_next_ones_are_served() {
    check_policies(2, |new| {
        let sem = Arc::new(new(1));
        let held = sem.try_acquire_owned().unwrap();
        drop(waiting(&sem, 1));
        let task = {
            let sem = Arc::clone(&sem);
            thread::spawn(move || drop(block_on(sem.acquire()).unwrap()))
        };
        let thread = {
            let sem = Arc::clone(&sem);
            thread::spawn(move || drop(sem.acquire().wait().unwrap()))
        };
        drop(held);
        join([task, thread]);
        assert_idle(&sem);
    });
}

/// A waiting thread's grant puts a loose permit where the flag is that a releaser has left.
#[test]
fn a_flag_that_was_left_goes_when_a_grant_of_the_other_side_feeds_its_own() {
    check_policies(2, |new| {
        let sem = Arc::new(new(1));
        let held = sem.try_acquire_owned().unwrap();
        let mut release = Box::pin(sem.release_owned());
        assert!(poll_once(release.as_mut()).is_pending());
        drop(release);
        let taking = {
            let sem = Arc::clone(&sem);
            thread::spawn(move || sem.acquire().loose().wait().unwrap())
        };
        let giver = thread::spawn(move || drop(held));
        join([taking, giver]);
        sem.try_release().unwrap();
        assert_idle(&sem);
    });
}
