//! A value that goes down and up: what the semaphores of `threading` and of `asyncio` have in common.
//!
//! All of their permits are loose. A semaphore without a bound is one of
//! [`Semaphore::MAX_PERMITS`](Core::MAX_PERMITS) permits of which all but its value are out: to release is to
//! return one of those, which is there as long as the limit is not reached.

use crate::arguments::{Argument, Count, patience};
use crate::classes::coroutine::{Coroutine, Gives};
use crate::classes::permit::Permit;
use crate::convert::{one, resize};
use crate::errors::Failure;
use crate::held::Held;
use crate::here::Here;
use crate::home::{Cell, Home};
use crate::raised::raised;
use crate::reach::{Ask, Change, Reach};
use permits::{Semaphore as Core, State};
use pyo3::exceptions::{PyOverflowError, PyValueError};
use pyo3::prelude::*;
use std::mem;
use std::sync::{Arc, OnceLock};

/// A semaphore as the standard library has it: a value that goes down and up.
#[derive(Default)]
pub(crate) struct Valued {
    pub(crate) cell: Cell,
    /// The value at the start, if it must not be exceeded.
    bound: OnceLock<Option<u32>>,
    /// What `init` was called with.
    initial: OnceLock<(u32, bool)>,
}

impl Valued {
    /// `name` as it stands in the standard library's error.
    pub(crate) fn init(
        &self,
        class: &str,
        value: &Bound<'_, PyAny>,
        name: &str,
        fair: bool,
        bounded: bool,
    ) -> PyResult<()> {
        let value = match Count::given(value)? {
            Count::Negative(_) => return Err(PyValueError::new_err(format!("{name} initial value must be >= 0"))),
            Count::Some(value) if value <= Core::MAX_PERMITS => value,
            other => return Err(beyond("the initial value", &other.text())),
        };
        // Of two bases that both call it, the second finds it done.
        if self.cell.is_set() && self.initial.get() == Some(&(value, fair)) {
            return Ok(());
        }
        let max = if bounded { value.max(1) } else { Core::MAX_PERMITS };
        let sem = if fair { Core::fair(max) } else { Core::new(max) };
        if bounded && value == 0 {
            // None that anybody could have: the one that there has to be is held for ever.
            mem::forget(sem.try_acquire());
        } else {
            sem.acquire_many(max - value).loose().try_now().map_err(Failure::from)?;
        }
        self.cell.set(class, Home::new(Reach::Here(Arc::new(Here::new(sem)))))?;
        let _ = self.bound.set(bounded.then_some(value));
        let _ = self.initial.set((value, fair));
        Ok(())
    }

    #[inline]
    pub(crate) fn home(&self) -> PyResult<&Arc<Home>> {
        self.cell.get()
    }

    pub(crate) fn sem(&self) -> PyResult<&Arc<Core>> {
        let here = self.home()?.reach.here();
        here.map(|here| here.sem()).ok_or_else(|| unreachable!("these are of this process"))
    }

    /// One permit more than there are, if the value is bounded by 0: see `init`.
    fn spare(&self) -> u32 {
        u32::from(self.bound.get() == Some(&Some(0)))
    }

    pub(crate) fn bound(&self) -> Option<u32> {
        self.bound.get().copied().flatten()
    }

    /// The readings of a bounded one.
    pub(crate) fn state(&self) -> PyResult<State> {
        let mut state = self.sem()?.state();
        state.max_permits -= self.spare();
        state.given_out -= self.spare();
        Ok(state)
    }

    pub(crate) fn acquire(
        &self,
        py: Python<'_>,
        blocking: Argument<'_, '_>,
        timeout: Argument<'_, '_>,
        n: Argument<'_, '_>,
    ) -> PyResult<bool> {
        let home = self.home()?;
        let patience = patience(blocking, timeout)?;
        let n = self.possible(n)?;
        Ok(home.wait(py, Ask::Loose, n, patience)?.is_some())
    }

    /// How many are asked for.
    fn possible(&self, n: Argument<'_, '_>) -> PyResult<u32> {
        let home = self.home()?;
        let n = self.at_least_one(n)?.ask_for(|| home.max())?;
        // The spare one is nobody's; but one permit may be waited for even where there is none, as in
        // `threading`.
        if self.spare() == 1 && n > 1 {
            let max = self.state()?.max_permits;
            if n > max {
                return Err(Failure::TooMany { requested: n.to_string(), max }.into());
            }
        }
        Ok(n)
    }

    fn at_least_one(&self, n: Argument<'_, '_>) -> PyResult<Count> {
        match Count::new(n)? {
            Count::Some(0) | Count::Negative(_) => Err(PyValueError::new_err("n must be one or more")),
            n => Ok(n),
        }
    }

    /// Never waits. `name` as it stands in the standard library's error.
    #[inline]
    pub(crate) fn release(&self, n: Argument<'_, '_>, name: &str) -> PyResult<()> {
        let n = self.at_least_one(n)?;
        if let Count::Some(n) = n
            && self.home()?.reach.try_now(Ask::Back, n).is_ok()
        {
            return raised();
        }
        self.refuse(n, name)
    }

    #[cold]
    fn refuse(&self, n: Count, name: &str) -> PyResult<()> {
        match self.bound() {
            Some(_) => Err(PyValueError::new_err(format!("{name} released too many times"))),
            None => {
                let value = self.sem()?.available_permits();
                Err(beyond("the value", &format!("{value} + {}", n.text())))
            }
        }
    }

    pub(crate) fn permit(
        &self,
        py: Python<'_>,
        n: Argument<'_, '_>,
        timeout: Argument<'_, '_>,
        blocking: Argument<'_, '_>,
    ) -> PyResult<Permit> {
        let home = self.home()?;
        let patience = patience(blocking, timeout)?;
        let n = self.possible(n)?;
        let granted = home.wait_or_tell(py, Ask::Held, n, patience)?;
        Ok(Permit::new(Held::new(&home.reach, granted)))
    }

    pub(crate) fn request(
        &self,
        owner: &Bound<'_, PyAny>,
        ask: Ask,
        n: Argument<'_, '_>,
        gives: Gives,
        name: &'static str,
    ) -> PyResult<Coroutine> {
        let home = self.home()?;
        let n = self.possible(n)?;
        Ok(Coroutine::new(owner, home, (ask, n), (gives, name)))
    }

    pub(crate) fn resize(&self, py: Python<'_>, change: Change, n: Argument<'_, '_>) -> PyResult<()> {
        let reach = &self.home()?.reach;
        match n {
            Argument(Some(n)) if self.spare() == 1 && matches!(change, Change::Set) => {
                // The spare one comes on top.
                let n = Count::given(&n)?.have("max_permits")?;
                reach.resize(change, (n + 1).min(Core::MAX_PERMITS))?;
                raised()
            }
            n => resize(reach, change, &n.0.map_or_else(|| one(py), |n| n.to_owned())),
        }
    }
}

fn beyond(what: &str, value: &str) -> PyErr {
    PyOverflowError::new_err(format!("{what} must be at most `{}`, it would be `{value}`", Core::MAX_PERMITS))
}
