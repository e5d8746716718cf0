//! etcd: what each transaction does, and what it answers. A transaction is one step; requests that arrive late
//! or twice take effect as any others.

use crate::rules::{Rule, Rules};
use crate::state::{Caller, Change, Engine, Event, Key, Limit, Message, Record, Return, Revision, State, What};

/// A request arrives. Its reply is under way then, if the caller waits for one.
pub(crate) fn serve(state: &mut State, rules: Rules, message: Message) {
    let Message { caller, awaited, what } = message;
    let State { engine, record, .. } = state;
    let loose_before = record.loose;
    let reply = match caller.process() {
        None => engine.configure(record, rules, caller, what),
        Some(process) => engine.answer(record, rules, process, what),
    };
    if let (What::Take { job, .. }, Caller::Slot { process, slot }) = (what, caller)
        && record.loose < loose_before
    {
        let slot = &mut state.processes[usize::from(process)].slots[usize::from(slot)];
        record.one_for_each_release &= (slot.took | slot.took_none) & 1 << job == 0;
        slot.took |= 1 << job;
    }
    if awaited {
        state.send(caller, reply);
    }
}

/// The lease of a process ends: its keys go, but for loose ones.
pub(crate) fn expire(state: &mut State, process: u8) {
    let State { engine, record, .. } = state;
    engine.epochs[usize::from(process)] = 0;
    let keys = engine.keys.iter().filter(|key| key.process == process && !key.loose);
    let returns = engine.returns.iter().filter(|key| key.process == process);
    let events = keys.map(|key| Event::Deleted { process, name: key.name });
    let events = events.chain(returns.map(|key| Event::ReturnDeleted { process, name: key.name })).collect();
    engine.write(record, events);
}

/// The oldest loose permit is deleted by hand.
pub(crate) fn revoke(state: &mut State) {
    let State { engine, record, .. } = state;
    let loose = engine.keys.iter().find(|key| key.loose).expect("there is one");
    record.loose -= 1;
    engine.write(record, vec![Event::Deleted { process: loose.process, name: loose.name }]);
}

impl Engine {
    fn answer(&mut self, record: &mut Record, rules: Rules, process: u8, request: What) -> What {
        let version = self.epochs[usize::from(process)];
        let is_of = |epoch: u8, rule: Rule| version != 0 && (version == epoch || !rules.has(rule));
        match request {
            What::Acquire { name, units, epoch, limit } => {
                let found = self.key(process, name).filter(|key| !key.loose).map_or(0, |key| key.create);
                let is_of_limit = self.limit.since == limit.since || !rules.has(Rule::AcquireLimit);
                if self.key(process, name).is_some() || !is_of(epoch, Rule::AcquireEpoch) || !is_of_limit {
                    return What::NotAcquired { name, found, epoch: version, limit: self.limit };
                }
                let before = self.keys.iter().map(|key| key.units).sum();
                let create = self.revision + 1;
                let key = Key { create, process, name, units, loose: false, fitted: 0 };
                self.write(record, vec![Event::Put(key)]);
                What::Acquired { name, create, before, limit }
            }
            What::Delete { name } => {
                let some = self.key(process, name).is_some();
                if some {
                    self.write(record, vec![Event::Deleted { process, name }]);
                }
                What::Deleted { name, some }
            }
            What::MakeLoose { name, token, epoch } => {
                let key = self.key(process, name).filter(|key| key.create == token);
                match key {
                    Some(key) if version == epoch => {
                        record.loose += u8::from(!key.loose);
                        self.write(record, vec![Event::Put(Key { loose: true, ..key })]);
                    }
                    None if !rules.has(Rule::LooseToken) && version == epoch => {
                        let create = self.revision + 1;
                        let key = Key { create, process, name, units: 1, loose: true, fitted: 0 };
                        self.write(record, vec![Event::Put(key)]);
                    }
                    _ => {
                        let held = key.is_some_and(|key| !key.loose);
                        return What::NotMadeLoose { name, held, epoch: version };
                    }
                }
                What::MadeLoose { name }
            }
            What::Queue { name, epoch } => {
                let own = self.returns.iter().find(|key| key.process == process && key.name == name);
                if own.is_some() || !is_of(epoch, Rule::QueueEpoch) {
                    return What::NotQueued { name, found: own.map_or(0, |own| own.create), epoch: version };
                }
                let create = self.revision + 1;
                self.write(record, vec![Event::ReturnPut(Return { create, process, name, fitted: false })]);
                What::Queued { name, create }
            }
            What::Take { create, loose, epoch, act, .. } => {
                let is_fenced = is_of(epoch, Rule::TakeEpoch);
                if is_fenced && self.take(record, rules, (process, create), loose) {
                    self.receipts[usize::from(process)] = act;
                    return What::Taken { act };
                }
                What::NotTaken { act, receipt: self.receipts[usize::from(process)], epoch: version }
            }
            What::Unqueue { name } => {
                let some = self.returns.iter().any(|key| key.process == process && key.name == name);
                if some {
                    self.write(record, vec![Event::ReturnDeleted { process, name }]);
                }
                What::Deleted { name, some }
            }
            What::Bump { epoch } => {
                if is_of(epoch, Rule::BumpOnce) {
                    self.epochs[usize::from(process)] += 1;
                }
                // A bare put does not tell the version.
                let told = if rules.has(Rule::BumpOnce) || version == 0 {
                    self.epochs[usize::from(process)]
                } else {
                    epoch + 1
                };
                What::Epoch { epoch: told }
            }
            What::Sweep { name } => {
                let key = self.key(process, name).map(|_| Event::Deleted { process, name });
                let mut returns = self.returns.iter();
                let own = returns.find(|key| key.process == process && key.name == name);
                let own = own.map(|_| Event::ReturnDeleted { process, name });
                self.write(record, key.into_iter().chain(own).collect());
                What::Swept { name }
            }
            other => unreachable!("{other:?} is no request of a process"),
        }
    }

