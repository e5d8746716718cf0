//! Errors. In one process every way of waiting has a small exact enum, in `exact.rs`; [`Error`] is for code
//! that does not care which reach it has, and for every reach beyond the process.

pub(crate) mod exact;
pub(crate) mod refusal;
pub(crate) mod texts;

pub use exact::{
    AcquireError, AcquireTimeoutError, MaxPermitsError, MergeError, ReleaseError, ReleaseTimeoutError, SplitError,
    Stuck, TryAcquireError, TryReleaseError,
};

use crate::state::{Side, State};
use std::error::Error as StdError;
use std::fmt::{self, Write};
use texts::OneLine;

/// The kind of an error, at any reach.
///
/// Displayed, it is a word such as `not-found`, the same in Rust, Python and the shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The semaphore is closed (C12).
    Closed,
    /// More permits than the semaphore, or the guard, has (C7).
    TooMany,
    /// A try found too few permits, or other waiters.
    NotNow,
    /// The time was over first (C11).
    TimedOut,
    /// A number of permits that no semaphore can have (C2).
    BadMax,
    /// The semaphore exists with another number of permits.
    MaxDiffers,
    /// A time between two grants that no semaphore can have.
    BadInterval,
    /// The semaphore exists with another time between two grants.
    IntervalDiffers,
    /// Not a name for a semaphore, or not a key.
    BadName,
    /// There is no semaphore of that name.
    NotFound,
    /// No participant has that id, or the text that was parsed is not an id.
    NoSuchHolder,
    /// Other users could tamper with what the semaphore is kept in.
    Insecure,
    /// The permissions of what the semaphore is kept in do not allow it.
    Denied,
    /// What the semaphore is kept in is not a semaphore, or was overwritten.
    Damaged,
    /// Made by a version whose format is another one.
    ForeignFormat,
    /// A file system on which the processes of one host cannot share memory.
    BadFileSystem,
    /// What was named as the directory is not one, or cannot be created because its parent does not exist.
    BadDirectory,
    /// What the semaphore is kept in was removed or replaced while it was in use.
    Gone,
    /// It cannot be removed: permits are out, or there are waiters.
    InUse,
    /// No room on the disk, or for more participants or waiters, or no descriptors left.
    Exhausted,
    /// The permit or the request belongs to the process that this one was forked from.
    NotOurs,
    /// The servers do not answer, or give an invalid answer (C21). The request may have taken effect.
    Unreachable,
    /// The permits were lost before they came back (C20).
    Lost,
    /// Any other error of the operating system; see the source.
    System,
}

/// Whether the same call can succeed if it is made again, by the same process, on the same handle and permit.
///
/// It says nothing about a new start: a process that opens the semaphore again, or a command that runs again,
/// may succeed after `Never`. A lost permit stays lost, and a new one can be acquired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Retry {
    /// It fails again until something else changes: the arguments, the permissions, the file.
    Never,
    /// Nothing has changed, and a later call may succeed.
    May,
    /// It is not known whether the call took effect: look at the state before calling again.
    Unknown,
}

/// The operation that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// A semaphore was opened or created.
    Open,
    /// Permits were asked for.
    Acquire,
    /// Permits were returned, loose ones or those of a guard.
    Release,
    /// A guard was ended, and its permits left loose.
    Forget,
    /// A guard was split.
    Split,
    /// Two guards were merged.
    Merge,
    /// The number of permits was changed.
    Resize,
    /// The semaphore was closed.
    Close,
    /// The state was read.
    Read,
    /// A holder was asked to give up.
    Revoke,
    /// A lease was renewed.
    Renew,
    /// A damaged semaphore was repaired.
    Repair,
    /// A semaphore was removed.
    Remove,
}

/// The numbers of an [`Error`]: see [`Error::counts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Counts {
    /// How many permits the caller wanted to acquire, return or split off: `0..=u32::MAX`. For
    /// [`ErrorKind::BadMax`] the refused number of permits, which a change of the limit may have made
    /// negative.
    pub requested: i64,
    /// How many there were. For [`ErrorKind::TooMany`] the permits that the semaphore, or the guard, has; for
    /// [`ErrorKind::NotNow`] and [`ErrorKind::TimedOut`] those that were free, or loose, which may suffice if
    /// other waiters come first; for [`ErrorKind::BadMax`] the largest number that is allowed.
    pub limit: u32,
}

