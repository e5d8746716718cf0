//! One semaphore, as a connection knows it: its configuration, the connection's seat in it, and who waits or
//! holds here.

use crate::engine::base::Base;
use crate::engine::keys::{Config, Key, Name, Space};
use crate::engine::lane::{Ask, Give, Lane};
use crate::engine::ops;
use crate::engine::renew;
use crate::engine::rpc::{Failure, Until};
use crate::engine::seat::Seat;
use crate::engine::stubs::{KeyValue, TxnRequest};
use crate::engine::view::{Changes, Rank, View};
use crate::engine::waiter::Waiter;
use crate::error::{self, Error};
use permits::lease::Lease;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// A permit that is held here.
pub(crate) struct Held {
    pub(crate) seat: Rc<Seat>,
    pub(crate) create: i64,
    /// Says that its key was deleted by another.
    pub(crate) gone: Arc<Lease>,
}

pub(crate) struct Room {
    pub(crate) base: Rc<Base>,
    pub(crate) name: String,
    pub(crate) space: Space,
    /// And the revision at which it was written; the newest that was heard of.
    config: RefCell<Option<(Config, i64)>>,
    seat: RefCell<Option<Rc<Seat>>>,
    seating: Mutex<()>,
    pub(crate) asks: Lane<Ask>,
    pub(crate) gives: Lane<Give>,
    /// One release of loose permits at a time: its receipt must not be written over.
    pub(crate) returning: Mutex<()>,
    pub(crate) view: RefCell<View>,
    /// By the first of their names; in `returning` by their only one.
    pub(crate) waiters: RefCell<HashMap<Name, Rc<Waiter>>>,
    pub(crate) releasers: RefCell<HashMap<Name, Rc<Waiter>>>,
    pub(crate) held: RefCell<HashMap<Name, Held>>,
    pub(crate) is_watched: Cell<bool>,
    pub(crate) is_guarded: Cell<bool>,
}

impl Room {
    pub(crate) fn new(base: &Rc<Base>, name: &str) -> Room {
        let space = Space::new(&base.settings.root, name);
        Room {
            base: Rc::clone(base),
            name: name.to_owned(),
            view: RefCell::new(View::new(space.clone(), name)),
            space,
            config: RefCell::new(None),
            seat: RefCell::new(None),
            seating: Mutex::new(()),
            asks: Lane::new(),
            gives: Lane::new(),
            returning: Mutex::new(()),
            waiters: RefCell::default(),
            releasers: RefCell::default(),
            held: RefCell::default(),
            is_watched: Cell::new(false),
            is_guarded: Cell::new(false),
        }
    }

    /// Whether nothing waits here, is held here or is on its way.
    pub(crate) fn is_idle(&self) -> bool {
        let is_empty = self.waiters.borrow().is_empty() && self.releasers.borrow().is_empty();
        is_empty && self.held.borrow().is_empty() && !self.asks.is_busy.get() && !self.gives.is_busy.get()
    }

