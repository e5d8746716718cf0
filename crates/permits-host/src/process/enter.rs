//! A request on its way in and out: it takes or returns at once, or takes a place in a queue, and leaves it
//! with what it came to.

use crate::crash::{Point, point};
use crate::error::{self, Error};
use crate::process::attachment::Attachment;
use crate::process::files;
use crate::process::life::Suspects;
use crate::process::sys;
use crate::protocol::acts::{Collected, GiveUp, Refusal};
use crate::protocol::book::{Quick, Side};
use crate::protocol::layout::{self, WAITERS, seat, waiter};
use crate::protocol::tx::{Outcome, Trouble, Tx};
use crate::protocol::waiter::{Sleeper, Stage, Wakes, Who};
use permits::State;
use std::sync::atomic::Ordering;
use std::time::Duration;

pub(crate) enum Entry {
    Granted,
    Refused(Refusal),
    Queued {
        number: u16,
        /// It may have to wait for the time alone (S1), so no grace is given before it is looked after.
        spaced: bool,
    },
}

#[cold]
pub(crate) fn try_slowly(side: Side, attachment: &Attachment, n: u32) -> Result<(), Error> {
    match enter(side, attachment, n, None)? {
        Entry::Granted => return Ok(()),
        // What the dead hold is free, though nobody has said so yet (C18), and what they never took is no start
        // (S3).
        Entry::Refused(Refusal::NotNow { .. } | Refusal::TooSoon { .. }) if attachment.reap(Suspects::InTheWay)? => {}
        Entry::Refused(refusal) => return Err(attachment.refused(side, refusal)),
        Entry::Queued { .. } => unreachable!("it was not told to queue"),
    }
    match enter(side, attachment, n, None)? {
        Entry::Granted => Ok(()),
        Entry::Refused(refusal) => Err(attachment.refused(side, refusal)),
        Entry::Queued { .. } => unreachable!("it was not told to queue"),
    }
}

/// Takes or returns `n` at once, or queues as `sleeper`; without one it is refused.
pub(crate) fn enter(side: Side, attachment: &Attachment, n: u32, sleeper: Option<Sleeper>) -> Result<Entry, Error> {
    loop {
        let own = attachment.seat;
        let (entry, was_idle, wakes) = attachment.transact(|tx| {
            let mut wakes = Wakes::default();
            let was_idle = side == Side::Acquire && tx.held(own)? == 0;
            let entry = match (tx.enter(own, side, n)?, sleeper) {
                (Ok(()), _) => Entry::Granted,
                (Err(Refusal::NotNow { .. } | Refusal::TooSoon { .. }), Some(sleeper)) => {
                    match tx.enqueue(own, side, sleeper, n)? {
                        Some(number) => Entry::Queued { number, spaced: tx.book.interval != 0 },
                        None => Entry::Refused(Refusal::Crowded),
                    }
                }
                (Err(refusal), _) => return Ok(Outcome::Keep((Entry::Refused(refusal), false, wakes))),
            };
            if let Entry::Refused(_) = entry {
                return Ok(Outcome::Keep((entry, false, wakes)));
            }
            // Returned permits are for those who wait; and whoever was to serve those before us may be dead.
            if tx.has_work() {
                tx.serve(&mut wakes)?;
            }
            Ok(Outcome::Commit((entry, was_idle, wakes)))
        })?;
        match entry {
            Entry::Granted => {
                point(Point::Taken);
                if was_idle {
                    attachment.note(seat::SINCE);
                }
                if side == Side::Release {
                    attachment.note(seat::USED);
                }
            }
            Entry::Queued { number, .. } => {
                if was_idle {
                    // Whoever grants it cannot tell the time for this seat.
                    attachment.store().word(layout::seat(own, seat::SINCE)).store(0, Ordering::Relaxed);
                }
                // Whatever the one before in this place knew.
                attachment.tell(number).store(0, Ordering::SeqCst);
                let since = layout::waiter(usize::from(number), waiter::SINCE);
                // Relaxed: told for tables.
                attachment.store().word(since).store(sys::now(), Ordering::Relaxed);
                point(Point::Queued);
            }
            Entry::Refused(Refusal::Crowded) if attachment.make_room()? => continue,
            Entry::Refused(_) => {}
        }
        attachment.dispatch(wakes);
        return Ok(entry);
    }
}

/// The readings, with what the first of the queues want.
pub(crate) fn readings(tx: &mut Tx<'_>) -> Result<State, Trouble> {
    let mut state = tx.book.readings();
    let heads = (tx.book.acquirers.head, tx.book.releasers.head);
    if heads.0 != 0 {
        state.next_acquirer = tx.units(heads.0)?;
    }
    if heads.1 != 0 {
        state.next_releaser = tx.units(heads.1)?;
    }
    Ok(state)
}

