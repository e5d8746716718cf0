//! What is asked of asyncio.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use std::cell::{Cell, OnceCell};

thread_local! {
    static THREAD: OnceCell<Option<u64>> = const { OnceCell::new() };
    static IN_A_TASK: Cell<bool> = const { Cell::new(false) };
}

static RUNNING_LOOP: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static RESOLVE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// The loop that runs in this thread; `None` if there is none.
pub(crate) fn running_loop(py: Python<'_>) -> PyResult<Option<Bound<'_, PyAny>>> {
    let get = RUNNING_LOOP.get_or_try_init(py, || function(py, "asyncio", "_get_running_loop"))?;
    let event_loop = get.bind(py).call0()?;
    Ok(Some(event_loop).filter(|event_loop| !event_loop.is_none()))
}

fn function(py: Python<'_>, module: &str, name: &str) -> PyResult<Py<PyAny>> {
    Ok(py.import(module)?.getattr(name)?.unbind())
}

/// Is it the loop that runs in this thread? Before 3.12 `_get_running_loop` is a system call; there asyncio's
/// own loops are asked first, which know their thread while they run.
pub(crate) fn runs_here(event_loop: &Bound<'_, PyAny>) -> PyResult<bool> {
    static ASKS_THE_LOOP: PyOnceLock<bool> = PyOnceLock::new();
    let py = event_loop.py();
    if *ASKS_THE_LOOP.get_or_init(py, || py.version_info() < (3, 12))
        && let Ok(thread) = event_loop.getattr(pyo3::intern!(py, "_thread_id"))
        && let Ok(thread) = thread.extract::<Option<u64>>()
    {
        return Ok(thread == THREAD.with(|thread| thread.get_or_init(|| ident(py)).to_owned()));
    }
    Ok(running_loop(py)?.is_some_and(|running| running.is(event_loop)))
}

/// `threading.get_ident()`
fn ident(py: Python<'_>) -> Option<u64> {
    py.import("threading").and_then(|module| module.call_method0("get_ident")?.extract()).ok()
}

/// Runs the end of an `async with` block, which is part of a task: no signal handler, and no callback of a
/// loop.
pub(crate) fn in_a_task<T>(end: impl FnOnce() -> T) -> T {
    let before = IN_A_TASK.with(|it| it.replace(true));
    let outcome = end();
    IN_A_TASK.with(|it| it.set(before));
    outcome
}

/// `asyncio.current_task(event_loop) is not None`. Before 3.12 that function is not compiled; there it is the
/// dictionary that it looks into.
pub(crate) fn is_in_a_task(event_loop: &Bound<'_, PyAny>) -> PyResult<bool> {
    static CURRENT: PyOnceLock<(bool, Py<PyAny>)> = PyOnceLock::new();
    if IN_A_TASK.with(Cell::get) {
        return Ok(true);
    }
    let py = event_loop.py();
    let (compiled, current) = CURRENT.get_or_try_init(py, || {
        let compiled = py.version_info() >= (3, 12);
        let (module, name) = if compiled { ("asyncio", "current_task") } else { ("asyncio.tasks", "_current_tasks") };
        Ok::<_, PyErr>((compiled, function(py, module, name)?))
    })?;
    let current = current.bind(py);
    if *compiled { Ok(!current.call1((event_loop,))?.is_none()) } else { current.contains(event_loop) }
}

/// Where there is no mailbox.
pub(crate) fn poke(event_loop: &Bound<'_, PyAny>, future: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = event_loop.py();
    let resolve = RESOLVE.get_or_try_init(py, || function(py, "permits._types", "resolve"))?;
    event_loop.call_method1(pyo3::intern!(py, "call_soon_threadsafe"), (resolve.bind(py), future))?;
    Ok(())
}

/// An error if it is done already, which for a future of ours is to say cancelled.
pub(crate) fn resolve(future: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = future.py();
    future.call_method1(pyo3::intern!(py, "set_result"), (py.None(),))?;
    Ok(())
}
