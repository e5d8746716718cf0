//! A client's part in one semaphore under one lease: its epoch, and the numbers of its keys.
//!
//! # Invariants
//!
//! - **N1 own.** A number is used by one request at a time, and no other client uses numbers of this lease.
//! - **N2 known.** A number is used again only if the outcome of every call with it is known and no try of
//!   one was in doubt. Others are *burnt*: never used again under this lease. So a try that takes effect late
//!   can neither delete nor take over a place that is alive.
//! - **N3 epoch.** Every write but a plain delete has to find the epoch that it was sent in. A client that
//!   was in doubt moves its epoch on, and then deletes what late tries of the old one may have left. So no
//!   place stays that its client does not know of.
//! - **N4 order.** A place that was in doubt is given back or made loose only after the epoch has moved on. So
//!   what is deleted is not created again by a late try, and what is deleted after a move is no loose permit.

use crate::engine::keys::Name;
use crate::engine::session::Session;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use tokio::sync::Notify;

/// A key that a late try may create.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ghost {
    Place(Name),
    Return(Name),
}

impl Ghost {
    pub(crate) fn name(self) -> Name {
        match self {
            Ghost::Place(name) | Ghost::Return(name) => name,
        }
    }
}

pub(crate) struct Seat {
    pub(crate) session: Rc<Session>,
    pub(crate) epoch: Cell<i64>,
    free: RefCell<BTreeSet<u32>>,
    used: RefCell<BTreeSet<u32>>,
    next: Cell<u32>,
    /// In use, and not to be used again.
    burnt: RefCell<BTreeSet<u32>>,
    /// A call was in doubt since the epoch has begun.
    pub(crate) in_doubt: Cell<bool>,
    /// To be deleted in the next epoch, unless they are in use then.
    ghosts: RefCell<BTreeSet<Ghost>>,
    pub(crate) is_moving_on: Cell<bool>,
    pub(crate) moved_on: Notify,
}

impl Seat {
    pub(crate) fn new(session: Rc<Session>, epoch: i64) -> Seat {
        Seat {
            next: Cell::new(session.unburnt.get()),
            session,
            epoch: Cell::new(epoch),
            free: RefCell::default(),
            used: RefCell::default(),
            burnt: RefCell::default(),
            in_doubt: Cell::new(false),
            ghosts: RefCell::default(),
            is_moving_on: Cell::new(false),
            moved_on: Notify::new(),
        }
    }

    /// Numbers, in ascending order; small ones first, since a key that was used before costs etcd less than
    /// one that is new.
    pub(crate) fn take(&self, count: usize) -> Vec<Name> {
        let mut free = self.free.borrow_mut();
        let mut numbers: Vec<u32> = Vec::with_capacity(count);
        while numbers.len() < count
            && let Some(number) = free.pop_first()
        {
            numbers.push(number);
        }
        while numbers.len() < count {
            numbers.push(self.next.get());
            self.next.set(self.next.get() + 1);
        }
        self.used.borrow_mut().extend(&numbers);
        numbers.into_iter().map(|number| Name { lease: self.session.id, number }).collect()
    }

    /// Whether a place of that name is alive, or may become so.
    pub(crate) fn is_used(&self, name: Name) -> bool {
        self.used.borrow().contains(&name.number)
    }

    /// Their keys are not there, and no call with them is under way.
    pub(crate) fn put_back(&self, names: &[Name]) {
        let (mut used, mut free) = (self.used.borrow_mut(), self.free.borrow_mut());
        let mut burnt = self.burnt.borrow_mut();
        for name in names {
            used.remove(&name.number);
            if !burnt.remove(&name.number) {
                free.insert(name.number);
            }
        }
    }

    /// A call with them, which are in use, was in doubt (N2).
    pub(crate) fn burn(&self, names: &[Name]) {
        for Name { number, .. } in names {
            self.burnt.borrow_mut().insert(*number);
            self.session.unburnt.set(self.session.unburnt.get().max(number + 1));
        }
    }

    pub(crate) fn is_burnt(&self, name: Name) -> bool {
        self.burnt.borrow().contains(&name.number)
    }

    /// A late try may create their keys (N3).
    pub(crate) fn haunt(&self, ghosts: impl IntoIterator<Item = Ghost>) {
        self.in_doubt.set(true);
        for ghost in ghosts {
            self.burn(&[ghost.name()]);
            self.ghosts.borrow_mut().insert(ghost);
        }
    }

    /// Waits until the epoch has moved on, if a call was in doubt: no late try takes effect any more. Or until
    /// the lease is lost.
    pub(crate) async fn has_moved_on(&self) {
        while self.is_moving_on.get() {
            self.moved_on.notified().await;
        }
    }

    /// What late tries may have left; no longer to be deleted afterwards.
    pub(crate) fn take_ghosts(&self) -> Vec<Ghost> {
        std::mem::take(&mut *self.ghosts.borrow_mut()).into_iter().collect()
    }
}
