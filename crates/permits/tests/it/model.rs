//! Random sequences of all operations, side by side with the reference of `reference.rs`; everything that can
//! be seen is compared after every step (linearizability in one thread; and with threads that wait, in the
//! states between which nothing happens).
//!
//! A failure is shrunk to the shortest sequence that shows it, and printed.

use crate::reference::{Id, Model, Refusal, Stage, What};
use crate::{DEADLINE, eventually};
use permits::{AcquireError, OwnedPermit, ReleaseError, Semaphore};
use permits_conformance::wait::{Polled, Running};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestCaseResult};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

/// One step. Indices are taken modulo the number of things that there are.
#[derive(Clone, Debug)]
enum Step {
    Try { what: What, n: u32, timed: bool },
    Start { what: What, n: u32 },
    Thread { what: What, n: u32 },
    Poll { which: usize, with_new_waker: bool },
    Cancel { which: usize },
    DropGuard { which: usize },
    Forget { which: usize },
    Split { which: usize, n: u32 },
    Merge { which: usize, other: usize },
    Grow { n: u32 },
    Shrink { n: u32 },
    Set { n: u32 },
    Close,
}

fn number() -> impl Strategy<Value = u32> {
    prop_oneof![20 => 0..6u32, 1 => Just(Semaphore::MAX_PERMITS + 1), 1 => Just(1 << 31), 1 => Just(u32::MAX)]
}

fn what() -> impl Strategy<Value = What> {
    prop_oneof![Just(What::Take), Just(What::TakeLoose), Just(What::Give)]
}

fn step(threads: bool) -> impl Strategy<Value = Step> {
    let index = 0..8usize;
    prop_oneof![
        6 => (what(), number(), any::<bool>()).prop_map(|(what, n, timed)| Step::Try { what, n, timed }),
        6 => (what(), number()).prop_map(|(what, n)| Step::Start { what, n }),
        6 => (what(), number())
            .prop_map(move |(what, n)| if threads { Step::Thread { what, n } } else { Step::Start { what, n } }),
        12 => (index.clone(), any::<bool>()).prop_map(|(which, with_new_waker)| Step::Poll { which, with_new_waker }),
        4 => index.clone().prop_map(|which| Step::Cancel { which }),
        4 => index.clone().prop_map(|which| Step::DropGuard { which }),
        3 => index.clone().prop_map(|which| Step::Forget { which }),
        2 => (index.clone(), number()).prop_map(|(which, n)| Step::Split { which, n }),
        2 => (index.clone(), index).prop_map(|(which, other)| Step::Merge { which, other }),
        1 => number().prop_map(|n| Step::Grow { n }),
        1 => number().prop_map(|n| Step::Shrink { n }),
        2 => number().prop_map(|n| Step::Set { n }),
        1 => Just(Step::Close),
    ]
}

/// A start, a bound, and what follows.
fn story(threads: bool, steps: usize) -> impl Strategy<Value = (u32, u32, Vec<Step>)> {
    // Fewer steps than a default semaphore grants passings at a time, after which the clock would have a say.
    let bound = prop_oneof![Just(0u32), 1..4u32, Just(Semaphore::DEFAULT_OVERTAKES)];
    (1..6u32, bound, prop::collection::vec(step(threads), 1..steps))
}

