//! Rounds, rotation, ratios: how runs become rows.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::engine::Order;
use crate::record::{Row, Writer};
use crate::stats::median;
use crate::table::figure;
use crate::threads::Spin;
use crate::watchdog::Watchdog;

/// What one run of one peer in one cell gives.
#[derive(Clone, Default)]
pub struct Sample {
    /// A value for each metric of the cell, in its order.
    pub values: Vec<f64>,
    pub jain: Option<f64>,
    pub longest_wait_us: Option<f64>,
    pub share: Option<f64>,
}

impl Sample {
    pub fn of(value: f64) -> Self {
        Self { values: vec![value], ..Self::default() }
    }
}

/// A peer in a workload, compiled for it.
pub struct Entry<C> {
    pub name: String,
    pub order: Order,
    pub fits: Box<dyn Fn(&C) -> bool>,
    pub run: Box<dyn Fn(&C) -> Sample>,
}

impl<C> Entry<C> {
    pub fn new(name: impl Into<String>, order: Order, run: impl Fn(&C) -> Sample + 'static) -> Self {
        Self { name: name.into(), order, fits: Box::new(|_| true), run: Box::new(run) }
    }

    /// Leaves the peer out of the cells that it cannot or should not run.
    pub fn fits(mut self, fits: impl Fn(&C) -> bool + 'static) -> Self {
        self.fits = Box::new(fits);
        self
    }
}

#[derive(Clone, Copy)]
pub struct Metric {
    pub name: &'static str,
    pub unit: &'static str,
    pub higher_is_better: bool,
}

pub const OPS: Metric = Metric { name: "throughput", unit: "ops/s", higher_is_better: true };

/// How the values of many turns become that of a round.
pub type Fold = fn(&[f64]) -> Option<f64>;

/// A peer that comes to a halt under a workload is run once in that cell: one row says as much as five, and the rest of
/// the peers should still see the same machine.
const TOO_SLOW: Duration = Duration::from_secs(4);

/// What is the same for every peer of a cell.
pub struct CellInfo<'a> {
    pub workload: &'a str,
    pub parameters: String,
    pub metrics: &'a [Metric],
    /// The peer that the others are divided by.
    pub reference: &'a str,
}

pub struct Bench {
    pub quick: bool,
    pub rounds: usize,
    pub spin: Spin,
    /// The program `permits`, where a run was told of it.
    pub program: Option<PathBuf>,
    peers: Vec<String>,
    writer: Writer,
    dog: Watchdog,
    since: Instant,
}

impl Bench {
    pub fn new(quick: bool, rounds: usize, peers: Vec<String>, out: &Path) -> Result<Self, String> {
        Ok(Self {
            quick,
            rounds,
            spin: Spin::calibrate(),
            program: None,
            peers,
            writer: Writer::append(out)?,
            dog: Watchdog::start(),
            since: Instant::now(),
        })
    }

    /// `full` in a full run, `quick` in a quick one.
    pub fn pick<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    pub fn wants(&self, name: &str) -> bool {
        self.peers.is_empty() || self.peers.iter().any(|wanted| name.starts_with(wanted.as_str()))
    }

    /// Runs every peer once in each round, each round starting with another peer, and writes a row a peer and metric.
    ///
    /// Peers are interleaved because the machine drifts: neighbours in time see the same machine, so a ratio within a
    /// round says more than two medians taken minutes apart.
    pub fn cell<C>(&mut self, info: &CellInfo<'_>, entries: &[Entry<C>], cell: &C) -> Result<(), String> {
        self.rounds_of(self.rounds, info, entries, cell)
    }

