//! Loose permits: leaving what is held without an owner, and returning what has none.
//!
//! A release takes the oldest keys without a lease, all in one transaction which finds them as they were.
//! Those that must wait have a key in `r/`, and each of the first of them for which there are enough has its
//! own part. So a release that waits has not happened before its user comes for it, and ends with the lease
//! of its client (C10).

use crate::engine::caller::Caller;
use crate::engine::give;
use crate::engine::keys::{Asked, Name};
use crate::engine::ops;
use crate::engine::room::{Held, Room};
use crate::engine::rpc::{Failure, Until};
use crate::engine::seat::{Ghost, Seat};
use crate::engine::stubs::{KeyValue, RangeRequest, TxnRequest};
use crate::engine::view::{Rank, View};
use crate::engine::waiter::Waiter;
use crate::engine::{fence, watch};
use crate::error::{self, Error};
use crate::sizes::MAX_AT_ONCE;
use std::rc::Rc;
use tokio::time::timeout;

/// Leaves places as loose permits: they keep their order and lose their lease.
pub(crate) async fn forget(room: &Rc<Room>, names: &[Name]) -> Result<(), Error> {
    let taken: Vec<(Name, Held)> = {
        let mut held = room.held.borrow_mut();
        names.iter().filter_map(|name| Some((*name, held.remove(name)?))).collect()
    };
    let lost = || error::lost(&room.name, "the lease has ended, or another client has deleted its key");
    let Some(seat) = taken.first().map(|(_, held)| Rc::clone(&held.seat)) else { return Err(lost()) };
    if taken.len() < names.len() || taken.iter().any(|(_, held)| held.gone.is_lost()) {
        give::back(room, &seat, names.to_vec());
        return Err(lost());
    }
    // N4.
    seat.has_moved_on().await;
    loop {
        let member = room.space.member(seat.session.id);
        let mut compare = vec![ops::version_is(member.clone(), seat.epoch.get())];
        let mut success = Vec::new();
        let mut failure = vec![ops::get(member)];
        for (name, held) in &taken {
            let key = room.space.place(*name);
            compare.push(ops::created_at(key.clone(), held.create));
            success.push(ops::put(key.clone(), loose(taken.len(), taken[0].0), 0));
            failure.push(ops::get(key));
        }
        let request = TxnRequest { compare, success, failure };
        let answer = match room.base.rpc.write(request, Until::Lost(&seat.session.lease)).await {
            Ok(answer) => answer,
            Err(failure) => {
                seat.burn(names);
                return Err(match failure {
                    _ if failure.in_doubt() => error::in_doubt(&room.name, "the number of loose permits"),
                    Failure::Refused { .. } if !failure.is_of_a_lost_lease() => room.failed(failure),
                    _ => lost(),
                });
            }
        };
        // A late try finds another key at that name, or none. Nor are the names ours once they are loose: who
        // returns them deletes them.
        seat.burn(names);
        if answer.value.succeeded {
            seat.put_back(names);
            return Ok(());
        }
        let responses = &answer.value.responses;
        let still: Vec<_> = taken
            .iter()
            .enumerate()
            .filter_map(|(place, (name, held))| {
                let key = ops::found(responses, place + 1).filter(|key| key.create_revision == held.create)?;
                Some((*name, key.lease))
            })
            .collect();
        let is_loose = still.iter().any(|(_, lease)| *lease == 0);
        if answer.in_doubt && (is_loose || still.is_empty()) {
            // A try that was not answered has done it, and others have returned what is not there any more.
            seat.put_back(names);
            return Ok(());
        }
        let Some(member) = ops::found(responses, 0) else {
            seat.session.lease.revoke();
            return Err(lost());
        };
        if still.len() < taken.len() {
            give::back(room, &seat, still.into_iter().map(|(name, _)| name).collect());
            return Err(lost());
        }
        seat.epoch.set(seat.epoch.get().max(member.version));
    }
}

fn loose(count: usize, first: Name) -> Vec<u8> {
    Asked::now(u32::try_from(count).unwrap_or(u32::MAX), first).written()
}

