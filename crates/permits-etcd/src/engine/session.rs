//! The lease of a connection, and how it is counted.

use permits::lease::{BootTime, Lease};
use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

/// A lease, and how long the server grants it for.
pub(crate) struct Session {
    pub(crate) id: i64,
    pub(crate) lease: Arc<Lease>,
    pub(crate) ttl: Duration,
    /// The first number that no call in doubt has used, in any semaphore: what a connection knows of one goes
    /// with its last handle, and a late try does not.
    pub(crate) unburnt: Cell<u32>,
}

/// How much earlier a holder takes its lease for lost than the server: what their clocks may differ by over
/// one lease.
fn margin(ttl: Duration) -> Duration {
    (ttl / 20).max(Duration::from_millis(500)).min(ttl / 4)
}

/// Until when a lease is held that was asked for at `asked`: counted from then, and not from the answer.
pub(crate) fn valid_until(asked: BootTime, ttl: Duration) -> BootTime {
    asked + (ttl - margin(ttl))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holder_ends_its_lease_before_the_server_does() {
        let end = |seconds| valid_until(BootTime::new(Duration::ZERO), Duration::from_secs(seconds)).since_boot();
        assert_eq!(end(1), Duration::from_millis(750));
        assert_eq!(end(2), Duration::from_millis(1500));
        assert_eq!(end(15), Duration::from_millis(14_250));
        assert_eq!(end(600), Duration::from_secs(570));
    }
}
