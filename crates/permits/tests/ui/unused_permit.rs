//! A permit that is not kept comes back at once, and protects nothing.
#![deny(unused_must_use)]

use permits::Semaphore;

fn main() {
    let sem = Semaphore::new(1);
    sem.try_acquire().unwrap();
}
