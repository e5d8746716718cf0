//! The words of a waiter, and who learns of a change.
//!
//! # Stages of a waiter
//!
//! | stage | in a queue | means |
//! |---|---|---|
//! | `Free` | no | none; in the pool |
//! | `Queued` | yes | waits |
//! | `Granted` | no | an acquirer's permits are held by its seat, a releaser's are back; the waiter has not noticed yet |
//! | `Reserved` | no | only releasers that are tasks: the permits are set aside, neither loose nor free, until the task comes (C10) |
//! | `Closed`, `TooMany`, `Gone` | no | refused; the waiter has not noticed yet |
//!
//! # Its words
//!
//! | word | bits | meaning |
//! |---|---|---|
//! | `WHO` | 0 to 11 | the seat that it is of |
//! | | 12 | the side: 0 acquires, 1 releases |
//! | | 13 | the sleeper: 0 a thread, 1 a task |
//! | | 16 to 18 | the stage; 7 is none, and means that the file is damaged |
//! | `LINKS` | 0 to 15 | the waiter behind it; 0 is none |
//! | | 16 to 31 | the waiter before it; 0 is none |
//! | | all | of a `Granted` acquirer, where starts are spaced: the complement of the number of the grant; of a `TooMany`, the bound |

use crate::protocol::book::Side;
use crate::protocol::layout::SEATS;
use crate::protocol::tx::Trouble;

/// Who sleeps, and how it is woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sleeper {
    /// On the bell of the waiter.
    Thread,
    /// By its waker, which a thread of its process calls that sleeps on the bell of the seat.
    Task,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Free,
    Queued,
    Granted,
    Reserved,
    Closed,
    TooMany,
    Gone,
}

impl Stage {
    const ALL: [Stage; 7] =
        [Stage::Free, Stage::Queued, Stage::Granted, Stage::Reserved, Stage::Closed, Stage::TooMany, Stage::Gone];
}

/// What the `WHO` of a waiter says: bits 0 to 11 the seat, 12 the side, 13 the sleeper, 16 to 18 the stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Who {
    pub(crate) seat: usize,
    pub(crate) side: Side,
    pub(crate) sleeper: Sleeper,
    pub(crate) stage: Stage,
}

impl Who {
    pub(crate) fn pack(self) -> u32 {
        let seat = u32::try_from(self.seat).expect("seats are numbered below 4096");
        seat | u32::from(self.side == Side::Release) << 12
            | u32::from(self.sleeper == Sleeper::Task) << 13
            | (self.stage as u32) << 16
    }

    pub(crate) fn unpack(word: u32) -> Result<Who, Trouble> {
        let seat = (word & 0xfff) as usize;
        let stage = Stage::ALL.get((word >> 16) as usize);
        let (Some(&stage), true) = (stage, seat < SEATS) else {
            return Err(Trouble::Damaged("a waiter is in an unknown stage"));
        };
        let side = if word & 1 << 12 == 0 { Side::Acquire } else { Side::Release };
        let sleeper = if word & 1 << 13 == 0 { Sleeper::Thread } else { Sleeper::Task };
        Ok(Who { seat, side, sleeper, stage })
    }
}

/// The notifications that a commit owes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wakes {
    /// Waiters whose stage has changed.
    list: [(u16, u16); 4],
    length: usize,
    /// The first of a queue that has a new first, on each side.
    pub(crate) heads: [u16; 2],
    /// Another seat, plus one, that has decided about a waiter before, and may have died before it woke it.
    pub(crate) decider: u16,
    /// Serving has to go on in another commit.
    pub(crate) more: bool,
}

impl Wakes {
    /// Waiter and its seat, if it is the seat that has to be rung for.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, Option<usize>)> + '_ {
        self.list[..self.length]
            .iter()
            .map(|&(waiter, seat)| (usize::from(waiter), (seat != u16::MAX).then_some(usize::from(seat))))
    }

    pub(super) fn is_full(&self) -> bool {
        self.length == self.list.len()
    }

    pub(super) fn add(&mut self, number: u16, who: Who) {
        let seat = if who.sleeper == Sleeper::Task { u16::try_from(who.seat).unwrap_or(u16::MAX) } else { u16::MAX };
        self.list[self.length] = (number, seat);
        self.length += 1;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.length == 0 && self.heads == [0, 0] && self.decider == 0 && !self.more
    }
}

/// The one before and the one behind.
pub(super) struct Links {
    pub(super) before: u16,
    pub(super) behind: u16,
}

impl Links {
    pub(super) fn pack(&self) -> u32 {
        u32::from(self.before) << 16 | u32::from(self.behind)
    }
}
