//! A counting semaphore for machines, on etcd.
//!
//! ```no_run
//! use permits_etcd::Etcd;
//!
//! let etcd = Etcd::connect(["10.0.0.1:2379", "10.0.0.2:2379", "10.0.0.3:2379"])?;
//! let deploys = etcd.open("deploy", 2).wait()?;          // two at a time, over all machines
//! let permit = deploys.acquire().wait()?;                // or `.await`, in any executor
//! println!("deploying, with token {}", permit.token());
//! permit.release().wait()?;                              // says whether it was still held
//! # Ok::<(), permits_etcd::Error>(())
//! ```
//!
//! # What is promised
//!
//! It keeps [the contract](permits::contract) of `permits`. In short: at most as many permits are held as
//! there are, in strict order over all clients; permits come back when their holder dies; every grant has a
//! token that is greater than those before it; and a holder learns of a loss before another one can have its
//! permit, as far as its own clock allows.
//!
//! The last is bounded by leases. A holder that is paused between a look at its permit and what it does then
//! may overlap with the next one: [`EtcdPermit::token`] is for that, if what the permit protects can refuse
//! old tokens.
//!
//! # How it works
//!
//! Each permit that a client asks for is a key, under the client's lease. The keys are ordered by the
//! revision at which they were created, and the first `max_permits` of them are granted: so a grant needs no
//! write, and is the same for all clients. A connection has a thread of its own that renews the lease and
//! follows the keys while a request waits.
//!
//! # Differences
//!
//! - **C3, C4** One request is for [`MAX_AT_ONCE`](EtcdSemaphore::MAX_AT_ONCE) permits at most: what one
//!   transaction of etcd carries.
//! - **C4** A release whose lease ends before an answer comes fails, and may have returned its permits.
//! - **C10, C11** A request to return loose permits that is dropped, or runs out of time, while its transaction
//!   is on its way may take effect all the same.
//! - **C13, C15** Between the two writes of a shrink or a close the readings may count a waiter as granted.
//!   No request is granted on that ground.
//! - **C15** The status shows since when a holder has asked for its permits, by its own clock.
//! - **C16** Calls allocate, and the library has one thread for each connection.
//! - **C18** Permits of a dead process come back when its lease ends, half a second later at most, and a
//!   waiter in another process hears of it at once.
//! - **C20** On systems other than Linux the clock may stand still while the machine is suspended. Then a
//!   holder may learn of a loss late.

#![forbid(unsafe_code)]

mod call;
mod connection;
mod engine;
mod error;
mod handle;
mod limit;
mod permit;
mod request;
mod semaphore;
mod server;
mod sizes;
mod status;

pub use call::Call;
pub use connection::{Etcd, Options};
pub use error::{Error, ErrorKind, Operation};
pub use permit::{EtcdPermit, Lost};
pub use permits::{HolderId, Removal, Retry, State, Status, Token};
pub use request::{Acquire, Release, Waiting};
pub use semaphore::EtcdSemaphore;
pub use server::Server;
