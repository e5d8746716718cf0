//! Moving over from `java.util.concurrent.Semaphore`, call by call.
//!
//! | Java | here | what differs |
//! |---|---|---|
//! | `new Semaphore(n)` | `Semaphore::new(n)` | running threads may pass waiters, but only within a bound |
//! | `new Semaphore(n, true)` | `Semaphore::fair(n)` | |
//! | `n` zero or negative | `n` is 1 to 4,194,303 | for zero take them all at the start, see `drain` |
//! | `acquire()`, `acquire(k)` | `acquire().wait()`, `acquire_many(k).wait()` | no interrupt: `close` ends all waits, `wait_timeout` one |
//! | `acquireUninterruptibly()` | `acquire().wait()` | `k` above the bound fails instead of waiting without end |
//! | `tryAcquire()` | `try_acquire()` | Java's passes waiters even when fair; ours, when fair, does not |
//! | `tryAcquire(1, SECONDS)` | `acquire().wait_timeout(d)` | |
//! | `release()` by the thread that acquired | drop the permit | cannot be forgotten, or done twice |
//! | `release()` by any thread | `acquire().loose()`, later `release().wait()` | waits while nothing is loose; `try_release` fails then |
//! | `release()` to add a permit | `grow(n)` | Java cannot tell the two apart; one release too many raises its count |
//! | `reducePermits(n)` (protected) | `shrink(n)` | |
//! | `drainPermits()` | `drain` below | there is no single call for "all that are free" |
//! | `availablePermits()` | `available_permits()` | 0 where Java's is negative; `given_out()` has the rest |
//! | `getQueueLength()` | `waiting_acquirers()` | exact at one instant, Java's is an estimate |
//! | `hasQueuedThreads()` | `waiting_acquirers() > 0` | |
//! | `isFair()` | `overtakes() == 0` | |
//!
//! Run it with `cargo run -p permits --example from_java`.

use permits::{AcquireTimeoutError, Permit, Semaphore, TryAcquireError, TryReleaseError};
use std::error::Error;
use std::time::Duration;

fn main() -> Result<(), Box<dyn Error>> {
    let sem = Semaphore::fair(3); // new Semaphore(3, true)

    let permit = sem.acquire_many(2).wait()?; // sem.acquire(2); try {
    println!("working:  {}", sem.state());
    drop(permit); // } finally { sem.release(2); }

    sem.acquire().loose().wait()?; // sem.acquire();
    sem.release().wait()?; // sem.release(); in any thread
    let refused = sem.try_release(); // sem.release() once too often: Java has 4 permits now
    println!("too many: {}", refused.unwrap_err());
    assert_eq!(refused, Err(TryReleaseError::NotLoose { requested: 1, loose: 0 }));

    let all = drain(&sem)?; // int n = sem.drainPermits();
    println!("drained:  {}", sem.state());
    match sem.acquire().wait_timeout(Duration::from_millis(20)) {
        // !sem.tryAcquire(20, MILLISECONDS)
        Err(AcquireTimeoutError::TimedOut(stuck)) => println!("late:     {}", stuck.state),
        other => return Err(format!("all permits are taken, but there is {other:?}").into()),
    }
    drop(all); // sem.release(n);

    sem.grow(2)?; // sem.release(2)
    sem.shrink(4)?; // sem.reducePermits(4)
    println!("resized:  {}", sem.state());
    Ok(())
}

/// Takes all free permits, none if there are none; fails if there are waiters, which Java's would pass.
fn drain(sem: &Semaphore) -> Result<Permit<'_>, TryAcquireError> {
    loop {
        match sem.try_acquire_many(sem.available_permits()) {
            // Somebody was faster: ask for what is left.
            Err(TryAcquireError::NoPermits { requested, available }) if available < requested => {}
            other => return other,
        }
    }
}
