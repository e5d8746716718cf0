//! The clauses of the contract, across handles that know of each other by the file alone.

use crate::place::Directory;
use permits::Error;
use permits_conformance::{Policy, Rig};
use permits_host::HostSemaphore;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

static DIRECTORY: LazyLock<Directory> = LazyLock::new(Directory::new);

/// Semaphores of which each handle has a mapping and a seat of its own, as processes have.
struct Processes;

impl Rig for Processes {
    type Limit = HostSemaphore;

    const MAX_PERMITS: u32 = HostSemaphore::MAX_PERMITS;

    fn fresh(&self, _: Policy, max: u32) -> Result<HostSemaphore, Error> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("conformance-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let semaphore = DIRECTORY.options().open(&name, max)?;
        // Whoever has it open has it still; the directory does not fill up.
        Ok(semaphore)
    }

    fn another(&self, limit: &HostSemaphore) -> HostSemaphore {
        DIRECTORY.options().open_existing(limit.name()).expect("it is there")
    }

    fn grace(&self) -> Duration {
        Duration::from_millis(20)
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(30)
    }

    fn rounds(&self) -> u32 {
        200
    }
}

permits_conformance::suite!(Processes);
