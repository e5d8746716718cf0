//! An orderly shutdown: `close` ends the waits, lets the holders of permits finish, and the count says when
//! all permits are back.
//!
//! Ten tasks want one of two permits, and each works for 100 ms. After 250 ms the semaphore is closed: six
//! have started by then and finish, the other four get `Closed` at once.
//!
//! Run it with `cargo run -p permits --example shutdown`.

use permits::{AcquireError, Semaphore, TryAcquireError};
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio::time::sleep;

#[derive(Clone, Copy, PartialEq)]
enum Outcome {
    Done,
    TurnedAway,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let sem = Arc::new(Semaphore::new(2));
    let mut tasks = JoinSet::new();
    let start = Instant::now();
    for number in 0..10 {
        tasks.spawn(work(Arc::clone(&sem), number, start));
    }

    sleep(Duration::from_millis(250)).await;
    println!("{:3} ms: closing, {}", start.elapsed().as_millis(), sem.state());
    sem.close();
    println!("{:3} ms: closed,  {}", start.elapsed().as_millis(), sem.state());
    assert_eq!(sem.try_acquire().err(), Some(TryAcquireError::Closed));

    let mut outcomes = Vec::new();
    while let Some(outcome) = tasks.join_next().await {
        outcomes.push(outcome??);
    }
    let done = outcomes.iter().filter(|outcome| **outcome == Outcome::Done).count();
    println!("{:3} ms: drained, {}", start.elapsed().as_millis(), sem.state());
    println!("{done} finished, {} were turned away, {} permits are out", outcomes.len() - done, sem.given_out());
    Ok(())
}

async fn work(sem: Arc<Semaphore>, number: u32, start: Instant) -> Result<Outcome, AcquireError> {
    let permit = match sem.acquire().await {
        Ok(permit) => permit,
        Err(AcquireError::Closed) => return Ok(Outcome::TurnedAway),
        Err(error @ AcquireError::TooMany { .. }) => return Err(error),
    };
    sleep(Duration::from_millis(100)).await;
    println!("{:3} ms: task {number} is done", start.elapsed().as_millis());
    // Nothing that happens to the semaphore takes a permit away from its holder, and it comes back after `close` too.
    drop(permit);
    Ok(Outcome::Done)
}
