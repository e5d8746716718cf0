//! One state for all that differ in nothing that matters, so that fewer have to be visited.
//!
//! - A revision is older or newer than another one, and nothing else: they are numbered anew, without gaps.
//! - A request that can do nothing any more, whatever happens, is no longer under way. That is one whose epoch
//!   is over, or that names a key by a create revision that it has no more.
//! - A name that nothing mentions any more is as good as a new one.
//! - The largest token so far matters while an older one may still be granted, or told.
//! - The log has what a watch may still deliver.
//! - Processes that do the same are alike: they are sorted.
//!
//! Where a rule is taken out, this may matter: the states of mutants stay as they are.

use crate::state::{Caller, Change, Event, Key, Limit, Message, Names, Return, Revision, Stage, State, What};

pub(crate) fn form(mut state: State) -> State {
    drop_spent(&mut state);
    end_sweeps(&mut state);
    forget_names(&mut state);
    forget_releases(&mut state);
    forget_tokens(&mut state);
    trim_log(&mut state);
    number_revisions(&mut state);
    sort_processes(&mut state);
    state
}

fn drop_spent(state: &mut State) {
    let State { engine, messages, processes, .. } = state;
    let can_act = |message: &Message| {
        if message.awaited || !message.what.is_request() {
            return true;
        }
        let Some(process) = message.caller.process() else {
            let What::Configure { limit, .. } = message.what else { return true };
            // What creates it may do so after the next removal.
            return limit.since == engine.limit.since || limit.since == 0;
        };
        let at = usize::from(process);
        match message.what {
            What::Acquire { epoch, limit, .. } => epoch == engine.epochs[at] && limit.since == engine.limit.since,
            What::Queue { epoch, .. } | What::Bump { epoch } => epoch == engine.epochs[at],
            // The name is burnt, so that a key that is not there now never will be; unless an acquire puts it
            // that is under way itself.
            What::Delete { name } | What::Unqueue { name } | What::Sweep { name } => {
                let returns = engine.returns.iter().any(|key| key.process == process && key.name == name);
                returns || engine.key(process, name).is_some() || is_acquired_late(messages, process)
            }
            What::MakeLoose { name, token, epoch } => {
                let is_there = engine.key(process, name).is_some_and(|key| key.create == token && !key.loose);
                is_there && epoch == engine.epochs[at]
            }
            What::Take { create, loose, epoch, .. } => {
                let is_there = create == 0 || engine.returns.iter().any(|key| key.create == create);
                is_there && epoch == engine.epochs[at] && engine.keys.iter().any(|key| key.create == loose && key.loose)
            }
            _ => true,
        }
    };
    let kept: Vec<Message> = messages.iter().filter(|message| can_act(message)).copied().collect();
    *messages = kept;
    for (at, process) in processes.iter_mut().enumerate() {
        // Epochs matter while something carries one.
        let is_carried = messages.iter().any(|message| is_of(message, at as u8));
        let is_asking = process.slots.iter().any(|slot| slot.stage.awaits_reply());
        if !process.lost && engine.epochs[at] == process.epoch && !is_carried && !is_asking && process.is_settled() {
            (process.epoch, engine.epochs[at]) = (1, 1);
        }
    }
}

fn is_of(message: &Message, of: u8) -> bool {
    message.caller.process() == Some(of)
}

fn is_acquired_late(messages: &[Message], process: u8) -> bool {
    let acquires = |what: What| matches!(what, What::Acquire { .. } | What::Queue { .. });
    messages.iter().any(|message| is_of(message, process) && acquires(message.what))
}

/// A sweep that finds nothing, and the reply to one, change nothing. What is swept later is there if its own
/// delete is not sent yet.
fn end_sweeps(state: &mut State) {
    let State { engine, messages, processes, .. } = state;
    let mut ended = Vec::new();
    messages.retain(|message| {
        let Caller::Sweep { process, name } = message.caller else { return true };
        let returns = engine.returns.iter().any(|key| key.process == process && key.name == name);
        let is_of_use = message.what.is_request() && (returns || engine.key(process, name).is_some());
        if !is_of_use && message.awaited {
            ended.push((process, name));
        }
        is_of_use
    });
    for (process, name) in ended {
        processes[usize::from(process)].swept &= !(1 << name);
        messages.iter_mut().filter(|message| message.caller == Caller::Sweep { process, name }).for_each(|message| {
            message.awaited = false;
        });
    }
    messages.sort_unstable();
    for process in processes {
        let given = process.slots.iter().filter_map(|slot| match slot.stage {
            Stage::Release { name, .. } | Stage::Unqueue { name, .. } => Some(name),
            _ => None,
        });
        process.later &= given.fold(0, |names: Names, name| names | 1 << name);
    }
}

