//! How many permits there can be, and how many one request can be for.

/// As in one process: the price of one word there.
pub(crate) const MAX_PERMITS: u32 = permits::Semaphore::MAX_PERMITS;

/// A transaction of etcd carries 128 operations if its server is not told otherwise.
pub(crate) const MAX_AT_ONCE: u32 = 64;
