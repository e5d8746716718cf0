//! What a semaphore is to do, written to be obviously right and nothing else: a struct with a lock around it
//! in mind, two queues, and a loop that serves whoever fits.

use permits::{
    AcquireError, AcquireTimeoutError, ReleaseError, ReleaseTimeoutError, Semaphore, TryAcquireError, TryReleaseError,
};
use std::collections::{BTreeMap, VecDeque};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Take,
    TakeLoose,
    Give,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Not polled yet.
    New,
    Waiting,
    /// A task that was granted and has not been polled since: its permits are on their way, and may yet go back.
    Granted,
    Refused(Refusal),
    /// Over, and told so.
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Closed,
    TooMany { requested: u32, max: u32 },
    NotNow { requested: u32, at_hand: u32 },
}

#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) what: What,
    pub(crate) n: u32,
    pub(crate) is_thread: bool,
    pub(crate) stage: Stage,
    /// How often its present waker was woken.
    pub(crate) wakes: usize,
    /// How many newcomers have gone before it while it waited.
    passed: u32,
}

pub(crate) type Id = usize;

pub(crate) struct Model {
    pub(crate) max: i64,
    pub(crate) free: i64,
    pub(crate) loose: i64,
    pub(crate) closed: bool,
    /// How many newcomers may pass a waiter.
    bound: u32,
    pub(crate) acquirers: VecDeque<Id>,
    pub(crate) releasers: VecDeque<Id>,
    pub(crate) requests: BTreeMap<Id, Request>,
    pub(crate) guards: Vec<u32>,
}

impl Model {
    pub(crate) fn new(max: u32, bound: u32) -> Model {
        Model {
            max: max.into(),
            free: max.into(),
            loose: 0,
            closed: false,
            bound,
            acquirers: VecDeque::new(),
            releasers: VecDeque::new(),
            requests: BTreeMap::new(),
            guards: Vec::new(),
        }
    }

    fn at_hand(&self, what: What) -> i64 {
        if what == What::Give { self.loose } else { self.free }
    }

    fn queue(&mut self, what: What) -> &mut VecDeque<Id> {
        if what == What::Give { &mut self.releasers } else { &mut self.acquirers }
    }

    /// The permits leave where they were.
    fn reserve(&mut self, what: What, n: u32) {
        match what {
            What::Take | What::TakeLoose => self.free -= i64::from(n),
            What::Give => self.loose -= i64::from(n),
        }
    }

    fn undo(&mut self, what: What, n: u32) {
        match what {
            What::Take | What::TakeLoose => self.free += i64::from(n),
            What::Give => self.loose += i64::from(n),
        }
    }

    /// The permits arrive where they go.
    fn commit(&mut self, what: What, n: u32) {
        match what {
            What::Take => self.guards.push(n),
            What::TakeLoose => self.loose += i64::from(n),
            What::Give => self.free += i64::from(n),
        }
    }

    /// Whoever is first on either side goes as long as it fits.
    fn serve(&mut self) {
        while self.serve_first(What::Take) || self.serve_first(What::Give) {}
    }

    fn serve_first(&mut self, side: What) -> bool {
        let Some(&id) = self.queue(side).front() else { return false };
        let Request { what, n, is_thread, .. } = self.requests[&id];
        let fits = self.at_hand(what) >= i64::from(n);
        let stage = if self.closed && !(fits && what == What::Give) {
            Stage::Refused(Refusal::Closed)
        } else if fits {
            self.reserve(what, n);
            if is_thread {
                self.commit(what, n);
            }
            Stage::Granted
        } else {
            return false;
        };
        self.queue(side).pop_front();
        let request = self.requests.get_mut(&id).expect("a queued request is known");
        request.stage = stage;
        request.wakes += 1;
        true
    }

    /// A request that came, of a task or of a thread that may pass others; `Ok` if it has its permits.
    fn arrive(&mut self, what: What, n: u32, passing: bool) -> Result<(), Refusal> {
        if n == 0 {
            return if self.closed && what != What::Give { Err(Refusal::Closed) } else { Ok(()) };
        }
        let (at_hand, max) = (self.at_hand(what), self.max as u32);
        let fits = at_hand >= i64::from(n);
        if self.closed && !(fits && what == What::Give) {
            return Err(Refusal::Closed);
        }
        let bound = self.bound;
        let first = self.queue(what).front().copied();
        let may_go = first.is_none_or(|first| passing && self.requests[&first].passed < bound);
        if fits && may_go {
            for id in self.queue(what).clone() {
                self.requests.get_mut(&id).expect("a queued request is known").passed += 1;
            }
            self.reserve(what, n);
            return Ok(());
        }
        if n > max {
            return Err(Refusal::TooMany { requested: n, max });
        }
        Err(Refusal::NotNow { requested: n, at_hand: at_hand.max(0) as u32 })
    }

    /// A try; a guard that it gets is the last of `guards`.
    pub(crate) fn attempt(&mut self, what: What, n: u32) -> Result<(), Refusal> {
        self.arrive(what, n, true)?;
        self.commit(what, n);
        self.serve();
        Ok(())
    }

    /// Would it go past others?
    pub(crate) fn passes(&self, what: What, n: u32) -> bool {
        let queue = if what == What::Give { &self.releasers } else { &self.acquirers };
        n > 0
            && self.at_hand(what) >= i64::from(n)
            && queue.front().is_some_and(|id| self.requests[id].passed < self.bound)
    }

    pub(crate) fn start(&mut self, id: Id, what: What, n: u32, is_thread: bool) {
        self.requests.insert(id, Request { what, n, is_thread, stage: Stage::New, wakes: 0, passed: 0 });
    }

