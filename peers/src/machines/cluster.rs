//! Servers of etcd for a workload.

use std::fs;
use std::path::PathBuf;

use permits_testbed::etcd::{Engine, Etcd, engines};

/// What the tests use, too.
const ENGINE: Engine = Engine::Current;

/// Servers that end with this, or with this process.
pub struct Cluster {
    _etcd: Etcd,
    pub endpoints: Vec<String>,
    /// Their processes.
    pub pids: Vec<u32>,
}

impl Cluster {
    pub fn start(nodes: usize) -> Result<Self, String> {
        // A server that has no core for a second is not to lose the lead: an election would be in the figures.
        let mut etcd = Etcd::start(&file("etcd")?, nodes, &["--election-timeout", "5000"]);
        let pids = etcd.servers().iter().map(|server| server.pid()).collect();
        Ok(Self { endpoints: etcd.endpoints(), _etcd: etcd, pids })
    }
}

/// A program of etcd's, or what is beside it.
pub fn file(name: &str) -> Result<PathBuf, String> {
    let file = engines().join(ENGINE.folder()).join(name);
    if file.exists() { Ok(file) } else { Err(format!("no `{}`: `cargo xtask servers` gets it", file.display())) }
}

/// Which etcd it is, if there is one.
pub fn version() -> Option<String> {
    Some(fs::read_to_string(file("version").ok()?).ok()?.trim().to_string())
}