/// A wait of any of the three kinds.
enum Wait {
    Take(Polled<'static, Result<OwnedPermit, AcquireError>>),
    TakeLoose(Polled<'static, Result<(), AcquireError>>),
    Give(Polled<'static, Result<(), ReleaseError>>),
    Thread(Running<Result<Option<OwnedPermit>, Refusal>>),
}

struct Both {
    sem: Arc<Semaphore>,
    model: Model,
    waits: BTreeMap<Id, Wait>,
    /// In the order of the model's.
    guards: Vec<OwnedPermit>,
    next: Id,
    start: Instant,
}

type Outcome = Result<Option<OwnedPermit>, Refusal>;

impl Both {
    fn new(max: u32, bound: u32) -> Both {
        Both {
            sem: Arc::new(Semaphore::with_overtaking(max, bound)),
            model: Model::new(max, bound),
            waits: BTreeMap::new(),
            guards: Vec::new(),
            next: 0,
            start: Instant::now(),
        }
    }

    fn take(&mut self, step: &Step) -> TestCaseResult {
        match *step {
            Step::Try { what, n, timed } => {
                let outcome = self.attempt(what, n, timed);
                if matches!(outcome, Err(Refusal::NotNow { .. })) && self.time_forbids(what, n) {
                    return Ok(());
                }
                let expected = self.model.attempt(what, n);
                self.settle(outcome, expected)?;
            }
            Step::Start { what, n } => {
                let wait = match what {
                    What::Take => Wait::Take(Polled::new(self.sem.acquire_many_owned(n))),
                    What::TakeLoose => Wait::TakeLoose(Polled::new(self.sem.acquire_many_owned(n).loose())),
                    What::Give => Wait::Give(Polled::new(self.sem.release_many_owned(n))),
                };
                self.model.start(self.next, what, n, false);
                self.waits.insert(self.next, wait);
                self.next += 1;
            }
            // Whether a thread that might pass does so, or queues, time may decide; the tries are there to
            // see that they pass.
            Step::Thread { what, n } if self.model.passes(what, n) => {}
            Step::Thread { what, n } => self.thread(what, n)?,
            Step::Poll { which, with_new_waker } => self.poll(which, with_new_waker)?,
            Step::Cancel { which } => {
                if let Some(id) = self.task(which) {
                    self.waits.remove(&id);
                    self.model.cancel(id);
                }
            }
            Step::DropGuard { which } if !self.guards.is_empty() => {
                let at = which % self.guards.len();
                drop(self.guards.swap_remove(at));
                self.model.drop_guard(at);
            }
            Step::Forget { which } if !self.guards.is_empty() => {
                let at = which % self.guards.len();
                self.guards.swap_remove(at).forget();
                self.model.forget_guard(at);
            }
            Step::Split { which, n } if !self.guards.is_empty() => {
                let at = which % self.guards.len();
                let part = self.guards[at].split(n);
                let fits = n <= self.model.guards[at];
                prop_assert_eq!(part.is_ok(), fits);
                if let Ok(part) = part {
                    self.guards.push(part);
                    self.model.guards[at] -= n;
                    self.model.guards.push(n);
                }
            }
            Step::Merge { which, other } if self.guards.len() > 1 => {
                let gone = other % self.guards.len();
                let (guard, n) = (self.guards.swap_remove(gone), self.model.guards.swap_remove(gone));
                let at = which % self.guards.len();
                prop_assert!(self.guards[at].merge(guard).is_ok());
                self.model.guards[at] += n;
            }
            Step::Grow { n } => {
                let max = self.model.max + i64::from(n);
                prop_assert_eq!(self.sem.grow(n).is_ok(), self.model.resize(max).is_ok());
            }
            Step::Shrink { n } => {
                let max = self.model.max - i64::from(n);
                prop_assert_eq!(self.sem.shrink(n).is_ok(), self.model.resize(max).is_ok());
            }
            Step::Set { n } => {
                prop_assert_eq!(self.sem.set_max_permits(n).is_ok(), self.model.resize(n.into()).is_ok())
            }
            Step::Close => {
                self.sem.close();
                self.model.close();
            }
            Step::DropGuard { .. } | Step::Forget { .. } | Step::Split { .. } | Step::Merge { .. } => {}
        }
        Ok(())
    }

    /// Nobody is passed for longer than a millisecond, whatever the bound; which happens here only if the
    /// machine is busy.
    fn time_forbids(&self, what: What, n: u32) -> bool {
        self.model.passes(what, n) && self.start.elapsed() >= Duration::from_millis(1)
    }

    fn attempt(&self, what: What, n: u32, timed: bool) -> Outcome {
        let sem = &self.sem;
        let no_time = Duration::ZERO;
        match (what, timed) {
            (What::Take, false) => Ok(Some(sem.try_acquire_many_owned(n)?)),
            (What::Take, true) => Ok(Some(sem.acquire_many_owned(n).wait_timeout(no_time)?)),
            (What::TakeLoose, false) => Ok(sem.acquire_many(n).loose().try_now().map(|()| None)?),
            (What::TakeLoose, true) => Ok(sem.acquire_many(n).loose().wait_timeout(no_time).map(|()| None)?),
            (What::Give, false) => Ok(sem.try_release_many(n).map(|()| None)?),
            (What::Give, true) => Ok(sem.release_many(n).wait_timeout(no_time).map(|()| None)?),
        }
    }

    /// A thread that waits; the test goes on when it is queued, or done.
    fn thread(&mut self, what: What, n: u32) -> TestCaseResult {
        let sem = Arc::clone(&self.sem);
        let id = self.next;
        self.next += 1;
        self.model.start(id, what, n, true);
        let wait = Running::start(move || match what {
            What::Take => Ok(Some(sem.acquire_many_owned(n).wait()?)),
            What::TakeLoose => Ok(sem.acquire_many_owned(n).loose().wait().map(|()| None)?),
            What::Give => Ok(sem.release_many_owned(n).wait().map(|()| None)?),
        });
        self.waits.insert(id, Wait::Thread(wait));
        if let Some(expected) = self.model.poll(id) {
            self.collect(id, expected)?;
        }
        Ok(())
    }

    /// The outcome of a thread that must be done by now, or soon.
    fn collect(&mut self, id: Id, expected: Result<(), Refusal>) -> TestCaseResult {
        let Some(Wait::Thread(mut thread)) = self.waits.remove(&id) else { unreachable!("it is a thread") };
        let outcome = thread.outcome(DEADLINE);
        prop_assert!(outcome.is_some(), "a thread waits that should have been served with {expected:?}");
        self.settle(outcome.expect("a line above"), expected)
    }

    /// Compares what came of it, and keeps the guard. The model has pushed its own.
    fn settle(&mut self, outcome: Outcome, expected: Result<(), Refusal>) -> TestCaseResult {
        match outcome {
            Ok(guard) => {
                prop_assert_eq!(Ok(()), expected);
                if let Some(guard) = guard {
                    let count = guard.count();
                    prop_assert_eq!(Some(&count), self.model.guards.last());
                    self.guards.push(guard);
                }
            }
            Err(refusal) => prop_assert_eq!(Err(refusal), expected),
        }
        Ok(())
    }

    fn task(&self, which: usize) -> Option<Id> {
        let tasks: Vec<_> =
            self.waits.iter().filter(|(_, it)| !matches!(it, Wait::Thread(_))).map(|(id, _)| *id).collect();
        (!tasks.is_empty()).then(|| tasks[which % tasks.len()])
    }

    fn poll(&mut self, which: usize, with_new_waker: bool) -> TestCaseResult {
        let Some(id) = self.task(which) else { return Ok(()) };
        if with_new_waker {
            self.model.requests.get_mut(&id).expect("it is known").wakes = 0;
        }
        let outcome: Poll<Outcome> = match self.waits.get_mut(&id).expect("it is known") {
            Wait::Take(task) => poll(task, with_new_waker).map(|outcome| Ok(Some(outcome?))),
            Wait::TakeLoose(task) => poll(task, with_new_waker).map(|outcome| Ok(outcome.map(|()| None)?)),
            Wait::Give(task) => poll(task, with_new_waker).map(|outcome| Ok(outcome.map(|()| None)?)),
            Wait::Thread(_) => unreachable!("it is a task"),
        };
        match (outcome, self.model.poll(id)) {
            (Poll::Pending, None) => {}
            (Poll::Ready(outcome), Some(expected)) => {
                self.waits.remove(&id);
                self.model.requests.remove(&id);
                self.settle(outcome, expected)?;
            }
            (outcome, expected) => {
                return Err(TestCaseError::fail(format!("polled to {outcome:?}, and the model to {expected:?}")));
            }
        }
        Ok(())
    }

    /// Threads that the model has served come back.
    fn collect_threads(&mut self) -> TestCaseResult {
        let served = |request: &&Id| matches!(self.model.requests[request].stage, Stage::Granted | Stage::Refused(_));
        let ids: Vec<_> =
            self.waits.iter().filter(|(_, it)| matches!(it, Wait::Thread(_))).map(|(id, _)| *id).collect();
        let ids: Vec<_> = ids.iter().filter(served).copied().collect();
        for id in ids {
            let request = &self.model.requests[&id];
            let (n, takes) = (request.n, request.what == What::Take);
            let expected = self.model.poll(id).expect("it is served");
            if takes && expected.is_ok() {
                // The model has pushed its guard when it served it, perhaps with others; now is when it is last.
                let at = self.model.guards.iter().rposition(|count| *count == n).expect("it was pushed");
                let count = self.model.guards.remove(at);
                self.model.guards.push(count);
            }
            self.collect(id, expected)?;
        }
        Ok(())
    }

    fn compare(&mut self) -> TestCaseResult {
        prop_assert!(self.model.is_sound(), "the model is wrong");
        self.collect_threads()?;
        let model = &self.model;
        let need = |id: Option<&Id>| id.map_or(0, |id| model.requests[id].n);
        let expected = (
            (model.max, model.free.max(0), model.max - model.free, model.loose, model.closed),
            (model.acquirers.len(), need(model.acquirers.front())),
            (model.releasers.len(), need(model.releasers.front())),
        );
        let sem = &self.sem;
        let seen = || {
            let state = sem.state();
            let [max, free, out, loose] =
                [state.max_permits, state.available_permits, state.given_out, state.loose].map(i64::from);
            (
                (max, free, out, loose, state.closed),
                (state.waiting_acquirers as usize, state.next_acquirer),
                (state.waiting_releasers as usize, state.next_releaser),
            )
        };
        if self.waits.values().any(|it| matches!(it, Wait::Thread(_))) {
            eventually(DEADLINE, || seen() == expected);
        }
        prop_assert_eq!(seen(), expected);
        prop_assert_eq!(i64::from(sem.max_permits()), expected.0.0);
        prop_assert_eq!(i64::from(sem.available_permits()), expected.0.1);
        prop_assert_eq!((i64::from(sem.given_out()), i64::from(sem.loose())), (expected.0.2, expected.0.3));
        prop_assert_eq!((sem.waiting_acquirers(), sem.waiting_releasers()), (expected.1.0, expected.2.0));
        for (id, wait) in &self.waits {
            let wakes = match wait {
                Wait::Take(task) => task.wakes(),
                Wait::TakeLoose(task) => task.wakes(),
                Wait::Give(task) => task.wakes(),
                Wait::Thread(_) => continue,
            };
            prop_assert_eq!(wakes, model.requests[id].wakes, "wakes of {:?}", model.requests[id]);
        }
        Ok(())
    }

    fn end(mut self) -> TestCaseResult {
        self.sem.close();
        self.model.close();
        self.collect_threads()?;
        self.waits.clear();
        self.guards.clear();
        while self.sem.try_release().is_ok() {}
        prop_assert_eq!(self.sem.available_permits(), self.sem.max_permits());
        Ok(())
    }
}

fn poll<T>(task: &mut Polled<'static, T>, with_new_waker: bool) -> Poll<T> {
    if with_new_waker {
        _ = task.change_waker();
    }
    task.poll()
}

fn run((max, bound, steps): (u32, u32, Vec<Step>)) -> TestCaseResult {
    let mut both = Both::new(max, bound);
    for (number, step) in steps.iter().enumerate() {
        both.take(step)
            .and_then(|()| both.compare())
            .map_err(|error| TestCaseError::fail(format!("step {number}, {step:?}: {error}")))?;
    }
    both.end()
}

/// At least so many cases; more if the environment variable `PROPTEST_CASES` says so.
fn config(cases: u32) -> Config {
    let default = Config::default();
    Config { cases: if cfg!(miri) { 10 } else { cases.max(default.cases) }, failure_persistence: None, ..default }
}

proptest! {
    #![proptest_config(config(4_000))]

    #[test]
    fn tasks_and_tries_see_what_the_reference_sees(story in story(false, 80)) {
        run(story)?;
    }
}

proptest! {
    #![proptest_config(config(200))]

    #[test]
    fn threads_and_tasks_see_what_the_reference_sees(story in story(true, 40)) {
        run(story)?;
    }
}
