//! A request that waits, of either queue.

use std::rc::Rc;
use tokio::sync::Notify;

/// What it is told by, when something has changed.
pub(crate) struct Waiter {
    /// When its key was created.
    pub(crate) create: i64,
    look: Notify,
}

impl Waiter {
    pub(crate) fn new(create: i64) -> Rc<Waiter> {
        Rc::new(Waiter { create, look: Notify::new() })
    }

    /// Something has changed that may concern it.
    pub(crate) fn look(&self) {
        self.look.notify_one();
    }

    pub(crate) async fn has_to_look(&self) {
        self.look.notified().await;
    }
}
