//! How a loop is told from elsewhere.
//!
//! Each loop whose tasks wait has a mailbox, with an eventfd that the loop reads as it reads a socket. A
//! thread that is not in the middle of one of the loop's own tasks drops a slot into it and rings; the loop
//! resolves the slot's future when it gets there. `call_soon_threadsafe`, which does the like, is Python code
//! that lets go of the interpreter in between. Here there is none on the side that tells, which may be
//!
//! - a thread that is not Python's, as the one that wakes the tasks of a host's semaphore. To attach it would
//!   make it a state under a lock that a fork may catch (CPython before 3.12 hangs in the child then), and
//!   let it wait for the interpreter while others wait for it;
//! - a thread that the end of the interpreter catches there: before CPython 3.14 it is unwound, which aborts
//!   the process if there are frames of Rust's on its stack;
//! - a signal's handler, while the loop sleeps;
//! - a stack that is nearly used up.
//!
//! And as the loop holds on to the mailbox until it is closed, that is noticed: the tasks that waited in it
//! leave.

use crate::here::generation;
use crate::locks::lock;
use crate::raised::report_raised;
use crate::slot::SlotMailbox;
use pyo3::exceptions::{PyNotImplementedError, PyOSError};
use pyo3::prelude::*;
use std::cell::RefCell;
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex, Weak};

/// What is known of a loop: where it is in memory, in which generation of forks, and its mailbox, which goes
/// when it is closed.
#[derive(Clone)]
struct Known {
    event_loop: usize,
    generation: u64,
    mailbox: Weak<SlotMailbox>,
}

impl Known {
    fn open(&self, event_loop: usize, generation: u64) -> Option<Arc<SlotMailbox>> {
        let same = self.event_loop == event_loop && self.generation == generation;
        let mailbox = if same { self.mailbox.upgrade() } else { None };
        mailbox.filter(|mailbox| !mailbox.is_closed())
    }
}

static KNOWN: Mutex<Vec<Known>> = Mutex::new(Vec::new());

thread_local! {
    /// The last one that was asked for: a thread mostly runs one loop.
    static LAST: RefCell<Option<Known>> = const { RefCell::new(None) };
}

/// The mailbox of the running loop; `None` if it reads no descriptors.
pub(crate) fn mailbox_of(event_loop: &Bound<'_, PyAny>) -> PyResult<Option<Arc<SlotMailbox>>> {
    let (address, generation) = (event_loop.as_ptr() as usize, generation());
    let last = LAST.with(|last| last.borrow().as_ref().and_then(|known| known.open(address, generation)));
    if last.is_some() {
        return Ok(last);
    }
    let known = {
        let mut known = lock(&KNOWN);
        known.retain(|known| known.mailbox.strong_count() > 0);
        known.iter().find_map(|known| known.open(address, generation))
    };
    let Some(mailbox) = known.map_or_else(|| install(event_loop), |known| Ok(Some(known)))? else {
        return Ok(None);
    };
    let known = Known { event_loop: address, generation, mailbox: Arc::downgrade(&mailbox) };
    LAST.with(|last| *last.borrow_mut() = Some(known));
    Ok(Some(mailbox))
}

#[cold]
fn install(event_loop: &Bound<'_, PyAny>) -> PyResult<Option<Arc<SlotMailbox>>> {
    let py = event_loop.py();
    let mailbox =
        SlotMailbox::new().map_err(|error| PyOSError::new_err((error.raw_os_error(), "cannot make an eventfd")))?;
    let mailbox = Arc::new(mailbox);
    let reader = Py::new(py, Reader { mailbox: Arc::clone(&mailbox) })?;
    let drain = py.import("permits._types")?.getattr("drain")?;
    // The loop refers to the reader until it is closed, and nobody else does.
    match event_loop.call_method1("add_reader", (mailbox.bell().as_raw_fd(), drain, reader)) {
        Ok(_) => {}
        Err(error) if error.is_instance_of::<PyNotImplementedError>(py) => return Ok(None),
        Err(error) => return Err(error),
    }
    let (address, generation) = (event_loop.as_ptr() as usize, generation());
    lock(&KNOWN).push(Known { event_loop: address, generation, mailbox: Arc::downgrade(&mailbox) });
    Ok(Some(mailbox))
}

/// The loop's end of a mailbox.
#[pyclass(frozen, module = "permits._permits")]
struct Reader {
    mailbox: Arc<SlotMailbox>,
}

#[pymethods]
impl Reader {
    /// The future of the first letter, and the callbacks that it may have been interrupted in telling; None
    /// if there are no letters left.
    fn first(&self, py: Python<'_>) -> Option<(Py<PyAny>, Option<Py<PyAny>>)> {
        loop {
            // Whose task has gone on, or away, in the meantime is told nothing.
            match self.mailbox.first(py)?.letter(py) {
                Some(letter) => return Some(letter),
                None => self.done(py),
            }
        }
    }

    /// A signal's exception came up while the first one was told.
    fn interrupted(&self, py: Python<'_>, callbacks: Option<Py<PyAny>>) {
        if let Some(slot) = self.mailbox.first(py) {
            slot.keep(py, callbacks);
        }
    }

    /// It is told.
    fn done(&self, py: Python<'_>) {
        if let Some(slot) = self.mailbox.take(py) {
            slot.told(py);
        }
    }
}

impl Drop for Reader {
    /// The loop is closed.
    fn drop(&mut self) {
        Python::try_attach(|py| {
            for waiters in self.mailbox.close(py) {
                waiters.all(py).iter().filter(|slot| slot.waits_in(&self.mailbox)).for_each(|slot| slot.leave(py));
            }
            report_raised();
        });
    }
}
