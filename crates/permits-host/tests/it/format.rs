//! Where things are in a file of format 4.0. It is copied from `layout.rs` and `files.rs`, which are private:
//! a change of either is a change of the format, and fails here.

/// In bytes: where the header has the version, and the boot that the file belongs to, 16 of them; and where
/// the root is.
pub(crate) const FORMAT_AT: u64 = 8;
pub(crate) const BOOT_AT: u64 = 2 * 8;
pub(crate) const ROOT_AT: u64 = 8 * ROOT;

/// The bytes that are locked: by who opens or replaces the file, and, from the first seat on, by the owners of seats.
pub(crate) const ATTACH_BYTE: i64 = 1 << 40;
pub(crate) const SEAT_BYTES: i64 = 1 << 41;

/// In words of 8 bytes, from here on.
pub(crate) const ARRIVALS: u64 = 5;
pub(crate) const USED_BEFORE: u64 = 6;
pub(crate) const ROOT: u64 = 64;
/// Of the numbers of permits, a word each.
pub(crate) const NUMBERS_AT: u64 = 128;
const SEATS_AT: u64 = 512;
const SEAT_WORDS: u64 = 128;
/// Words of a seat.
pub(crate) const STATUS: u64 = 0;
pub(crate) const OWN: u64 = 1;
pub(crate) const GIVEN: u64 = 2;
pub(crate) const ARRIVAL: u64 = 5;
pub(crate) const SUPERSEDED: u64 = 6;
pub(crate) const USED: u64 = 14;
pub(crate) const KEY: std::ops::Range<u64> = 48..56;
/// Words of a seat, and of a waiter.
pub(crate) const BELL: u64 = 3;
/// Words of a record. The first of them says how many changes follow in its low bits.
pub(crate) const CHANGES: u64 = 7;
pub(crate) const FIRST_CHANGE: u64 = 8;
/// In the second word of a record: it was found damaged.
pub(crate) const DAMAGED: u64 = 8;
/// Words of a waiter.
pub(crate) const WHO: u64 = 0;
pub(crate) const UNITS: u64 = 1;
pub(crate) const LINKS: u64 = 2;

pub(crate) fn seat(number: u64, word: u64) -> u64 {
    SEATS_AT + number * SEAT_WORDS + word
}

/// Records are numbered through all seats, two a seat.
pub(crate) fn record(number: u64, word: u64) -> u64 {
    seat(number / 2, 64) + number % 2 * 32 + word
}

pub(crate) fn waiter(number: u64, word: u64) -> u64 {
    SEATS_AT + 4096 * SEAT_WORDS + number * 8 + word
}