/// Returns `n` loose permits, waiting until that many are out.
pub(crate) async fn release(room: Rc<Room>, n: u32, mut caller: Caller<()>) {
    let outcome = loop {
        if room.base.is_ending() {
            break Err(error::disconnected());
        }
        // Waits as long as no server answers.
        let patience = room.patience();
        let read = tokio::select! {
            read = room.read(patience) => read,
            () = caller.is_gone() => return,
        };
        let view = match read {
            Ok(view) => view,
            Err(why) if why.kind() == permits::ErrorKind::Unreachable => continue,
            Err(why) => break Err(why),
        };
        match at_once(&room, &view, n) {
            Some(Ok(chosen)) => {
                // Not before its user comes for it (C10).
                if !caller.comes().await {
                    return;
                }
                if let Some(outcome) = take(&room, &chosen, None, room.patience()).await.ended() {
                    break outcome;
                }
            }
            Some(Err(why)) => break Err(why),
            None => match queued(&room, n, &mut caller).await {
                Queued::Ended(outcome) => break outcome,
                Queued::LostPlace => {}
                Queued::Dropped => return,
            },
        }
    };
    caller.done(outcome);
}

/// Returns `n` loose permits if that many are out now, and no other release waits.
pub(crate) async fn try_release(room: Rc<Room>, n: u32, caller: Caller<()>) {
    let end = room.patience();
    let outcome = loop {
        let view = match room.read(end).await {
            Ok(view) => view,
            Err(why) => break Err(why),
        };
        match at_once(&room, &view, n) {
            Some(Ok(chosen)) => {
                if let Some(outcome) = take(&room, &chosen, None, end).await.ended() {
                    break outcome;
                }
            }
            Some(Err(why)) => break Err(why),
            None => break Err(error::not_loose(&room.name, n, view.state().loose)),
        }
    };
    caller.done(outcome);
}

/// The loose permits that a release takes now, or why it never will; `None` if it has to wait.
fn at_once(room: &Room, view: &View, n: u32) -> Option<Result<Vec<Rank>, Error>> {
    if n > MAX_AT_ONCE && n <= view.max() {
        return Some(Err(error::too_many_at_once(&room.name, n)));
    }
    if n == 0 || view.returns.is_empty() && view.loose().count() >= n as usize {
        return Some(Ok(view.loose().take(n as usize).collect()));
    }
    if n > view.max() {
        return Some(Err(error::too_many_to_release(&room.name, n, view.max())));
    }
    view.is_closed().then(|| Err(error::closed_to_releasers(&room.name)))
}

/// What became of a try to take loose permits.
enum Taken {
    Ended(Result<(), Error>),
    /// It has had no effect and will have none: its lease is lost.
    LostLease,
    /// The same: something has changed, and the next look says what.
    Changed,
    /// The same: the epoch has moved on, and nothing else may have changed.
    Epoch,
}

impl Taken {
    /// What it has come to; `None` for another try.
    fn ended(self) -> Option<Result<(), Error>> {
        match self {
            Taken::Ended(outcome) => Some(outcome),
            Taken::LostLease | Taken::Changed | Taken::Epoch => None,
        }
    }
}

