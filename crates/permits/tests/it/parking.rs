//! A thread has one park token, which is the program's as well: a wait neither ends by it nor takes it away.

use crate::{DEADLINE, both_policies, until};
use permits::Semaphore;
use permits_conformance::wait::{Running, always};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// Is there a token? Without one this sleeps until its limit.
fn has_token() -> bool {
    let start = Instant::now();
    thread::park_timeout(Duration::from_secs(20));
    start.elapsed() < Duration::from_secs(10)
}

#[test]
fn unpark_before_a_wait_that_times_out_is_left_to_the_program() {
    for sem in both_policies(1) {
        let mut sleeper = Running::start(move || {
            let _held = sem.try_acquire().unwrap();
            thread::current().unpark();

            let (acquire, time) = (sem.acquire(), Duration::from_millis(5));
            let start = Instant::now();
            assert!(acquire.wait_timeout(time).is_err() && start.elapsed() >= time);

            has_token()
        });
        assert_eq!(sleeper.outcome(DEADLINE), Some(true));
    }
}

#[test]
fn unpark_during_a_wait_is_left_to_the_program_however_the_wait_ends() {
    type End = (&'static str, fn(&Semaphore));
    let ends: [End; 3] = [
        ("it is granted", |sem| sem.grow(2).unwrap()),
        ("it is closed", Semaphore::close),
        ("it is refused", |sem| sem.shrink(1).unwrap()),
    ];
    for (name, end) in ends {
        for timed in [false, true] {
            for sem in both_policies(2).map(Arc::new) {
                let held = sem.try_acquire_many(2).unwrap();
                let theirs = Arc::clone(&sem);
                let mut sleeper = Running::start(move || {
                    _ = match timed {
                        false => theirs.acquire_many(2).wait().is_ok(),
                        true => theirs.acquire_many(2).wait_timeout(DEADLINE).is_ok(),
                    };
                    has_token()
                });
                until(&sem, |state| state.waiting_acquirers == 1);
                sleeper.thread().unpark();
                // Most likely the thread has consumed it by then; the test is right in either case.
                assert!(always(Duration::from_millis(2), || sem.waiting_acquirers() == 1));

                end(&sem);

                assert_eq!(sleeper.outcome(DEADLINE), Some(true), "{name}, timed: {timed}");
                drop(held);
            }
        }
    }
}
