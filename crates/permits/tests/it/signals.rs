//! Signals reach a thread that waits, and end no wait early (C11): see `signal(7)`, on calls that are interrupted,
//! <https://man7.org/linux/man-pages/man7/signal.7.html>.
#![allow(unsafe_code, reason = "the standard library cannot send a signal to a thread")]

use crate::{DEADLINE, both_policies, counts, queued};
use permits::{AcquireTimeoutError, ReleaseTimeoutError};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

static CAUGHT: AtomicU32 = AtomicU32::new(0);

extern "C" fn count(_signal: libc::c_int) {
    CAUGHT.fetch_add(1, Ordering::SeqCst);
}

/// Without `SA_RESTART`: system calls that were interrupted return to the caller.
fn catch(signal: libc::c_int) {
    // SAFETY: all zeros is a valid `sigaction`, with no flags and an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = count as extern "C" fn(libc::c_int) as libc::sighandler_t;
    // SAFETY: the handler does nothing but add to an atomic, which any signal handler may.
    let outcome = unsafe { libc::sigaction(signal, &action, std::ptr::null_mut()) };
    assert_eq!(outcome, 0);
}

/// Does something in a thread that gets a signal every millisecond; also tells how long it took.
fn disturbed<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> (T, Duration) {
    catch(libc::SIGUSR1);
    let ((tell_handle, handle), (tell_outcome, outcome)) = (channel(), channel());
    let (leave, may_leave) = channel::<()>();
    let thread = thread::spawn(move || {
        // SAFETY: it has no preconditions.
        tell_handle.send(unsafe { libc::pthread_self() }).expect("the test waits for it");
        let start = Instant::now();
        let outcome = act();
        tell_outcome.send((outcome, start.elapsed())).expect("the test waits for it");
        // Ends by an error, when the other end is dropped.
        _ = may_leave.recv();
    });
    let target = handle.recv().expect("it is the first thing that it tells");
    let start = Instant::now();
    loop {
        match outcome.recv_timeout(Duration::from_millis(1)) {
            Ok(outcome) => {
                drop(leave);
                thread.join().expect("it has done what it had to");
                return outcome;
            }
            Err(_) => assert!(start.elapsed() < DEADLINE, "the wait does not end"),
        }
        // SAFETY: the thread does not end before `leave` is dropped.
        unsafe { libc::pthread_kill(target, libc::SIGUSR1) };
    }
}

#[test]
fn signals_shorten_no_wait() {
    const TIME: Duration = Duration::from_millis(100);
    for sem in both_policies(1) {
        let sem = Arc::new(sem);
        let held = sem.try_acquire_owned().unwrap();
        let before = CAUGHT.load(Ordering::SeqCst);

        let (taking, giving) = (Arc::clone(&sem), Arc::clone(&sem));
        let (acquire, first) = disturbed(move || taking.acquire_owned().wait_timeout(TIME));
        let (release, second) = disturbed(move || giving.release().wait_timeout(TIME));

        assert!(matches!(acquire, Err(AcquireTimeoutError::TimedOut(_))));
        assert!(matches!(release, Err(ReleaseTimeoutError::TimedOut(_))));
        assert!(first >= TIME && second >= TIME, "waits of {TIME:?} took {first:?} and {second:?}");
        assert!(CAUGHT.load(Ordering::SeqCst) > before, "no signal was caught");
        assert_eq!((counts(&sem), queued(&sem)), ((0, 1, 0), (0, 0)));
        drop(held);
    }
}

#[test]
fn signals_keep_nobody_from_being_served() {
    for sem in both_policies(1) {
        let sem = Arc::new(sem);
        let theirs = Arc::clone(&sem);
        // The pauses are no waits for a state: they leave the other one time to sleep, and to be disturbed in
        // its sleep.
        let giver = thread::spawn(move || {
            for _ in 0..20 {
                thread::sleep(Duration::from_millis(2));
                theirs.release().wait().unwrap();
            }
        });

        let taking = Arc::clone(&sem);
        let (outcome, _) = disturbed(move || (0..20).try_for_each(|_| taking.acquire().loose().wait()));

        assert_eq!(outcome, Ok(()));
        giver.join().unwrap();
        assert_eq!(counts(&sem), (1, 0, 0));
    }
}
