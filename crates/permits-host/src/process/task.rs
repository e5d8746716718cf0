//! How a task waits: it has a place in the queue, and the bell of its process calls its waker.

use crate::error::Error;
use crate::process::attachment::Attachment;
use crate::process::sys;
use crate::protocol::acts::{Collected, GiveUp};
use std::sync::Arc;

/// A task's place in the queue; dropping it gives it up.
pub(crate) struct QueuePlace {
    pub(crate) attachment: Arc<Attachment>,
    pub(crate) number: u16,
}

impl QueuePlace {
    /// Leaves it as a waiter that was granted or refused.
    pub(crate) fn leave(mut self) -> (Arc<Attachment>, Result<Collected, Error>) {
        let attachment = Arc::clone(&self.attachment);
        attachment.unwatch(self.number);
        let collected = attachment.collect(self.number, GiveUp::No);
        self.number = 0;
        (attachment, collected)
    }
}

impl Drop for QueuePlace {
    fn drop(&mut self) {
        if self.number != 0 && self.attachment.epoch == sys::epoch() {
            self.attachment.unwatch(self.number);
            // A damaged file has no queue to leave.
            let _ = self.attachment.collect(self.number, GiveUp::Wholly);
        }
    }
}