    /// Runs every peer once in each of the `turns` of a round, and folds what they gave into one sample a round, with a
    /// fold for each metric.
    ///
    /// For what lasts a millisecond and waits for a disk: peers that run one after the other for a second each differ
    /// by a third though they do the same, and by a fiftieth if they take turns.
    pub fn interleaved<C>(
        &mut self,
        info: &CellInfo<'_>,
        entries: &[Entry<C>],
        cell: &C,
        turns: usize,
        folds: &[Fold],
    ) -> Result<(), String> {
        let chosen = self.chosen(info, entries, cell);
        let watched = |peer: &Entry<C>| self.watched(info, peer, cell);
        // Connections and leases come first.
        chosen.iter().for_each(|peer| drop(watched(peer)));
        let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); chosen.len()];
        for _ in 0..self.rounds {
            let mut of_round: Vec<Vec<Sample>> = vec![Vec::with_capacity(turns); chosen.len()];
            for turn in 0..turns {
                for which in order(turn, chosen.len()) {
                    of_round[which].push(watched(chosen[which]));
                }
            }
            for (all, of_round) in samples.iter_mut().zip(&of_round) {
                all.push(folded(of_round, folds));
            }
        }
        self.write(info, &chosen, &samples)
    }

    /// Ends the program if `run` hangs: for a run that is no peer's alone.
    pub fn watch<T>(&self, what: &str, run: impl FnOnce() -> T) -> T {
        self.dog.watch(what.into(), run)
    }

    /// One round, for what does not vary.
    pub fn once<C>(&mut self, info: &CellInfo<'_>, entries: &[Entry<C>], cell: &C) -> Result<(), String> {
        self.rounds_of(1, info, entries, cell)
    }

    fn rounds_of<C>(
        &mut self,
        rounds: usize,
        info: &CellInfo<'_>,
        entries: &[Entry<C>],
        cell: &C,
    ) -> Result<(), String> {
        let chosen = self.chosen(info, entries, cell);
        let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); chosen.len()];
        let mut halted = vec![false; chosen.len()];
        for round in 0..rounds {
            for step in 0..chosen.len() {
                let which = (round + step) % chosen.len();
                if halted[which] {
                    continue;
                }
                let peer = chosen[which];
                let start = Instant::now();
                let sample = self.watched(info, peer, cell);
                if start.elapsed() > TOO_SLOW && peer.name != info.reference && round + 1 < rounds {
                    eprintln!("{} took {:.0?}: no more rounds of it", what(info, &peer.name), start.elapsed());
                    halted[which] = true;
                }
                samples[which].push(sample);
            }
        }

        self.write(info, &chosen, &samples)
    }

    fn chosen<'e, C>(&self, info: &CellInfo<'_>, entries: &'e [Entry<C>], cell: &C) -> Vec<&'e Entry<C>> {
        entries.iter().filter(|e| (self.wants(&e.name) || e.name == info.reference) && (e.fits)(cell)).collect()
    }

    fn watched<C>(&self, info: &CellInfo<'_>, peer: &Entry<C>, cell: &C) -> Sample {
        self.dog.watch(what(info, &peer.name), || (peer.run)(cell))
    }

    fn write<C>(&mut self, info: &CellInfo<'_>, chosen: &[&Entry<C>], samples: &[Vec<Sample>]) -> Result<(), String> {
        if chosen.is_empty() {
            return Ok(());
        }
        let reference = chosen.iter().position(|e| e.name == info.reference);
        for (m, metric) in info.metrics.iter().enumerate() {
            let best = best_of(samples, m, metric.higher_is_better);
            eprintln!(
                "{:4} s  {:4} {} {}: best {} {} {}",
                self.since.elapsed().as_secs(),
                info.workload,
                info.parameters,
                metric.name,
                chosen[best.0].name,
                figure(best.1),
                metric.unit
            );
            for (entry, of_peer) in chosen.iter().zip(samples) {
                // A peer that lacks what is measured.
                if of_peer.iter().any(|s| s.values[m].is_nan()) {
                    continue;
                }
                let ratio_to = reference.map(|r| &samples[r]);
                self.writer.write(&row(info, *metric, m, entry, of_peer, ratio_to))?;
            }
        }
        self.writer.flush()
    }
}

fn what(info: &CellInfo<'_>, peer: &str) -> String {
    format!("`{peer}` in {} {}", info.workload, info.parameters)
}

/// In which order peers have a turn: each is first as often as the others, and each pair of neighbours comes in both
/// orders.
fn order(turn: usize, peers: usize) -> impl Iterator<Item = usize> {
    (0..peers).map(move |step| {
        let step = if turn.is_multiple_of(2) { step } else { peers - 1 - step };
        (turn / 2 + step) % peers
    })
}

fn folded(turns: &[Sample], folds: &[Fold]) -> Sample {
    let fold = |(metric, fold): (usize, &Fold)| fold(&values(turns, metric)).unwrap_or(f64::NAN);
    Sample { values: folds.iter().enumerate().map(fold).collect(), ..Sample::default() }
}

fn values(samples: &[Sample], metric: usize) -> Vec<f64> {
    samples.iter().map(|s| s.values[metric]).collect()
}

fn best_of(samples: &[Vec<Sample>], metric: usize, higher_is_better: bool) -> (usize, f64) {
    let sign = if higher_is_better { 1.0 } else { -1.0 };
    samples
        .iter()
        .enumerate()
        .filter_map(|(i, s)| Some((i, median(&values(s, metric)).filter(|m| !m.is_nan())?)))
        .max_by(|a, b| (sign * a.1).total_cmp(&(sign * b.1)))
        .expect("a cell has at least one peer")
}

fn row<C>(
    info: &CellInfo<'_>,
    metric: Metric,
    index: usize,
    entry: &Entry<C>,
    samples: &[Sample],
    reference: Option<&Vec<Sample>>,
) -> Row {
    let own = values(samples, index);
    let ratio = reference.and_then(|reference| {
        let per_round: Vec<f64> = own.iter().zip(values(reference, index)).map(|(a, b)| a / b).collect();
        // The reference may lack what is measured.
        median(&per_round).filter(|ratio| !ratio.is_nan())
    });
    let middle = |field: fn(&Sample) -> Option<f64>| {
        let present: Vec<f64> = samples.iter().filter_map(field).collect();
        median(&present)
    };
    Row {
        workload: info.workload.into(),
        parameters: info.parameters.clone(),
        metric: metric.name.into(),
        peer: entry.name.clone(),
        order: entry.order.to_string(),
        unit: metric.unit.into(),
        higher_is_better: metric.higher_is_better,
        median: median(&own).unwrap_or(f64::NAN),
        min: own.iter().copied().fold(f64::INFINITY, f64::min),
        max: own.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        ratio,
        reference: ratio.map(|_| info.reference.to_string()).unwrap_or_default(),
        rounds: samples.len(),
        jain: middle(|s| s.jain),
        longest_wait_us: middle(|s| s.longest_wait_us),
        share: middle(|s| s.share),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pair_of_neighbours_takes_turns_in_both_orders() {
        let turn = |turn| order(turn, 3).collect::<Vec<_>>();

        assert_eq!([turn(0), turn(1)], [[0, 1, 2], [2, 1, 0]]);
        assert_eq!([turn(2), turn(3)], [[1, 2, 0], [0, 2, 1]]);
    }

    #[test]
    fn turns_become_one_sample_with_a_fold_for_each_metric() {
        let turns = [[1.0, 10.0], [3.0, 30.0], [2.0, 20.0]].map(|v| Sample { values: v.to_vec(), ..Sample::default() });

        assert_eq!(folded(&turns, &[median, crate::stats::p99]).values, [2.0, 30.0]);
    }
}
