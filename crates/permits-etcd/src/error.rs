//! Errors as this reach makes them.

use crate::sizes::MAX_AT_ONCE;
use permits::{AcquireError, ReleaseError, State, TryAcquireError, TryReleaseError};
pub use permits::{Error, ErrorKind, Operation};
use std::fmt::Display;
use std::time::Duration;
use tonic::{Code, Status};

pub(crate) fn damaged(name: &str, why: &dyn Display) -> Error {
    let what = format!("its key `cfg` is not that of a semaphore ({why}): delete its keys, or use another name");
    Error::new(ErrorKind::Damaged, what).with_semaphore(name)
}

pub(crate) fn foreign(name: &str, protocol: u32, mode: &str) -> Error {
    let what = format!(
        "it is kept by protocol `{protocol}` in mode `{mode}`, and this version speaks protocol `1` in mode `exact`: \
         use the version of permits that made it, or another name"
    );
    Error::new(ErrorKind::ForeignFormat, what).with_semaphore(name)
}

pub(crate) fn gone(name: &str) -> Error {
    let what = "it was removed while it was in use: open it again to create it anew";
    Error::new(ErrorKind::Gone, what).with_semaphore(name)
}

/// The same of a request that had a place.
pub(crate) fn gone_with_its_place(name: &str) -> Error {
    gone(name).with_source("its place in the queue went with it")
}

/// The error of a removal: what is in use.
pub(crate) fn in_use(name: &str, state: &State) -> Error {
    let counts = [
        (state.given_out.saturating_sub(state.loose), "held"),
        (state.loose, "loose"),
        (state.waiting_acquirers, "waiting to acquire"),
        (state.waiting_releasers, "waiting to release"),
    ];
    let counts = counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("`{count}` {what}"));
    let what = format!("it is in use: {}", counts.collect::<Vec<_>>().join(", "));
    Error::new(ErrorKind::InUse, what).with_semaphore(name)
}

pub(crate) fn not_found(name: &str) -> Error {
    let what = "there is no such semaphore: open it with a number of permits to create it";
    Error::new(ErrorKind::NotFound, what).with_semaphore(name).with_operation(Operation::Open)
}

pub(crate) fn max_differs(name: &str, wanted: u32, there: u32) -> Error {
    let what = format!(
        "it was opened with `{wanted}` permits, and it has `{there}`: open it with `{there}`, or ask for a change of \
         the number when opening"
    );
    Error::new(ErrorKind::MaxDiffers, what).with_semaphore(name).with_operation(Operation::Open)
}

pub(crate) fn lost(name: &str, why: &str) -> Error {
    Error::new(ErrorKind::Lost, format!("the permits were lost: {why}")).with_semaphore(name)
}

pub(crate) fn closed_to_acquirers(name: &str) -> Error {
    Error::from(AcquireError::Closed).with_semaphore(name)
}

pub(crate) fn too_many_to_acquire(name: &str, requested: u32, max: u32) -> Error {
    Error::from(AcquireError::TooMany { requested, max }).with_semaphore(name)
}

pub(crate) fn not_free(name: &str, requested: u32, available: u32) -> Error {
    Error::from(TryAcquireError::NoPermits { requested, available }).with_semaphore(name)
}

pub(crate) fn closed_to_releasers(name: &str) -> Error {
    Error::from(ReleaseError::Closed).with_semaphore(name)
}

pub(crate) fn too_many_to_release(name: &str, requested: u32, max: u32) -> Error {
    Error::from(ReleaseError::TooMany { requested, max }).with_semaphore(name)
}

pub(crate) fn not_loose(name: &str, requested: u32, loose: u32) -> Error {
    Error::from(TryReleaseError::NotLoose { requested, loose }).with_semaphore(name)
}

/// More permits than one transaction may ask for.
pub(crate) fn too_many_at_once(name: &str, requested: u32) -> Error {
    let limit = MAX_AT_ONCE;
    let what = format!("asked for `{requested}` permits at once; on etcd one request may be for `{limit}` at most");
    Error::new(ErrorKind::TooMany, what).with_semaphore(name)
}

/// No answer within `time`; the last thing that went wrong, if anything did.
pub(crate) fn unreachable(time: Duration, last: Option<&Status>) -> Error {
    let what = match last {
        Some(status) => format!("no server answered within {time:?}; the last error was `{}`", text(status)),
        None => format!("no server answered within {time:?}"),
    };
    Error::new(ErrorKind::Unreachable, what)
}

/// An answer was lost, and what it was about cannot be found out any more.
pub(crate) fn in_doubt(name: &str, look_at: &str) -> Error {
    let what = format!("an answer was lost, and it may have taken effect: look at {look_at}");
    Error::new(ErrorKind::Unreachable, what).with_semaphore(name)
}

/// The thread of the connection has ended.
pub(crate) fn disconnected() -> Error {
    Error::new(ErrorKind::Unreachable, "the connection was closed by this process")
}

pub(crate) fn after_fork() -> Error {
    let what = "the connection belongs to the process that this one was forked from: connect again";
    Error::new(ErrorKind::NotOurs, what)
}

/// A server has refused: nothing has changed.
pub(crate) fn refused(status: &Status) -> Error {
    let (kind, way_out) = match status.code() {
        Code::PermissionDenied => {
            (ErrorKind::Denied, ": the user needs a role with `readwrite` on the semaphore's keys")
        }
        Code::InvalidArgument if text(status).contains("user name is empty") => {
            (ErrorKind::Denied, ": these servers want a user and a password")
        }
        Code::Unauthenticated => (ErrorKind::Denied, ": check user and password"),
        // etcd says so of a user or a password that is wrong.
        Code::InvalidArgument if text(status).contains("authentication") => {
            (ErrorKind::Denied, ": check user and password")
        }
        Code::ResourceExhausted if text(status).contains("space") => {
            (ErrorKind::Exhausted, ": compact and defragment etcd, then disarm its alarm")
        }
        Code::ResourceExhausted => (ErrorKind::Exhausted, ""),
        _ => (ErrorKind::System, ""),
    };
    Error::new(kind, format!("etcd refused the request: `{}`{way_out}", text(status)))
}

/// What a status says, and the cause that lies deepest, without what gRPC puts around it.
fn text(status: &Status) -> String {
    let message = match status.message() {
        "" => status.code().description(),
        message => message,
    };
    let mut cause = std::error::Error::source(status);
    while let Some(deeper) = cause.and_then(std::error::Error::source) {
        cause = Some(deeper);
    }
    match cause.map(ToString::to_string) {
        Some(cause) if cause != message => format!("{message}: {cause}"),
        _ => message.to_owned(),
    }
}
