//! Calls of one kind that go to etcd together.

use crate::engine::keys::Name;
use crate::engine::seat::{Ghost, Seat};
use crate::error::Error;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use tokio::sync::{Notify, oneshot};

/// Calls of one kind, which are collected while one of them is under way.
pub(crate) struct Lane<T> {
    pub(crate) queue: RefCell<VecDeque<T>>,
    pub(crate) is_busy: Cell<bool>,
    pub(crate) is_done: Notify,
}

impl<T> Lane<T> {
    pub(crate) fn new() -> Lane<T> {
        Lane { queue: RefCell::default(), is_busy: Cell::new(false), is_done: Notify::new() }
    }
}

/// A request that is not sent yet.
pub(crate) struct Ask {
    pub(crate) n: u32,
    pub(crate) reply: oneshot::Sender<Result<Placed, Error>>,
}

/// A place in the queue.
pub(crate) struct Placed {
    pub(crate) seat: Rc<Seat>,
    pub(crate) names: Vec<Name>,
    pub(crate) create: i64,
    /// The number of its last permit among those of its revision.
    pub(crate) index: u8,
    /// Whether it was granted in the same transaction. If not it may be since.
    pub(crate) is_granted: bool,
}

/// Keys to delete.
pub(crate) struct Give {
    pub(crate) seat: Rc<Seat>,
    pub(crate) keys: Vec<Key>,
    pub(crate) reply: Option<oneshot::Sender<Result<(), Error>>>,
}

#[derive(Clone, Copy)]
pub(crate) enum Key {
    Place(Name),
    Return(Name),
    /// May be there; its name is burnt and not in use.
    Ghost(Ghost),
}

impl Key {
    pub(crate) fn name(self) -> Name {
        match self {
            Key::Place(name) | Key::Return(name) => name,
            Key::Ghost(ghost) => ghost.name(),
        }
    }
}
