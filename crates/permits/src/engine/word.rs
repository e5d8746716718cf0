//! The packed word: every count and flag that a fast path reads, in one `u64`.
//!
//! One word means one compare-exchange an operation, and it means that "are there permits" and "are there
//! waiters" are read and written together: the lost wake-ups that come from keeping them in two words cannot
//! happen (event-listener's issues 76 and 138 tell such a story). Everything here is pure arithmetic; the
//! loops that apply it are in `core.rs`. What a fast path needs of it is always compiled into the caller: there
//! it is a few instructions on constants, and as a call it is many, which is what large functions get otherwise.
//!
//! ```text
//!  63        41 40        19 18    12 11     5  4  3  2  1  0
//! ┌────────────┬────────────┬────────┬────────┬──┬──┬──┬──┬──┐
//! │ free, i23  │ loose, u22 │ rel    │ acq    │RW│AW│RQ│AQ│C │
//! │ (signed)   │            │ budget │ budget │  │  │  │  │  │
//! └────────────┴────────────┴────────┴────────┴──┴──┴──┴──┴──┘
//! ```
//!
//! | field | meaning |
//! |---|---|
//! | free | free permits; below zero while a shrink is owed (C13) |
//! | loose | permits given out that no guard owns |
//! | budget, a side | how many newcomers may still pass that side's queue before they have to ask under the lock |
//! | `RW` `AW` | the head of that side's queue is a thread that was woken and has not decided yet |
//! | `RQ` `AQ` | that side's queue is not empty, or was not when there was last something for it (I4) |
//! | `C` | closed |
//!
//! | flags of one side | legal | means |
//! |---|---|---|
//! | Q=0 W=0 | yes | the queue is empty |
//! | Q=1 W=0 | yes | the head waits, or the last waiter has given up; nothing fits, or a thread is about to serve |
//! | Q=1 W=1 | yes | the head is awake and will take the lock; a thread that gives back need wake no waiter |
//! | Q=0 W=1 | no | only a queued head can be awake |
//! | C=1 with any Q=1 | for a while | `close` is emptying the queues, a batch of wakers at a time; no waiter queues any more |
//!
//! The Q, W and C bits and the budgets' growth change under the lock of the queues alone; the counts, and the
//! budgets' use, change anywhere. Adding to `free` never carries into another field since it is the topmost;
//! `loose` never overflows since loose permits are given out, and no more than [`MAX_PERMITS`] ever are.

use crate::state::{MAX_PERMITS, Side};

const COUNT_BITS: u32 = 22;
const BUDGET_BITS: u32 = 7;

const ACQ_BUDGET_SHIFT: u32 = 5;
const REL_BUDGET_SHIFT: u32 = ACQ_BUDGET_SHIFT + BUDGET_BITS;
const LOOSE_SHIFT: u32 = REL_BUDGET_SHIFT + BUDGET_BITS;
const FREE_SHIFT: u32 = LOOSE_SHIFT + COUNT_BITS;
const COUNT_MASK: u64 = (1 << COUNT_BITS) - 1;

// One bit more than a count: the sign.
const _: () = assert!(FREE_SHIFT + COUNT_BITS + 1 == u64::BITS);

// The vocabulary's limit is what a field holds.
const _: () = assert!(MAX_PERMITS as u64 == COUNT_MASK);

/// The largest budget that fits the word; larger bounds are dealt out in instalments of this size.
pub(crate) const MAX_BUDGET: u32 = (1 << BUDGET_BITS) - 1;

const CLOSED: u64 = 1;

impl Side {
    #[inline(always)]
    const fn queued(self) -> u64 {
        1 << (1 + self as u32)
    }

    #[inline(always)]
    const fn waking(self) -> u64 {
        1 << (3 + self as u32)
    }

    const fn budget_shift(self) -> u32 {
        ACQ_BUDGET_SHIFT + self as u32 * BUDGET_BITS
    }
}

