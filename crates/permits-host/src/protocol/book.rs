//! The state of a semaphore, as one record holds it.

use crate::protocol::layout::{SEATS, WAITERS, record::BOOK_WORDS, record::CHANGES_MASK};
pub(crate) use permits::Side;
use permits::{Semaphore, State};

pub(crate) const MAX_PERMITS: u32 = Semaphore::MAX_PERMITS;

/// The shortest time between two starts, in milliseconds. A shorter one would be lost in how long a start
/// takes.
pub(crate) const MIN_INTERVAL: u32 = 1;
/// The longest one: a day. It has 27 bits.
pub(crate) const MAX_INTERVAL: u32 = 24 * 60 * 60 * 1000;

const NANOSECONDS_PER_MILLISECOND: u64 = 1_000_000;

/// The ends of a queue, and how many are in it. Waiters are numbered from 1; 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Queue {
    pub(crate) head: u16,
    pub(crate) tail: u16,
    pub(crate) length: u32,
}

/// All that is true of the semaphore as a whole. What each seat holds, and the order of the queues, is in
/// tagged words beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Book {
    /// Below zero while a shrink is owed (C13).
    pub(crate) free: i32,
    pub(crate) loose: u32,
    pub(crate) max: u32,
    pub(crate) closed: bool,
    /// The file is no longer the one of its name: no new process can find it, so no process may wait in it.
    pub(crate) gone: bool,
    /// A shrink may have left waiters that can never be served, and they were not all looked for yet.
    pub(crate) sweep: bool,
    /// Some process has found the file damaged, and no repair was made since: no permit is granted.
    pub(crate) damaged: bool,
    pub(crate) acquirers: Queue,
    pub(crate) releasers: Queue,
    /// The first free waiter of a list of them.
    pub(crate) pool: u16,
    /// How many waiters were ever used; those above are free too.
    pub(crate) waiters_used: u16,
    /// How many waiters have backing.
    pub(crate) waiters_backed: u16,
    /// The seat that granted or refused a waiter last, plus one: it may have died before it woke them.
    pub(crate) decider: u16,
    pub(crate) seats_used: u16,
    pub(crate) seats_backed: u16,
    /// How many acquisitions were granted since the file was made.
    pub(crate) granted: u64,
    /// How many permits were taken back from the dead; saturates.
    pub(crate) recovered: u32,
    /// The least time between two starts, in milliseconds; 0: none is asked for. See S1 to S3 in `acts.rs`.
    pub(crate) interval: u32,
    /// When the last start was, if they are spaced, in nanoseconds of the clock of `Tx::now`, below 2^60; 0:
    /// there was none.
    pub(crate) started: u64,
    /// How long before that the start before it was, in whole milliseconds. A day if there was none, or a longer
    /// time ago: it holds up nothing then, whatever the interval is.
    pub(crate) started_after: u32,
}

const CLOSED: u64 = 1;
const GONE: u64 = 2;
const SWEEP: u64 = 4;
const DAMAGED: u64 = 8;
/// Above the flags, and below the number of permits.
const INTERVAL_SHIFT: u32 = 5;
const INTERVAL: u64 = 0xffff_ffff & !0 << INTERVAL_SHIFT;
/// Above how many changes follow.
const STARTED_SHIFT: u32 = CHANGES_MASK.count_ones();

