//! The model: which steps there are from a state, and where each leads.

use crate::client::{At, Step};
use crate::configuration::{Act, Configuration, Job, Script};
use crate::normal;
use crate::properties;
use crate::rules::{Rule, Rules};
use crate::state::{
    Admin, Asked, Caller, Engine, Event, Key, Limit, Message, Process, Record, Slot, Stage, State, View, What,
};
use crate::{engine, state};
use stateright::Property;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// The protocol, with all its rules or without some, in a configuration.
#[derive(Clone)]
pub(crate) struct Model {
    configuration: &'static Configuration,
    rules: Rules,
    /// Leaves out steps and states that make no difference while all rules are in force.
    is_reduced: bool,
    scripts: Vec<Script>,
    /// Which situations were there.
    reached: Arc<[AtomicBool; properties::REACHED.len()]>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Action {
    /// A slot begins its next job.
    Start(At),
    Release(At),
    /// It gives up in the queue.
    Cancel(At),
    /// It gives up without a reply.
    Abandon(At),
    TimeOut(At),
    TimeOutSession(u8),
    TimeOutSweep(u8, state::Name),
    /// A message arrives: at etcd, or back at its caller.
    Deliver(Message),
    /// It arrives, and will arrive once more.
    DeliverTwice(Message),
    /// A range over all keys, and the reply.
    List(u8),
    /// The same, but the reply is late.
    ListLate(u8),
    LateArrives(u8),
    /// The watch delivers the next revision.
    Watch(u8),
    /// It delivers an old one again.
    WatchOld(u8, state::Revision),
    /// It leaves the next one out.
    WatchNothing(u8),
    /// The client's own deadline passes.
    Lose(u8),
    /// The lease ends at etcd.
    Expire(u8),
    /// The client hears that its lease has ended.
    Notice(u8),
    /// It goes on under a new one.
    Renew(u8),
    Configure,
    Revoke,
    TimeOutAdmin,
}

impl Model {
    pub(crate) fn new(configuration: &'static Configuration, rules: Rules) -> Model {
        let is_reduced = rules.are_all();
        Model { configuration, rules, is_reduced, scripts: configuration.scripts(), reached: Arc::default() }
    }

    /// Reduced, or not, whatever the rules.
    pub(crate) fn reduced(self, is_reduced: bool) -> Model {
        Model { is_reduced, ..self }
    }

    /// Situations that no state was in.
    pub(crate) fn not_reached(&self) -> Vec<&'static str> {
        let all = properties::REACHED.iter().zip(self.reached.iter());
        all.filter(|(_, reached)| !reached.load(Relaxed)).map(|((name, _), _)| *name).collect()
    }