    /// The first look of a request, or the next one; `None` while it waits.
    pub(crate) fn poll(&mut self, id: Id) -> Option<Result<(), Refusal>> {
        let Request { what, n, is_thread, stage, .. } = self.requests[&id];
        let outcome = match stage {
            Stage::New => match self.arrive(what, n, is_thread) {
                Ok(()) => {
                    self.commit(what, n);
                    Some(Ok(()))
                }
                Err(Refusal::NotNow { .. }) => {
                    self.queue(what).push_back(id);
                    None
                }
                Err(refusal) => Some(Err(refusal)),
            },
            Stage::Waiting => None,
            Stage::Granted => {
                if !is_thread {
                    self.commit(what, n);
                }
                Some(Ok(()))
            }
            Stage::Refused(refusal) => Some(Err(refusal)),
            Stage::Done => unreachable!("nobody looks at it again"),
        };
        let stage = if outcome.is_some() { Stage::Done } else { Stage::Waiting };
        self.requests.get_mut(&id).expect("it is known").stage = stage;
        self.serve();
        outcome
    }

    /// A future is dropped.
    pub(crate) fn cancel(&mut self, id: Id) {
        let Request { what, n, stage, .. } = self.requests.remove(&id).expect("it is known");
        match stage {
            Stage::Waiting => self.queue(what).retain(|other| *other != id),
            Stage::Granted => self.undo(what, n),
            Stage::New | Stage::Refused(_) | Stage::Done => {}
        }
        self.serve();
    }

    pub(crate) fn drop_guard(&mut self, at: usize) {
        self.free += i64::from(self.guards.swap_remove(at));
        self.serve();
    }

    pub(crate) fn forget_guard(&mut self, at: usize) {
        self.loose += i64::from(self.guards.swap_remove(at));
        self.serve();
    }

    pub(crate) fn close(&mut self) {
        self.closed = true;
        self.serve();
    }

    pub(crate) fn resize(&mut self, max: i64) -> Result<(), ()> {
        if !(1..=i64::from(Semaphore::MAX_PERMITS)).contains(&max) {
            return Err(());
        }
        self.free += max - self.max;
        self.max = max;
        for side in [What::Take, What::Give] {
            for id in self.queue(side).clone() {
                let request = self.requests.get_mut(&id).expect("a queued request is known");
                // Though it be that a debt has just so many loose that it fits: it was not its turn before.
                if i64::from(request.n) > max {
                    request.stage = Stage::Refused(Refusal::TooMany { requested: request.n, max: max as u32 });
                    request.wakes += 1;
                    self.queue(side).retain(|other| *other != id);
                }
            }
        }
        self.serve();
        Ok(())
    }

    /// The law of C1: every permit is in one place.
    pub(crate) fn is_sound(&self) -> bool {
        let on_their_way: i64 = self
            .requests
            .values()
            .filter(|request| request.stage == Stage::Granted && !request.is_thread)
            .map(|request| i64::from(request.n))
            .sum();
        let held: i64 = self.guards.iter().copied().map(i64::from).sum();
        self.free + self.loose + held + on_their_way == self.max && self.loose >= 0
    }
}

impl From<AcquireError> for Refusal {
    fn from(error: AcquireError) -> Refusal {
        match error {
            AcquireError::Closed => Refusal::Closed,
            AcquireError::TooMany { requested, max } => Refusal::TooMany { requested, max },
        }
    }
}

impl From<ReleaseError> for Refusal {
    fn from(error: ReleaseError) -> Refusal {
        match error {
            ReleaseError::Closed => Refusal::Closed,
            ReleaseError::TooMany { requested, max } => Refusal::TooMany { requested, max },
        }
    }
}

impl From<TryAcquireError> for Refusal {
    fn from(error: TryAcquireError) -> Refusal {
        match error {
            TryAcquireError::Closed => Refusal::Closed,
            TryAcquireError::TooMany { requested, max } => Refusal::TooMany { requested, max },
            TryAcquireError::NoPermits { requested, available } => Refusal::NotNow { requested, at_hand: available },
        }
    }
}

impl From<TryReleaseError> for Refusal {
    fn from(error: TryReleaseError) -> Refusal {
        match error {
            TryReleaseError::Closed => Refusal::Closed,
            TryReleaseError::TooMany { requested, max } => Refusal::TooMany { requested, max },
            TryReleaseError::NotLoose { requested, loose } => Refusal::NotNow { requested, at_hand: loose },
        }
    }
}

/// A wait that had no time at all is a try, and says how things stood.
impl From<AcquireTimeoutError> for Refusal {
    fn from(error: AcquireTimeoutError) -> Refusal {
        match error {
            AcquireTimeoutError::Closed => Refusal::Closed,
            AcquireTimeoutError::TooMany { requested, max } => Refusal::TooMany { requested, max },
            AcquireTimeoutError::TimedOut(stuck) => {
                Refusal::NotNow { requested: stuck.requested, at_hand: stuck.state.available_permits }
            }
        }
    }
}

impl From<ReleaseTimeoutError> for Refusal {
    fn from(error: ReleaseTimeoutError) -> Refusal {
        match error {
            ReleaseTimeoutError::Closed => Refusal::Closed,
            ReleaseTimeoutError::TooMany { requested, max } => Refusal::TooMany { requested, max },
            ReleaseTimeoutError::TimedOut(stuck) => {
                Refusal::NotNow { requested: stuck.requested, at_hand: stuck.state.loose }
            }
        }
    }
}