/// Deletes them, if all are as they were. For a release that waits `own` is its key, which goes with them;
/// another requires that none waits.
async fn take(room: &Rc<Room>, chosen: &[Rank], own: Option<(&Rc<Seat>, Rank)>, until: Until<'_>) -> Taken {
    if chosen.is_empty() {
        return Taken::Ended(Ok(()));
    }
    let _one = room.returning.lock().await;
    let seat = match own {
        Some((seat, _)) => Rc::clone(seat),
        None => match room.seat(until).await {
            Ok(seat) => seat,
            Err(failure) if failure.is_of_a_lost_lease() => return Taken::LostLease,
            Err(failure) => return Taken::Ended(Err(room.failed(failure))),
        },
    };
    // A late try of an earlier act could write over this one's receipt, and then this one would be repeated.
    let limit = room.base.settings.answer;
    if timeout(limit, seat.has_moved_on()).await.is_err() {
        return Taken::Ended(Err(error::unreachable(limit, None).with_semaphore(&room.name)));
    }
    let (member, receipt) = (room.space.member(seat.session.id), room.space.receipt(seat.session.id));
    let act = room.base.number().to_string();
    let mut compare = vec![ops::version_is(member.clone(), seat.epoch.get())];
    let mut success = vec![ops::put(receipt.clone(), act.clone().into_bytes(), seat.session.id)];
    for (create, name) in chosen {
        compare.push(ops::created_at(room.space.place(*name), *create));
        success.push(ops::delete(room.space.place(*name)));
    }
    match own {
        Some((_, (create, name))) => {
            compare.push(ops::created_at(room.space.returning(name), create));
            success.push(ops::delete(room.space.returning(name)));
        }
        None => compare.push(ops::is_empty(&room.space.returns())),
    }
    let request = TxnRequest { compare, success, failure: vec![ops::get(member), ops::get(receipt.clone())] };
    let in_doubt = || error::in_doubt(&room.name, "the number of loose permits");
    let answer = match room.base.rpc.write(request, until).await {
        Ok(answer) => answer,
        Err(failure) => {
            if failure.in_doubt() {
                // A late try must not return what is loose then.
                fence::move_on(room, &seat);
            }
            if failure.is_of_a_lost_lease() {
                seat.session.lease.revoke();
            }
            return match failure {
                _ if seat.session.lease.is_lost() && !failure.in_doubt() => Taken::LostLease,
                _ if seat.session.lease.is_lost() => Taken::Ended(Err(in_doubt())),
                failure => Taken::Ended(Err(room.failed(failure))),
            };
        }
    };
    let is_receipt = |key: Option<&KeyValue>| key.is_some_and(|key| key.value == act.as_bytes());
    let responses = &answer.value.responses;
    if answer.value.succeeded || is_receipt(ops::found(responses, 1)) {
        return Taken::Ended(Ok(()));
    }
    let epoch = seat.epoch.get();
    match ops::found(responses, 0) {
        Some(member) => seat.epoch.set(epoch.max(member.version)),
        None => seat.session.lease.revoke(),
    }
    if answer.in_doubt {
        // The try that was not answered may take effect yet, unless the epoch has moved on; then the receipt
        // says whether it did.
        fence::move_on(room, &seat);
        let moved_on = timeout(room.base.settings.answer, seat.has_moved_on()).await;
        let request = RangeRequest { key: receipt, ..RangeRequest::default() };
        return match room.base.rpc.read(request, until).await {
            Ok(read) if is_receipt(read.kvs.first()) => Taken::Ended(Ok(())),
            Ok(_) if moved_on.is_ok() && !seat.session.lease.is_lost() => Taken::Epoch,
            _ => Taken::Ended(Err(in_doubt())),
        };
    }
    if seat.session.lease.is_lost() {
        Taken::LostLease
    } else if seat.epoch.get() > epoch {
        Taken::Epoch
    } else {
        Taken::Changed
    }
}

enum Queued {
    Ended(Result<(), Error>),
    LostPlace,
    Dropped,
}

