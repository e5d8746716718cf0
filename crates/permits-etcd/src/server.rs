//! What servers say of themselves.

use std::time::Duration;

/// A server, as it describes itself: see [`Etcd::servers`](crate::Etcd::servers).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Server {
    /// Its version, such as `3.5.30`.
    pub version: String,
    /// Bytes of its database.
    pub database: u64,
    /// The newest revision that it knows.
    pub revision: i64,
    /// Whether it knows a leader.
    pub has_leader: bool,
    /// The alarms that are raised, as etcd writes them: `memberID:1 alarm:NOSPACE`.
    pub alarms: Vec<String>,
    /// How long it took to answer.
    pub took: Duration,
}
