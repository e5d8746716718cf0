//! C8 where a running thread may take a free permit ahead of those who wait: no waiter is passed more often
//! than the bound says.

use crate::rig::{Policy, Rig};
use crate::trial::{Trial, Who, fails};
use permits::ErrorKind;
use permits::limit::{Limit, WaitBlocking};
use std::time::Duration;

/// All facts, for some bounds. A reach in which none may pass keeps every bound.
pub(crate) fn bounded<R: Rig>(rig: &R) {
    for bound in [0, 1, 5] {
        for who in Who::BOTH {
            an_acquirer_is_passed_no_more_than_that(rig, bound, who);
            a_releaser_is_passed_no_more_than_that(rig, bound, who);
            a_waiter_for_what_comes_and_goes_gets_it(rig, bound, who);
        }
        every_waiter_has_the_bound_for_itself(rig, bound);
    }
    the_default_has_a_bound_too(rig);
}

/// Takes one and returns it, again and again, until that is refused; how often it went.
fn pass<R: Rig>(trial: &Trial<'_, R>, most: u32) -> u32 {
    for passed in 0..=most {
        match trial.try_take(1) {
            Ok(permit) => drop(permit),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::NotNow, "{error}");
                return passed;
            }
        }
    }
    most + 1
}

fn an_acquirer_is_passed_no_more_than_that<R: Rig>(rig: &R, bound: u32, who: Who) {
    let trial = Trial::new(rig, Policy::Bounded(bound), 2);
    let held = trial.take(1);
    let mut large = trial.acquirer(who, 2);

    let passed = pass(&trial, bound);

    assert!(passed <= bound, "a waiter that may be passed {bound} times was passed {passed} times");
    fails(trial.limit.acquire_many(1).wait_timeout(Duration::ZERO), ErrorKind::TimedOut);
    let mut newcomer = trial.acquirer(Who::Thread, 1);
    trial.settles(1, 1, 0);
    drop(held);
    drop(trial.granted(&mut large));
    drop(trial.granted(&mut newcomer));
    trial.settles(2, 0, 0);
}

fn a_releaser_is_passed_no_more_than_that<R: Rig>(rig: &R, bound: u32, who: Who) {
    let trial = Trial::new(rig, Policy::Bounded(bound), 2);
    trial.take_loose(1);
    let mut large = trial.releaser(who, 2);

    let mut passed = 0;
    while trial.try_give(1).is_ok() {
        passed += 1;
        assert!(passed <= bound, "a waiter that may be passed {bound} times was passed {passed} times");
        trial.take_loose(1);
    }

    fails(trial.limit.release_many(1).wait_timeout(Duration::ZERO), ErrorKind::TimedOut);
    trial.settles(1, 0, 1);
    trial.take_loose(1);
    trial.granted(&mut large);
    trial.settles(2, 0, 0);
}

/// The permit that it waits for is free for an instant, time and again, and a quicker thread takes it.
fn a_waiter_for_what_comes_and_goes_gets_it<R: Rig>(rig: &R, bound: u32, who: Who) {
    let trial = Trial::new(rig, Policy::Bounded(bound), 1);
    let mut held = Some(trial.take(1));
    let mut waiting = trial.acquirer(who, 1);

    for passed in 0.. {
        drop(held.take());
        held = trial.try_take(1).ok();
        if held.is_none() {
            break;
        }
        assert!(passed < bound, "a waiter that may be passed {bound} times was passed oftener");
    }

    drop(trial.granted(&mut waiting));
    trial.settles(1, 0, 0);
}

/// A later waiter is passed no more often than an earlier one, though the first of them has used up its
/// passings.
fn every_waiter_has_the_bound_for_itself<R: Rig>(rig: &R, bound: u32) {
    let trial = Trial::new(rig, Policy::Bounded(bound), 3);
    let held = trial.take(2);
    let mut first = trial.acquirer(Who::Thread, 3);
    let before = if trial.try_take(1).is_ok() { 1 } else { 0 };
    let mut second = trial.acquirer(Who::Task, 3);
    let mut third = trial.acquirer(Who::Thread, 3);

    let with_all = pass(&trial, bound);
    assert!(before + with_all <= bound, "the first was passed {before} + {with_all} times, the bound is {bound}");
    drop(held);
    let mut holder = trial.granted(&mut first);
    let part = permits::limit::Held::split(&mut holder, 1).expect("it has three");
    drop(part);
    let without_the_first = pass(&trial, bound);
    assert!(
        with_all + without_the_first <= bound,
        "the second was passed {with_all} + {without_the_first} times, the bound is {bound}"
    );

    drop(holder);
    drop(trial.granted(&mut second));
    drop(trial.granted(&mut third));
    trial.settles(3, 0, 0);
}

/// Whatever number it is: newcomers do not pass without end.
fn the_default_has_a_bound_too<R: Rig>(rig: &R) {
    for who in Who::BOTH {
        let trial = Trial::new(rig, Policy::Default, 2);
        let held = trial.take(1);
        let mut large = trial.acquirer(who, 2);

        trial.until("newcomers are turned away", |_| trial.try_take(1).is_err());

        drop(held);
        drop(trial.granted(&mut large));
    }
}
