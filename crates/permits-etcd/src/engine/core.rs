//! What a connection has on its own thread: the calls, the lease, and the semaphores that are used through
//! it.
//!
//! All of it is on one thread with a runtime of its own, so no task of the user's program can keep a lease
//! from being renewed. The other threads send *jobs*; nothing here is shared with them but what they are
//! sent.

use crate::engine::base::{Base, Settings};
use crate::engine::room::Room;
use crate::engine::rpc::Rpc;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// What another thread has this one do.
pub(crate) type Job = Box<dyn FnOnce(&Rc<Core>) + Send>;

pub(crate) struct Core {
    base: Rc<Base>,
    rooms: RefCell<HashMap<String, Rc<Room>>>,
}

impl Core {
    /// The semaphore of that name, as this connection knows it.
    pub(crate) fn room(&self, name: &str) -> Rc<Room> {
        let mut rooms = self.rooms.borrow_mut();
        let room = rooms.entry(name.to_owned()).or_insert_with(|| Rc::new(Room::new(&self.base, name)));
        Rc::clone(room)
    }

    /// A handle of that name is gone. What waits or is held keeps what is known.
    pub(crate) fn left(&self, name: &str) {
        let mut rooms = self.rooms.borrow_mut();
        if rooms.get(name).is_some_and(|room| room.is_idle() && Rc::strong_count(room) == 1) {
            rooms.remove(name);
        }
    }
}

/// Does the jobs until no thread can send one any more, and then gives the lease back.
pub(crate) async fn serve(rpc: Rpc, settings: Settings, mut jobs: mpsc::UnboundedReceiver<Job>) {
    let core = Rc::new(Core { base: Rc::new(Base::new(rpc, settings)), rooms: RefCell::default() });
    while let Some(job) = jobs.recv().await {
        job(&core);
    }
    // What was just given back is on its way, and needs no lease to get there.
    let rooms: Vec<Rc<Room>> = core.rooms.borrow().values().map(Rc::clone).collect();
    let idle = async {
        for room in rooms {
            room.gives_are_done().await;
        }
    };
    _ = timeout(core.base.settings.answer, idle).await;
    core.base.end().await;
}
