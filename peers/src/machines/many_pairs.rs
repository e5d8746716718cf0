//! A hundred thousand pairs, one after the other: whether they grow slower as the history of the server grows.

use super::client::Client;
use super::cluster::Cluster;
use super::metrics::{PAIR, PAIR_P99};
use super::ours;
use super::pair::{WRITES, pairs, writes};
use crate::harness::{Bench, CellInfo, Entry, Metric, Sample};
use crate::stats::{median, p99};

const GROWTH: Metric =
    Metric { name: "p99 of the last tenth by that of the first", unit: "times", higher_is_better: false };

const TENTHS: usize = 10;

/// As many pairs as the program is sure to end within its limit for one run.
const AT_ONCE: usize = 500;

pub fn run(bench: &mut Bench) -> Result<(), String> {
    let cluster = Cluster::start(1)?;
    let all = bench.pick(100_000, 1_000);
    let (of_tenth, at_once) = (all / TENTHS, AT_ONCE.min(all / TENTHS));
    let peers = [pairs(&cluster.endpoints), writes(Client::connect(&cluster.endpoints[0]))];
    // What the peers have taken in each tenth.
    let mut tenths: [Vec<Vec<f64>>; 2] = [Vec::new(), Vec::new()];
    for tenth in 1..=TENTHS {
        // The floor beside it, at both ends: so the machine's own change is told from the server's.
        let is_end = tenth == 1 || tenth == TENTHS;
        let mut taken = [Vec::with_capacity(of_tenth), Vec::new()];
        while taken[0].len() < of_tenth {
            bench.watch(&format!("m5 tenth={tenth}"), || {
                for _ in 0..at_once {
                    for (peer, taken) in peers.iter().zip(&mut taken).take(if is_end { 2 } else { 1 }) {
                        taken.push((peer.run)(&()).values[0]);
                    }
                }
            });
        }
        let given = |peer: usize| {
            let figures = [median(&taken[peer]), p99(&taken[peer])].map(|v| v.unwrap_or(f64::NAN));
            Sample { values: figures.to_vec(), ..Sample::default() }
        };
        let entries = recorded(&peers, [given(0), given(1)]);
        let parameters = format!("nodes=1 pairs={all} tenth={tenth}");
        let info = CellInfo { workload: "m5", parameters, metrics: &[PAIR, PAIR_P99], reference: WRITES };
        bench.once(&info, &entries, &())?;
        for (tenths, taken) in tenths.iter_mut().zip(taken) {
            tenths.push(taken);
        }
    }
    let growth = |of: &[Vec<f64>]| p99(&of[TENTHS - 1]).zip(p99(&of[0])).map_or(f64::NAN, |(last, first)| last / first);
    let entries = recorded(&peers, tenths.each_ref().map(|of| Sample::of(growth(of))));
    let parameters = format!("nodes=1 pairs={all}");
    let info = CellInfo { workload: "m5", parameters, metrics: &[GROWTH], reference: ours::NAME };
    bench.once(&info, &entries, &())
}

/// What was measured already, as peers that say it.
fn recorded(peers: &[Entry<()>; 2], samples: [Sample; 2]) -> Vec<Entry<()>> {
    let both = peers.iter().zip(samples);
    both.map(|(peer, sample)| Entry::new(peer.name.clone(), peer.order, move |()| sample.clone())).collect()
}
