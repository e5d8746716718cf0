//! What holds in every state.
//!
//! *Told* is what a client believes and says; the log is what etcd has committed. A grant counts from the
//! revision at which it fitted, see [`Engine::grant`](crate::engine), not from the moment at which the client
//! learns of it: by then the limit may be another one.

use crate::state::{Key, Names, Process, Slot, Stage, State, View};
use stateright::{Model, Property};

pub(crate) const BOUND: &str = "bound";
pub(crate) const GRANTED: &str = "granted";
pub(crate) const KEPT: &str = "kept";
pub(crate) const ORDER: &str = "order";
pub(crate) const TOKENS: &str = "tokens";
pub(crate) const GHOSTS: &str = "no ghosts";
pub(crate) const SERVED: &str = "served";
pub(crate) const LOOSE: &str = "loose";
pub(crate) const RETURNS: &str = "returns in order";
pub(crate) const ONCE: &str = "one release, one permit";
pub(crate) const CONFIGURED: &str = "resized once";
pub(crate) const CLOSED: &str = "closed for good";
pub(crate) const REMOVED: &str = "removed idle";
pub(crate) const EPOCH: &str = "epoch known";
pub(crate) const NAMES: &str = "names are free";

/// What each of them says.
pub(crate) const ALL: &[(&str, &str)] = &[
    (BOUND, "no more is held or loose than the limit at the revision at which the last of it fitted (C1, C13)"),
    (GRANTED, "a client that is told of a grant has it by the log (C3, C12, C13)"),
    (KEPT, "a holder that was not told of a loss has its key (C20)"),
    (ORDER, "nothing before a holder's key waits (C8, C9)"),
    (TOKENS, "tokens grow from grant to grant, and with one permit from holder to holder (C19)"),
    (GHOSTS, "no key is there that nothing uses and nothing will remove (C10)"),
    (SERVED, "when all is quiet, nothing waits that fits, or never will, or is closed or gone (C7, C8, C12)"),
    (LOOSE, "as many permits are loose as were made so and not returned (C4, C6)"),
    (RETURNS, "blocked releases are let through in their order (C8)"),
    (
        ONCE,
        "a release returns one permit if it is told to be done, none if it is told not to be, one at most if it is not told (C4)",
    ),
    (
        CONFIGURED,
        "a change of the limit, or a removal, takes effect once, and not after it was told that it has not (C13)",
    ),
    (CLOSED, "what is closed stays closed (C12)"),
    (REMOVED, "what is removed has nothing out and no waiters"),
    (NAMES, "a new key finds none of its name (C3)"),
    (EPOCH, "a process knows its epoch, unless it is changing it"),
];

pub(crate) fn all<M: Model<State = State>>() -> Vec<Property<M>> {
    vec![
        Property::always(BOUND, |_, state| bound(state)),
        Property::always(GRANTED, |_, state| granted(state)),
        Property::always(KEPT, |_, state| kept(state)),
        Property::always(ORDER, |_, state| order(state)),
        Property::always(TOKENS, |_, state: &State| state.record.tokens_grow),
        Property::always(GHOSTS, |_, state| no_ghosts(state)),
        Property::always(SERVED, |_, state| served(state)),
        Property::always(LOOSE, |_, state| loose(state)),
        Property::always(RETURNS, |_, state: &State| state.record.first_returns_first),
        Property::always(ONCE, |_, state: &State| state.record.one_for_each_release),
        Property::always(CONFIGURED, |_, state: &State| state.record.configured_once),
        Property::always(CLOSED, |_, state: &State| state.record.stays_closed),
        Property::always(REMOVED, |_, state: &State| state.record.removed_idle),
        Property::always(NAMES, |_, state: &State| state.record.names_are_free),
        Property::always(EPOCH, |_, state| epoch_known(state)),
    ]
}

type Situation = fn(&State) -> bool;

/// Situations that a configuration in which they are out of reach says less than it seems to.
pub(crate) const REACHED: &[(&str, Situation)] = &[
    ("one waits for another", |state| {
        let is = |what: fn(Stage) -> bool| slots(state).any(|(_, slot)| what(slot.stage));
        is(Stage::waits)
            && (is(|stage| held(stage).is_some())
                || is(|stage| matches!(stage, Stage::Loosen { .. } | Stage::Take { .. })))
    }),
    ("all is done", |state| {
        state.messages.is_empty() && slots(state).all(|(_, slot)| slot.stage == Stage::Idle && slot.job > 0)
    }),
];

