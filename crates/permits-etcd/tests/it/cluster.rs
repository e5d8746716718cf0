//! The servers of these tests: one cluster for all that do it no harm.

use permits_testbed::etcd::{Engine, Etcd};
use std::process::Command;
use std::sync::{LazyLock, Mutex, PoisonError};

/// Short leases, as a server with the usual times does not grant them.
pub(crate) const QUICK: [&str; 4] = ["--heartbeat-interval", "20", "--election-timeout", "200"];

static SHARED: LazyLock<Option<(Mutex<Etcd>, Vec<String>)>> = LazyLock::new(|| {
    let cluster = Etcd::start(&Engine::Current.program()?, 1, &QUICK);
    let endpoints = cluster.endpoints();
    Some((Mutex::new(cluster), endpoints))
});

/// The endpoints of the cluster for all; `None`, and the test is left out, if there is no server.
#[track_caller]
pub(crate) fn endpoints() -> Option<Vec<String>> {
    // Noted for each test that asks.
    Engine::Current.program()?;
    SHARED.as_ref().map(|(cluster, endpoints)| {
        drop(cluster.lock().unwrap_or_else(PoisonError::into_inner));
        endpoints.clone()
    })
}

/// What etcd's own client says, asking these servers.
pub(crate) fn etcdctl(engine: Engine, endpoints: &[String], arguments: &[&str]) -> String {
    let program = permits_testbed::etcd::engines().join(engine.folder()).join("etcdctl");
    let output = Command::new(program)
        .env("ETCDCTL_API", "3")
        .args(["--endpoints", &endpoints.join(","), "--command-timeout", "30s"])
        .args(arguments)
        .output()
        .expect("it was got with the server");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
