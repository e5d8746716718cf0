//! What can go wrong. In one process every way of asking has a small exact enum, in `exact.rs`; [`Error`] is for code that does not
//! care which reach it has.

pub(crate) mod exact;
pub(crate) mod refusal;
pub(crate) mod texts;

pub use exact::{
    AcquireError, AcquireTimeoutError, MaxPermitsError, MergeError, ReleaseError, ReleaseTimeoutError, SplitError,
    Stuck, TryAcquireError, TryReleaseError,
};

use std::error::Error as StdError;
use std::fmt;

/// What kind of thing went wrong, at any reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The semaphore is closed (C12). Trying again does not help.
    Closed,
    /// More permits than the semaphore, or the guard, has (C7). Trying again does not help, short of a resize.
    TooMany,
    /// A try found too few permits, or others waiting. Trying again may help.
    NotNow,
    /// The time was over first (C11). Trying again may help.
    TimedOut,
    /// A number of permits that no semaphore can have (C2). Trying again does not help.
    BadMax,
    /// The permits were lost before they came back (C20).
    Lost,
    /// What lies on the way to other processes or machines does not answer, or answers nonsense (C21).
    Elsewhere,
}

/// Any error of any reach: what [`Limit`](crate::limit::Limit) and all that is built on it return.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    source: Box<dyn StdError + Send + Sync>,
}

impl Error {
    /// Makes one; `source` says what happened.
    pub fn new(kind: ErrorKind, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        Error { kind, source: source.into() }
    }

    /// What kind of error it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        // The text is the source's own, so what comes next is what lies behind the source.
        self.source.source()
    }
}

impl From<AcquireError> for Error {
    fn from(error: AcquireError) -> Error {
        let kind = match error {
            AcquireError::Closed => ErrorKind::Closed,
            AcquireError::TooMany { .. } => ErrorKind::TooMany,
        };
        Error::new(kind, error)
    }
}

impl From<TryAcquireError> for Error {
    fn from(error: TryAcquireError) -> Error {
        let kind = match error {
            TryAcquireError::Closed => ErrorKind::Closed,
            TryAcquireError::TooMany { .. } => ErrorKind::TooMany,
            TryAcquireError::NoPermits { .. } => ErrorKind::NotNow,
        };
        Error::new(kind, error)
    }
}

impl From<AcquireTimeoutError> for Error {
    fn from(error: AcquireTimeoutError) -> Error {
        let kind = match error {
            AcquireTimeoutError::Closed => ErrorKind::Closed,
            AcquireTimeoutError::TooMany { .. } => ErrorKind::TooMany,
            AcquireTimeoutError::TimedOut(_) => ErrorKind::TimedOut,
        };
        Error::new(kind, error)
    }
}

impl From<ReleaseError> for Error {
    fn from(error: ReleaseError) -> Error {
        let kind = match error {
            ReleaseError::Closed => ErrorKind::Closed,
            ReleaseError::TooMany { .. } => ErrorKind::TooMany,
        };
        Error::new(kind, error)
    }
}

impl From<TryReleaseError> for Error {
    fn from(error: TryReleaseError) -> Error {
        let kind = match error {
            TryReleaseError::Closed => ErrorKind::Closed,
            TryReleaseError::TooMany { .. } => ErrorKind::TooMany,
            TryReleaseError::NotLoose { .. } => ErrorKind::NotNow,
        };
        Error::new(kind, error)
    }
}

impl From<ReleaseTimeoutError> for Error {
    fn from(error: ReleaseTimeoutError) -> Error {
        let kind = match error {
            ReleaseTimeoutError::Closed => ErrorKind::Closed,
            ReleaseTimeoutError::TooMany { .. } => ErrorKind::TooMany,
            ReleaseTimeoutError::TimedOut(_) => ErrorKind::TimedOut,
        };
        Error::new(kind, error)
    }
}

impl From<MaxPermitsError> for Error {
    fn from(error: MaxPermitsError) -> Error {
        Error::new(ErrorKind::BadMax, error)
    }
}

impl From<SplitError> for Error {
    fn from(error: SplitError) -> Error {
        Error::new(ErrorKind::TooMany, error)
    }
}
