//! One counting semaphore for the threads and the tasks of a process, whose `release` waits too.
#![deny(rustdoc::broken_intra_doc_links)]

mod core;
mod error;
pub mod limit;
mod permit;
mod readings;
mod request;
mod semaphore;
mod state;
mod sync;
mod task;
mod thread;
#[allow(unsafe_code, reason = "intrusive queues: the one module that needs it, see its essay")]
mod waiters;

pub use error::{
    AcquireError, AcquireTimeoutError, Error, ErrorKind, MaxPermitsError, MergeError, ReleaseError,
    ReleaseTimeoutError, SplitError, Stuck, TryAcquireError, TryReleaseError,
};
pub use permit::{Guard, OwnedPermit, Permit};
pub use readings::State;
pub use request::{
    Acquire, AcquireLoose, AcquireLooseOwned, AcquireOwned, Guarded, Handle, Kind, Loose, Release, ReleaseOwned,
    Returned,
};
pub use semaphore::Semaphore;
pub use waiters::Request;