/// What a request does to the counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// free → held: the caller gets a guard.
    Take,
    /// free → loose: the caller gets nothing to hold.
    TakeLoose,
    /// loose → free.
    Return,
}

impl Act {
    #[inline(always)]
    pub(crate) const fn side(self) -> Side {
        match self {
            Act::Take | Act::TakeLoose => Side::Acquire,
            Act::Return => Side::Release,
        }
    }

    /// The side whose waiters may fit once this is done.
    #[inline(always)]
    pub(crate) const fn feeds(self) -> Option<Side> {
        match self {
            Act::Take => None,
            Act::TakeLoose => Some(Side::Release),
            Act::Return => Some(Side::Acquire),
        }
    }

    /// The change of the word for all of it, to be added with wrap-around.
    #[inline(always)]
    pub(crate) const fn whole(self, n: u32) -> u64 {
        self.reserve(n).wrapping_add(self.commit(n))
    }

    /// Its first half: the permits leave where they were. Undone by subtracting it.
    #[inline(always)]
    pub(crate) const fn reserve(self, n: u32) -> u64 {
        match self.side() {
            Side::Acquire => free(n).wrapping_neg(),
            Side::Release => loose(n).wrapping_neg(),
        }
    }

    /// Its second half: the permits arrive where they go. Nothing for a guard, which owns what it reserved.
    #[inline(always)]
    pub(crate) const fn commit(self, n: u32) -> u64 {
        match self {
            Act::Take => 0,
            Act::TakeLoose => loose(n),
            Act::Return => free(n),
        }
    }
}

/// `n` permits instead of the free ones.
#[inline(always)]
pub(crate) const fn free(n: u32) -> u64 {
    (n as u64) << FREE_SHIFT
}

/// `n` permits instead of the loose ones.
#[inline(always)]
pub(crate) const fn loose(n: u32) -> u64 {
    (n as u64) << LOOSE_SHIFT
}

/// How a newcomer stands, by the word alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// It may go ahead, if the word is still the same: this is the next word.
    Go(Word),
    /// Too few permits, or waiters that it may not pass.
    Wait,
    /// There are permits, and waiters that it may pass only if their queue grants more budget.
    Ask,
    Closed,
}

/// May a newcomer pass those who wait?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// A running thread, or a try: within the bound.
    Passing,
    /// A task: never.
    Queuing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word(pub(crate) u64);

impl Word {
    pub(crate) const fn new(max: u32) -> Word {
        Word(free(max))
    }

    #[inline(always)]
    pub(crate) const fn free(self) -> i32 {
        (self.0 as i64 >> FREE_SHIFT) as i32
    }

    #[inline(always)]
    pub(crate) const fn loose(self) -> u32 {
        (self.0 >> LOOSE_SHIFT & COUNT_MASK) as u32
    }

    #[inline(always)]
    pub(crate) const fn closed(self) -> bool {
        self.0 & CLOSED != 0
    }

    #[inline]
    pub(crate) const fn queued(self, side: Side) -> bool {
        self.0 & side.queued() != 0
    }

    #[inline]
    pub(crate) const fn waking(self, side: Side) -> bool {
        self.0 & side.waking() != 0
    }

    pub(crate) const fn budget(self, side: Side) -> u32 {
        (self.0 >> side.budget_shift()) as u32 & MAX_BUDGET
    }

    /// What that side takes from: free permits for those who acquire, loose ones for those who release.
    #[inline(always)]
    pub(crate) const fn at_hand(self, side: Side) -> i32 {
        match side {
            Side::Acquire => self.free(),
            Side::Release => self.loose() as i32,
        }
    }

    /// Are there `n` of them? Compared in 64 bits: an `n` beyond `i32::MAX` is as good as any other that is
    /// too large.
    #[inline(always)]
    pub(crate) const fn fits(self, side: Side, n: u32) -> bool {
        self.at_hand(side) as i64 >= n as i64
    }

