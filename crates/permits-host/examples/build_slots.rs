//! Two builds at a time on this host, however many terminals ask: run it in three of them.
//!
//! ```sh
//! cargo run -p permits-host --example build_slots
//! ```
//!
//! Kill one that is building (`kill -9`): the next in line starts at once.

use permits_host::{Error, HostSemaphore};
use std::time::{Duration, Instant};

fn main() -> Result<(), Error> {
    let slots = HostSemaphore::open("build-slots", 2)?;
    println!("{}: {}", slots.path().display(), slots.state()?);

    let asked = Instant::now();
    let permit = slots.acquire().wait()?;
    println!("building, after {:.1?} in the queue", asked.elapsed());

    std::thread::sleep(Duration::from_secs(10));
    drop(permit);
    println!("built");
    Ok(())
}
