//! Numbers for permits: from 0, no two of the living alike, the lowest free one first.
//!
//! A word for each number says which seat has it, and which generation of that seat: none if it is 0, and
//! none if that generation has left or is dead and buried. So nothing has to be done when a holder dies.
//!
//! # Why there is always one
//!
//! A number is taken after its permit was granted, and given back before its permit is. So those who are not
//! buried have at most as many numbers as permits, and of `m` numbers, where `m` is how many permits there
//! are or, if that is more, how many are out, some are free as long as the taker has fewer than it was
//! granted. One look at them may miss those, as others move; then it looks again. (Who dies while a permit
//! moves from one of its seats to another may leave the number with the seat that is buried last: then the
//! dead have to be looked for.)

use crate::protocol::layout::{self, NUMBERS, NUMBERS_AT, SEATS, seat};
use crate::protocol::seat::SeatWord;
use crate::protocol::tx::Store;
use crate::sync::{Ordering, back_off};

/// Which generation of which seat has a number; never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) seat: usize,
    pub(crate) generation: u32,
}

impl Owner {
    fn pack(self) -> u64 {
        (self.seat as u64 + 1) << 32 | u64::from(self.generation)
    }

    #[expect(clippy::cast_possible_truncation, reason = "two halves")]
    fn unpack(word: u64) -> Option<Owner> {
        let seat = ((word >> 32) as usize).checked_sub(1)?;
        (seat < SEATS).then_some(Owner { seat, generation: word as u32 })
    }
}

impl Store<'_> {
    /// Takes the `n` lowest numbers that are free, for permits that the owner has been granted, in a limited
    /// number of looks. With fewer of them comes whether there may be more: there are none beyond
    /// [`NUMBERS`], and in a damaged file.
    pub(crate) fn take_numbers(&self, owner: Owner, n: usize, looks: u32) -> (Vec<u32>, bool) {
        let mut taken = Vec::new();
        let mut all_seen = false;
        for failures in 0..looks {
            // A look makes all changes that are due: whoever has left by then is seen to have left.
            let Ok(out) = self.look(|tx| Ok(tx.book.max.max(tx.book.given_out()))) else {
                all_seen = true;
                break;
            };
            for number in (0..out).take(NUMBERS) {
                if taken.len() == n {
                    break;
                }
                if self.take_number(owner, number) {
                    taken.push(number);
                }
            }
            all_seen = out as usize > NUMBERS;
            if taken.len() == n || all_seen {
                break;
            }
            back_off(failures);
        }
        (taken, !all_seen)
    }

    fn take_number(&self, owner: Owner, number: u32) -> bool {
        let word = self.word(NUMBERS_AT + number as usize);
        // Acquire: pairs with the Release of whoever gave it back, or took it before.
        let found = word.load(Ordering::Acquire);
        let is_free = Owner::unpack(found).is_none_or(|other| !self.has_seat(other));
        // AcqRel, likewise. No word comes back to what it was: a generation that has left never takes a
        // number again.
        is_free && word.compare_exchange(found, owner.pack(), Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    fn has_seat(&self, owner: Owner) -> bool {
        let status = SeatWord::unpack(self.peek(layout::seat(owner.seat, seat::STATUS)));
        status == SeatWord { taken: true, generation: owner.generation }
    }

    /// Gives a number back, before its permit.
    pub(crate) fn give_number_back(&self, owner: Owner, number: u32) {
        self.change_number(number, owner.pack(), 0);
    }

    /// Moves a number to another seat of the same process, before its permit.
    pub(crate) fn hand_number_over(&self, from: Owner, to: Owner, number: u32) {
        self.change_number(number, from.pack(), to.pack());
    }

    fn change_number(&self, number: u32, from: u64, to: u64) {
        let word = self.word(NUMBERS_AT + number as usize);
        // Release: pairs with the Acquire of whoever takes it next. It is not there only if somebody wrote
        // nonsense into the file.
        let _ = word.compare_exchange(from, to, Ordering::Release, Ordering::Relaxed);
    }

    /// Who has which number, the lowest first.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = (u32, Owner)> {
        (0..).take(NUMBERS).filter_map(|number| {
            // Acquire: as above.
            let word = self.word(NUMBERS_AT + number as usize).load(Ordering::Acquire);
            Owner::unpack(word).filter(|&owner| self.has_seat(owner)).map(|owner| (number, owner))
        })
    }
}
