//! What processes of a run tell each other, and what can be seen of them from outside.

use std::fs;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::thread;
use std::time::Duration;

use super::sys::Mapping;

/// Words that all processes of a run share, each in cache lines of its own.
pub struct Board(Mapping);

const APART: usize = 16;

impl Board {
    pub fn new(words: usize) -> Self {
        Self(Mapping::new(words * APART))
    }

    pub fn word(&self, word: usize) -> &AtomicU64 {
        &self.0.words()[word * APART]
    }

    pub fn get(&self, word: usize) -> u64 {
        self.word(word).load(SeqCst)
    }

    pub fn set(&self, word: usize, value: u64) {
        self.word(word).store(value, SeqCst);
    }

    /// A figure that the process leaves behind: it has ended when it is read.
    pub fn leave(&self, word: usize, figure: f64) {
        self.word(word).store(figure.to_bits(), Relaxed);
    }

    pub fn figure(&self, word: usize) -> f64 {
        f64::from_bits(self.word(word).load(Relaxed))
    }

    /// Sleeps until a word is at least `value`. Whoever waits so takes nothing from those who are measured.
    pub fn until(&self, word: usize, value: u64) {
        while self.get(word) < value {
            thread::sleep(Duration::from_micros(100));
        }
    }
}

/// Sleeps until the first thread of a process does.
pub fn until_asleep(pid: u32) {
    while !is_asleep(pid) {
        thread::sleep(Duration::from_micros(50));
    }
}

pub fn is_asleep(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process is not reaped");
    // The name of the program is in brackets, and may hold anything.
    stat.rsplit_once(") ").expect("a state follows the name").1.starts_with('S')
}

fn tasks(pid: u32) -> impl Iterator<Item = std::path::PathBuf> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("the process is not reaped");
    tasks.flatten().map(|entry| entry.path())
}

/// How often the threads that a process has now left a core.
pub fn context_switches(pid: u32) -> u64 {
    let of = |status: String| -> u64 {
        let lines = status.lines().filter(|line| line.contains("ctxt_switches"));
        lines.filter_map(|line| line.rsplit('\t').next()?.parse::<u64>().ok()).sum()
    };
    // A thread may end between the listing and the reading.
    tasks(pid).filter_map(|task| fs::read_to_string(task.join("status")).ok()).map(of).sum()
}

/// For how long the threads that a process has now were on a core, in nanoseconds.
pub fn processor_time(pid: u32) -> u64 {
    let of = |stat: String| stat.split(' ').next().and_then(|ns| ns.parse::<u64>().ok());
    tasks(pid).filter_map(|task| fs::read_to_string(task.join("schedstat")).ok().and_then(of)).sum()
}
