//! C10: a request that is taken back leaves no trace.

use crate::dice::Dice;
use crate::rig::{Policy, Rig};
use crate::trial::{Trial, Waiting, Who, fails, forget};
use crate::wait::{Running, always};
use permits::ErrorKind;
use permits::limit::{Limit, WaitBlocking};
use std::sync::{Arc, Barrier};
use std::time::Duration;

/// C10 cancel: dropping a waiting future, or timing out, leaves no trace.
pub fn c10_cancel<R: Rig>(rig: &R, policy: Policy) {
    a_request_that_was_never_waited_for_does_nothing(rig, policy);
    a_dropped_future_leaves_no_trace(rig, policy);
    a_timeout_leaves_no_trace(rig, policy);
    for who in Who::BOTH {
        behind_an_acquirer_that_leaves_whoever_fits_goes(rig, policy, who);
        behind_a_releaser_that_leaves_whoever_fits_goes(rig, policy, who);
    }
    one_that_leaves_from_the_middle_changes_nothing_for_the_rest(rig, policy);
    a_grant_that_is_dropped_unpolled_is_passed_on(rig, policy);
    a_grant_that_is_dropped_unpolled_with_nobody_behind_goes_back(rig, policy);
    a_permit_is_in_one_place_however_cancel_and_grant_race(rig, policy);
    a_crowd_leaves_in_any_order(rig, policy);
}

fn a_request_that_was_never_waited_for_does_nothing<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 2);
    trial.take_loose(1);

    drop(trial.limit.acquire_many(1));
    drop(trial.limit.release_many(1));
    drop(trial.acquiring(1));
    drop(trial.releasing(1));

    trial.stays(1, 0, 1);
    trial.queues(0, 0);
}

fn a_dropped_future_leaves_no_trace<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 2);
    let held = trial.take(1);
    let (acquire, release) = (trial.queued_acquire(2), trial.queued_release(1));

    drop(acquire);
    drop(release);

    trial.queues(0, 0);
    trial.settles(1, 1, 0);
    drop(held);
    trial.settles(2, 0, 0);
    trial.stays(2, 0, 0);
    trial.take_loose(1);
    trial.stays(1, 0, 1);
}

fn a_timeout_leaves_no_trace<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 2);
    let held = trial.take(1);

    fails(trial.limit.acquire_many(2).wait_timeout(rig.grace()), ErrorKind::TimedOut);
    fails(trial.limit.release_many(1).wait_timeout(rig.grace()), ErrorKind::TimedOut);

    trial.queues(0, 0);
    trial.settles(1, 1, 0);
    drop(held);
    trial.settles(2, 0, 0);
    trial.stays(2, 0, 0);
    trial.take_loose(1);
    trial.stays(1, 0, 1);
}

/// For a thread's limit, so that others are queued behind it before it is over, on a busy machine too.
fn long_enough(rig: &impl Rig) -> Duration {
    (rig.grace() * 20).max(Duration::from_secs(1))
}

/// A waiter at the head of a queue, and how it leaves.
fn leave<T: Send + 'static, R: Rig>(trial: &Trial<'_, R>, head: Waiting<T>) {
    match head {
        Waiting::Task(task) => drop(task),
        mut thread @ Waiting::Thread(_) => drop(trial.refused(&mut thread, ErrorKind::TimedOut)),
    }
}

fn behind_an_acquirer_that_leaves_whoever_fits_goes<R: Rig>(rig: &R, policy: Policy, who: Who) {
    let trial = Trial::new(rig, policy, 3);
    let held = trial.take(1);
    let head = match who {
        Who::Task => Waiting::Task(trial.queued_acquire(3)),
        Who::Thread => {
            let (limit, time) = (rig.another(&trial.limit), long_enough(rig));
            let thread = Running::start(move || limit.acquire_many(3).wait_timeout(time));
            trial.queues(1, 0);
            Waiting::Thread(thread)
        }
    };
    let (mut second, mut third) = (trial.acquirer(Who::Task, 1), trial.acquirer(Who::Task, 1));

    leave(&trial, head);

    // Nothing was returned: what they get was free all the time.
    let both = (trial.granted(&mut second), trial.granted(&mut third));
    trial.settles(0, 3, 0);
    drop((held, both));
    trial.settles(3, 0, 0);
}