fn forget_names(state: &mut State) {
    for at in 0..state.processes.len() {
        let State { engine, messages, processes, .. } = &*state;
        if processes[at].burnt == 0 {
            continue;
        }
        let of = at as u8;
        let views = || processes.iter().flat_map(|process| [&process.view, &process.late]).flatten();
        let own = processes[at].ghosts | processes[at].fenced | processes[at].later | processes[at].swept;
        let keys = engine.keys.iter().chain(views().flat_map(|view| &view.keys));
        let keys = keys.filter(|key| key.process == of).map(|key| key.name);
        let returns = engine.returns.iter().chain(views().flat_map(|view| &view.returns));
        let returns = returns.filter(|key| key.process == of).map(|key| key.name);
        let sent = messages.iter().filter(|message| is_of(message, of)).filter_map(|message| message.what.name());
        let events = engine.log.iter().flat_map(|change| &change.events).filter_map(|event| match *event {
            Event::Put(Key { process, name, .. }) | Event::ReturnPut(Return { process, name, .. }) => {
                (process == of).then_some(name)
            }
            Event::Deleted { process, name } | Event::ReturnDeleted { process, name } => {
                (process == of).then_some(name)
            }
            Event::Limit(_) => None,
        });
        let named: Names = keys.chain(returns).chain(sent).chain(events).fold(own, |names, name| names | 1 << name);
        state.processes[at].burnt &= named;
    }
}

/// What a release took matters while it may take something; a receipt, while one is waited for.
fn forget_releases(state: &mut State) {
    let State { engine, messages, processes, .. } = state;
    for (at, process) in processes.iter_mut().enumerate() {
        if !process.slots.iter().any(|slot| slot.stage.takes()) {
            engine.receipts[at] = 0;
        }
        for (number, slot) in process.slots.iter_mut().enumerate() {
            let own = Caller::Slot { process: at as u8, slot: number as u8 };
            let sent = messages.iter().filter(|message| message.caller == own);
            let sent = sent.fold(1 << slot.job, |jobs: u8, message| match message.what {
                What::Take { job, .. } => jobs | 1 << job,
                _ => jobs,
            });
            slot.took &= sent;
            slot.took_none &= sent;
        }
    }
}

fn forget_tokens(state: &mut State) {
    let State { engine, messages, processes, record, .. } = state;
    if engine.keys.iter().all(|key| key.fitted > 0 || key.create > record.newest_fitted) {
        record.newest_fitted = 0;
    }
    let keys = engine.keys.iter().map(|key| key.create);
    let waiting = processes.iter().flat_map(|process| &process.slots).filter_map(|slot| match slot.stage {
        Stage::Wait { create, .. } => Some(create),
        _ => None,
    });
    let replies = messages.iter().filter_map(|message| match message.what {
        What::Acquired { create, .. } | What::NotAcquired { found: create, .. } if create != 0 => Some(create),
        _ => None,
    });
    if keys.chain(waiting).chain(replies).all(|create| create >= record.newest_told) {
        record.newest_told = 0;
    }
}

fn trim_log(state: &mut State) {
    // A range that is answered late is where a watch may begin.
    let views = state.processes.iter().flat_map(|process| [&process.view, &process.late]).flatten();
    let needed = views.map(|view| view.revision).min().unwrap_or(Revision::MAX);
    state.engine.log.retain(|change| change.revision > needed);
}

// ---- revisions

fn number_revisions(state: &mut State) {
    let mut used = 0_u64;
    each_revision(state, &mut |revision| used |= 1 << *revision);
    each_revision(state, &mut |revision| {
        let below = (1_u64 << *revision) - 1;
        // 0 stays 0, which is no revision.
        *revision = (used & below & !1).count_ones() as Revision + Revision::from(*revision != 0);
    });
}

