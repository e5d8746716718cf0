//! C5 and C6: held permits, and loose ones.

use crate::rig::{Policy, Rig};
use crate::trial::{Trial, Who, fails, forget, names};
use crate::wait::Running;
use permits::ErrorKind;
use permits::limit::{Held, Limit, WaitBlocking};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// C5 guards return their permits by being dropped, and in no other way.
///
/// That no user code runs under a lock is for a reach to show where it has one that user code could take: see
/// `tests/it/wakers.rs` of `permits`.
pub fn c05_guards<R: Rig>(rig: &R, policy: Policy) {
    dropping_returns_the_permits(rig, policy);
    a_panic_returns_them_too(rig, policy);
    dropping_waits_for_nothing(rig, policy);
    for who in Who::BOTH {
        no_release_returns_what_a_guard_holds(rig, policy, who);
    }
}

fn dropping_returns_the_permits<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 3);
    let (one, two) = (trial.take(1), trial.take(2));

    drop(two);
    trial.settles(2, 1, 0);
    Running::start(move || drop(one)).outcome(rig.deadline()).expect("any thread may drop it");

    trial.settles(3, 0, 0);
}

fn a_panic_returns_them_too<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 2);

    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let _held = trial.take(2);
        // No hook runs, so that the output shows real failures only.
        std::panic::resume_unwind(Box::new("the holder is out of luck"));
    }));

    assert!(unwound.is_err());
    trial.settles(2, 0, 0);
}

fn dropping_waits_for_nothing<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 2);
    let held = trial.take(1);
    let mut acquirer = trial.acquirer(Who::Thread, 2);
    let mut releaser = trial.releaser(Who::Thread, 2);
    let unpolled = trial.queued_acquire(2);

    Running::start(move || drop(held)).outcome(rig.deadline()).expect("nothing can hold it up");

    let both = trial.granted(&mut acquirer);
    trial.waits(&mut releaser);
    forget(both);
    trial.granted(&mut releaser);
    drop(unpolled);
    trial.settles(2, 0, 0);
}

fn no_release_returns_what_a_guard_holds<R: Rig>(rig: &R, policy: Policy, who: Who) {
    let trial = Trial::new(rig, policy, 2);
    let held = trial.take(2);
    fails(trial.try_give(1), ErrorKind::NotNow);
    let mut releaser = trial.releaser(who, 1);
    trial.waits(&mut releaser);

    drop(held);

    trial.settles(2, 0, 0);
    trial.waits(&mut releaser);
    trial.take_loose(1);
    trial.granted(&mut releaser);
    trial.settles(2, 0, 0);
}

/// C6 forget leaves the permits given out, as loose ones; guards split and merge.
pub fn c06_forget<R: Rig>(rig: &R, policy: Policy) {
    forgotten_permits_are_out_and_loose(rig, policy);
    anybody_may_return_them(rig, policy);
    for who in Who::BOTH {
        forgetting_lets_a_releaser_through(rig, policy, who);
    }
    guards_split_and_merge(rig, policy);
    a_split_of_too_many_is_refused(rig, policy);
    merging_with_another_semaphore_is_refused_and_both_live_on(rig, policy);
}

fn forgotten_permits_are_out_and_loose<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 3);

    forget(trial.take(2));

    trial.stays(1, 0, 2);
    fails(trial.try_take(2), ErrorKind::NotNow);
    trial.give(2);
    trial.settles(3, 0, 0);
}

fn anybody_may_return_them<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 2);
    trial.take_loose(1);
    let other = rig.another(&trial.limit);

    Running::start(move || other.release_many(1).wait())
        .outcome(rig.deadline())
        .expect("one is loose")
        .expect("one is loose");

    trial.settles(2, 0, 0);
}

fn forgetting_lets_a_releaser_through<R: Rig>(rig: &R, policy: Policy, who: Who) {
    let trial = Trial::new(rig, policy, 2);
    let held = trial.take(2);
    let mut releaser = trial.releaser(who, 2);
    trial.waits(&mut releaser);

    forget(held);

    trial.granted(&mut releaser);
    trial.settles(2, 0, 0);
}

fn guards_split_and_merge<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 5);
    let mut whole = trial.take(5);

    let mut part = whole.split(2).expect("it has five");
    let nothing = whole.split(0).expect("nothing can always be split off");
    assert_eq!((whole.count(), part.count(), nothing.count()), (3, 2, 0));
    trial.settles(0, 5, 0);
    drop(nothing);
    trial.stays(0, 5, 0);
    drop(part.split(1).expect("it has two"));
    trial.settles(1, 4, 0);
    forget(part.split(1).expect("it has one"));
    trial.settles(1, 3, 1);
    let more = trial.take(1);
    assert!(whole.merge(more).is_ok(), "they are of one semaphore");
    assert!(whole.merge(part).is_ok(), "a guard of none merges too");

    assert_eq!(whole.count(), 4);
    trial.settles(0, 4, 1);
    drop(whole);
    trial.settles(4, 0, 1);
}

fn a_split_of_too_many_is_refused<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 9);
    let mut held = trial.take(2);

    names(&fails(held.split(7), ErrorKind::TooMany), 7, 2);

    assert_eq!(held.count(), 2);
    trial.settles(7, 2, 0);
    assert_eq!(held.split(2).expect("it has two").count(), 2);
}

fn merging_with_another_semaphore_is_refused_and_both_live_on<R: Rig>(rig: &R, policy: Policy) {
    let (here, there) = (Trial::new(rig, policy, 3), Trial::new(rig, policy, 3));
    let (mut mine, theirs) = (here.take(1), there.take(2));

    let back = mine.merge(theirs).expect_err("they are of two semaphores");

    assert_eq!((mine.count(), back.count()), (1, 2));
    here.settles(2, 1, 0);
    there.settles(1, 2, 0);
    drop(back);
    there.settles(3, 0, 0);
    drop(mine);
    here.settles(3, 0, 0);
}
