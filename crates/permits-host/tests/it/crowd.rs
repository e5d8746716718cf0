//! Many who wait: they are served in their order (C8), and each grant wakes a few, not all.

use crate::actor::{self, Order};
use crate::handles::alone;
use crate::look::{DEADLINE, switches_of, waiting};
use crate::place::fresh;
use permits_conformance::wait::{Polled, Running, eventually};
use permits_host::HostSemaphore;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::process::{Child, Stdio};
use std::sync::{Arc, Barrier, Mutex};

/// Few, as processes have one or two: signals that wake the watch of one handle stir those of all handles of
/// a process inside the kernel (`signalfd`), so with fifty in one process it is some thirty switches a grant.
const HANDLES: usize = 5;
const WAITERS: usize = 1200;
/// Every so many of them is a thread, the others are tasks.
const THREAD_EVERY: usize = 6;
const PROCESSES: usize = 1000;

#[test]
fn tasks_and_threads_of_many_handles_are_served_in_order_without_a_storm() {
    let answer = alone(Order::ServeACrowd);

    let per_grant: f64 = answer.parse().expect("it is a number");
    println!("{per_grant} voluntary switches a grant");
    // One or two bells and watches, and whoever is granted; a storm would be tens or hundreds.
    assert!(per_grant < 12.0, "{per_grant} switches a grant");
}

/// In a process of its own: serves a crowd, and says how often threads went to sleep for each grant.
pub(crate) fn serve(semaphore: &HostSemaphore) -> String {
    let directory = semaphore.path().parent().expect("a file is in a directory");
    let open = || HostSemaphore::options().directory(directory).open_existing(semaphore.name()).expect("it is there");
    let handles = (0..HANDLES).map(|_| open()).collect::<Vec<_>>();
    let permit = semaphore.try_acquire_owned().expect("it is free");
    let served = Arc::new(Mutex::new(Vec::new()));
    // Threads stay until all is counted.
    let end = Arc::new(Barrier::new(WAITERS / THREAD_EVERY + 1));
    let (mut tasks, mut threads) = (Vec::new(), Vec::new());
    for number in 0..WAITERS {
        let request = handles[number % HANDLES].acquire_owned();
        if !number.is_multiple_of(THREAD_EVERY) {
            let mut task = Polled::new(request);
            assert!(task.poll().is_pending());
            tasks.push((number, task));
            continue;
        }
        let (served, end) = (Arc::clone(&served), Arc::clone(&end));
        threads.push(Running::start(move || {
            let permit = request.wait().expect("it is granted");
            served.lock().expect("nobody panics").push(number);
            drop(permit);
            end.wait();
        }));
        let all = u32::try_from(number + 1).expect("they are few");
        assert!(eventually(DEADLINE, || semaphore.state().is_ok_and(|state| state.waiting_acquirers == all)));
    }

    let before = switches_of("self");
    drop(permit);
    for (number, mut task) in tasks {
        let permit = task.outcome(DEADLINE).expect("it is granted in its turn").expect("it is granted");
        served.lock().expect("nobody panics").push(number);
        drop(permit);
    }
    assert!(eventually(DEADLINE, || served.lock().expect("nobody panics").len() == WAITERS));
    let switched = switches_of("self") - before;
    end.wait();
    threads.iter_mut().for_each(|thread| thread.outcome(DEADLINE).expect("it ends"));

    assert!(served.lock().expect("nobody panics").iter().copied().eq(0..WAITERS), "first come, first served");
    (switched as f64 / WAITERS as f64).to_string()
}

/// Processes, which are killed and reaped when this is dropped.
struct Processes(Vec<Child>);

impl Drop for Processes {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // It may have ended.
            let _ = child.kill();
        }
        for child in &mut self.0 {
            let _ = child.wait();
        }
    }
}

/// In a process of its own: waits, signs a list, and ends.
pub(crate) fn wait_in_line(semaphore: &HostSemaphore) -> String {
    let permit = semaphore.acquire_owned().wait().expect("it is granted");
    let path = semaphore.path().with_extension("served");
    let mut list = OpenOptions::new().append(true).open(path).expect("there is a list");
    writeln!(list, "{}", std::process::id()).expect("it is written");
    drop(permit);
    "served".into()
}

#[test]
fn a_thousand_processes_are_served_in_order() {
    let (directory, semaphore) = fresh(1);
    let permit = semaphore.try_acquire_owned().expect("it is free");
    let list = semaphore.path().with_extension("served");
    File::create(&list).expect("it can be made");
    let mut processes = Processes(Vec::new());
    for number in 1..=PROCESSES {
        let mut command = actor::process(directory.path(), Some(Order::WaitInLine));
        command.stdin(Stdio::null()).stdout(Stdio::null());
        processes.0.push(command.spawn().expect("a test binary can be started"));
        assert!(eventually(DEADLINE, || waiting(&semaphore) as usize == number), "the {number}th queues");
    }

    drop(permit);

    let served = || std::fs::read_to_string(&list).expect("it is there");
    assert!(eventually(DEADLINE * 2, || served().lines().count() == PROCESSES), "all are served");
    let order = processes.0.iter().map(|child| child.id().to_string()).collect::<Vec<_>>();
    assert!(served().lines().eq(order.iter()), "first come, first served");
    assert!(eventually(DEADLINE, || semaphore.state().is_ok_and(|state| state.available_permits == 1)));
}
