//! Releases that wait for what they return.

use crate::{Guarded, assert_idle, check_policies};
use loom::cell::UnsafeCell;
use loom::future::block_on;
use loom::thread;
use std::sync::Arc;

#[test]
fn a_release_waits_for_its_acquire_and_sees_what_came_before() {
    check_policies(3, |new| {
        let shared = Arc::new((new(1), Guarded(UnsafeCell::new(0))));
        let giver = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                shared.0.release().wait().unwrap();
                shared.1.add_one();
            })
        };
        shared.1.add_one();
        shared.0.acquire().loose().wait().unwrap();
        giver.join().unwrap();
        assert_idle(&shared.0);
    });
}

#[test]
fn a_releasing_task_waits_for_its_acquire_and_sees_what_came_before() {
    check_policies(3, |new| {
        let shared = Arc::new((new(1), Guarded(UnsafeCell::new(0))));
        let giver = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                block_on(shared.0.release()).unwrap();
                shared.1.add_one();
            })
        };
        shared.1.add_one();
        block_on(shared.0.acquire()).unwrap().forget();
        giver.join().unwrap();
        assert_idle(&shared.0);
    });
}

#[test]
fn taker_and_giver_go_to_and_fro() {
    check_policies(2, |new| {
        let sem = Arc::new(new(1));
        let giver = {
            let sem = Arc::clone(&sem);
            thread::spawn(move || {
                for _ in 0..2 {
                    sem.release().wait().unwrap();
                }
            })
        };
        for _ in 0..2 {
            sem.acquire().wait().unwrap().forget();
        }
        giver.join().unwrap();
        assert_idle(&sem);
    });
}

#[test]
fn a_forget_lets_a_release_through() {
    check_policies(3, |new| {
        let sem = Arc::new(new(1));
        let permit = sem.acquire_owned().wait().unwrap();
        let giver = {
            let sem = Arc::clone(&sem);
            thread::spawn(move || sem.release().wait().unwrap())
        };
        permit.forget();
        giver.join().unwrap();
        assert_idle(&sem);
    });
}
