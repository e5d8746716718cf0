//! C21 for handles that are cut off: calls end, waits end or are served, and what was on its way back
//! arrives.

use crate::mortal::Severed;
use crate::rig::Policy;
use crate::trial::{Trial, Waiting, Who, fails};
use crate::wait::{Polled, Running};
use permits::blocking::block_on;
use permits::limit::{Held, Limit, Wait, WaitBlocking};
use permits::{Error, ErrorKind};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// C21 a server that does not answer: no call hangs, nothing succeeds without an answer, and a handle that is
/// back is as good as new.
pub fn c21_unreachable<R: Severed>(rig: &R, policy: Policy) {
    what_is_asked_of_a_handle_ends(rig, policy);
    a_wait_whose_time_is_over_has_timed_out(rig, policy);
    nothing_succeeds_without_an_answer(rig, policy);
    what_was_on_its_way_back_arrives(rig, policy);
    for who in Who::BOTH {
        an_acquirer_that_was_cut_off_for_a_moment_is_served_or_ends(rig, policy, who);
        an_acquirer_that_lost_its_lease_is_served_or_ends(rig, who);
        a_releaser_that_lost_its_lease_is_served_or_ends(rig, who);
    }
}

/// What is done on a handle that is cut off, on a thread of its own, so that one that hangs is seen.
#[track_caller]
fn ended<R: Severed, T: Send + 'static>(rig: &R, what: &str, act: impl FnOnce() -> T + Send + 'static) -> T {
    let Some(outcome) = Running::start(act).outcome(rig.gives_up_after()) else {
        panic!("{what} on a handle that is cut off did not end in {:?}", rig.gives_up_after());
    };
    outcome
}

fn what_is_asked_of_a_handle_ends<R: Severed>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 3);
    let limit = Arc::new(rig.another(&trial.limit));
    let held = limit.acquire().wait().expect("three are free");
    trial.take_loose(1);
    rig.sever(&limit);

    macro_rules! unreachable {
        ($what:literal, |$handle:ident| $act:expr) => {
            let $handle = Arc::clone(&limit);
            fails(ended(rig, $what, move || $act.map(drop)), ErrorKind::Unreachable);
        };
    }
    unreachable!("a try to acquire", |it| block_on(it.acquire().try_now()));
    unreachable!("a try to release", |it| block_on(it.release().try_now()));
    unreachable!("an acquire with no time", |it| it.acquire().wait_timeout(Duration::ZERO));
    unreachable!("a release with no time", |it| it.release().wait_timeout(Duration::ZERO));
    unreachable!("reading the state", |it| block_on(it.state()));
    unreachable!("setting the number of permits", |it| block_on(it.set_max_permits(2)));
    unreachable!("growing", |it| block_on(it.grow(1)));
    unreachable!("shrinking", |it| block_on(it.shrink(1)));
    unreachable!("closing", |it| block_on(it.close()));
    ended(rig, "dropping a permit", move || drop(held));

    let state = trial.state();
    assert_eq!((state.max_permits, state.loose, state.closed), (3, 1, false), "what was sent has not arrived");
}

fn a_wait_whose_time_is_over_has_timed_out<R: Severed>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 1);
    let limit = Arc::new(rig.another(&trial.limit));
    let held = limit.acquire().wait().expect("one is free");
    let told = [told(limit.acquire().timed_out()), told(limit.release().timed_out())];
    rig.sever(&limit);

    for told in told {
        let error = ended(rig, "saying how things stood", move || block_on(told));
        assert_eq!(error.kind(), ErrorKind::TimedOut, "TimedOut is what a wait comes to whose time is over: {error}");
        assert_eq!(error.stuck(), None, "the state is not known");
    }
    let (it, time) = (Arc::clone(&limit), rig.grace());
    let error = ended(rig, "a wait with a limit", move || it.acquire().wait_timeout(time)).err().expect("none is free");
    assert!(matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Unreachable), "{error}");
    drop(held);
}

