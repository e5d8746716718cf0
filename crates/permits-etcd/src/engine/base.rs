//! What all semaphores of a connection have in common: the calls, the settings, and the lease.

use crate::engine::clock;
use crate::engine::keys::Member;
use crate::engine::rpc::{Rpc, Until};
use crate::engine::session::Session;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

pub(crate) struct Settings {
    /// Of all keys; it ends with a slash.
    pub(crate) root: String,
    pub(crate) ttl: Duration,
    /// In which time a call ends that no server answers.
    pub(crate) answer: Duration,
    pub(crate) member: Member,
}

pub(crate) struct Base {
    pub(crate) rpc: Rpc,
    pub(crate) settings: Settings,
    session: RefCell<Option<Rc<Session>>>,
    /// One asks for a lease, and the others wait for it.
    pub(crate) opening: Mutex<()>,
    /// No new lease: the connection is being closed.
    ending: Cell<bool>,
    /// Of the last act that had to be told from all others.
    last: Cell<u64>,
}

impl Base {
    pub(crate) fn new(rpc: Rpc, settings: Settings) -> Base {
        Base {
            rpc,
            settings,
            session: RefCell::new(None),
            opening: Mutex::new(()),
            ending: Cell::new(false),
            last: Cell::new(0),
        }
    }

    /// A number that this connection has not used before.
    pub(crate) fn number(&self) -> u64 {
        self.last.set(self.last.get() + 1);
        self.last.get()
    }

    /// A text that no other step of any connection has.
    pub(crate) fn mark(&self) -> String {
        let Member { host, pid, .. } = &self.settings.member;
        format!("{host}/{pid}/{}/{}", clock::now().since_boot().as_nanos(), self.number())
    }

    pub(crate) fn is_ending(&self) -> bool {
        self.ending.get()
    }

    /// The lease, if there is one and it is held.
    pub(crate) fn held(&self) -> Option<Rc<Session>> {
        self.session.borrow().as_ref().filter(|session| !session.lease.is_lost()).map(Rc::clone)
    }

    pub(crate) fn has(&self, session: &Rc<Session>) {
        *self.session.borrow_mut() = Some(Rc::clone(session));
    }

    /// A lease is lost: the next request asks for another.
    pub(crate) fn lost(&self, session: &Rc<Session>) {
        let mut current = self.session.borrow_mut();
        if current.as_ref().is_some_and(|current| Rc::ptr_eq(current, session)) {
            *current = None;
        }
    }

    /// Gives the lease back, with all that is held under it.
    pub(crate) async fn end(&self) {
        self.ending.set(true);
        let session = self.session.borrow_mut().take();
        if let Some(session) = session {
            session.lease.revoke();
            let soon = Until::Time(Instant::now() + self.settings.answer);
            _ = self.rpc.revoke(session.id, soon).await;
        }
    }
}
