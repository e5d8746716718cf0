//! Asking for permits: one transaction for all that was asked for while the one before it was under way.

use crate::engine::fence;
use crate::engine::give;
use crate::engine::keys::{Asked, Name};
use crate::engine::lane::{Ask, Placed};
use crate::engine::ops;
use crate::engine::room::Room;
use crate::engine::rpc::{Failure, Until};
use crate::engine::seat::{Ghost, Seat};
use crate::engine::stubs::{TxnRequest, TxnResponse};
use crate::error::{self, Error};
use crate::sizes::MAX_AT_ONCE;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::sleep;

/// Asks for `n` permits, `1..=MAX_AT_ONCE`. Waits as long as no server answers. If this is dropped, the place
/// is given back.
pub(crate) async fn place(room: &Rc<Room>, n: u32) -> Result<Placed, Error> {
    let (reply, placed) = oneshot::channel();
    room.asks.queue.borrow_mut().push_back(Ask { n, reply });
    if !room.asks.is_busy.replace(true) {
        tokio::task::spawn_local(send(Rc::clone(room)));
    }
    placed.await.unwrap_or_else(|_| Err(error::disconnected()))
}

/// Sends what was asked for, until nothing is left.
async fn send(room: Rc<Room>) {
    loop {
        let mut batch = Vec::new();
        let mut count = 0;
        while let Some(ask) = room.asks.queue.borrow_mut().pop_front() {
            if ask.reply.is_closed() {
                continue;
            }
            if count + ask.n > MAX_AT_ONCE {
                room.asks.queue.borrow_mut().push_front(ask);
                break;
            }
            count += ask.n;
            batch.push(ask);
        }
        if batch.is_empty() {
            break;
        }
        if let Err(why) = attempt(&room, &mut batch, count as usize).await {
            // What all of them need cannot be had. An error is not to be copied: each has one of its own.
            let (kind, text) = (why.kind(), why.to_string());
            let mut first = Some(why);
            for ask in batch {
                let why = first.take().unwrap_or_else(|| Error::new(kind, text.clone()));
                _ = ask.reply.send(Err(why));
            }
        }
    }
    room.asks.is_busy.set(false);
    room.asks.is_done.notify_waiters();
}

/// Has all of `batch` placed or refused; what is left in it when this fails is for the caller to refuse.
async fn attempt(room: &Rc<Room>, batch: &mut Vec<Ask>, mut count: usize) -> Result<(), Error> {
    loop {
        if room.base.is_ending() {
            return Err(error::disconnected());
        }
        // As long as nobody answers; the callers have limits of their own, and take themselves out.
        let seat = match room.seat(room.patience()).await {
            Ok(seat) => seat,
            Err(failure) => {
                again(room, failure, batch).await?;
                count = batch.iter().map(|ask| ask.n as usize).sum();
                if batch.is_empty() {
                    return Ok(());
                }
                continue;
            }
        };
        let Some((config, written)) = room.config() else {
            match room.ask_config(room.patience()).await {
                Ok(Some(_)) => continue,
                Ok(None) => return Err(error::gone(&room.name)),
                Err(why) if why.kind() == permits::ErrorKind::Unreachable => continue,
                Err(why) => return Err(why),
            }
        };
        if config.closed || batch.iter().any(|ask| ask.n > config.max) {
            // What was heard may be old.
            match room.ask_config(room.patience()).await {
                Ok(Some((_, at))) if at == written => {}
                Err(why) if why.kind() != permits::ErrorKind::Unreachable => return Err(why),
                _ => continue,
            }
            for ask in std::mem::take(batch) {
                if config.closed {
                    _ = ask.reply.send(Err(error::closed_to_acquirers(&room.name)));
                } else if ask.n > config.max {
                    _ = ask.reply.send(Err(error::too_many_to_acquire(&room.name, ask.n, config.max)));
                } else {
                    batch.push(ask);
                }
            }
            count = batch.iter().map(|ask| ask.n as usize).sum();
            if batch.is_empty() {
                return Ok(());
            }
        }
        let names = seat.take(count);
        let request = request(room, &seat, batch, &names, written);
        let sent = room.base.rpc.write(request, Until::Lost(&seat.session.lease)).await;
        let answer = match sent {
            Ok(answer) => answer,
            Err(failure) => {
                if failure.in_doubt() {
                    seat.haunt(names.iter().copied().map(Ghost::Place));
                    fence::move_on(room, &seat);
                }
                seat.put_back(&names);
                if failure.is_of_a_lost_lease() {
                    seat.session.lease.revoke();
                } else if let Failure::Refused { .. } = failure {
                    return Err(room.failed(failure));
                }
                // The lease is lost: again under the next one.
                continue;
            }
        };
        if answer.in_doubt {
            seat.haunt(names.iter().copied().map(Ghost::Place));
            fence::move_on(room, &seat);
        }
        let revision = answer.value.header.as_ref().map_or(0, |header| header.revision);
        if answer.value.succeeded {
            let all = ops::answer(&answer.value.responses, count).map_or(i64::MAX, |queue| queue.count);
            let all = u64::try_from(all).unwrap_or(u64::MAX);
            tell(room, &seat, batch, &names, revision, |behind| all - behind as u64 <= u64::from(config.max));
            return Ok(());
        }
        if let Some(create) = placed_before(&answer.value, &seat, &names).filter(|_| answer.in_doubt) {
            // A try that was not answered has placed them. Whether they fit is not known from this answer.
            tell(room, &seat, batch, &names, create, |_| false);
            return Ok(());
        }
        for (place, name) in names.iter().enumerate() {
            if ops::found(&answer.value.responses, place + 2).is_some() {
                // A key of that name that is not known here: another number then.
                seat.burn(&[*name]);
            }
        }
        seat.put_back(&names);
        look_again(room, &seat, &answer.value)?;
    }
}

