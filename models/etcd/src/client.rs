//! What a client does: its calls, its replies, and what it concludes.
//!
//! A call is a request and its repetitions. It ends with a definite reply; until then a timeout sends the same
//! request again. What was sent and not answered may arrive at any later time, which is what most of the rules
//! are about.

use crate::configuration::{Configuration, Job, Script};
use crate::rules::{Rule, Rules};
use crate::state::{self, Caller, Limit, Name, Names, Process, Stage, State, View, What};
use crate::view;

/// A state, and what a step needs to know beside it.
pub(crate) struct Step<'a> {
    pub(crate) state: State,
    pub(crate) rules: Rules,
    pub(crate) configuration: &'a Configuration,
    pub(crate) scripts: &'a [Script],
}

/// What a release does first.
pub(crate) enum First {
    Take(state::Revision),
    Queue,
    Fail,
}

/// A slot of a process.
pub(crate) type At = (u8, u8);

impl Step<'_> {
    // ---- what slots do of themselves

    pub(crate) fn start(&mut self, at: At) {
        let job = self.job(at).expect("it has something to do");
        self.process_mut(at).slots[usize::from(at.1)].units = if let Job::Use(units) = job { units } else { 1 };
        match job {
            Job::Use(_) | Job::Loose => self.ask(at),
            Job::Return => self.begin_return(at, self.first_of_return(at.0)),
            Job::ReturnLate => self.begin_return(at, Some(First::Queue)),
        }
    }

    fn ask(&mut self, at: At) {
        if self.is_refused(at, self.process(at).limit) {
            // What was heard may be old: it is read again.
            self.process_mut(at).limit = self.state.engine.limit;
            if self.is_refused(at, self.process(at).limit) {
                return self.end_job(at);
            }
        }
        let (name, Process { epoch, limit, .. }) = (self.free_name(at.0), self.process(at));
        let (epoch, limit) = (*epoch, *limit);
        self.enter(at, Stage::Acquire { name, epoch, limit, repeated: false });
        self.call(at, What::Acquire { name, units: self.units(at), epoch, limit });
    }

    /// What a release does first, by a range over all keys. It may have to wait before it does so.
    pub(crate) fn first_of_return(&self, process: u8) -> Option<First> {
        let engine = &self.state.engine;
        let passes = engine.returns.is_empty() || !self.rules.has(Rule::NoneBlocked);
        match engine.keys.iter().find(|key| key.loose) {
            Some(loose) if passes => self.may_take(process).then_some(First::Take(loose.create)),
            _ if engine.limit.closed || engine.limit.max == 0 => Some(First::Fail),
            _ => Some(First::Queue),
        }
    }

    fn begin_return(&mut self, at: At, first: Option<First>) {
        match first {
            Some(First::Take(loose)) => self.take(at, 0, 0, loose),
            Some(First::Queue) => {
                let (name, epoch) = (self.free_name(at.0), self.process(at).epoch);
                self.enter(at, Stage::Queue { name, epoch, repeated: false });
                self.call(at, What::Queue { name, epoch });
            }
            Some(First::Fail) => {
                self.took_none(at);
                self.end_job(at);
            }
            None => {}
        }
    }

    /// Whether a slot of the process may take a loose permit now.
    fn may_take(&self, process: u8) -> bool {
        let now = &self.state.processes[usize::from(process)];
        let is_taking = now.slots.iter().any(|slot| slot.stage.takes());
        now.is_settled() && !(is_taking && self.rules.has(Rule::OneAtATime))
    }

    /// A held permit is returned, or made loose.
    pub(crate) fn release(&mut self, at: At) {
        let Stage::Held { name, create, fitted } = self.stage(at) else { unreachable!("it holds none") };
        if self.job(at) != Some(Job::Loose) {
            return self.delete(at, name);
        }
        self.loosen(at, name, create, fitted);
    }

    /// The slot gives up.
    pub(crate) fn cancel(&mut self, at: At) {
        match self.stage(at) {
            // There may be a key, now or later.
            Stage::Acquire { name, .. } | Stage::Queue { name, .. } => {
                if matches!(self.stage(at), Stage::Queue { .. }) {
                    self.took_none(at);
                }
                self.end_call(slot_of(at));
                self.end_job(at);
                self.haunt(at.0, name);
            }
            Stage::Wait { name, .. } => self.delete(at, name),
            Stage::Blocked { name, .. } => self.unqueue(at, name),
            // It says that it does not know.
            Stage::Take { create: 0, .. } => {
                self.end_call(slot_of(at));
                self.end_job(at);
                self.doubt(at.0);
            }
            stage => unreachable!("{stage:?} cannot be given up"),
        }
    }

    /// No reply came in time: the same request again.
    pub(crate) fn time_out(&mut self, at: At) {
        let mut stage = self.stage(at);
        let again = match &mut stage {
            Stage::Acquire { name, epoch, limit, repeated } => {
                *repeated = true;
                What::Acquire { name: *name, units: self.units(at), epoch: *epoch, limit: *limit }
            }
            Stage::Queue { name, epoch, repeated } => {
                *repeated = true;
                What::Queue { name: *name, epoch: *epoch }
            }
            Stage::Release { name, repeated } => {
                *repeated = true;
                self.burn(at.0, *name);
                What::Delete { name: *name }
            }
            Stage::Unqueue { name, repeated } => {
                *repeated = true;
                self.burn(at.0, *name);
                What::Unqueue { name: *name }
            }
            Stage::Loosen { name, create, epoch, repeated, .. } => {
                *repeated = true;
                What::MakeLoose { name: *name, token: *create, epoch: *epoch }
            }
            Stage::Take { name, create, loose, epoch, act, repeated } => {
                *repeated = true;
                let job = self.process(at).slots[usize::from(at.1)].job;
                What::Take { name: *name, create: *create, loose: *loose, epoch: *epoch, act: *act, job }
            }
            stage => unreachable!("{stage:?} waits for no reply"),
        };
        self.enter(at, stage);
        self.call(at, again);
    }

    // ---- replies

    pub(crate) fn receive(&mut self, at: At, reply: What) {
        let stage = self.stage(at);
        match (stage, reply) {
            (Stage::Acquire { name, repeated, .. }, What::Acquired { name: of, create, before, limit })
                if name == of =>
            {
                self.end_call(slot_of(at));
                if repeated {
                    self.haunt(at.0, name);
                }
                if view::grants(self.rules, before, self.units(at), limit) {
                    self.hold(at, name, create);
                } else {
                    self.wait(at, name, create, limit.max);
                }
            }
            (Stage::Acquire { name, repeated, .. }, What::NotAcquired { name: of, found, epoch, limit })
                if name == of =>
            {
                self.end_call(slot_of(at));
                if repeated {
                    self.haunt(at.0, name);
                }
                self.not_acquired(at, name, repeated, (found, epoch, limit));
            }
            (Stage::Queue { name, repeated, .. }, What::Queued { name: of, create }) if name == of => {
                self.end_call(slot_of(at));
                if repeated {
                    self.haunt(at.0, name);
                }
                self.enter(at, Stage::Blocked { name, create });
            }
            (Stage::Queue { name, repeated, .. }, What::NotQueued { name: of, found, epoch }) if name == of => {
                self.end_call(slot_of(at));
                if repeated {
                    self.haunt(at.0, name);
                }
                self.not_queued(at, name, repeated, (found, epoch));
            }
            (
                Stage::Release { name, repeated } | Stage::Unqueue { name, repeated },
                What::Deleted { name: of, some },
            ) if name == of => {
                self.end_call(slot_of(at));
                if some || repeated {
                    self.end_job(at);
                    self.given_back(at.0, name);
                } else {
                    self.enter(at, Stage::Lost);
                }
            }
            (Stage::Loosen { name, .. }, What::MadeLoose { name: of }) if name == of => self.loosened(at, name),
            (Stage::Loosen { name, create, fitted, repeated, .. }, What::NotMadeLoose { name: of, held, epoch })
                if name == of =>
            {
                self.end_call(slot_of(at));
                match held {
                    _ if epoch == 0 => self.lose(at.0),
                    true => {
                        self.learn_epoch(at.0, epoch);
                        self.loosen(at, name, create, fitted);
                    }
                    // An earlier attempt has done it.
                    false if repeated => self.loosened(at, name),
                    false => self.enter(at, Stage::Lost),
                }
            }
            (Stage::Take { act, .. }, What::Taken { act: of }) if act == of => self.taken(at),
            (Stage::Take { name, create, act, repeated, .. }, What::NotTaken { act: of, receipt, epoch })
                if act == of =>
            {
                self.end_call(slot_of(at));
                if receipt == act && self.rules.has(Rule::Receipt) {
                    return self.taken(at);
                }
                if epoch == 0 {
                    return self.lose(at.0);
                }
                self.learn_epoch(at.0, epoch);
                let settles = repeated && self.rules.has(Rule::DoubtEpoch) && self.rules.has(Rule::ReceiptAgain);
                if settles {
                    self.enter(at, Stage::Settling { name, create, act });
                } else {
                    self.take_again(at, name, create);
                }
                if repeated {
                    self.doubt(at.0);
                }
            }
            _ => {}
        }
        self.look(at.0);
    }

    fn take_again(&mut self, at: At, name: Name, create: u8) {
        self.enter(at, if create == 0 { Stage::Idle } else { Stage::Blocked { name, create } });
    }

    /// No attempt of its act will do anything any more: the receipt says whether one has.
    pub(crate) fn settle(&mut self, at: At) {
        let Stage::Settling { name, create, act } = self.stage(at) else { return };
        if self.state.engine.receipts[usize::from(at.0)] == act && self.rules.has(Rule::Receipt) {
            self.taken(at);
        } else {
            self.take_again(at, name, create);
        }
    }

    fn not_acquired(&mut self, at: At, name: Name, repeated: bool, now: (u8, u8, Limit)) {
        let (found, epoch, limit) = now;
        if found != 0 && repeated {
            // An earlier attempt has put it. Whether it fits, the view will show.
            return self.wait(at, name, found, limit.max);
        }
        if epoch == 0 {
            return self.lose(at.0);
        }
        // The only reason that a loose permit or another key of that name could be.
        let has_key = self.state.engine.key(at.0, name).is_some();
        self.state.record.names_are_free &= repeated || !has_key;
        self.learn_epoch(at.0, epoch);
        if limit.max == 0 {
            // It is told that the semaphore is gone.
            return self.end_job(at);
        }
        self.learn_limit(at.0, limit);
        self.enter(at, Stage::Idle);
        if self.state.record.names_are_free {
            self.ask(at);
        }
    }

    fn not_queued(&mut self, at: At, name: Name, repeated: bool, now: (u8, u8)) {
        let (found, epoch) = now;
        if found != 0 && repeated {
            return self.enter(at, Stage::Blocked { name, create: found });
        }
        if epoch == 0 {
            return self.lose(at.0);
        }
        self.learn_epoch(at.0, epoch);
        self.enter(at, Stage::Idle);
    }

    /// It is the semaphore's now, and gone when a release has returned it.
    fn loosened(&mut self, at: At, name: Name) {
        self.end_call(slot_of(at));
        let is_burnt = self.rules.has(Rule::BurnLoose);
        let process = self.process_mut(at);
        process.later &= !(1 << name);
        if is_burnt {
            process.burnt |= 1 << name;
        }
        self.end_job(at);
    }

    /// The release is told that it has returned a loose permit.
    fn taken(&mut self, at: At) {
        self.end_call(slot_of(at));
        let slot = &mut self.process_mut(at).slots[usize::from(at.1)];
        let took = slot.took & 1 << slot.job != 0;
        if let Some(name) = slot.stage.name() {
            self.process_mut(at).later &= !(1 << name);
        }
        self.state.record.one_for_each_release &= took;
        self.end_job(at);
        self.look(at.0);
    }

    /// The release is told that it has returned none.
    fn took_none(&mut self, at: At) {
        let slot = &mut self.process_mut(at).slots[usize::from(at.1)];
        let took = slot.took & 1 << slot.job != 0;
        slot.took_none |= 1 << slot.job;
        self.state.record.one_for_each_release &= !took;
    }

    /// The request fails, with `TooMany` or `Closed`.
    fn is_refused(&self, at: At, limit: Limit) -> bool {
        (self.units(at) > limit.max && self.rules.has(Rule::TooMany)) || (limit.closed && self.rules.has(Rule::Closed))
    }

    pub(crate) fn learn_limit(&mut self, process: u8, limit: Limit) {
        let now = self.process_mut((process, 0));
        if now.limit.since < limit.since {
            now.limit = limit;
        }
    }

    // ---- what is seen

    /// The view has changed, or who looks at it.
    pub(crate) fn look(&mut self, process: u8) {
        if let Some(view) = &self.process((process, 0)).view {
            self.learn_limit(process, view.limit);
        }
        // Who comes to hold or gives up changes nothing that another slot looks at.
        for slot in 0..self.state.processes[usize::from(process)].slots.len() {
            let Some(view) = self.state.processes[usize::from(process)].view.clone() else { return };
            self.look_for((process, slot as u8), &view);
        }
        let process = &mut self.state.processes[usize::from(process)];
        if !process.slots.iter().any(|slot| slot.stage.waits()) {
            process.view = None;
        }
        if !process.slots.iter().any(|slot| slot.stage.waits() || slot.stage.enters()) {
            process.late = None;
        }
    }

    /// The reply to a range arrives that was under way for long.
    pub(crate) fn late_arrives(&mut self, process: u8) {
        let now = &mut self.state.processes[usize::from(process)];
        let Some(late) = now.late.take() else { return };
        let seen = now.view.as_ref().map_or(0, |view| view.revision);
        let known = now.slots.iter().filter_map(|slot| slot.stage.create()).max().unwrap_or(0).max(seen);
        if now.slots.iter().any(|slot| slot.stage.waits())
            && (late.revision >= known || !self.rules.has(Rule::NoOldRange))
        {
            now.view = Some(late);
            self.look(process);
        }
    }

    fn look_for(&mut self, at: At, view: &View) {
        match self.stage(at) {
            Stage::Wait { name, create, max } => {
                if view.revision < create && self.rules.has(Rule::NoOldRange) {
                    return;
                }
                let limit = if self.rules.has(Rule::OneRevision) { view.limit } else { Limit { max, ..view.limit } };
                if view.grants(self.rules, create, self.units(at), limit) {
                    self.hold(at, name, create);
                } else if self.is_refused(at, limit) {
                    self.delete(at, name);
                }
            }
            Stage::Blocked { name, create } if view.revision >= create => match view.part(self.rules, create) {
                Some(loose) if self.may_take(at.0) => self.take(at, name, create, loose),
                None if view.limit.closed || (view.limit.max == 0 && self.rules.has(Rule::Gone)) => {
                    self.unqueue(at, name)
                }
                _ => {}
            },
            _ => {}
        }
    }

    // ---- from one stage to another

    fn hold(&mut self, at: At, name: Name, create: u8) {
        let key = self.state.engine.key(at.0, name).filter(|key| key.create == create);
        let fitted = key.map_or(0, |key| key.fitted);
        self.enter(at, Stage::Held { name, create, fitted });
        let record = &mut self.state.record;
        if self.configuration.is_mutex() {
            record.tokens_grow &= create > record.newest_told;
            record.newest_told = create;
        }
    }

    fn wait(&mut self, at: At, name: Name, create: u8, max: u8) {
        let max = if self.rules.has(Rule::OneRevision) { 0 } else { max };
        self.enter(at, Stage::Wait { name, create, max });
    }

    fn delete(&mut self, at: At, name: Name) {
        self.enter(at, Stage::Release { name, repeated: false });
        self.call(at, What::Delete { name });
    }

    fn unqueue(&mut self, at: At, name: Name) {
        self.took_none(at);
        self.enter(at, Stage::Unqueue { name, repeated: false });
        self.call(at, What::Unqueue { name });
    }

    pub(crate) fn loosen(&mut self, at: At, name: Name, create: u8, fitted: u8) {
        if !self.process(at).is_settled() && self.rules.has(Rule::FenceLoose) {
            return self.enter(at, Stage::Fencing { name, create, fitted });
        }
        let epoch = self.process(at).epoch;
        self.enter(at, Stage::Loosen { name, create, fitted, epoch, repeated: false });
        self.call(at, What::MakeLoose { name, token: create, epoch });
    }

    fn take(&mut self, at: At, name: Name, create: u8, loose: u8) {
        let epoch = self.process(at).epoch;
        let job = self.process(at).slots[usize::from(at.1)].job;
        let act = self.free_act(at.0);
        self.enter(at, Stage::Take { name, create, loose, epoch, act, repeated: false });
        self.call(at, What::Take { name, create, loose, epoch, act, job });
    }

    /// The job is over.
    pub(crate) fn end_job(&mut self, at: At) {
        self.enter(at, Stage::Idle);
        let slot = &mut self.process_mut(at).slots[usize::from(at.1)];
        (slot.job, slot.units) = (slot.job + 1, 1);
    }

    /// The name may still be deleted by something that is under way.
    fn burn(&mut self, process: u8, name: Name) {
        if self.rules.has(Rule::BurnName) {
            self.state.processes[usize::from(process)].burnt |= 1 << name;
        }
    }

    fn free_name(&self, process: u8) -> Name {
        let process = &self.state.processes[usize::from(process)];
        let used = process.slots.iter().filter_map(|slot| slot.stage.name()).fold(0, |used, name| used | 1 << name);
        let taken: Names = used | process.burnt;
        taken.trailing_ones() as Name
    }

    /// A number that nothing has which may still be compared with it. Real ones are all different.
    fn free_act(&self, process: u8) -> state::Act {
        let sent = self.state.messages.iter().filter(|message| message.caller.process() == Some(process));
        let sent = sent.flat_map(|message| match message.what {
            What::Take { act, .. } | What::Taken { act } => [act, 0],
            What::NotTaken { act, receipt, .. } => [act, receipt],
            _ => [0, 0],
        });
        let slots = self.state.processes[usize::from(process)].slots.iter().map(|slot| match slot.stage {
            Stage::Take { act, .. } | Stage::Settling { act, .. } => act,
            _ => 0,
        });
        let used = sent.chain(slots).chain([self.state.engine.receipts[usize::from(process)]]);
        let used = used.fold(1_u16, |used, act| used | 1 << act);
        used.trailing_ones() as state::Act
    }

    /// The call has its reply: no other will count.
    pub(crate) fn end_call(&mut self, caller: Caller) {
        self.state.messages.retain(|message| message.caller != caller || message.what.is_request());
        for message in self.state.messages.iter_mut().filter(|message| message.caller == caller) {
            message.awaited = false;
        }
        self.state.messages.sort_unstable();
    }

    fn call(&mut self, at: At, request: What) {
        self.state.send(slot_of(at), request);
    }

    // ---- readings

    pub(crate) fn job(&self, at: At) -> Option<Job> {
        let slot = self.process(at).slots[usize::from(at.1)];
        self.scripts[usize::from(slot.script)].get(usize::from(slot.job)).copied()
    }

    fn units(&self, at: At) -> u8 {
        self.process(at).slots[usize::from(at.1)].units
    }

    pub(crate) fn process(&self, at: At) -> &Process {
        &self.state.processes[usize::from(at.0)]
    }

    pub(crate) fn process_mut(&mut self, at: At) -> &mut Process {
        &mut self.state.processes[usize::from(at.0)]
    }

    pub(crate) fn stage(&self, at: At) -> Stage {
        self.process(at).slots[usize::from(at.1)].stage
    }

    pub(crate) fn enter(&mut self, at: At, stage: Stage) {
        self.process_mut(at).slots[usize::from(at.1)].stage = stage;
    }
}

pub(crate) fn slot_of((process, slot): At) -> Caller {
    Caller::Slot { process, slot }
}