impl Attachment {
    /// Takes permits in the plainest case.
    #[inline]
    pub(crate) fn take_quickly(&self, n: u32) -> bool {
        let taken = self.quick(Quick::Take(n));
        if taken {
            point(Point::Taken);
            self.note_since(Side::Acquire, n);
        }
        taken
    }

    /// Writes the time down in a word of this seat.
    #[inline]
    pub(crate) fn note(&self, word: usize) {
        // Relaxed: told for tables.
        self.store().word(layout::seat(self.seat, word)).store(sys::now(), Ordering::Relaxed);
    }

    /// If what was just granted is all that this seat holds, it holds it since now.
    pub(crate) fn note_since(&self, side: Side, n: u32) {
        let store = self.store();
        let held = store
            .peek(layout::seat(self.seat, seat::OWN))
            .wrapping_add(store.peek(layout::seat(self.seat, seat::GIVEN)));
        if side == Side::Acquire && held <= n {
            self.note(seat::SINCE);
        }
    }

    pub(crate) fn stage_of(&self, number: u16) -> Result<Stage, Error> {
        let who = self.store().peek(layout::waiter(usize::from(number), waiter::WHO));
        match Who::unpack(who) {
            Ok(who) => Ok(who.stage),
            Err(_) => Err(self.place.damaged("a waiter is in an unknown stage")),
        }
    }

    /// Which one a waiter is in its queue; `None` if it is in none.
    pub(crate) fn position(&self, number: u16) -> Result<Option<u32>, Error> {
        self.look(|tx| {
            let who = tx.who(number)?;
            if who.stage != Stage::Queued {
                return Ok(None);
            }
            let (mut position, mut at) = (1, number);
            loop {
                match tx.before(at, who.side)? {
                    0 => return Ok(Some(position)),
                    before => at = before,
                }
                position += 1;
                if position > u32::from(tx.book.waiters_used) {
                    return Err(Trouble::Damaged("a queue is a circle"));
                }
            }
        })
    }

    pub(crate) fn timed_out(&self, side: Side, n: u32) -> Error {
        let error = error::timed_out(&self.place.name, side, n, self.readings());
        // Otherwise the readings may say that it could have had them.
        match (side, self.look(|tx| Ok(tx.book.interval)), self.rest()) {
            (Side::Acquire, Ok(interval), Ok(Some(rest))) => {
                error.with_source(error::too_soon(Duration::from_millis(interval.into()), rest))
            }
            _ => error,
        }
    }

    /// The readings, at one instant.
    pub(crate) fn readings(&self) -> Result<State, Error> {
        self.look(readings)
    }

    /// Makes room for more waiters; `false` if there can be no more.
    pub(crate) fn make_room(&self) -> Result<bool, Error> {
        let backed = self.look(|tx| Ok(usize::from(tx.book.waiters_backed)))?;
        let more = (2 * backed + 1).min(WAITERS);
        if more == backed {
            return Ok(false);
        }
        let probe = self.probe(&self.probe)?;
        files::back_waiters(&probe, backed, more)
            .map_err(|error| self.failed("make room for more waiters in", error))?;
        point(Point::Grown);
        self.transact(|tx| {
            let more = u16::try_from(more).expect("no more than 65535");
            if tx.book.waiters_backed >= more {
                return Ok(Outcome::Keep(()));
            }
            tx.book.waiters_backed = more;
            Ok(Outcome::Commit(()))
        })?;
        Ok(true)
    }

    /// What a waiter of this seat has come to.
    pub(crate) fn collect(&self, number: u16, give_up: GiveUp) -> Result<Collected, Error> {
        let (collected, wakes, heads) = self.transact_in(self.store_to_give_back(), |tx| {
            let mut wakes = Wakes::default();
            let collected = tx.collect(self.seat, number, give_up, &mut wakes)?;
            let heads = [tx.book.acquirers.head, tx.book.releasers.head];
            let outcome = (collected, wakes, heads);
            Ok(if collected == Collected::Queued { Outcome::Keep(outcome) } else { Outcome::Commit(outcome) })
        })?;
        if collected != Collected::Queued {
            point(Point::Collecting);
            self.note(seat::USED);
            self.dispatch(wakes);
            for head in heads {
                self.tell_head(usize::from(head));
            }
        }
        Ok(collected)
    }

    /// Why a request failed, in words.
    pub(crate) fn refused(&self, side: Side, refusal: Refusal) -> Error {
        error::refused(&self.place.name, side, refusal)
    }
}
