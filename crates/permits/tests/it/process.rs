//! What becomes of the process: nothing (C17). A test that counts threads needs a process to itself, so it
//! runs itself again.
#![cfg(target_os = "linux")]

use crate::{DEADLINE, both_policies};
use permits_conformance::wait::Polled;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

const ALONE: &str = "PERMITS_TEST_ALONE";

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").expect("the kernel lists them").count()
}

#[test]
fn library_starts_no_thread() {
    if std::env::var_os(ALONE).is_some() {
        return use_everything();
    }
    let program = std::env::current_exe().expect("a test is a program");
    let mut alone = Command::new(program);
    alone.args(["process::library_starts_no_thread", "--exact", "--nocapture"]).env(ALONE, "1");

    let output = alone.output().expect("a test can be run");

    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn use_everything() {
    let before = threads();
    // A thread that was joined may be listed for a moment longer.
    let there_are = |expected| crate::eventually(DEADLINE, || threads() == expected);
    for sem in both_policies(1) {
        let sem = Arc::new(sem);
        let held = sem.try_acquire_owned().unwrap();
        let mut tasks = [Polled::new(sem.acquire_owned()), Polled::new(sem.acquire_owned())];
        assert!(tasks.iter_mut().all(|task| task.poll().is_pending()));
        assert!(sem.acquire().wait_timeout(Duration::from_millis(5)).is_err());
        assert!(there_are(before));

        let other = Arc::clone(&sem);
        let waiting = thread::spawn(move || other.acquire().wait_timeout(DEADLINE).map(|permit| permit.count()));
        crate::until(&sem, |state| state.waiting_acquirers == 3);
        assert!(there_are(before + 1));

        drop(held);
        for task in &mut tasks {
            drop(task.outcome(DEADLINE));
        }
        assert_eq!(waiting.join().unwrap(), Ok(1));
        sem.grow(1).unwrap();
        sem.close();
    }
    assert!(there_are(before));
}
