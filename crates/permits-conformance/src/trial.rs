//! One semaphore on trial, and those who wait for it.

use crate::rig::{Policy, Rig};
use crate::wait::{Polled, Running, always, block_on, eventually};
use permits::limit::{Held, Limit, Wait, WaitBlocking};
use permits::{Error, ErrorKind, State};
use std::task::Poll;
use std::time::Duration;

/// Forgetting waits for no other, but may have to travel.
const FORGETTING: Duration = Duration::from_secs(60);

/// The kind of a waiter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Task,
    Thread,
}

impl Who {
    pub(crate) const BOTH: [Who; 2] = [Who::Task, Who::Thread];

    /// Tasks and threads by turns.
    pub(crate) fn turn(number: usize) -> Who {
        Who::BOTH[number % 2]
    }
}

/// A waiter, as a task that is polled when it is woken, or as a blocked thread.
pub(crate) enum Waiting<T> {
    Task(Polled<'static, Result<T, Error>>),
    Thread(Running<Result<T, Error>>),
}

impl<T: Send + 'static> Waiting<T> {
    /// What the wait has come to by now.
    pub(crate) fn now(&mut self) -> Option<Result<T, Error>> {
        match self {
            Waiting::Thread(thread) => thread.outcome(Duration::ZERO),
            Waiting::Task(task) => match task.poll_if_woken() {
                Poll::Ready(outcome) => Some(outcome),
                Poll::Pending => None,
            },
        }
    }

    pub(crate) fn outcome(&mut self, deadline: Duration) -> Option<Result<T, Error>> {
        match self {
            Waiting::Thread(thread) => thread.outcome(deadline),
            Waiting::Task(task) => task.outcome(deadline),
        }
    }
}

/// Whatever the reach's permit type is.
pub(crate) type Permit<R> = <<R as Rig>::Limit as Limit>::Permit;

pub(crate) struct Trial<'r, R: Rig> {
    pub(crate) rig: &'r R,
    pub(crate) limit: R::Limit,
}

impl<'r, R: Rig> Trial<'r, R> {
    #[track_caller]
    pub(crate) fn new(rig: &'r R, policy: Policy, max: u32) -> Self {
        match rig.fresh(policy, max) {
            Ok(limit) => Trial { rig, limit },
            Err(error) => panic!("no semaphore of {max} permits: {error}"),
        }
    }

    #[track_caller]
    pub(crate) fn state(&self) -> State {
        block_on(self.limit.state(), self.rig.deadline()).expect("the state can be read")
    }

