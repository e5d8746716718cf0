//! Processes in other PID namespaces, and process ids that are given away anew: nobody is known by its number.

use crate::actor::{Actor, Order};
use crate::look::{BOUND, DEADLINE, WHILE, stays_held, waiter, waiting};
use crate::place::{Directory, fresh};
use crate::sys;
use permits_conformance::wait::{Running, always, eventually};
use std::fs;
use std::time::{Duration, Instant};

/// An actor that goes on as the first process of a PID namespace of its own, where its process id is 1; and
/// its id here.
fn in_another_namespace(directory: &Directory) -> (Actor, u32) {
    let mut actor = Actor::start(directory);
    let pid = actor.forks_into_a_namespace();
    (actor, pid)
}

#[test]
fn a_holder_in_another_pid_namespace_is_alive() {
    if !permits_testbed::pid_namespaces() {
        return;
    }
    let (directory, semaphore) = fresh(1);
    let (mut holder, _) = in_another_namespace(&directory);

    holder.holds(1);

    assert!(stays_held(&semaphore));
}

#[test]
fn the_status_shows_a_foreign_pid_namespace() {
    if !permits_testbed::pid_namespaces() {
        return;
    }
    let (directory, semaphore) = fresh(1);
    let (mut holder, pid) = in_another_namespace(&directory);

    holder.holds(1);

    let status = semaphore.status().expect("it is sound");
    let who = &status.holders[0].who;
    let theirs = fs::read_link(format!("/proc/{pid}/ns/pid")).expect("it lives");
    let number = who.foreign_pid_namespace.expect("it is not ours");
    assert_eq!((who.pid, who.alive), (1, true));
    assert_eq!(theirs.to_string_lossy(), format!("pid:[{number}]"));
}

#[test]
fn a_child_forked_into_another_pid_namespace_tells_the_right_one() {
    if !permits_testbed::pid_namespaces() {
        return;
    }
    let (directory, semaphore) = fresh(2);
    let mut holder = Actor::start(&directory);
    // It knows its namespace before it is forked into another one.
    holder.holds(1);
    holder.forks_into_a_namespace();

    holder.holds(1);

    let status = semaphore.status().expect("it is sound");
    let child = status.holders.iter().find(|holder| holder.who.pid == 1).expect("it is the first of its namespace");
    assert!(child.who.foreign_pid_namespace.is_some());
}

#[test]
fn a_death_in_another_pid_namespace_is_noticed_within_250_ms() {
    if !permits_testbed::pid_namespaces() {
        return;
    }
    let mut took = Duration::MAX;
    // Once more, as the machine may have had no processor for us.
    for _ in 0..2 {
        let (directory, semaphore) = fresh(1);
        let (mut holder, pid) = in_another_namespace(&directory);
        holder.holds(1);
        let request = semaphore.acquire_owned();
        let mut waiter = Running::start(move || (request.wait(), Instant::now()));
        assert!(eventually(DEADLINE, || waiting(&semaphore) == 1), "it queues");

        let killed = Instant::now();
        sys::signal(pid, libc::SIGKILL);
        let (outcome, then) = waiter.outcome(DEADLINE).expect("it is granted");

        assert_eq!(outcome.expect("it is granted").count(), 1);
        took = then - killed;
        if took <= BOUND {
            return;
        }
    }
    panic!("it took {took:?}");
}

#[test]
fn a_dead_waiter_in_another_pid_namespace_is_passed_over_within_a_second() {
    if !permits_testbed::pid_namespaces() {
        return;
    }
    let mut took = Duration::MAX;
    // Once more, as the machine may have had no processor for us.
    for _ in 0..2 {
        let (directory, semaphore) = fresh(2);
        let _permit = semaphore.try_acquire_owned().expect("it is free");
        let (mut large, pid) = in_another_namespace(&directory);
        large.waits(2, &semaphore);
        let mut behind = waiter(&semaphore, 1);
        assert!(always(WHILE, || waiting(&semaphore) == 2), "it stands behind");

        let killed = Instant::now();
        sys::signal(pid, libc::SIGKILL);

        assert_eq!(behind.outcome(DEADLINE).expect("it is granted").expect("it is granted").count(), 1);
        took = killed.elapsed();
        if took <= Duration::from_secs(1) {
            return;
        }
    }
    panic!("it took {took:?}");
}

#[test]
fn a_process_id_that_another_process_has_now_keeps_no_permit() {
    if !permits_testbed::pid_namespaces() {
        return;
    }
    let (directory, _semaphore) = fresh(1);
    let (mut init, _) = in_another_namespace(&directory);

    let pids = init.asked(Order::ReusePid);

    let (holder, other) = pids.split_once(' ').expect("two numbers");
    assert_eq!(holder, other, "the number was given to another process");
    assert_eq!(init.asked(Order::Try(1)), "got 1");
}
