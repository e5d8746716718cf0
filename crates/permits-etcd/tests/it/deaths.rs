//! How soon the permits of the dead come back, and what becomes of a holder that was stopped.

use crate::actor::{Actor, Order, TTL};
use crate::cluster;
use crate::scene::DEADLINE;
use permits_conformance::wait::{Polled, eventually};
use permits_etcd::{Etcd, EtcdSemaphore};
use std::time::{Duration, Instant};

/// What a server takes to notice, once a lease has ended.
const NOTICE: Duration = Duration::from_millis(500);

/// What a busy machine may take for a round trip.
const SLACK: Duration = Duration::from_millis(1500);

fn open(name: &str, max: u32) -> Option<(Vec<String>, EtcdSemaphore)> {
    let endpoints = cluster::endpoints()?;
    let etcd = Etcd::connect(&endpoints).expect("the options are good");
    Some((endpoints, etcd.open(name, max).wait().expect("a server is there")))
}

#[test]
#[expect(clippy::print_stdout, reason = "a figure")]
fn permits_of_a_killed_holder_come_back_when_its_lease_ends() {
    let Some((endpoints, semaphore)) = open("deaths", 2) else { return };
    let mut slowest = Duration::ZERO;
    for n in [1, 2, 2, 1] {
        let mut holder = Actor::start(&endpoints, "deaths");
        holder.does(Order::Hold(n));
        let mut waiter = Polled::new(semaphore.acquire_many(2).into_future());
        assert!(waiter.poll().is_pending());
        assert!(eventually(DEADLINE, || semaphore.state().wait().is_ok_and(|state| state.waiting_acquirers == 1)));
        let killed = Instant::now();

        holder.kill();

        let permit = waiter.outcome(DEADLINE).expect("they come back").expect("they are enough");
        slowest = slowest.max(killed.elapsed());
        drop(permit);
    }
    println!("permits back after {slowest:?} at most");
    assert!(slowest <= TTL + NOTICE + SLACK, "{slowest:?}");
}

/// A place in the middle of the queue, and one at its head, for more than is free.
#[test]
fn dead_waiters_stop_no_queue() {
    let Some((endpoints, semaphore)) = open("deaths/waiters", 3) else { return };
    let held = semaphore.acquire_many(2).wait_timeout(DEADLINE).expect("they are free");
    let waiting = |count| {
        let is_so = || semaphore.state().wait().is_ok_and(|state| state.waiting_acquirers == count);
        assert!(eventually(DEADLINE, is_so), "{count} wait: {:?}", semaphore.state().wait());
    };
    let mut head = Actor::start(&endpoints, "deaths/waiters");
    head.told(Order::Ask(3));
    waiting(1);
    let mut first = Polled::new(semaphore.acquire().into_future());
    assert!(first.poll().is_pending());
    waiting(2);
    let mut middle = Actor::start(&endpoints, "deaths/waiters");
    middle.told(Order::Ask(2));
    waiting(3);
    let mut last = Polled::new(semaphore.acquire().into_future());
    assert!(last.poll().is_pending());
    waiting(4);

    head.kill();
    middle.kill();

    let first = first.outcome(DEADLINE).expect("the head is dead").expect("one is free");
    assert!(last.poll_if_woken().is_pending(), "all are held");
    drop(held);
    let last = last.outcome(DEADLINE).expect("none is before it").expect("two are free");
    assert!(first.token() < last.token());
}

/// It goes on after its lease has ended, and is told so at its first look.
#[test]
fn holder_that_was_stopped_has_lost_its_permits() {
    let Some((endpoints, semaphore)) = open("deaths/stopped", 1) else { return };
    let mut holder = Actor::start(&endpoints, "deaths/stopped");
    holder.does(Order::Hold(1));
    holder.stop();
    let permit = semaphore.acquire().wait_timeout(DEADLINE).expect("the lease of a stopped holder ends");

    holder.resume();
    holder.told(Order::Release);

    assert_eq!(holder.answers.recv_timeout(DEADLINE).as_deref(), Ok("Lost"));
    assert!(!permit.is_lost());
    permit.release().wait().expect("it is held");
}
