//! Creating a semaphore, changing how many permits it has, and closing it: steps of its configuration, each
//! of which finds what the one before it has written.
//!
//! After a step that makes it smaller, or closes it, the places alone do not show which of them were granted
//! before. The step itself says how many permits there were, and a second one up to which place: see
//! [`view`](crate::engine::view).

use crate::engine::keys::Config;
use crate::engine::ops;
use crate::engine::room::Room;
use crate::engine::rpc::{Failure, Until};
use crate::engine::stubs::{KeyValue, RangeRequest, TxnRequest};
use crate::engine::view::View;
use crate::error::{self, Error, Operation};
use crate::sizes::MAX_PERMITS;
use permits::MaxPermitsError;
use std::rc::Rc;

/// What to do with the number of permits.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    Set(u32),
    Grow(u32),
    Shrink(u32),
    Close,
}

impl Change {
    fn of(self, config: &Config) -> Result<Config, Error> {
        let wanted = match self {
            Change::Set(max) => i64::from(max),
            Change::Grow(more) => i64::from(config.max) + i64::from(more),
            Change::Shrink(fewer) => i64::from(config.max) - i64::from(fewer),
            Change::Close => i64::from(config.max),
        };
        let max = checked(wanted)?;
        let closed = config.closed || matches!(self, Change::Close);
        // How many were granted at most, if nobody has said yet up to which place.
        let ends_grants = max < config.max || closed && !config.closed;
        let was = if ends_grants { Some(config.max.max(config.was.unwrap_or(0))) } else { config.was };
        Ok(Config { max, closed, was, ..config.clone() })
    }

    fn operation(self) -> Operation {
        if matches!(self, Change::Close) { Operation::Close } else { Operation::Resize }
    }
}

/// A number of permits that a semaphore can have (C2).
pub(crate) fn checked(max: i64) -> Result<u32, Error> {
    match u32::try_from(max) {
        Ok(max) if (1..=MAX_PERMITS).contains(&max) => Ok(max),
        _ => Err(MaxPermitsError::new(max, MAX_PERMITS).into()),
    }
}

/// How a semaphore is opened.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Opening {
    /// It is there.
    Existing,
    /// It is created if it is not there, and must have that many permits if it is.
    With(u32),
    /// It is created, or gets that many permits.
    Resized(u32),
}

/// Opens a semaphore, and says how many permits it has.
pub(crate) async fn open(room: &Rc<Room>, opening: Opening) -> Result<(), Error> {
    let until = room.patience();
    room.base.rpc.sign_in(until).await.map_err(|failure| room.failed(failure))?;
    let max = match opening {
        Opening::Existing => {
            return match room.ask_config(until).await? {
                Some(_) => Ok(()),
                None => Err(error::not_found(&room.name)),
            };
        }
        Opening::With(max) | Opening::Resized(max) => max,
    };
    let key = room.space.config();
    let request = TxnRequest {
        compare: vec![ops::created_at(key.clone(), 0)],
        success: vec![ops::put(key.clone(), Config::new(max).written(), 0), ops::get(key.clone())],
        failure: vec![ops::get(key.clone()), ops::get(key)],
    };
    let answer = room.base.rpc.write(request, until).await.map_err(|failure| room.failed(failure))?.value;
    room.heard(ops::found(&answer.responses, 1))?;
    let Some((config, _)) = room.config() else { return Err(error::gone(&room.name)) };
    match opening {
        Opening::Resized(max) if config.max != max => change(room, Change::Set(max)).await,
        Opening::With(max) if config.max != max => Err(error::max_differs(&room.name, max, config.max)),
        _ => Ok(()),
    }
}

/// Takes a step.
pub(crate) async fn change(room: &Rc<Room>, change: Change) -> Result<(), Error> {
    let until = room.patience();
    stepped(room, change, until).await.map_err(|why| why.with_semaphore(&room.name).with_operation(change.operation()))
}

