//! The clauses of the contract, on semaphores of this host.

use permits::Error;
use permits_any::{Address, AnySemaphore, Options};
use permits_conformance::{Policy, Rig};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tempfile::TempDir;

static DIRECTORY: LazyLock<TempDir> = LazyLock::new(|| {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    permits_testbed::remove_at_exit(directory.path());
    directory
});

/// By an address, each handle with a mapping of its own.
struct Processes;

fn options() -> Options {
    Options::new().host(permits_host::Options::new().directory(DIRECTORY.path()))
}

fn address(name: &str) -> Address {
    Address::parse(name, None).expect("it is a name")
}

impl Rig for Processes {
    type Limit = AnySemaphore;

    const MAX_PERMITS: u32 = permits_host::HostSemaphore::MAX_PERMITS;

    fn fresh(&self, _: Policy, max: u32) -> Result<AnySemaphore, Error> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("conformance-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        options().open(&address(&name), max).wait()
    }

    fn another(&self, limit: &AnySemaphore) -> AnySemaphore {
        let name = permits::Limit::name(limit).expect("it has one");
        options().open_existing(&address(name)).wait().expect("it is there")
    }

    fn grace(&self) -> Duration {
        Duration::from_millis(20)
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(30)
    }

    fn rounds(&self) -> u32 {
        100
    }
}

permits_conformance::suite!(Processes);
