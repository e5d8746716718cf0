//! What is done to a semaphore, as transactions: sequential code, each step of which is one commit.
//!
//! # What must stay true, besides T1 to T5 of `tx.rs`
//!
//! - **H1** `free + loose + reserved + all that seats hold = max`. Every commit keeps it.
//! - **H2** Waiters enter at the tail and leave from the head, unless they give up, are refused, or their
//!   process has died (C8).
//! - **H3** When a process has nothing more to do, no head fits, but for one that S1 holds up, whose process
//!   comes back when it is time: every commit that can make a head fit serves, as far as the changes of one
//!   commit go, and says whether there is `more`; its process goes on then, and so does each process
//!   that is woken, in case it cannot. A woken process also wakes those that the last `decider` decided about,
//!   and tells the one that is first now: the `decider` may be dead.
//! - **H4** Permits are passed on to the head: a waiter that is stopped holds what it was granted, and not the queue.
//! - **S1** Where starts are spaced (`Book::interval`), a commit starts one at most, and none before the
//!   interval is over since the last. A start is an acquisition that is granted, of any number of permits but
//!   0.
//! - **S2** The commit that starts one writes down when, with the grant itself: a start counts though its
//!   process dies right after it. Releases are not spaced, and are served while acquirers wait for the time.
//! - **S3** A start that its waiter has never taken is none: if the waiter gives up, or is found dead, and no
//!   other acquisition was granted since, the start before it is the last again, by which the next one goes. One
//!   commit takes the waiter out and undoes its start, so it is undone once.

use crate::protocol::book::{Book, MAX_INTERVAL, MAX_PERMITS, Side};
use crate::protocol::layout::{self, WAITERS, seat, waiter};
use crate::protocol::seat::SeatWord;
use crate::protocol::tx::{Trouble, Tx};
use crate::protocol::waiter::{Links, Sleeper, Stage, Wakes, Who};

/// Why a request is not granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Closed,
    Gone,
    TooMany {
        requested: u32,
        max: u32,
    },
    NotNow {
        requested: u32,
        at_hand: u32,
    },
    /// The last start was too short a time ago (S1): how many nanoseconds are left.
    TooSoon {
        rest: u64,
        /// In milliseconds.
        interval: u32,
    },
    /// Every place of the queue is taken.
    Crowded,
}

/// Whether the waiter wants to go on waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GiveUp {
    /// It goes on waiting.
    No,
    /// Its time is over; what it was granted before it gladly takes (C11).
    Unless,
    /// It is not there any more; what it was granted is passed on (C10).
    Wholly,
}

/// What a waiter has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Collected {
    Queued,
    Granted,
    GaveUp,
    Refused(Refusal),
}

/// A waiter whose fate is settled by the state. What was read to decide is what counts: another process may
/// write nonsense over it before it could be read again.
#[derive(Clone, Copy)]
struct Decision {
    number: u16,
    who: Who,
    n: u32,
    stage: Stage,
}

const fn index(side: Side) -> usize {
    match side {
        Side::Acquire => 0,
        Side::Release => 1,
    }
}

