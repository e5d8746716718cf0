//! The clauses of the contract, across connections that know of each other by the servers alone.

use crate::actor::{self, Actor, Order};
use crate::cluster;
use crate::proxy::Proxy;
use permits::Error;
use permits_conformance::{Mortal, Participant, Policy, Rig, Severed};
use permits_etcd::{Etcd, EtcdSemaphore};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

/// Semaphores of which each handle has a connection of its own, through a link of its own.
struct Machines {
    endpoint: String,
    ttl: Duration,
    /// By the address of what a handle shares with its clones.
    links: Mutex<HashMap<usize, (Proxy, Etcd)>>,
}

fn machines() -> Machines {
    static ENDPOINT: LazyLock<String> = LazyLock::new(|| cluster::endpoints().expect("there is a server").remove(0));
    Machines { endpoint: ENDPOINT.clone(), ttl: Duration::from_secs(15), links: Mutex::default() }
}

fn short_leases() -> Machines {
    Machines { ttl: Duration::from_secs(2), ..machines() }
}

impl Machines {
    fn connect(&self) -> (Proxy, Etcd) {
        let proxy = Proxy::before(self.endpoint.parse().expect("it is an address"));
        let etcd = Etcd::options([proxy.address().to_string()])
            .ttl(self.ttl)
            .answer_within(Duration::from_secs(2))
            .connect()
            .expect("the options are good");
        (proxy, etcd)
    }

    fn add(&self, semaphore: EtcdSemaphore, link: (Proxy, Etcd)) -> EtcdSemaphore {
        self.links.lock().unwrap_or_else(PoisonError::into_inner).insert(semaphore.id(), link);
        semaphore
    }

    fn with(&self, semaphore: &EtcdSemaphore, act: impl FnOnce(&Proxy)) {
        let links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        act(&links.get(&semaphore.id()).expect("it was made here").0);
    }
}

impl Rig for Machines {
    type Limit = EtcdSemaphore;

    const MAX_PERMITS: u32 = EtcdSemaphore::MAX_PERMITS;

    fn fresh(&self, _: Policy, max: u32) -> Result<EtcdSemaphore, Error> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("conformance/{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let link = self.connect();
        let semaphore = link.1.open(&name, max).wait()?;
        Ok(self.add(semaphore, link))
    }

    fn another(&self, limit: &EtcdSemaphore) -> EtcdSemaphore {
        let link = self.connect();
        let semaphore = link.1.open_existing(limit.name()).wait().expect("it is there");
        self.add(semaphore, link)
    }

    fn grace(&self) -> Duration {
        Duration::from_millis(100)
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(30)
    }

    fn rounds(&self) -> u32 {
        40
    }
}

permits_conformance::suite!(machines(), if cluster::endpoints().is_some());

impl Severed for Machines {
    fn sever(&self, limit: &EtcdSemaphore) {
        self.with(limit, Proxy::cut);
    }

    fn heal(&self, limit: &EtcdSemaphore) {
        self.with(limit, Proxy::heal);
    }

    fn delay(&self, limit: &EtcdSemaphore, time: Duration) {
        self.with(limit, |proxy| proxy.delay(time));
    }

    fn gives_up_after(&self) -> Duration {
        Duration::from_secs(10)
    }
}

// Once: the order is strict under either policy, and these wait for many leases to end.
mod losses {
    use super::{cluster, short_leases};
    use permits_conformance::{Policy, clauses};

    #[test]
    fn c20_loss() {
        if cluster::endpoints().is_some() {
            clauses::c20_loss(&short_leases(), Policy::Default);
        }
    }

    #[test]
    fn c21_unreachable() {
        if cluster::endpoints().is_some() {
            clauses::c21_unreachable(&short_leases(), Policy::Default);
        }
    }
}

impl Mortal for Machines {
    type Participant = Actor;

    fn participant(&self, limit: &EtcdSemaphore) -> Actor {
        Actor::start(std::slice::from_ref(&self.endpoint), limit.name())
    }

    fn old_age(&self) -> Duration {
        3 * actor::TTL
    }
}

impl Participant for Actor {
    fn hold(&mut self, n: u32) {
        self.does(Order::Hold(n));
    }

    fn hold_loose(&mut self, n: u32) {
        self.does(Order::HoldLoose(n));
    }

    fn ask(&mut self, n: u32) {
        self.told(Order::Ask(n));
    }

    fn ask_release(&mut self, n: u32) {
        self.told(Order::AskRelease(n));
    }

    fn stop(&mut self) {
        Actor::stop(self);
    }

    fn resume(&mut self) {
        Actor::resume(self);
    }

    fn kill(&mut self) {
        Actor::kill(self);
    }
}

permits_conformance::suite!(machines(), mortal, if cluster::endpoints().is_some());
