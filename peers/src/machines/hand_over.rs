//! A permit goes from one connection to another that waits for it: from the call of release to the return of acquire,
//! beside one write.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use permits_etcd::{EtcdPermit, EtcdSemaphore};
use tokio::runtime::Builder;
use tokio_stream::wrappers::ReceiverStream;

use super::client::{Calls, Client};
use super::cluster::Cluster;
use super::go::Go;
use super::metrics::{HAND_OVER, HAND_OVER_P99};
use super::ours;
use super::stubs::event::EventType;
use super::stubs::watch_client::WatchClient;
use super::stubs::watch_request::RequestUnion;
use super::stubs::{WatchCreateRequest, WatchRequest};
use crate::engine::Order;
use crate::harness::{Bench, CellInfo, Entry, Metric, Sample};
use crate::stats::{median, p99};

const ABOVE: Metric = Metric { name: "above a write", unit: "us", higher_is_better: false };

const WRITE: &str = "floor: a delete";

/// How long something may take that must happen.
const DEADLINE: Duration = Duration::from_secs(30);

pub fn run(bench: &mut Bench) -> Result<(), String> {
    // Servers, for how long the next one has waited when it is served, and how many turns of it a round has.
    for (nodes, waited, turns) in [(1, 3, 50), (1, 150, 8), (3, 3, 50)] {
        let cluster = Cluster::start(nodes)?;
        let cell = Wait(Duration::from_millis(waited));
        let endpoint = &cluster.endpoints[0];
        let write = Rc::new(Client::connect(endpoint));
        let mut entries = vec![
            Entry::new(WRITE, Order::None, {
                let write = Rc::clone(&write);
                move |wait: &Wait| {
                    let us = delete(&write, wait);
                    Sample { values: vec![us, us, f64::NAN], ..Sample::default() }
                }
            }),
            event(endpoint, &write),
            permit(&cluster.endpoints, &write),
        ];
        entries.extend(Go::start(&format!("hand-over {endpoint}")).map(|go| {
            beside(Go::NAME, Order::Fifo, &write, move |wait| go.us(&format!("hand-over {}", wait.0.as_millis())))
        }));
        let info = CellInfo {
            workload: "m3",
            parameters: format!("nodes={nodes} waited={waited}ms"),
            metrics: &[HAND_OVER, HAND_OVER_P99, ABOVE],
            reference: WRITE,
        };
        bench.interleaved(&info, &entries, &cell, bench.pick(turns, 4), &[median, p99, median])?;
    }
    Ok(())
}

struct Wait(Duration);

impl Wait {
    fn sleep(&self) {
        thread::sleep(self.0);
    }
}

/// One write, in microseconds, after the same wait: what has slept is slower, client and server.
fn delete(client: &Client, wait: &Wait) -> f64 {
    client.block_on(client.calls.put());
    wait.sleep();
    let start = Instant::now();
    client.block_on(client.calls.delete());
    start.elapsed().as_secs_f64() * 1e6
}

/// A hand-over, which tells how many microseconds it took, with a write right before or right after it.
fn beside(name: &str, order: Order, write: &Rc<Client>, hand_over: impl Fn(&Wait) -> f64 + 'static) -> Entry<Wait> {
    let (write, is_first) = (Rc::clone(write), Cell::new(false));
    Entry::new(name, order, move |wait: &Wait| {
        is_first.set(!is_first.get());
        let before = is_first.get().then(|| delete(&write, wait));
        let us = hand_over(wait);
        let write = before.unwrap_or_else(|| delete(&write, wait));
        Sample { values: vec![us, us, us - write], ..Sample::default() }
    })
}

/// The least that a hand-over can be: a key is deleted, and another connection hears of it.
fn event(endpoint: &str, write: &Rc<Client>) -> Entry<Wait> {
    let client = Rc::clone(write);
    let heard = watch(endpoint, client.calls.key(0));
    beside("floor: its event elsewhere", Order::None, write, move |wait| {
        client.block_on(client.calls.put());
        wait.sleep();
        while heard.try_recv().is_ok() {}
        let start = Instant::now();
        client.block_on(client.calls.delete());
        let event = heard.recv_timeout(DEADLINE).expect("there is an event of each delete");
        (event - start).as_secs_f64() * 1e6
    })
}

/// When a thread with a connection of its own has heard of each deletion of a key.
fn watch(endpoint: &str, key: Vec<u8>) -> Receiver<Instant> {
    let (report, heard) = channel();
    let (ready, is_ready) = channel();
    let endpoint = endpoint.to_owned();
    thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
        runtime.block_on(async move {
            let calls = Calls::connect(&endpoint).await.expect("the server has answered before");
            let (requests, receiver) = tokio::sync::mpsc::channel(1);
            let create = WatchCreateRequest { key, ..WatchCreateRequest::default() };
            // In the stream before it is opened: etcd sends its headers with its first answer.
            let request = WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) };
            requests.try_send(request).expect("there is room for one");
            let stream = WatchClient::new(calls.channel).watch(ReceiverStream::new(receiver)).await;
            let mut stream = stream.expect("the server answers").into_inner();
            while let Ok(Some(answer)) = stream.message().await {
                let now = Instant::now();
                if answer.created {
                    _ = ready.send(());
                }
                for event in answer.events {
                    if event.r#type() == EventType::Delete {
                        // To none, after the last turn.
                        _ = report.send(now);
                    }
                }
            }
            drop(requests);
        });
    });
    is_ready.recv_timeout(DEADLINE).expect("the server answers");
    heard
}

/// A connection whose thread acquires when it is told to.
struct Side {
    asks: Sender<()>,
    had: Receiver<(Instant, EtcdPermit)>,
}

impl Side {
    fn new(semaphore: EtcdSemaphore) -> Self {
        let (asks, asked) = channel();
        let (report, had) = channel();
        thread::spawn(move || {
            while asked.recv().is_ok() {
                let permit = semaphore.acquire().wait().expect("it is granted");
                // To none, after the last turn.
                _ = report.send((Instant::now(), permit));
            }
        });
        Self { asks, had }
    }

    fn ask(&self) {
        self.asks.send(()).expect("the thread is there");
    }

    fn had(&self) -> (Instant, EtcdPermit) {
        self.had.recv_timeout(DEADLINE).expect("the permit is free")
    }
}

fn permit(endpoints: &[String], write: &Rc<Client>) -> Entry<Wait> {
    let semaphore = || ours::open(endpoints, "hand-over", 1);
    let (sides, looker) = ([Side::new(semaphore()), Side::new(semaphore())], semaphore());
    sides[0].ask();
    let held = RefCell::new(Some(sides[0].had().1));
    let next = Cell::new(1);
    beside(ours::NAME, Order::Fifo, write, move |wait| {
        let side = &sides[next.replace(1 - next.get())];
        side.ask();
        let end = Instant::now() + DEADLINE;
        while looker.state().wait().expect("the server answers").waiting_acquirers == 0 {
            assert!(Instant::now() < end, "the other side waits");
        }
        wait.sleep();
        let permit = held.take().expect("one side holds it");
        let start = Instant::now();
        permit.release().wait().expect("it was held");
        let (had, permit) = side.had();
        held.replace(Some(permit));
        (had - start).as_secs_f64() * 1e6
    })
}