impl Tx<'_> {
    fn links(&self, number: u16) -> Result<Links, Trouble> {
        let word = self.read(layout::waiter(usize::from(number), waiter::LINKS))?;
        #[expect(clippy::cast_possible_truncation, reason = "two halves")]
        let links = Links { before: (word >> 16) as u16, behind: word as u16 };
        if links.before > self.book.waiters_used || links.behind > self.book.waiters_used {
            return Err(Trouble::Damaged("a waiter stands behind one that does not exist"));
        }
        Ok(links)
    }

    fn set_links(&mut self, number: u16, links: &Links) -> Result<(), Trouble> {
        self.write(layout::waiter(usize::from(number), waiter::LINKS), links.pack())
    }

    /// The waiter of that number.
    pub(crate) fn who(&self, number: u16) -> Result<Who, Trouble> {
        Who::unpack(self.read(layout::waiter(usize::from(number), waiter::WHO))?)
    }

    fn set_stage(&mut self, number: u16, who: Who, stage: Stage) -> Result<(), Trouble> {
        self.write(layout::waiter(usize::from(number), waiter::WHO), Who { stage, ..who }.pack())
    }

    /// How many permits a waiter is there for.
    pub(crate) fn units(&self, number: u16) -> Result<u32, Trouble> {
        let units = self.read(layout::waiter(usize::from(number), waiter::UNITS))?;
        // More than there can be is too many in any case, and this much can be counted with.
        Ok(units.min(MAX_PERMITS + 1))
    }

    /// The one that a waiter stands behind; 0 if it is the first.
    pub(crate) fn before(&self, number: u16, side: Side) -> Result<u16, Trouble> {
        if self.book.queue(side).head == number { Ok(0) } else { Ok(self.links(number)?.before) }
    }

    /// The one behind a waiter; 0 if it is the last.
    pub(crate) fn behind(&self, number: u16) -> Result<u16, Trouble> {
        Ok(self.links(number)?.behind)
    }

    /// Whether a seat is taken, and by which of its generations.
    pub(crate) fn status(&self, seat: usize) -> Result<SeatWord, Trouble> {
        Ok(SeatWord::unpack(self.read(layout::seat(seat, seat::STATUS))?))
    }

    /// How many permits a seat holds.
    pub(crate) fn held(&self, seat: usize) -> Result<u32, Trouble> {
        let own = self.read(layout::seat(seat, seat::OWN))?;
        Ok(own.wrapping_add(self.read(layout::seat(seat, seat::GIVEN))?))
    }

    #[inline]
    fn add_own(&mut self, seat: usize, change: i32) -> Result<(), Trouble> {
        let at = layout::seat(seat, seat::OWN);
        let own = self.read(at)?;
        self.write(at, own.wrapping_add_signed(change))
    }

    fn add_given(&mut self, seat: usize, change: u32) -> Result<(), Trouble> {
        let at = layout::seat(seat, seat::GIVEN);
        let given = self.read(at)?;
        self.write(at, given.wrapping_add(change))
    }

    /// More than this do not fit into the state: what is out, and what is free, are bounded by it.
    fn add_free(&mut self, n: u32) -> Result<(), Trouble> {
        match self.book.free.checked_add_unsigned(n) {
            Some(free) if i64::from(free) <= i64::from(self.book.max) => self.book.free = free,
            _ => return Err(Trouble::Damaged("more permits come back than were out")),
        }
        Ok(())
    }

    /// Likewise for the loose ones, which are among those that are out.
    fn add_loose(&mut self, n: u32) -> Result<(), Trouble> {
        match self.book.loose.checked_add(n) {
            Some(loose) if loose <= self.book.given_out() => self.book.loose = loose,
            _ => return Err(Trouble::Damaged("more permits become loose than are out")),
        }
        Ok(())
    }

    fn take_loose(&mut self, n: u32) -> Result<(), Trouble> {
        match self.book.loose.checked_sub(n) {
            Some(loose) => self.book.loose = loose,
            None => return Err(Trouble::Damaged("more loose permits come back than there are")),
        }
        Ok(())
    }

    /// Takes or returns `n` permits if that is possible at once, and there are no waiters on that side.
    #[inline]
    pub(crate) fn enter(&mut self, own: usize, side: Side, n: u32) -> Result<Result<(), Refusal>, Trouble> {
        let Book { max, closed, gone, loose, .. } = self.book;
        match side {
            Side::Acquire => {
                if closed {
                    return Ok(Err(Refusal::Closed));
                }
                if gone {
                    return Ok(Err(Refusal::Gone));
                }
                if n > max {
                    return Ok(Err(Refusal::TooMany { requested: n, max }));
                }
                if n > 0 && (self.book.acquirers.head != 0 || !self.book.fits(n)) {
                    return Ok(Err(Refusal::NotNow { requested: n, at_hand: self.book.available() }));
                }
                if n > 0
                    && let Some(rest) = self.too_soon()
                {
                    return Ok(Err(Refusal::TooSoon { rest, interval: self.book.interval }));
                }
                self.start(n);
                self.add_own(own, n.cast_signed())?;
            }
            Side::Release => {
                if n == 0 {
                    return Ok(Ok(()));
                }
                // More than there are, since a shrink, may be loose still, and come back like any others.
                if self.book.releasers.head != 0 || loose < n {
                    return Ok(Err(match (closed, gone) {
                        (true, _) => Refusal::Closed,
                        (_, true) => Refusal::Gone,
                        _ if n > max => Refusal::TooMany { requested: n, max },
                        _ => Refusal::NotNow { requested: n, at_hand: loose },
                    }));
                }
                self.take_loose(n)?;
                self.add_free(n)?;
            }
        }
        Ok(Ok(()))
    }

    /// How many nanoseconds it is too soon for the next start (S1); nothing if it may be now.
    #[inline]
    pub(crate) fn too_soon(&self) -> Option<u64> {
        if self.book.interval == 0 {
            return None;
        }
        let rest = self.now.map_or(u64::MAX, |now| self.book.rest(now));
        (rest > 0).then_some(rest)
    }

    /// Takes permits out of the free ones for an acquirer that is granted them now (S2).
    #[inline]
    fn start(&mut self, n: u32) {
        self.book.free -= n.cast_signed();
        self.book.granted = self.book.granted.wrapping_add(1);
        if self.book.interval != 0
            && n > 0
            && let Some(now) = self.now
        {
            self.book.start(now);
        }
    }

    /// What the links of a waiter say from its start on: not its place in a queue, but which grant it was.
    fn start_mark(&self) -> u32 {
        #[expect(clippy::cast_possible_truncation, reason = "the low half tells one grant from those soon after")]
        let granted = self.book.granted as u32;
        // Counted down from the top, lest links that a waiter was granted with, of a process that does not mark
        // starts, pass for a mark: those that high are of a full table.
        !granted
    }

    /// Undoes the start of a waiter that has not taken it, if that is the last (S3).
    fn undo_start(&mut self, number: u16) -> Result<(), Trouble> {
        if self.book.interval != 0
            && self.read(layout::waiter(usize::from(number), waiter::LINKS))? == self.start_mark()
        {
            self.book.undo_start();
        }
        Ok(())
    }

    /// Sets the time between two starts, in milliseconds; 0: they are not spaced.
    pub(crate) fn space(&mut self, interval: u32, wakes: &mut Wakes) -> Result<(), Trouble> {
        debug_assert!(interval <= MAX_INTERVAL);
        self.book.interval = interval;
        if interval == 0 {
            self.book.forget_starts();
        }
        // Its process has gone by what was.
        wakes.heads[index(Side::Acquire)] = self.book.acquirers.head;
        self.serve(wakes)
    }

    /// Puts a waiter at the end of a queue. Nothing if every place that has backing is taken.
    pub(crate) fn enqueue(&mut self, own: usize, side: Side, sleeper: Sleeper, n: u32) -> Result<Option<u16>, Trouble> {
        let number = match self.book.pool {
            0 if self.book.waiters_used == self.book.waiters_backed => return Ok(None),
            0 => {
                self.book.waiters_used += 1;
                self.book.waiters_used
            }
            first => {
                if self.who(first)?.stage != Stage::Free {
                    return Err(Trouble::Damaged("a waiter is in a free place"));
                }
                self.book.pool = self.links(first)?.behind;
                first
            }
        };
        let tail = self.book.queue(side).tail;
        let who = Who { seat: own, side, sleeper, stage: Stage::Queued };
        self.write(layout::waiter(usize::from(number), waiter::WHO), who.pack())?;
        self.write(layout::waiter(usize::from(number), waiter::UNITS), n)?;
        self.set_links(number, &Links { before: tail, behind: 0 })?;
        if tail != 0 {
            let links = self.links(tail)?;
            self.set_links(tail, &Links { behind: number, ..links })?;
        }
        let queue = self.book.queue_mut(side);
        queue.tail = number;
        if tail == 0 {
            queue.head = number;
        }
        queue.length += 1;
        Ok(Some(number))
    }

    /// Takes a waiter out of its queue, wherever it stands: in the same time however long the queue is (C10).
    fn unlink(&mut self, number: u16, side: Side, wakes: &mut Wakes) -> Result<(), Trouble> {
        let Links { before, behind } = self.links(number)?;
        let first = self.book.queue(side).head == number;
        if behind == 0 {
            self.book.queue_mut(side).tail = if first { 0 } else { before };
        } else if !first {
            // What stands before the first is never read, so a new first needs no change.
            let links = self.links(behind)?;
            self.set_links(behind, &Links { before, ..links })?;
        }
        if first {
            self.book.queue_mut(side).head = behind;
            wakes.heads[index(side)] = behind;
        } else {
            let links = self.links(before)?;
            self.set_links(before, &Links { behind, ..links })?;
        }
        let queue = self.book.queue_mut(side);
        match queue.length.checked_sub(1) {
            Some(length) => queue.length = length,
            None => return Err(Trouble::Damaged("a queue is shorter than the book says")),
        }
        Ok(())
    }

    /// Puts a place that is no longer waited in back into the pool.
    fn put_away(&mut self, number: u16) -> Result<(), Trouble> {
        self.write(layout::waiter(usize::from(number), waiter::WHO), 0)?;
        let next = self.book.pool;
        self.set_links(number, &Links { before: 0, behind: next })?;
        self.book.pool = number;
        Ok(())
    }

    /// Grants or refuses as many heads as fit or never will, and as go into this commit (H3).
    pub(crate) fn serve(&mut self, wakes: &mut Wakes) -> Result<(), Trouble> {
        if self.book.damaged {
            return Ok(());
        }
        loop {
            let Some(decision) = self.next_decision()? else { return Ok(()) };
            // A waiter, its own links, and its seat or those it stood between.
            if self.room() < 4 || wakes.is_full() {
                wakes.more = true;
                return Ok(());
            }
            self.decide(decision, wakes)?;
        }
    }

    /// The first waiter whose fate is settled by the state, and its fate.
    fn next_decision(&mut self) -> Result<Option<Decision>, Trouble> {
        for side in [Side::Acquire, Side::Release] {
            let head = self.book.queue(side).head;
            if head == 0 {
                continue;
            }
            let who = self.queued(head, side)?;
            let n = self.units(head)?;
            let Book { closed, gone, loose, .. } = self.book;
            // What is asked for may be more than there are since a shrink: of the free ones it never fits
            // then, of the loose ones it may.
            let fits = match side {
                Side::Acquire => !closed && !gone && self.book.fits(n) && self.too_soon().is_none(),
                Side::Release => loose >= n,
            };
            let stage = match (fits, side, who.sleeper) {
                (true, Side::Release, Sleeper::Task) => Some(Stage::Reserved),
                (true, ..) => Some(Stage::Granted),
                _ if closed => Some(Stage::Closed),
                _ if gone => Some(Stage::Gone),
                _ => None,
            };
            if let Some(stage) = stage {
                return Ok(Some(Decision { number: head, who, n, stage }));
            }
        }
        if self.book.sweep {
            return self.next_impossible();
        }
        Ok(None)
    }

    /// A waiter anywhere in a queue, also the first, that a shrink has made impossible (C7). Nothing else
    /// makes one so: a newcomer that asks for more than there are does not queue.
    fn next_impossible(&mut self) -> Result<Option<Decision>, Trouble> {
        for side in [Side::Acquire, Side::Release] {
            let mut number = self.book.queue(side).head;
            let mut steps = 0;
            while number != 0 {
                let n = self.units(number)?;
                if n > self.book.max {
                    let who = self.queued(number, side)?;
                    return Ok(Some(Decision { number, who, n, stage: Stage::TooMany }));
                }
                number = self.links(number)?.behind;
                steps += 1;
                if steps > WAITERS {
                    return Err(Trouble::Damaged("a queue is a circle"));
                }
            }
        }
        self.book.sweep = false;
        Ok(None)
    }

    fn queued(&self, number: u16, side: Side) -> Result<Who, Trouble> {
        let who = self.who(number)?;
        if who.stage != Stage::Queued || who.side != side {
            return Err(Trouble::Damaged("a queue has an entry that does not wait"));
        }
        Ok(who)
    }

    fn decide(&mut self, decision: Decision, wakes: &mut Wakes) -> Result<(), Trouble> {
        let Decision { number, who, n, stage } = decision;
        self.unlink(number, who.side, wakes)?;
        match (stage, who.side) {
            (Stage::Granted, Side::Acquire) => {
                self.start(n);
                self.add_given(who.seat, n)?;
                if self.book.interval != 0 {
                    self.write(layout::waiter(usize::from(number), waiter::LINKS), self.start_mark())?;
                }
            }
            (Stage::Granted, Side::Release) => {
                self.take_loose(n)?;
                self.add_free(n)?;
            }
            (Stage::Reserved, _) => self.take_loose(n)?,
            // It stands behind nobody now: the word tells the bound that it was refused by, which may be
            // another one when it comes.
            (Stage::TooMany, _) => self.write(layout::waiter(usize::from(number), waiter::LINKS), self.book.max)?,
            _ => {}
        }
        self.set_stage(number, who, stage)?;
        wakes.add(number, who);
        self.remember_decider(wakes);
        self.book.decider = self.own_decider();
        Ok(())
    }

    /// Wakes those about which the last decider decided, if that was another seat.
    fn remember_decider(&self, wakes: &mut Wakes) {
        if self.book.decider != self.own_decider() {
            wakes.decider = self.book.decider;
        }
    }

    fn own_decider(&self) -> u16 {
        u16::try_from(self.seat + 1).unwrap_or(0)
    }

    /// Returns permits that this seat holds.
    #[inline]
    pub(crate) fn give_back(&mut self, own: usize, n: u32, wakes: &mut Wakes) -> Result<(), Trouble> {
        self.add_own(own, -n.cast_signed())?;
        self.add_free(n)?;
        if self.has_work() { self.serve(wakes) } else { Ok(()) }
    }

    /// Leaves permits that this seat holds as loose ones (C6).
    pub(crate) fn let_go(&mut self, own: usize, n: u32, wakes: &mut Wakes) -> Result<(), Trouble> {
        self.add_own(own, -n.cast_signed())?;
        self.add_loose(n)?;
        if self.has_work() { self.serve(wakes) } else { Ok(()) }
    }

    /// Whether there are waiters to serve, or dead seats to look for.
    #[inline]
    pub(crate) fn has_work(&self) -> bool {
        self.book.acquirers.head != 0 || self.book.releasers.head != 0 || self.book.sweep
    }

    /// Moves permits from one seat of this process to another.
    pub(crate) fn hand_over(&mut self, from: usize, to: usize, n: u32) -> Result<(), Trouble> {
        self.add_own(to, n.cast_signed())?;
        self.add_given(from, 0u32.wrapping_sub(n))
    }

    /// What a waiter of this process has come to. It is out of the table then, unless it is queued still.
    ///
    /// `give_up` takes it out of the queue, and passes on what it was granted: a caller that drops a future
    /// does not want it any more.
    pub(crate) fn collect(
        &mut self,
        own: usize,
        number: u16,
        give_up: GiveUp,
        wakes: &mut Wakes,
    ) -> Result<Collected, Trouble> {
        let who = self.who(number)?;
        if who.seat != own || who.stage == Stage::Free {
            return Err(Trouble::Damaged("another process took a waiter out of the table"));
        }
        let n = self.units(number)?;
        let collected = match (who.stage, give_up) {
            (Stage::Queued, GiveUp::No) => return Ok(Collected::Queued),
            (Stage::Queued, _) => {
                self.unlink(number, who.side, wakes)?;
                Collected::GaveUp
            }
            (Stage::Granted, GiveUp::Wholly) if who.side == Side::Acquire => {
                self.add_own(own, -n.cast_signed())?;
                self.add_free(n)?;
                self.undo_start(number)?;
                Collected::GaveUp
            }
            (Stage::Reserved, GiveUp::Wholly) => {
                self.add_loose(n)?;
                Collected::GaveUp
            }
            (Stage::Reserved, _) => {
                self.add_free(n)?;
                Collected::Granted
            }
            (Stage::Granted, _) => Collected::Granted,
            (Stage::Closed, _) => Collected::Refused(Refusal::Closed),
            (Stage::Gone, _) => Collected::Refused(Refusal::Gone),
            (Stage::TooMany, _) => {
                let max = self.read(layout::waiter(usize::from(number), waiter::LINKS))?;
                Collected::Refused(Refusal::TooMany { requested: n, max })
            }
            (Stage::Free, _) => unreachable!("checked above"),
        };
        self.put_away(number)?;
        self.remember_decider(wakes);
        // Also if nothing came back: whoever was to go on serving may have died, and woken only this one
        // (H3).
        self.serve(wakes)?;
        Ok(collected)
    }

    /// Sets the number of permits (C2, C13).
    pub(crate) fn resize(&mut self, max: u32, wakes: &mut Wakes) -> Result<(), Trouble> {
        debug_assert!((1..=MAX_PERMITS).contains(&max));
        let change = i64::from(max) - i64::from(self.book.max);
        let free = i64::from(self.book.free) + change;
        self.book.sweep |= change < 0 && self.has_work();
        self.book.max = max;
        self.book.free = i32::try_from(free).map_err(|_| Trouble::Damaged("its counts do not add up"))?;
        self.serve(wakes)
    }

    /// Takes a waiter of a seat whose owner is dead out of the table, if it is still there.
    pub(crate) fn remove_dead_waiter(&mut self, dead: usize, number: u16, wakes: &mut Wakes) -> Result<bool, Trouble> {
        let who = self.who(number)?;
        if who.seat != dead || who.stage == Stage::Free {
            return Ok(false);
        }
        match who.stage {
            Stage::Queued => self.unlink(number, who.side, wakes)?,
            // As if it had not happened (C10).
            Stage::Reserved => {
                let n = self.units(number)?;
                self.add_loose(n)?;
            }
            // What it was granted is in what its seat holds.
            Stage::Granted if who.side == Side::Acquire => self.undo_start(number)?,
            _ => {}
        }
        self.put_away(number)?;
        self.serve(wakes)?;
        Ok(true)
    }

    /// Returns all that a seat holds, and frees it. Its waiters are gone, and its owner is dead or leaves.
    pub(crate) fn vacate(&mut self, seat: usize, wakes: &mut Wakes) -> Result<u32, Trouble> {
        let held = self.held(seat)?;
        if held > self.book.given_out() {
            return Err(Trouble::Damaged("a seat holds more than is out"));
        }
        if held > 0 {
            self.add_free(held)?;
        }
        if self.read(layout::seat(seat, seat::OWN))? != 0 {
            self.write(layout::seat(seat, seat::OWN), 0)?;
        }
        if self.read(layout::seat(seat, seat::GIVEN))? != 0 {
            self.write(layout::seat(seat, seat::GIVEN), 0)?;
        }
        let status = self.status(seat)?;
        self.write(layout::seat(seat, seat::STATUS), SeatWord { taken: false, ..status }.pack())?;
        self.serve(wakes)?;
        Ok(held)
    }

    /// Takes a free seat whose byte is locked by the caller; its new generation.
    pub(crate) fn occupy(&mut self, number: usize) -> Result<u32, Trouble> {
        if self.held(number)? != 0 {
            return Err(Trouble::Damaged("a free seat holds permits"));
        }
        let generation = self.status(number)?.next();
        self.write(layout::seat(number, seat::STATUS), SeatWord { taken: true, generation }.pack())?;
        let used = u16::try_from(number + 1).map_err(|_| Trouble::Damaged("it has more seats than there can be"))?;
        self.book.seats_used = self.book.seats_used.max(used);
        Ok(generation)
    }
}
