//! One client takes a permit and gives it back, with nobody in its way: against the two writes that this takes.

use std::cell::RefCell;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::thread;
use std::time::Instant;

use permits::blocking::block_on;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};

use super::client::{Calls, Client};
use super::cluster::Cluster;
use super::go::Go;
use super::metrics::{PAIR, PAIR_P99};
use super::ours;
use crate::engine::Order;
use crate::harness::{Bench, CellInfo, Entry, Sample};
use crate::stats::{median, p99};

pub const WRITES: &str = "floor: put and delete";

pub fn run(bench: &mut Bench) -> Result<(), String> {
    for nodes in [1, 3] {
        let cluster = Cluster::start(nodes)?;
        let endpoints = &cluster.endpoints;
        let mut entries = vec![
            timed("floor: two writes to disk", Order::None, disk()),
            writes(Client::connect(&endpoints[0])),
            in_a_transaction(Client::connect(&endpoints[0])),
            by_a_thread(&endpoints[0]),
            pairs(endpoints),
        ];
        entries.extend(Go::start(&format!("pair {}", endpoints[0])).map(go));
        let parameters = format!("nodes={nodes}");
        let info = CellInfo { workload: "m1", parameters, metrics: &[PAIR, PAIR_P99], reference: WRITES };
        bench.interleaved(&info, &entries, &(), bench.pick(400, 30), &[median, p99])?;
    }
    Ok(())
}

/// One turn of `pair`, in microseconds.
pub fn timed(name: &str, order: Order, pair: impl Fn() + 'static) -> Entry<()> {
    Entry::new(name, order, move |()| {
        let start = Instant::now();
        pair();
        let elapsed = start.elapsed().as_secs_f64() * 1e6;
        Sample { values: vec![elapsed; 2], ..Sample::default() }
    })
}

pub fn pairs(endpoints: &[String]) -> Entry<()> {
    let semaphore = ours::open(endpoints, "pair", 1);
    timed(ours::NAME, Order::Fifo, move || ours::pair(&semaphore))
}

pub fn writes(client: Client) -> Entry<()> {
    timed(WRITES, Order::None, move || {
        client.block_on(client.calls.put());
        client.block_on(client.calls.delete());
    })
}

fn in_a_transaction(client: Client) -> Entry<()> {
    timed("floor: in a transaction", Order::None, move || {
        client.block_on(client.calls.put_all(1));
        client.block_on(client.calls.delete());
    })
}

/// The same writes as `writes`, made by a thread that the caller waits for, as `permits-etcd` has one.
fn by_a_thread(endpoint: &str) -> Entry<()> {
    let (jobs, mut receiver) = mpsc::unbounded_channel::<(bool, oneshot::Sender<()>)>();
    let endpoint = endpoint.to_owned();
    thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
        runtime.block_on(async move {
            let calls = Calls::connect(&endpoint).await.expect("the server has answered before");
            while let Some((is_put, reply)) = receiver.recv().await {
                let done = if is_put { calls.put().await } else { calls.delete().await };
                done.expect("the server answers");
                _ = reply.send(());
            }
        });
    });
    timed("floor: by a thread", Order::None, move || {
        for is_put in [true, false] {
            let (reply, done) = oneshot::channel();
            jobs.send((is_put, reply)).expect("the thread is there");
            block_on(done).expect("the thread answers");
        }
    })
}

/// Two writes of a few hundred bytes that have reached the disk, each by itself: what etcd does for two of its own.
fn disk() -> impl Fn() + 'static {
    let path = std::env::temp_dir().join(format!("peers-{}", std::process::id()));
    let file = File::create(&path).expect("there is room for a file");
    // It goes when it is closed.
    std::fs::remove_file(&path).expect("it was made just now");
    let file = RefCell::new(file);
    move || {
        let mut file = file.borrow_mut();
        for _ in 0..2 {
            if file.stream_position().is_ok_and(|at| at > 1 << 20) {
                file.seek(SeekFrom::Start(0)).expect("a file can be rewound");
            }
            file.write_all(&[7; 400]).expect("there is room on the disk");
            file.sync_data().expect("the disk takes it");
        }
    }
}

fn go(go: Go) -> Entry<()> {
    Entry::new(Go::NAME, Order::Fifo, move |()| Sample { values: vec![go.us("pair"); 2], ..Sample::default() })
}
