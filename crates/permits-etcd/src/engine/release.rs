//! Returning permits that are held.

use crate::engine::give;
use crate::engine::keys::Name;
use crate::engine::room::Room;
use crate::engine::seat::Seat;
use crate::error::{self, Error};
use std::rc::Rc;

/// Returns them, and says whether all of them were still held.
pub(crate) async fn told(room: &Rc<Room>, names: &[Name]) -> Result<(), Error> {
    let (found, is_lost) = take(room, names);
    let lost = || error::lost(&room.name, "the lease has ended, or another client has deleted its key");
    let Some(seat) = found else { return if names.is_empty() { Ok(()) } else { Err(lost()) } };
    let outcome = give::told(room, &seat, names.to_vec()).await;
    if is_lost { Err(lost()) } else { outcome }
}

/// Returns them, sooner or later.
pub(crate) fn dropped(room: &Rc<Room>, names: &[Name]) {
    if let (Some(seat), _) = take(room, names) {
        give::back(room, &seat, names.to_vec());
    }
}

/// They are no longer held here. Under which seat they were, and whether one of them was lost.
fn take(room: &Room, names: &[Name]) -> (Option<Rc<Seat>>, bool) {
    let mut held = room.held.borrow_mut();
    let mut seat = None;
    let mut is_lost = false;
    for name in names {
        match held.remove(name) {
            Some(held) => {
                is_lost |= held.gone.is_lost() || held.seat.session.lease.is_lost();
                seat = Some(held.seat);
            }
            None => is_lost = true,
        }
    }
    (seat, is_lost)
}