/// After a failure to get a lease or a seat: waits a moment, if another try makes sense.
async fn again(room: &Rc<Room>, failure: Failure, batch: &mut Vec<Ask>) -> Result<(), Error> {
    if let Failure::Refused { .. } = failure
        && !failure.is_of_a_lost_lease()
    {
        return Err(room.failed(failure));
    }
    batch.retain(|ask| !ask.reply.is_closed());
    sleep(Duration::from_millis(50)).await;
    Ok(())
}

/// The transaction: each key must not be there (N1), the epoch must be the seat's (N3), and the configuration
/// the one that was heard of, so that no request is placed in a semaphore that is closed or has become too small.
fn request(room: &Room, seat: &Seat, batch: &[Ask], names: &[Name], written: i64) -> TxnRequest {
    let space = &room.space;
    let keys = || names.iter().map(|name| space.place(*name));
    let mut compare: Vec<_> = keys().map(|key| ops::created_at(key, 0)).collect();
    compare.push(ops::version_is(space.member(seat.session.id), seat.epoch.get()));
    compare.push(ops::written_at(space.config(), written));
    let mut names_left = names;
    let mut success = Vec::with_capacity(names.len() + 1);
    for ask in batch {
        let (own, left) = names_left.split_at(ask.n as usize);
        names_left = left;
        let value = Asked::now(ask.n, own[0]).written();
        success.extend(own.iter().map(|name| ops::put(space.place(*name), value.clone(), seat.session.id)));
    }
    success.push(ops::count(&space.queue()));
    let mut failure = vec![ops::get(space.member(seat.session.id)), ops::get(space.config())];
    failure.extend(keys().map(ops::get));
    TxnRequest { compare, success, failure }
}

/// Tells each of them its place. `fits` says whether a request with that number of permits behind it is
/// granted.
fn tell(
    room: &Rc<Room>,
    seat: &Rc<Seat>,
    batch: &mut Vec<Ask>,
    names: &[Name],
    create: i64,
    fits: impl Fn(usize) -> bool,
) {
    let mut done = 0;
    for ask in batch.drain(..) {
        let own = names[done..done + ask.n as usize].to_vec();
        done += own.len();
        let placed = Placed {
            seat: Rc::clone(seat),
            names: own,
            create,
            index: u8::try_from(done - 1).unwrap_or(u8::MAX),
            is_granted: fits(names.len() - done),
        };
        if let Err(Ok(placed)) = ask.reply.send(Ok(placed)) {
            give::back(room, &placed.seat, placed.names);
        }
    }
}

/// The revision at which all of them were placed, if they are there.
fn placed_before(answer: &TxnResponse, seat: &Seat, names: &[Name]) -> Option<i64> {
    let mut creates = (0..names.len()).map(|place| {
        let key = ops::found(&answer.responses, place + 2)?;
        (key.lease == seat.session.id).then_some(key.create_revision)
    });
    let first = creates.next()??;
    creates.all(|create| create == Some(first)).then_some(first)
}

/// What was not as it was thought to be.
fn look_again(room: &Room, seat: &Seat, answer: &TxnResponse) -> Result<(), Error> {
    let Some(member) = ops::found(&answer.responses, 0) else {
        // Its lease has ended, or somebody has deleted its key.
        seat.session.lease.revoke();
        return Ok(());
    };
    seat.epoch.set(seat.epoch.get().max(member.version));
    let config = ops::found(&answer.responses, 1);
    room.heard(config)?;
    if config.is_none() { Err(error::gone(&room.name)) } else { Ok(()) }
}
