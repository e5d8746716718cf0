//! The readings of a semaphore, at every reach.

use std::fmt;

/// The most permits that a semaphore can have (C2): what 22 bits hold, the width of a count in the word of
/// `engine/word.rs`.
pub(crate) const MAX_PERMITS: u32 = (1 << 22) - 1;

/// The two sides of a semaphore: each has a queue of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// Acquirers, which wait for free permits (C3).
    Acquire = 0,
    /// Releasers, which wait for loose permits (C4).
    Release = 1,
}

impl Side {
    /// Both sides, acquirers first.
    pub const BOTH: [Side; 2] = [Side::Acquire, Side::Release];
}

/// Whether a semaphore is removed that is in use; for reaches beyond one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// Only if no permit is out and there are no waiters. Handles may be open.
    IfIdle,
    /// In any case: waiters fail because it is gone, and held or loose permits do not count in a new one.
    Force,
}

/// All readings of a semaphore at one instant (C15).
///
/// They are readings, not promises: the next instant may be another. In all of them
/// `given_out <= max_permits` (except while a shrink is owed, C13) and `loose <= given_out`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct State {
    /// How many permits there are, given out or not.
    pub max_permits: u32,
    /// How many are free; 0 while a shrink is owed.
    pub available_permits: u32,
    /// How many are out, with guards or loose. Includes what was granted to a future that has not been polled
    /// since.
    pub given_out: u32,
    /// How many are out and owned by no guard: `release` can return these.
    pub loose: u32,
    /// How many threads and tasks wait to acquire.
    pub waiting_acquirers: u32,
    /// How many permits the first of them asks for; 0 if the queue is empty.
    pub next_acquirer: u32,
    /// How many threads and tasks wait to release.
    pub waiting_releasers: u32,
    /// How many permits the first of them wants to return; 0 if the queue is empty.
    pub next_releaser: u32,
    /// Whether the semaphore was closed (C12).
    pub closed: bool,
}

impl State {
    /// Whether no permit is out and no request waits.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.given_out == 0 && self.waiting_acquirers == 0 && self.waiting_releasers == 0
    }
}

impl fmt::Display for State {
    /// One line:
    /// `2 of 4 permits free, 1 held, 1 loose, 3 wait to acquire (first asks for 4), 0 wait to release`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let State { max_permits, available_permits, given_out, loose, .. } = self;
        let held = given_out.saturating_sub(*loose);
        write!(f, "{available_permits} of {max_permits} permits free, {held} held, {loose} loose")?;
        if given_out > max_permits {
            write!(f, " ({} over the limit)", given_out - max_permits)?;
        }
        write!(f, ", {} wait to acquire", self.waiting_acquirers)?;
        if self.waiting_acquirers > 0 {
            write!(f, " (first asks for {})", self.next_acquirer)?;
        }
        write!(f, ", {} wait to release", self.waiting_releasers)?;
        if self.waiting_releasers > 0 {
            write!(f, " (first returns {})", self.next_releaser)?;
        }
        if self.closed { f.write_str(", closed") } else { Ok(()) }
    }
}
