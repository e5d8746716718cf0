//! A path through the model, as steps that can be read.
//!
//! Processes are A, B, C; slots of one process are A1, A2. `q/A.0` is the key of A's name 0. A state follows
//! each step where it has changed.

use crate::client::At;
use crate::model::Action;
use crate::state::{Caller, Engine, Message, Name, Process, Slot, Stage, State, View, What};

/// A line for each step, and one for the state after it.
pub(crate) fn lines(path: Vec<(State, Option<Action>)>) -> Vec<String> {
    let mut lines = Vec::new();
    let mut number = 0;
    let mut states = path.into_iter().peekable();
    while let Some((state, action)) = states.next() {
        let (Some(action), Some((next, _))) = (action, states.peek()) else { break };
        number += 1;
        lines.push(format!("{number:3}. {}", step(&state, action)));
        if engine(&state.engine) != engine(&next.engine) {
            lines.push(format!("       etcd: {}", engine(&next.engine)));
        }
        for (at, (old, new)) in state.processes.iter().zip(&next.processes).enumerate() {
            if process(at as u8, old) != process(at as u8, new) {
                lines.push(format!("       {}", process(at as u8, new)));
            }
        }
    }
    lines
}

// ---- steps

fn step(state: &State, action: Action) -> String {
    match action {
        Action::Start(at) => format!("{} starts its next job", slot(state, at)),
        Action::Release(at) => format!("{} has done with its permit", slot(state, at)),
        Action::Cancel(at) => format!("{} gives up its place", slot(state, at)),
        Action::Abandon(at) => format!("{} gives up before there is a reply", slot(state, at)),
        Action::TimeOut(at) => format!("{} has no reply in time, and sends its request again", slot(state, at)),
        Action::TimeOutSession(of) => format!("{} has no reply about its epoch in time, and sends again", letter(of)),
        Action::TimeOutSweep(of, name) => {
            format!("{} has no reply about q/{0}.{name} in time, and sends again", letter(of))
        }
        Action::Deliver(message) => deliver(state, message),
        Action::DeliverTwice(message) => format!("{}, and will arrive once more", deliver(state, message)),
        Action::List(of) => format!("{} reads all keys", letter(of)),
        Action::ListLate(of) => format!("{} reads all keys, and the reply takes long", letter(of)),
        Action::LateArrives(of) => format!("the late reply reaches {}", letter(of)),
        Action::Watch(of) => format!("the watch of {} delivers the next revision", letter(of)),
        Action::WatchOld(of, revision) => format!("the watch of {} delivers revision {revision} again", letter(of)),
        Action::WatchNothing(of) => format!("the watch of {} loses the next revision", letter(of)),
        Action::Lose(of) => format!("the deadline of {} passes: its permits are lost", letter(of)),
        Action::Expire(of) => format!("the lease of {} ends at etcd", letter(of)),
        Action::Notice(of) => format!("{} hears that its lease has ended", letter(of)),
        Action::Renew(of) => format!("{} goes on under a new lease", letter(of)),
        Action::Configure => "the admin reads `cfg`, and sends its next change".into(),
        Action::Revoke => "the admin deletes the oldest loose permit".into(),
        Action::TimeOutAdmin => "the admin has no reply in time, and sends its change again".into(),
    }
}

fn deliver(state: &State, message: Message) -> String {
    let (who, of) = match message.caller {
        Caller::Slot { process, slot: of } => (slot(state, (process, of)), process),
        Caller::Session { process } | Caller::Sweep { process, .. } => (letter(process), process),
        Caller::Admin { .. } => ("the admin".into(), 0),
    };
    let late = if message.awaited { "" } else { ", late" };
    if message.what.is_request() {
        format!("{who}'s request arrives{late}: {}", what(of, message.what))
    } else {
        format!("the reply reaches {who}: {}", what(of, message.what))
    }
}

