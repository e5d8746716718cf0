//! Checks the protocol by which permits are kept on etcd: in each of several configurations, every state that
//! can be reached is visited, with requests and replies that are late, lost and repeated. Then each rule is
//! taken out of it, and a counterexample has to turn up.

mod client;
mod configuration;
mod configurations;
mod engine;
mod model;
mod mutants;
mod normal;
mod properties;
mod rules;
mod run;
mod session;
mod show;
mod state;
mod view;

use clap::{Parser, Subcommand};
use run::Run;
use std::process::ExitCode;
use std::thread;

/// Checks the protocol by which permits are kept on etcd.
///
/// Exits with 0 if the protocol holds and each mutant fails.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Prints results as JSON, an object a line.
    #[arg(long, global = true)]
    json: bool,
    /// How many threads visit states; by default as many as there are cores.
    #[arg(long, global = true)]
    threads: Option<usize>,
}

#[derive(Subcommand)]
enum Command {
    /// Visits all states of the protocol.
    Check {
        /// In these configurations only.
        names: Vec<String>,
    },
    /// Looks for a counterexample to each mutant.
    Mutants {
        /// To these mutants only.
        names: Vec<String>,
    },
    /// Prints the shortest counterexample to a mutant, step by step.
    Show {
        /// As `mutants` prints it.
        name: String,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let threads = arguments.threads.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
    let printer = Printer { json: arguments.json };
    let passed = match arguments.command {
        None => {
            let holds = check(&[], threads, &printer);
            mutants(&[], &printer) && holds
        }
        Some(Command::Check { names }) => check(&names, threads, &printer),
        Some(Command::Mutants { names }) => mutants(&names, &printer),
        Some(Command::Show { name }) => show(&name, &printer),
    };
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn check(names: &[String], threads: usize, printer: &Printer) -> bool {
    let known: Vec<&str> = configurations::ALL.iter().map(|configuration| configuration.name).collect();
    if !are_known("configuration", names, &known) {
        return false;
    }
    printer.head("configuration", "furthest");
    let chosen = configurations::ALL.iter().filter(|it| names.is_empty() || names.iter().any(|name| name == it.name));
    let runs = chosen.map(|configuration| printer.print(run::protocol(configuration, threads)));
    runs.fold(true, |all, run| all & run.passed)
}

fn mutants(names: &[String], printer: &Printer) -> bool {
    let known: Vec<&str> = mutants::ALL.iter().map(|mutant| mutant.name).collect();
    if !are_known("mutant", names, &known) {
        return false;
    }
    printer.head("without", "steps");
    let chosen = mutants::ALL.iter().filter(|it| names.is_empty() || names.iter().any(|name| name == it.name));
    chosen.map(|mutant| printer.print(run::mutant(mutant))).fold(true, |all, run| all & run.passed)
}

fn show(name: &str, printer: &Printer) -> bool {
    let known: Vec<&str> = mutants::ALL.iter().map(|mutant| mutant.name).collect();
    let Some(mutant) = mutants::ALL.iter().find(|mutant| mutant.name == name) else {
        return are_known("mutant", &[name.to_owned()], &known);
    };
    let run = run::mutant(mutant);
    let lines = show::lines(run.path.clone());
    if printer.json {
        println!("{}", serde_json::json!({ "name": run.name, "breaks": run.breaks, "lines": lines }));
        return run.passed;
    }
    println!("{}: {}.", run.name, run.about);
    for line in lines {
        println!("{line}");
    }
    let meaning = properties::ALL.iter().find(|property| property.0 == mutant.breaks).map_or("", |it| it.1);
    match run.passed {
        true => println!("Broken: `{}`, {meaning}.", mutant.breaks),
        false => println!("`{}` holds in all {} states.", mutant.breaks, run.states),
    }
    run.passed
}

fn are_known(kind: &str, names: &[String], known: &[&str]) -> bool {
    let unknown = names.iter().find(|name| !known.contains(&name.as_str()));
    if let Some(name) = unknown {
        eprintln!("permits-model-etcd: no {kind} is called `{name}`; there are: {}", known.join(", "));
    }
    unknown.is_none()
}

struct Printer {
    json: bool,
}

impl Printer {
    fn head(&self, first: &str, steps: &str) {
        if !self.json {
            println!("{first:15} {:>9} {steps:>8} {:>7}  result", "states", "seconds");
        }
    }

    fn print(&self, run: Run) -> Run {
        if self.json {
            println!("{}", serde_json::to_string(&run).expect("a run is plain data"));
            return run;
        }
        let result = match run.breaks {
            _ if !run.passed => format!("WRONG: {}", run.findings.join(", ")),
            None => format!("holds: {}", run.about),
            Some(broken) => format!("breaks `{broken}`: {}", run.about),
        };
        println!("{:15} {:>9} {:>8} {:>7.1}  {result}", run.name, run.states, run.steps, run.seconds);
        if run.breaks.is_none() {
            for line in show::lines(run.path.clone()) {
                println!("{line}");
            }
        }
        run
    }
}
