//! The fencing token of a grant.

use std::fmt;
use std::num::NonZeroU64;

/// A number that is strictly greater than that of every earlier grant of the same semaphore, or of the same
/// slot (C19).
///
/// Pass it to the resource that the permit protects, and let the resource refuse every token that is smaller
/// than the greatest it has seen: then a holder that was paused until its lease expired can do no harm. The
/// idea is Gray and Cheriton's, *Leases* (1989), and Chubby's sequencers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(NonZeroU64);

impl Token {
    /// For a reach: the token of that number.
    #[must_use]
    pub const fn new(number: NonZeroU64) -> Token {
        Token(number)
    }

    /// Its number, `1..=u64::MAX`.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
