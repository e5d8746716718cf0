//! A producer and a consumer that pace each other through one semaphore, because `release` waits too.
//!
//! A permit that is out stands for an item in flight. The producer queues an item, then acquires: it waits
//! while `IN_FLIGHT` items are in flight. The consumer releases, then takes the item: it waits while none is
//! in flight. With a semaphore whose release never waits, you need a second one, or a condition variable, to
//! signal that there is an item.
//!
//! `close` ends the stream without losing an item: loose permits can still be released, and then `release`
//! fails.
//!
//! Run it with `cargo run -p permits --example back_pressure`.

use permits::{AcquireError, ReleaseError, Semaphore};
use std::collections::VecDeque;
use std::error::Error;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

const ITEMS: u32 = 12;
const IN_FLIGHT: u32 = 3;

struct Line {
    items: Mutex<VecDeque<u32>>,
    on_their_way: Semaphore,
}

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let line = Line { items: Mutex::default(), on_their_way: Semaphore::new(IN_FLIGHT) };
    let taken = thread::scope(|scope| {
        let producer = scope.spawn(|| produce(&line));
        let consumer = scope.spawn(|| consume(&line));
        producer.join().expect("the producer does not panic")?;
        consumer.join().expect("the consumer does not panic")
    })?;
    println!("{ITEMS} made, {} taken, in order: {}", taken.len(), taken.is_sorted());
    Ok(())
}

fn produce(line: &Line) -> Result<(), AcquireError> {
    for item in 1..=ITEMS {
        line.items.lock().expect("no thread panics").push_back(item);
        line.on_their_way.acquire().loose().wait()?;
        println!("made {item:2}");
    }
    line.on_their_way.close();
    Ok(())
}

fn consume(line: &Line) -> Result<Vec<u32>, AcquireError> {
    let mut taken = Vec::new();
    loop {
        match line.on_their_way.release().wait() {
            Ok(()) => {}
            Err(ReleaseError::Closed) => return Ok(taken),
            Err(ReleaseError::TooMany { requested, max }) => return Err(AcquireError::TooMany { requested, max }),
        }
        // Its maker queued it before it acquired, and that acquire let this release through (C14).
        let item = line.items.lock().expect("no thread panics").pop_front().expect("an item for every release");
        println!("           took {item:2}");
        thread::sleep(Duration::from_millis(50));
        taken.push(item);
    }
}
