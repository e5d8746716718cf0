//! Nothing happens until a request is waited for, so one that is dropped is a mistake.
#![deny(unused_must_use)]

use permits::Semaphore;

fn main() {
    let sem = Semaphore::new(1);
    sem.acquire();
    sem.release();
    sem.acquire().loose();
}
