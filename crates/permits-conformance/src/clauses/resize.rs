//! C13: more permits, or fewer, while they are out.

use crate::rig::{Policy, Rig};
use crate::trial::{Trial, Who, fails, forget};
use permits::ErrorKind;
use permits::limit::Held;

/// C13 resize: growing serves at once; shrinking below given out takes effect as permits return.
pub fn c13_resize<R: Rig>(rig: &R, policy: Policy) {
    the_new_number_is_told(rig, policy);
    for who in Who::BOTH {
        growing_serves_acquirers_at_once(rig, policy, who);
        growing_serves_releasers_by_way_of_acquirers(rig, policy, who);
        below_given_out_nothing_is_granted_until_enough_is_back(rig, policy, who);
        loose_permits_pay_a_debt_too(rig, policy, who);
    }
    a_shrink_takes_no_permit_from_its_holder(rig, policy);
    growing_pays_a_debt(rig, policy);
    numbers_out_of_range_change_nothing(rig, policy);
}

fn the_new_number_is_told<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 2);
    let held = trial.take(1);
    for (max, free) in [(5, 4), (2, 1), (1, 0), (R::MAX_PERMITS, R::MAX_PERMITS - 1), (3, 2), (3, 2)] {
        trial.resize(max).expect("it is a good number");

        assert_eq!(trial.state().max_permits, max);
        trial.settles(free, 1, 0);
    }
    drop(held);
    trial.settles(3, 0, 0);
}

fn growing_serves_acquirers_at_once<R: Rig>(rig: &R, policy: Policy, who: Who) {
    let trial = Trial::new(rig, policy, 3);
    let held = trial.take(3);
    let mut queue = [2, 1, 3].map(|n| trial.acquirer(who, n));
    let [first, second, third] = &mut queue;

    trial.resize(4).expect("4 is a good number");
    trial.waits(first);
    trial.resize(6).expect("6 is a good number");

    let both = (trial.granted(first), trial.granted(second));
    trial.waits(third);
    trial.settles(0, 6, 0);
    drop((held, both));
    assert_eq!(trial.granted(third).count(), 3);
}

fn growing_serves_releasers_by_way_of_acquirers<R: Rig>(rig: &R, policy: Policy, who: Who) {
    let trial = Trial::new(rig, policy, 2);
    let held = trial.take(2);
    let mut releaser = trial.releaser(who, 1);
    let mut acquirer = trial.acquirer(who, 1);

    trial.resize(3).expect("3 is a good number");

    forget(trial.granted(&mut acquirer));
    trial.granted(&mut releaser);
    trial.settles(1, 2, 0);
    drop(held);
}

fn below_given_out_nothing_is_granted_until_enough_is_back<R: Rig>(rig: &R, policy: Policy, who: Who) {
    let trial = Trial::new(rig, policy, 4);
    let held = [trial.take(1), trial.take(1), trial.take(1)];

    trial.resize(1).expect("1 is a good number");

    trial.settles(0, 3, 0);
    assert_eq!(trial.state().max_permits, 1);
    let mut acquirer = trial.acquirer(who, 1);
    for (one, out) in held.into_iter().zip([3, 2, 1]) {
        trial.settles(0, out, 0);
        trial.waits(&mut acquirer);
        drop(one);
    }

    let permit = trial.granted(&mut acquirer);
    trial.settles(0, 1, 0);
    drop(permit);
    trial.settles(1, 0, 0);
    fails(trial.try_take(2), ErrorKind::TooMany);
}

fn loose_permits_pay_a_debt_too<R: Rig>(rig: &R, policy: Policy, who: Who) {
    let trial = Trial::new(rig, policy, 4);
    trial.take_loose(3);

    trial.resize(2).expect("2 is a good number");

    trial.settles(0, 0, 3);
    let mut acquirer = trial.acquirer(who, 1);
    trial.give(1);
    trial.settles(0, 0, 2);
    trial.waits(&mut acquirer);
    trial.give(1);
    forget(trial.granted(&mut acquirer));
    trial.give(2);
    trial.settles(2, 0, 0);
}

fn a_shrink_takes_no_permit_from_its_holder<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 5);
    let mut held = trial.take(5);

    trial.resize(2).expect("2 is a good number");

    assert_eq!(held.count(), 5);
    let part = held.split(4).expect("it has five still");
    trial.stays(0, 5, 0);
    drop(held);
    trial.settles(0, 4, 0);
    forget(part);
    trial.settles(0, 0, 4);
}

fn growing_pays_a_debt<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 4);
    let held = trial.take(4);
    trial.resize(1).expect("1 is a good number");
    let mut acquirer = trial.acquirer(Who::Task, 1);

    trial.resize(4).expect("4 is a good number");
    trial.waits(&mut acquirer);
    trial.resize(5).expect("5 is a good number");

    let permit = trial.granted(&mut acquirer);
    trial.settles(0, 5, 0);
    drop((held, permit));
    trial.settles(5, 0, 0);
}

fn numbers_out_of_range_change_nothing<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 2);
    let held = trial.take(2);
    let mut acquirer = trial.acquirer(Who::Task, 2);

    for max in [0, R::MAX_PERMITS + 1, u32::MAX] {
        fails(trial.resize(max), ErrorKind::BadMax);
        assert_eq!(trial.state().max_permits, 2);
    }

    trial.waits(&mut acquirer);
    trial.queues(1, 0);
    drop(held);
    trial.granted(&mut acquirer);
}
