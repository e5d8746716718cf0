//! One client asks for many permits at once, by a request each: they go to etcd together.

use std::time::Instant;

use super::client::Client;
use super::cluster::Cluster;
use super::ours;
use crate::engine::Order;
use crate::harness::{Bench, CellInfo, Entry, Metric, Sample};
use crate::stats::median;

const RATE: Metric = Metric { name: "pairs", unit: "pairs/s", higher_is_better: true };

const MOST: usize = 32;

pub fn run(bench: &mut Bench) -> Result<(), String> {
    let cluster = Cluster::start(1)?;
    let name = |at_once: usize| format!("{} {at_once} at once", ours::NAME);
    let reference = name(1);
    let mut entries: Vec<Entry<()>> = [1, 8, MOST].map(|at_once| requests(name(at_once), &cluster, at_once)).into();
    entries.push(one_request(&cluster));
    entries.push(transactions(Client::connect(&cluster.endpoints[0])));
    let info = CellInfo {
        workload: "m2",
        parameters: format!("nodes=1 permits={MOST}"),
        metrics: &[RATE],
        reference: &reference,
    };
    bench.interleaved(&info, &entries, &(), bench.pick(150, 20), &[median])
}

/// `run` takes and gives back `pairs` permits.
fn timed(name: String, order: Order, pairs: usize, run: impl Fn() + 'static) -> Entry<()> {
    Entry::new(name, order, move |()| {
        let start = Instant::now();
        run();
        Sample::of(pairs as f64 / start.elapsed().as_secs_f64())
    })
}

/// All are asked for, and then waited for; the same with giving back.
fn requests(name: String, cluster: &Cluster, at_once: usize) -> Entry<()> {
    let semaphore = ours::open(&cluster.endpoints, "requests", MOST as u32);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime can be made");
    timed(name, Order::Fifo, at_once, move || {
        runtime.block_on(async {
            let asked = (0..at_once).map(|_| tokio::spawn(semaphore.acquire().into_future())).collect::<Vec<_>>();
            let mut permits = Vec::with_capacity(at_once);
            for asked in asked {
                permits.push(asked.await.expect("it does not panic").expect("it is granted"));
            }
            let given = permits.into_iter().map(|permit| tokio::spawn(permit.release())).collect::<Vec<_>>();
            for given in given {
                given.await.expect("it does not panic").expect("it was held");
            }
        });
    })
}

fn one_request(cluster: &Cluster) -> Entry<()> {
    let semaphore = ours::open(&cluster.endpoints, "one request", MOST as u32);
    timed(format!("{} one request for {MOST}", ours::NAME), Order::Fifo, MOST, move || {
        let permits = semaphore.acquire_many(MOST as u32).wait().expect("it is granted");
        permits.release().wait().expect("they were held");
    })
}

fn transactions(client: Client) -> Entry<()> {
    timed(format!("floor: transactions of {MOST}"), Order::None, MOST, move || {
        client.block_on(client.calls.put_all(MOST));
        client.block_on(client.calls.delete_all(MOST));
    })
}
