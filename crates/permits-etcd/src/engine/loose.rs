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
use crate::engine::stubs::{TxnRequest, TxnResponse};
use crate::engine::view::{Rank, View};
use crate::engine::waiter::Waiter;
use crate::engine::{fence, watch};
use crate::error::{self, Error};
use crate::sizes::MAX_AT_ONCE;
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

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
    loop {
        // N4
        seat.is_settled().await;
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
                    Failure::Refused { .. } if !failure.is_of_a_lost_lease() => room.failed(failure),
                    _ => lost(),
                });
            }
        };
        if answer.in_doubt {
            // A late try finds another key at that name, or none.
            seat.burn(names);
        }
        if answer.value.succeeded {
            // Their names are no longer ours: who returns them deletes them.
            seat.burn(names);
            return Ok(());
        }
        let responses = &answer.value.responses;
        let Some(member) = ops::found(responses, 0) else {
            seat.session.lease.revoke();
            return Err(lost());
        };
        let now = |place: usize| ops::found(responses, place + 1).map(|key| (key.create_revision, key.lease));
        let all = || taken.iter().enumerate().map(|(place, (_, held))| (held.create, now(place)));
        // A try that was not answered has done it, and some may have been returned since.
        let is_loose = |(create, now): (i64, Option<(i64, i64)>)| now.is_none_or(|now| now == (create, 0));
        if answer.in_doubt && all().all(is_loose) {
            return Ok(());
        }
        let still = all().filter(|(create, now)| now.is_some_and(|now| now.0 == *create));
        if still.count() < taken.len() {
            give::back(room, &seat, names.to_vec());
            return Err(lost());
        }
        seat.epoch.set(seat.epoch.get().max(member.version));
    }
}

fn loose(count: usize, first: Name) -> Vec<u8> {
    Asked { k: u32::try_from(count).unwrap_or(u32::MAX), first: first.number, at: milliseconds() }.written()
}

fn milliseconds() -> u64 {
    let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(at.as_millis()).unwrap_or(u64::MAX)
}

/// Returns `n` loose permits, waiting until that many are out.
pub(crate) async fn release(room: Rc<Room>, n: u32, mut caller: Caller<()>) {
    let outcome = loop {
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
                if let Some(outcome) = take(&room, &chosen, None, room.patience()).await {
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
                if let Some(outcome) = take(&room, &chosen, None, end).await {
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

/// Deletes them, if all are as they were. For a release that waits `own` is its key, which goes with them;
/// another requires that none waits. `None` if something has changed.
async fn take(
    room: &Rc<Room>,
    chosen: &[Rank],
    own: Option<(&Rc<Seat>, Rank)>,
    until: Until<'_>,
) -> Option<Result<(), Error>> {
    if chosen.is_empty() {
        return Some(Ok(()));
    }
    let _one = room.returning.lock().await;
    let seat = match own {
        Some((seat, _)) => Rc::clone(seat),
        None => match room.seat(until).await {
            Ok(seat) => seat,
            Err(failure) => return Some(Err(room.failed(failure))),
        },
    };
    // N4
    let settled = seat.is_settled();
    let is_in_time = match until {
        Until::Time(end) | Until::Either(end, _) => tokio::time::timeout_at(end, settled).await.is_ok(),
        Until::Lost(_) => {
            settled.await;
            true
        }
    };
    if !is_in_time {
        return Some(Err(error::unreachable(room.base.settings.answer, None).with_semaphore(&room.name)));
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
    let request = TxnRequest { compare, success, failure: vec![ops::get(member), ops::get(receipt)] };
    let sent = room.base.rpc.write(request, until).await;
    let in_doubt = sent.as_ref().map_or_else(Failure::in_doubt, |answer| answer.in_doubt);
    let is_ours =
        |answer: &TxnResponse| ops::found(&answer.responses, 1).is_some_and(|key| key.value == act.as_bytes());
    if sent.as_ref().is_ok_and(|answer| answer.value.succeeded || is_ours(&answer.value)) {
        return Some(Ok(()));
    }
    if in_doubt {
        // A try of it may take effect late, and what comes next would be a second release.
        seat.doubt();
        fence::move_on(room, &seat);
    }
    let answer = match sent {
        Ok(answer) => answer.value,
        Err(failure) if failure.is_of_a_lost_lease() => {
            seat.session.lease.revoke();
            return None;
        }
        Err(failure) => return Some(Err(room.failed(failure))),
    };
    match ops::found(&answer.responses, 0) {
        Some(member) => seat.epoch.set(seat.epoch.get().max(member.version)),
        None => seat.session.lease.revoke(),
    }
    None
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
    let value = Asked { k: n, first: name.number, at: milliseconds() }.written();
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
                if let Some(outcome) = take(room, &chosen, Some((seat, own)), Until::Lost(lease)).await {
                    match outcome {
                        // Without an answer its lease has ended, and with it its key.
                        Err(why) if why.kind() == permits::ErrorKind::Unreachable => return Queued::LostPlace,
                        outcome => return Queued::Ended(outcome),
                    }
                }
                // What was seen is old: the next look comes with what is new.
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
    if !view.returns.contains_key(&own) {
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