/// Slots, each with the number of its process.
fn slots(state: &State) -> impl Iterator<Item = (u8, Slot)> {
    let processes = state.processes.iter().enumerate();
    processes.flat_map(|(at, process)| process.slots.iter().map(move |slot| (at as u8, *slot)))
}

/// A permit that a client was told of and still has: its token, and the limit when it fitted.
fn held(stage: Stage) -> Option<(u8, u8)> {
    match stage {
        Stage::Held { create, fitted, .. } | Stage::Fencing { create, fitted, .. } => Some((create, fitted)),
        _ => None,
    }
}

fn key(state: &State, process: u8, token: u8) -> Option<Key> {
    state.engine.keys.iter().find(|key| key.process == process && key.create == token).copied()
}

fn bound(state: &State) -> bool {
    let (mut out, mut limit) = (0, 0);
    for (process, slot) in slots(state) {
        let (token, fitted) = match (held(slot.stage), slot.stage) {
            (Some(held), _) => held,
            // Neither held nor loose, while the request is under way.
            (_, Stage::Loosen { create, fitted, .. }) if key(state, process, create).is_some_and(|key| !key.loose) => {
                (create, fitted)
            }
            _ => continue,
        };
        // A group counts with all that it was told.
        out += slot.units;
        limit = limit.max(key(state, process, token).map_or(fitted, |key| key.fitted));
    }
    for loose in state.engine.keys.iter().filter(|key| key.loose) {
        out += loose.units;
        limit = limit.max(loose.fitted);
    }
    out <= limit
}

fn granted(state: &State) -> bool {
    slots(state).filter_map(|(process, slot)| key(state, process, held(slot.stage)?.0)).all(|key| key.fitted > 0)
}

fn kept(state: &State) -> bool {
    slots(state).all(|(process, slot)| held(slot.stage).is_none_or(|(token, _)| key(state, process, token).is_some()))
}

fn order(state: &State) -> bool {
    let newest = slots(state).filter_map(|(_, slot)| Some(held(slot.stage)?.0)).max().unwrap_or(0);
    state.engine.keys.iter().filter(|key| key.create < newest).all(|key| key.fitted > 0)
}

fn no_ghosts(state: &State) -> bool {
    let accounts_for = |of: u8, name: u8| {
        let process = &state.processes[usize::from(of)];
        let names: Names = process.ghosts | process.fenced | process.swept;
        let is_in_use = process.uses(name);
        // A lease takes its keys with it when it ends.
        is_in_use || names & 1 << name != 0 || (process.lost && state.engine.epochs[usize::from(of)] != 0)
    };
    let keys = state.engine.keys.iter().filter(|key| !key.loose).map(|key| (key.process, key.name));
    let returns = state.engine.returns.iter().map(|key| (key.process, key.name));
    keys.chain(returns).all(|(process, name)| accounts_for(process, name))
}

/// Nothing is under way, and all who wait have seen all that they will see.
fn is_quiet(state: &State) -> bool {
    let has_seen = |view: &View| view.revision == state.engine.revision && !view.is_doubtful;
    let knows = |process: &Process| {
        let waits = process.slots.iter().any(|slot| slot.stage.waits());
        process.late.is_none() && (!waits || process.view.as_ref().is_some_and(has_seen))
    };
    let rests = |process: &Process| process.lost || (process.is_settled() && knows(process));
    state.messages.is_empty() && state.processes.iter().all(rests)
}

fn served(state: &State) -> bool {
    let limit = state.engine.limit;
    let is_stuck = |(process, slot): (u8, Slot)| match slot.stage {
        Stage::Wait { create, .. } => {
            let before: u8 = state.engine.keys.iter().filter(|key| key.create < create).map(|key| key.units).sum();
            let fits = key(state, process, create).is_some_and(|key| before + key.units <= limit.max);
            fits || slot.units > limit.max || limit.closed || create <= limit.upto
        }
        Stage::Blocked { create, .. } => {
            let loose = state.engine.keys.iter().filter(|key| key.loose).count();
            state.engine.returns.iter().take(loose).any(|own| own.create == create) || limit.closed || limit.max == 0
        }
        _ => false,
    };
    !is_quiet(state) || !slots(state).any(is_stuck)
}

fn loose(state: &State) -> bool {
    let there: u8 = state.engine.keys.iter().filter(|key| key.loose).map(|key| key.units).sum();
    there == state.record.loose
}

fn epoch_known(state: &State) -> bool {
    let mut processes = state.processes.iter().zip(&state.engine.epochs);
    processes.all(|(process, epoch)| process.lost || *epoch == 0 || !process.is_settled() || process.epoch == *epoch)
}
