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
}

impl Failure {
    /// It was a try or a wait with a limit, and there is nothing wrong with it.
    pub(crate) fn is_not_now(&self) -> bool {
        match self {
            Failure::TryAcquire(error) => matches!(error, TryAcquireError::NoPermits { .. }),
            Failure::TryRelease(error) => matches!(error, TryReleaseError::NotLoose { .. }),
            Failure::TooMany { .. } => false,
            Failure::Other(error) => matches!(error.kind(), ErrorKind::NotNow | ErrorKind::TimedOut),
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

impl From<Failure> for PyErr {
    #[cold]
    fn from(failure: Failure) -> PyErr {
        match failure {
            Failure::TryAcquire(error) => exception(Error::from(error)),
            Failure::TryRelease(error) => exception(Error::from(error)),
            Failure::TooMany { requested, max } => {
                TOO_MANY.error(format!("asked for `{requested}` permits at once, the semaphore has `{max}`"))
            }
            Failure::Other(error) => exception(error),
        }
    }
}

/// The kinds that Python code meets in the course of things have classes of their own; `HostError` has a
/// `kind` for all others.
fn exception(error: Error) -> PyErr {
    match error.kind() {
        ErrorKind::Closed => CLOSED.error(error),
        ErrorKind::TooMany => TOO_MANY.error(error),
        ErrorKind::NotNow => WOULD_BLOCK.error(error),
        ErrorKind::TimedOut => TIMEOUT.error(error),
        ErrorKind::BadMax | ErrorKind::BadInterval | ErrorKind::BadName => PyValueError::new_err(error.to_string()),
        kind => Python::attach(|py| {
            let text = match hint(kind) {
                Some(hint) => format!("{error}; {hint}"),
                None => error.to_string(),
            };
            let made = HOST.get(py).and_then(|class| class.call1((text, kind.to_string())));
            made.map_or_else(|error| error, PyErr::from_value)
        }),
    }
}

/// What to do about it in Python, if there is something. The fact is the crate's.
fn hint(kind: ErrorKind) -> Option<&'static str> {
    Some(match kind {
        ErrorKind::MaxDiffers => "`resize=True` changes the number, `max=None` takes it as it is",
        ErrorKind::NotFound => "give `max` to create it",
        ErrorKind::Denied => {
            "the owner shares it by `mode=0o660` or `0o666` when it is made, `directory=` names another place"
        }
        ErrorKind::BadDirectory | ErrorKind::BadFileSystem | ErrorKind::Insecure => "`directory=` names another place",
        ErrorKind::Damaged => "the program `permits` says what can be done: `permits repair NAME`",
        _ => return None,
    })
}
