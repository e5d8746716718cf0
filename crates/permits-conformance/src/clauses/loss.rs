//! C20: permits that are lost while they are held.

use crate::mortal::Severed;
use crate::rig::Policy;
use crate::trial::{Permit, Trial, Who, fails};
use crate::wait::{Polled, Running, always, block_on, eventually};
use permits::ErrorKind;
use permits::blocking::block_on_until;
use permits::limit::{Held, Limit, Safety, WaitBlocking};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// C20 a holder that is cut off learns that its permit is lost before another one has it, and cannot give it
/// back afterwards.
pub fn c20_loss<R: Severed>(rig: &R, policy: Policy) {
    let traits = Trial::new(rig, policy, 1).limit.traits();
    assert!(traits.leased, "its permits can be lost, and it does not say so: {traits:?}");
    assert_ne!(traits.safety, Safety::Process, "it outlives processes: {traits:?}");
    for who in Who::BOTH {
        the_holder_knows_before_the_next_has_it(rig, policy, who);
    }
    for _ in 0..rig.rounds().div_ceil(10) {
        whoever_is_granted_finds_it_lost_already(rig, policy);
    }
    a_lost_permit_is_neither_returned_nor_forgotten(rig, policy);
    a_lost_permit_is_neither_split_nor_merged(rig, policy);
    a_dropped_one_that_was_lost_changes_nothing(rig, policy);
    a_handle_that_is_back_can_acquire_again(rig, policy);
    for _ in 0..LATE_REPLIES {
        a_lease_counts_from_when_it_was_asked_for(rig, policy);
    }
}

/// How often answers come late: a call that is under way when the handle is cut off can hide what is wrong.
const LATE_REPLIES: u32 = 3;

fn the_holder_knows_before_the_next_has_it<R: Severed>(rig: &R, policy: Policy, who: Who) {
    let trial = Trial::new(rig, policy, 1);
    let cut_off = rig.another(&trial.limit);
    let permit = cut_off.acquire().wait().expect("one is free");
    let mut lost = Polled::new(permit.lost());
    let mut waiter = trial.acquirer(who, 1);

    assert!(!permit.is_lost() && lost.poll().is_pending(), "it is not lost before anything has happened");
    rig.sever(&cut_off);
    let next = trial.granted(&mut waiter);

    assert!(permit.is_lost(), "another one has the permit, and its holder does not know");
    assert_eq!(permit.remaining(), Some(Duration::ZERO));
    lost.outcome(rig.deadline()).expect("who waits for the loss is told");
    trial.stays(0, 1, 0);
    drop(next);
    rig.heal(&cut_off);
    assert!(always(rig.grace(), || permit.is_lost()), "what is lost stays lost");
}

/// The first thing that the next holder does is to look, on its own thread.
fn whoever_is_granted_finds_it_lost_already<R: Severed>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 1);
    let cut_off = rig.another(&trial.limit);
    let permit = Arc::new(cut_off.acquire().wait().expect("one is free"));

    the_next_finds_it_lost(&trial, &cut_off, &permit);

    drop(permit);
    trial.settles(1, 0, 0);
}

/// As [`whoever_is_granted_finds_it_lost_already`], with answers that come late: the server has counted the
/// lease for a while when the holder hears of it.
fn a_lease_counts_from_when_it_was_asked_for<R: Severed>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 1);
    let late = rig.another(&trial.limit);
    let lease = late.acquire().wait().expect("one is free").remaining().expect("it is leased");
    rig.delay(&late, lease / 4);
    let permit = Arc::new(late.acquire().wait().expect("one is free"));

    // By then all that it knows of its lease has come late.
    let lost = block_on_until(permit.lost(), Instant::now().checked_add(lease));
    assert_eq!(lost, None, "a lease was lost though it was renewed in time");
    let mut before = permit.remaining();
    let renewed = eventually(rig.deadline(), || {
        let now = permit.remaining();
        let is_longer = now > before;
        before = now;
        is_longer
    });
    assert!(renewed, "a lease is renewed as long as its holder lives");
    the_next_finds_it_lost(&trial, &late, &permit);

    drop(permit);
    trial.settles(1, 0, 0);
}

/// Cuts the handle off on which the only permit is held.
#[track_caller]
fn the_next_finds_it_lost<R: Severed>(trial: &Trial<'_, R>, cut_off: &R::Limit, permit: &Arc<Permit<R>>) {
    let rig = trial.rig;
    let (limit, held) = (rig.another(&trial.limit), Arc::clone(permit));
    let mut next = Running::start(move || {
        let granted = limit.acquire().wait();
        let was_lost = held.is_lost();
        drop(granted.expect("it is not closed"));
        was_lost
    });
    trial.queues(1, 0);

    rig.sever(cut_off);

    assert!(
        next.outcome(rig.deadline()).expect("it is granted"),
        "two have had it at once, and the first did not know"
    );
}

/// A permit of a handle that was cut off until the permit was lost.
fn lost_permit<R: Severed>(rig: &R, trial: &Trial<'_, R>) -> (R::Limit, <R::Limit as Limit>::Permit) {
    let cut_off = rig.another(&trial.limit);
    let permit = cut_off.acquire().wait().expect("one is free");
    rig.sever(&cut_off);
    block_on(permit.lost(), rig.deadline());
    (cut_off, permit)
}

fn a_lost_permit_is_neither_returned_nor_forgotten<R: Severed>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 2);
    let (first, returned) = lost_permit(rig, &trial);
    let (second, forgotten) = lost_permit(rig, &trial);
    trial.settles(2, 0, 0);
    [first, second].iter().for_each(|limit| rig.heal(limit));

    fails(block_on(returned.release(), rig.deadline()), ErrorKind::Lost);
    fails(block_on(forgotten.forget(), rig.deadline()), ErrorKind::Lost);

    trial.stays(2, 0, 0);
}

/// With one of the same handle, which is held under the next lease.
fn a_lost_permit_is_neither_split_nor_merged<R: Severed>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 2);
    let (limit, mut old) = lost_permit(rig, &trial);
    rig.heal(&limit);
    let mut new = limit.acquire().wait_timeout(rig.deadline()).expect("two are free, and the handle is back");

    fails(old.split(1), ErrorKind::Lost);
    let mut old = new.merge(old).expect_err("a permit that is held takes in none that is lost");
    let new = old.merge(new).expect_err("a permit that is lost takes in none");

    assert_eq!((old.count(), new.count()), (1, 1), "both are as they were");
    assert!(old.is_lost() && !new.is_lost());
    trial.settles(1, 1, 0);
    drop(old);
    trial.stays(1, 1, 0);
    drop(new);
    trial.settles(2, 0, 0);
}

fn a_dropped_one_that_was_lost_changes_nothing<R: Severed>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 1);
    let (cut_off, permit) = lost_permit(rig, &trial);
    let next = trial.take(1);
    rig.heal(&cut_off);

    drop(permit);

    trial.stays(0, 1, 0);
    drop(next);
    trial.settles(1, 0, 0);
}

fn a_handle_that_is_back_can_acquire_again<R: Severed>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 1);
    let (cut_off, permit) = lost_permit(rig, &trial);
    drop(permit);

    rig.heal(&cut_off);

    let again = cut_off.acquire().wait_timeout(rig.deadline()).expect("it is free, and the handle is back");
    assert!(!again.is_lost());
    drop(again);
    trial.settles(1, 0, 0);
}