    /// Whether that side has waiters that are not woken yet, so that a thread that gives it permits must wake
    /// them.
    #[inline(always)]
    pub(crate) const fn needs_serving(self, side: Side) -> bool {
        self.0 & (side.queued() | side.waking()) == side.queued()
    }

    /// Whether the word says that there is nothing for the waiters of either side, so that a look at the
    /// queues is spared. For the thread that holds their lock.
    #[inline]
    pub(crate) const fn at_rest(self) -> bool {
        self.side_at_rest(Side::Acquire) && self.side_at_rest(Side::Release)
    }

    #[inline]
    pub(crate) const fn side_at_rest(self, side: Side) -> bool {
        match self.closed() {
            // All have to leave, awake or not.
            true => !self.queued(side),
            // While newcomers may pass a head, those that give keep an eye on the time for it.
            false => !self.needs_serving(side) || (self.at_hand(side) <= 0 && self.budget(side) == 0),
        }
    }

    /// C3, C4, C8, C12 for a caller that is not in the queue. `n` is at least 1.
    #[inline]
    pub(crate) fn enter(self, act: Act, n: u32, manner: Manner) -> Entry {
        match self.enter_uncrowded(act, n) {
            Some(entry) => entry,
            None => self.enter_crowd(act, n, manner),
        }
    }

    /// The same as far as it can be told at a glance; `None` if there are permits, but the semaphore is closed
    /// or others wait.
    #[inline(always)]
    pub(crate) fn enter_uncrowded(self, act: Act, n: u32) -> Option<Entry> {
        let side = act.side();
        if !self.fits(side, n) {
            return Some(if self.closed() { Entry::Closed } else { Entry::Wait });
        }
        if self.0 & (CLOSED | side.queued()) != 0 {
            return None;
        }
        Some(Entry::Go(self.plus(act.whole(n))))
    }

    /// There are permits, but the semaphore is closed or others wait.
    #[inline]
    fn enter_crowd(self, act: Act, n: u32, manner: Manner) -> Entry {
        let side = act.side();
        if self.closed() {
            return match side {
                Side::Acquire => Entry::Closed,
                // What is out can still come back (C12).
                Side::Release => Entry::Go(self.plus(act.whole(n))),
            };
        }
        match manner {
            Manner::Queuing => Entry::Wait,
            Manner::Passing if self.budget(side) == 0 => Entry::Ask,
            Manner::Passing => {
                let passed = 1u64 << side.budget_shift();
                Entry::Go(self.plus(act.whole(n).wrapping_sub(passed)))
            }
        }
    }

    #[inline(always)]
    pub(crate) const fn plus(self, change: u64) -> Word {
        Word(self.0.wrapping_add(change))
    }

    pub(crate) const fn close(self) -> Word {
        Word(self.0 | CLOSED)
    }

    pub(crate) const fn with_queued(self, side: Side, on: bool) -> Word {
        Word(if on { self.0 | side.queued() } else { self.0 & !side.queued() })
    }

    pub(crate) const fn with_waking(self, side: Side, on: bool) -> Word {
        Word(if on { self.0 | side.waking() } else { self.0 & !side.waking() })
    }

    /// `budget` is at most [`MAX_BUDGET`].
    pub(crate) const fn with_budget(self, side: Side, budget: u32) -> Word {
        let shift = side.budget_shift();
        Word(self.0 & !((MAX_BUDGET as u64) << shift) | (budget as u64) << shift)
    }

