//! What can go wrong: a small exact enum for every way of asking, and one [`Error`] for code that does not care which reach it has.

use crate::readings::State;
use crate::state::Side;
use std::error::Error as StdError;
use std::fmt;

/// Why a request failed, inside; the public enums are its subsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    Closed,
    TooMany { requested: u32, max: u32 },
    NotNow { requested: u32, at_hand: u32 },
    TimedOut,
}

fn closed(f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("the semaphore is closed")
}

fn too_many(f: &mut fmt::Formatter<'_>, requested: u32, max: u32) -> fmt::Result {
    write!(f, "asked for `{requested}` permits at once, the semaphore has `{max}`: ask for fewer, or grow it")
}

fn no_permits(f: &mut fmt::Formatter<'_>, requested: u32, available: u32) -> fmt::Result {
    if available >= requested {
        return write!(f, "asked for `{requested}` permits: `{available}` are free, but others wait for them");
    }
    write!(f, "asked for `{requested}` permits, `{available}` are free: wait for them, or ask for fewer")
}

const BY_ITS_GUARD: &str = "what a guard holds returns by its guard, or is let go by `forget`";

fn too_many_back(f: &mut fmt::Formatter<'_>, requested: u32, max: u32) -> fmt::Result {
    write!(f, "asked to return `{requested}` permits at once, the semaphore has `{max}`: return fewer at a time")
}

fn not_loose(f: &mut fmt::Formatter<'_>, requested: u32, loose: u32) -> fmt::Result {
    if loose >= requested {
        return write!(f, "asked to return `{requested}` permits: `{loose}` are loose, but others wait to return them");
    }
    write!(
        f,
        "asked to return `{requested}` permits, `{loose}` are loose: wait for them, or return fewer; {BY_ITS_GUARD}"
    )
}

fn timed_out(f: &mut fmt::Formatter<'_>, act: &str, stuck: &Stuck) -> fmt::Result {
    write!(f, "timed out {act} `{}` permits: {}", stuck.requested, stuck.state)?;
    let State { max_permits, given_out, loose, .. } = stuck.state;
    if stuck.side == Side::Release && loose < stuck.requested && given_out > loose {
        write!(f, "; {BY_ITS_GUARD}")?;
    }
    if stuck.batches_may_deadlock() {
        let limit = u64::from(max_permits) + 1;
        write!(f, "; batches on the two sides that sum up to more than `{limit}` can wait for each other for ever")?;
    }
    Ok(())
}

/// How things stood when a wait ran out of time, and what both sides were waiting for (C22).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Stuck {
    /// How many permits the request was for.
    pub requested: u32,
    pub(crate) side: Side,
    /// The semaphore at that instant, this request no longer among the waiters.
    pub state: State,
}

impl Stuck {
    /// Is somebody on the other side waiting with a batch so large that it and this request can block each other for ever?
    ///
    /// It is so if the two sum up to more than `max_permits + 1`: then the counts can stand where neither fits.
    #[must_use]
    pub fn batches_may_deadlock(&self) -> bool {
        let other = match self.side {
            Side::Acquire => self.state.next_releaser,
            Side::Release => self.state.next_acquirer,
        };
        other > 0 && u64::from(self.requested) + u64::from(other) > u64::from(self.state.max_permits) + 1
    }
}

/// Why [`Acquire`](crate::Acquire) failed, awaited or waited for without a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AcquireError {
    /// The semaphore was closed, before the call or during the wait (C12).
    Closed,
    /// More permits than the semaphore has, or has since a shrink (C7).
    TooMany {
        /// How many were asked for.
        requested: u32,
        /// How many there are.
        max: u32,
    },
}

/// Why a try to acquire failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TryAcquireError {
    /// The semaphore is closed (C12).
    Closed,
    /// More permits than the semaphore has (C7).
    TooMany {
        /// How many were asked for.
        requested: u32,
        /// How many there are.
        max: u32,
    },
    /// They are not to be had now, or others come first (C8).
    NoPermits {
        /// How many were asked for.
        requested: u32,
        /// How many were free.
        available: u32,
    },
}

