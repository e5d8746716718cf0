//! The exercise that the crate grew from: two threads share one permit. The taker takes three times; the
//! giver comes a second later and gives three times, two seconds apart. Neither can run ahead of the other:
//! there is one permit to take, and it must be taken before it can be given back.
//!
//! Run it with `cargo run -p permits --example count_semaphore`. It prints one word a line, for five seconds:
//! `acquiring releasing acquiring releasing acquiring releasing`.

use permits::{AcquireError, ReleaseError, Semaphore};
use std::thread;
use std::time::Duration;

const ROUNDS: u32 = 3;

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let sem = Semaphore::new(1);
    thread::scope(|scope| {
        let taker = scope.spawn(|| take(&sem));
        let giver = scope.spawn(|| give(&sem));
        taker.join().expect("the taker does not panic")?;
        giver.join().expect("the giver does not panic")?;
        Ok(())
    })
}

fn take(sem: &Semaphore) -> Result<(), AcquireError> {
    for _ in 0..ROUNDS {
        sem.acquire().wait()?.forget();
        println!("acquiring");
    }
    Ok(())
}

fn give(sem: &Semaphore) -> Result<(), ReleaseError> {
    thread::sleep(Duration::from_secs(1));
    for round in 0..ROUNDS {
        if round > 0 {
            thread::sleep(Duration::from_secs(2));
        }
        println!("releasing");
        sem.release().wait()?;
    }
    Ok(())
}
