//! C14: what happened before is seen after. The cells here are not atomic: a semaphore that orders too little
//! makes a data race of each, which Miri and the thread sanitizer report wherever it is possible, and a busy
//! machine shows now and then.

use crate::rig::{Policy, Rig};
use crate::trial::{Trial, forget};
use crate::wait::{Polled, Running, block_on};
use cell::Plain;
use permits::limit::{Limit, Wait, WaitBlocking};
use std::sync::Arc;
use std::time::Duration;

/// C14 memory: from a permit's return to the acquire that takes it, and from an acquire to the release that
/// it lets through.
pub fn c14_memory<R: Rig>(rig: &R, policy: Policy) {
    what_a_holder_wrote_is_seen_by_the_next(rig, policy);
    what_came_before_a_release_is_seen_after_the_acquire(rig, policy);
    what_came_before_an_acquire_is_seen_after_the_release(rig, policy);
}

/// A way of waiting that always gets there, by the number of the round.
fn wait<T>(round: usize, request: impl WaitBlocking<Granted = T>, deadline: Duration) -> T {
    let outcome = match round % 3 {
        0 => request.wait(),
        1 => request.wait_timeout(deadline),
        _ => Polled::new(request.into_future()).outcome(deadline).expect("an acquire lets it through"),
    };
    outcome.expect("it is not closed")
}

fn what_a_holder_wrote_is_seen_by_the_next<R: Rig>(rig: &R, policy: Policy) {
    const THREADS: usize = 4;
    let trial = Trial::new(rig, policy, 1);
    let count = Arc::new(Plain::new(0));
    let (rounds, deadline) = (rig.rounds() as usize, rig.deadline());

    let mut threads: Vec<_> = (0..THREADS)
        .map(|number| {
            let (limit, count) = (rig.another(&trial.limit), Arc::clone(&count));
            Running::start(move || {
                for round in 0..rounds {
                    // One in four is a try, which may come too early, and then is a wait after all.
                    let at_once =
                        if round % 4 == 0 { block_on(limit.acquire_many(1).try_now(), deadline).ok() } else { None };
                    let permit = at_once.unwrap_or_else(|| wait(number + round, limit.acquire_many(1), deadline));
                    count.set(count.get() + 1);
                    drop(permit);
                }
            })
        })
        .collect();
    for thread in &mut threads {
        thread.outcome(rig.deadline()).expect("all get their turns");
    }

    drop(trial.take(1));
    assert_eq!(count.get(), (THREADS * rounds) as u64);
}

fn what_came_before_a_release_is_seen_after_the_acquire<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 1);
    trial.take_loose(1);
    let (rounds, deadline) = (rig.rounds() as usize, rig.deadline());
    let cells: Arc<Vec<_>> = Arc::new((0..rounds).map(|_| Plain::new(0)).collect());

    let (limit, written) = (rig.another(&trial.limit), Arc::clone(&cells));
    let mut giver = Running::start(move || {
        for (round, cell) in written.iter().enumerate() {
            cell.set(round as u64 + 1);
            wait(round, limit.release_many(1), deadline);
        }
    });
    for (round, cell) in cells.iter().enumerate() {
        let permit = wait(round + 1, trial.limit.acquire_many(1), deadline);
        assert_eq!(cell.get(), round as u64 + 1);
        forget(permit);
    }

    giver.outcome(rig.deadline()).expect("every acquire let one through");
}

fn what_came_before_an_acquire_is_seen_after_the_release<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 1);
    let (rounds, deadline) = (rig.rounds() as usize, rig.deadline());
    let cells: Arc<Vec<_>> = Arc::new((0..rounds).map(|_| Plain::new(0)).collect());

    let (limit, written) = (rig.another(&trial.limit), Arc::clone(&cells));
    let mut taker = Running::start(move || {
        for (round, cell) in written.iter().enumerate() {
            cell.set(round as u64 + 1);
            forget(wait(round, limit.acquire_many(1), deadline));
        }
    });
    for (round, cell) in cells.iter().enumerate() {
        wait(round + 1, trial.limit.release_many(1), deadline);
        assert_eq!(cell.get(), round as u64 + 1);
    }

    taker.outcome(rig.deadline()).expect("every release let one through");
}

#[allow(unsafe_code, reason = "an atomic would hide the very race that these tests are for")]
mod cell {
    use std::cell::UnsafeCell;

    /// A number that only a semaphore protects.
    pub(super) struct Plain(UnsafeCell<u64>);

    // SAFETY: not by itself: the tests reach it from one thread at a time as long as the semaphore keeps C14.
    unsafe impl Sync for Plain {}

    impl Plain {
        pub(super) fn new(value: u64) -> Plain {
            Plain(UnsafeCell::new(value))
        }

        pub(super) fn get(&self) -> u64 {
            // SAFETY: whoever wrote it did so before, by C14.
            unsafe { *self.0.get() }
        }

        pub(super) fn set(&self, value: u64) {
            // SAFETY: nobody else is here, by C1, and who was here is done, by C14.
            unsafe { *self.0.get() = value }
        }
    }
}