/// Why a wait with a limit for permits failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AcquireTimeoutError {
    /// The semaphore was closed, before the call or during the wait (C12).
    Closed,
    /// More permits than the semaphore has, or has since a shrink (C7).
    TooMany {
        /// How many were asked for.
        requested: u32,
        /// How many there are.
        max: u32,
    },
    /// The time was over first; nothing was taken (C10, C11).
    TimedOut(Stuck),
}

/// Why [`Release`](crate::Release) failed, awaited or waited for without a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReleaseError {
    /// The semaphore was closed, and fewer loose permits than that were out (C12).
    Closed,
    /// More permits than the semaphore has, or has since a shrink (C7).
    TooMany {
        /// How many were to be returned.
        requested: u32,
        /// How many there are.
        max: u32,
    },
}

/// Why a try to release failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TryReleaseError {
    /// The semaphore is closed, and fewer loose permits than that are out (C12).
    Closed,
    /// More permits than the semaphore has (C7).
    TooMany {
        /// How many were to be returned.
        requested: u32,
        /// How many there are.
        max: u32,
    },
    /// Fewer loose permits than that are out now, or others return theirs first (C4, C8).
    NotLoose {
        /// How many were to be returned.
        requested: u32,
        /// How many were loose.
        loose: u32,
    },
}

/// Why a wait with a limit for returning permits failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReleaseTimeoutError {
    /// The semaphore was closed, and fewer loose permits than that were out (C12).
    Closed,
    /// More permits than the semaphore has, or has since a shrink (C7).
    TooMany {
        /// How many were to be returned.
        requested: u32,
        /// How many there are.
        max: u32,
    },
    /// The time was over first; nothing was returned (C10, C11).
    TimedOut(Stuck),
}

/// A number of permits that no semaphore can have (C2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct MaxPermitsError {
    /// The number that was refused; it saturates where a change of the bound would have left 64 bits.
    pub requested: i64,
    /// The largest one that is not: [`Semaphore::MAX_PERMITS`](crate::Semaphore::MAX_PERMITS).
    pub limit: u32,
}

/// A permit cannot be split so: it has too few.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SplitError {
    /// How many were to be split off.
    pub requested: u32,
    /// How many the permit has.
    pub count: u32,
}

/// Two permits of different semaphores do not merge; both live on (C6).
#[derive(Debug)]
pub struct MergeError<P>(pub(crate) P);

impl<P> MergeError<P> {
    /// The permit that was to be merged into the other.
    pub fn into_permit(self) -> P {
        self.0
    }
}

impl<P> fmt::Display for MergeError<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the two permits belong to different semaphores: one is as it was, and this error has the other, see `into_permit`")
    }
}

impl fmt::Display for SplitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot split `{}` permits off a guard that holds `{}`", self.requested, self.count)
    }
}

impl fmt::Display for MaxPermitsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "max_permits cannot be `{}`: it ranges from `1` to `{}`", self.requested, self.limit)
    }
}

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            AcquireError::Closed => closed(f),
            AcquireError::TooMany { requested, max } => too_many(f, requested, max),
        }
    }
}

impl fmt::Display for TryAcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            TryAcquireError::Closed => closed(f),
            TryAcquireError::TooMany { requested, max } => too_many(f, requested, max),
            TryAcquireError::NoPermits { requested, available } => no_permits(f, requested, available),
        }
    }
}

impl fmt::Display for AcquireTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AcquireTimeoutError::Closed => closed(f),
            AcquireTimeoutError::TooMany { requested, max } => too_many(f, *requested, *max),
            AcquireTimeoutError::TimedOut(stuck) => timed_out(f, "asking for", stuck),
        }
    }
}

