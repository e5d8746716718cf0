//! The contract, clause by clause: `cargo test -p permits conformance` lists the clauses by their numbers.

use permits::limit::Local;
use permits::{Error, Semaphore};
use permits_conformance::{Policy, Rig};
use std::time::Duration;

struct Threads;

impl Rig for Threads {
    type Limit = Local;

    const MAX_PERMITS: u32 = Semaphore::MAX_PERMITS;

    fn fresh(&self, policy: Policy, max: u32) -> Result<Local, Error> {
        Ok(Local::from(match policy {
            Policy::Default => Semaphore::try_new(max)?,
            Policy::Fair => Semaphore::try_fair(max)?,
            Policy::Bounded(overtakes) => Semaphore::try_with_overtaking(max, overtakes)?,
        }))
    }

    /// What must not happen would happen before the call returns, or as soon as a thread wakes up.
    fn grace(&self) -> Duration {
        Duration::from_millis(5)
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(60)
    }

    fn rounds(&self) -> u32 {
        if cfg!(miri) { 10 } else { 1000 }
    }
}

permits_conformance::suite!(Threads);
