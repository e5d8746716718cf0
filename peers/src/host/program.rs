//! A command that does nothing, started under a permit by a program: what the program adds.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use super::ours::Directory;
use crate::engine::Order;
use crate::harness::{Bench, CellInfo, Entry, Metric, Sample};
use crate::stats::median;

pub const START: Metric = Metric { name: "from start to end", unit: "ms", higher_is_better: false };
const BARE: &str = "floor: true";
const FLOCK: &str = "flock";

struct Cell {
    starts: u32,
}

pub fn run(bench: &mut Bench) -> Result<(), String> {
    let program = bench.program.clone();
    if program.is_none() {
        eprintln!("h6: no rows of `permits run`: name the program with --program");
    }
    let directory = Directory::new();
    let file = directory.path().join("lock");
    let mut entries = vec![started(BARE, Order::None, 1, || Command::new("true"))];
    if let Some(program) = &program {
        entries.extend([permits(program.clone(), directory.path().clone())]);
    }
    entries.push(started(FLOCK, Order::None, 1, move || command("flock", &[&file.to_string_lossy(), "true"])));
    // GNU parallel under another name; not to be had everywhere. A hundred times slower, so it is started less often.
    if Command::new("sem").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok() {
        let home = directory.path().clone();
        entries.push(started("GNU sem", Order::None, 20, move || {
            let mut sem = command("sem", &["--fg", "--id", "peers", "true"]);
            sem.env("PARALLEL_HOME", &home);
            sem
        }));
    }
    let cell = Cell { starts: bench.pick(60, 20) };
    let reference = if program.is_some() { PERMITS } else { FLOCK };
    let info = CellInfo { workload: "h6", parameters: "command=true".into(), metrics: &[START], reference };
    bench.cell(&info, &entries, &cell)
}

pub const PERMITS: &str = "permits run";

fn permits(program: PathBuf, directory: PathBuf) -> Entry<Cell> {
    started(PERMITS, Order::Fifo, 1, move || {
        let mut run = Command::new(&program);
        run.arg("--dir").arg(directory.join("permits")).args(["run", "one", "--", "true"]);
        run
    })
}

fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

/// The median of some starts, one after the other; a `part` of what the cell says.
fn started(name: &'static str, order: Order, part: u32, command: impl Fn() -> Command + 'static) -> Entry<Cell> {
    Entry::new(name, order, move |cell: &Cell| {
        let starts = (cell.starts / part).max(1);
        let all: Vec<f64> = (0..starts).map(|_| milliseconds(name, &mut command())).collect();
        Sample::of(median(&all).unwrap_or(f64::NAN))
    })
}

/// How long a command runs that has to succeed.
pub fn milliseconds(name: &str, command: &mut Command) -> f64 {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let start = Instant::now();
    let status = command.status().expect("the program can be started");
    let elapsed = start.elapsed().as_secs_f64() * 1e3;
    assert!(status.success(), "`{name}` failed: {status}");
    elapsed
}