fn told(future: impl Future<Output = Error> + Send + 'static) -> std::pin::Pin<Box<dyn Future<Output = Error> + Send>> {
    Box::pin(future)
}

/// The holder learns that it failed, and nothing stays out for good.
fn nothing_succeeds_without_an_answer<R: Severed>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 2);
    let limit = rig.another(&trial.limit);
    let [returned, forgotten] = [(); 2].map(|()| limit.acquire().wait().expect("two are free"));
    rig.sever(&limit);

    unanswered("releasing a permit", ended(rig, "releasing a permit", move || block_on(returned.release())));
    unanswered("forgetting a permit", ended(rig, "forgetting a permit", move || block_on(forgotten.forget())));

    trial.settles(2, 0, 0);
    rig.heal(&limit);
    trial.stays(2, 0, 0);
}

#[track_caller]
fn unanswered(what: &str, outcome: Result<(), Error>) {
    let error = outcome.err().unwrap_or_else(|| panic!("{what} succeeded without an answer"));
    assert!(matches!(error.kind(), ErrorKind::Unreachable | ErrorKind::Lost), "{what}: {error}");
}

/// Its handle is cut off for less than a lease, so no lease ends that would bring it back.
fn what_was_on_its_way_back_arrives<R: Severed>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 2);
    let limit = rig.another(&trial.limit);
    let [dropped, returned] = [(); 2].map(|()| limit.acquire().wait().expect("two are free"));

    rig.sever(&limit);
    drop(dropped);
    let mut returning = Polled::new(returned.release());
    _ = returning.poll();
    drop(returning);
    rig.heal(&limit);

    trial.until("permits that were on their way back are free", |state| state.available_permits == 2);
}

fn an_acquirer_that_was_cut_off_for_a_moment_is_served_or_ends<R: Severed>(rig: &R, policy: Policy, who: Who) {
    let trial = Trial::new(rig, policy, 1);
    let limit = rig.another(&trial.limit);
    let held = trial.take(1);
    let mut waiter = trial.acquirer_at(&limit, who, 1);

    rig.sever(&limit);
    trial.waits(&mut waiter);
    rig.heal(&limit);
    drop(held);

    is_served_or_ends(&trial, &mut waiter);
    trial.settles(1, 0, 0);
}

/// Fair, so that the one that is cut off is the first.
fn an_acquirer_that_lost_its_lease_is_served_or_ends<R: Severed>(rig: &R, who: Who) {
    let trial = Trial::new(rig, Policy::Fair, 1);
    let limit = rig.another(&trial.limit);
    let held = trial.take(1);
    let mut cut_off = trial.acquirer_at(&limit, who, 1);
    let mut behind = trial.acquirer(Who::Task, 1);

    rig.sever(&limit);
    drop(held);
    let next = trial.granted(&mut behind);
    rig.heal(&limit);
    drop(next);

    is_served_or_ends(&trial, &mut cut_off);
    trial.settles(1, 0, 0);
    trial.queues(0, 0);
}

/// Fair, so that the one that is cut off is the first. What it was granted has not happened, and goes to the
/// one behind it (C10).
fn a_releaser_that_lost_its_lease_is_served_or_ends<R: Severed>(rig: &R, who: Who) {
    let trial = Trial::new(rig, Policy::Fair, 1);
    let limit = rig.another(&trial.limit);
    let mut cut_off = trial.releaser_at(&limit, who, 1);
    let mut behind = trial.releaser(Who::Task, 1);

    rig.sever(&limit);
    trial.take_loose(1);
    trial.granted(&mut behind);
    rig.heal(&limit);
    trial.take_loose(1);

    if !is_served_or_ends(&trial, &mut cut_off) {
        trial.give(1);
    }
    trial.settles(1, 0, 0);
    trial.queues(0, 0);
}

/// Whether it was served.
#[track_caller]
fn is_served_or_ends<R: Severed, T: Send + 'static>(trial: &Trial<'_, R>, waiting: &mut Waiting<T>) -> bool {
    match trial.ends(waiting) {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
            false
        }
    }
}
