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
//! - **N4 settled.** A permit is made loose, and loose permits are taken, only when nothing of the seat is in
//!   doubt: a late try could create the place of a loose permit anew once it was returned, or write over the
//!   receipt of a later act.

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
    /// Not to be used again.
    burnt: RefCell<BTreeSet<u32>>,
    /// To be deleted in the next epoch, unless they are in use then.
    ghosts: RefCell<BTreeSet<Ghost>>,
    /// An act without a name of its own is in doubt: the next one has to be of a later epoch.
    is_in_doubt: Cell<bool>,
    pub(crate) is_moving_on: Cell<bool>,
    pub(crate) has_moved_on: Notify,
}

impl Seat {
    pub(crate) fn new(session: Rc<Session>, epoch: i64) -> Seat {
        Seat {
            session,
            epoch: Cell::new(epoch),
            free: RefCell::default(),
            used: RefCell::default(),
            next: Cell::new(0),
            burnt: RefCell::default(),
            ghosts: RefCell::default(),
            is_in_doubt: Cell::new(false),
            is_moving_on: Cell::new(false),
            has_moved_on: Notify::new(),
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
        let burnt = self.burnt.borrow();
        for name in names {
            used.remove(&name.number);
            if !burnt.contains(&name.number) {
                free.insert(name.number);
            }
        }
    }

    /// A call with them was in doubt (N2).
    pub(crate) fn burn(&self, names: &[Name]) {
        self.burnt.borrow_mut().extend(names.iter().map(|name| name.number));
    }

    /// A late try may create their keys (N3).
    pub(crate) fn haunt(&self, ghosts: impl IntoIterator<Item = Ghost>) {
        for ghost in ghosts {
            self.burn(&[ghost.name()]);
            self.ghosts.borrow_mut().insert(ghost);
        }
    }

    /// An act that creates no key may take effect late.
    pub(crate) fn doubt(&self) {
        self.is_in_doubt.set(true);
    }

    /// Whether something may take effect late in this epoch.
    pub(crate) fn has_to_move_on(&self) -> bool {
        self.is_in_doubt.get() || !self.ghosts.borrow().is_empty()
    }

    /// Waits until nothing that was in doubt can take effect any more, or the lease is lost.
    pub(crate) async fn is_settled(&self) {
        loop {
            let moved = self.has_moved_on.notified();
            if !self.is_moving_on.get() {
                break;
            }
            moved.await;
        }
    }

    /// What late tries may have left; no longer to be deleted afterwards.
    pub(crate) fn take_ghosts(&self) -> Vec<Ghost> {
        self.is_in_doubt.set(false);
        std::mem::take(&mut *self.ghosts.borrow_mut()).into_iter().collect()
    }
}
