//! A counting semaphore whose reach an address chooses when the program runs: the processes of this host, or
//! machines.
//!
//! ```
//! use permits_any::{Address, Options};
//!
//! # let directory = std::env::temp_dir().join(format!("permits-doc-any-{}", std::process::id()));
//! # let host = permits_host::Options::new().directory(&directory);
//! let address = Address::parse("build", None)?;          // or `etcd://10.0.0.1:2379/build`
//! # /*
//! let builds = Options::new().open(&address, 2).wait()?;
//! # */
//! # let builds = Options::new().host(host).open(&address, 2).wait()?;
//! # use permits::limit::{Limit, WaitBlocking};
//! let permit = builds.acquire().wait()?;                 // a task writes `.await`
//! drop(permit);
//! # drop(builds);
//! # std::fs::remove_dir_all(directory).ok();
//! # Ok::<(), permits::Error>(())
//! ```
//!
//! It is a [`Limit`](permits::limit::Limit), by the crates of the reaches. Use those directly if your program
//! knows its reach: they have more than the contract.
//!
//! # Addresses
//!
//! | address | semaphore |
//! |---|---|
//! | `build` | `build`, of the processes of this host |
//! | `etcd://10.0.0.1:2379,10.0.0.2:2379/build` | `build` on etcd, in the namespace `/permits/` |
//! | `etcd://10.0.0.1/team-a/build?ttl=30s` | `build` in the namespace `/team-a/`, on port 2379, with leases of 30 s |
//! | `etcds://alice@etcd-1:2379/build` | the same over TLS, as the user `alice` |
//! | `etcd:///build` | on the endpoints of [`Options::endpoints`] |
//! | `@build` | `build` on the cluster that the caller passes to [`Address::parse`] |
//!
//! The last part of the path is the name, and the parts before it are the namespace. `%` and two hexadecimal
//! digits stand for a byte of a part, as in `%2F` for a slash, and `%40` for an `@`.
//!
//! An address has no password: the list of processes would show it. [`Options::user`] takes it.
//!
//! # What it reads
//!
//! It reads no environment variable and no file but those of semaphores. What the program `permits` takes
//! from its environment it passes to this crate.
//!
//! # Differences
//!
//! Those of [`permits_host`] and of `permits_etcd`. Without the feature `etcd` the address of a machine can
//! be parsed, and opening it fails with [`ErrorKind::System`](permits::ErrorKind::System).

#![forbid(unsafe_code)]

mod address;
mod any;
mod limit;
mod options;

pub use address::{Address, Cluster};
pub use any::{Acquiring, AnyAcquire, AnyPermit, AnyRelease, AnySemaphore, Lost, Releasing, Removing};
pub use options::{Opening, Options};
