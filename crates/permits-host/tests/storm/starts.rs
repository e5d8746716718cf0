//! When the starts of a semaphore were that spaces them, as its file tells: what a process sees of its own
//! start is later by as long as it was kept from the processor.

use crate::process::INTERVAL;
use permits_host::HostSemaphore;
use std::fs::File;
use std::os::unix::fs::FileExt;

/// Where the root is, and where the first record, in words; see `tests/it/format.rs`.
const ROOT: u64 = 64;
const RECORDS: u64 = 512 + 64;
const SEAT_WORDS: u64 = 128;
const RECORD_WORDS: u64 = 32;
/// The words of a record that tell how many acquisitions were granted, and the last start, above four bits of
/// something else.
const GRANTED: u64 = 6;
const STARTED: u64 = 7;

/// Looks at the last start, again and again.
pub(crate) struct Starts {
    file: File,
    granted: u64,
    last: u64,
    /// The last start that was granted is undone.
    undone: bool,
    /// How many there were at least.
    pub(crate) seen: u32,
    /// How many more may have been too close to the one before, or that one was undone between two looks.
    pub(crate) unclear: u32,
}

impl Starts {
    pub(crate) fn of(semaphore: &HostSemaphore) -> Starts {
        let file = File::open(semaphore.path()).expect("it is ours");
        Starts { file, granted: 0, last: 0, undone: false, seen: 0, unclear: 0 }
    }

    /// No two may be closer than they have to be. Whatever was missed between two looks makes them further
    /// apart, but for a start that was undone, since its waiter died or gave up before it took it: the last
    /// start is the one before it then, an interval earlier or more.
    pub(crate) fn look(&mut self) {
        let root = self.word(ROOT);
        let number = root & 0xffff;
        let [granted, started] = [GRANTED, STARTED]
            .map(|word| self.word(RECORDS + number / 2 * SEAT_WORDS + number % 2 * RECORD_WORDS + word));
        let started = started >> 4;
        // Only what the present record says counts.
        if self.word(ROOT) != root || (granted, started) == (self.granted, self.last) {
            return;
        }
        let interval = u64::try_from(INTERVAL.as_nanos()).expect("it is short");
        let is_undone = granted == self.granted;
        if is_undone {
            assert!(started + interval <= self.last, "it is back at a start before it");
            assert!(!self.undone, "a start is undone once");
        } else if started >= self.last + interval {
            self.seen += 1;
        } else {
            self.unclear += 1;
        }
        (self.granted, self.last, self.undone) = (granted, started, is_undone);
    }

    fn word(&self, at: u64) -> u64 {
        let mut bytes = [0; 8];
        self.file.read_exact_at(&mut bytes, 8 * at).expect("it is long enough");
        u64::from_ne_bytes(bytes)
    }
}
