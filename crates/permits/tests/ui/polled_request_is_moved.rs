//! The queue points into a request that was polled: it stays where it is.
use permits::Semaphore;
use std::future::Future;
use std::task::{Context, Waker};

fn main() {
    let sem = Semaphore::new(1);
    let mut waiting = Box::pin(sem.release());
    let _ = waiting.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    let moved = *waiting;
    drop(moved);
}
