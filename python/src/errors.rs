//! What can go wrong, as exceptions. Their classes are in `permits/_types.py`.

use permits::{
    AcquireError, AcquireTimeoutError, Error, ErrorKind, MaxPermitsError, ReleaseError, ReleaseTimeoutError,
    TryAcquireError, TryReleaseError,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;
use std::fmt;

/// An error of any reach, before it is an exception.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A try came too early; the text is put together only if it is needed.
    TryAcquire(TryAcquireError),
    TryRelease(TryReleaseError),
    TooMany {
        requested: String,
        max: u32,
    },
    Other(Error),
    /// Of machines: by another name where it would be one of this host.
    Machines(Error),
    /// A signal's handler has ended a wait.
    Raised(PyErr),
}

impl Failure {
    /// It was a try or a wait with a limit, and there is nothing wrong with it.
    pub(crate) fn is_not_now(&self) -> bool {
        match self {
            Failure::TryAcquire(error) => matches!(error, TryAcquireError::NoPermits { .. }),
            Failure::TryRelease(error) => matches!(error, TryReleaseError::NotLoose { .. }),
            Failure::TooMany { .. } | Failure::Raised(_) => false,
            Failure::Other(error) | Failure::Machines(error) => {
                matches!(error.kind(), ErrorKind::NotNow | ErrorKind::TimedOut)
            }
        }
    }
}

macro_rules! from {
    ($($error:ty => |$it:ident| $failure:expr;)*) => {$(
        impl From<$error> for Failure {
            fn from($it: $error) -> Failure {
                $failure
            }
        }
    )*};
}

from! {
    TryAcquireError => |error| Failure::TryAcquire(error);
    TryReleaseError => |error| Failure::TryRelease(error);
    AcquireError => |error| Failure::Other(error.into());
    AcquireTimeoutError => |error| Failure::Other(error.into());
    ReleaseError => |error| Failure::Other(error.into());
    ReleaseTimeoutError => |error| Failure::Other(error.into());
    MaxPermitsError => |error| Failure::Other(error.into());
    Error => |error| Failure::Other(error);
}

/// A class of `permits/_types.py`.
pub(crate) struct Class {
    name: &'static str,
    class: PyOnceLock<Py<PyType>>,
}

impl Class {
    pub(crate) const fn new(name: &'static str) -> Class {
        Class { name, class: PyOnceLock::new() }
    }

    pub(crate) fn get<'py>(&self, py: Python<'py>) -> PyResult<&Bound<'py, PyType>> {
        self.class.import(py, "permits._types", self.name)
    }

    fn error(&self, text: impl fmt::Display) -> PyErr {
        Python::attach(|py| match self.get(py) {
            Ok(class) => PyErr::from_type(class.clone(), text.to_string()),
            Err(error) => error,
        })
    }
}

static CLOSED: Class = Class::new("ClosedError");
static TOO_MANY: Class = Class::new("TooManyError");
static TIMEOUT: Class = Class::new("WaitTimeoutError");
static WOULD_BLOCK: Class = Class::new("WouldBlockError");
static HOST: Class = Class::new("HostError");
static MACHINES: Class = Class::new("EtcdError");
static LOST: Class = Class::new("LostError");
static UNREACHABLE: Class = Class::new("UnreachableError");
static DENIED: Class = Class::new("DeniedError");

impl From<Failure> for PyErr {
    #[cold]
    fn from(failure: Failure) -> PyErr {
        match failure {
            Failure::TryAcquire(error) => exception(&Error::from(error), of_host),
            Failure::TryRelease(error) => exception(&Error::from(error), of_host),
            Failure::TooMany { requested, max } => {
                TOO_MANY.error(format!("asked for `{requested}` permits at once, the semaphore has `{max}`"))
            }
            Failure::Other(error) => exception(&error, of_host),
            Failure::Machines(error) => exception(&error, of_machines),
            Failure::Raised(error) => error,
        }
    }
}

/// How a `with` block ends whose permits came back with this outcome: an exception that the block has raised is
/// not replaced by the news of their loss.
pub(crate) fn end_of_block(exception: &Bound<'_, PyAny>, outcome: PyResult<()>) -> PyResult<()> {
    match outcome {
        Err(error) if !exception.is_none() && error.is_instance(exception.py(), LOST.get(exception.py())?) => Ok(()),
        outcome => outcome,
    }
}

/// The kinds that Python code meets in the course of things have classes of their own; for all others there
/// is a class with a `kind`, and a hint.
fn exception(error: &Error, other: fn(ErrorKind) -> (&'static Class, Option<&'static str>)) -> PyErr {
    match error.kind() {
        ErrorKind::Closed => CLOSED.error(error),
        ErrorKind::TooMany => TOO_MANY.error(error),
        ErrorKind::NotNow => WOULD_BLOCK.error(error),
        ErrorKind::TimedOut => TIMEOUT.error(error),
        ErrorKind::BadMax | ErrorKind::BadInterval | ErrorKind::BadName => PyValueError::new_err(error.to_string()),
        kind => Python::attach(|py| {
            let (class, hint) = other(kind);
            let text = match hint {
                Some(hint) => format!("{error}; {hint}"),
                None => error.to_string(),
            };
            let made = class.get(py).and_then(|class| class.call1((text, kind.to_string())));
            made.map_or_else(|error| error, PyErr::from_value)
        }),
    }
}

/// The class, and what to do about it in Python, if there is something. The fact is the crate's.
fn of_host(kind: ErrorKind) -> (&'static Class, Option<&'static str>) {
    let hint = match kind {
        ErrorKind::MaxDiffers | ErrorKind::NotFound => of_any(kind),
        ErrorKind::Denied => {
            Some("the owner shares it by `mode=0o660` or `0o666` when it is made, `directory=` names another place")
        }
        ErrorKind::BadDirectory | ErrorKind::BadFileSystem | ErrorKind::Insecure => {
            Some("`directory=` names another place")
        }
        ErrorKind::Damaged => Some("the program `permits` says what can be done: `permits repair NAME`"),
        _ => None,
    };
    (&HOST, hint)
}

fn of_machines(kind: ErrorKind) -> (&'static Class, Option<&'static str>) {
    match kind {
        ErrorKind::Lost => (&LOST, None),
        ErrorKind::Unreachable => (&UNREACHABLE, None),
        ErrorKind::Denied => (&DENIED, None),
        kind => (&MACHINES, of_any(kind)),
    }
}

fn of_any(kind: ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::MaxDiffers => Some("`resize=True` changes the number, `max=None` takes it as it is"),
        ErrorKind::NotFound => Some("give `max` to create it"),
        _ => None,
    }
}