impl ErrorKind {
    const fn word(self) -> &'static str {
        match self {
            ErrorKind::Closed => "closed",
            ErrorKind::TooMany => "too-many",
            ErrorKind::NotNow => "not-now",
            ErrorKind::TimedOut => "timed-out",
            ErrorKind::BadMax => "bad-max",
            ErrorKind::MaxDiffers => "max-differs",
            ErrorKind::BadInterval => "bad-interval",
            ErrorKind::IntervalDiffers => "interval-differs",
            ErrorKind::BadName => "bad-name",
            ErrorKind::NotFound => "not-found",
            ErrorKind::NoSuchHolder => "no-such-holder",
            ErrorKind::Insecure => "insecure",
            ErrorKind::Denied => "denied",
            ErrorKind::Damaged => "damaged",
            ErrorKind::ForeignFormat => "foreign-format",
            ErrorKind::BadFileSystem => "bad-file-system",
            ErrorKind::BadDirectory => "bad-directory",
            ErrorKind::Gone => "gone",
            ErrorKind::InUse => "in-use",
            ErrorKind::Exhausted => "exhausted",
            ErrorKind::NotOurs => "not-ours",
            ErrorKind::Unreachable => "unreachable",
            ErrorKind::Lost => "lost",
            ErrorKind::System => "system",
        }
    }

    /// The retry status of most errors of the kind; [`Error::with_retry`] sets it for the others.
    #[must_use]
    pub const fn retry(self) -> Retry {
        match self {
            ErrorKind::NotNow | ErrorKind::TimedOut | ErrorKind::InUse | ErrorKind::Exhausted => Retry::May,
            ErrorKind::Unreachable => Retry::Unknown,
            _ => Retry::Never,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Operation::Open => "open",
            Operation::Acquire => "acquire",
            Operation::Release => "release",
            Operation::Forget => "forget",
            Operation::Split => "split",
            Operation::Merge => "merge",
            Operation::Resize => "resize",
            Operation::Close => "close",
            Operation::Read => "read",
            Operation::Revoke => "revoke",
            Operation::Renew => "renew",
            Operation::Repair => "repair",
            Operation::Remove => "remove",
        })
    }
}