    /// Moves the bound by `by`: what is free changes, what is given out does not.
    pub(crate) const fn resized(self, by: i32) -> Word {
        Word(self.0.wrapping_add((by as i64 as u64) << FREE_SHIFT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_do_not_touch_each_other() {
        let word = Word::new(MAX_PERMITS)
            .plus(Act::TakeLoose.whole(MAX_PERMITS))
            .with_budget(Side::Acquire, MAX_BUDGET)
            .with_queued(Side::Release, true)
            .with_waking(Side::Release, true);

        assert_eq!((word.free(), word.loose()), (0, MAX_PERMITS));
        assert_eq!((word.budget(Side::Acquire), word.budget(Side::Release)), (MAX_BUDGET, 0));
        assert!(word.queued(Side::Release) && !word.queued(Side::Acquire));
        assert!(word.waking(Side::Release) && !word.waking(Side::Acquire) && !word.closed());
    }

    #[test]
    fn a_debt_of_everything_reads_back_as_negative() {
        let word = Word::new(MAX_PERMITS).plus(Act::Take.whole(MAX_PERMITS)).resized(1 - MAX_PERMITS as i32);

        assert_eq!(word.free(), 1 - MAX_PERMITS as i32);
        assert_eq!(word.enter(Act::Take, 1, Manner::Passing), Entry::Wait);
        assert_eq!(word.plus(free(MAX_PERMITS)).free(), 1);
    }

    #[test]
    fn no_count_is_so_large_that_it_fits() {
        let word = Word::new(4).plus(Act::TakeLoose.whole(2));

        for n in [3, MAX_PERMITS + 1, i32::MAX as u32, 1 << 31, u32::MAX] {
            assert_eq!(word.enter(Act::Take, n, Manner::Passing), Entry::Wait, "{n}");
            assert_eq!(word.enter(Act::Return, n, Manner::Passing), Entry::Wait, "{n}");
        }
    }

    #[test]
    fn passing_costs_budget_and_a_task_never_passes() {
        let word = Word::new(2).with_queued(Side::Acquire, true).with_budget(Side::Acquire, 1);

        assert_eq!(word.enter(Act::Take, 1, Manner::Queuing), Entry::Wait);
        let Entry::Go(next) = word.enter(Act::Take, 1, Manner::Passing) else { panic!("budget was left") };
        assert_eq!((next.free(), next.budget(Side::Acquire)), (1, 0));
        assert_eq!(next.enter(Act::Take, 1, Manner::Passing), Entry::Ask);
    }

    #[test]
    fn a_closed_word_lets_loose_permits_back_and_nothing_else() {
        let word = Word::new(2).plus(Act::TakeLoose.whole(1)).close();

        assert_eq!(word.enter(Act::Take, 1, Manner::Passing), Entry::Closed);
        assert_eq!(word.enter(Act::Return, 2, Manner::Passing), Entry::Closed);
        let Entry::Go(next) = word.enter(Act::Return, 1, Manner::Passing) else { panic!("one was loose") };
        assert_eq!((next.free(), next.loose(), next.closed()), (2, 0, true));
    }

    #[test]
    fn a_side_is_at_rest_if_nothing_is_at_hand_and_no_newcomer_may_pass_its_head() {
        let drained = Word::new(1).plus(Act::Take.whole(1)).with_queued(Side::Acquire, true);

        assert!(Word::new(1).at_rest() && drained.at_rest());
        assert!(!drained.plus(free(1)).at_rest());
        assert!(drained.plus(free(1)).with_waking(Side::Acquire, true).at_rest());
        assert!(drained.plus(free(1)).with_queued(Side::Acquire, false).at_rest());
        assert!(!drained.with_budget(Side::Acquire, 1).at_rest());
        assert!(!drained.close().at_rest());
        assert!(drained.close().with_queued(Side::Acquire, false).at_rest());
        let one_loose = Word::new(1).plus(Act::TakeLoose.whole(1));
        assert!(one_loose.at_rest() && !one_loose.with_queued(Side::Release, true).at_rest());
    }

    #[test]
    fn reserving_and_committing_is_the_whole() {
        for act in [Act::Take, Act::TakeLoose, Act::Return] {
            let word = Word::new(9).plus(Act::TakeLoose.whole(4));
            assert!(word.plus(act.whole(3)) == word.plus(act.reserve(3)).plus(act.commit(3)));
            assert!(word == word.plus(act.reserve(3)).plus(act.reserve(3).wrapping_neg()));
        }
    }
}
