//! Numbers and times as Python gives them.

use crate::errors::Failure;
use permits::Semaphore;
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyFloat, PyInt};
use std::convert::Infallible;
use std::time::{Duration, Instant};

/// An argument, if it was given. `None` is a value like any other.
#[derive(Clone, Copy)]
pub(crate) struct Argument<'a, 'py>(pub(crate) Option<Borrowed<'a, 'py, PyAny>>);

impl Argument<'_, '_> {
    pub(crate) const NONE: Self = Argument(None);
}

impl<'a, 'py> FromPyObject<'a, 'py> for Argument<'a, 'py> {
    type Error = Infallible;

    #[inline]
    fn extract(given: Borrowed<'a, 'py, PyAny>) -> Result<Self, Infallible> {
        Ok(Argument(Some(given)))
    }
}

/// How long a caller is ready to wait.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Patience {
    Try,
    Until(Instant),
    Endless,
}

/// `blocking` and `timeout`, as `threading` has them. A value that is not a number is refused whether or not
/// the call has to wait.
#[inline]
pub(crate) fn patience(blocking: Argument<'_, '_>, timeout: Argument<'_, '_>) -> PyResult<Patience> {
    match (blocking.0, timeout.0) {
        (None, None) => Ok(Patience::Endless),
        (blocking, timeout) => given_patience(blocking, timeout),
    }
}

type Given<'a, 'py> = Option<Borrowed<'a, 'py, PyAny>>;

fn given_patience(blocking: Given<'_, '_>, timeout: Given<'_, '_>) -> PyResult<Patience> {
    let blocking = blocking.map_or(Ok(true), |blocking| blocking.is_truthy())?;
    let Some(timeout) = timeout.filter(|timeout| !timeout.is_none()) else {
        return Ok(if blocking { Patience::Endless } else { Patience::Try });
    };
    if !blocking {
        return Err(PyValueError::new_err("can't specify timeout for non-blocking acquire"));
    }
    let seconds = seconds(&timeout)?;
    if seconds.is_nan() {
        return Err(PyValueError::new_err("timeout must be a number of seconds, not nan"));
    }
    if seconds <= 0.0 {
        return Ok(Patience::Try);
    }
    // What no clock can count to is no limit.
    let end = Duration::try_from_secs_f64(seconds).ok().and_then(|time| Instant::now().checked_add(time));
    Ok(end.map_or(Patience::Endless, Patience::Until))
}

/// The time between starts, in seconds. What is a length of time is in range or not by the library's word.
pub(crate) fn interval(value: &Bound<'_, PyAny>) -> PyResult<Duration> {
    let seconds = seconds(value)?;
    Duration::try_from_secs_f64(seconds).map_err(|_| {
        // As it was given, but for a number of hundreds of digits.
        let given = value.str().map_or_else(|_| String::new(), |text| text.to_string());
        let given = if (1..=32).contains(&given.len()) { given } else { format!("{seconds:?}") };
        PyValueError::new_err(format!(
            "starts cannot be `{given}` seconds apart: give from `0.001` to `86400`, or `0` to leave them unspaced"
        ))
    })
}

/// A length of time in seconds, more than zero.
pub(crate) fn time(value: &Bound<'_, PyAny>, what: &str, most: Duration) -> PyResult<Duration> {
    let seconds = seconds(value)?;
    let time = Duration::try_from_secs_f64(seconds).ok().filter(|time| !time.is_zero() && *time <= most);
    time.ok_or_else(|| {
        let limit = if most < Duration::MAX { format!(", at most `{}`", most.as_secs()) } else { String::new() };
        PyValueError::new_err(format!("{what} must be a number of seconds above `0`{limit}, it is `{seconds:?}`"))
    })
}

/// As a float; a whole number beyond all floats is an infinite one.
fn seconds(timeout: &Bound<'_, PyAny>) -> PyResult<f64> {
    let is_whole = timeout.is_instance_of::<PyInt>()
        || (!timeout.is_instance_of::<PyFloat>() && !timeout.hasattr("__float__")? && timeout.hasattr("__index__")?);
    if !is_whole {
        return timeout.extract();
    }
    let whole = index(timeout)?;
    match whole.extract::<f64>() {
        Err(error) if error.is_instance_of::<PyOverflowError>(timeout.py()) => {
            Ok(if whole.lt(0)? { f64::NEG_INFINITY } else { f64::INFINITY })
        }
        outcome => outcome,
    }
}

/// The int that stands for it; asked for once.
fn index<'py>(n: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    static INDEX: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    if n.is_instance_of::<PyInt>() {
        return Ok(n.clone());
    }
    INDEX.import(n.py(), "operator", "index")?.call1((n,))
}

/// A whole number, as far as it can be one of permits.
#[derive(Debug)]
pub(crate) enum Count {
    Some(u32),
    Negative(String),
    /// More than any semaphore has.
    Huge(String),
}

