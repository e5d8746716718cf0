//! A counting semaphore for the processes of one host: in shared memory, without a daemon, and permits come
//! back when their holder dies.
//!
//! Whoever opens the same name on the same host has the same semaphore: shells, build jobs, services,
//! containers that mount the directory. It is the semaphore of the crate [`permits`], with the same
//! [contract](permits::contract), whose clauses are cited here as (C8), and its twist: `release` waits too.
//!
//! ```
//! # let directory = std::env::temp_dir().join(format!("permits-doc-lib-{}", std::process::id()));
//! # let options = || permits_host::HostSemaphore::options().directory(&directory);
//! # /*
//! let builds = HostSemaphore::open("builds", 2)?;        // two at a time on this host, whoever asks
//! # */
//! # let builds = options().open("builds", 2)?;
//! let permit = builds.acquire().wait()?;                 // a task writes `.await`
//! // … build …
//! drop(permit);                                          // or die: it comes back in any case
//! # drop(builds);
//! # std::fs::remove_dir_all(directory).ok();
//! # Ok::<(), permits_host::Error>(())
//! ```
//!
//! # What it does not do
//!
//! - Several machines: a file on NFS, SMB, 9p or FUSE is refused. Those need a reach of their own. The layers
//!   of a container (overlayfs) are refused as well, as locks do not last there: mount a directory of the
//!   host.
//! - Other systems than Linux, and 32-bit targets. It needs Linux 4.14, and notices deaths best with 5.9.
//! - Full file systems that back no space in advance (btrfs, zfs): a store to the mapping may end the process
//!   (`SIGBUS`).
//! - Protection from who may write to the file; who may not has no part in it, and cannot hold anybody up,
//!   also where everybody may make files (mode 1777), but by taking a name first. Whoever may take a permit
//!   may write nonsense as well; that is found out, and leads to errors: once a process has found damage, no
//!   process is granted anything until [`Options::repair`]. Whoever may truncate the file can end all
//!   processes that use it (`SIGBUS`).
//! - More than 4,194,303 permits, 4,096 handles and 65,535 waiters at once.
//!
//! # After a crash
//!
//! The permits of a process come back when it dies, and only then (C18): not when it is stopped, slow, or
//! old. If somebody waits, they have them within a millisecond or so, or within 250 ms if the dead lived in
//! another PID namespace or the kernel has no means to tell; if nobody does, whoever asks next. No daemon is
//! there to do it: those who wait do.
//!
//! | what happens to a holder | its permits |
//! |---|---|
//! | it ends, panics, aborts, is killed, runs out of memory | come back |
//! | it is stopped (`SIGSTOP`), waits for a disk, dumps core | stay |
//! | it is a zombie: dead, and not waited for by its parent | come back |
//! | its process id is given to another process | come back: no process id is asked |
//! | it closes all file descriptors | stay |
//! | it forks without exec | stay with the parent; the child is somebody else, and guards that it inherited do nothing (unless another thread was just opening a semaphore: then its seat lasts as long as the child) |
//! | it executes another program in its place | come back, unless it took a [`CommandLock`] |
//! | it lives in another PID namespace, in a container | the same as here |
//! | the host is started anew | come back, loose ones too |
//! | it is removed, or the file deleted or replaced | stay with the old file; whoever waits there is told ([`ErrorKind::Gone`]), and the next to open makes a new one |
//!
//! *Loose* permits are owned by nobody, so nobody's death returns them: [`HostSemaphore::release`] does.
//!
//! # Differences
//!
//! Clauses that this reach keeps in its own way:
//!
//! - **C3**, **C8** Where starts are [spaced apart](Options::every), a request that fits also waits until the
//!   time of the next start has come; those behind it wait for it, as ever.
//! - **C8** The policy is `fair`: first come, first served, across all processes.
//! - **C11** A try, and a reading, first look whether holders are dead if it matters: a microsecond or two for each.
//! - **C14** Memory shared by other means than this file follows too: what happened before a return is seen
//!   after the acquisition.
//! - **C15** A [`Status`] of a semaphore that never stands still may be of some instants close to each other.
//!   Readings are of one.
//! - **C16** does not hold: opening allocates, and a task that waits allocates. Two threads of the crate's own
//!   run in a process while a task waits in it, or a thread for longer than a millisecond; and for a moment
//!   when several shorter waits were granted in a row.
//! - **C18** What a [`CommandLock`] keeps is kept as long as the process *or* its command lives.
//!
//! # How it works
//!
//! The state is never changed in place: a commit writes a new one beside it, and moves a word that says where
//! it is. So nobody is ever found half-way, and who is stopped or dies there holds up nobody
//! (`protocol/tx.rs`). Who is alive is the kernel's word: a lock that goes with the memory of a process
//! (`process/life.rs`). Who waits watches those whom it waits for (`process/watch.rs`).

#![cfg_attr(
    permits_loom,
    allow(dead_code, unreachable_pub, reason = "a build for the models, which kill by themselves")
)]

#[cfg(not(target_os = "linux"))]
compile_error!(
    "permits-host is for Linux: it needs robust locks of open file descriptions, futexes and inotify; on other systems use \
                `permits` for the threads and tasks of one process"
);

#[cfg(all(target_os = "linux", not(target_pointer_width = "64")))]
compile_error!(
    "permits-host is for 64-bit targets: the locks of its files lie beyond the first 2 GiB, where a 32-bit `off_t` does not reach"
);

mod command;
mod crash;
mod doctor;
mod error;
mod handle;
mod limit;
mod options;
mod permit;
mod process;
mod protocol;
mod repair;
mod request;
mod semaphore;
mod status;
mod supersede;
mod sync;
mod verbs;

pub use self::{
    command::CommandLock,
    doctor::{Finding, Level},
    error::{Error, ErrorKind},
    handle::Handle,
    options::Options,
    permit::{Guard, OwnedPermit, Permit},
    process::files::default_directory,
    process::remove::Removal,
    repair::Repair,
    request::{Acquire, AcquireLoose, AcquireLooseOwned, AcquireOwned, Kind, Release, ReleaseOwned, Request},
    semaphore::HostSemaphore,
    supersede::Supersede,
};
// What this reach says with the words of all reaches.
pub use permits::{
    Guarded, Holder, HolderId, Loose, MergeError, Operation, Participant, Retry, Returned, SemaphoreFile, Side, State,
    Status, Waiter,
};

/// Points where a test can have its process killed, or a thread panic.
#[cfg(all(feature = "crash-points", not(permits_loom)))]
pub mod crash_points {
    pub use crate::crash::{Point, die_at, live, panic_at};
}
