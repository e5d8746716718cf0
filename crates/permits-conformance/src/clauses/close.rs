//! C12: the end of a semaphore.

use crate::rig::{Policy, Rig};
use crate::trial::{Trial, Who, fails, forget};
use crate::wait::block_on;
use permits::limit::{Held, Limit, WaitBlocking};
use permits::{Error, ErrorKind};
use std::time::{Duration, Instant};

/// C12 close wakes all waiters, refuses later requests, lets permits come back, and is for good.
pub fn c12_close<R: Rig>(rig: &R, policy: Policy) {
    it_wakes_every_waiter_of_both_queues(rig, policy);
    later_requests_fail_in_all_forms(rig, policy);
    guards_come_back(rig, policy);
    loose_permits_come_back_without_waiting(rig, policy);
    nothing_reopens_it(rig, policy);
    every_handle_sees_it(rig, policy);
}

/// The five ways of waiting (C11), for a request that is over at once.
fn in_all_forms<T, W: WaitBlocking<Granted = T>>(rig: &impl Rig, request: impl Fn() -> W) -> [Result<T, Error>; 6] {
    let deadline = rig.deadline();
    [
        request().wait(),
        request().wait_timeout(deadline),
        request().wait_timeout(Duration::ZERO),
        request().wait_deadline(Instant::now() + deadline),
        block_on(request().try_now(), deadline),
        block_on(request().into_future(), deadline),
    ]
}

#[track_caller]
fn nobody_gets_in<R: Rig>(trial: &Trial<'_, R>) {
    assert!(trial.state().closed);
    for n in [0, 1] {
        for outcome in in_all_forms(trial.rig, || trial.limit.acquire_many(n)) {
            fails(outcome, ErrorKind::Closed);
        }
    }
    trial.queues(0, 0);
}

fn it_wakes_every_waiter_of_both_queues<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 2);
    let held = trial.take(2);
    let mut acquirers: Vec<_> = (0..6).map(|place| trial.acquirer(Who::turn(place), 1 + place as u32 % 2)).collect();
    let mut releasers: Vec<_> = (0..6).map(|place| trial.releaser(Who::turn(place), 1 + place as u32 % 2)).collect();

    trial.close();

    for waiting in &mut acquirers {
        trial.refused(waiting, ErrorKind::Closed);
    }
    for waiting in &mut releasers {
        trial.refused(waiting, ErrorKind::Closed);
    }
    trial.queues(0, 0);
    trial.settles(0, 2, 0);
    drop(held);
    trial.settles(2, 0, 0);
}

fn later_requests_fail_in_all_forms<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 2);

    trial.close();

    nobody_gets_in(&trial);
    for n in [1, 2] {
        for outcome in in_all_forms(rig, || trial.limit.release_many(n)) {
            fails(outcome, ErrorKind::Closed);
        }
    }
    trial.settles(2, 0, 0);
}

fn guards_come_back<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 4);
    let mut held = trial.take(4);
    trial.close();

    let part = held.split(1).expect("it has four");
    let other = held.split(2).expect("it has three");
    trial.settles(0, 4, 0);
    drop(part);
    trial.settles(1, 3, 0);
    assert!(held.merge(other).is_ok());
    drop(held);

    trial.settles(4, 0, 0);
    nobody_gets_in(&trial);
}

fn loose_permits_come_back_without_waiting<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 9);
    let held = trial.take(1);
    trial.take_loose(7);
    trial.close();

    for outcome in in_all_forms(rig, || trial.limit.release_many(1)) {
        outcome.expect("seven are loose");
    }
    for outcome in in_all_forms(rig, || trial.limit.release_many(2)) {
        fails(outcome, ErrorKind::Closed);
    }
    trial.settles(7, 1, 1);
    forget(held);
    trial.settles(7, 0, 2);
    trial.limit.release_many(2).wait().expect("two are loose");
    fails(trial.limit.release_many(1).wait(), ErrorKind::Closed);

    trial.settles(9, 0, 0);
    nobody_gets_in(&trial);
}

fn nothing_reopens_it<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 4);
    let mut held = trial.take(2);
    trial.take_loose(2);
    trial.close();

    trial.close();
    nobody_gets_in(&trial);
    trial.resize(9).expect("a closed one can grow");
    nobody_gets_in(&trial);
    trial.resize(1).expect("a closed one can shrink");
    nobody_gets_in(&trial);
    forget(held.split(1).expect("it has two"));
    nobody_gets_in(&trial);
    drop(held);
    nobody_gets_in(&trial);
    trial.give(3);
    nobody_gets_in(&trial);
    fails(trial.resize(0), ErrorKind::BadMax);
    nobody_gets_in(&trial);

    trial.settles(1, 0, 0);
}

fn every_handle_sees_it<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 1);
    let other = Trial { rig, limit: rig.another(&trial.limit) };
    let mut waiting = other.queued_release(1);

    trial.close();

    fails(waiting.outcome(rig.deadline()).expect("it is woken"), ErrorKind::Closed);
    nobody_gets_in(&other);
}