    /// Until when a call that begins now is tried.
    pub(crate) fn patience(&self) -> Until<'static> {
        Until::Time(Instant::now() + self.base.settings.answer)
    }

    /// Waits until nothing is on its way in or back.
    pub(crate) async fn is_settled(&self) {
        while self.asks.is_busy.get() {
            self.asks.is_done.notified().await;
        }
        self.gives_are_done().await;
    }

    /// Waits until nothing is on its way back.
    pub(crate) async fn gives_are_done(&self) {
        while self.gives.is_busy.get() {
            self.gives.is_done.notified().await;
        }
    }

    /// The newest configuration that was heard of, and when it was written.
    pub(crate) fn config(&self) -> Option<(Config, i64)> {
        self.config.borrow().clone()
    }

    /// Takes over what was heard of the configuration: `None` if its key is not there, at that revision.
    ///
    /// # Errors
    ///
    /// If it is not that of a semaphore.
    pub(crate) fn heard(&self, key: Option<&KeyValue>) -> Result<(), Error> {
        let mut known = self.config.borrow_mut();
        match key {
            Some(key) if known.as_ref().is_some_and(|(_, written)| *written >= key.mod_revision) => {}
            Some(key) => *known = Some((Config::parse(&key.value, &self.name)?, key.mod_revision)),
            None => *known = None,
        }
        Ok(())
    }

    /// It has no configuration any more.
    pub(crate) fn forget(&self) {
        *self.config.borrow_mut() = None;
    }

    /// As [`heard`](Self::heard), of a configuration that is read already.
    pub(crate) fn knows(&self, config: (Config, i64)) {
        let mut known = self.config.borrow_mut();
        if known.as_ref().is_none_or(|(_, written)| *written < config.1) {
            *known = Some(config);
        }
    }

    /// Reads the configuration, if there is one.
    pub(crate) async fn ask_config(&self, until: Until<'_>) -> Result<Option<(Config, i64)>, Error> {
        let request = crate::engine::stubs::RangeRequest { key: self.space.config(), ..Default::default() };
        let answer = self.base.rpc.read(request, until).await.map_err(|failure| self.failed(failure))?;
        self.heard(answer.kvs.first())?;
        Ok(self.config())
    }

    /// All that there is of the semaphore, at one revision.
    pub(crate) async fn read(&self, until: Until<'_>) -> Result<View, Error> {
        let answer = self.base.rpc.read(ops::all(&self.space.all()), until).await;
        let answer = answer.map_err(|failure| self.failed(failure))?;
        let revision = answer.header.as_ref().map_or(0, |header| header.revision);
        let mut view = View::new(self.space.clone(), &self.name);
        view.replace(revision, &answer.kvs)?;
        let config = answer.kvs.iter().find(|key| self.space.parse(&key.key) == Key::Config);
        self.heard(config)?;
        if view.config.is_none() { Err(error::gone(&self.name)) } else { Ok(view) }
    }

    /// A failure as an error of this semaphore.
    pub(crate) fn failed(&self, failure: Failure) -> Error {
        failure.into_error(self.base.settings.answer).with_semaphore(&self.name)
    }

    /// The part of this connection in the semaphore, under the lease that it has now.
    pub(crate) async fn seat(&self, until: Until<'_>) -> Result<Rc<Seat>, Failure> {
        let session = renew::session(&self.base, until).await?;
        let here = || {
            let seat = self.seat.borrow();
            seat.as_ref().filter(|seat| Rc::ptr_eq(&seat.session, &session)).map(Rc::clone)
        };
        if let Some(seat) = here() {
            return Ok(seat);
        }
        let _one = self.seating.lock().await;
        if let Some(seat) = here() {
            return Ok(seat);
        }
        let member = self.space.member(session.id);
        let value = self.base.settings.member.written();
        let request = TxnRequest {
            compare: vec![ops::version_is(member.clone(), 0)],
            success: vec![ops::put(member.clone(), value, session.id)],
            failure: vec![ops::get(member)],
        };
        let outcome = self.base.rpc.write(request, until).await;
        if outcome.as_ref().is_err_and(Failure::is_of_a_lost_lease) {
            session.lease.revoke();
        }
        let answer = outcome?.value;
        // Not the first try, if it is there already.
        let epoch = if answer.succeeded { 1 } else { ops::found(&answer.responses, 0).map_or(1, |key| key.version) };
        let seat = Rc::new(Seat::new(session, epoch));
        *self.seat.borrow_mut() = Some(Rc::clone(&seat));
        Ok(seat)
    }

    /// The seat, if there is one and its lease is held.
    pub(crate) fn seat_now(&self) -> Option<Rc<Seat>> {
        self.seat.borrow().as_ref().filter(|seat| !seat.session.lease.is_lost()).map(Rc::clone)
    }

    /// Tells those who wait or hold what has become of their keys.
    pub(crate) fn tell(&self, changes: &Changes) {
        let granted = changes.granted.iter().chain(&changes.gone);
        for (create, name) in granted {
            let waiter = self.waiters.borrow().get(name).filter(|waiter| waiter.create == *create).map(Rc::clone);
            waiter.iter().for_each(|waiter| waiter.look());
        }
        for rank in &changes.gone {
            self.is_gone(*rank);
        }
        let seat = self.seat_now();
        if let Some(seat) = seat.filter(|seat| changes.members_gone.contains(&seat.session.id)) {
            // Its lease has ended, or somebody has deleted its key: in both cases nothing can be written
            // under it.
            seat.session.lease.revoke();
        }
        self.releasers.borrow().values().for_each(|waiter| waiter.look());
    }

    /// The key of a place was deleted, and not by this connection, if it is still held here.
    pub(crate) fn is_gone(&self, (create, name): Rank) {
        let held = self.held.borrow();
        if let Some(held) = held.get(&name).filter(|held| held.create <= create) {
            held.gone.revoke();
        }
    }

    /// The number of permits has changed, or it was closed, or all was read anew: all look.
    pub(crate) fn tell_all(&self) {
        self.waiters.borrow().values().for_each(|waiter| waiter.look());
        self.releasers.borrow().values().for_each(|waiter| waiter.look());
    }
}
