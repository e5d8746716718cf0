//! The workloads on machines, once and quickly, on real servers.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use permits_testbed::Limit;
use permits_testbed::etcd::Engine;

/// The peers that every machine has, by workload; those of Go are there as well if it is.
const PEERS: [(&str, &[&str]); 6] = [
    ("m1", &["permits-etcd", "floor: put and delete", "floor: by a thread", "floor: two writes to disk"]),
    ("m2", &["permits-etcd 1 at once", "permits-etcd 32 at once", "floor: transactions of 32"]),
    ("m3", &["permits-etcd", "floor: a delete", "floor: its event elsewhere"]),
    ("m4", &["permits-etcd"]),
    ("m5", &["permits-etcd", "floor: put and delete"]),
    ("m6", &["etcdctl lock", "floor: true"]),
];

#[test]
fn quick_run_on_machines_has_a_row_of_each_peer() {
    let _limit = Limit::start();
    if Engine::Current.program().is_none() {
        return;
    }
    let folder = tempfile::tempdir().expect("there is room");
    let record = folder.path().join("machines.csv");

    let mut peers = Command::new(env!("CARGO_BIN_EXE_peers"));
    peers.args(["run", "--only", "machines", "--quick", "--rounds", "1", "--out"]).arg(&record);
    let output = peers.output().expect("it was built for this test");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");

    let mut rows: BTreeMap<(String, String), u32> = BTreeMap::new();
    for row in csv::Reader::from_path(&record).expect("it was written").records() {
        let row = row.expect("it is a row");
        let median: f64 = row[7].parse().expect("a figure");
        // What lies between two figures may be less than nothing.
        assert!(median.is_finite() && (median > 0.0 || &row[2] == "above a write"), "{row:?}");
        *rows.entry((row[0].into(), row[3].into())).or_default() += 1;
    }
    for (workload, peers) in PEERS {
        for peer in peers {
            assert!(rows.contains_key(&(workload.into(), (*peer).into())), "{peer} in {workload}: {rows:?}, {said}");
        }
    }
    let machine = fs::read_to_string(record.with_extension("machine.txt")).expect("it was written");
    assert!(machine.contains("\netcd: etcd Version: 3."), "{machine}");
}
