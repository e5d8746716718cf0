//! The close of a semaphore, against all that goes on in it.

use crate::{SOON, assert_idle, check_policies, poll_once};
use loom::future::block_on;
use loom::thread;
use permits::{AcquireError, ReleaseError};
use std::pin::pin;
use std::sync::Arc;

#[test]
fn close_ends_every_wait_and_loses_nothing() {
    check_policies(2, |new| {
        let sem = Arc::new(new(1));
        let held = sem.acquire_owned().wait().unwrap();
        let acquirer = {
            let sem = Arc::clone(&sem);
            thread::spawn(move || match sem.acquire().wait() {
                Ok(permit) => drop(permit),
                Err(error) => assert_eq!(error, AcquireError::Closed),
            })
        };
        let releaser = {
            let sem = Arc::clone(&sem);
            thread::spawn(move || assert_eq!(block_on(sem.release()), Err(ReleaseError::Closed)))
        };
        let closer = {
            let sem = Arc::clone(&sem);
            thread::spawn(move || sem.close())
        };
        drop(held);
        acquirer.join().unwrap();
        releaser.join().unwrap();
        closer.join().unwrap();
        assert!(sem.is_closed());
        assert_idle(&sem);
    });
}

#[test]
fn what_is_loose_comes_back_through_a_close() {
    check_policies(3, |new| {
        let sem = Arc::new(new(1));
        sem.acquire().loose().wait().unwrap();
        let closer = {
            let sem = Arc::clone(&sem);
            thread::spawn(move || sem.close())
        };
        sem.release().wait().unwrap();
        closer.join().unwrap();
        assert_eq!(sem.release().wait(), Err(ReleaseError::Closed));
        assert_idle(&sem);
    });
}

#[test]
fn close_against_a_dropped_and_a_timed_wait() {
    check_policies(2, |new| {
        let sem = Arc::new(new(1));
        let held = sem.acquire_owned().wait().unwrap();
        let dropped = {
            let sem = Arc::clone(&sem);
            thread::spawn(move || {
                let mut request = pin!(sem.acquire());
                drop(poll_once(request.as_mut()));
            })
        };
        let timed = {
            let sem = Arc::clone(&sem);
            thread::spawn(move || drop(sem.acquire().wait_timeout(SOON)))
        };
        sem.close();
        drop(held);
        dropped.join().unwrap();
        timed.join().unwrap();
        assert_idle(&sem);
    });
}
