//! The book in itself.

use crate::protocol::book::{Book, MAX_PERMITS, Queue};

#[test]
fn every_book_unpacks_as_it_was_packed() {
    for extreme in [0, 1, u16::MAX] {
        let wide = u32::from(extreme) * 0x1_0001;
        let length = |shift| u32::from(extreme ^ shift << 2);
        let queue = |shift| Queue { head: extreme ^ shift, tail: extreme ^ shift << 1, length: length(shift) };
        for flags in 0..16 {
            let book = Book {
                free: wide.cast_signed(),
                loose: wide ^ 3,
                max: wide ^ MAX_PERMITS,
                closed: flags & 1 != 0,
                gone: flags & 2 != 0,
                sweep: flags & 4 != 0,
                damaged: flags & 8 != 0,
                acquirers: queue(5),
                releasers: queue(9),
                pool: extreme ^ 11,
                waiters_used: extreme ^ 13,
                waiters_backed: extreme ^ 17,
                decider: extreme ^ 37,
                seats_used: extreme ^ 19,
                seats_backed: extreme ^ 23,
                granted: u64::from(wide) << 32 | 29,
                recovered: wide ^ 31,
                interval: wide >> 5,
                started: (u64::from(wide) << 32 | 41) >> 4,
                started_after: wide ^ 43,
            };

            assert_eq!(Book::unpack(book.pack()), book);
        }
    }
}
