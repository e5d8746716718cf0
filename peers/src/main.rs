//! Measures `permits` beside other semaphores, draws the results and prints them as tables.

#![deny(unsafe_code)]

mod engine;
mod engines;
mod harness;
mod host;
mod machine;
mod machines;
mod plots;
mod record;
mod slab;
mod stats;
mod table;
mod talk;
mod tasks;
mod threads;
mod watchdog;
mod workloads;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::harness::Bench;

#[derive(Parser)]
#[command(about, version, after_help = "Exit codes: 0 done, 1 a file could not be read or written, 2 wrong arguments.")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run workloads and append a row for each peer and cell to a file.
    Run(RunArguments),
    /// Takes part in a workload on machines, told by its input what to do.
    #[command(hide = true)]
    Waiter(machines::Waiter),
    /// Draw a file of results: one SVG a workload.
    Plot {
        /// The file that `run` wrote.
        #[arg(long = "in", value_name = "FILE", default_value = "record/results.csv")]
        from: PathBuf,
        /// Where the pictures go.
        #[arg(long, value_name = "DIR", default_value = "../docs/plots")]
        dir: PathBuf,
    },
    /// Print a file of results as markdown tables: a row a cell, with the best peers, ours and the ratios.
    Table {
        /// The file that `run` wrote.
        #[arg(long = "in", value_name = "FILE", default_value = "record/results.csv")]
        from: PathBuf,
    },
}

#[derive(clap::Args)]
struct RunArguments {
    /// Workloads to run, separated by commas; `host` is all those between processes (h1 to h6), `machines` all
    /// those on etcd (m1 to m6). When not given: all those within a process (w1 to w10, `busy`).
    #[arg(long, value_delimiter = ',', value_parser = workload)]
    only: Vec<String>,
    /// Peers to run, by the beginning of their names; all when not given. The reference of a workload always runs.
    #[arg(long = "peer", num_args = 1.., value_name = "NAME")]
    peers: Vec<String>,
    /// Fewer cells, shorter windows and three rounds: for a look, not for a record.
    #[arg(long)]
    quick: bool,
    /// Rounds of each cell; every peer runs once in each [default: 5, with --quick 3].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: Option<u16>,
    /// Where to append the rows; what machine it was goes to a file beside it that ends in `.machine.txt`.
    #[arg(long, value_name = "FILE", default_value = "results.csv")]
    out: PathBuf,
    /// The program `permits`, for h6 and m6, which start it; without it they have no rows of it.
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

/// A workload by its name, and what runs it.
type Named = (&'static str, fn(&mut Bench) -> Result<(), String>);

/// All those between processes, and all those on machines.
const GROUPS: [(&str, &[Named]); 2] = [("host", host::ALL), ("machines", machines::ALL)];

fn workload(name: &str) -> Result<String, String> {
    let of_groups = GROUPS.iter().flat_map(|(_, all)| *all);
    let single = workloads::ALL.iter().chain(of_groups).map(|(name, _)| *name);
    let known: Vec<_> = single.chain(GROUPS.map(|(group, _)| group)).collect();
    if known.contains(&name) {
        Ok(name.into())
    } else {
        Err(format!("no workload `{name}`, there are {}", known.join(", ")))
    }
}

fn run(arguments: RunArguments) -> Result<(), String> {
    // Read before any thread is pinned, or the process would seem to have one core.
    threads::cores();
    let rounds = arguments.rounds.map_or(if arguments.quick { 3 } else { 5 }, usize::from);
    let mut bench = Bench::new(arguments.quick, rounds, arguments.peers, &arguments.out)?;
    bench.program = arguments.program;
    machine::describe(&arguments.out, rounds, arguments.quick)?;
    let named = |name: &str| arguments.only.iter().any(|only| only == name);
    for (name, workload) in workloads::ALL {
        if arguments.only.is_empty() || named(name) {
            workload(&mut bench)?;
        }
    }
    for (group, all) in GROUPS {
        for (name, workload) in all {
            if named(group) || named(name) {
                workload(&mut bench)?;
            }
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Run(arguments) => run(arguments),
        Command::Waiter(waiter) => machines::serve(&waiter),
        Command::Plot { from, dir } => plots::draw(&from, &dir),
        Command::Table { from } => table::print(&from),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("peers: {why}");
            ExitCode::FAILURE
        }
    }
}
