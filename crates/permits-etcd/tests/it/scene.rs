//! One semaphore on the cluster for all, two clients, and a link before one of them that does what a test
//! wants.

use crate::cluster::{self, etcdctl};
use crate::proxy::Proxy;
use permits_conformance::wait::eventually;
use permits_etcd::{Etcd, EtcdPermit, EtcdSemaphore};
use permits_testbed::etcd::Engine;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// How long something may take that must happen.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) struct Scene {
    /// Before the client under test.
    pub(crate) proxy: Proxy,
    pub(crate) etcd: Etcd,
    /// Of the client under test.
    pub(crate) semaphore: EtcdSemaphore,
    /// The same, of a client without a link of its own.
    pub(crate) other: EtcdSemaphore,
    endpoints: Vec<String>,
}

impl Scene {
    /// A semaphore of `max` permits; `None` if there is no server.
    #[track_caller]
    pub(crate) fn new(max: u32) -> Option<Scene> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let endpoints = cluster::endpoints()?;
        let name = format!("scene-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let proxy = Proxy::before(endpoints[0].parse().expect("it is an address"));
        let etcd = Etcd::connect([proxy.address().to_string()]).expect("the options are good");
        let semaphore = etcd.open(&name, max).wait().expect("a server is there");
        let other = Etcd::connect(&endpoints).expect("the options are good");
        let other = other.open_existing(&name).wait().expect("it is there");
        Some(Scene { proxy, etcd, semaphore, other, endpoints })
    }

    /// Where its server listens.
    pub(crate) fn server(&self) -> SocketAddr {
        self.endpoints[0].parse().expect("it is an address")
    }

    /// A permit of the client under test.
    #[track_caller]
    pub(crate) fn take(&self, n: u32) -> EtcdPermit {
        self.semaphore.acquire_many(n).wait_timeout(DEADLINE).expect("the permits are free")
    }

    /// Has the answers of the next writes of `part` lost while `act` runs, and sees to it that it was so.
    #[track_caller]
    pub(crate) fn losing<T>(&self, part: &str, count: u32, act: impl FnOnce() -> T) -> T {
        let before = self.proxy.lost();
        self.proxy.lose_answers(part, count);
        let outcome = act();
        assert!(eventually(DEADLINE, || self.proxy.lost() == before + count), "{count} answers were lost");
        outcome
    }

    /// Waits until these numbers are given out and loose, and none waits.
    #[track_caller]
    pub(crate) fn settles(&self, given_out: u32, loose: u32) {
        let mut state = None;
        let settled = eventually(DEADLINE, || {
            let now = self.other.state().wait().expect("a server is there");
            let is_so = (now.given_out, now.loose) == (given_out, loose);
            state = Some(now);
            is_so && (now.waiting_acquirers, now.waiting_releasers) == (0, 0)
        });
        assert!(settled, "{given_out} given out, {loose} loose, and none waits: {state:?}");
    }

    /// Waits until these numbers wait on the two sides.
    #[track_caller]
    pub(crate) fn queues(&self, acquirers: u32, releasers: u32) {
        assert!(
            eventually(DEADLINE, || {
                let state = self.other.state().wait().expect("a server is there");
                (state.waiting_acquirers, state.waiting_releasers) == (acquirers, releasers)
            }),
            "{acquirers} wait to acquire and {releasers} to release: {:?}",
            self.other.state().wait()
        );
    }

    /// Its keys as etcd's own client sees them, without what they have in common.
    pub(crate) fn keys(&self) -> Vec<String> {
        let prefix = format!("/permits/v1/{}/", self.semaphore.name());
        let list = etcdctl(Engine::Current, &self.endpoints, &["get", "--prefix", "--keys-only", &prefix]);
        list.lines().filter_map(|key| key.strip_prefix(&prefix)).map(str::to_owned).collect()
    }

    /// Nothing is left: no place, and none that waits to release.
    #[track_caller]
    pub(crate) fn is_empty(&self) {
        self.settles(0, 0);
        let keys = self.keys();
        assert!(!keys.iter().any(|key| key.starts_with("q/") || key.starts_with("r/")), "{keys:?}");
    }
}
