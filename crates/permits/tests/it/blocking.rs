//! Blocking a thread on a future that something else drives.

use permits::blocking::{block_on, block_on_until};
use permits::{AcquireError, Semaphore};
use std::future::{pending, poll_fn, ready};
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn future_that_another_thread_completes_is_waited_for() {
    let sem = Arc::new(Semaphore::new(1));
    let held = sem.try_acquire_owned().unwrap();
    let other = Arc::clone(&sem);
    let giver = thread::spawn(move || {
        while other.waiting_acquirers() == 0 {
            thread::yield_now();
        }
        drop(held);
    });

    let permit = block_on(async { sem.acquire().await });

    assert_eq!(permit.map(|permit| permit.count()), Ok::<_, AcquireError>(1));
    giver.join().unwrap();
}

#[test]
fn future_that_is_ready_wins_over_a_deadline_in_the_past() {
    let past = Instant::now();

    assert_eq!(block_on_until(ready(7), Some(past)), Some(7));
    assert_eq!(block_on_until(pending::<u32>(), Some(past)), None);
}

#[test]
fn wait_does_not_end_before_its_deadline() {
    let time = Duration::from_millis(20);
    let start = Instant::now();

    assert_eq!(block_on_until(pending::<()>(), Some(start + time)), None);

    assert!(start.elapsed() >= time);
}

#[test]
fn wake_during_the_poll_is_not_lost() {
    let mut polls = 0;

    let polls = block_on(poll_fn(|context| {
        polls += 1;
        if polls == 3 {
            return Poll::Ready(polls);
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }));

    assert_eq!(polls, 3);
}

#[test]
fn unpark_that_was_meant_for_the_caller_is_left_to_it() {
    thread::current().unpark();
    let mut waker: Option<Waker> = None;
    let mut helper = None;

    block_on(poll_fn(|context| {
        if helper.is_some() {
            return Poll::Ready(());
        }
        waker = Some(context.waker().clone());
        let waker = waker.take().expect("it was put there a line above");
        helper = Some(thread::spawn(move || waker.wake()));
        Poll::Pending
    }));
    helper.take().expect("the first poll started it").join().unwrap();

    // The token is still there: parking returns at once. Without it this test would sleep until its limit, and fail.
    let start = Instant::now();
    thread::park_timeout(Duration::from_secs(20));
    assert!(start.elapsed() < Duration::from_secs(10));
}
