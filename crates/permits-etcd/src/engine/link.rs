//! How jobs reach the thread of a connection.

use crate::engine::core::{Core, Job};
use crate::error::{self, Error};
use std::rc::Rc;
use tokio::sync::mpsc;

/// How jobs reach the thread of a connection. It ends when the last of its users is gone.
pub(crate) struct Link {
    jobs: mpsc::UnboundedSender<Job>,
    /// A child of a fork has no such thread.
    process: u32,
}

impl Link {
    pub(crate) fn new(jobs: mpsc::UnboundedSender<Job>) -> Link {
        Link { jobs, process: std::process::id() }
    }

    pub(crate) fn run(&self, job: impl FnOnce(&Rc<Core>) + Send + 'static) -> Result<(), Error> {
        if self.process != std::process::id() {
            return Err(error::after_fork());
        }
        self.jobs.send(Box::new(job)).map_err(|_| error::disconnected())
    }
}
