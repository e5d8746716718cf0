//! C1, C2 and C21: the numbers that a semaphore keeps to, and those that it refuses.

use crate::dice::Dice;
use crate::rig::{Policy, Rig};
use crate::trial::{Permit, Trial, fails, forget, names};
use crate::wait::{Running, block_on};
use permits::limit::{Held, Limit, Wait, WaitBlocking};
use permits::{Error, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// C1 bounds: given out stays between 0 and `max_permits`, whatever is done.
pub fn c01_bounds<R: Rig>(rig: &R, policy: Policy) {
    taking_and_giving_too_much_changes_nothing(rig, policy);
    the_counts_stay_in_bounds_whatever_many_threads_do(rig, policy);
}

fn taking_and_giving_too_much_changes_nothing<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 2);

    fails(trial.try_give(1), ErrorKind::NotNow);
    trial.settles(2, 0, 0);
    let one = trial.take(1);
    trial.take_loose(1);
    fails(trial.try_take(1), ErrorKind::NotNow);
    fails(trial.try_give(2), ErrorKind::NotNow);
    trial.settles(0, 1, 1);
    drop(one);
    trial.give(1);

    fails(trial.try_give(1), ErrorKind::NotNow);
    trial.settles(2, 0, 0);
}

fn the_counts_stay_in_bounds_whatever_many_threads_do<R: Rig>(rig: &R, policy: Policy) {
    const MAX: u32 = 3;
    let trial = Trial::new(rig, policy, MAX);
    let mut dice = Dice::seeded(1);
    let held = Arc::new(AtomicU32::new(0));

    let mut crowd: Vec<_> = (0..4)
        .map(|_| {
            let (limit, held, dice) = (rig.another(&trial.limit), Arc::clone(&held), dice.fork());
            let (rounds, deadline) = (rig.rounds(), rig.deadline());
            Running::start(move || misbehave(&limit, &held, dice, MAX, rounds, deadline))
        })
        .collect();
    for thread in &mut crowd {
        thread.outcome(rig.deadline()).expect("each wait has a limit");
    }

    let loose = trial.until("only loose permits are out", |state| state.loose == state.given_out).loose;
    trial.give(loose);
    trial.settles(MAX, 0, 0);
    trial.queues(0, 0);
}

/// Anything, in any order; all waits have a limit, since no other thread is there to end them.
fn misbehave<L: Limit<Acquire: WaitBlocking, Release: WaitBlocking>>(
    limit: &L,
    held: &AtomicU32,
    mut dice: Dice,
    max: u32,
    rounds: u32,
    deadline: Duration,
) {
    let mut guards: Vec<L::Permit> = Vec::new();
    let keep = |permit: L::Permit, guards: &mut Vec<L::Permit>| {
        let all = held.fetch_add(permit.count(), Ordering::SeqCst) + permit.count();
        assert!(all <= max, "{all} of {max} permits are held at once");
        guards.push(permit);
    };
    for _ in 0..rounds {
        let n = dice.below(max + 2);
        let time = Duration::from_micros(dice.below(200).into());
        let pick = dice.below(8) as usize;
        match (dice.below(9), guards.len()) {
            (0, _) => block_on(limit.acquire_many(n).try_now(), deadline).map_or((), |it| keep(it, &mut guards)),
            (1, _) => limit.acquire_many(n).wait_timeout(time).map_or((), |it| keep(it, &mut guards)),
            (2, _) => _ = block_on(limit.release_many(n).try_now(), deadline),
            (3, _) => _ = limit.release_many(n).wait_timeout(time),
            (4, _) => _ = crate::wait::Polled::new(limit.acquire_many(n).into_future()).poll(),
            (5, _) => _ = crate::wait::Polled::new(limit.release_many(n).into_future()).poll(),
            (6, 1..) => {
                let guard = guards.swap_remove(pick % guards.len());
                held.fetch_sub(guard.count(), Ordering::SeqCst);
                drop(guard);
            }
            (7, 1..) => {
                let guard = guards.swap_remove(pick % guards.len());
                held.fetch_sub(guard.count(), Ordering::SeqCst);
                forget(guard);
            }
            (8, 1..) => {
                let mut guard = guards.swap_remove(pick % guards.len());
                guards.extend(guard.split(n));
                if let Some(other) = guards.pop() {
                    assert!(guard.merge(other).is_ok(), "they are of one semaphore");
                }
                guards.push(guard);
            }
            _ => {}
        }
        let state = block_on(limit.state(), deadline).expect("the state can be read");
        assert_eq!(state.available_permits + state.given_out, max, "{state:?}");
        assert!(state.loose <= state.given_out, "{state:?}");
    }
    for guard in guards {
        held.fetch_sub(guard.count(), Ordering::SeqCst);
    }
}

/// C2 start: from 1 to the reach's limit, all of them free.
pub fn c02_start<R: Rig>(rig: &R, policy: Policy) {
    for max in [1, 2, R::MAX_PERMITS] {
        let state = Trial::new(rig, policy, max).state();

        assert_eq!((state.max_permits, state.available_permits), (max, max));
        assert_eq!((state.given_out, state.loose, state.closed), (0, 0, false));
        assert_eq!((state.waiting_acquirers, state.waiting_releasers), (0, 0));
    }
    for max in numbers_that_no_semaphore_has::<R>() {
        let error = fails(rig.fresh(policy, max), ErrorKind::BadMax);

        names(&error, max, R::MAX_PERMITS);
    }
}

fn numbers_that_no_semaphore_has<R: Rig>() -> impl Iterator<Item = u32> {
    let more = R::MAX_PERMITS.checked_add(1);
    [Some(0), more, more.and(Some(u32::MAX))].into_iter().flatten()
}

/// C21 bad input: a clear error, and no harm done.
pub fn c21_bad_input<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 4);
    let mut held = trial.take(2);
    trial.take_loose(1);

    for n in [5, u32::MAX] {
        names(&fails(trial.try_take(n), ErrorKind::TooMany), n, 4);
        names(&fails(trial.try_give(n), ErrorKind::TooMany), n, 4);
        names(&fails(held.split(n), ErrorKind::TooMany), n, 2);
    }
    for max in numbers_that_no_semaphore_has::<R>() {
        names(&fails(trial.resize(max), ErrorKind::BadMax), max, R::MAX_PERMITS);
    }
    names(&fails(trial.try_take(2), ErrorKind::NotNow), 2, 1);
    names(&fails(trial.try_give(2), ErrorKind::NotNow), 2, 1);
    every_error_says_what_is_wrong::<R>(&trial);

    assert_eq!((held.count(), trial.state().max_permits), (2, 4));
    trial.settles(1, 2, 1);
    drop(held);
    trial.give(1);
    drop(trial.take(4));
    trial.settles(4, 0, 0);
}

fn every_error_says_what_is_wrong<R: Rig>(trial: &Trial<'_, R>) {
    let errors: [Result<Permit<R>, Error>; 3] = [
        trial.try_take(2),
        trial.limit.acquire_many(2).wait_timeout(Duration::ZERO),
        trial.limit.acquire_many(9).wait(),
    ];
    for outcome in errors {
        let error = outcome.err().expect("each asks for too many");
        assert_eq!(error.semaphore(), trial.limit.name(), "the name of the semaphore, in: {error}");
        let text = error.to_string();

        assert!(!text.ends_with('.') && !text.starts_with(char::is_uppercase) && !text.contains('\n'), "{text}");
    }
}
