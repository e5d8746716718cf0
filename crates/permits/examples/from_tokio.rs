//! Moving over from `tokio::sync::Semaphore` (1.54), call by call.
//!
//! | tokio | here | what differs |
//! |---|---|---|
//! | `new(n)`, `const_new(n)` | `fair(n)`, or `new(n)` | tokio serves in order, as `fair`; `n` is 1 to 4,194,303 |
//! | `new(0)` | `new(n)`, then `acquire_many(n).loose()` | a semaphore has at least 1 permit: take them at the start |
//! | `acquire().await`, `acquire_many(n).await` | the same | `n` above the bound fails instead of waiting without end |
//! | `blocking_acquire()` | `acquire().wait()` | |
//! | `timeout(d, sem.acquire())` | the same; a thread: `acquire().wait_timeout(d)` | the thread's error has the state |
//! | `try_acquire()` | the same | under `new` it may pass waiters, within the bound; under `fair` never |
//! | `sem.clone().acquire_owned()` | `sem.acquire_owned()` | takes `&Arc`, clones it itself |
//! | `permit.forget()` for good | `sem.shrink(n)`, then drop it | our `forget` keeps the permit out, as a loose one |
//! | `permit.forget()`, later `add_permits(1)` | `permit.forget()`, later `release().wait()` | cannot come back twice |
//! | `add_permits(n)` to add permits | `grow(n)` | |
//! | `forget_permits(n)` | `shrink(n)` | takes all `n`, those that are out as they come back |
//! | `permit.split(n)`: `Option` | `Result` | |
//! | `permit.merge(other)` panics if foreign | `Result`, both live on | |
//! | `permit.num_permits()` | `permit.count()` | |
//! | `close()`, `is_closed()`, `available_permits()` | the same | free permits stay visible while a large request waits |
//!
//! Tokio's cooperative budget, its tracing and its panic on blocking inside a runtime have no counterpart here.
//!
//! Run it with `cargo run -p permits --example from_tokio`.

use std::error::Error;
use std::sync::Arc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (theirs, ours) = (before().await?, after().await?);
    println!("before: {theirs:?}");
    println!("after:  {ours:?}");
    assert_eq!(theirs, ours);
    Ok(())
}

/// How many permits are free after each step.
async fn before() -> Result<Vec<usize>, Box<dyn Error>> {
    let sem = Arc::new(tokio::sync::Semaphore::new(4));
    let mut free = Vec::new();

    let permit = sem.clone().acquire_many_owned(3).await?;
    free.push(sem.available_permits());
    permit.forget(); // … elsewhere, and nothing checks that it happens only once:
    sem.add_permits(3);
    free.push(sem.available_permits());
    sem.add_permits(2); // there are 6 now
    free.push(sem.available_permits());
    sem.forget_permits(5); // and 1 now
    free.push(sem.available_permits());
    sem.close();
    free.push(sem.acquire().await.is_err().into());
    Ok(free)
}

/// The same steps.
async fn after() -> Result<Vec<usize>, Box<dyn Error>> {
    let sem = Arc::new(permits::Semaphore::fair(4));
    let mut free = Vec::new();

    let permit = sem.acquire_many_owned(3).await?;
    free.push(sem.available_permits() as usize);
    permit.forget(); // … elsewhere, and a second time it waits for a permit to return:
    sem.release_many(3).await?;
    free.push(sem.available_permits() as usize);
    sem.grow(2)?; // there are 6 now
    free.push(sem.available_permits() as usize);
    sem.shrink(5)?; // and 1 now
    free.push(sem.available_permits() as usize);
    sem.close();
    free.push(sem.acquire().await.is_err().into());
    Ok(free)
}
