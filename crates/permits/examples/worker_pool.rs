//! Ten jobs on threads of their own, three at a time: the permit is acquired before the thread is made, so
//! there are never more threads than permits, and the loop that makes them waits where it would run ahead.
//!
//! Taking all permits at the end waits for all jobs, since a job holds its permit until it is done.
//!
//! Run it with `cargo run -p permits --example worker_pool`.

use permits::{AcquireError, Semaphore};
use std::thread;

const WORKERS: u32 = 3;
const JOBS: u32 = 10;

fn main() -> Result<(), AcquireError> {
    let workers = Semaphore::new(WORKERS);
    thread::scope(|scope| {
        for job in 1..=JOBS {
            let permit = workers.acquire().wait()?;
            println!("job {job:2} starts, {} permits free", workers.available_permits());
            scope.spawn(move || {
                let primes = count_primes(job * 10_000);
                println!("job {job:2} found {primes} primes");
                drop(permit);
            });
        }
        // Returned at once: to have had them all is enough.
        workers.acquire_many(WORKERS).wait().map(drop)
    })?;
    println!("all {JOBS} jobs are done, {} permits free", workers.available_permits());
    Ok(())
}

fn count_primes(limit: u32) -> usize {
    (2..limit).filter(|n| (2..).take_while(|d| d * d <= *n).all(|d| n % d != 0)).count()
}