/// Waits in the queue of releases.
async fn queued(room: &Rc<Room>, n: u32, caller: &mut Caller<()>) -> Queued {
    let patience = room.patience();
    let seat = match room.seat(patience).await {
        Ok(seat) => seat,
        Err(failure @ Failure::Refused { .. }) if !failure.is_of_a_lost_lease() => {
            return Queued::Ended(Err(room.failed(failure)));
        }
        Err(_) => return Queued::LostPlace,
    };
    let name = seat.take(1)[0];
    let (lease, key) = (&seat.session.lease, room.space.returning(name));
    let value = Asked::now(n, name).written();
    let member = room.space.member(seat.session.id);
    let request = TxnRequest {
        compare: vec![ops::version_is(member.clone(), seat.epoch.get()), ops::created_at(key.clone(), 0)],
        success: vec![ops::put(key.clone(), value, seat.session.id)],
        failure: vec![ops::get(member), ops::get(key)],
    };
    let answer = match room.base.rpc.write(request, Until::Lost(lease)).await {
        Ok(answer) => answer,
        Err(failure) => {
            if failure.in_doubt() {
                seat.haunt([Ghost::Return(name)]);
                fence::move_on(room, &seat);
            }
            seat.put_back(&[name]);
            if failure.is_of_a_lost_lease() {
                lease.revoke();
            } else if let Failure::Refused { .. } = failure {
                return Queued::Ended(Err(room.failed(failure)));
            }
            return Queued::LostPlace;
        }
    };
    if answer.in_doubt {
        seat.haunt([Ghost::Return(name)]);
        fence::move_on(room, &seat);
    }
    let responses = &answer.value.responses;
    let create = if answer.value.succeeded {
        answer.value.header.as_ref().map_or(0, |header| header.revision)
    } else if let Some(own) = ops::found(responses, 1).filter(|_| answer.in_doubt) {
        own.create_revision
    } else {
        match ops::found(responses, 0) {
            Some(member) => seat.epoch.set(seat.epoch.get().max(member.version)),
            None => lease.revoke(),
        }
        seat.put_back(&[name]);
        return Queued::LostPlace;
    };
    let waiter = Waiter::new(create);
    room.releasers.borrow_mut().insert(name, Rc::clone(&waiter));
    watch::start(room);
    let end = in_turn(room, &seat, (create, name), n, &waiter, caller).await;
    room.releasers.borrow_mut().remove(&name);
    match end {
        // Its key went with the permits.
        Queued::Ended(Ok(())) => seat.put_back(&[name]),
        _ => give::leave(room, &seat, name),
    }
    end
}

/// What a release that waits has to do now.
enum Turn {
    Wait,
    Take(Vec<Rank>),
    End(Queued),
}

async fn in_turn(
    room: &Rc<Room>,
    seat: &Rc<Seat>,
    own: Rank,
    n: u32,
    waiter: &Rc<Waiter>,
    caller: &mut Caller<()>,
) -> Queued {
    let lease = &seat.session.lease;
    loop {
        if lease.is_lost() {
            return Queued::LostPlace;
        }
        match turn(room, own, n) {
            Turn::End(end) => return end,
            Turn::Take(chosen) => {
                if !caller.comes().await {
                    return Queued::Dropped;
                }
                match take(room, &chosen, Some((seat, own)), Until::Lost(lease)).await {
                    Taken::Ended(outcome) => return Queued::Ended(outcome),
                    Taken::LostLease => return Queued::LostPlace,
                    Taken::Epoch => continue,
                    // What was seen is old: the next look comes with what is new.
                    Taken::Changed => {}
                }
            }
            Turn::Wait => {}
        }
        tokio::select! {
            () = waiter.has_to_look() => {}
            () = lease.lost() => {}
            () = caller.is_gone() => return Queued::Dropped,
        }
    }
}

fn turn(room: &Room, own: Rank, n: u32) -> Turn {
    let view = room.view.borrow();
    if view.revision < own.0 {
        return Turn::Wait;
    }
    let is_there = view.returns.contains_key(&own);
    // Its key may have come after the removal, and then it is one of the next semaphore.
    if view.config.is_none() || !is_there && view.is_removed(own.0) {
        return Turn::End(Queued::Ended(Err(error::gone_with_its_place(&room.name))));
    }
    if !is_there {
        return Turn::End(Queued::Ended(Err(error::lost(
            &room.name,
            "another client has deleted its place in the queue",
        ))));
    }
    // Each has its own part of the loose permits, by its place in the queue: those before it may not have
    // come for theirs.
    if let Some(before) = view.returnable(own) {
        return Turn::Take(view.loose().skip(before).take(n as usize).collect());
    }
    if n > view.max() {
        return Turn::End(Queued::Ended(Err(error::too_many_to_release(&room.name, n, view.max()))));
    }
    if view.is_closed() {
        return Turn::End(Queued::Ended(Err(error::closed_to_releasers(&room.name))));
    }
    Turn::Wait
}
