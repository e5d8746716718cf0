//! Moving on to the next epoch after a call in doubt, and deleting what late tries of the old one have left
//! (N3).

use crate::engine::give;
use crate::engine::ops;
use crate::engine::room::Room;
use crate::engine::rpc::Until;
use crate::engine::seat::Seat;
use crate::engine::stubs::TxnRequest;
use std::rc::Rc;

/// Has the seat move on, if it is not doing so, after a call that may take effect late.
pub(crate) fn move_on(room: &Rc<Room>, seat: &Rc<Seat>) {
    seat.in_doubt.set(true);
    if !seat.is_moving_on.replace(true) {
        tokio::task::spawn_local(until_known(Rc::clone(room), Rc::clone(seat)));
    }
}

async fn until_known(room: Rc<Room>, seat: Rc<Seat>) {
    let member = room.space.member(seat.session.id);
    while !seat.session.lease.is_lost() && seat.in_doubt.replace(false) {
        // Those of calls that come in doubt while this one is under way are for the next epoch.
        let ghosts = seat.take_ghosts();
        let epoch = seat.epoch.get();
        let value = room.base.settings.member.written();
        let request = TxnRequest {
            // Of two tries one moves on: a bare put would do it twice, and nobody would know the epoch.
            compare: vec![ops::version_is(member.clone(), epoch)],
            success: vec![ops::put(member.clone(), value, seat.session.id)],
            failure: vec![ops::get(member.clone())],
        };
        let Ok(answer) = room.base.rpc.write(request, Until::Lost(&seat.session.lease)).await else {
            if !seat.session.lease.is_lost() {
                seat.haunt(ghosts);
                tokio::time::sleep(crate::engine::rpc::ATTEMPT).await;
            }
            continue;
        };
        if answer.value.succeeded {
            seat.epoch.set(seat.epoch.get().max(epoch + 1));
        } else if let Some(now) = ops::found(&answer.value.responses, 0) {
            seat.epoch.set(seat.epoch.get().max(now.version));
        } else {
            seat.session.lease.revoke();
            break;
        }
        // Their numbers are burnt, so a late delete of them does no harm.
        let ghosts = ghosts.into_iter().filter(|ghost| !seat.is_used(ghost.name())).collect();
        give::sweep(&room, &seat, ghosts);
    }
    seat.is_moving_on.set(false);
    seat.moved_on.notify_waiters();
}
