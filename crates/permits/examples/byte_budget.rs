//! A budget of bytes in flight: one permit is 4 KiB, so that 4,194,303 permits reach 16 GiB.
//!
//! Each message asks for as many permits as it needs, all or none. It splits half of them off when it is half
//! done, which lets the next message in earlier. A message that is larger than the budget fails at once
//! instead of waiting without end.
//!
//! Run it with `cargo run -p permits --example byte_budget`.

use permits::{AcquireError, Semaphore};
use std::error::Error;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

const UNIT: u64 = 4 * 1024;
const BUDGET: u64 = 1024 * 1024;

struct Budget {
    units: Semaphore,
    most: AtomicU32,
}

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let budget = &Budget { units: Semaphore::try_new(units(BUDGET)?)?, most: AtomicU32::new(0) };
    let sizes = [300_000, 700_000, 1, 0, 5_000_000, 450_000, 1_048_576, 90_000];
    thread::scope(|scope| {
        let messages = sizes.map(|bytes| scope.spawn(move || send(budget, bytes)));
        messages.into_iter().try_for_each(|message| message.join().expect("no message panics"))
    })?;
    let most = u64::from(budget.most.load(Ordering::SeqCst)) * UNIT;
    println!("at most {most} of {BUDGET} bytes at a time, {} still out", budget.units.given_out());
    Ok(())
}

fn send(budget: &Budget, bytes: u64) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut permit = match budget.units.acquire_many(units(bytes)?).wait() {
        Ok(permit) => permit,
        Err(error @ AcquireError::TooMany { .. }) => {
            println!("{bytes:7} bytes do not fit: {error}");
            return Ok(());
        }
        Err(AcquireError::Closed) => return Err(AcquireError::Closed.into()),
    };
    budget.most.fetch_max(budget.units.given_out(), Ordering::SeqCst);
    println!("{bytes:7} bytes in {} units", permit.count());

    thread::sleep(Duration::from_millis(100));
    let first_half = permit.split(permit.count() / 2)?;
    drop(first_half);

    thread::sleep(Duration::from_millis(100));
    drop(permit);
    Ok(())
}

/// Rounded up: a started unit counts whole. An empty message needs none, and asking for none succeeds at once.
fn units(bytes: u64) -> Result<u32, std::num::TryFromIntError> {
    u32::try_from(bytes.div_ceil(UNIT))
}