/// Any error of any reach: what the reaches beyond the process return, and [`Limit`](crate::limit::Limit) and
/// all that is built on it.
///
/// Displayed, it names the semaphore if it has a name, says what happened, and then the cause if there is
/// one, on one line: control characters in names and paths, and marks that change the direction of writing,
/// are shown as escapes. Its texts state facts, and the way out if there is one; what else to do depends on
/// the caller, which can decide by the [`kind`](Self::kind).
///
/// # Examples
///
/// ```
/// use permits::{Error, ErrorKind, Operation, Retry, Semaphore};
///
/// let sem = Semaphore::new(1);
/// let error = Error::from(sem.acquire_many(2).try_now().unwrap_err()).with_semaphore("build");
/// assert_eq!((error.kind(), error.retry()), (ErrorKind::TooMany, Retry::Never));
/// assert_eq!((error.operation(), error.semaphore()), (Some(Operation::Acquire), Some("build")));
/// assert!(error.to_string().starts_with("semaphore `build`: asked for `2` permits at once"));
/// ```
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    retry: Retry,
    operation: Option<Operation>,
    semaphore: Option<Box<str>>,
    what: Box<dyn StdError + Send + Sync>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// Makes an error from a text, or from an error that says what happened.
    #[cold]
    pub fn new(kind: ErrorKind, what: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        let retry = kind.retry();
        Error(Box::new(Inner { kind, retry, operation: None, semaphore: None, what: what.into(), source: None }))
    }

    /// For a reach: a wait for `requested` permits on `side` ran out of time. `state` was read after the
    /// request had left its queue, or is the error that kept it from being read.
    ///
    /// The kind is [`ErrorKind::TimedOut`] in both cases. If the state is known, [`stuck`](Self::stuck) has
    /// both sides' needs (C22).
    #[cold]
    #[must_use]
    pub fn timed_out(side: Side, requested: u32, state: Result<State, Error>) -> Error {
        let mut source = match (state, side) {
            (Ok(state), Side::Acquire) => {
                return AcquireTimeoutError::TimedOut(Stuck::new(side, requested, state)).into();
            }
            (Ok(state), Side::Release) => {
                return ReleaseTimeoutError::TimedOut(Stuck::new(side, requested, state)).into();
            }
            (Err(source), _) => source,
        };
        let (operation, act) = match side {
            Side::Acquire => (Operation::Acquire, "asking for"),
            Side::Release => (Operation::Release, "returning"),
        };
        let what = format!("timed out {act} `{requested}` permits, and the state could not be read");
        let semaphore = source.0.semaphore.take();
        let mut error = Error::new(ErrorKind::TimedOut, what).with_operation(operation).with_source(source);
        error.0.semaphore = semaphore;
        error
    }

    /// Names the semaphore. A name that is set already stays: the innermost caller knows best.
    #[must_use]
    pub fn with_semaphore(mut self, name: &str) -> Error {
        self.0.semaphore.get_or_insert_with(|| name.into());
        self
    }

    /// Names the operation. An operation that is set already stays: the innermost caller knows best.
    #[must_use]
    pub fn with_operation(mut self, operation: Operation) -> Error {
        self.0.operation.get_or_insert(operation);
        self
    }

    /// Sets whether another try can help, if it differs from most errors of the kind.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Error {
        self.0.retry = retry;
        self
    }

    /// Adds the cause, which [`source`](StdError::source) returns and which ends the text.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        self.0.source = Some(source.into());
        self
    }

    /// The kind of the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the same call can succeed if it is made again.
    #[must_use]
    pub fn retry(&self) -> Retry {
        self.0.retry
    }

    /// The operation that failed, if it is known.
    #[must_use]
    pub fn operation(&self) -> Option<Operation> {
        self.0.operation
    }

    /// The name of the semaphore, if it has one.
    #[must_use]
    pub fn semaphore(&self) -> Option<&str> {
        self.0.semaphore.as_deref()
    }

    /// What both sides were waiting for, if this is [`ErrorKind::TimedOut`] and the state could be read
    /// (C22).
    ///
    /// # Examples
    ///
    /// ```
    /// use permits::{Limit, Local, WaitBlocking};
    /// use std::time::Duration;
    ///
    /// let limit = Local::new(2);
    /// let one = limit.acquire().wait()?;
    /// let error = limit.acquire_many(2).wait_timeout(Duration::from_millis(1)).unwrap_err();
    /// let stuck = error.stuck().expect("in one process the state can be read");
    /// assert_eq!((stuck.requested, stuck.state.available_permits), (2, 1));
    /// # Ok::<(), permits::Error>(())
    /// ```
    #[must_use]
    pub fn stuck(&self) -> Option<&Stuck> {
        match (self.exact(), self.exact()) {
            (Some(AcquireTimeoutError::TimedOut(stuck)), _) | (_, Some(ReleaseTimeoutError::TimedOut(stuck))) => {
                Some(stuck)
            }
            _ => None,
        }
    }

    /// How many permits were asked for, and what there was: for the kinds [`TooMany`](ErrorKind::TooMany),
    /// [`NotNow`](ErrorKind::NotNow), [`TimedOut`](ErrorKind::TimedOut) and [`BadMax`](ErrorKind::BadMax).
    /// `None` for all others, and if a reach does not state them.
    ///
    /// # Examples
    ///
    /// ```
    /// use permits::{Limit, Local, WaitBlocking};
    ///
    /// let error = Local::new(4).acquire_many(9).wait().unwrap_err();
    /// let counts = error.counts().expect("the kind is TooMany");
    /// assert_eq!((counts.requested, counts.limit), (9, 4));
    /// ```
    #[must_use]
    pub fn counts(&self) -> Option<Counts> {
        if let Some(stuck) = self.stuck() {
            let limit = match stuck.side() {
                Side::Acquire => stuck.state.available_permits,
                Side::Release => stuck.state.loose,
            };
            return Some(Counts { requested: stuck.requested.into(), limit });
        }
        if let Some(&MaxPermitsError { requested, limit }) = self.exact() {
            return Some(Counts { requested, limit });
        }
        let (requested, limit) = if let Some(&SplitError { requested, count }) = self.exact() {
            (requested, count)
        } else if let Some(&AcquireError::TooMany { requested, max }) = self.exact() {
            (requested, max)
        } else if let Some(&AcquireTimeoutError::TooMany { requested, max }) = self.exact() {
            (requested, max)
        } else if let Some(&TryAcquireError::TooMany { requested, max }) = self.exact() {
            (requested, max)
        } else if let Some(&TryAcquireError::NoPermits { requested, available }) = self.exact() {
            (requested, available)
        } else if let Some(&ReleaseError::TooMany { requested, max }) = self.exact() {
            (requested, max)
        } else if let Some(&ReleaseTimeoutError::TooMany { requested, max }) = self.exact() {
            (requested, max)
        } else if let Some(&TryReleaseError::TooMany { requested, max }) = self.exact() {
            (requested, max)
        } else if let Some(&TryReleaseError::NotLoose { requested, loose }) = self.exact() {
            (requested, loose)
        } else {
            return None;
        };
        Some(Counts { requested: requested.into(), limit })
    }

    /// The exact error that this was made of.
    fn exact<E: StdError + 'static>(&self) -> Option<&E> {
        self.0.what.downcast_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = OneLine(f);
        if let Some(name) = &self.0.semaphore {
            write!(line, "semaphore `{name}`: ")?;
        }
        write!(line, "{}", self.0.what)?;
        match &self.0.source {
            Some(source) => write!(line, ": {source}"),
            None => Ok(()),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0.source {
            Some(source) => Some(&**source),
            // The text is its own already, so what comes next is what lies behind it.
            None => self.0.what.source(),
        }
    }
}

