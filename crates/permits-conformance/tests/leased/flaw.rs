//! What is wrong with a reach that is made wrong.

use crate::server::clock;
use permits::lease::BootTime;
use permits::{Error, ErrorKind, Semaphore};
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    None,
    /// The holder does not learn that its session has ended.
    NotTelling,
    /// It learns it after the server has given the permits to others.
    TellingLate,
    /// It counts a lease from when it hears of it, not from when it asks for it.
    CountingFromTheReply,
    /// Who lost a permit may return it all the same.
    Forgiving,
    /// `release` succeeds though the server has not answered.
    NotHearing,
    /// All grants have one token.
    Tokenless,
    /// A permit keeps its token when it takes in one with a greater token.
    KeepingTheToken,
    /// A part that is split off has a token of its own.
    RenumberingParts,
    /// A permit that is lost can be split.
    SplittingTheLost,
    /// Permits of two leases are merged.
    MergingLeases,
    /// This call does not end while the link is cut.
    Hanging(Call),
    /// A waiter whose session has ended waits on.
    Stranding,
    /// The server returns permits as soon as it grants a release, whether or not its client hears of that.
    GrantingInOneStep,
    /// Permits that are dropped while the link is cut stay out.
    Leaking,
    /// A wait that ran out of time fails as the reading of the state does.
    ChangingTheKind,
    /// Its errors have texts, and no numbers.
    Wordy,
    /// Its errors name the limit of another reach.
    Overstating,
    /// It does not say that its permits are leased.
    Unleased,
    /// It does not say that its permits have tokens.
    Unfenced,
    /// It says that it lives and dies with one process.
    SafeAsAProcess,
}

/// What a caller can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    TryAcquire,
    TryRelease,
    State,
    Resize,
    Close,
    Release,
    Forget,
    TimedOut,
}

impl Flaw {
    /// Until when a lease is held that was asked for at `asked`, and that the server has granted.
    pub(crate) fn deadline(self, asked: BootTime, lease: Duration) -> BootTime {
        match self {
            Flaw::NotTelling => asked + lease * 1000,
            Flaw::TellingLate => asked + lease + lease / 4,
            Flaw::CountingFromTheReply => clock() + lease,
            _ => asked + lease,
        }
    }

    pub(crate) fn told(self, error: Error) -> Error {
        let has_numbers = matches!(error.kind(), ErrorKind::NotNow | ErrorKind::TooMany | ErrorKind::TimedOut);
        if self == Flaw::Wordy && has_numbers { Error::new(error.kind(), error.to_string()) } else { error }
    }

    pub(crate) fn limit(self, limit: u32) -> u32 {
        if self == Flaw::Overstating { Semaphore::MAX_PERMITS } else { limit }
    }
}
