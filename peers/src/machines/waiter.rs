//! One of many processes that wait for a permit: this program once more, told what to do by lines.

use std::io::{BufRead, Write};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use super::ours;
use crate::host::clock_ns;

/// Takes part in a semaphore, as one of many processes.
#[derive(clap::Args)]
pub struct Waiter {
    endpoint: String,
    name: String,
}

/// On `go US` it takes the permit again and again, holds it for so many microseconds, and remembers when it had it
/// and when it gave it back; on `stop` it says so, a line a grant, and then `end`. It ends with its input.
pub fn serve(waiter: &Waiter) -> Result<(), String> {
    let semaphore = ours::open(std::slice::from_ref(&waiter.endpoint), &waiter.name, 1);
    let (orders, receiver) = channel();
    thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            _ = orders.send(line);
        }
        // Though it waits.
        std::process::exit(0);
    });
    say("ready");
    while let Ok(order) = receiver.recv() {
        let hold = order.strip_prefix("go ").and_then(|us| us.parse().ok());
        let hold = Duration::from_micros(hold.ok_or_else(|| format!("`{order}` is no order"))?);
        let mut grants = Vec::new();
        while receiver.try_recv().is_err() {
            let permit = semaphore.acquire().wait().map_err(|why| why.to_string())?;
            let had = clock_ns();
            if !hold.is_zero() {
                thread::sleep(hold);
            }
            grants.push((had, clock_ns()));
            permit.release().wait().map_err(|why| why.to_string())?;
        }
        for (had, gave) in grants {
            say(&format!("{had} {gave}"));
        }
        say("end");
    }
    Ok(())
}

fn say(line: &str) {
    // The one who has started it may be gone; then its input ends, too.
    _ = writeln!(std::io::stdout(), "{line}");
}
