//! Between Python's objects and the crate's.

use crate::arguments::{Count, out_of_range};
use crate::errors::{Class, Failure};
use crate::raised::raised;
use crate::reach::{Change, Reach};
use permits::{ErrorKind, Semaphore, State};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// Resizes, with an error that names the number that was given.
pub(crate) fn resize(reach: &Reach, change: Change, n: &Bound<'_, PyAny>) -> PyResult<()> {
    let n = match (Count::given(n)?, change) {
        (count, Change::Set) => count.have("max_permits")?,
        (Count::Some(n), _) => n,
        (count @ Count::Negative(_), _) => count.ask_for(|| Ok(0))?,
        (Count::Huge(n), _) => return Err(out_of_range("a change of max_permits", &n)),
    };
    match reach.resize(change, n) {
        Err(Failure::Other(error) | Failure::Machines(error))
            if error.kind() == ErrorKind::BadMax && change != Change::Set =>
        {
            let (what, has) = (if change == Change::Grow { "grow" } else { "shrink" }, reach.state()?.max_permits);
            let text = format!(
                "cannot {what} by `{n}`: max_permits is `{has}`, and must be between `1` and `{}`",
                Semaphore::MAX_PERMITS
            );
            return Err(PyValueError::new_err(text));
        }
        resized => resized?,
    }
    raised()
}

pub(crate) fn state_to_python<'py>(py: Python<'py>, state: &State) -> PyResult<Bound<'py, PyAny>> {
    static STATE: Class = Class::new("State");
    STATE.get(py)?.call1((
        state.max_permits,
        state.available_permits,
        state.given_out,
        state.loose,
        state.waiting_acquirers,
        state.next_acquirer,
        state.waiting_releasers,
        state.next_releaser,
        state.closed,
    ))
}

/// `<module.Class at 0x…`, without its end: of the object's own class.
pub(crate) fn opening(object: &Bound<'_, PyAny>) -> PyResult<String> {
    let class = object.get_type();
    Ok(format!("<{}.{} at {:#x}", class.module()?, class.qualname()?, object.as_ptr() as usize))
}

pub(crate) fn one(py: Python<'_>) -> Bound<'_, PyAny> {
    1_u32.into_pyobject(py).map_or_else(|never| match never {}, Bound::into_any)
}
