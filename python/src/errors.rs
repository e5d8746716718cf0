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
    /// A try came too early; what would be said is put together only if somebody wants to hear it.
    TryAcquire(TryAcquireError),
    TryRelease(TryReleaseError),
    TooMany {
        requested: String,
        max: u32,
    },
    Here(Error),
    #[cfg(target_os = "linux")]
    Host(permits_host::Error),
}

impl Failure {
    /// It was a try or a wait with a limit, and there is nothing wrong with it.
    pub(crate) fn is_not_now(&self) -> bool {
        match self {
            Failure::TryAcquire(error) => matches!(error, TryAcquireError::NoPermits { .. }),
            Failure::TryRelease(error) => matches!(error, TryReleaseError::NotLoose { .. }),
            Failure::TooMany { .. } => false,
            Failure::Here(error) => matches!(error.kind(), ErrorKind::NotNow | ErrorKind::TimedOut),
            #[cfg(target_os = "linux")]
            Failure::Host(error) => {
                matches!(error.kind(), permits_host::ErrorKind::NotNow | permits_host::ErrorKind::TimedOut)
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
    AcquireError => |error| Failure::Here(error.into());
    AcquireTimeoutError => |error| Failure::Here(error.into());
    ReleaseError => |error| Failure::Here(error.into());
    ReleaseTimeoutError => |error| Failure::Here(error.into());
    MaxPermitsError => |error| Failure::Here(error.into());
}

#[cfg(target_os = "linux")]
impl From<permits_host::Error> for Failure {
    fn from(error: permits_host::Error) -> Failure {
        Failure::Host(error)
    }
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

static BASE: Class = Class::new("PermitsError");
static CLOSED: Class = Class::new("ClosedError");
static TOO_MANY: Class = Class::new("TooManyError");
static TIMEOUT: Class = Class::new("WaitTimeoutError");
static WOULD_BLOCK: Class = Class::new("WouldBlockError");
#[cfg(target_os = "linux")]
static HOST: Class = Class::new("HostError");

impl From<Failure> for PyErr {
    #[cold]
    fn from(failure: Failure) -> PyErr {
        match failure {
            Failure::TryAcquire(error) => Error::from(error).into_python(),
            Failure::TryRelease(error) => Error::from(error).into_python(),
            Failure::TooMany { requested, max } => TOO_MANY.error(format!(
                "asked for `{requested}` permits at once, the semaphore has `{max}`: ask for fewer, or grow it"
            )),
            Failure::Here(error) => error.into_python(),
            #[cfg(target_os = "linux")]
            Failure::Host(error) => host(error),
        }
    }
}

trait IntoPython {
    fn into_python(self) -> PyErr;
}

impl IntoPython for Error {
    fn into_python(self) -> PyErr {
        match self.kind() {
            ErrorKind::Closed => CLOSED.error(self),
            ErrorKind::TooMany => TOO_MANY.error(self),
            ErrorKind::NotNow => WOULD_BLOCK.error(self),
            ErrorKind::TimedOut => TIMEOUT.error(self),
            ErrorKind::BadMax => PyValueError::new_err(self.to_string()),
            _ => BASE.error(self),
        }
    }
}

#[cfg(target_os = "linux")]
fn host(error: permits_host::Error) -> PyErr {
    use permits_host::ErrorKind;
    let kind = match error.kind() {
        ErrorKind::Closed => return CLOSED.error(error),
        ErrorKind::TooMany => return TOO_MANY.error(error),
        ErrorKind::NotNow => return WOULD_BLOCK.error(error),
        ErrorKind::TimedOut => return TIMEOUT.error(error),
        ErrorKind::BadMax | ErrorKind::BadName => return PyValueError::new_err(error.to_string()),
        ErrorKind::MaxDiffers => "max-differs",
        ErrorKind::NotFound => "not-found",
        ErrorKind::NoSuchHolder => "no-such-holder",
        ErrorKind::Insecure => "insecure",
        ErrorKind::Denied => "denied",
        ErrorKind::Damaged => "damaged",
        ErrorKind::ForeignFormat => "foreign-format",
        ErrorKind::BadFileSystem => "bad-file-system",
        ErrorKind::Gone => "gone",
        ErrorKind::Exhausted => "exhausted",
        ErrorKind::NotOurs => "not-ours",
        _ => "system",
    };
    Python::attach(|py| {
        let made = HOST.get(py).and_then(|class| class.call1((error.to_string(), kind)));
        made.map_or_else(|error| error, PyErr::from_value)
    })
}
