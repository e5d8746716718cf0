//! C11: five ways of waiting, on both sides.

use crate::rig::{Policy, Rig};
use crate::trial::{Permit, Trial, Who, fails, forget};
use crate::wait::{Running, block_on};
use permits::limit::{Held, Limit, WaitBlocking};
use permits::{Error, ErrorKind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// C11 time: every wait exists in five forms.
pub fn c11_time<R: Rig>(rig: &R, policy: Policy) {
    what_is_there_is_had_in_all_forms(rig, policy);
    a_try_does_not_wait(rig, policy);
    a_wait_without_a_limit_outlasts_any_limit(rig, policy);
    no_wait_ends_before_its_time(rig, policy);
    a_limit_that_is_over_is_a_try(rig, policy);
    a_limit_beyond_the_clock_is_no_limit(rig, policy);
    a_wait_ends_as_soon_as_it_is_granted(rig, policy);
    a_grant_that_races_the_timeout_wins_or_never_was(rig, policy);
    being_woken_for_nothing_ends_no_wait(rig, policy);
}

/// A way of waiting, with a limit where it has one.
#[derive(Clone, Copy, Debug)]
enum Form {
    Endless,
    Timeout(Duration),
    Deadline(Duration),
    Try,
    Future,
}

impl Form {
    fn all(limit: Duration) -> [Form; 5] {
        [Form::Endless, Form::Timeout(limit), Form::Deadline(limit), Form::Try, Form::Future]
    }

    fn timed(limit: Duration) -> [Form; 2] {
        [Form::Timeout(limit), Form::Deadline(limit)]
    }

    fn wait<T>(self, request: impl WaitBlocking<Granted = T>, deadline: Duration) -> Result<T, Error> {
        match self {
            Form::Endless => request.wait(),
            Form::Timeout(time) => request.wait_timeout(time),
            Form::Deadline(time) => request.wait_deadline(Instant::now() + time),
            Form::Try => block_on(request.try_now(), deadline),
            Form::Future => block_on(request.into_future(), deadline),
        }
    }

    fn acquire<R: Rig>(self, trial: &Trial<'_, R>, n: u32) -> Result<Permit<R>, Error> {
        self.wait(trial.limit.acquire_many(n), trial.rig.deadline())
    }

    fn release<R: Rig>(self, trial: &Trial<'_, R>, n: u32) -> Result<(), Error> {
        self.wait(trial.limit.release_many(n), trial.rig.deadline())
    }
}

fn what_is_there_is_had_in_all_forms<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 2);
    for form in Form::all(rig.deadline()) {
        let permit = form.acquire(&trial, 2).expect("both are free");
        assert_eq!(permit.count(), 2);
        forget(permit);
        form.release(&trial, 2).expect("both are loose");
        trial.settles(2, 0, 0);
    }
}

fn a_try_does_not_wait<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 2);

    let first = trial.try_take(1).expect("two are free");
    let second = trial.try_take(1).expect("one is free");
    fails(trial.try_take(1), ErrorKind::NotNow);
    drop(second);
    trial.settles(1, 1, 0);
    let again = trial.try_take(1).expect("one is free");
    fails(trial.try_give(1), ErrorKind::NotNow);

    trial.settles(0, 2, 0);
    trial.queues(0, 0);
    drop((first, again));
}

fn a_wait_without_a_limit_outlasts_any_limit<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 1);
    let mut releasers = Who::BOTH.map(|who| trial.releaser(who, 1));
    let held = trial.take(1);
    let mut acquirers = Who::BOTH.map(|who| trial.acquirer(who, 1));

    for waiting in &mut releasers {
        trial.waits(waiting);
    }
    for waiting in &mut acquirers {
        trial.waits(waiting);
    }

    drop(held);
    let [first, second] = &mut acquirers;
    forget(trial.granted(first));
    let [third, fourth] = &mut releasers;
    trial.granted(third);
    forget(trial.granted(second));
    trial.granted(fourth);
}

fn no_wait_ends_before_its_time<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 1);
    let held = trial.take(1);
    for time in [Duration::from_nanos(1), Duration::from_micros(1), Duration::from_millis(1), Duration::from_millis(20)]
    {
        for form in Form::timed(time) {
            let start = Instant::now();
            fails(form.acquire(&trial, 1), ErrorKind::TimedOut);
            assert!(start.elapsed() >= time, "{form:?} to acquire took {:?}", start.elapsed());

            let start = Instant::now();
            fails(form.release(&trial, 1), ErrorKind::TimedOut);
            assert!(start.elapsed() >= time, "{form:?} to release took {:?}", start.elapsed());
        }
    }
    drop(held);
}

