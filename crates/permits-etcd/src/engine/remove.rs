//! Removing a semaphore: one transaction deletes its configuration, and finds that nothing is out and nothing waits.
//!
//! Every acquire has to find the configuration that its client knows. So one that comes at the same moment is in time,
//! and the semaphore stays, or it is refused: no place is put where there is no semaphore. A release that waits may
//! put its key all the same; it sees that the configuration is gone, and takes its key back.
//!
//! Another one of that name has a configuration that was created later. What was sent to the one before it finds that,
//! and has no effect.

use crate::engine::keys::Config;
use crate::engine::ops;
use crate::engine::room::Room;
use crate::engine::rpc::Until;
use crate::engine::stubs::TxnRequest;
use crate::error::{self, Error};
use permits::{Removal, State};
use std::rc::Rc;

/// Removes it, and says what it was like.
pub(crate) async fn remove(room: &Rc<Room>, removal: Removal) -> Result<State, Error> {
    let until = room.patience();
    let mut last = room.read(until).await?;
    let mut in_doubt = false;
    loop {
        let Some((config, written)) = last.config.clone() else { return Err(error::gone(&room.name)) };
        let is_idle = last.granted.is_empty() && last.waiting.is_empty() && last.returns.is_empty();
        if removal == Removal::IfIdle && !is_idle {
            return match in_doubt && !outdated(room, config, written, until).await? {
                true => Ok(last.state()),
                false => Err(error::in_use(&room.name, &last.state())),
            };
        }
        let answer = room.base.rpc.write(request(room, removal, written), until).await;
        let answer = answer.map_err(|failure| room.failed(failure))?;
        let (header, responses) = (answer.value.header.unwrap_or_default(), answer.value.responses);
        if answer.value.succeeded {
            room.forget();
            if let Some(all) = ops::answer(&responses, 0) {
                // All that went with it.
                last.replace(header.revision, &all.kvs)?;
            }
            return Ok(last.state());
        }
        in_doubt |= answer.in_doubt;
        let found = ops::found(&responses, 0);
        room.heard(found)?;
        // If an earlier try was not answered, it may have done it, and another client may have created it anew since.
        let is_another = found.is_none_or(|key| key.create_revision > written);
        if is_another {
            return if in_doubt { Ok(last.state()) } else { Err(error::gone(&room.name)) };
        }
        in_doubt &= found.is_some_and(|key| key.mod_revision == written);
        let before = last;
        last = match room.read(until).await {
            Ok(view) => view,
            Err(why) if why.kind() == permits::ErrorKind::Gone && in_doubt => return Ok(before.state()),
            Err(why) => return Err(why),
        };
    }
}

/// The transaction. The keys of the clients themselves stay: they go with their leases, and are no use of it.
fn request(room: &Room, removal: Removal, written: i64) -> TxnRequest {
    let (space, config) = (&room.space, room.space.config());
    let mut compare = vec![ops::written_at(config.clone(), written)];
    let success = match removal {
        Removal::IfIdle => {
            compare.extend([ops::is_empty(&space.queue()), ops::is_empty(&space.returns())]);
            vec![ops::delete(config.clone())]
        }
        Removal::Force => {
            let ranges = [space.queue(), space.returns()];
            let all = [ops::list(&space.all()), ops::delete(config.clone())];
            all.into_iter().chain(ranges.iter().map(ops::delete_all)).collect()
        }
    };
    TxnRequest { compare, success, failure: vec![ops::get(config)] }
}

/// Has a try that was not answered find another configuration than its own: the caller is told that the semaphore is in
/// use, and it must not be removed after that. Whether it is still there.
async fn outdated(room: &Rc<Room>, config: Config, written: i64, until: Until<'_>) -> Result<bool, Error> {
    if config.was.is_some() {
        // It says since when it is as it is.
        return Err(error::in_doubt(&room.name, "whether it is still there"));
    }
    let key = room.space.config();
    let same = Config { by: room.base.mark(), ..config };
    let request = TxnRequest {
        compare: vec![ops::written_at(key.clone(), written)],
        success: vec![ops::put(key.clone(), same.written(), 0)],
        failure: vec![ops::get(key)],
    };
    let answer = room.base.rpc.write(request, until).await.map_err(|failure| room.failed(failure))?.value;
    // If the step of another was first, that is another configuration as well.
    Ok(answer.succeeded || ops::found(&answer.responses, 0).is_some_and(|key| key.create_revision <= written))
}
