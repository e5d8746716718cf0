//! Where what lies in the file, in words of 64 bits.
//!
//! ```text
//! word 0            header        what the file is, and the root: the only word that a commit changes
//! word NUMBERS_AT   numbers       one for each number that a permit can have: who has it
//! word SEATS_AT     seats         one for every handle that takes part: who it is, what it holds, two records
//! word WAITERS_AT   waiters       one for each that is queued
//! ```
//!
//! The file has its full length from the start, with holes; what is used is backed by disk or memory
//! beforehand, so that no store can hit a full file system. All that is in it is hostile input, since a
//! process that can write to the file may have written anything: every index is checked where it is read.

/// `PERMITS\n`, read as a little-endian number.
pub(crate) const MAGIC: u64 = u64::from_le_bytes(*b"PERMITS\n");

/// A file of another major version is refused; a newer minor one only adds what an older reader may ignore.
pub(crate) const FORMAT: (u16, u16) = (4, 0);

/// How many handles can take part at once.
pub(crate) const SEATS: usize = if cfg!(permits_loom) { 3 } else { 4096 };
/// How many can be queued at once; they are numbered from 1, and 0 is none. In the models one more than a
/// commit can wake.
pub(crate) const WAITERS: usize = if cfg!(permits_loom) { 5 } else { 65_535 };

/// How many numbers there are for permits: as many words as the header has room for.
pub(crate) const NUMBERS: usize = if cfg!(permits_loom) { 2 } else { 384 };

/// How many seats a new file has backing for; it doubles as needed.
pub(crate) const FIRST_SEATS: usize = if cfg!(permits_loom) { SEATS } else { 32 };
/// How many waiters a new file has backing for.
pub(crate) const FIRST_WAITERS: usize = if cfg!(permits_loom) { WAITERS } else { 511 };

/// Words of the header.
pub(crate) mod header {
    pub(crate) const MAGIC: usize = 0;
    /// Major and minor version, 16 bits each, and `SEATS` above them.
    pub(crate) const FORMAT: usize = 1;
    /// The boot that the file belongs to, two words: what was held before it is free.
    pub(crate) const BOOT: usize = 2;
    /// Nanoseconds since 1970.
    pub(crate) const CREATED: usize = 4;
    /// How many handles have announced a key so far: the last arrival that was given out; see `supersede.rs`.
    pub(crate) const ARRIVALS: usize = if cfg!(permits_loom) { 1 } else { 5 };
    /// When the file before this one was last used, or else when this one was made; see `last_use.rs`.
    pub(crate) const USED: usize = 6;
    /// Where the file was created, which a process needs to know that finds it with several names: the number of its
    /// directory, and the name of the semaphore with zeros behind it.
    pub(crate) const HOME: usize = 7;
    pub(crate) const HOME_WORDS: usize = 1 + 25;
    /// The root has a cache line of its own, as every commit of every process writes to it.
    pub(crate) const ROOT: usize = if cfg!(permits_loom) { 0 } else { 64 };
}

/// Words of a record, which is a whole state of the semaphore and what changed with it; see `tx.rs`.
pub(crate) mod record {
    /// The state proper, as `Book` packs it.
    pub(crate) const BOOK: usize = 0;
    pub(crate) const BOOK_WORDS: usize = 8;
    /// The last word of the state has room for how many changes follow.
    pub(crate) const CHANGES: usize = 7;
    /// The bits of it that say so.
    pub(crate) const CHANGES_MASK: u64 = 0xf;
    /// The changes, three words each: where, the old value, the new value.
    pub(crate) const FIRST_CHANGE: usize = 8;
    pub(crate) const MOST_CHANGES: usize = 8;
    pub(crate) const WORDS: usize = 32;
}

/// Words of a seat.
pub(crate) mod seat {
    /// Tagged. Bit 31: taken; below it the generation, which grows whenever it is taken.
    pub(crate) const STATUS: usize = 0;
    /// Tagged. Permits held, as far as commits of this seat changed it; wraps.
    pub(crate) const OWN: usize = 1;
    /// Tagged. Permits held, as far as commits of others changed it; wraps. Held is the sum of the two.
    pub(crate) const GIVEN: usize = 2;
    /// A futex, not tagged: rung for the tasks of this seat, and when it is revoked.
    pub(crate) const BELL: usize = 3;
    /// Not tagged: the generation that was asked to give up.
    pub(crate) const REVOKED: usize = 4;
    /// Not tagged: when it announced its key, as the number of that arrival; 0 if it has none. See
    /// `supersede.rs`.
    pub(crate) const ARRIVAL: usize = 5;
    /// Not tagged: the latest arrival of the same key that another has told this seat of.
    pub(crate) const SUPERSEDED: usize = 6;