fn a_limit_that_is_over_is_a_try<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 1);
    let past = Instant::now();
    // The limit decides nothing where there is nothing to wait for.
    for zero in Form::timed(Duration::ZERO) {
        forget(zero.acquire(&trial, 1).expect("one is free"));
        fails(zero.acquire(&trial, 1), ErrorKind::TimedOut);
        zero.release(&trial, 1).expect("one is loose");
        fails(zero.release(&trial, 1), ErrorKind::TimedOut);
    }
    forget(trial.limit.acquire_many(1).wait_deadline(past).expect("one is free"));
    fails(trial.limit.acquire_many(1).wait_deadline(past), ErrorKind::TimedOut);
    trial.limit.release_many(1).wait_deadline(past).expect("one is loose");
    fails(trial.limit.release_many(1).wait_deadline(past), ErrorKind::TimedOut);
    trial.settles(1, 0, 0);
}

fn a_limit_beyond_the_clock_is_no_limit<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 1);
    let (first, second) = (rig.another(&trial.limit), rig.another(&trial.limit));
    let mut releaser = Running::start(move || first.release_many(1).wait_timeout(Duration::MAX));
    trial.queues(0, 1);
    let held = trial.take(1);
    let century = Instant::now() + Duration::from_secs(100 * 365 * 24 * 3600);
    let mut acquirer = Running::start(move || second.acquire_many(1).wait_deadline(century));
    trial.queues(1, 1);

    forget(held);

    releaser.outcome(rig.deadline()).expect("one is loose").expect("one is loose");
    forget(acquirer.outcome(rig.deadline()).expect("one is free").expect("one is free"));
    trial.give(1);
}

fn a_wait_ends_as_soon_as_it_is_granted<R: Rig>(rig: &R, policy: Policy) {
    let limit = rig.deadline() * 10;
    for form in Form::timed(limit) {
        let trial = Trial::new(rig, policy, 1);
        let (ours, theirs, deadline) = (rig.another(&trial.limit), rig.another(&trial.limit), rig.deadline());
        let mut releaser = Running::start(move || form.wait(ours.release_many(1), deadline));
        trial.queues(0, 1);
        let held = trial.take(1);
        let mut acquirer = Running::start(move || form.wait(theirs.acquire_many(1), deadline));
        trial.queues(1, 1);

        forget(held);

        releaser.outcome(rig.deadline()).expect("not at the limit").expect("one is loose");
        forget(acquirer.outcome(rig.deadline()).expect("not at the limit").expect("one is free"));
        trial.give(1);
    }
}

fn a_grant_that_races_the_timeout_wins_or_never_was<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 1);
    for round in 0..rig.rounds().div_ceil(4) {
        let held = trial.take(1);
        let time = Duration::from_micros(u64::from(round % 100));
        let limit = rig.another(&trial.limit);
        let mut racer = Running::start(move || limit.acquire_many(1).wait_timeout(time));

        drop(held);

        match racer.outcome(rig.deadline()).expect("it has a limit") {
            Ok(permit) => {
                trial.settles(0, 1, 0);
                drop(permit);
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}"),
        }
        trial.settles(1, 0, 0);
        trial.queues(0, 0);
    }
}

/// What a signal does to a sleeping thread, or a spurious wake-up, or a neighbour who parks and unparks.
fn being_woken_for_nothing_ends_no_wait<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 1);
    let held = trial.take(1);
    let time = rig.grace() * 5;
    let (first, second) = (rig.another(&trial.limit), rig.another(&trial.limit));
    let timed = |wait: &dyn Fn() -> Option<Error>| {
        let start = Instant::now();
        let error = wait();
        (error, start.elapsed())
    };
    let mut acquirer = Running::start(move || timed(&|| first.acquire_many(1).wait_timeout(time).err()));
    let mut releaser = Running::start(move || timed(&|| second.release_many(1).wait_timeout(time).err()));

    let deadline = rig.deadline();
    let over = AtomicBool::new(false);
    let disturbed = [acquirer.thread().clone(), releaser.thread().clone()];
    let outcomes = thread::scope(|scope| {
        scope.spawn(|| {
            let start = Instant::now();
            while !over.load(Ordering::SeqCst) && start.elapsed() < deadline * 2 {
                disturbed.iter().for_each(thread::Thread::unpark);
                thread::yield_now();
            }
        });
        let outcomes = [acquirer.outcome(rig.deadline()), releaser.outcome(rig.deadline())];
        over.store(true, Ordering::SeqCst);
        outcomes
    });

    for outcome in outcomes {
        let (error, lasted) = outcome.expect("it has a limit");
        assert_eq!(error.expect("nothing grants it").kind(), ErrorKind::TimedOut);
        assert!(lasted >= time, "woken for nothing, a wait for {time:?} ended after {lasted:?}");
    }
    drop(held);
}
