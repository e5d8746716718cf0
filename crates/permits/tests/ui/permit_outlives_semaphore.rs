//! A permit borrows its semaphore; `acquire_owned` is for those that outlive it.
use permits::{Permit, Semaphore};

fn take<'a>() -> Permit<'a> {
    let sem = Semaphore::new(1);
    sem.try_acquire().unwrap()
}

fn main() {
    drop(take());
}