fn behind_a_releaser_that_leaves_whoever_fits_goes<R: Rig>(rig: &R, policy: Policy, who: Who) {
    let trial = Trial::new(rig, policy, 3);
    trial.take_loose(2);
    let head = match who {
        Who::Task => Waiting::Task(trial.queued_release(3)),
        Who::Thread => {
            let (limit, time) = (rig.another(&trial.limit), long_enough(rig));
            let thread = Running::start(move || limit.release_many(3).wait_timeout(time));
            trial.queues(0, 1);
            Waiting::Thread(thread)
        }
    };
    let (mut second, mut third) = (trial.releaser(Who::Task, 1), trial.releaser(Who::Task, 1));

    leave(&trial, head);

    trial.granted(&mut second);
    trial.granted(&mut third);
    trial.settles(3, 0, 0);
}

fn one_that_leaves_from_the_middle_changes_nothing_for_the_rest<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 1);
    let held = trial.take(1);
    let (mut first, middle, mut last) = (trial.queued_acquire(1), trial.queued_acquire(1), trial.queued_acquire(1));

    drop(middle);

    trial.queues(2, 0);
    assert!(always(rig.grace(), || first.poll_if_woken().is_pending() && last.poll_if_woken().is_pending()));
    drop(held);
    let permit = first.outcome(rig.deadline()).expect("it is the first").expect("it is not closed");
    assert!(always(rig.grace(), || last.poll_if_woken().is_pending()));
    drop(permit);
    assert!(last.outcome(rig.deadline()).expect("it is the next").is_ok());
}

fn a_grant_that_is_dropped_unpolled_is_passed_on<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 1);
    let held = trial.take(1);
    let (granted, mut next) = (trial.queued_acquire(1), trial.acquirer(Who::Task, 1));
    drop(held);
    trial.queues(1, 0);

    drop(granted);

    trial.granted(&mut next);
    trial.settles(1, 0, 0);

    let (granted, mut next) = (trial.queued_release(1), trial.releaser(Who::Task, 1));
    trial.take_loose(1);
    trial.queues(0, 1);

    drop(granted);

    trial.granted(&mut next);
    trial.settles(1, 0, 0);
}

fn a_grant_that_is_dropped_unpolled_with_nobody_behind_goes_back<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 2);
    let held = trial.take(2);
    let granted = trial.queued_acquire(2);
    drop(held);
    trial.queues(0, 0);
    trial.stays(0, 2, 0);

    drop(granted);

    trial.settles(2, 0, 0);

    let granted = trial.queued_release(2);
    trial.take_loose(2);
    trial.queues(0, 0);

    drop(granted);

    // Dropped, so nothing was returned: they are as loose as before.
    trial.settles(0, 0, 2);
    trial.stays(0, 0, 2);
    trial.give(2);
    trial.settles(2, 0, 0);
}

fn a_permit_is_in_one_place_however_cancel_and_grant_race<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 1);
    for _ in 0..rig.rounds().div_ceil(4) {
        let held = trial.take(1);
        let (leaves, mut stays) = (trial.queued_acquire(1), trial.acquirer(Who::Task, 1));
        let start = Arc::new(Barrier::new(2));
        let other = Arc::clone(&start);
        let mut canceller = Running::start(move || {
            other.wait();
            drop(leaves);
        });

        start.wait();
        drop(held);

        canceller.outcome(rig.deadline()).expect("a drop does not wait");
        drop(trial.granted(&mut stays));
        trial.settles(1, 0, 0);
        trial.queues(0, 0);
    }
    for _ in 0..rig.rounds().div_ceil(4) {
        let limit = rig.another(&trial.limit);
        let mut timed = Running::start(move || limit.release_many(1).wait_timeout(Duration::from_micros(50)));

        trial.take_loose(1);

        match timed.outcome(rig.deadline()).expect("it has a limit") {
            Ok(()) => trial.settles(1, 0, 0),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
                trial.settles(0, 0, 1);
                trial.give(1);
            }
        }
    }
}

/// In one process a cancel that walked the queue would make `tests/it/soak.rs` of `permits` take hours; here
/// the point is that no waiter is lost, whichever leaves when.
fn a_crowd_leaves_in_any_order<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 2);
    let (kept, released) = (trial.take(1), trial.take(1));
    let mut dice = Dice::seeded(10);
    let mut crowd: Vec<_> =
        (0..rig.rounds().min(500)).map(|_| (trial.queued_acquire(2), trial.queued_release(1))).collect();
    dice.shuffle(&mut crowd);

    let mut last = crowd.pop().expect("it is a crowd");
    drop(crowd);

    trial.queues(1, 1);
    forget(released);
    last.1.outcome(rig.deadline()).expect("one is loose").expect("one is loose");
    drop(kept);
    last.0.outcome(rig.deadline()).expect("both are free").expect("both are free");
    trial.settles(2, 0, 0);
}
