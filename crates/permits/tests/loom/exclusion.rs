//! One permit and several that want it: threads, tasks, and threads that poll.

use crate::{Guarded, assert_idle, check_policies, join};
use loom::cell::UnsafeCell;
use loom::future::block_on;
use loom::thread;
use permits::{Handle, Kind, Request};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

#[test]
fn one_permit_excludes_and_publishes() {
    check_policies(2, |new| {
        let shared = Arc::new((new(1), Guarded(UnsafeCell::new(0))));
        let threads = [(); 2].map(|()| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let _permit = shared.0.acquire().wait().unwrap();
                shared.1.add_one();
            })
        });
        let permit = shared.0.acquire().wait().unwrap();
        shared.1.add_one();
        drop(permit);
        join(threads);
        assert_idle(&shared.0);
    });
}

#[test]
fn one_permit_excludes_tasks_and_threads_alike() {
    check_policies(2, |new| {
        let shared = Arc::new((new(1), Guarded(UnsafeCell::new(0))));
        let task = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                block_on(async {
                    let _permit = shared.0.acquire().await.unwrap();
                    shared.1.add_one();
                });
            })
        };
        let thread = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let _permit = shared.0.acquire().wait().unwrap();
                shared.1.add_one();
            })
        };
        let permit = shared.0.acquire().wait().unwrap();
        shared.1.add_one();
        drop(permit);
        task.join().unwrap();
        thread.join().unwrap();
        assert_idle(&shared.0);
    });
}

/// Waits as a thread that polls, and sleeps by itself.
fn wait_by_polls<H: Handle, K: Kind>(request: Request<H, K>) -> Result<K::Output<H>, K::Error> {
    let mut request = pin!(request);
    block_on(poll_fn(|context| request.as_mut().poll_passing(context)))
}

#[test]
fn one_permit_excludes_polling_threads_and_threads_alike() {
    check_policies(2, |new| {
        let shared = Arc::new((new(1), Guarded(UnsafeCell::new(0))));
        let poller = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let _permit = wait_by_polls(shared.0.acquire()).unwrap();
                shared.1.add_one();
            })
        };
        let thread = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let _permit = shared.0.acquire().wait().unwrap();
                shared.1.add_one();
            })
        };
        let permit = wait_by_polls(shared.0.acquire()).unwrap();
        shared.1.add_one();
        drop(permit);
        poller.join().unwrap();
        thread.join().unwrap();
        assert_idle(&shared.0);
    });
}

#[test]
fn a_polling_thread_that_gives_up_makes_way_woken_or_not() {
    check_policies(3, |new| {
        let sem = Arc::new(new(1));
        let permit = sem.try_acquire_owned().unwrap();
        let mut first = Box::pin(sem.acquire_owned());
        assert!(first.as_mut().poll_passing(&mut Context::from_waker(Waker::noop())).is_pending());
        let second = {
            let sem = Arc::clone(&sem);
            thread::spawn(move || drop(sem.acquire().wait().unwrap()))
        };
        let giver = thread::spawn(move || drop(permit));
        drop(first);
        join([second, giver]);
        assert_idle(&sem);
    });
}

#[test]
fn a_polling_thread_takes_what_is_there_when_its_time_is_over() {
    check_policies(3, |new| {
        let sem = Arc::new(new(1));
        let permit = sem.try_acquire_owned().unwrap();
        let giver = thread::spawn(move || drop(permit));
        let mut request = Box::pin(sem.acquire_owned());
        let mut poll = || request.as_mut().poll_passing(&mut Context::from_waker(Waker::noop()));
        let at_once = poll().is_ready();
        giver.join().unwrap();
        assert!(at_once || poll().is_ready());
        drop(request);
        assert_idle(&sem);
    });
}
