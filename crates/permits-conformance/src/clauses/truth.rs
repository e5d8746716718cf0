//! C15 and C22: what the readings say, and what is said to those who got stuck.

use crate::rig::{Policy, Rig};
use crate::trial::{Trial, Who, fails, forget, says};
use crate::wait::{Running, block_on};
use permits::limit::{Held, Limit, WaitBlocking};
use permits::{ErrorKind, Side, State};
use std::time::Duration;

/// C15 truth: the readings are of one instant.
pub fn c15_truth<R: Rig>(rig: &R, policy: Policy) {
    the_readings_follow_every_step(rig, policy);
    the_queues_lengths_follow_those_who_come_and_go(rig, policy);
    what_was_granted_and_not_collected_is_out(rig, policy);
    the_needs_of_the_first_in_line_are_told(rig, policy);
    what_it_says_of_itself_its_permits_confirm(rig, policy);
    its_status_agrees_with_its_state(rig, policy);
}

fn all(state: &State) -> [u32; 6] {
    [
        state.max_permits,
        state.available_permits,
        state.given_out,
        state.loose,
        state.waiting_acquirers,
        state.waiting_releasers,
    ]
}

#[track_caller]
fn reads<R: Rig>(trial: &Trial<'_, R>, expected: [u32; 6]) {
    trial.until(&format!("max, free, out, loose, acquirers, releasers are {expected:?}"), |state| {
        all(state) == expected
    });
}

fn the_readings_follow_every_step<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 5);
    reads(&trial, [5, 5, 0, 0, 0, 0]);
    let held = trial.take(2);
    reads(&trial, [5, 3, 2, 0, 0, 0]);
    trial.take_loose(1);
    reads(&trial, [5, 2, 3, 1, 0, 0]);
    let acquire = trial.queued_acquire(4);
    reads(&trial, [5, 2, 3, 1, 1, 0]);
    let release = trial.queued_release(3);
    reads(&trial, [5, 2, 3, 1, 1, 1]);
    trial.resize(4).expect("4 is a good number");
    reads(&trial, [4, 1, 3, 1, 1, 1]);
    drop(acquire);
    reads(&trial, [4, 1, 3, 1, 0, 1]);
    forget(held);
    // Granted, and not collected yet: no longer loose, and not back either.
    reads(&trial, [4, 1, 3, 0, 0, 0]);
    drop(release);
    reads(&trial, [4, 1, 3, 3, 0, 0]);
    trial.give(3);
    trial.close();
    reads(&trial, [4, 4, 0, 0, 0, 0]);
    assert!(trial.state().closed);
}

fn the_queues_lengths_follow_those_who_come_and_go<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 1);
    let held = trial.take(1);
    let mut first = trial.acquirer(Who::Thread, 1);
    trial.queues(1, 0);
    let second = trial.queued_acquire(1);
    trial.queues(2, 0);
    drop(second);
    trial.queues(1, 0);
    drop(held);
    let held = trial.granted(&mut first);
    trial.queues(0, 0);

    let mut first = trial.releaser(Who::Thread, 1);
    let second = trial.queued_release(1);
    trial.queues(0, 2);
    drop(second);
    trial.queues(0, 1);
    forget(held);
    trial.granted(&mut first);
    trial.queues(0, 0);
}

fn what_was_granted_and_not_collected_is_out<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 2);
    let held = trial.take(2);
    let mut granted = trial.queued_acquire(2);

    drop(held);

    reads(&trial, [2, 0, 2, 0, 0, 0]);
    let permit = granted.outcome(rig.deadline()).expect("it is granted").expect("it is granted");
    reads(&trial, [2, 0, 2, 0, 0, 0]);
    drop(permit);
    reads(&trial, [2, 2, 0, 0, 0, 0]);
}

fn the_needs_of_the_first_in_line_are_told<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 5);
    let held = trial.take(3);
    let needs = |state: &State| (state.next_acquirer, state.next_releaser);
    assert_eq!(needs(&trial.state()), (0, 0));

    let first = (trial.queued_acquire(3), trial.queued_release(2));
    let second = (trial.queued_acquire(4), trial.queued_release(5));

    trial.until("the first need 3 and 2", |state| needs(state) == (3, 2));
    drop(first);
    trial.until("the first need 4 and 5", |state| needs(state) == (4, 5));
    drop(second);
    trial.until("both queues are empty", |state| needs(state) == (0, 0));
    drop(held);
}

