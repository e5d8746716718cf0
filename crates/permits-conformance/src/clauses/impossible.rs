//! C7: requests that cannot be granted, ever, and requests for nothing.

use crate::rig::{Policy, Rig};
use crate::trial::{Trial, Who, fails, forget, names};
use crate::wait::block_on;
use permits::limit::{Held, Limit, WaitBlocking};
use permits::{Error, ErrorKind};
use std::time::Instant;

/// C7 impossible requests fail at once, and block no other caller; a request for nothing succeeds at once.
pub fn c07_impossible<R: Rig>(rig: &R, policy: Policy) {
    more_than_there_are_fails_at_once_however_it_is_waited_for(rig, policy);
    they_block_nobody(rig, policy);
    nothing_is_had_at_once_by_everybody(rig, policy);
    for who in Who::BOTH {
        an_acquirer_that_a_shrink_makes_impossible_leaves(rig, policy, who);
        a_releaser_that_a_shrink_makes_impossible_leaves(rig, policy, who);
        one_that_a_shrink_makes_impossible_frees_the_way(rig, policy, who);
        it_leaves_from_the_middle_of_the_queue_too(rig, policy, who);
    }
}

/// The five ways of waiting (C11), for a request that is over at once.
fn in_all_forms<T, W: WaitBlocking<Granted = T>>(rig: &impl Rig, request: impl Fn() -> W) -> [Result<T, Error>; 5] {
    let deadline = rig.deadline();
    [
        request().wait(),
        request().wait_timeout(deadline),
        request().wait_deadline(Instant::now() + deadline),
        block_on(request().try_now(), deadline),
        block_on(request().into_future(), deadline),
    ]
}

fn more_than_there_are_fails_at_once_however_it_is_waited_for<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 4);
    for n in [5, u32::MAX] {
        for outcome in in_all_forms(rig, || trial.limit.acquire_many(n)) {
            names(&fails(outcome, ErrorKind::TooMany), n, 4);
        }
        for outcome in in_all_forms(rig, || trial.limit.release_many(n)) {
            names(&fails(outcome, ErrorKind::TooMany), n, 4);
        }
    }
    trial.settles(4, 0, 0);
    trial.queues(0, 0);
}

fn they_block_nobody<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 2);
    let held = trial.take(2);
    let mut acquirer = trial.acquirer(Who::Task, 1);
    let mut releaser = trial.releaser(Who::Task, 1);

    for outcome in in_all_forms(rig, || trial.limit.acquire_many(3)) {
        fails(outcome, ErrorKind::TooMany);
    }
    for outcome in in_all_forms(rig, || trial.limit.release_many(3)) {
        fails(outcome, ErrorKind::TooMany);
    }

    trial.queues(1, 1);
    forget(held);
    trial.granted(&mut releaser);
    trial.granted(&mut acquirer);
}

fn nothing_is_had_at_once_by_everybody<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 1);
    let mut early = trial.releaser(Who::Task, 1);
    for outcome in in_all_forms(rig, || trial.limit.release_many(0)) {
        outcome.expect("nothing goes back at once, past those who wait");
    }
    trial.take_loose(1);
    trial.granted(&mut early);

    let held = trial.take(1);
    let mut late = trial.acquirer(Who::Task, 1);
    for outcome in in_all_forms(rig, || trial.limit.acquire_many(0)) {
        assert_eq!(outcome.expect("nothing is had at once, past those who wait").count(), 0);
    }

    trial.settles(0, 1, 0);
    drop(held);
    trial.granted(&mut late);
}

fn an_acquirer_that_a_shrink_makes_impossible_leaves<R: Rig>(rig: &R, policy: Policy, who: Who) {
    let trial = Trial::new(rig, policy, 4);
    let (one, three) = (trial.take(1), trial.take(3));
    let mut large = trial.acquirer(who, 4);
    let mut small = trial.acquirer(who, 1);

    trial.resize(3).expect("3 is a good number");

    names(&trial.refused(&mut large, ErrorKind::TooMany), 4, 3);
    trial.waits(&mut small);
    drop(one);
    trial.waits(&mut small);
    drop(three);
    assert_eq!(trial.granted(&mut small).count(), 1);
    trial.settles(3, 0, 0);
}

fn a_releaser_that_a_shrink_makes_impossible_leaves<R: Rig>(rig: &R, policy: Policy, who: Who) {
    let trial = Trial::new(rig, policy, 4);
    let mut large = trial.releaser(who, 4);
    let mut small = trial.releaser(who, 2);
    trial.take_loose(1);

    trial.resize(3).expect("3 is a good number");

    names(&trial.refused(&mut large, ErrorKind::TooMany), 4, 3);
    trial.waits(&mut small);
    trial.take_loose(1);
    trial.granted(&mut small);
    trial.settles(3, 0, 0);
}

/// The waiter behind it fits from the start, and goes ahead only because the first one leaves.
fn one_that_a_shrink_makes_impossible_frees_the_way<R: Rig>(rig: &R, policy: Policy, who: Who) {
    let trial = Trial::new(rig, policy, 5);
    let held = trial.take(2);
    let mut large = trial.acquirer(who, 5);
    let mut behind = trial.acquirer(Who::Task, 2);

    trial.resize(4).expect("4 is a good number");

    trial.refused(&mut large, ErrorKind::TooMany);
    let granted = trial.granted(&mut behind);
    trial.settles(0, 4, 0);
    drop((held, granted));

    let trial = Trial::new(rig, policy, 5);
    trial.take_loose(2);
    let mut large = trial.releaser(who, 5);
    let mut behind = trial.releaser(Who::Task, 2);

    trial.resize(4).expect("4 is a good number");

    trial.refused(&mut large, ErrorKind::TooMany);
    trial.granted(&mut behind);
    trial.settles(4, 0, 0);
}

fn it_leaves_from_the_middle_of_the_queue_too<R: Rig>(rig: &R, policy: Policy, who: Who) {
    let trial = Trial::new(rig, policy, 4);
    let held = trial.take(4);
    let mut first = trial.acquirer(who, 1);
    let mut large = trial.acquirer(who, 4);
    let mut last = trial.acquirer(Who::Task, 2);

    trial.resize(3).expect("3 is a good number");

    names(&trial.refused(&mut large, ErrorKind::TooMany), 4, 3);
    trial.queues(2, 0);
    drop(held);
    let both = (trial.granted(&mut first), trial.granted(&mut last));
    trial.settles(0, 3, 0);
    drop(both);
    trial.settles(3, 0, 0);
}
