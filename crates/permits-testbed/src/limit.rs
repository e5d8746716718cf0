//! A limit for each test: a test program that hangs does not say which test it was.

use crate::left_out::this_test;
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::{Duration, Instant};

/// Far longer than any test takes, on a busy machine too.
const LIMIT: Duration = Duration::from_secs(600);

/// The tests that run, by the number of their limit.
static RUNNING: Mutex<BTreeMap<u64, (Instant, String)>> = Mutex::new(BTreeMap::new());

fn running() -> MutexGuard<'static, BTreeMap<u64, (Instant, String)>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends the test program, with the name of the test, if it is not dropped within ten minutes. Each wait of a test has a
/// deadline of its own; this is for the one that was forgotten.
#[derive(Debug)]
pub struct Limit(u64);

impl Limit {
    /// For the test that calls it.
    #[track_caller]
    pub fn start() -> Limit {
        static WATCH: Once = Once::new();
        WATCH.call_once(|| drop(std::thread::spawn(watch)));
        let mut running = running();
        let number = running.last_key_value().map_or(0, |(last, _)| last + 1);
        running.insert(number, (Instant::now() + LIMIT, this_test()));
        Limit(number)
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        running().remove(&self.0);
    }
}

/// All that was started from here and has not lost its parent.
fn descendants() -> Vec<u32> {
    let number = |name: std::ffi::OsString| name.to_str()?.parse::<u32>().ok();
    let parent = |pid: u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse::<u32>().ok()
    };
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let all = entries.filter_map(|entry| number(entry.file_name())).filter_map(|pid| Some((pid, parent(pid)?)));
    let all: Vec<(u32, u32)> = all.collect();
    let mut found = vec![std::process::id()];
    let mut next = 0;
    while let Some(&of) = found.get(next) {
        found.extend(all.iter().filter(|(_, parent)| *parent == of).map(|(pid, _)| *pid));
        next += 1;
    }
    found.split_off(1)
}

fn watch() {
    loop {
        std::thread::sleep(Duration::from_secs(1));
        let now = Instant::now();
        if let Some((_, test)) = running().values().find(|(end, _)| *end < now) {
            let text = format!("test {test} hangs: it has not ended within {} minutes\n", LIMIT.as_secs() / 60);
            // The harness captures what is printed otherwise, and would not end.
            let _ = std::io::stderr().write_all(text.as_bytes());
            // They have the streams of this process, and who reads those waits for their end.
            descendants().into_iter().for_each(|pid| drop(crate::signal(pid, libc::SIGKILL)));
            std::process::exit(101);
        }
    }
}
