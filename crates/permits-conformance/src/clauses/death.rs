//! C18: holders and waiters that die, and those that only look as if they had.

use crate::mortal::{Mortal, Participant};
use crate::rig::Policy;
use crate::trial::{Trial, Who, forget};
use crate::wait::{always, eventually};
use permits::limit::{Limit, Safety};

/// C18 the permits of the dead come back without help, the dead stop no queue, and the living keep what they
/// hold.
///
/// How soon, a reach's own tests measure: here it has as long as the rig's deadline.
pub fn c18_death<R: Mortal>(rig: &R, policy: Policy) {
    let traits = Trial::new(rig, policy, 1).limit.traits();
    assert_ne!(traits.safety, Safety::Process, "it outlives processes");
    for who in Who::BOTH {
        permits_of_a_dead_holder_go_to_a_waiter(rig, policy, who);
        a_dead_head_of_the_releasers_does_not_stop_the_queue(rig, who);
        a_dead_head_does_not_stop_the_queue(rig, who);
        what_the_dead_were_granted_goes_on(rig, who);
    }
    permits_of_a_dead_holder_are_free_for_a_newcomer(rig, policy);
    loose_permits_outlive_whoever_took_them(rig, policy);
    a_holder_that_lives_keeps_its_permits(rig, policy);
}

fn permits_of_a_dead_holder_go_to_a_waiter<R: Mortal>(rig: &R, policy: Policy, who: Who) {
    let trial = Trial::new(rig, policy, 3);
    let mut holder = rig.participant(&trial.limit);
    holder.hold(2);
    let mut waiter = trial.acquirer(who, 3);

    trial.waits(&mut waiter);
    trial.stays(1, 2, 0);
    holder.kill();

    drop(trial.granted(&mut waiter));
    trial.settles(3, 0, 0);
}

fn permits_of_a_dead_holder_are_free_for_a_newcomer<R: Mortal>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 2);
    let mut holder = rig.participant(&trial.limit);
    holder.hold(2);

    holder.kill();

    // By tries alone: whoever only tries has to notice the death as well.
    let mut taken = None;
    assert!(eventually(rig.deadline(), || {
        taken = trial.try_take(2).ok();
        taken.is_some()
    }));
    drop(taken);
    trial.settles(2, 0, 0);
}

fn a_dead_head_of_the_releasers_does_not_stop_the_queue<R: Mortal>(rig: &R, who: Who) {
    let trial = Trial::new(rig, Policy::Fair, 2);
    trial.take_loose(1);
    let mut dead = rig.participant(&trial.limit);
    dead.ask_release(2);
    trial.queues(0, 1);
    let mut waiter = trial.releaser(who, 1);

    trial.waits(&mut waiter);
    dead.kill();

    trial.granted(&mut waiter);
    trial.settles(2, 0, 0);
}

/// Fair, as a permit is free, which a newcomer may take ahead of the head under any other policy (C8).
fn a_dead_head_does_not_stop_the_queue<R: Mortal>(rig: &R, who: Who) {
    let trial = Trial::new(rig, Policy::Fair, 2);
    let held = trial.take(1);
    let mut dead = rig.participant(&trial.limit);
    dead.ask(2);
    trial.queues(1, 0);
    let mut waiter = trial.acquirer(who, 1);

    trial.waits(&mut waiter);
    dead.kill();

    drop(trial.granted(&mut waiter));
    drop(held);
    trial.settles(2, 0, 0);
}

/// It is granted while it is stopped, so that it cannot have answered, and dies so. Fair, so that it is
/// granted, and not only woken.
fn what_the_dead_were_granted_goes_on<R: Mortal>(rig: &R, who: Who) {
    let trial = Trial::new(rig, Policy::Fair, 1);
    let held = trial.take(1);
    let mut dead = rig.participant(&trial.limit);
    dead.ask(1);
    trial.queues(1, 0);
    let mut waiter = trial.acquirer(who, 1);
    dead.stop();

    drop(held);
    trial.queues(1, 0);
    trial.stays(0, 1, 0);
    dead.kill();

    drop(trial.granted(&mut waiter));
    trial.settles(1, 0, 0);
}

fn loose_permits_outlive_whoever_took_them<R: Mortal>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 3);
    let mut holder = rig.participant(&trial.limit);
    holder.hold_loose(2);
    trial.settles(1, 0, 2);

    holder.kill();

    trial.stays(1, 0, 2);
    trial.give(2);
    trial.settles(3, 0, 0);
}

/// A lease is renewed by a process that runs, so a reach with leases takes from a stopped one; it never takes
/// from one that runs.
fn a_holder_that_lives_keeps_its_permits<R: Mortal>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 1);
    let mut holder = rig.participant(&trial.limit);
    holder.hold(1);
    let mut waiter = trial.acquirer(Who::Task, 1);

    let may_stop = !trial.limit.traits().leased;
    if may_stop {
        holder.stop();
    }
    assert!(always(rig.old_age(), || waiter.now().is_none()), "a permit was taken from a holder that lives");
    if may_stop {
        holder.resume();
    }
    assert!(always(rig.grace(), || waiter.now().is_none()), "a permit was taken from a holder that was stopped");
    holder.kill();

    forget(trial.granted(&mut waiter));
    trial.settles(0, 0, 1);
}
