//! Acquiring: a place, and waiting for the grant.

use crate::engine::ask;
use crate::engine::caller::Caller;
use crate::engine::give;
use crate::engine::grant::{self, Grant, Part};
use crate::engine::keys::Name;
use crate::engine::lane::Placed;
use crate::engine::link::Link;
use crate::engine::ops;
use crate::engine::room::{Held, Room};
use crate::engine::rpc::Until;
use crate::engine::waiter::Waiter;
use crate::engine::{clock, guard, watch};
use crate::error::{self, Error};
use crate::sizes::MAX_AT_ONCE;

use permits::lease::{BootTime, Lease};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How a wait has ended.
enum End {
    Granted,
    /// Its lease is lost: it asks again, under the next one.
    LostPlace,
    /// Its request was dropped.
    Dropped,
    Refused(Error),
}

/// Acquires `n` permits, waiting for them.
pub(crate) async fn acquire<P: From<Grant>>(room: Rc<Room>, n: u32, caller: Caller<P>) {
    if let Some(outcome) = without_a_place(&room, n, &caller.link).await {
        return caller.done(outcome.map(P::from));
    }
    loop {
        let placed = tokio::select! {
            // The place first: one that has come is given back below, if its request was dropped.
            biased;
            placed = ask::place(&room, n) => placed,
            () = caller.is_gone() => return,
        };
        let placed = match placed {
            Ok(placed) => placed,
            Err(why) => return caller.done(Err(why)),
        };
        match granted(&room, &placed, n, &caller).await {
            End::Granted => {
                let permit = hold(&room, &placed, &caller.link);
                return caller.done(Ok(permit.into()));
            }
            End::LostPlace => {}
            End::Dropped => return give::back(&room, &placed.seat, placed.names),
            End::Refused(why) => {
                give::back(&room, &placed.seat, placed.names);
                return caller.done(Err(why));
            }
        }
    }
}

/// Acquires `n` permits if they are free now.
pub(crate) async fn try_acquire<P: From<Grant>>(room: Rc<Room>, n: u32, caller: Caller<P>) {
    if let Some(outcome) = without_a_place(&room, n, &caller.link).await {
        return caller.done(outcome.map(P::from));
    }
    let limit = room.base.settings.answer;
    let end = Instant::now() + limit;
    let outcome = async {
        may_fit(&room, n, end).await?;
        let Ok(placed) = timeout_at(end, ask::place(&room, n)).await else {
            return Err(error::unreachable(limit, None).with_semaphore(&room.name));
        };
        let placed = placed?;
        if placed.is_granted {
            return Ok(hold(&room, &placed, &caller.link));
        }
        // Another was faster. An answer to the second try does not say; then the list does.
        let view = room.read(Until::Time(end)).await;
        let rank = (placed.create, placed.names[0]);
        let is_granted = view.as_ref().is_ok_and(|view| view.is_granted(rank) == Some(true));
        if is_granted && !placed.seat.session.lease.is_lost() {
            return Ok(hold(&room, &placed, &caller.link));
        }
        give::back(&room, &placed.seat, placed.names);
        let state = view?.state();
        Err(error::not_free(&room.name, n, state.available_permits))
    };
    let outcome = outcome.await;
    caller.done(outcome.map(P::from));
}

/// Fails if a try would: so one that fails has written nothing.
async fn may_fit(room: &Room, n: u32, end: Instant) -> Result<(), Error> {
    if let Some((config, _)) = room.config()
        && !config.closed
    {
        let request = crate::engine::stubs::RangeRequest { count_only: true, ..ops::all(&room.space.queue()) };
        let queue = room.base.rpc.read(request, Until::Time(end)).await.map_err(|failure| room.failed(failure))?;
        if queue.count + i64::from(n) <= i64::from(config.max) {
            return Ok(());
        }
    }
    let view = room.read(Until::Time(end)).await?;
    let state = view.state();
    if state.closed {
        Err(error::closed_to_acquirers(&room.name))
    } else if n > state.max_permits {
        Err(error::too_many_to_acquire(&room.name, n, state.max_permits))
    } else if n > state.available_permits || state.waiting_acquirers > 0 {
        Err(error::not_free(&room.name, n, state.available_permits))
    } else {
        Ok(())
    }
}

