//! Notifies others of what a commit has decided: which waiters are granted or refused, which is the first
//! now; and serving on (H3).

use crate::crash::{Point, point};
use crate::error::Error;
use crate::process::attachment::Attachment;
use crate::process::sys;
use crate::protocol::layout::{self, SEATS, WAITERS, waiter};
use crate::protocol::tx::{Outcome, Store, Trouble, Tx};
use crate::protocol::waiter::{Sleeper, Stage, Wakes, Who};
use std::sync::atomic::Ordering;
use std::time::Duration;

impl Attachment {
    /// Does something that may grant, refuse or change the first in line, as one commit, and notifies the
    /// waiters concerned.
    pub(crate) fn act<'s, T>(
        &'s self,
        act: impl FnMut(&mut Tx<'s>, &mut Wakes) -> Result<Outcome<T>, Trouble>,
    ) -> Result<T, Error> {
        self.act_then(act, |_| {})
    }

    /// As [`act`](Self::act), with something to be done between the commit and the telling.
    #[inline]
    pub(crate) fn act_then<'s, T>(
        &'s self,
        act: impl FnMut(&mut Tx<'s>, &mut Wakes) -> Result<Outcome<T>, Trouble>,
        then: impl FnOnce(&T),
    ) -> Result<T, Error> {
        self.act_in(self.store(), act, then)
    }

    /// The same, for acts that give back: they work in a state that was found damaged, and serve no waiter
    /// there.
    #[inline]
    pub(crate) fn act_to_give_back<'s, T>(
        &'s self,
        act: impl FnMut(&mut Tx<'s>, &mut Wakes) -> Result<Outcome<T>, Trouble>,
        then: impl FnOnce(&T),
    ) -> Result<T, Error> {
        self.act_in(self.store_to_give_back(), act, then)
    }

    #[inline]
    fn act_in<'s, T>(
        &'s self,
        store: Store<'s>,
        mut act: impl FnMut(&mut Tx<'s>, &mut Wakes) -> Result<Outcome<T>, Trouble>,
        then: impl FnOnce(&T),
    ) -> Result<T, Error> {
        let (value, wakes) = self.transact_in(store, |tx| {
            let mut wakes = Wakes::default();
            Ok(match act(tx, &mut wakes)? {
                Outcome::Keep(value) => Outcome::Keep((value, wakes)),
                Outcome::Commit(value) => Outcome::Commit((value, wakes)),
            })
        })?;
        then(&value);
        self.dispatch(wakes);
        Ok(value)
    }

    /// Wakes the waiters that a commit has granted or refused, notifies the new first in line, and goes on
    /// serving if there is more (H3).
    ///
    /// It cannot fail: what was committed is done, whatever is found on the way. A file that is found damaged
    /// there says so from then on.
    #[inline]
    pub(crate) fn dispatch(&self, wakes: Wakes) {
        if !wakes.is_empty() {
            self.dispatch_all(wakes);
        }
    }

    #[cold]
    fn dispatch_all(&self, mut wakes: Wakes) {
        loop {
            for (number, seat) in wakes.iter() {
                sys::ring(self.waiter_bell(number));
                if let Some(seat) = seat {
                    sys::ring(self.seat_bell(seat));
                }
            }
            point(Point::Woken);
            for head in wakes.heads {
                self.tell_head(usize::from(head));
            }
            if let Some(decider) = wakes.decider.checked_sub(1) {
                self.wake_for(usize::from(decider));
            }
            if !wakes.more {
                return;
            }
            let Ok((next, _)) = self.serve() else { return };
            wakes = next;
        }
    }

    /// Tells a waiter that it is the first now, if its process wants to be told.
    pub(crate) fn tell_head(&self, number: usize) {
        if number == 0 || number > WAITERS {
            return;
        }
        let tell = self.store().word(layout::waiter(number, waiter::TELL));
        // SeqCst: the commit that made it the first comes before, in the one order of all of them. Its
        // process asks and then looks whether it is the first: it finds that, or is told here.
        let wants = waiter::WANTS_TO_KNOW;
        if tell.load(Ordering::SeqCst) == wants
            && tell.compare_exchange(wants, 0, Ordering::SeqCst, Ordering::Relaxed).is_ok()
        {
            sys::ring(self.waiter_bell(number));
            let who = self.store().peek(layout::waiter(number, waiter::WHO));
            if let Ok(who) = Who::unpack(who) {
                sys::ring(self.seat_bell(who.seat));
            }
        }
    }

    /// Grants and refuses what can be, and notifies the waiters concerned. How long it is until the next start
    /// may be, if there is an acquirer that waits: to come back then.
    pub(crate) fn serve_all(&self) -> Result<Option<Duration>, Error> {
        let (wakes, rest) = self.serve()?;
        self.dispatch(wakes);
        Ok(rest.map(Duration::from_nanos))
    }

    /// Grants and refuses what can be, in case a process died or was stopped before it did; and how many
    /// nanoseconds it was too soon for the next start then (S1). By one look at the clock: a start is granted, or
    /// the rest is told.
    fn serve(&self) -> Result<(Wakes, Option<u64>), Error> {
        self.transact(|tx| {
            if !tx.has_work() {
                return Ok(Outcome::Keep((Wakes::default(), None)));
            }
            let (mut wakes, sweep) = (Wakes::default(), tx.book.sweep);
            tx.serve(&mut wakes)?;
            let rest = tx.too_soon().filter(|_| tx.book.acquirers.head != 0);
            let is_idle = wakes.is_empty() && tx.book.sweep == sweep;
            Ok(if is_idle { Outcome::Keep((wakes, rest)) } else { Outcome::Commit((wakes, rest)) })
        })
    }

    /// Wakes the waiters that a seat decided about last, unless they have noticed since: it may have died
    /// before it woke them.
    pub(crate) fn wake_for(&self, seat: usize) {
        if seat >= SEATS {
            return;
        }
        let store = self.store();
        for at in store.changed_by(seat) {
            let Some(number) = layout::waiter_of(at) else { continue };
            let Ok(who) = Who::unpack(store.peek(layout::waiter(number, waiter::WHO))) else { continue };
            // SeqCst as all of `TELL`; a task that comes much later than it was woken is not woken again and
            // again.
            let knows = store.word(layout::waiter(number, waiter::TELL)).load(Ordering::SeqCst) == waiter::KNOWS;
            if matches!(who.stage, Stage::Free | Stage::Queued) || knows {
                continue;
            }
            sys::ring(self.waiter_bell(number));
            if who.sleeper == Sleeper::Task {
                sys::ring(self.seat_bell(who.seat));
            }
        }
    }
}
