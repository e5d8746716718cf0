//! Looking after what is held here: whether another client deletes one of its keys.
//!
//! What is held for a moment only is not looked after, so it costs nothing. What is held for longer is
//! watched, and read from time to time: an answer that renews a lease is no proof that its keys are there
//! (etcd 15247, 20616).

use crate::engine::keys::Key;
use crate::engine::ops;
use crate::engine::room::Room;
use crate::engine::rpc::Until;
use crate::engine::stubs::event::EventType;
use crate::engine::stubs::watch_create_request::FilterType;
use crate::engine::stubs::{KeyValue, WatchResponse};
use crate::engine::watch::Stream;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// What is held for less is not looked after.
const LONG: Duration = Duration::from_millis(100);

/// Has what is held here looked after, if it is not.
pub(crate) fn start(room: &Rc<Room>) {
    if !room.is_guarded.replace(true) {
        tokio::task::spawn_local(guard(Rc::clone(room)));
    }
}

async fn guard(room: Rc<Room>) {
    loop {
        let before: Vec<_> = room.held.borrow().iter().map(|(name, held)| (*name, held.create)).collect();
        sleep(LONG).await;
        let is_held = |(name, create)| room.held.borrow().get(&name).is_some_and(|held| held.create == create);
        if before.into_iter().any(is_held) {
            follow(&room).await;
        }
        if room.held.borrow().is_empty() {
            break;
        }
    }
    room.is_guarded.set(false);
}

/// Until nothing is held any more, or all that was is lost.
async fn follow(room: &Rc<Room>) {
    while let Some(seat) = room.seat_now()
        && !room.held.borrow().is_empty()
    {
        let range = room.space.queue_of(seat.session.id);
        let until = Until::Either(Instant::now() + room.base.settings.answer, &seat.session.lease);
        let Ok(answer) = room.base.rpc.read(ops::all(&range), until).await else {
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        let revision = answer.header.as_ref().map_or(0, |header| header.revision);
        compare(room, revision, &answer.kvs);
        let Some(mut stream) = Stream::open(room, &range, revision + 1, vec![FilterType::Noput]).await else {
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        let again = Instant::now() + room.base.settings.ttl;
        while Instant::now() < again && !room.held.borrow().is_empty() && !seat.session.lease.is_lost() {
            tokio::select! {
                answer = stream.next() => match answer {
                    Some(answer) => deleted(room, &answer),
                    None => break,
                },
                // What is held from now on is under another lease.
                () = seat.session.lease.lost() => {}
                () = sleep(Duration::from_secs(1)) => {}
            }
        }
    }
    room.held.borrow_mut().retain(|_, held| !held.seat.session.lease.is_lost());
}

/// What was held before that revision, and is not there at it, is lost.
fn compare(room: &Room, revision: i64, keys: &[KeyValue]) {
    let mut there = HashMap::new();
    for key in keys {
        if let Key::Place(name) = room.space.parse(&key.key) {
            there.insert(name, key.create_revision);
        }
    }
    for (name, held) in &*room.held.borrow() {
        if held.create <= revision && there.get(name) != Some(&held.create) {
            held.gone.revoke();
        }
    }
}

fn deleted(room: &Room, answer: &WatchResponse) {
    for event in &answer.events {
        if event.r#type() == EventType::Delete
            && let Some(key) = &event.kv
            && let Key::Place(name) = room.space.parse(&key.key)
        {
            // A place of that name that is older than the event.
            room.is_gone((key.mod_revision, name));
        }
    }
}
