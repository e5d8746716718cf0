//! When the semaphore was last used, for those who clean up.
//!
//! While permits are out or waited for it is in use, and when that was is not asked. So a use is written down
//! when it ends: when permits are returned, also loose ones, when a wait is over, and when what the dead held
//! or waited for is taken back, which is later than their death. A seat keeps that time, also for its next
//! owners. Opening, looking, resizing and closing are no use, and neither is a request that is refused at
//! once.
//!
//! The header has the last use of the file that was here at an earlier boot, or else the time of creation.
//!
//! Each seat writes to a word of its own, so that costs no more than a reading of the clock. The times are
//! hints: whatever is in the future, by a clock that was set back or by nonsense in the file, is now.

use crate::protocol::layout::{self, header, seat};
use crate::protocol::tx::Store;
use crate::sync::Ordering;

impl Store<'_> {
    /// Writes down that the owner of a seat has used the semaphore.
    pub(crate) fn note_use(&self, number: usize, now: u64) {
        // Relaxed: told for tables.
        self.word(layout::seat(number, seat::USED)).store(now, Ordering::Relaxed);
    }

    /// When it was last used, as of all seats that were ever taken; in nanoseconds since 1970.
    pub(crate) fn last_use(&self, seats: u16, now: u64) -> u64 {
        let seats = (0..usize::from(seats)).map(|number| layout::seat(number, seat::USED));
        // Relaxed: told for tables.
        let times = seats.chain([header::USED]).map(|at| self.word(at).load(Ordering::Relaxed));
        times.max().map_or(now, |last| last.min(now))
    }
}