    /// The keys of a loose permit and of a blocked release go together, or neither.
    fn take(&mut self, record: &mut Record, rules: Rules, own: (u8, Revision), loose: Revision) -> bool {
        let (process, create) = own;
        let own = self.returns.iter().find(|key| key.process == process && key.create == create).copied();
        let loose = self.keys.iter().find(|key| key.create == loose && key.loose).copied();
        let may = if create == 0 { self.returns.is_empty() || !rules.has(Rule::NoneBlocked) } else { own.is_some() };
        if !may || (loose.is_none() && rules.has(Rule::TakeLoose)) {
            return false;
        }
        let mut events: Vec<Event> = Vec::new();
        if let Some(loose) = loose {
            record.first_returns_first &= own.map_or(self.returns.is_empty(), |own| own.fitted);
            record.loose -= 1;
            events.push(Event::Deleted { process: loose.process, name: loose.name });
        }
        events.extend(own.map(|own| Event::ReturnDeleted { process, name: own.name }));
        self.write(record, events);
        true
    }

    fn configure(&mut self, record: &mut Record, rules: Rules, caller: Caller, request: What) -> What {
        let (Caller::Admin { act }, What::Configure { limit, settles }) = (caller, request) else {
            unreachable!("{request:?} is no request of the admin")
        };
        let removes = limit.max == 0;
        let compares = rules.has(match removes {
            true => Rule::RemoveSame,
            false if settles => Rule::SettleOnce,
            false => Rule::ResizeOnce,
        });
        let is_idle = self.keys.is_empty() && self.returns.is_empty();
        let is_there = self.limit.max > 0;
        let may_remove = is_there && (is_idle || !rules.has(Rule::RemoveIdle));
        let done = (self.limit.since == limit.since || !compares) && (!removes || may_remove);
        if !done {
            return What::Configured { done, limit: self.limit };
        }
        if !settles {
            record.configured_once &= record.configured & 1 << act == 0;
            record.configured |= 1 << act;
        }
        if removes {
            record.removed_idle &= is_idle;
            let limit = Limit { max: 0, closed: false, upto: 0, since: 0 };
            self.write(record, vec![Event::Limit(limit)]);
            return What::Configured { done, limit };
        }
        record.stays_closed &= limit.closed || !self.limit.closed;
        let upto = self.frontier();
        let limit = Limit { since: self.revision + 1, ..limit };
        self.write(record, vec![Event::Limit(limit)]);
        What::Configured { done, limit: Limit { upto, ..limit } }
    }

    /// The last key that is granted with the keys and the limit of now. A client computes it, from the keys in
    /// the reply to the first write.
    pub(crate) fn frontier(&self) -> Revision {
        self.frontier_with(self.limit)
    }

    pub(crate) fn frontier_with(&self, limit: Limit) -> Revision {
        let mut before = 0;
        let mut granted = self.keys.iter().take_while(|key| {
            before += key.units;
            (before <= limit.max && !limit.closed) || key.create <= limit.upto
        });
        granted.by_ref().last().map_or(0, |key| key.create).max(limit.upto)
    }

    pub(crate) fn key(&self, process: u8, name: u8) -> Option<Key> {
        self.keys.iter().find(|key| key.process == process && key.name == name).copied()
    }

    /// Changes what is there, as one revision.
    fn write(&mut self, record: &mut Record, events: Vec<Event>) {
        if events.is_empty() {
            return;
        }
        self.revision += 1;
        for event in &events {
            apply(*event, &mut self.keys, &mut self.returns, &mut self.limit);
        }
        self.log.push(Change { revision: self.revision, events });
        self.grant(record);
    }

    /// What the log grants: a group, at the first revision at which all keys before it and its own are no more
    /// than the limit of that revision. This is what is promised, and no part of the protocol: no client sees
    /// it, and the properties hold what clients believe against it.
    fn grant(&mut self, record: &mut Record) {
        let loose = self.keys.iter().filter(|key| key.loose).count();
        self.returns.iter_mut().take(loose).for_each(|key| key.fitted = true);
        let Limit { max, closed, .. } = self.limit;
        let mut before = 0;
        for key in &mut self.keys {
            if key.fitted == 0 && (closed || before + key.units > max) {
                return;
            }
            if key.fitted == 0 {
                key.fitted = max;
                record.tokens_grow &= key.create > record.newest_fitted;
                record.newest_fitted = key.create;
            }
            before += key.units;
        }
    }
}

/// An event changes etcd's keys, or what a client knows of them.
pub(crate) fn apply(event: Event, keys: &mut Vec<Key>, returns: &mut Vec<Return>, limit: &mut Limit) {
    match event {
        Event::Put(key) => match keys.iter_mut().find(|old| (old.process, old.name) == (key.process, key.name)) {
            Some(old) if old.create == key.create => *old = key,
            _ => {
                keys.retain(|old| (old.process, old.name) != (key.process, key.name));
                keys.push(key);
                keys.sort_unstable();
            }
        },
        Event::Deleted { process, name } => keys.retain(|key| (key.process, key.name) != (process, name)),
        Event::Limit(new) => *limit = new,
        Event::ReturnPut(key) => {
            returns.retain(|old| (old.process, old.name) != (key.process, key.name));
            returns.push(key);
            returns.sort_unstable();
        }
        Event::ReturnDeleted { process, name } => returns.retain(|key| (key.process, key.name) != (process, name)),
    }
}
