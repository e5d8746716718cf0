//! A counting semaphore for the processes of one host: in shared memory, without a daemon. Permits come back when their holder dies.
#[cfg(not(target_os = "linux"))]
compile_error!(
    "permits-host is for Linux: it needs robust locks of open file descriptions, futexes and inotify; on other systems use \
                `permits` for the threads and tasks of one process"
);

mod acts;
mod book;
mod crash;
mod layout;
mod sync;
mod tx;

#[cfg(not(permits_loom))]
mod attach;
#[cfg(not(permits_loom))]
mod command;
#[cfg(not(permits_loom))]
mod error;
#[cfg(not(permits_loom))]
mod files;
#[cfg(not(permits_loom))]
mod limit;
#[cfg(not(permits_loom))]
mod options;
#[cfg(not(permits_loom))]
mod permit;
#[cfg(not(permits_loom))]
mod repair;
#[cfg(not(permits_loom))]
mod request;
#[cfg(not(permits_loom))]
mod semaphore;
#[cfg(not(permits_loom))]
mod status;
#[cfg(not(permits_loom))]
mod sys;
#[cfg(not(permits_loom))]
mod watch;

#[cfg(not(permits_loom))]
pub use self::{
    book::Side,
    command::CommandLock,
    error::{Error, ErrorKind},
    files::default_directory,
    options::Options,
    permit::Permit,
    repair::{Finding, Level, Repair},
    request::{Acquire, Act, Release, Request, ToAcquire, ToRelease},
    semaphore::HostSemaphore,
    status::{Holder, HolderId, Participant, Status, Waiter},
};
#[cfg(not(permits_loom))]
pub use permits::State;

/// Points where a test can have its process killed.
#[cfg(all(feature = "crash-points", not(permits_loom)))]
pub mod crash_points {
    pub use crate::crash::{Point, die_at, live};
}
