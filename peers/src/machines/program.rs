//! A command that does nothing, started under a permit by a program: `permits run`, and etcd's own `etcdctl lock`.

use std::path::PathBuf;
use std::process::Command;

use super::cluster::{self, Cluster};
use crate::engine::Order;
use crate::harness::{Bench, CellInfo, Entry, Sample};
use crate::host::program::{PERMITS, START, milliseconds};
use crate::stats::median;

const ETCDCTL: &str = "etcdctl lock";

pub fn run(bench: &mut Bench) -> Result<(), String> {
    let cluster = Cluster::start(1)?;
    let endpoint = cluster.endpoints[0].clone();
    let etcdctl = cluster::file("etcdctl")?;
    let mut entries = vec![started("floor: true", Order::None, || Command::new("true"))];
    match bench.program.clone() {
        Some(program) => entries.push(permits(program, format!("etcd://{endpoint}/one"))),
        None => eprintln!("m6: no rows of `permits run`: name the program with --program"),
    }
    entries.push(started(ETCDCTL, Order::Fifo, move || {
        let mut lock = Command::new(&etcdctl);
        lock.args(["--endpoints", &endpoint, "lock", "one", "true"]);
        lock
    }));
    let info = CellInfo { workload: "m6", parameters: "command=true".into(), metrics: &[START], reference: ETCDCTL };
    bench.interleaved(&info, &entries, &(), bench.pick(20, 3), &[median])
}

fn permits(program: PathBuf, address: String) -> Entry<()> {
    started(PERMITS, Order::Fifo, move || {
        let mut run = Command::new(&program);
        run.args(["run", &address, "--", "true"]);
        run
    })
}

fn started(name: &'static str, order: Order, command: impl Fn() -> Command + 'static) -> Entry<()> {
    Entry::new(name, order, move |()| Sample::of(milliseconds(name, &mut command())))
}