impl Count {
    pub(crate) fn new(n: Argument<'_, '_>) -> PyResult<Count> {
        n.0.map_or(Ok(Count::Some(1)), |n| Count::given(&n))
    }

    pub(crate) fn given(n: &Bound<'_, PyAny>) -> PyResult<Count> {
        let n = index(n)?;
        match n.extract::<i64>() {
            Ok(n) if n < 0 => Ok(Count::Negative(n.to_string())),
            Ok(n) => Ok(u32::try_from(n).map_or_else(|_| Count::Huge(n.to_string()), Count::Some)),
            Err(error) if error.is_instance_of::<PyOverflowError>(n.py()) => {
                // Too long to be printed, perhaps (`sys.set_int_max_str_digits`).
                let text =
                    n.str().map_or_else(|_| "a number of thousands of digits".to_owned(), |text| text.to_string());
                if n.lt(0)? { Ok(Count::Negative(text)) } else { Ok(Count::Huge(text)) }
            }
            Err(error) => Err(error),
        }
    }

    pub(crate) fn text(self) -> String {
        match self {
            Count::Some(n) => n.to_string(),
            Count::Negative(text) | Count::Huge(text) => text,
        }
    }

    /// It as a number to ask for, 0 included (C7).
    pub(crate) fn ask_for(self, max: impl FnOnce() -> Result<u32, Failure>) -> PyResult<u32> {
        match self {
            Count::Some(n) => Ok(n),
            Count::Negative(n) => Err(PyValueError::new_err(format!("n must not be negative, it is `{n}`"))),
            Count::Huge(n) => Err(Failure::TooMany { requested: n, max: max()? }.into()),
        }
    }

    /// It as the permissions of a semaphore's file, as the program `permits` takes them.
    pub(crate) fn permissions(self) -> PyResult<u32> {
        const OWNER: u32 = 0o600;
        let is_none = |mode: u32| mode & !0o666 != 0 || mode & OWNER != OWNER;
        // The class of users is shifted over itself: may read, and not write.
        let is_for_readers = |mode: u32| mode & 0o044 & !((mode & 0o022) << 1) != 0;
        let shown = match self {
            Count::Some(mode) if is_none(mode) => match u32::from_str_radix(&mode.to_string(), 8) {
                // Another number than `0o660`.
                Ok(meant) if !is_none(meant) => format!("`{mode}`, without `0o`"),
                _ => format!("`0o{mode:03o}`"),
            },
            Count::Some(mode) if is_for_readers(mode) => format!(
                "`0o{mode:03o}`, as it lets other users read and not write, and a user who can read a semaphore can lock \
                 it and keep all others out"
            ),
            Count::Some(mode) => return Ok(mode),
            Count::Negative(text) | Count::Huge(text) => format!("`{text}`"),
        };
        Err(PyValueError::new_err(format!(
            "mode cannot be {shown}: give `0o600` for this user alone, `0o660` for the group too, or `0o666` for all users"
        )))
    }

    /// It as a number for a semaphore to have (C2).
    pub(crate) fn have(self, what: &str) -> PyResult<u32> {
        match self {
            Count::Some(n) if (1..=Semaphore::MAX_PERMITS).contains(&n) => Ok(n),
            other => Err(out_of_range(what, &other.text())),
        }
    }
}

/// `True` counts as 1 wherever Python wants a number; as a number of permits it is a slip. What is no number is refused
/// with the name of the argument, which Python's own error has not.
pub(crate) fn number<'a, 'py>(n: &'a Bound<'py, PyAny>, what: &str) -> PyResult<&'a Bound<'py, PyAny>> {
    if n.is_instance_of::<PyBool>() {
        return Err(PyTypeError::new_err(format!("{what} must be a number, it is `{n}`")));
    }
    if !n.hasattr("__index__")? {
        return Err(PyTypeError::new_err(format!("{what} must be an int, not {}", n.get_type().name()?)));
    }
    Ok(n)
}

pub(crate) fn out_of_range(what: &str, value: &str) -> PyErr {
    PyValueError::new_err(format!("{what} must be between `1` and `{}`, it is `{value}`", Semaphore::MAX_PERMITS))
}

/// For a first argument that counts permits: a bool there is `blocking`, as in `threading`, since it is no
/// count.
pub(crate) fn count_or_blocking<'a, 'py>(
    n: Argument<'a, 'py>,
    blocking: Argument<'a, 'py>,
) -> PyResult<(Argument<'a, 'py>, Argument<'a, 'py>)> {
    match n.0 {
        Some(first) if first.is_instance_of::<PyBool>() => match blocking.0 {
            Some(_) => Err(PyTypeError::new_err("`blocking` is given twice: as the first argument, and by name")),
            None => Ok((Argument::NONE, n)),
        },
        _ => Ok((n, blocking)),
    }
}