    fn step(&self, state: &State) -> Step<'_> {
        Step { state: state.clone(), rules: self.rules, configuration: self.configuration, scripts: &self.scripts }
    }

    /// The message is under way no more.
    fn received(&self, state: &State, message: Message) -> Step<'_> {
        let mut step = self.step(state);
        let at = step.state.messages.iter().position(|other| *other == message).expect("it was under way");
        step.state.messages.remove(at);
        step
    }

    fn deliver(&self, mut step: Step<'_>, message: Message) -> State {
        if message.what.is_request() {
            engine::serve(&mut step.state, self.rules, message);
            return step.state;
        }
        match message.caller {
            Caller::Slot { process, slot } => step.receive((process, slot), message.what),
            Caller::Session { process } => step.receive_session(process, message.what),
            Caller::Sweep { process, name } => step.receive_swept(process, name),
            Caller::Admin { act } => self.receive_admin(&mut step.state, act, message.what),
        }
        step.state
    }

    // ---- the admin

    fn configure(&self, state: &mut State) {
        let limit = state.engine.limit;
        let limit = match self.configuration.acts[usize::from(state.admin.act)] {
            Act::Resize(max) => Limit { max, ..limit },
            Act::Close => Limit { closed: true, ..limit },
            Act::Remove => Limit { max: 0, ..limit },
            Act::Create(max) => Limit { max, closed: false, upto: 0, since: 0 },
            Act::Revoke => unreachable!("this is no change of the limit"),
        };
        self.write_limit(state, limit, false);
    }

    fn write_limit(&self, state: &mut State, limit: Limit, settles: bool) {
        state.admin.asked = Some(Asked { limit, settles, repeated: false });
        state.send(Caller::Admin { act: state.admin.act }, What::Configure { limit, settles });
    }

    fn time_out_admin(&self, state: &mut State) {
        let Some(Asked { limit, settles, repeated }) = &mut state.admin.asked else {
            unreachable!("it has asked for nothing")
        };
        *repeated = true;
        let again = What::Configure { limit: *limit, settles: *settles };
        state.send(Caller::Admin { act: state.admin.act }, again);
    }

    fn receive_admin(&self, state: &mut State, act: u8, reply: What) {
        let (Admin { act: now, asked: Some(asked) }, What::Configured { done, limit }) = (state.admin, reply) else {
            return;
        };
        if now != act {
            return;
        }
        state.messages.retain(|message| message.caller != Caller::Admin { act } || message.what.is_request());
        for message in state.messages.iter_mut().filter(|message| message.caller == Caller::Admin { act }) {
            message.awaited = false;
        }
        state.messages.sort_unstable();
        state.admin.asked = None;
        if asked.settles {
            let removes = self.configuration.acts[usize::from(act)] == Act::Remove;
            if removes && limit.max > 0 {
                tell_in_use(state);
            }
            state.admin.act += 1;
        } else if asked.limit.max == 0 {
            self.removed(state, asked, done, limit);
        } else if done {
            self.settle(state, limit);
        } else if asked.repeated {
            // An earlier attempt has done it.
            state.admin.act += 1;
        } else {
            self.configure(state);
        }
    }

    /// The reply to a removal: it is done, or the semaphore is in use, and must not be removed after that is told.
    fn removed(&self, state: &mut State, asked: Asked, done: bool, limit: Limit) {
        let was_another = limit.since != asked.limit.since;
        if done || (was_another && asked.repeated) {
            state.admin.act += 1;
            return;
        }
        if was_another {
            return self.configure(state);
        }
        if asked.repeated && self.rules.has(Rule::RemoveKeep) {
            return self.write_limit(state, limit, true);
        }
        tell_in_use(state);
        state.admin.act += 1;
    }

    /// The second write, if the first one ends grants.
    fn settle(&self, state: &mut State, limit: Limit) {
        let before = self.limit_before(state.admin.act);
        let ends_grants = limit.max < before.max || (limit.closed && !before.closed);
        if !ends_grants {
            state.admin.act += 1;
            return;
        }
        let is_same = self.rules.has(Rule::SettleSame);
        let upto = if is_same { limit.upto } else { state.engine.frontier_with(Limit { upto: limit.upto, ..before }) };
        self.write_limit(state, Limit { upto, ..limit }, true);
    }

    /// The limit that an act of the admin finds, since all before it are done.
    fn limit_before(&self, act: u8) -> Limit {
        let first = Limit { max: self.configuration.max, closed: false, upto: 0, since: 0 };
        self.configuration.acts[..usize::from(act)].iter().fold(first, |limit, act| match *act {
            Act::Resize(max) => Limit { max, ..limit },
            Act::Close => Limit { closed: true, ..limit },
            Act::Remove => Limit { max: 0, closed: false, ..limit },
            Act::Create(max) => Limit { max, ..limit },
            Act::Revoke => limit,
        })
    }

    // ---- which steps there are

    /// The first step of a job only sends a request, which may arrive whenever it likes. So nothing is lost if
    /// that is done at once, and no other step before it, unless what is sent depends on other steps: the name
    /// and the epoch do, where other slots have to do with them. The admin's requests are sent at once too.
    fn at_once(&self, state: &State) -> Option<Action> {
        if !self.is_reduced {
            return None;
        }
        let is_first = |process: &Process| match process.slots.as_slice() {
            [slot] => {
                let job = self.job(slot);
                let wanted = if let Some(Job::Use(units)) = job { units } else { 1 };
                let is_asked = matches!(job, Some(Job::Use(_) | Job::Loose));
                let is_refused = process.limit.closed || process.limit.max < wanted;
                slot.stage == Stage::Idle && is_asked && !is_refused && process.is_settled()
            }
            _ => false,
        };
        if let Some(process) = state.processes.iter().position(|process| !process.lost && is_first(process)) {
            return Some(Action::Start((process as u8, 0)));
        }
        self.may_configure(state).then_some(Action::Configure)
    }

    fn may_configure(&self, state: &State) -> bool {
        let next = self.configuration.acts.get(usize::from(state.admin.act));
        state.admin.asked.is_none() && next.is_some_and(|act| *act != Act::Revoke)
    }

    fn may_revoke(&self, state: &State) -> bool {
        let next = self.configuration.acts.get(usize::from(state.admin.act));
        next == Some(&Act::Revoke) && state.engine.keys.iter().any(|key| key.loose)
    }

    fn job(&self, slot: &Slot) -> Option<Job> {
        self.scripts[usize::from(slot.script)].get(usize::from(slot.job)).copied()
    }

    fn may_start(&self, state: &State, process: u8, slot: &Slot) -> bool {
        match self.job(slot) {
            Some(Job::Return) => self.step(state).first_of_return(process).is_some(),
            job => job.is_some(),
        }
    }

    fn slots(&self, state: &State, actions: &mut Vec<Action>) {
        for (process, now) in state.processes.iter().enumerate().filter(|(_, now)| !now.lost) {
            for (slot, what) in now.slots.iter().enumerate() {
                let at = (process as u8, slot as u8);
                self.slot(state, at, what, actions);
                if state.faults > 0 && what.stage.awaits_reply() {
                    actions.push(Action::TimeOut(at));
                }
            }
        }
    }

    fn slot(&self, state: &State, at: At, slot: &Slot, actions: &mut Vec<Action>) {
        match slot.stage {
            Stage::Idle if self.may_start(state, at.0, slot) => actions.push(Action::Start(at)),
            Stage::Held { .. } => actions.push(Action::Release(at)),
            stage if self.configuration.may.cancel && stage.waits() => actions.push(Action::Cancel(at)),
            stage if self.configuration.may.cancel && state.faults > 0 && stage.may_be_abandoned() => {
                actions.push(Action::Abandon(at));
            }
            _ => {}
        }
    }

    fn processes(&self, state: &State, actions: &mut Vec<Action>) {
        let may = self.configuration.may;
        for (process, now) in state.processes.iter().enumerate() {
            let is_alive = state.engine.epochs[process] != 0;
            let process = process as u8;
            if now.lost {
                if is_alive {
                    actions.push(Action::Expire(process));
                } else if may.renew {
                    actions.push(Action::Renew(process));
                }
                continue;
            }
            if state.faults > 0 {
                if !now.is_settled() {
                    actions.push(Action::TimeOutSession(process));
                }
                let swept = (0..state::Names::BITS as state::Name).filter(|name| now.swept & 1 << name != 0);
                actions.extend(swept.map(|name| Action::TimeOutSweep(process, name)));
                if may.lose && now.slots.iter().any(|slot| slot.stage != Stage::Idle) {
                    actions.push(Action::Lose(process));
                }
                if !self.rules.has(Rule::LeaseHolds) && is_alive {
                    actions.push(Action::Expire(process));
                }
            }
            if !is_alive {
                actions.push(Action::Notice(process));
            }
            self.watch(state, process, now, actions);
        }
    }

    fn watch(&self, state: &State, process: u8, now: &Process, actions: &mut Vec<Action>) {
        let faults = state.faults > 0;
        if now.late.is_some() {
            actions.push(Action::LateArrives(process));
        } else if faults && now.slots.iter().any(|slot| slot.stage.waits() || slot.stage.enters()) {
            actions.push(Action::ListLate(process));
        }
        if !now.slots.iter().any(|slot| slot.stage.waits()) {
            return;
        }
        let Some(view) = &now.view else { return actions.push(Action::List(process)) };
        if (view.revision != state.engine.revision && self.rules.has(Rule::ListAgain)) || view.is_doubtful {
            actions.push(Action::List(process));
        }
        if let Some(next) = state.engine.log.iter().find(|change| change.revision > view.revision) {
            actions.push(Action::Watch(process));
            let is_limit = next.events.iter().any(|event| matches!(event, Event::Limit(_)));
            if faults && self.configuration.may.lose_event && !(is_limit && self.rules.has(Rule::LimitArrives)) {
                actions.push(Action::WatchNothing(process));
            }
        }
        if faults && !self.rules.has(Rule::NoOldEvent) {
            let old = state.engine.log.iter().filter(|change| change.revision <= view.revision);
            actions.extend(old.map(|change| Action::WatchOld(process, change.revision)));
        }
    }
}