async fn stepped(room: &Rc<Room>, change: Change, until: Until<'_>) -> Result<(), Error> {
    let mut known = room.ask_config(until).await?;
    let mut is_settled = false;
    loop {
        let Some((config, written)) = known else { return Err(error::gone(&room.name)) };
        if config.was.is_some() && !is_settled {
            // The second step of another is missing, which may be under way.
            is_settled = true;
            settle_late(room, (config, written), until).await;
            known = room.config();
            continue;
        }
        let mut next = change.of(&config)?;
        if next == config {
            return Ok(());
        }
        next.by = room.base.mark();
        let key = room.space.config();
        let request = TxnRequest {
            compare: vec![ops::written_at(key.clone(), written)],
            success: vec![ops::put(key.clone(), next.written(), 0), ops::list(&room.space.queue())],
            failure: vec![ops::get(key)],
        };
        let answer = room.base.rpc.write(request, until).await.map_err(|failure| room.failed(failure))?;
        let responses = &answer.value.responses;
        if answer.value.succeeded {
            let revision = answer.value.header.as_ref().map_or(0, |header| header.revision);
            room.knows((next.clone(), revision));
            if next.was.is_some() && next.was != config.was {
                let places = ops::answer(responses, 1).map_or(&[][..], |list| &list.kvs);
                // If it fails, or somebody takes another step first, the readings presume a little longer.
                _ = settle(room, &config, written, (next, revision), places, until).await;
            }
            return Ok(());
        }
        room.heard(ops::found(responses, 0))?;
        known = room.config();
        if let Some((config, written)) = known.clone().filter(|(config, _)| answer.in_doubt && config.by == next.by) {
            // A try that was not answered has done it.
            if config.was.is_some() {
                settle_late(room, (config, written), until).await;
            }
            return Ok(());
        }
        if answer.in_doubt && matches!(change, Change::Grow(_) | Change::Shrink(_)) {
            // It may have been done before the step of another.
            return Err(error::in_doubt(&room.name, "the number of permits"));
        }
    }
}

/// The second step for a first one that was taken before, at `written`. If it fails, the readings presume a
/// little longer.
async fn settle_late(room: &Rc<Room>, (after, written): (Config, i64), until: Until<'_>) {
    let before = RangeRequest { key: room.space.config(), revision: written - 1, ..RangeRequest::default() };
    let places = RangeRequest { revision: written, ..ops::all(&room.space.queue()) };
    // Both are gone after a compaction.
    let Ok(before) = room.base.rpc.read(before, until).await else { return };
    let Ok(places) = room.base.rpc.read(places, until).await else { return };
    if let Some(key) = before.kvs.first()
        && let Ok(before) = Config::parse(&key.value, &room.name)
    {
        _ = settle(room, &before, key.mod_revision, (after, written), &places.kvs, until).await;
    }
}

/// The second step: up to which place permits were granted when there were more of them.
async fn settle(
    room: &Rc<Room>,
    before: &Config,
    written: i64,
    (after, revision): (Config, i64),
    places: &[KeyValue],
    until: Until<'_>,
) -> Result<(), Failure> {
    let mut view = View::new(room.space.clone(), &room.name);
    let config =
        KeyValue { key: room.space.config(), value: before.written(), mod_revision: written, ..KeyValue::default() };
    let mut keys = vec![config];
    keys.extend_from_slice(places);
    if view.replace(revision, &keys).is_err() {
        return Ok(());
    }
    let last = view.frontier().map(|(create, name)| (create, name.lease, name.number));
    let next = Config { was: None, upto: last.max(after.upto), ..after };
    let key = room.space.config();
    let request = TxnRequest {
        compare: vec![ops::written_at(key.clone(), revision)],
        success: vec![ops::put(key, next.written(), 0)],
        failure: Vec::new(),
    };
    let answer = room.base.rpc.write(request, until).await?.value;
    if answer.succeeded {
        room.knows((next, answer.header.as_ref().map_or(0, |header| header.revision)));
    }
    Ok(())
}
