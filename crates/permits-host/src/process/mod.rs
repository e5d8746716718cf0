//! What a process has to do with a semaphore: opening it, waiting, noticing deaths. It stands on `protocol`.
//!
//! `attachment` is what a process has. Over it, one way: `tell`, `life`, then `watch` and `attach`, then
//! `attend`, then `enter`, `thread` and `task`, and `remove`.

pub(crate) mod attach;
pub(crate) mod attachment;
pub(crate) mod attend;
pub(crate) mod attendants;
pub(crate) mod commands;
pub(crate) mod descriptor;
pub(crate) mod directory;
pub(crate) mod enter;
pub(crate) mod file_systems;
pub(crate) mod files;
pub(crate) mod life;
pub(crate) mod remove;
pub(crate) mod sys;
pub(crate) mod task;
pub(crate) mod tell;
pub(crate) mod thread;
pub(crate) mod watch;
