//! The semaphore for the threads and the tasks of one process: all of its state, and every step that changes
//! it. Nothing here is public; `semaphore`, `request` and `permit` are the surface over it.

pub(crate) mod awake;
pub(crate) mod core;
pub(crate) mod entry;
pub(crate) mod handing;
pub(crate) mod sync;
pub(crate) mod task;
pub(crate) mod thread;
#[allow(unsafe_code, reason = "intrusive queues: see its essay")]
pub(crate) mod waiters;
pub(crate) mod word;
