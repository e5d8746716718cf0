//! Many processes wait for one permit: how long it lies between them, and what that costs the server and them.

use std::cell::RefCell;
use std::process::Command;
use std::thread;
use std::time::Duration;

use super::cluster::Cluster;
use super::go::{self, Go};
use super::metrics::{HAND_OVER, HAND_OVER_P99};
use super::ours;
use crate::engine::Order;
use crate::harness::{Bench, CellInfo, Entry, Fold, Metric, Sample};
use crate::host::processor_time;
use crate::stats::{median, p99};
use crate::talk::Talk;

/// Of a core's time, for each time that the permit is handed over.
const SERVER: Metric = Metric { name: "server's work a grant", unit: "us", higher_is_better: false };
const CLIENTS: Metric = Metric { name: "clients' work a grant", unit: "us", higher_is_better: false };
/// Cores that the server keeps busy.
const LOAD: Metric = Metric { name: "server", unit: "cores", higher_is_better: false };

struct Cell {
    hold: Duration,
    window: Duration,
}

pub fn run(bench: &mut Bench) -> Result<(), String> {
    let cluster = Cluster::start(1)?;
    let (waiting, window) = (bench.pick(64, 8), Duration::from_millis(bench.pick(4_000, 300)));
    let program = std::env::current_exe().map_err(|why| format!("cannot find this program: {why}"))?;
    let endpoint = &cluster.endpoints[0];
    let ours = || {
        let mut command = Command::new(&program);
        command.args(["waiter", endpoint, "crowd"]);
        Some(command)
    };
    let mut entries = Vec::new();
    // Those of one peer wait for nothing while another's turn lasts.
    entries.extend(Crew::start(ours::NAME, waiting, ours)?.map(|crew| crew.entry(ours::NAME, cluster.pids[0])));
    let of_go = || go::command(&format!("waiter {endpoint} crowd"));
    entries.extend(Crew::start(Go::NAME, waiting, of_go)?.map(|crew| crew.entry(Go::NAME, cluster.pids[0])));
    for hold in [0, 10] {
        let parameters = format!("processes={waiting} permits=1 hold={hold}ms");
        let metrics = &[HAND_OVER, HAND_OVER_P99, SERVER, CLIENTS, LOAD];
        let info = CellInfo { workload: "m4", parameters, metrics, reference: ours::NAME };
        let cell = Cell { hold: Duration::from_millis(hold), window };
        bench.interleaved(&info, &entries, &cell, 1, &[median as Fold; 5])?;
    }
    Ok(())
}

/// Processes that wait for one permit.
struct Crew(Vec<Talk>);

impl Crew {
    /// Nothing if there is no such program.
    fn start(name: &str, count: usize, command: impl Fn() -> Option<Command>) -> Result<Option<Self>, String> {
        let mut crew = Vec::with_capacity(count);
        for _ in 0..count {
            let Some(mut command) = command() else { return Ok(None) };
            crew.push(Talk::start_unready(name, &mut command)?);
        }
        for talk in &mut crew {
            talk.read()?;
        }
        Ok(Some(Self(crew)))
    }

    fn entry(self, name: &str, server: u32) -> Entry<Cell> {
        let crew = RefCell::new(self);
        Entry::new(name, Order::Fifo, move |cell: &Cell| {
            let values = crew.borrow_mut().turn(cell, server).expect("processes answer until they are told to end");
            Sample { values, ..Sample::default() }
        })
    }

    fn turn(&mut self, cell: &Cell, server: u32) -> Result<Vec<f64>, String> {
        for talk in &mut self.0 {
            talk.tell(&format!("go {}", cell.hold.as_micros()))?;
        }
        // Until all wait.
        thread::sleep(cell.window / 4);
        let work = |crew: &Self| {
            let of_clients: u64 = crew.0.iter().map(|talk| processor_time(talk.id())).sum();
            [crate::host::clock_ns(), processor_time(server), of_clients]
        };
        let before = work(self);
        thread::sleep(cell.window);
        let after = work(self);
        for talk in &mut self.0 {
            talk.tell("stop")?;
        }
        let mut grants = Vec::new();
        for talk in &mut self.0 {
            loop {
                let line = talk.read()?;
                if line == "end" {
                    break;
                }
                grants.push(Grant::read(&line)?);
            }
        }
        grants.sort_unstable_by_key(|grant| grant.had);
        grants.retain(|grant| (before[0]..after[0]).contains(&grant.had));
        let [elapsed, of_server, of_clients] = [0, 1, 2].map(|i| (after[i] - before[i]) as f64);
        let gaps = gaps(&grants)?;
        let [of_all, of_last] = [median(&gaps), p99(&gaps)].map(|gap| gap.unwrap_or(f64::NAN));
        let a_grant = |ns: f64| ns / 1e3 / grants.len() as f64;
        Ok(vec![of_all, of_last, a_grant(of_server), a_grant(of_clients), of_server / elapsed])
    }
}

/// When a process had the permit, and when it called release, by the clock of all.
struct Grant {
    had: u64,
    gave: u64,
}

impl Grant {
    fn read(line: &str) -> Result<Self, String> {
        let numbers: Vec<u64> = line.split(' ').filter_map(|number| number.parse().ok()).collect();
        let [had, gave] = numbers[..] else { return Err(format!("`{line}` is no grant")) };
        Ok(Self { had, gave })
    }
}

/// Microseconds from each release to the next grant. An error if the permit was held by two at once.
fn gaps(grants: &[Grant]) -> Result<Vec<f64>, String> {
    let pairs = grants.windows(2);
    let gap = |pair: &[Grant]| pair[1].had.checked_sub(pair[0].gave).map(|ns| ns as f64 / 1e3);
    pairs.map(|pair| gap(pair).ok_or_else(|| "the permit was held by two processes at once".into())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_between_a_release_and_the_next_grant() {
        let grants = ["1000 5000", "7000 9000", "9500 9900"].map(|line| Grant::read(line).expect("it is one"));

        assert_eq!(gaps(&grants), Ok(vec![2.0, 0.5]));
        assert!(Grant::read("1000").is_err());
    }

    #[test]
    fn two_holders_at_once_are_an_error() {
        let grants = [Grant { had: 1, gave: 5 }, Grant { had: 4, gave: 6 }];

        assert!(gaps(&grants).is_err());
    }
}