    /// Waits until the readings are as they should become.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, holds: impl Fn(&State) -> bool) -> State {
        let mut state = self.state();
        let reached = eventually(self.rig.deadline(), || {
            state = self.state();
            holds(&state)
        });
        assert!(reached, "not so after {:?}: {what}; it is {state:?}", self.rig.deadline());
        state
    }

    /// Waits until these numbers are free, held by guards, and loose.
    #[track_caller]
    pub(crate) fn settles(&self, free: u32, held: u32, loose: u32) {
        self.until(&format!("{free} free, {held} held, {loose} loose"), |state| {
            (state.available_permits, state.given_out, state.loose) == (free, held + loose, loose)
        });
    }

    /// Waits until these numbers are queued on the two sides.
    #[track_caller]
    pub(crate) fn queues(&self, acquirers: u32, releasers: u32) {
        self.until(&format!("{acquirers} wait to acquire, {releasers} to release"), |state| {
            (state.waiting_acquirers, state.waiting_releasers) == (acquirers, releasers)
        });
    }

    /// Takes permits that are there.
    #[track_caller]
    pub(crate) fn take(&self, n: u32) -> Permit<R> {
        let permit = self.limit.acquire_many(n).wait_timeout(self.rig.deadline()).expect("the permits are free");
        assert_eq!(permit.count(), n);
        permit
    }

    /// Takes permits that are there, and leaves them loose.
    #[track_caller]
    pub(crate) fn take_loose(&self, n: u32) {
        block_on(self.limit.acquire_loose_many(n), self.rig.deadline()).expect("the permits are free");
    }

    /// Returns loose permits that are there.
    #[track_caller]
    pub(crate) fn give(&self, n: u32) {
        self.limit.release_many(n).wait_timeout(self.rig.deadline()).expect("the permits are loose");
    }

    pub(crate) fn try_take(&self, n: u32) -> Result<Permit<R>, Error> {
        block_on(self.limit.acquire_many(n).try_now(), self.rig.deadline())
    }

    pub(crate) fn try_give(&self, n: u32) -> Result<(), Error> {
        block_on(self.limit.release_many(n).try_now(), self.rig.deadline())
    }

    pub(crate) fn resize(&self, max: u32) -> Result<(), Error> {
        block_on(self.limit.set_max_permits(max), self.rig.deadline())
    }

    #[track_caller]
    pub(crate) fn close(&self) {
        block_on(self.limit.close(), self.rig.deadline()).expect("it can be closed");
    }

    /// A task that asks for permits, not polled yet.
    pub(crate) fn acquiring(&self, n: u32) -> Polled<'static, Result<Permit<R>, Error>> {
        Polled::new(self.rig.another(&self.limit).acquire_many(n).into_future())
    }

    /// A task that asks to return permits, not polled yet.
    pub(crate) fn releasing(&self, n: u32) -> Polled<'static, Result<(), Error>> {
        Polled::new(self.rig.another(&self.limit).release_many(n).into_future())
    }

    /// A task that is queued for permits.
    #[track_caller]
    pub(crate) fn queued_acquire(&self, n: u32) -> Polled<'static, Result<Permit<R>, Error>> {
        let before = self.state().waiting_acquirers;
        let mut task = self.acquiring(n);
        self.queue_up(&mut task, |state| state.waiting_acquirers == before + 1);
        task
    }

    /// A task that is queued to return permits.
    #[track_caller]
    pub(crate) fn queued_release(&self, n: u32) -> Polled<'static, Result<(), Error>> {
        let before = self.state().waiting_releasers;
        let mut task = self.releasing(n);
        self.queue_up(&mut task, |state| state.waiting_releasers == before + 1);
        task
    }

    #[track_caller]
    fn queue_up<T>(&self, task: &mut Polled<'static, Result<T, Error>>, queued: impl Fn(&State) -> bool) {
        let reached = eventually(self.rig.deadline(), || {
            assert!(task.poll_if_woken().is_pending(), "a request was over that should have waited");
            queued(&self.state())
        });
        assert!(reached, "a request did not get into its queue: {:?}", self.state());
    }

    /// A waiter that is queued for permits.
    #[track_caller]
    pub(crate) fn acquirer(&self, who: Who, n: u32) -> Waiting<Permit<R>> {
        self.acquirer_at(&self.rig.another(&self.limit), who, n)
    }

    /// A waiter that is queued for permits, at this handle.
    #[track_caller]
    pub(crate) fn acquirer_at(&self, limit: &R::Limit, who: Who, n: u32) -> Waiting<Permit<R>> {
        let before = self.state().waiting_acquirers;
        if who == Who::Task {
            let mut task = Polled::new(limit.acquire_many(n).into_future());
            self.queue_up(&mut task, |state| state.waiting_acquirers == before + 1);
            return Waiting::Task(task);
        }
        let limit = limit.clone();
        let thread = Running::start(move || limit.acquire_many(n).wait());
        self.until("a thread waits to acquire", |state| state.waiting_acquirers == before + 1);
        Waiting::Thread(thread)
    }

    /// A waiter that is queued to return permits.
    #[track_caller]
    pub(crate) fn releaser(&self, who: Who, n: u32) -> Waiting<()> {
        self.releaser_at(&self.rig.another(&self.limit), who, n)
    }

    /// A waiter that is queued to return permits, at this handle.
    #[track_caller]
    pub(crate) fn releaser_at(&self, limit: &R::Limit, who: Who, n: u32) -> Waiting<()> {
        let before = self.state().waiting_releasers;
        if who == Who::Task {
            let mut task = Polled::new(limit.release_many(n).into_future());
            self.queue_up(&mut task, |state| state.waiting_releasers == before + 1);
            return Waiting::Task(task);
        }
        let limit = limit.clone();
        let thread = Running::start(move || limit.release_many(n).wait());
        self.until("a thread waits to release", |state| state.waiting_releasers == before + 1);
        Waiting::Thread(thread)
    }

    /// What a wait comes to.
    #[track_caller]
    pub(crate) fn ends<T: Send + 'static>(&self, waiting: &mut Waiting<T>) -> Result<T, Error> {
        match waiting.outcome(self.rig.deadline()) {
            Some(outcome) => outcome,
            None => panic!("a wait did not end in {:?}: {:?}", self.rig.deadline(), self.state()),
        }
    }

    /// A wait that ends well.
    #[track_caller]
    pub(crate) fn granted<T: Send + 'static>(&self, waiting: &mut Waiting<T>) -> T {
        match self.ends(waiting) {
            Ok(granted) => granted,
            Err(error) => panic!("a wait ended by an error: {error}"),
        }
    }

    /// A wait that ends by an error.
    #[track_caller]
    pub(crate) fn refused<T: Send + 'static>(&self, waiting: &mut Waiting<T>, kind: ErrorKind) -> Error {
        fails(self.ends(waiting), kind)
    }

    /// A wait that goes on.
    #[track_caller]
    pub(crate) fn waits<T: Send + 'static>(&self, waiting: &mut Waiting<T>) {
        assert!(always(self.rig.grace(), || waiting.now().is_none()), "a wait ended that should go on");
    }

    /// A state that stays as it is.
    #[track_caller]
    pub(crate) fn stays(&self, free: u32, held: u32, loose: u32) {
        assert!(
            always(self.rig.grace(), || {
                let state = self.state();
                (state.available_permits, state.given_out, state.loose) == (free, held + loose, loose)
            }),
            "the counts should have stayed {free} free, {held} held, {loose} loose: {:?}",
            self.state()
        );
    }
}

/// Leaves the permits of a guard loose.
#[track_caller]
pub(crate) fn forget(permit: impl Held) {
    block_on(permit.forget(), FORGETTING).expect("a permit that is held can be forgotten");
}

/// The error of a request that failed as it should.
#[track_caller]
pub(crate) fn fails<T>(outcome: Result<T, Error>, kind: ErrorKind) -> Error {
    match outcome {
        Ok(_) => panic!("it succeeded, and should have failed with {kind:?}"),
        Err(error) => {
            assert_eq!(error.kind(), kind, "{error}");
            error
        }
    }
}

/// The error has to have both numbers: in its text, for people, and as numbers, for programs.
#[track_caller]
pub(crate) fn names(error: &Error, requested: u32, limit: u32) {
    says(error, &[requested, limit]);
    let counts = error.counts().map(|counts| (counts.requested, counts.limit));
    assert_eq!(counts, Some((requested.into(), limit)), "what the error counts: {error}");
}

/// The text of an error has to have these numbers in it, each as a word.
#[track_caller]
pub(crate) fn says(error: &Error, numbers: &[u32]) {
    let text = error.to_string();
    for number in numbers {
        let number = number.to_string();
        assert!(text.split(|c: char| !c.is_ascii_digit()).any(|word| word == number), "no `{number}` in: {text}");
    }
}
