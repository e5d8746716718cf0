//! The clauses of the contract, on a server.

use permits::Error;
use permits::limit::Limit;
use permits_any::{AnySemaphore, Cluster, Options};
use permits_conformance::{Policy, Rig};
use permits_testbed::etcd::{Engine, Etcd};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// `None` if there is no server on this machine.
static SERVER: LazyLock<Option<(Etcd, Cluster)>> = LazyLock::new(|| {
    let server = Etcd::start(&Engine::Current.program()?, 1, &[]);
    let cluster = Cluster::parse(&format!("etcd://{}/conformance", server.endpoints().join(","))).expect("it is one");
    Some((server, cluster))
});

/// The cluster of these tests; `None`, and the test is left out, if there is no server.
#[track_caller]
pub(crate) fn cluster() -> Option<&'static Cluster> {
    // Noted for each test that asks.
    Engine::Current.program()?;
    SERVER.as_ref().map(|(_, cluster)| cluster)
}

/// By an address, each handle with a connection of its own.
struct Machines;

impl Rig for Machines {
    type Limit = AnySemaphore;

    const MAX_PERMITS: u32 = permits_etcd::EtcdSemaphore::MAX_PERMITS;

    fn fresh(&self, _: Policy, max: u32) -> Result<AnySemaphore, Error> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("conformance/{}", NEXT.fetch_add(1, Ordering::Relaxed));
        Options::new().open(&cluster().expect("there is a server").semaphore(name), max).wait()
    }

    fn another(&self, limit: &AnySemaphore) -> AnySemaphore {
        let address = cluster().expect("there is a server").semaphore(limit.name().expect("it has one"));
        Options::new().open_existing(&address).wait().expect("it is there")
    }

    fn grace(&self) -> Duration {
        Duration::from_millis(100)
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(30)
    }

    fn rounds(&self) -> u32 {
        20
    }
}

permits_conformance::suite!(Machines, if cluster().is_some());