    // What the seat tells about itself; nobody decides anything by it but for hints and tables.
    pub(crate) const PID: usize = 8;
    pub(crate) const PID_NAMESPACE: usize = 9;
    pub(crate) const UID: usize = 10;
    /// Nanoseconds since 1970, when it last went from holding nothing to holding something.
    pub(crate) const SINCE: usize = 11;
    /// Not 0: a command holds the seat as well, by the lock on its byte of the commands' file. 1: not known
    /// which.
    pub(crate) const COMMAND_PID: usize = 12;
    /// Not tagged, and kept when the seat is taken anew: which file the commands' file is; see `commands.rs`.
    pub(crate) const COMMANDS_FILE: usize = 13;
    /// Nanoseconds since 1970, when a use by this seat last ended; kept when the seat is taken anew. See
    /// `last_use.rs`.
    pub(crate) const USED: usize = 14;
    pub(crate) const LABEL: usize = 16;
    pub(crate) const LABEL_WORDS: usize = 8;
    pub(crate) const COMMAND: usize = 24;
    pub(crate) const COMMAND_WORDS: usize = 24;
    /// The key by which it supersedes others and is superseded; see `supersede.rs`.
    pub(crate) const KEY: usize = if cfg!(permits_loom) { 7 } else { 48 };
    pub(crate) const KEY_WORDS: usize = if cfg!(permits_loom) { 1 } else { 8 };

    /// Two, so that one can be written while the root names the other.
    pub(crate) const RECORDS: usize = if cfg!(permits_loom) { 8 } else { 64 };
    pub(crate) const WORDS: usize = RECORDS + 2 * super::record::WORDS;
}

/// Words of a waiter.
pub(crate) mod waiter {
    /// Tagged. Stage, kind, side and seat; see `acts.rs`.
    pub(crate) const WHO: usize = 0;
    /// Tagged. How many permits.
    pub(crate) const UNITS: usize = 1;
    /// Tagged. The one behind, and above it the one before, 16 bits each; of a free one the next free one.
    pub(crate) const LINKS: usize = 2;
    /// A futex, not tagged: rung when the stage has changed, and when this has become the first.
    pub(crate) const BELL: usize = 3;
    /// Not tagged: [`WANTS_TO_KNOW`] while its process does not know that it is the first, and wants to be
    /// told; [`KNOWS`] when it was granted or refused, and needs not be told once more.
    pub(crate) const TELL: usize = 4;
    pub(crate) const WANTS_TO_KNOW: u64 = 1;
    pub(crate) const KNOWS: u64 = 2;
    /// Nanoseconds since 1970.
    pub(crate) const SINCE: usize = 5;
    pub(crate) const WORDS: usize = if cfg!(permits_loom) { 5 } else { 8 };
}

pub(crate) const NUMBERS_AT: usize = if cfg!(permits_loom) { 2 } else { 128 };
pub(crate) const SEATS_AT: usize = NUMBERS_AT + NUMBERS;
pub(crate) const WAITERS_AT: usize = SEATS_AT + SEATS * seat::WORDS;
/// The length of the file.
pub(crate) const TOTAL: usize = WAITERS_AT + (WAITERS + 1) * waiter::WORDS;

/// A word of a seat.
pub(crate) fn seat(number: usize, word: usize) -> usize {
    SEATS_AT + number * seat::WORDS + word
}

/// A word of a waiter.
pub(crate) fn waiter(number: usize, word: usize) -> usize {
    WAITERS_AT + number * waiter::WORDS + word
}

/// The waiter whose `WHO` a word is.
pub(crate) fn waiter_of(word: usize) -> Option<usize> {
    let offset = word.checked_sub(WAITERS_AT)?;
    let number = offset / waiter::WORDS;
    (offset % waiter::WORDS == waiter::WHO && (1..=WAITERS).contains(&number)).then_some(number)
}

/// Where a record starts. Records are numbered through all seats.
pub(crate) fn record(number: usize) -> usize {
    seat(number / 2, seat::RECORDS) + (number % 2) * record::WORDS
}