/// The removal is refused. Whatever takes effect of it after this is a second time.
fn tell_in_use(state: &mut State) {
    state.record.configured |= 1 << state.admin.act;
}

impl stateright::Model for Model {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let slot = |script: &Script| {
            let script = self.scripts.iter().position(|it| it == script).expect("all scripts are there") as u8;
            Slot { script, job: 0, units: 1, stage: Stage::Idle, took: 0, took_none: 0 }
        };
        let limit = Limit { max: self.configuration.max, closed: false, upto: 0, since: 1 };
        let process = |slots: &&[Script]| Process::new(slots.iter().map(slot).collect(), limit);
        let mut processes: Vec<Process> = self.configuration.processes.iter().map(process).collect();
        let first_name = state::Names::BITS as state::Name - self.configuration.loose;
        let mut key = Key { create: 1, process: 0, name: first_name, units: 1, loose: true, fitted: limit.max };
        let mut keys = Vec::new();
        for _ in 0..self.configuration.loose {
            keys.push(key);
            processes[0].burnt |= 1 << key.name;
            (key.create, key.name) = (key.create + 1, key.name + 1);
        }
        let engine = Engine {
            revision: 1 + self.configuration.loose,
            keys,
            returns: Vec::new(),
            limit,
            receipts: vec![0; processes.len()],
            epochs: vec![1; processes.len()],
            log: Vec::new(),
        };
        let record = Record {
            newest_fitted: 0,
            newest_told: 0,
            tokens_grow: true,
            first_returns_first: true,
            configured: 0,
            configured_once: true,
            stays_closed: true,
            removed_idle: true,
            loose: self.configuration.loose,
            one_for_each_release: true,
            names_are_free: true,
        };
        let admin = Admin { act: 0, asked: None };
        vec![State { engine, messages: Vec::new(), processes, admin, faults: self.configuration.faults, record }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if let Some(only) = self.at_once(state) {
            return actions.push(only);
        }
        self.slots(state, actions);
        self.processes(state, actions);
        for (at, message) in state.messages.iter().enumerate() {
            if at > 0 && state.messages[at - 1] == *message {
                continue;
            }
            actions.push(Action::Deliver(*message));
            if state.faults > 0 && !self.rules.has(Rule::ArrivesOnce) && message.what.is_request() {
                actions.push(Action::DeliverTwice(*message));
            }
        }
        if self.may_configure(state) {
            actions.push(Action::Configure);
        }
        if self.may_revoke(state) {
            actions.push(Action::Revoke);
        }
        if state.faults > 0 && state.admin.asked.is_some() {
            actions.push(Action::TimeOutAdmin);
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = self.after(state, action)?;
        if self.is_reduced {
            next = normal::form(next);
        }
        for ((_, is_reached), reached) in properties::REACHED.iter().zip(self.reached.iter()) {
            // Relaxed: it is read when all threads have ended.
            if !reached.load(Relaxed) && is_reached(&next) {
                reached.store(true, Relaxed);
            }
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Model>> {
        properties::all()
    }
}

impl Model {
    fn after(&self, state: &State, action: Action) -> Option<State> {
        let mut step = self.step(state);
        if action.is_fault() {
            step.state.faults -= 1;
        }
        match action {
            Action::Start(at) => step.start(at),
            Action::Release(at) => step.release(at),
            Action::Cancel(at) | Action::Abandon(at) => step.cancel(at),
            Action::TimeOut(at) => step.time_out(at),
            Action::TimeOutSession(process) => step.time_out_session(process),
            Action::TimeOutSweep(process, name) => step.time_out_sweep(process, name),
            Action::Deliver(message) => {
                let step = self.received(state, message);
                return Some(self.deliver(step, message));
            }
            Action::DeliverTwice(message) => {
                return Some(self.deliver(step, message));
            }
            Action::List(process) => {
                step.state.processes[usize::from(process)].view = Some(View::list(&state.engine));
                step.look(process);
            }
            Action::ListLate(process) => {
                step.state.processes[usize::from(process)].late = Some(View::list(&state.engine));
            }
            Action::LateArrives(process) => step.late_arrives(process),
            Action::Watch(process) => {
                let view = step.state.processes[usize::from(process)].view.as_mut()?;
                let next = state.engine.log.iter().find(|change| change.revision > view.revision)?;
                view.apply(next);
                view.revision = next.revision;
                step.look(process);
            }
            Action::WatchOld(process, revision) => {
                let view = step.state.processes[usize::from(process)].view.as_mut()?;
                let old = state.engine.log.iter().find(|change| change.revision == revision)?;
                view.apply(old);
                step.look(process);
            }
            Action::WatchNothing(process) => {
                let view = step.state.processes[usize::from(process)].view.as_mut()?;
                let next = state.engine.log.iter().find(|change| change.revision > view.revision)?;
                view.revision = next.revision;
                view.is_doubtful = self.rules.has(Rule::ListAgain);
            }
            Action::Lose(process) | Action::Notice(process) => step.lose(process),
            Action::Renew(process) => step.renew(process),
            Action::Expire(process) => engine::expire(&mut step.state, process),
            Action::Configure => self.configure(&mut step.state),
            Action::Revoke => {
                engine::revoke(&mut step.state);
                step.state.admin.act += 1;
            }
            Action::TimeOutAdmin => self.time_out_admin(&mut step.state),
        }
        Some(step.state)
    }
}

impl Action {
    /// Something that goes wrong. A configuration says how many of these there may be.
    fn is_fault(self) -> bool {
        matches!(
            self,
            Action::Abandon(_)
                | Action::TimeOut(_)
                | Action::TimeOutSession(_)
                | Action::TimeOutSweep(..)
                | Action::TimeOutAdmin
                | Action::DeliverTwice(_)
                | Action::ListLate(_)
                | Action::WatchOld(..)
                | Action::WatchNothing(_)
                | Action::Lose(_)
        )
    }
}
