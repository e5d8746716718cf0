//! Models of the interleavings that matter: loom runs each of them through every schedule and every value
//! that a weak memory may show, within the bound on preemptions that is named. Run them with
//! `RUSTFLAGS="--cfg permits_loom" cargo test --release -p permits --test loom`.
//!
//! A model that hangs in some schedule fails as a deadlock, so "it ends" is an assertion here. Time stands
//! still in a model, but that a sleep with a deadline may end at any moment.
#![cfg(permits_loom)]

#[path = "loom/cancel.rs"]
mod cancel;
#[path = "loom/close.rs"]
mod close;
#[path = "loom/exclusion.rs"]
mod exclusion;
#[path = "loom/handing_over.rs"]
mod handing_over;
#[path = "loom/lease.rs"]
mod lease;
#[path = "loom/release.rs"]
mod release;
#[path = "loom/resize.rs"]
mod resize;
#[path = "loom/serving.rs"]
mod serving;
#[path = "loom/wakers.rs"]
mod wakers;

use loom::cell::UnsafeCell;
use loom::model::Builder;
use loom::thread;
use permits::Semaphore;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

const SOON: Duration = Duration::from_millis(1);

/// Runs a model. Two or three preemptions find what there is to find in models of this size; more take hours.
fn check(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

/// Both policies; the bound is small so that it is reached.
fn policies() -> [fn(u32) -> Semaphore; 2] {
    [|max| Semaphore::fair(max), |max| Semaphore::with_overtaking(max, 1)]
}

fn check_policies(preemptions: usize, model: fn(fn(u32) -> Semaphore)) {
    for policy in policies() {
        check(preemptions, move || model(policy));
    }
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn join(threads: [thread::JoinHandle<()>; 2]) {
    for thread in threads {
        thread.join().unwrap();
    }
}

/// Everything is back, and nobody waits.
fn assert_idle(sem: &Semaphore) {
    let state = sem.state();
    assert_eq!(state.available_permits, state.max_permits, "{state}");
    assert_eq!((state.loose, state.waiting_acquirers, state.waiting_releasers), (0, 0, 0), "{state}");
}

/// A cell that loom lets nobody touch while somebody else does.
struct Guarded(UnsafeCell<u32>);

// SAFETY: the semaphore under test is what makes it true; loom checks it.
#[allow(unsafe_code, reason = "the shared cell whose protection is being tested")]
unsafe impl Sync for Guarded {}

impl Guarded {
    #[allow(unsafe_code, reason = "as above")]
    fn add_one(&self) {
        self.0.with_mut(|value| {
            // SAFETY: loom reports any access that is not ordered with this one.
            unsafe { *value += 1 }
        });
    }
}