/// The outcome of a request that needs no place: for no permit, or for more than one transaction can carry.
async fn without_a_place(room: &Rc<Room>, n: u32, link: &Arc<Link>) -> Option<Result<Grant, Error>> {
    match n {
        0 => Some(nothing(room, link).await),
        1..=MAX_AT_ONCE => None,
        _ => Some(Err(too_many(room, n).await)),
    }
}

/// What is wrong with a request for more than one transaction can carry.
async fn too_many(room: &Room, n: u32) -> Error {
    let until = room.patience();
    match room.ask_config(until).await {
        Ok(Some((config, _))) if config.closed => error::closed_to_acquirers(&room.name),
        Ok(Some((config, _))) if n > config.max => error::too_many_to_acquire(&room.name, n, config.max),
        Ok(None) => error::gone(&room.name),
        Err(why) => why,
        _ => error::too_many_at_once(&room.name, n),
    }
}

/// A permit for none, which is held under the lease all the same (C7).
async fn nothing(room: &Rc<Room>, link: &Arc<Link>) -> Result<Grant, Error> {
    let until = room.patience();
    let config = room.ask_config(until).await?.ok_or_else(|| error::gone(&room.name))?;
    if config.0.closed {
        return Err(error::closed_to_acquirers(&room.name));
    }
    let seat = room.seat(until).await.map_err(|failure| room.failed(failure))?;
    let token = grant::token(config.1, 0);
    Ok(Grant::new(link, &room.name, &seat.session.lease, token, Vec::new()))
}

/// Waits until a place is granted.
async fn granted<P>(room: &Rc<Room>, placed: &Placed, n: u32, caller: &Caller<P>) -> End {
    let lease = &placed.seat.session.lease;
    if placed.is_granted {
        return if lease.is_lost() { End::LostPlace } else { End::Granted };
    }
    let first = placed.names[0];
    let waiter = Waiter::new(placed.create);
    room.waiters.borrow_mut().insert(first, Rc::clone(&waiter));
    watch::start(room);
    let end = loop {
        if lease.is_lost() {
            break End::LostPlace;
        }
        if let Some(end) = verdict(room, placed.create, first, n) {
            break end;
        }
        tokio::select! {
            () = waiter.has_to_look() => {}
            () = lease.lost() => {}
            () = caller.is_gone() => break End::Dropped,
        }
    };
    room.waiters.borrow_mut().remove(&first);
    end
}

/// What the view says of a place; `None` to wait on.
fn verdict(room: &Room, create: i64, first: Name, n: u32) -> Option<End> {
    let view = room.view.borrow();
    if view.revision < create {
        return None;
    }
    match view.is_granted((create, first)) {
        Some(true) => Some(End::Granted),
        _ if view.is_removed(create) => Some(End::Refused(error::gone_with_its_place(&room.name))),
        Some(false) if view.is_closed() => Some(End::Refused(error::closed_to_acquirers(&room.name))),
        Some(false) if n > view.max() => Some(End::Refused(error::too_many_to_acquire(&room.name, n, view.max()))),
        Some(false) => None,
        None => Some(End::Refused(error::lost(&room.name, "another client has deleted its place in the queue"))),
    }
}

/// Places that are granted, as a permit.
fn hold(room: &Rc<Room>, placed: &Placed, link: &Arc<Link>) -> Grant {
    let gone = Arc::new(Lease::new(clock::now, BootTime::new(Duration::MAX)));
    let token = grant::token(placed.create, placed.index);
    let first = placed.names.first().map_or(0, |name| name.number);
    let parts = placed.names.iter().map(|name| {
        let (seat, gone) = (Rc::clone(&placed.seat), Arc::clone(&gone));
        room.held.borrow_mut().insert(*name, Held { create: placed.create, gone: Arc::clone(&gone), seat });
        Part { name: *name, create: placed.create, first, gone }
    });
    let parts = parts.collect();
    guard::start(room);
    Grant::new(link, &room.name, &placed.seat.session.lease, token, parts)
}