impl fmt::Display for ReleaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            ReleaseError::Closed => closed(f),
            ReleaseError::TooMany { requested, max } => too_many_back(f, requested, max),
        }
    }
}

impl fmt::Display for TryReleaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            TryReleaseError::Closed => closed(f),
            TryReleaseError::TooMany { requested, max } => too_many_back(f, requested, max),
            TryReleaseError::NotLoose { requested, loose } => not_loose(f, requested, loose),
        }
    }
}

impl fmt::Display for ReleaseTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReleaseTimeoutError::Closed => closed(f),
            ReleaseTimeoutError::TooMany { requested, max } => too_many_back(f, *requested, *max),
            ReleaseTimeoutError::TimedOut(stuck) => timed_out(f, "returning", stuck),
        }
    }
}

impl StdError for AcquireError {}
impl StdError for TryAcquireError {}
impl StdError for AcquireTimeoutError {}
impl StdError for ReleaseError {}
impl StdError for TryReleaseError {}
impl StdError for ReleaseTimeoutError {}
impl StdError for MaxPermitsError {}
impl StdError for SplitError {}
impl<P: fmt::Debug> StdError for MergeError<P> {}

/// A wait without a limit ends by `Closed` and `TooMany` alone, a try by no `TimedOut`, a wait with a limit by no `NotNow`; its
/// `TimedOut` is made into a [`Stuck`] by the request.
#[cold]
#[inline(never)]
fn other(refusal: Refusal) -> ! {
    unreachable!("this way of waiting does not end by {refusal:?}")
}

impl From<Refusal> for AcquireError {
    #[inline]
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Closed => AcquireError::Closed,
            Refusal::TooMany { requested, max } => AcquireError::TooMany { requested, max },
            Refusal::NotNow { .. } | Refusal::TimedOut => other(refusal),
        }
    }
}

impl From<Refusal> for TryAcquireError {
    #[inline]
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Closed => TryAcquireError::Closed,
            Refusal::TooMany { requested, max } => TryAcquireError::TooMany { requested, max },
            Refusal::NotNow { requested, at_hand } => TryAcquireError::NoPermits { requested, available: at_hand },
            Refusal::TimedOut => other(refusal),
        }
    }
}

impl From<Stuck> for AcquireTimeoutError {
    fn from(stuck: Stuck) -> Self {
        AcquireTimeoutError::TimedOut(stuck)
    }
}

impl From<Refusal> for AcquireTimeoutError {
    #[inline]
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Closed => AcquireTimeoutError::Closed,
            Refusal::TooMany { requested, max } => AcquireTimeoutError::TooMany { requested, max },
            Refusal::TimedOut | Refusal::NotNow { .. } => other(refusal),
        }
    }
}

impl From<Refusal> for ReleaseError {
    #[inline]
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Closed => ReleaseError::Closed,
            Refusal::TooMany { requested, max } => ReleaseError::TooMany { requested, max },
            Refusal::NotNow { .. } | Refusal::TimedOut => other(refusal),
        }
    }
}

impl From<Refusal> for TryReleaseError {
    #[inline]
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Closed => TryReleaseError::Closed,
            Refusal::TooMany { requested, max } => TryReleaseError::TooMany { requested, max },
            Refusal::NotNow { requested, at_hand } => TryReleaseError::NotLoose { requested, loose: at_hand },
            Refusal::TimedOut => other(refusal),
        }
    }
}

impl From<Stuck> for ReleaseTimeoutError {
    fn from(stuck: Stuck) -> Self {
        ReleaseTimeoutError::TimedOut(stuck)
    }
}

impl From<Refusal> for ReleaseTimeoutError {
    #[inline]
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Closed => ReleaseTimeoutError::Closed,
            Refusal::TooMany { requested, max } => ReleaseTimeoutError::TooMany { requested, max },
            Refusal::TimedOut | Refusal::NotNow { .. } => other(refusal),
        }
    }
}

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