fn what(of: u8, what: What) -> String {
    let q = |name: Name| format!("q/{}.{name}", letter(of));
    let r = |name: Name| format!("r/{}.{name}", letter(of));
    match what {
        What::Acquire { name, units, epoch, limit } => {
            format!("put {}{}, in epoch {epoch}, if `cfg` is #{}", q(name), times(units), limit.since)
        }
        What::Delete { name } => format!("delete {}", q(name)),
        What::MakeLoose { name, token, epoch } => {
            format!("put {} without a lease, in epoch {epoch}, if it is still #{token}", q(name))
        }
        What::Queue { name, epoch } => format!("put {}, in epoch {epoch}", r(name)),
        What::Take { create: 0, loose, epoch, act, .. } => {
            format!("delete the loose #{loose}, in epoch {epoch}, with receipt {act}, if no release waits")
        }
        What::Take { name, create, loose, epoch, act, .. } => {
            format!("delete the loose #{loose} and {} #{create}, in epoch {epoch}, with receipt {act}", r(name))
        }
        What::Unqueue { name } => format!("delete {}", r(name)),
        What::Bump { epoch } => format!("end epoch {epoch}"),
        What::Sweep { name } => format!("delete {} and {}", q(name), r(name)),
        What::Configure { limit, settles } => {
            if limit.max == 0 {
                return format!("delete `cfg`, if nothing is out and nothing waits, and it is still #{}", limit.since);
            }
            let closed = if limit.closed { ", closed" } else { "" };
            let upto = if settles { format!(", granted up to #{}", limit.upto) } else { String::new() };
            format!("put N = {}{closed}{upto}, if `cfg` is still #{}", limit.max, limit.since)
        }
        What::Acquired { create, before, .. } => format!("#{create}, with {before} before it"),
        What::NotAcquired { found: 0, epoch, limit, .. } => {
            format!("refused: epoch {epoch}, `cfg` #{}", limit.since)
        }
        What::NotAcquired { found, .. } | What::NotQueued { found, .. } if found != 0 => {
            format!("#{found} is there already")
        }
        What::NotAcquired { epoch, .. } | What::NotQueued { epoch, .. } => format!("refused: epoch {epoch}"),
        What::Deleted { some: true, .. } => "deleted".into(),
        What::Deleted { some: false, .. } => "nothing to delete".into(),
        What::MadeLoose { .. } => "done".into(),
        What::NotMadeLoose { held: true, epoch, .. } => format!("refused: epoch {epoch}"),
        What::NotMadeLoose { held: false, .. } => "it is not that one any more".into(),
        What::Queued { create, .. } => format!("#{create}"),
        What::Taken { .. } => "returned".into(),
        What::NotTaken { receipt, epoch, .. } => format!("refused: epoch {epoch}, receipt {receipt}"),
        What::Epoch { epoch } => format!("epoch {epoch}"),
        What::Swept { .. } => "swept".into(),
        What::Configured { done: true, .. } => "done".into(),
        What::Configured { done: false, .. } => "refused: `cfg` has changed, or is in use".into(),
    }
}

// ---- states

fn engine(engine: &Engine) -> String {
    let mut words = vec![format!("N = {}", engine.limit.max)];
    if engine.limit.closed {
        words.push("closed".into());
    }
    for key in &engine.keys {
        let kind = match (key.loose, key.fitted) {
            (true, _) => "loose",
            (false, 0) => "waits",
            (false, _) => "granted",
        };
        words.push(format!("q/{}.{}{} #{} {kind}", letter(key.process), key.name, times(key.units), key.create));
    }
    for key in &engine.returns {
        words.push(format!("r/{}.{} #{}", letter(key.process), key.name, key.create));
    }
    for (at, epoch) in engine.epochs.iter().enumerate() {
        match epoch {
            0 => words.push(format!("the lease of {} has ended", letter(at as u8))),
            1 => {}
            epoch => words.push(format!("epoch {epoch} of {}", letter(at as u8))),
        }
    }
    words.join(", ")
}

fn process(at: u8, process: &Process) -> String {
    let many = process.slots.len() > 1;
    let name = |slot: usize| if many { format!("{}{}", letter(at), slot + 1) } else { letter(at) };
    let slots = process.slots.iter().enumerate().map(|(slot, now)| format!("{} {}", name(slot), stage(now)));
    let mut words: Vec<String> = slots.collect();
    if let Some(view) = &process.view {
        words.push(seen(view));
    }
    words.join("; ")
}

fn stage(slot: &Slot) -> String {
    match slot.stage {
        Stage::Idle => "has nothing".into(),
        Stage::Acquire { .. } => "acquires".into(),
        Stage::Wait { create, .. } => format!("waits with #{create}"),
        Stage::Held { create, .. } => format!("HOLDS #{create}{}", times(slot.units)),
        Stage::Release { .. } => "deletes its key".into(),
        Stage::Fencing { create, .. } => format!("HOLDS #{create}, and wants a new epoch first"),
        Stage::Loosen { create, .. } => format!("makes #{create} loose"),
        Stage::Queue { .. } => "releases".into(),
        Stage::Blocked { create, .. } => format!("waits to return, with #{create}"),
        Stage::Take { loose, .. } => format!("returns the loose #{loose}"),
        Stage::Settling { .. } => "waits for a new epoch, to look at its receipt".into(),
        Stage::Unqueue { .. } => "leaves the queue of returns".into(),
        Stage::Lost => "knows that it is lost".into(),
    }
}

fn seen(view: &View) -> String {
    let keys = view.keys.iter().map(|key| format!("#{}{}", key.create, if key.loose { " loose" } else { "" }));
    let keys: Vec<String> = keys.collect();
    format!("has seen revision {}: N = {}, {}", view.revision, view.limit.max, keys.join(" "))
}

fn slot(state: &State, (process, slot): At) -> String {
    let many = state.processes[usize::from(process)].slots.len() > 1;
    if many { format!("{}{}", letter(process), slot + 1) } else { letter(process) }
}

fn letter(process: u8) -> String {
    char::from(b'A' + process).into()
}

fn times(units: u8) -> String {
    if units == 1 { String::new() } else { format!(" x{units}") }
}
