//! etcd: what each transaction does, and what it answers. A transaction is one step; requests that arrive late
//! or twice take effect as any others.

use crate::rules::{Rule, Rules};
use crate::state::{Caller, Change, Engine, Event, Key, Limit, Message, Record, Return, State, What};

/// A request arrives. Its reply is under way then, if the caller waits for one.
pub(crate) fn serve(state: &mut State, rules: Rules, message: Message) {
    let Message { caller, awaited, what } = message;
    let State { engine, record, .. } = state;
    let reply = match caller {
        Caller::Admin { act } => engine.configure(record, rules, act, what),
        Caller::Slot { process, .. } | Caller::Session { process } => engine.answer(record, rules, process, what),
    };
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
            What::Acquire { name, units, epoch } => {
                if let Some(key) = self.key(process, name) {
                    return What::Found { name, create: key.create, max: self.limit.max };
                }
                if !is_of(epoch, Rule::AcquireEpoch) {
                    return What::Refused { name };
                }
                let before = self.keys.iter().map(|key| key.units).sum();
                let create = self.revision + 1;
                let key = Key { create, process, name, units, loose: false, fitted: 0 };
                self.write(record, vec![Event::Put(key)]);
                What::Acquired { name, create, before, limit: self.limit }
            }
            What::Delete { name } => {
                let some = self.key(process, name).is_some();
                if some {
                    self.write(record, vec![Event::Deleted { process, name }]);
                }
                What::Deleted { name, some }
            }
            What::MakeLoose { name, token } => {
                match self.key(process, name) {
                    Some(key) if key.create == token && !key.loose => {
                        record.loose += 1;
                        self.write(record, vec![Event::Put(Key { loose: true, ..key })]);
                    }
                    None if !rules.has(Rule::LooseToken) => {
                        let create = self.revision + 1;
                        let key = Key { create, process, name, units: 1, loose: true, fitted: 0 };
                        self.write(record, vec![Event::Put(key)]);
                    }
                    _ => {}
                }
                What::MadeLoose { name }
            }
            What::Queue { name, epoch } => {
                let own = self.returns.iter().find(|key| key.process == process && key.name == name);
                if let Some(own) = own {
                    return What::Queued { name, create: own.create };
                }
                if !is_of(epoch, Rule::QueueEpoch) {
                    return What::Refused { name };
                }
                let create = self.revision + 1;
                self.write(record, vec![Event::ReturnPut(Return { create, process, name })]);
                What::Queued { name, create }
            }
            What::Take { name, create, loose } => self.take(record, rules, process, (name, create), loose),
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
            What::Sweep { names, epoch } => {
                if !is_of(epoch, Rule::SweepEpoch) {
                    return What::Swept { done: false };
                }
                let is_swept = |of: u8, name: u8| of == process && names & 1 << name != 0;
                let keys = self.keys.iter().filter(|key| is_swept(key.process, key.name));
                let returns = self.returns.iter().filter(|key| is_swept(key.process, key.name));
                let events = keys.map(|key| Event::Deleted { process, name: key.name });
                let events = events.chain(returns.map(|key| Event::ReturnDeleted { process, name: key.name }));
                self.write(record, events.collect());
                What::Swept { done: true }
            }
            other => unreachable!("{other:?} is no request of a process"),
        }
    }

    /// The keys of a loose permit and of a blocked release go together, or neither.
    fn take(&mut self, record: &mut Record, rules: Rules, process: u8, own: (u8, u8), loose: u8) -> What {
        let (name, create) = own;
        let at = self.returns.iter().position(|key| key.process == process && key.create == create);
        let loose = self.keys.iter().find(|key| key.create == loose && key.loose).copied();
        let needs_own = rules.has(Rule::TakeOwn) && rules.has(Rule::ReleaseByKey);
        if at.is_none() && needs_own {
            // Only the own call removes it: an earlier attempt has.
            return What::Taken { name };
        }
        if loose.is_none() && rules.has(Rule::TakeLoose) {
            return What::NotTaken { name };
        }
        let mut events: Vec<Event> = at.map(|_| Event::ReturnDeleted { process, name }).into_iter().collect();
        if let Some(loose) = loose {
            record.first_returns_first &= at == Some(0) || !rules.has(Rule::ReleaseByKey);
            record.loose -= 1;
            record.untold += 1;
            events.push(Event::Deleted { process: loose.process, name: loose.name });
        }
        self.write(record, events);
        What::Taken { name }
    }

    fn configure(&mut self, record: &mut Record, rules: Rules, act: u8, request: What) -> What {
        let What::Configure { since, limit } = request else { unreachable!("{request:?} is no request of the admin") };
        let done = self.limit_since == since || !rules.has(Rule::ResizeOnce);
        if done {
            record.configured_once &= record.configured & 1 << act == 0;
            record.configured |= 1 << act;
            record.stays_closed &= limit.closed || !self.limit.closed;
            self.write(record, vec![Event::Limit(limit)]);
            self.limit_since = self.revision;
        }
        What::Configured { done }
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
        let Limit { max, closed } = self.limit;
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
