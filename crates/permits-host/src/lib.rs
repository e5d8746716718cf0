//! A counting semaphore for the processes of one host, in shared memory, without a daemon; permits come back
//! when their holder dies.
//!
//! All processes of a host that open the same name share the semaphore: shells, build jobs, services,
//! containers that mount the directory. It is the semaphore of the crate [`permits`], with the same
//! [contract](permits::contract), whose clauses this page cites as in (C8), and its twist: `release` waits
//! too.
//!
//! ```
//! # let directory = std::env::temp_dir().join(format!("permits-doc-lib-{}", std::process::id()));
//! # let options = || permits_host::HostSemaphore::options().directory(&directory);
//! # /*
//! let builds = HostSemaphore::open("builds", 2)?;        // two at a time on this host
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
//! - It does not span several machines: it refuses a file on NFS, SMB, 9p or FUSE. Machines need a reach of
//!   their own. It refuses the layers of a container (overlayfs) as well, since locks do not last there:
//!   mount a directory of the host.
//! - It does not build for other systems than Linux, or for 32-bit targets. It needs Linux 4.14, and notices
//!   deaths best with 5.9.
//! - It does not protect against full file systems that reserve no space in advance (btrfs, zfs): a store to
//!   the mapping may kill the process (`SIGBUS`).
//! - It does not protect against processes that can write to the file: they can corrupt it. Corruption is
//!   detected and reported as an error: once a process has found damage, no process is granted anything until
//!   [`Options::repair`]. A process that can truncate the file can kill all processes that use it (`SIGBUS`).
//!   A user without write permission cannot take part, and cannot hold up others, even in a directory where
//!   all users may create files (mode 1777), except by taking a name first.
//! - It has at most 4,194,303 permits, 4,096 handles and 65,535 waiters at once.
//!
//! # After a crash
//!
//! The permits of a process come back when it dies, and only then (C18): not when it is stopped, slow, or
//! old. If a process waits, it gets them within about a millisecond, or within 250 ms if the dead process
//! lived in another PID namespace or the kernel cannot report deaths. If none waits, the next process that
//! asks gets them. This needs no daemon: the waiters do it.
//!
//! | what happens to a holder | its permits |
//! |---|---|
//! | it ends, panics, aborts, is killed, runs out of memory | come back |
//! | it is stopped (`SIGSTOP`), waits for a disk, dumps core | stay |
//! | it is a zombie: dead, and not waited for by its parent | come back |
//! | another process gets its process id | come back: process ids do not matter |
//! | it closes all file descriptors | stay |
//! | it forks without exec | stay with the parent; the child is another participant, and guards that it inherited do nothing (unless another thread was just opening a semaphore: then its seat lasts as long as the child) |
//! | it replaces itself by another program (`exec`) | come back, unless it took a [`CommandLock`] |
//! | it lives in another PID namespace, in a container | the same as here |
//! | the host reboots | come back, including loose ones |
//! | the semaphore is removed, or its file deleted or replaced | stay with the old file; waiters there fail ([`ErrorKind::Gone`]), and the next process that opens the name creates a new one |
//!
//! *Loose* permits have no owner whose death could return them: [`HostSemaphore::release`] does.
//!
//! # Differences
//!
//! Clauses that this reach keeps in its own way:
//!
//! - **C3**, **C8** Where starts are [spaced apart](Options::every), a request that fits also waits until the
//!   time of the next start has come; those behind it wait for it, as ever.
//! - **C8** The policy is `fair`: first come, first served, across all processes.
//! - **C11** A try, and a reading, first check for dead holders if it matters: a microsecond or two for each
//!   holder.
//! - **C14** It also covers memory shared by other means than this file: what happened before a return is
//!   visible after the acquisition.
//! - **C15** A [`Status`] of a semaphore that changes all the time may be of several instants close to each
//!   other. Readings are of one.
//! - **C16** does not hold: opening allocates, and a waiting task allocates. The crate runs two threads in a
//!   process while a task waits in it, or while a thread waits for longer than a millisecond; and for a
//!   moment when several shorter waits were granted in a row.
//! - **C18** A [`CommandLock`] keeps permits as long as the process *or* its command lives.
//!
//! # How it works
//!
//! A process never changes the state in place: a commit writes a new state beside the old one, and moves a
//! word that says where it is. So no other process ever sees a half-made change, and a process that stops or
//! dies there holds up no other (`protocol/tx.rs`). The kernel decides whether a process is alive: its lock
//! ends with the memory of the process (`process/life.rs`). A waiter watches the holders it waits for
//! (`process/watch.rs`).

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
    repair::Repair,
    request::{Acquire, AcquireLoose, AcquireLooseOwned, AcquireOwned, Kind, Release, ReleaseOwned, Request},
    semaphore::HostSemaphore,
    supersede::Supersede,
};
// What this reach says with the words of all reaches.
pub use permits::{
    Guarded, Holder, HolderId, Loose, MergeError, Operation, Participant, Removal, Retry, Returned, SemaphoreFile,
    Side, State, Status, Waiter,
};

/// Points where a test can have its process killed, or a thread panic.
#[cfg(all(feature = "crash-points", not(permits_loom)))]
pub mod crash_points {
    pub use crate::crash::{Point, die_at, live, panic_at, stop_at};
}
