//! One request waits in one place: what was polled cannot be blocked on.
use permits::Semaphore;
use std::future::Future;
use std::task::{Context, Waker};

fn main() {
    let sem = Semaphore::new(1);
    let mut waiting = Box::pin(sem.release());
    let _ = waiting.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    let _ = waiting.wait();
}
