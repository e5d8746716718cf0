//! What can go wrong between processes: one opaque error with a kind.

use crate::acts::Refusal;
use crate::book::{MAX_PERMITS, Side};
use permits::{AcquireError, ReleaseError, State, TryAcquireError, TryReleaseError};
use std::error::Error as StdError;
use std::fmt;
use std::io;

/// What kind of thing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The semaphore is closed (C12). Trying again does not help.
    Closed,
    /// More permits than the semaphore, or the guard, has (C7).
    TooMany,
    /// A try found too few permits, or others waiting. Trying again may help.
    NotNow,
    /// The time was over first (C11). Trying again may help.
    TimedOut,
    /// A number of permits that no semaphore can have (C2).
    BadMax,
    /// The semaphore exists with another number of permits.
    MaxDiffers,
    /// Not a name for a semaphore.
    BadName,
    /// There is no semaphore of that name.
    NotFound,
    /// Nobody who takes part has that id.
    NoSuchHolder,
    /// Others could tamper with the file or its directory.
    Insecure,
    /// The file's or the directory's permissions do not allow it.
    Denied,
    /// Not the file of a semaphore, or one that somebody has written nonsense to.
    Damaged,
    /// Made by a version of this crate whose format is another one.
    ForeignFormat,
    /// The file system is none that the processes of one host share memory on.
    BadFileSystem,
    /// The file lost its name or was replaced while it was in use.
    Gone,
    /// No room on the disk, or for more participants or waiters, or no descriptors left. Trying again may help.
    Exhausted,
    /// The permit belongs to another process, which this one was forked from.
    NotOurs,
    /// Any other error of the system; see the source.
    System,
}

/// What went wrong, with which semaphore, and what to do about it.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    text: String,
    source: Option<io::Error>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, text: impl Into<String>) -> Error {
        Error { kind, text: text.into(), source: None }
    }

    pub(crate) fn system(what: impl fmt::Display, source: io::Error) -> Error {
        let kind = match source.raw_os_error() {
            Some(libc::EACCES | libc::EPERM | libc::EROFS) => ErrorKind::Denied,
            Some(libc::ENOSPC | libc::EDQUOT | libc::EMFILE | libc::ENFILE | libc::ENOMEM | libc::ENOLCK) => {
                ErrorKind::Exhausted
            }
            Some(libc::ENOENT) => ErrorKind::NotFound,
            _ => ErrorKind::System,
        };
        Error { kind, text: format!("{what}: {source}"), source: Some(source) }
    }

    pub(crate) fn damaged(name: &str, what: &str) -> Error {
        Error::new(
            ErrorKind::Damaged,
            format!("semaphore `{name}` is damaged, {what}: run `permits repair {name}`, which says what it can do"),
        )
    }

    pub(crate) fn gone(name: &str) -> Error {
        Error::new(
            ErrorKind::Gone,
            format!(
                "the file of semaphore `{name}` was deleted or replaced while it was in use: what is held stays held, and \
                 whoever wants more has to open it anew"
            ),
        )
    }

    pub(crate) fn refused(name: &str, side: Side, refusal: Refusal) -> Error {
        let (kind, why) = match (refusal, side) {
            (Refusal::Gone, _) => return Error::gone(name),
            (Refusal::Crowded, _) => {
                let limit = crate::layout::WAITERS;
                (
                    ErrorKind::Exhausted,
                    format!("`{limit}` wait already, and there is no place for more: try again later"),
                )
            }
            (Refusal::Closed, Side::Acquire) => (ErrorKind::Closed, AcquireError::Closed.to_string()),
            (Refusal::Closed, Side::Release) => (ErrorKind::Closed, ReleaseError::Closed.to_string()),
            (Refusal::TooMany { requested, max }, Side::Acquire) => {
                (ErrorKind::TooMany, AcquireError::TooMany { requested, max }.to_string())
            }
            (Refusal::TooMany { requested, max }, Side::Release) => {
                (ErrorKind::TooMany, ReleaseError::TooMany { requested, max }.to_string())
            }
            (Refusal::NotNow { requested, at_hand: available }, Side::Acquire) => {
                (ErrorKind::NotNow, TryAcquireError::NoPermits { requested, available }.to_string())
            }
            (Refusal::NotNow { requested, at_hand: loose }, Side::Release) => {
                (ErrorKind::NotNow, TryReleaseError::NotLoose { requested, loose }.to_string())
            }
        };
        Error::new(kind, format!("semaphore `{name}`: {why}"))
    }

    /// Tells both sides' needs (C22).
    pub(crate) fn timed_out(name: &str, side: Side, requested: u32, state: State) -> Error {
        let (act, other) = match side {
            Side::Acquire => ("asking for", state.next_releaser),
            Side::Release => ("returning", state.next_acquirer),
        };
        let mut text = format!("semaphore `{name}`: timed out {act} `{requested}` permits: {state}");
        if side == Side::Release && state.loose < requested && state.given_out > state.loose {
            text += "; what a holder holds returns by its own hand";
        }
        let limit = u64::from(state.max_permits) + 1;
        if other > 0 && u64::from(requested) + u64::from(other) > limit {
            text += &format!(
                "; batches on the two sides that sum up to more than `{limit}` can wait for each other for ever"
            );
        }
        Error::new(ErrorKind::TimedOut, text)
    }

    pub(crate) fn bad_max(name: &str, requested: i64) -> Error {
        let why = format!("max_permits cannot be `{requested}`: it ranges from `1` to `{MAX_PERMITS}`");
        Error::new(ErrorKind::BadMax, format!("semaphore `{name}`: {why}"))
    }

    /// What kind of error it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|source| -> &(dyn StdError + 'static) { source })
    }
}

impl From<Error> for permits::Error {
    fn from(error: Error) -> permits::Error {
        let kind = match error.kind {
            ErrorKind::Closed => permits::ErrorKind::Closed,
            ErrorKind::TooMany => permits::ErrorKind::TooMany,
            ErrorKind::NotNow => permits::ErrorKind::NotNow,
            ErrorKind::TimedOut => permits::ErrorKind::TimedOut,
            ErrorKind::BadMax => permits::ErrorKind::BadMax,
            ErrorKind::MaxDiffers => permits::ErrorKind::MaxDiffers,
            ErrorKind::BadName => permits::ErrorKind::BadName,
            ErrorKind::NotFound => permits::ErrorKind::NotFound,
            ErrorKind::NoSuchHolder => permits::ErrorKind::NoSuchHolder,
            ErrorKind::Insecure => permits::ErrorKind::Insecure,
            ErrorKind::Denied => permits::ErrorKind::Denied,
            ErrorKind::Damaged => permits::ErrorKind::Damaged,
            ErrorKind::ForeignFormat => permits::ErrorKind::ForeignFormat,
            ErrorKind::BadFileSystem => permits::ErrorKind::BadFileSystem,
            ErrorKind::Gone => permits::ErrorKind::Gone,
            ErrorKind::Exhausted => permits::ErrorKind::Exhausted,
            ErrorKind::NotOurs => permits::ErrorKind::NotOurs,
            ErrorKind::System => permits::ErrorKind::System,
        };
        permits::Error::new(kind, error)
    }
}
