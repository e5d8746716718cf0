//! `permits-etcd`, as the workloads use it.

use std::time::Duration;

use permits_etcd::{Etcd, EtcdSemaphore};

pub const NAME: &str = "permits-etcd";

/// A connection of its own to a semaphore of `max` permits.
pub fn open(endpoints: &[String], name: &str, max: u32) -> EtcdSemaphore {
    // A minute, so that a busy machine loses no lease; no turn is longer or shorter for it.
    let options = Etcd::options(endpoints).ttl(Duration::from_secs(60)).answer_within(Duration::from_secs(60));
    let etcd = options.connect().expect("the addresses are good");
    etcd.open(name, max).wait().expect("the server answers")
}

/// Takes a permit and gives it back, and waits for the answer to both.
pub fn pair(semaphore: &EtcdSemaphore) {
    let permit = semaphore.acquire().wait().expect("it is granted");
    permit.release().wait().expect("it was held");
}
