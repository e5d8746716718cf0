//! What a client does: its calls, its replies, and what it concludes.
//!
//! A call is a request and its repetitions. It ends with a definite reply; until then a timeout sends the same
//! request again. What was sent and not answered may arrive at any later time, which is what most of the rules
//! are about.

use crate::configuration::{Configuration, Job, Script};
use crate::rules::{Rule, Rules};
use crate::state::{Caller, Fence, Limit, Name, Names, Process, Stage, State, View, What};
use crate::view;

/// A state, and what a step needs to know beside it.
pub(crate) struct Step<'a> {
    pub(crate) state: State,
    pub(crate) rules: Rules,
    pub(crate) configuration: &'a Configuration,
    pub(crate) scripts: &'a [Script],
}

/// A slot of a process.
pub(crate) type At = (u8, u8);

impl Step<'_> {
    // ---- what slots do of themselves

    pub(crate) fn start(&mut self, at: At) {
        let job = self.job(at).expect("it has something to do");
        self.process_mut(at).slots[usize::from(at.1)].units = if let Job::Use(units) = job { units } else { 1 };
        let name = self.free_name(at.0);
        let epoch = self.process(at).epoch;
        match job {
            Job::Use(_) | Job::Loose => {
                self.enter(at, Stage::Acquire { name, epoch, repeated: false, refused: false });
                self.call(at, What::Acquire { name, units: self.units(at), epoch });
            }
            Job::Return if self.rules.has(Rule::ReleaseByKey) => {
                self.enter(at, Stage::Queue { name, epoch, repeated: false, refused: false });
                self.call(at, What::Queue { name, epoch });
            }
            Job::Return => {
                let loose = self.state.engine.keys.iter().find(|key| key.loose).expect("it has seen one").create;
                self.take(at, name, 0, loose, false);
            }
        }
    }

    /// A held permit is returned, or made loose.
    pub(crate) fn release(&mut self, at: At) {
        let Stage::Held { name, create, ambiguous, fitted } = self.stage(at) else { unreachable!("it holds none") };
        if self.job(at) != Some(Job::Loose) {
            return self.delete(at, name, ambiguous);
        }
        if ambiguous && self.rules.has(Rule::FenceLoose) {
            self.enter(at, Stage::Fencing { name, create, fitted });
            return self.fence(at.0);
        }
        self.loosen(at, name, create, fitted);
    }

    /// The slot gives up.
    pub(crate) fn cancel(&mut self, at: At) {
        match self.stage(at) {
            // There may be a key, now or later.
            Stage::Acquire { name, refused, .. } | Stage::Queue { name, refused, .. } => {
                self.finish(at, !refused, name);
            }
            Stage::Wait { name, ambiguous, .. } => self.delete(at, name, ambiguous),
            Stage::Blocked { name, ambiguous, .. } => self.unqueue(at, name, ambiguous),
            stage => unreachable!("{stage:?} cannot be given up"),
        }
    }

    /// No reply came in time: the same request again.
    pub(crate) fn time_out(&mut self, at: At) {
        let now = self.process(at).epoch;
        let mut stage = self.stage(at);
        let again = match &mut stage {
            Stage::Acquire { name, epoch, repeated, refused: false } => {
                *repeated = true;
                let epoch = if self.rules.has(Rule::SameEpoch) { *epoch } else { now };
                What::Acquire { name: *name, units: self.units(at), epoch }
            }
            Stage::Queue { name, epoch, repeated, refused: false } => {
                *repeated = true;
                What::Queue { name: *name, epoch: *epoch }
            }
            Stage::Release { name, repeated, .. } => {
                *repeated = true;
                self.burn(at.0, *name);
                What::Delete { name: *name }
            }
            Stage::Unqueue { name, repeated, .. } => {
                *repeated = true;
                self.burn(at.0, *name);
                What::Unqueue { name: *name }
            }
            Stage::Loosen { name, create, repeated, .. } => {
                *repeated = true;
                What::MakeLoose { name: *name, token: *create }
            }
            Stage::Take { name, create, loose, repeated, .. } => {
                *repeated = true;
                What::Take { name: *name, create: *create, loose: *loose }
            }
            stage => unreachable!("{stage:?} waits for no reply"),
        };
        self.enter(at, stage);
        self.call(at, again);
    }

    // ---- replies

    pub(crate) fn receive(&mut self, at: At, reply: What) {
        let stage = self.stage(at);
        // Without the rule, a reply counts where a reply of its kind for this name is waited for.
        match (stage, reply) {
            (Stage::Acquire { name, epoch, repeated, .. }, What::Acquired { name: of, create, before, limit })
                if name == of =>
            {
                self.end_call(slot_of(at));
                let ambiguous = repeated && epoch == self.process(at).epoch;
                self.acquired(at, (name, create, ambiguous), before, limit);
            }
            (Stage::Acquire { name, epoch, repeated, .. }, What::Found { name: of, create, max }) if name == of => {
                self.end_call(slot_of(at));
                let ambiguous = repeated && epoch == self.process(at).epoch;
                self.wait(at, name, create, ambiguous, max);
            }
            (Stage::Queue { name, epoch, repeated, .. }, What::Queued { name: of, create }) if name == of => {
                self.end_call(slot_of(at));
                let ambiguous = repeated && epoch == self.process(at).epoch;
                self.enter(at, Stage::Blocked { name, create, ambiguous });
            }
            (Stage::Acquire { name, .. } | Stage::Queue { name, .. }, What::Refused { name: of }) if name == of => {
                self.end_call(slot_of(at));
                self.refused(at, stage);
            }
            (
                Stage::Release { name, repeated, ambiguous } | Stage::Unqueue { name, repeated, ambiguous },
                What::Deleted { name: of, some },
            ) if name == of => {
                self.end_call(slot_of(at));
                if some || repeated {
                    self.finish(at, ambiguous, name);
                } else {
                    self.enter(at, Stage::Lost);
                }
            }
            (Stage::Loosen { name, .. }, What::MadeLoose { name: of }) if name == of => {
                self.end_call(slot_of(at));
                // It is the semaphore's now, and gone when a release has returned it.
                if self.rules.has(Rule::BurnLoose) {
                    self.process_mut(at).burnt |= 1 << name;
                }
                self.finish(at, false, name);
            }
            (Stage::Take { name, ambiguous, .. }, What::Taken { name: of }) if name == of => {
                self.state.record.untold -= 1;
                self.finish(at, ambiguous, name);
            }
            (Stage::Take { name, create, ambiguous, repeated, .. }, What::NotTaken { name: of }) if name == of => {
                self.end_call(slot_of(at));
                if self.rules.has(Rule::ReleaseByKey) {
                    self.enter(at, Stage::Blocked { name, create, ambiguous });
                } else if repeated {
                    // It believes that the first attempt has taken it.
                    self.state.record.untold -= 1;
                    self.finish(at, false, name);
                } else {
                    self.enter(at, Stage::Idle);
                }
            }
            _ => {}
        }
        self.look(at.0);
    }

    fn acquired(&mut self, at: At, key: (Name, u8, bool), before: u8, limit: Limit) {
        let (name, create, ambiguous) = key;
        if self.is_refused(at, limit) {
            self.delete(at, name, ambiguous);
        } else if view::grants(self.rules, before, self.units(at), limit) {
            self.hold(at, name, create, ambiguous);
        } else {
            self.wait(at, name, create, ambiguous, limit.max);
        }
    }

    /// The request fails, with `TooMany` or `Closed`.
    fn is_refused(&self, at: At, limit: Limit) -> bool {
        (self.units(at) > limit.max && self.rules.has(Rule::TooMany)) || (limit.closed && self.rules.has(Rule::Closed))
    }

    /// Nothing was put, and no attempt in that epoch will put anything.
    fn refused(&mut self, at: At, stage: Stage) {
        if self.state.engine.epochs[usize::from(at.0)] == 0 {
            // The reply has the version of `s`, which is gone.
            return self.lose(at.0);
        }
        if self.process(at).fence != Fence::Bumping {
            return self.send_anew(at, stage);
        }
        match stage {
            Stage::Acquire { name, epoch, .. } => {
                self.enter(at, Stage::Acquire { name, epoch, repeated: false, refused: true });
            }
            Stage::Queue { name, epoch, .. } => {
                self.enter(at, Stage::Queue { name, epoch, repeated: false, refused: true });
            }
            _ => {}
        }
    }

    pub(crate) fn send_anew(&mut self, at: At, stage: Stage) {
        let epoch = self.process(at).epoch;
        match stage {
            Stage::Acquire { name, .. } => {
                self.enter(at, Stage::Acquire { name, epoch, repeated: false, refused: false });
                self.call(at, What::Acquire { name, units: self.units(at), epoch });
            }
            Stage::Queue { name, .. } => {
                self.enter(at, Stage::Queue { name, epoch, repeated: false, refused: false });
                self.call(at, What::Queue { name, epoch });
            }
            _ => {}
        }
    }

    // ---- what is seen

    /// The view has changed, or who looks at it.
    pub(crate) fn look(&mut self, process: u8) {
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
            Stage::Wait { name, create, ambiguous, max } => {
                if view.revision < create && self.rules.has(Rule::NoOldRange) {
                    return;
                }
                let limit = if self.rules.has(Rule::OneRevision) { view.limit } else { Limit { max, ..view.limit } };
                if self.is_refused(at, limit) {
                    self.delete(at, name, ambiguous);
                } else if view.grants(self.rules, create, self.units(at), limit) {
                    self.hold(at, name, create, ambiguous);
                }
            }
            Stage::Blocked { name, create, ambiguous } if view.revision >= create => {
                let is_head = view.returns.first().is_some_and(|first| first.create == create);
                let loose = view.keys.iter().find(|key| key.loose);
                match loose {
                    _ if view.limit.closed => self.unqueue(at, name, ambiguous),
                    Some(loose) if is_head || !self.rules.has(Rule::HeadOnly) => {
                        self.take(at, name, create, loose.create, ambiguous);
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }

    // ---- from one stage to another

    fn hold(&mut self, at: At, name: Name, create: u8, ambiguous: bool) {
        let key = self.state.engine.key(at.0, name).filter(|key| key.create == create);
        let fitted = key.map_or(0, |key| key.fitted);
        self.enter(at, Stage::Held { name, create, ambiguous, fitted });
        let record = &mut self.state.record;
        if self.configuration.is_mutex() {
            record.tokens_grow &= create > record.newest_told;
            record.newest_told = create;
        }
    }

    fn wait(&mut self, at: At, name: Name, create: u8, ambiguous: bool, max: u8) {
        let max = if self.rules.has(Rule::OneRevision) { 0 } else { max };
        self.enter(at, Stage::Wait { name, create, ambiguous, max });
    }

    fn delete(&mut self, at: At, name: Name, ambiguous: bool) {
        self.enter(at, Stage::Release { name, repeated: false, ambiguous });
        self.call(at, What::Delete { name });
    }

    fn unqueue(&mut self, at: At, name: Name, ambiguous: bool) {
        self.enter(at, Stage::Unqueue { name, repeated: false, ambiguous });
        self.call(at, What::Unqueue { name });
    }

    pub(crate) fn loosen(&mut self, at: At, name: Name, create: u8, fitted: u8) {
        self.enter(at, Stage::Loosen { name, create, fitted, repeated: false });
        self.call(at, What::MakeLoose { name, token: create });
    }

    fn take(&mut self, at: At, name: Name, create: u8, loose: u8, ambiguous: bool) {
        self.enter(at, Stage::Take { name, create, loose, ambiguous, repeated: false });
        self.call(at, What::Take { name, create, loose });
    }

    /// The job is done, though something may still put a key of this name.
    fn finish(&mut self, at: At, ambiguous: bool, name: Name) {
        self.end_call(slot_of(at));
        self.enter(at, Stage::Idle);
        let process = self.process_mut(at);
        let slot = &mut process.slots[usize::from(at.1)];
        (slot.job, slot.units) = (slot.job + 1, 1);
        if ambiguous {
            process.dirty |= 1 << name;
            self.fence(at.0);
        }
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
        let taken: Names = used | process.dirty | process.swept | process.burnt;
        taken.trailing_ones() as Name
    }

    /// The call has its reply: no other will count.
    pub(crate) fn end_call(&mut self, caller: Caller) {
        if self.rules.has(Rule::OwnReply) {
            self.state.messages.retain(|message| message.caller != caller || message.what.is_request());
            for message in self.state.messages.iter_mut().filter(|message| message.caller == caller) {
                message.awaited = false;
            }
            self.state.messages.sort_unstable();
        }
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

    fn process(&self, at: At) -> &Process {
        &self.state.processes[usize::from(at.0)]
    }

    fn process_mut(&mut self, at: At) -> &mut Process {
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
