//! C3 and C4: all of the permits, or none, on both sides.

use crate::rig::{Policy, Rig};
use crate::trial::{Trial, Who, fails, forget};
use permits::ErrorKind;
use permits::limit::Held;

/// C3 acquire(n) waits while fewer than n permits are free, then takes all n at once, or none.
pub fn c03_acquire<R: Rig>(rig: &R, policy: Policy) {
    what_is_free_is_had_at_once(rig, policy);
    for who in Who::BOTH {
        it_waits_while_fewer_are_free_and_then_takes_all(rig, policy, who);
        it_takes_none_of_too_few(rig, policy, who);
    }
}

fn what_is_free_is_had_at_once<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 4);

    let three = trial.try_take(3).expect("four are free");
    let one = trial.try_take(1).expect("one is free");

    assert_eq!((three.count(), one.count()), (3, 1));
    trial.settles(0, 4, 0);
}

fn it_waits_while_fewer_are_free_and_then_takes_all<R: Rig>(rig: &R, policy: Policy, who: Who) {
    let trial = Trial::new(rig, policy, 4);
    let (first, second) = (trial.take(1), trial.take(1));
    let mut acquirer = trial.acquirer(who, 4);
    trial.waits(&mut acquirer);

    drop(first);
    trial.settles(3, 1, 0);
    trial.waits(&mut acquirer);
    drop(second);

    let granted = trial.granted(&mut acquirer);
    assert_eq!(granted.count(), 4);
    trial.settles(0, 4, 0);
    drop(granted);
    trial.settles(4, 0, 0);
}

fn it_takes_none_of_too_few<R: Rig>(rig: &R, policy: Policy, who: Who) {
    let trial = Trial::new(rig, policy, 4);
    let held = trial.take(2);

    fails(trial.try_take(3), ErrorKind::NotNow);
    trial.settles(2, 2, 0);
    let mut acquirer = trial.acquirer(who, 3);

    trial.stays(2, 2, 0);
    drop(held);
    assert_eq!(trial.granted(&mut acquirer).count(), 3);
}

/// C4 release(n) waits while fewer than n loose permits are out, then returns all n at once, or none.
pub fn c04_release<R: Rig>(rig: &R, policy: Policy) {
    what_is_loose_goes_back_at_once(rig, policy);
    for who in Who::BOTH {
        it_waits_while_fewer_are_loose_and_then_returns_all(rig, policy, who);
        it_returns_none_of_too_few(rig, policy, who);
        held_permits_do_not_count(rig, policy, who);
    }
}

fn what_is_loose_goes_back_at_once<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 4);
    trial.take_loose(4);

    trial.try_give(3).expect("four are loose");
    trial.try_give(1).expect("one is loose");

    trial.settles(4, 0, 0);
}

fn it_waits_while_fewer_are_loose_and_then_returns_all<R: Rig>(rig: &R, policy: Policy, who: Who) {
    let trial = Trial::new(rig, policy, 4);
    let mut releaser = trial.releaser(who, 3);
    trial.waits(&mut releaser);

    trial.take_loose(1);
    trial.take_loose(1);
    trial.settles(2, 0, 2);
    trial.waits(&mut releaser);
    trial.take_loose(1);

    trial.granted(&mut releaser);
    trial.settles(4, 0, 0);
}

fn it_returns_none_of_too_few<R: Rig>(rig: &R, policy: Policy, who: Who) {
    let trial = Trial::new(rig, policy, 4);
    trial.take_loose(2);

    fails(trial.try_give(3), ErrorKind::NotNow);
    trial.settles(2, 0, 2);
    let mut releaser = trial.releaser(who, 3);

    trial.stays(2, 0, 2);
    trial.take_loose(2);
    trial.granted(&mut releaser);
    trial.settles(3, 0, 1);
}

fn held_permits_do_not_count<R: Rig>(rig: &R, policy: Policy, who: Who) {
    let trial = Trial::new(rig, policy, 3);
    let held = trial.take(2);
    trial.take_loose(1);
    let mut releaser = trial.releaser(who, 2);
    trial.waits(&mut releaser);

    forget(held);

    trial.granted(&mut releaser);
    trial.settles(2, 0, 1);
}
