//! Who holds and who waits.

use crate::engine::grant;
use crate::engine::keys::{Asked, Key, Member, Name};
use crate::engine::ops;
use crate::engine::room::Room;
use crate::engine::stubs::{RangeRequest, TxnRequest};
use crate::engine::view::{Rank, View, groups};
use crate::error::{Error, ErrorKind};
use permits::{Holder, HolderId, Participant, Side, Status, Token, Waiter};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What a view says, for people.
pub(crate) fn of(name: &str, view: &View) -> Status {
    let mut status = Status::new(name, view.state());
    for places in groups(&view.granted) {
        // Loose permits have no holder.
        let held: Vec<_> = places.iter().filter(|(_, place)| place.lease != 0).collect();
        let (Some((first, place)), Some((last, _))) = (held.first(), held.last()) else { continue };
        let who = participant(view, first.1, place.asked.first);
        let mut holder = Holder::new(who, held.len() as u32, since(&place.asked));
        let index = u8::try_from(places.len() - 1).unwrap_or(u8::MAX);
        holder.token = Some(grant::token(last.0, index));
        status.holders.push(holder);
    }
    let acquirers = groups(&view.waiting);
    for (position, places) in acquirers.iter().enumerate() {
        let Some((rank, place)) = places.first() else { continue };
        let who = participant(view, rank.1, place.asked.first);
        let (position, permits) = (position as u32 + 1, places.len() as u32);
        status.waiters.push(Waiter::new(who, Side::Acquire, position, permits, since(&place.asked)));
    }
    for (position, (rank, asked)) in view.returns.iter().enumerate() {
        let who = participant(view, rank.1, asked.first);
        status.waiters.push(Waiter::new(who, Side::Release, position as u32 + 1, asked.k, since(asked)));
    }
    status
}

fn participant(view: &View, name: Name, first: u32) -> Participant {
    let mut who = Participant::new(HolderId::new(name.lease.cast_unsigned(), first.into()));
    let member = view.members.get(&name.lease).cloned().unwrap_or_default();
    let Member { host, pid, uid, command, label } = member;
    who.host = Some(host).filter(|host| !host.is_empty());
    (who.pid, who.uid, who.command, who.label) = (pid, uid, command, label);
    who
}

fn since(asked: &Asked) -> SystemTime {
    UNIX_EPOCH.checked_add(Duration::from_millis(asked.at)).unwrap_or(UNIX_EPOCH)
}

/// A number that no token of a place is smaller than; `None` if there is none.
pub(crate) async fn oldest_token(room: &Rc<Room>) -> Result<Option<Token>, Error> {
    let request = RangeRequest { keys_only: true, ..ops::all(&room.space.queue()) };
    let answer = room.base.rpc.read(request, room.patience()).await.map_err(|failure| room.failed(failure))?;
    // What was granted is older than what waits (V1).
    let places = answer.kvs.iter().filter(|key| matches!(room.space.parse(&key.key), Key::Place(_)));
    Ok(places.map(|key| key.create_revision).min().map(|create| grant::token(create, 0)))
}

/// Deletes the places of one request, if they are still those that were seen.
pub(crate) async fn revoke(room: &Rc<Room>, holder: HolderId) -> Result<(), Error> {
    let until = room.patience();
    loop {
        let view = room.read(until).await?;
        let places = places_of(&view, holder);
        if places.is_empty() {
            let what = format!("no holder and no waiter has the id `{holder}`: the status lists them");
            return Err(Error::new(ErrorKind::NoSuchHolder, what).with_semaphore(&room.name));
        }
        let key = |place: &(Rank, bool)| {
            let ((_, name), is_return) = *place;
            if is_return { room.space.returning(name) } else { room.space.place(name) }
        };
        let request = TxnRequest {
            compare: places.iter().map(|place| ops::created_at(key(place), place.0.0)).collect(),
            success: places.iter().map(|place| ops::delete(key(place))).collect(),
            failure: Vec::new(),
        };
        let answer = room.base.rpc.write(request, until).await.map_err(|failure| room.failed(failure))?;
        // If not, something has changed, or a try that was not answered has done it: the next look says
        // which.
        if answer.value.succeeded || answer.in_doubt && places_of(&room.read(until).await?, holder).is_empty() {
            return Ok(());
        }
    }
}

/// The places of one request, and whether each waits to return.
fn places_of(view: &View, holder: HolderId) -> Vec<(Rank, bool)> {
    let (lease, first) = holder.parts();
    let is_of = |name: Name, asked: &Asked| name.lease.cast_unsigned() == lease && u64::from(asked.first) == first;
    let in_queue = |places: &BTreeMap<Rank, crate::engine::view::Place>| -> Vec<(Rank, bool)> {
        let held = places.iter().filter(|(rank, place)| place.lease != 0 && is_of(rank.1, &place.asked));
        held.map(|(rank, _)| (*rank, false)).collect()
    };
    let mut places = in_queue(&view.granted);
    places.extend(in_queue(&view.waiting));
    let returns = view.returns.iter().filter(|(rank, asked)| is_of(rank.1, asked));
    places.extend(returns.map(|(rank, _)| (*rank, true)));
    places
}
