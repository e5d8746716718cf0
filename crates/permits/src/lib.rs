//! One counting semaphore for the threads and the tasks of a process, whose `release` waits too.
//!
//! A [`Semaphore`] hands out a fixed number of permits. An acquire waits while no permit is free. The twist
//! is the other side: a release waits while no permit is out that it could return, so the count never leaves
//! its bounds in either direction. Threads and tasks wait for the same object, in the same queues. The crate
//! allocates nothing for that, and needs no runtime.
//!
//! Its promises are numbered clauses in [`contract`]; a number in parentheses, such as (C8), cites one of
//! them.
//!
//! # Threads
//!
//! Most code keeps the [`Permit`] and drops it:
//!
//! ```
//! use permits::Semaphore;
//!
//! static CONNECTIONS: Semaphore = Semaphore::new(4);
//!
//! fn ask() -> Result<(), permits::AcquireError> {
//!     let _permit = CONNECTIONS.acquire().wait()?;
//!     // … at most four threads are here at a time …
//!     Ok(())
//! }
//! # ask().unwrap();
//! ```
//!
//! A permit can also be out without a guard. Then it is *loose*, and any thread or task may return it. A
//! release that comes too early waits:
//!
//! ```
//! # use permits::Semaphore;
//! let sem = Semaphore::new(1);
//! std::thread::scope(|scope| {
//!     let giver = scope.spawn(|| sem.release().wait());     // waits: nothing is out yet
//!     sem.acquire().loose().wait()?;                        // lets it through
//!     giver.join().unwrap().expect("it is not closed");
//!     Ok::<(), permits::AcquireError>(())
//! })?;
//! assert_eq!(sem.available_permits(), 1);
//! # Ok::<(), permits::AcquireError>(())
//! ```
//!
//! # Tasks
//!
//! A request is a future. Any executor works; this is tokio:
//!
//! ```
//! use permits::Semaphore;
//! use std::sync::Arc;
//! use tokio::task::JoinSet;
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let sem = Arc::new(Semaphore::new(2));
//! let mut tasks = JoinSet::new();
//! for number in 0..5 {
//!     let permit = sem.acquire_owned().await?;              // two tasks at a time
//!     tasks.spawn(async move {
//!         // … work …
//!         drop(permit);
//!         number
//!     });
//! }
//! assert_eq!(tasks.join_all().await.iter().sum::<i32>(), 10);
//! # Ok::<(), permits::AcquireError>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The verbs
//!
//! You choose *what* with one method, and *how to wait* with another, called on the request:
//!
//! | request | granted, it yields | `.await` or `.wait()` fails with | `.wait_timeout(d)` or `.wait_deadline(t)` | `.try_now()`; in one word |
//! |---|---|---|---|---|
//! | [`acquire()`](Semaphore::acquire), [`acquire_many(n)`](Semaphore::acquire_many) | [`Permit`] | [`AcquireError`] | [`AcquireTimeoutError`] | [`TryAcquireError`]; [`try_acquire`](Semaphore::try_acquire) |
//! | [`acquire_owned()`](Semaphore::acquire_owned), [`acquire_many_owned(n)`](Semaphore::acquire_many_owned) | [`OwnedPermit`] | [`AcquireError`] | [`AcquireTimeoutError`] | [`TryAcquireError`]; [`try_acquire_owned`](Semaphore::try_acquire_owned) |
//! | one of these with [`.loose()`](Request::loose) | nothing: the permits are loose | [`AcquireError`] | [`AcquireTimeoutError`] | [`TryAcquireError`] |
//! | [`release()`](Semaphore::release), [`release_many(n)`](Semaphore::release_many) | nothing | [`ReleaseError`] | [`ReleaseTimeoutError`] | [`TryReleaseError`]; [`try_release`](Semaphore::try_release) |
//!
//! [`close`](Semaphore::close) ends all waits. [`grow`](Semaphore::grow), [`shrink`](Semaphore::shrink) and
//! [`set_max_permits`](Semaphore::set_max_permits) change how many permits there are.
//! [`state`](Semaphore::state) has all readings.
//!
//! For libraries that take a limit as an argument, and do not care whether it spans threads, processes or
//! machines, the contract is a trait:
//!
//! | in [`limit`] | is |
//! |---|---|
//! | [`Limit`] | a semaphore of any reach; [`Local`] makes one of a [`Semaphore`] |
//! | [`Wait`], [`WaitBlocking`] | its requests: one that is awaited, and one that can block a thread as well |
//! | [`Held`] | its permits, which may be lost where they are leased |
//! | [`limit::Properties`] | what kind of limit it is |
//!
//! `docs/guide/reach.md` in the repository shows how to write a reach of your own.
//!
//! # A thread that waits for itself
//!
//! A thread that holds all permits by its guards and waits for one more waits without end. With the feature
//! `check`, [`wait`](Request::wait) panics instead, and names both lines. The feature is off by default, and then
//! costs nothing.
//!
//! ```text
//! thread 'main' panicked at src/main.rs:9:33:
//! this thread waits for itself: it asks for `1` permits of `2`, and holds `2`, acquired at src/main.rs:8:40: drop that
//! permit first, or acquire all at once
//! ```
//!
//! It panics exactly if the thread holds `h` permits of the semaphore by guards and asks for more than
//! `max_permits - h`, so that only its own release, or a resize, could serve it. Loose permits do not count. A
//! wait with a time limit is not checked: it ends, and its error says how many permits there are.
//!
//! A guard counts for the thread that acquired it until it is dropped, even if another thread has it by then. If
//! a thread gives its guard away and waits for it to come back, do not use the check. Permits that a future
//! yields count for no thread, and futures are not checked, since the check cannot know which task runs.
//!
//! ```sh
//! cargo test --features permits/check
//! ```
//!
//! The check costs an allocation and a process-wide lock for each guard: use it for tests and debugging.
//!
//! # When not to use it
//!
//! - One thread at a time, with the data inside: use a mutex.
//! - A queue of values: use a bounded channel. This crate counts values, and does not carry them.
//! - `no_std`: this crate needs `std`, for its lock and for blocking threads, and 64-bit atomics.
//! - More than 4,194,303 permits that cannot be counted in larger units, such as bytes by the 4 KiB.
//! - Strict order among threads that hold a permit for less than a few microseconds:
//!   [`fair`](Semaphore::fair) keeps it, but is slow there, as every semaphore in strict order is, since each
//!   hand-over wakes a sleeping thread. Use [`new`](Semaphore::new) there, without strict order.
//! - Priorities among waiters, or a limit on the number of waiters: the crate has neither.
//! - A limit on the rate of work, as in ten a second, rather than on how much runs at once.
#![deny(rustdoc::broken_intra_doc_links)]

#[doc = include_str!("contract.md")]
pub mod contract {}
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
pub mod blocking;
mod check;
mod engine;
mod error;
mod handle;
#[cfg(feature = "check")]
mod identity;
pub mod lease;
pub mod limit;
mod permit;
mod request;
mod semaphore;
mod state;
mod status;
mod token;
mod verbs;

pub use error::{
    AcquireError, AcquireTimeoutError, Counts, Error, ErrorKind, MaxPermitsError, MergeError, Operation, ReleaseError,
    ReleaseTimeoutError, Retry, SplitError, Stuck, TryAcquireError, TryReleaseError,
};
pub use handle::Handle;
pub use limit::{Held, Limit, Local, Wait, WaitBlocking};
pub use permit::{Guard, OwnedPermit, Permit};
pub use request::{
    Acquire, AcquireLoose, AcquireLooseOwned, AcquireOwned, Guarded, Kind, Loose, Release, ReleaseOwned, Request,
    Returned,
};
pub use semaphore::Semaphore;
pub use state::{Removal, Side, State};
pub use status::{Holder, HolderId, Participant, SemaphoreFile, Status, Waiter};
pub use token::Token;
