//! How jobs reach the thread of a connection.

use crate::engine::core::{Core, Job};
use crate::error::{self, Error};
use std::rc::Rc;
use tokio::sync::mpsc;

/// What only the process that made it may use: a child of a fork has no thread of the connection, and what that
/// thread had locked at the fork stays locked there. So a child does not drop it either.
pub(crate) struct Ours<T> {
    value: Option<T>,
    process: u32,
}

impl<T> Ours<T> {
    pub(crate) fn new(value: T) -> Ours<T> {
        Ours { value: Some(value), process: std::process::id() }
    }

    pub(crate) fn get(&self) -> Result<&T, Error> {
        self.value.as_ref().filter(|_| self.is_ours()).ok_or_else(error::after_fork)
    }

    pub(crate) fn get_mut(&mut self) -> Result<&mut T, Error> {
        let is_ours = self.is_ours();
        self.value.as_mut().filter(|_| is_ours).ok_or_else(error::after_fork)
    }

    fn is_ours(&self) -> bool {
        self.process == std::process::id()
    }
}

impl<T> Drop for Ours<T> {
    fn drop(&mut self) {
        if !self.is_ours() {
            std::mem::forget(self.value.take());
        }
    }
}

/// How jobs reach the thread of a connection. It ends when the last of its users is gone.
pub(crate) struct Link {
    jobs: Ours<mpsc::UnboundedSender<Job>>,
}

impl Link {
    pub(crate) fn new(jobs: mpsc::UnboundedSender<Job>) -> Link {
        Link { jobs: Ours::new(jobs) }
    }

    pub(crate) fn run(&self, job: impl FnOnce(&Rc<Core>) + Send + 'static) -> Result<(), Error> {
        self.jobs.get()?.send(Box::new(job)).map_err(|_| error::disconnected())
    }
}