fn what_it_says_of_itself_its_permits_confirm<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 2);
    let (traits, permit) = (trial.limit.traits(), trial.take(1));

    let (has_lease, has_token) = (permit.remaining().is_some(), permit.token().is_some());

    assert_eq!(traits.leased, has_lease, "`leased` of {traits:?}, and whether a permit has a time that remains");
    assert_eq!(traits.fenced, has_token, "`fenced` of {traits:?}, and whether a permit has a token");
    assert!(!(policy == Policy::Fair && traits.overtaking), "a fair one lets none pass");
    assert!(!permit.is_lost() && permit.remaining() != Some(Duration::ZERO), "it is held");
    assert_eq!(rig.another(&trial.limit).traits(), traits, "all handles say the same");
}

/// For a reach that has one.
fn its_status_agrees_with_its_state<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 3);
    let held = trial.take(2);
    let waiter = trial.queued_acquire(2);
    let status = || block_on(trial.limit.status(), rig.deadline()).expect("the status can be read");
    let Some(status) = status() else { return };

    assert_eq!(all(&status.state), all(&trial.state()));
    assert_eq!(status.holders.iter().map(|holder| holder.permits).sum::<u32>(), 2, "what the holders hold: {status:?}");
    assert_eq!(status.waiters.iter().map(|waiter| waiter.permits).collect::<Vec<_>>(), [2], "what they wait for");
    assert_eq!(Some(&*status.name), trial.limit.name(), "its name");
    drop((held, waiter));
}

/// C22 deadlock by batches: both sides can wait for each other, and a limit tells why.
pub fn c22_batches<R: Rig>(rig: &R, policy: Policy) {
    for who in Who::BOTH {
        batches_that_are_too_large_wait_for_each_other(rig, policy, who);
        batches_that_are_small_enough_do_not(rig, policy, who);
    }
}

fn batches_that_are_too_large_wait_for_each_other<R: Rig>(rig: &R, policy: Policy, who: Who) {
    let trial = Trial::new(rig, policy, 10);
    trial.take_loose(5);
    let mut acquirer = trial.acquirer(who, 7);
    let error = fails(trial.limit.release_many(6).wait_timeout(rig.grace()), ErrorKind::TimedOut);
    says(&error, &[7, 6, 10]);
    let stuck = error.stuck().expect("nothing keeps it from being read");
    assert_eq!((stuck.side(), stuck.requested, stuck.state.next_acquirer), (Side::Release, 6, 7));
    assert!(stuck.batches_may_deadlock(), "{stuck:?}");
    let mut releaser = trial.releaser(who, 6);
    trial.waits(&mut acquirer);
    trial.waits(&mut releaser);

    // Somebody who takes or gives in smaller numbers helps them both; who asks for as much as they do is told
    // what they need.
    fails(trial.try_take(6), ErrorKind::NotNow);
    trial.until("both wait", |state| (state.next_acquirer, state.next_releaser) == (7, 6));
    drop(acquirer);
    if who == Who::Task {
        let error = fails(trial.limit.acquire_many(7).wait_timeout(rig.grace()), ErrorKind::TimedOut);
        says(&error, &[7, 6, 10]);
        let stuck = error.stuck().expect("nothing keeps it from being read");
        assert_eq!((stuck.side(), stuck.requested, stuck.state.next_releaser), (Side::Acquire, 7, 6));
        trial.take_loose(1);
        trial.granted(&mut releaser);
        trial.settles(10, 0, 0);
    } else {
        // A blocked thread cannot be called off; the end of the semaphore ends the wait.
        trial.close();
        trial.refused(&mut releaser, ErrorKind::Closed);
    }
}

/// Whatever the counts are, one of the two fits where together they ask for no more than one above what there
/// is.
fn batches_that_are_small_enough_do_not<R: Rig>(rig: &R, policy: Policy, who: Who) {
    const MAX: u32 = 4;
    let cycles = rig.rounds().div_ceil(50);
    for taken in 1..=MAX {
        let given = MAX + 1 - taken;
        let trial = Trial::new(rig, policy, MAX);
        let limit = rig.another(&trial.limit);
        let mut taker = Running::start(move || {
            for _ in 0..cycles * given {
                forget(limit.acquire_many(taken).wait().expect("it is not closed"));
            }
        });

        for _ in 0..cycles * taken {
            match who {
                Who::Thread => trial.limit.release_many(given).wait_timeout(rig.deadline()),
                Who::Task => trial.releasing(given).outcome(rig.deadline()).expect("one of the two always fits"),
            }
            .expect("one of the two always fits");
        }

        taker.outcome(rig.deadline()).expect("all that was taken went back");
        trial.settles(MAX, 0, 0);
    }
}