impl Book {
    #[inline]
    pub(crate) fn pack(&self) -> [u64; BOOK_WORDS] {
        let flag = |set, bit| if set { bit } else { 0 };
        let flags =
            flag(self.closed, CLOSED) | flag(self.gone, GONE) | flag(self.sweep, SWEEP) | flag(self.damaged, DAMAGED);
        [
            u64::from(self.free.cast_unsigned()) << 32 | u64::from(self.loose),
            u64::from(self.max) << 32 | u64::from(self.interval) << INTERVAL_SHIFT | flags,
            u64::from(self.acquirers.head)
                | u64::from(self.acquirers.tail) << 16
                | u64::from(self.releasers.head) << 32
                | u64::from(self.releasers.tail) << 48,
            u64::from(self.acquirers.length) & 0xffff
                | (u64::from(self.releasers.length) & 0xffff) << 16
                | u64::from(self.started_after) << 32,
            u64::from(self.pool)
                | u64::from(self.waiters_used) << 16
                | u64::from(self.waiters_backed) << 32
                | u64::from(self.decider) << 48,
            u64::from(self.seats_used) | u64::from(self.seats_backed) << 16 | u64::from(self.recovered) << 32,
            self.granted,
            self.started << STARTED_SHIFT,
        ]
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the fields are cut out of the words by truncation")]
    pub(crate) fn unpack(words: [u64; BOOK_WORDS]) -> Book {
        let [counts, max, ends, lengths, waiters, seats, granted, started] = words;
        Book {
            free: ((counts >> 32) as u32).cast_signed(),
            loose: counts as u32,
            max: (max >> 32) as u32,
            closed: max & CLOSED != 0,
            gone: max & GONE != 0,
            sweep: max & SWEEP != 0,
            damaged: max & DAMAGED != 0,
            acquirers: Queue { head: ends as u16, tail: (ends >> 16) as u16, length: lengths as u32 & 0xffff },
            releasers: Queue { head: (ends >> 32) as u16, tail: (ends >> 48) as u16, length: lengths as u32 >> 16 },
            pool: waiters as u16,
            waiters_used: (waiters >> 16) as u16,
            waiters_backed: (waiters >> 32) as u16,
            decider: (waiters >> 48) as u16,
            seats_used: seats as u16,
            seats_backed: (seats >> 16) as u16,
            granted,
            recovered: (seats >> 32) as u32,
            interval: max as u32 >> INTERVAL_SHIFT,
            started: started >> STARTED_SHIFT,
            started_after: (lengths >> 32) as u32,
        }
    }

    /// Marks a packed book, whatever else it says, as damaged; `false` if it was marked before.
    pub(super) fn condemn(words: &mut [u64; BOOK_WORDS]) -> bool {
        let before = words[MAX_AND_FLAGS];
        words[MAX_AND_FLAGS] |= DAMAGED;
        before & DAMAGED == 0
    }

    /// What is wrong with it, if anything: any process with write permission may have written it. Every state
    /// that this code makes passes.
    #[inline]
    pub(crate) fn flaw(&self) -> Option<&'static str> {
        let out = i64::from(self.max) - i64::from(self.free);
        if self.max == 0 || self.max > MAX_PERMITS {
            return Some("its number of permits is out of range");
        }
        if out < i64::from(self.loose) || out > i64::from(MAX_PERMITS) {
            return Some("its counts do not add up");
        }
        let is_started = self.started != 0 || self.started_after != 0;
        if self.interval.max(self.started_after) > MAX_INTERVAL || (self.interval == 0 && is_started) {
            return Some("its starts are not spaced as they can be");
        }
        let backed = (usize::from(self.waiters_backed), usize::from(self.seats_backed));
        if self.waiters_used > self.waiters_backed || self.seats_used > self.seats_backed {
            return Some("it uses more places than it has");
        }
        if backed.0 > WAITERS || usize::from(self.decider) > SEATS || backed.1 > SEATS || backed.1 == 0 {
            return Some("it has more places than there can be");
        }
        let used = self.waiters_used;
        let ends = [self.acquirers, self.releasers];
        if self.pool > used || ends.iter().any(|queue| queue.head > used || queue.tail > used) {
            return Some("a queue leads to nowhere");
        }
        if ends.iter().any(|queue| (queue.head == 0) != (queue.length == 0) || (queue.tail == 0) != (queue.length == 0))
        {
            return Some("a queue is cut off");
        }
        if ends.iter().any(|queue| queue.length > u32::from(used)) {
            return Some("a queue is longer than there are places");
        }
        None
    }

    #[inline]
    pub(crate) fn queue(&self, side: Side) -> &Queue {
        match side {
            Side::Acquire => &self.acquirers,
            Side::Release => &self.releasers,
        }
    }

    #[inline]
    pub(crate) fn queue_mut(&mut self, side: Side) -> &mut Queue {
        match side {
            Side::Acquire => &mut self.acquirers,
            Side::Release => &mut self.releasers,
        }
    }

    /// How many are out, held or loose.
    #[inline]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0..=2 * MAX_PERMITS; see `flaw`")]
    pub(crate) fn given_out(&self) -> u32 {
        (i64::from(self.max) - i64::from(self.free)).max(0) as u32
    }

    /// Could `n` permits be taken right now, the queue aside?
    #[inline]
    pub(crate) fn fits(&self, n: u32) -> bool {
        i64::from(self.free) >= i64::from(n)
    }

    /// How many nanoseconds after `now` the next start may be; 0: right now.
    pub(crate) fn rest(&self, now: u64) -> u64 {
        let interval = u64::from(self.interval) * NANOSECONDS_PER_MILLISECOND;
        if self.started == 0 {
            return 0;
        }
        let rest = (self.started + interval).saturating_sub(now);
        // The last start is yet to come by far: it was written by another clock, or is nonsense, and would be
        // waited for for years. The next one puts it right. By less it may be yet to come, where processors
        // disagree.
        if rest > 2 * interval { 0 } else { rest }
    }