fn each_revision(state: &mut State, act: &mut impl FnMut(&mut Revision)) {
    let State { engine, messages, processes, admin, record, .. } = state;
    act(&mut engine.revision);
    each_of_limit(&mut engine.limit, act);
    engine.keys.iter_mut().for_each(|key| act(&mut key.create));
    engine.returns.iter_mut().for_each(|key| act(&mut key.create));
    for Change { revision, events } in &mut engine.log {
        act(revision);
        for event in events {
            match event {
                Event::Put(key) => act(&mut key.create),
                Event::ReturnPut(key) => act(&mut key.create),
                Event::Limit(limit) => each_of_limit(limit, act),
                Event::Deleted { .. } | Event::ReturnDeleted { .. } => {}
            }
        }
    }
    for message in messages.iter_mut() {
        match &mut message.what {
            What::MakeLoose { token: create, .. }
            | What::Queued { create, .. }
            | What::NotQueued { found: create, .. } => act(create),
            What::Acquired { create, limit, .. } | What::NotAcquired { found: create, limit, .. } => {
                act(create);
                each_of_limit(limit, act);
            }
            What::Acquire { limit, .. } | What::Configure { limit, .. } | What::Configured { limit, .. } => {
                each_of_limit(limit, act);
            }
            What::Take { create, loose, .. } => {
                act(create);
                act(loose);
            }
            _ => {}
        }
    }
    for process in processes {
        each_of_limit(&mut process.limit, act);
        for slot in &mut process.slots {
            match &mut slot.stage {
                Stage::Acquire { limit, .. } => each_of_limit(limit, act),
                Stage::Wait { create, .. }
                | Stage::Held { create, .. }
                | Stage::Fencing { create, .. }
                | Stage::Loosen { create, .. }
                | Stage::Settling { create, .. }
                | Stage::Blocked { create, .. } => act(create),
                Stage::Take { create, loose, .. } => {
                    act(create);
                    act(loose);
                }
                _ => {}
            }
        }
        for view in [&mut process.view, &mut process.late].into_iter().flatten() {
            act(&mut view.revision);
            each_of_limit(&mut view.limit, act);
            view.keys.iter_mut().for_each(|key| act(&mut key.create));
            view.returns.iter_mut().for_each(|key| act(&mut key.create));
        }
    }
    if let Some(asked) = &mut admin.asked {
        each_of_limit(&mut asked.limit, act);
    }
    act(&mut record.newest_fitted);
    act(&mut record.newest_told);
}

fn each_of_limit(limit: &mut Limit, act: &mut impl FnMut(&mut Revision)) {
    act(&mut limit.since);
    act(&mut limit.upto);
}

// ---- processes

fn sort_processes(state: &mut State) {
    let mut order: Vec<u8> = (0..state.processes.len() as u8).collect();
    order.sort_by(|a, b| {
        let (a, b) = (usize::from(*a), usize::from(*b));
        let key = |at: usize| (&state.processes[at], state.engine.epochs[at], state.engine.receipts[at]);
        key(a).cmp(&key(b))
    });
    if order.is_sorted() {
        return;
    }
    let mut new = vec![0; order.len()];
    for (place, old) in order.iter().enumerate() {
        new[usize::from(*old)] = place as u8;
    }
    let State { engine, messages, processes, .. } = state;
    *processes = order.iter().map(|old| processes[usize::from(*old)].clone()).collect();
    engine.epochs = order.iter().map(|old| engine.epochs[usize::from(*old)]).collect();
    engine.receipts = order.iter().map(|old| engine.receipts[usize::from(*old)]).collect();
    let rename = |process: &mut u8| *process = new[usize::from(*process)];
    engine.keys.iter_mut().for_each(|key| rename(&mut key.process));
    engine.returns.iter_mut().for_each(|key| rename(&mut key.process));
    for event in engine.log.iter_mut().flat_map(|change| &mut change.events) {
        match event {
            Event::Put(key) => rename(&mut key.process),
            Event::ReturnPut(key) => rename(&mut key.process),
            Event::Deleted { process, .. } | Event::ReturnDeleted { process, .. } => rename(process),
            Event::Limit(_) => {}
        }
    }
    for message in messages.iter_mut() {
        match &mut message.caller {
            Caller::Slot { process, .. } | Caller::Session { process } | Caller::Sweep { process, .. } => {
                rename(process)
            }
            Caller::Admin { .. } => {}
        }
    }
    messages.sort_unstable();
    for view in processes.iter_mut().flat_map(|process| [&mut process.view, &mut process.late]).flatten() {
        view.keys.iter_mut().for_each(|key| rename(&mut key.process));
        view.returns.iter_mut().for_each(|key| rename(&mut key.process));
    }
}
