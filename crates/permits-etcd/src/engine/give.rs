//! Giving places back: what is given back while a deletion is under way goes into the next one.
//!
//! A delete compares nothing, which is the quickest way for etcd. It needs no epoch: its names are not used
//! again if it is in doubt (N2). Only the deletion of a place that was in doubt itself waits for the next
//! epoch (N4).

use crate::engine::keys::Name;
use crate::engine::lane::{Give, Key};
use crate::engine::ops;
use crate::engine::room::Room;
use crate::engine::rpc::{Answer, Failure, Until};
use crate::engine::seat::{Ghost, Seat};
use crate::engine::stubs::TxnRequest;
use crate::error::{self, Error};
use std::rc::Rc;
use tokio::sync::oneshot;

/// The most deletes of one transaction: a server allows 128 operations if it is not told otherwise.
const BATCH: usize = 100;

/// Gives places back, and says whether all of them were still there.
pub(crate) async fn told(room: &Rc<Room>, seat: &Rc<Seat>, names: Vec<Name>) -> Result<(), Error> {
    let (reply, outcome) = oneshot::channel();
    let keys = names.into_iter().map(Key::Place).collect();
    add(room, Give { seat: Rc::clone(seat), keys, reply: Some(reply) });
    outcome.await.unwrap_or_else(|_| Err(error::disconnected()))
}

/// Gives places back, sooner or later.
pub(crate) fn back(room: &Rc<Room>, seat: &Rc<Seat>, names: Vec<Name>) {
    let keys = names.into_iter().map(Key::Place).collect();
    add(room, Give { seat: Rc::clone(seat), keys, reply: None });
}

/// Takes a release that waits out of its queue.
pub(crate) fn leave(room: &Rc<Room>, seat: &Rc<Seat>, name: Name) {
    add(room, Give { seat: Rc::clone(seat), keys: vec![Key::Return(name)], reply: None });
}

/// Deletes what late tries may have left.
pub(crate) fn sweep(room: &Rc<Room>, seat: &Rc<Seat>, ghosts: Vec<Ghost>) {
    let keys: Vec<Key> = ghosts.into_iter().map(Key::Ghost).collect();
    if !keys.is_empty() {
        add(room, Give { seat: Rc::clone(seat), keys, reply: None });
    }
}

fn add(room: &Rc<Room>, give: Give) {
    room.gives.queue.borrow_mut().push_back(give);
    if !room.gives.is_busy.replace(true) {
        tokio::task::spawn_local(send(Rc::clone(room)));
    }
}

async fn send(room: Rc<Room>) {
    loop {
        let mut batch: Vec<Give> = Vec::new();
        let mut count = 0;
        while let Some(give) = room.gives.queue.borrow_mut().pop_front() {
            if give.seat.session.lease.is_lost() {
                // Its keys end with the lease.
                lost(&room, give);
                continue;
            }
            let is_of_another = batch.first().is_some_and(|first| !Rc::ptr_eq(&first.seat, &give.seat));
            if is_of_another || !batch.is_empty() && count + give.keys.len() > BATCH {
                room.gives.queue.borrow_mut().push_front(give);
                break;
            }
            count += give.keys.len();
            batch.push(give);
        }
        if batch.is_empty() {
            break;
        }
        delete(&room, batch).await;
    }
    room.gives.is_busy.set(false);
    room.gives.is_done.notify_waiters();
}

async fn delete(room: &Rc<Room>, batch: Vec<Give>) {
    let seat = Rc::clone(&batch[0].seat);
    let is_in_doubt = |key: &Key| !matches!(key, Key::Ghost(_)) && seat.is_burnt(key.name());
    if batch.iter().flat_map(|give| &give.keys).any(is_in_doubt) {
        seat.has_moved_on().await;
    }
    let keys = batch.iter().flat_map(|give| &give.keys).map(|key| match key {
        Key::Place(name) | Key::Ghost(Ghost::Place(name)) => room.space.place(*name),
        Key::Return(name) | Key::Ghost(Ghost::Return(name)) => room.space.returning(*name),
    });
    let outcome = delete_all(room, keys.collect(), Until::Lost(&seat.session.lease)).await;
    let mut place = 0;
    for give in batch {
        let Ok(answer) = &outcome else {
            let names: Vec<Name> = give.keys.iter().map(|key| key.name()).collect();
            seat.burn(&names);
            match &outcome {
                // Not for want of a lease: the user may have lost the right to it.
                Err(Failure::Refused { status, .. }) => {
                    if let Some(reply) = give.reply {
                        _ = reply.send(Err(error::refused(status).with_semaphore(&room.name)));
                    }
                }
                _ => lost(room, give),
            }
            continue;
        };
        let mut all_there = true;
        for key in &give.keys {
            let name = [key.name()];
            all_there &= answer.value.get(place) == Some(&true);
            place += 1;
            // Names of ghosts are burnt, and not in use.
            if !matches!(key, Key::Ghost(_)) {
                if answer.in_doubt {
                    seat.burn(&name);
                }
                seat.put_back(&name);
            }
        }
        if let Some(reply) = give.reply {
            // A key that is not there after a try in doubt was most likely deleted by that try. In both cases
            // the permit is back.
            let outcome = if all_there || answer.in_doubt {
                Ok(())
            } else {
                Err(error::lost(&room.name, "another client has deleted its key"))
            };
            _ = reply.send(outcome);
        }
    }
}

/// Deletes them, and says of each whether it was there.
async fn delete_all(room: &Room, keys: Vec<Vec<u8>>, until: Until<'_>) -> Result<Answer<Vec<bool>>, Failure> {
    if let [key] = &keys[..] {
        let Answer { value, in_doubt } = room.base.rpc.delete(key.clone(), until).await?;
        return Ok(Answer { value: vec![value], in_doubt });
    }
    let count = keys.len();
    let success = keys.into_iter().map(ops::delete).collect();
    let request = TxnRequest { compare: Vec::new(), success, failure: Vec::new() };
    let Answer { value, in_doubt } = room.base.rpc.write(request, until).await?;
    let value = (0..count).map(|place| ops::deleted(&value.responses, place) == 1).collect();
    Ok(Answer { value, in_doubt })
}

fn lost(room: &Room, give: Give) {
    if let Some(reply) = give.reply {
        _ = reply.send(Err(error::lost(&room.name, "the lease has ended")));
    }
}
