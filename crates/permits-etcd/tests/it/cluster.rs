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
#[track_caller]
pub(crate) fn etcdctl(engine: Engine, endpoints: &[String], arguments: &[&str]) -> String {
    try_etcdctl(engine, endpoints, arguments).unwrap_or_else(|why| panic!("{arguments:?}: {why}"))
}

/// The same, or why it has failed.
pub(crate) fn try_etcdctl(engine: Engine, endpoints: &[String], arguments: &[&str]) -> Result<String, String> {
    let program = permits_testbed::etcd::engines().join(engine.folder()).join("etcdctl");
    let output = Command::new(program)
        .env("ETCDCTL_API", "3")
        .args(["--endpoints", &endpoints.join(","), "--command-timeout", "30s"])
        .args(arguments)
        .output()
        .expect("it was got with the server");
    let text = if output.status.success() { Ok(output.stdout) } else { Err(output.stderr) };
    let read = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    text.map(read).map_err(read)
}

/// The revision that a server is at, as etcd's own client takes it.
#[track_caller]
pub(crate) fn revision(engine: Engine, endpoints: &[String]) -> String {
    let status = etcdctl(engine, endpoints, &["endpoint", "status", "--write-out=json"]);
    let revision = status.split("\"revision\":").nth(1).and_then(|rest| rest.split([',', '}']).next());
    revision.expect("a server tells its revision").to_owned()
}