impl From<AcquireError> for Error {
    fn from(error: AcquireError) -> Error {
        let kind = match error {
            AcquireError::Closed => ErrorKind::Closed,
            AcquireError::TooMany { .. } => ErrorKind::TooMany,
        };
        Error::new(kind, error).with_operation(Operation::Acquire)
    }
}

impl From<TryAcquireError> for Error {
    fn from(error: TryAcquireError) -> Error {
        let kind = match error {
            TryAcquireError::Closed => ErrorKind::Closed,
            TryAcquireError::TooMany { .. } => ErrorKind::TooMany,
            TryAcquireError::NoPermits { .. } => ErrorKind::NotNow,
        };
        Error::new(kind, error).with_operation(Operation::Acquire)
    }
}

impl From<AcquireTimeoutError> for Error {
    fn from(error: AcquireTimeoutError) -> Error {
        let kind = match error {
            AcquireTimeoutError::Closed => ErrorKind::Closed,
            AcquireTimeoutError::TooMany { .. } => ErrorKind::TooMany,
            AcquireTimeoutError::TimedOut(_) => ErrorKind::TimedOut,
        };
        Error::new(kind, error).with_operation(Operation::Acquire)
    }
}

impl From<ReleaseError> for Error {
    fn from(error: ReleaseError) -> Error {
        let kind = match error {
            ReleaseError::Closed => ErrorKind::Closed,
            ReleaseError::TooMany { .. } => ErrorKind::TooMany,
        };
        Error::new(kind, error).with_operation(Operation::Release)
    }
}

impl From<TryReleaseError> for Error {
    fn from(error: TryReleaseError) -> Error {
        let kind = match error {
            TryReleaseError::Closed => ErrorKind::Closed,
            TryReleaseError::TooMany { .. } => ErrorKind::TooMany,
            TryReleaseError::NotLoose { .. } => ErrorKind::NotNow,
        };
        Error::new(kind, error).with_operation(Operation::Release)
    }
}

impl From<ReleaseTimeoutError> for Error {
    fn from(error: ReleaseTimeoutError) -> Error {
        let kind = match error {
            ReleaseTimeoutError::Closed => ErrorKind::Closed,
            ReleaseTimeoutError::TooMany { .. } => ErrorKind::TooMany,
            ReleaseTimeoutError::TimedOut(_) => ErrorKind::TimedOut,
        };
        Error::new(kind, error).with_operation(Operation::Release)
    }
}

impl From<MaxPermitsError> for Error {
    fn from(error: MaxPermitsError) -> Error {
        Error::new(ErrorKind::BadMax, error)
    }
}

impl From<SplitError> for Error {
    fn from(error: SplitError) -> Error {
        Error::new(ErrorKind::TooMany, error).with_operation(Operation::Split)
    }
}
