//! Errors as this reach makes them: those of the crate `permits`, with the semaphore's name.

pub(crate) use permits::Operation;
pub use permits::{Error, ErrorKind};

use crate::protocol::acts::Refusal;
use crate::protocol::book::{MAX_PERMITS, Side};
use crate::protocol::layout::WAITERS;
use permits::{AcquireError, MaxPermitsError, ReleaseError, State, TryAcquireError, TryReleaseError};
use std::borrow::Cow;
use std::fmt::Display;
use std::io;
use std::time::Duration;

/// Adds to an error what it lacks on its way out: the semaphore and the operation. What is set already stays.
///
/// Every public call that can fail ends with it, so no text inside names the semaphore.
pub(crate) fn during(name: &str, operation: Operation) -> impl FnOnce(Error) -> Error {
    move |error| error.with_semaphore(&shown(name)).with_operation(operation)
}

/// A name that is too long to be one is not repeated in full.
fn shown(name: &str) -> Cow<'_, str> {
    const SHOWN: usize = 40;
    if name.len() <= LONGEST_NAME {
        name.into()
    } else {
        name.chars().take(SHOWN).chain(['…']).collect::<String>().into()
    }
}

/// The operation on a side.
pub(crate) fn asking(side: Side) -> Operation {
    match side {
        Side::Acquire => Operation::Acquire,
        Side::Release => Operation::Release,
    }
}

/// An exact error, with the name of the semaphore.
#[cold]
pub(crate) fn named(name: &str, error: impl Into<Error>) -> Error {
    error.into().with_semaphore(name)
}

/// Bytes of the longest name.
pub(crate) const LONGEST_NAME: usize = 200;

/// How many descriptors a handle has open at once while it is opened: the directory, the file, and the file
/// once more to ask for locks.
const DESCRIPTORS: u32 = 3;

#[cold]
pub(crate) fn system(what: impl Display, source: io::Error) -> Error {
    let kind = match source.raw_os_error() {
        Some(libc::EACCES | libc::EPERM | libc::EROFS) => ErrorKind::Denied,
        Some(
            libc::ENOSPC | libc::EDQUOT | libc::EMFILE | libc::ENFILE | libc::ENOMEM | libc::ENOLCK | libc::EAGAIN,
        ) => ErrorKind::Exhausted,
        // The name of a file is short, so it is the way to it that is wrong.
        Some(libc::ENOTDIR | libc::ENAMETOOLONG) => ErrorKind::BadDirectory,
        _ => ErrorKind::System,
    };
    let what = match source.raw_os_error() {
        Some(libc::EMFILE) => format!(
            "{what}: this process has reached its limit of open descriptors (`ulimit -n`): opening a handle needs `{DESCRIPTORS}` more, \
             and the handle keeps `1`"
        ),
        // Of a thread that cannot be started: a lock that is taken is no error.
        Some(libc::EAGAIN) => {
            format!(
                "{what}: this user or this container has reached a limit of processes and threads (`ulimit -u`, `pids.max`)"
            )
        }
        _ => what.to_string(),
    };
    Error::new(kind, what).with_source(source)
}

#[cold]
pub(crate) fn damaged(name: &str, what: &str) -> Error {
    Error::new(ErrorKind::Damaged, format!("it is damaged: {what}")).with_semaphore(name)
}

#[cold]
pub(crate) fn gone(name: &str) -> Error {
    let what = "it was removed, or its file was replaced, while it was in use: held permits stay held; open it anew to acquire more";
    Error::new(ErrorKind::Gone, what).with_semaphore(name)
}

/// The error of a removal: what is in use.
#[cold]
pub(crate) fn in_use(state: &State) -> Error {
    let held = state.given_out.saturating_sub(state.loose);
    let counts = [
        (held, "held"),
        (state.loose, "loose"),
        (state.waiting_acquirers, "waiting to acquire"),
        (state.waiting_releasers, "waiting to release"),
    ];
    let counts = counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("`{count}` {what}"));
    Error::new(ErrorKind::InUse, format!("it is in use: {}", counts.collect::<Vec<_>>().join(", ")))
}

#[cold]
pub(crate) fn not_ours(name: &str) -> Error {
    let what = "it belongs to the process that this one was forked from: make a new request in this process";
    Error::new(ErrorKind::NotOurs, what).with_semaphore(name)
}

#[cold]
pub(crate) fn refused(name: &str, side: Side, refusal: Refusal) -> Error {
    let error = match (refusal, side) {
        (Refusal::Gone, _) => gone(name),
        (Refusal::Crowded, _) => {
            let why = format!("`{WAITERS}` waiters are queued, and there is no place for more: try again later");
            Error::new(ErrorKind::Exhausted, why)
        }
        (Refusal::Closed, Side::Acquire) => AcquireError::Closed.into(),
        (Refusal::Closed, Side::Release) => ReleaseError::Closed.into(),
        (Refusal::TooMany { requested, max }, Side::Acquire) => AcquireError::TooMany { requested, max }.into(),
        (Refusal::TooMany { requested, max }, Side::Release) => ReleaseError::TooMany { requested, max }.into(),
        (Refusal::NotNow { requested, at_hand: available }, Side::Acquire) => {
            TryAcquireError::NoPermits { requested, available }.into()
        }
        (Refusal::NotNow { requested, at_hand: loose }, Side::Release) => {
            TryReleaseError::NotLoose { requested, loose }.into()
        }
        (Refusal::TooSoon { rest, interval }, _) => {
            Error::new(ErrorKind::NotNow, too_soon(Duration::from_millis(interval.into()), Duration::from_nanos(rest)))
        }
    };
    error.with_semaphore(name).with_operation(asking(side))
}

/// Adds both sides' needs (C22), if they can be read.
#[cold]
pub(crate) fn timed_out(name: &str, side: Side, requested: u32, state: Result<State, Error>) -> Error {
    named(name, Error::timed_out(side, requested, state))
}

/// That it is too soon for the next start.
pub(crate) fn too_soon(interval: Duration, rest: Duration) -> String {
    let rest = Duration::from_millis(u64::try_from(rest.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX));
    format!("its starts are `{interval:?}` apart, and the next may be in `{rest:?}`")
}

#[cold]
pub(crate) fn bad_max(name: &str, requested: i64) -> Error {
    named(name, MaxPermitsError::new(requested, MAX_PERMITS))
}
