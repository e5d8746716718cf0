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
/// The word of a record that tells the last start, above four bits of something else.
const STARTED: u64 = 7;

/// Looks at the last start, again and again.
pub(crate) struct Starts {
    file: File,
    last: u64,
    /// How many there were at least.
    pub(crate) seen: u32,
}

impl Starts {
    pub(crate) fn of(semaphore: &HostSemaphore) -> Starts {
        Starts { file: File::open(semaphore.path()).expect("it is ours"), last: 0, seen: 0 }
    }

    /// No two may be closer than they have to be. Whatever was missed between two looks makes them further
    /// apart.
    pub(crate) fn look(&mut self) {
        let root = self.word(ROOT);
        let number = root & 0xffff;
        let started = self.word(RECORDS + number / 2 * SEAT_WORDS + number % 2 * RECORD_WORDS + STARTED) >> 4;
        // Only what the present record says counts.
        if self.word(ROOT) != root || started == self.last {
            return;
        }
        let apart = u128::from(started.checked_sub(self.last).expect("the clock does not go back"));
        assert!(apart >= INTERVAL.as_nanos(), "two starts were `{apart}` nanoseconds apart");
        (self.last, self.seen) = (started, self.seen + 1);
    }

    fn word(&self, at: u64) -> u64 {
        let mut bytes = [0; 8];
        self.file.read_exact_at(&mut bytes, 8 * at).expect("it is long enough");
        u64::from_ne_bytes(bytes)
    }
}