    /// Writes a start down.
    pub(crate) fn start(&mut self, now: u64) {
        // Without one before it, or with one that is yet to come, which is nonsense: as if it was long ago.
        let since = if self.started == 0 { u64::MAX } else { now.checked_sub(self.started).unwrap_or(u64::MAX) };
        self.started_after =
            u32::try_from(since / NANOSECONDS_PER_MILLISECOND).map_or(MAX_INTERVAL, |since| since.min(MAX_INTERVAL));
        self.started = now;
    }

    /// The last start is none, so the one before it is the last again, and later by less than a millisecond than
    /// it was. The interval does not tell when it was: it may be another one by now, and the undone start may have
    /// come long after it was over.
    pub(crate) fn undo_start(&mut self) {
        self.started = self.started.saturating_sub(u64::from(self.started_after) * NANOSECONDS_PER_MILLISECOND);
        self.started_after = 0;
    }

    /// There was no start.
    pub(crate) fn forget_starts(&mut self) {
        (self.started, self.started_after) = (0, 0);
    }

    /// How many could be had right now.
    #[inline]
    pub(crate) fn available(&self) -> u32 {
        self.free.max(0).cast_unsigned()
    }

    /// The readings, but for what the first of the queues want, which is not in here.
    pub(crate) fn readings(&self) -> State {
        State {
            max_permits: self.max,
            available_permits: self.available(),
            given_out: self.given_out(),
            loose: self.loose,
            waiting_acquirers: self.acquirers.length,
            next_acquirer: 0,
            waiting_releasers: self.releasers.length,
            next_releaser: 0,
            closed: self.closed,
        }
    }
}

// Where what `Quick` looks at lies in a packed book.
/// Free, and loose.
const COUNTS: usize = 0;
/// The number of permits, the interval, and the flags.
const MAX_AND_FLAGS: usize = 1;
/// The ends of both queues.
const ENDS: usize = 2;
/// How many acquisitions were granted.
const GRANTED: usize = 6;

/// The two things that are done most, on a packed book.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Quick {
    /// That many permits, by a newcomer.
    Take(u32),
    /// That many permits that were held.
    Return(u32),
}

impl Quick {
    /// The words that it changes.
    pub(crate) const CHANGES: [usize; 2] = [COUNTS, GRANTED];

    /// The book after it, and the change of what the seat holds; nothing if the case is not the plainest.
    #[inline]
    pub(crate) fn apply(self, mut book: [u64; BOOK_WORDS]) -> Option<([u64; BOOK_WORDS], i32)> {
        let free = (book[COUNTS] >> 32).cast_signed();
        // The counts are taken for what they are below 2^31: owed ones are larger here, and leave through the
        // bounds.
        let max = (book[MAX_AND_FLAGS] >> 32).cast_signed();
        let flags = book[MAX_AND_FLAGS] & (CLOSED | GONE | SWEEP | DAMAGED | INTERVAL);
        if book[ENDS] != 0 || flags != 0 {
            return None;
        }
        match self {
            Quick::Take(n) => {
                let n = i64::from(n);
                if n > free || free > max {
                    return None;
                }
                book[COUNTS] -= n.cast_unsigned() << 32;
                book[GRANTED] = book[GRANTED].wrapping_add(1);
            }
            Quick::Return(n) => {
                if i64::from(n) + free > max {
                    return None;
                }
                book[COUNTS] += u64::from(n) << 32;
            }
        }
        Some((
            book,
            match self {
                Quick::Take(n) => n.cast_signed(),
                Quick::Return(n) => -n.cast_signed(),
            },
        ))
    }
}

#[cfg(all(test, not(permits_loom)))]
mod tests {
    use super::{Book, MAX_INTERVAL, Queue};

    #[test]
    fn what_is_packed_unpacks() {
        let book = Book {
            free: -3,
            loose: 4,
            max: 5,
            closed: true,
            gone: false,
            sweep: true,
            damaged: true,
            acquirers: Queue { head: 1, tail: 2, length: 2 },
            releasers: Queue { head: 3, tail: 3, length: 1 },
            pool: 4,
            waiters_used: 5,
            waiters_backed: 511,
            decider: 2,
            seats_used: 7,
            seats_backed: 32,
            granted: u64::MAX,
            recovered: 9,
            interval: MAX_INTERVAL,
            started: (1 << 60) - 1,
            started_after: MAX_INTERVAL - 1,
        };

        assert_eq!(Book::unpack(book.pack()), book);
        assert_eq!(book.flaw(), None);
    }
}
