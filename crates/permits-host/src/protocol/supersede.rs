//! The newest of a key supersedes the others of that key.
//!
//! A handle *arrives* with a key: it takes the next number of all arrivals, writes key and number into its
//! seat, and then looks at all other seats. It marks every one that has the same key and an earlier arrival,
//! and itself if one has a later arrival. So among those of a key the one that arrived last is the only one
//! without a mark, whatever they do at the same moment.
//!
//! # Why there is exactly one
//!
//! Arrivals are numbered by one counter, so they have an order, and no mark goes against it: never are all of
//! them marked. Of two that arrive at the same moment at least one sees the other, since each writes before
//! it looks, with a fence between: never are two left without a mark.
//!
//! # Why no mark hits another
//!
//! The mark is the number of the later arrival, and it counts only if it is above the seat's own. The next
//! owner of the seat has no key, or arrives later than the one whose mark comes late: so no generation is
//! compared. An arrival sees all that the earlier ones did before theirs, so one that has seen the seat as it
//! was before it was taken anew has an earlier number than the next owner.
//!
//! What a dead handle has marked stays marked. What it had not marked yet is left as it was: the next arrival
//! marks all.

use crate::protocol::layout::{self, header, seat};
use crate::protocol::numbers::Owner;
use crate::protocol::seat::SeatWord;
use crate::protocol::tx::Store;
use crate::sync::{Ordering, fence};

/// How many bytes a key may have.
pub(crate) const LONGEST_KEY: usize = 8 * seat::KEY_WORDS;

/// A key, as a seat has it: filled up with zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key([u64; seat::KEY_WORDS]);

impl Key {
    /// Why a text cannot be one, in words.
    pub(crate) fn new(text: &str) -> Result<Key, String> {
        if text.is_empty() {
            return Err("it is empty: give a text that all have in common of which the newest is wanted".into());
        }
        if text.len() > LONGEST_KEY {
            return Err(format!(
                "`{text}` has `{}` bytes, at most `{LONGEST_KEY}` are allowed: give a shorter one, such as a checksum of it",
                text.len()
            ));
        }
        if let Some(bad) = text.chars().find(|c| c.is_control()) {
            return Err(format!("it has a {bad:?} in it: give a text without control characters"));
        }
        let mut bytes = [0; LONGEST_KEY];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        let mut words = [0; seat::KEY_WORDS];
        for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(8)) {
            *word = u64::from_ne_bytes(bytes.try_into().expect("eight bytes"));
        }
        Ok(Key(words))
    }
}

/// What another seat says of its key.
struct Rival {
    owner: Owner,
    arrival: u64,
}

impl Store<'_> {
    /// Has a seat, which is the caller's, arrive with a key; the seats that it supersedes. It is the caller's
    /// turn.
    pub(crate) fn supersede(&self, own: usize, key: &Key) -> Result<Vec<Owner>, &'static str> {
        let arrival = self.arrive(own, key);
        // The seats that there are after the fence: who took one later sees this arrival.
        let seats = self.look(|tx| Ok(usize::from(tx.book.seats_used)))?;
        let mut earlier = Vec::new();
        for rival in (0..seats).filter(|&number| number != own).filter_map(|number| self.rival(number, key)) {
            if rival.arrival < arrival {
                self.mark(rival.owner.seat, arrival);
                earlier.push(rival.owner);
            } else {
                self.mark(own, rival.arrival);
            }
        }
        Ok(earlier)
    }

    /// Writes down key and arrival, and returns the latter.
    fn arrive(&self, own: usize, key: &Key) -> u64 {
        let word = |word| self.word(layout::seat(own, word));
        // Relaxed: ordered by the fence below.
        word(seat::ARRIVAL).store(0, Ordering::Relaxed);
        // Release: pairs with the fence in `key_of`, so that parts of two keys are no key; and with the fence
        // below in a later arrival, which sees that this seat is taken anew.
        fence(Ordering::Release);
        for (offset, &part) in key.0.iter().enumerate() {
            word(seat::KEY + offset).store(part, Ordering::Relaxed);
        }
        // Relaxed: exchanges of one word have one order; what else is in order is so by the fences. Nonsense
        // in the file may have it start anew: 0 is no arrival.
        let arrival = self.word(header::ARRIVALS).fetch_add(1, Ordering::Relaxed).wrapping_add(1).max(1);
        // Release: pairs with the Acquire in `key_of`; the key is seen with it.
        word(seat::ARRIVAL).store(arrival, Ordering::Release);
        // SeqCst: pairs with itself in whoever arrives at the same time. One of the two sees the other's
        // `ARRIVAL`. As an Acquire it pairs with the fence above in earlier arrivals, whose number this one's
        // was made of.
        fence(Ordering::SeqCst);
        arrival
    }

    /// What a seat says, if it is taken and has that key. If it changes owners meanwhile, the next one
    /// arrives later, and looks itself.
    fn rival(&self, number: usize, key: &Key) -> Option<Rival> {
        let SeatWord { taken, generation } = SeatWord::unpack(self.peek(layout::seat(number, seat::STATUS)));
        let (arrival, found) = self.key_of(number)?;
        (taken && found == *key).then_some(Rival { owner: Owner { seat: number, generation }, arrival })
    }

    /// The arrival and the key of a seat, if it has one and is not just writing another one.
    fn key_of(&self, number: usize) -> Option<(u64, Key)> {
        let word = |word| self.word(layout::seat(number, word));
        // Acquire: pairs with the Release in `arrive`.
        let arrival = word(seat::ARRIVAL).load(Ordering::Acquire);
        let key = Key(std::array::from_fn(|offset| word(seat::KEY + offset).load(Ordering::Relaxed)));
        // Acquire: pairs with the first fence in `arrive`.
        fence(Ordering::Acquire);
        (arrival != 0 && word(seat::ARRIVAL).load(Ordering::Relaxed) == arrival).then_some((arrival, key))
    }

    /// Tells a seat of a later arrival.
    fn mark(&self, number: usize, arrival: u64) {
        // SeqCst: its bell is rung after it; see `superseded_by`.
        self.word(layout::seat(number, seat::SUPERSEDED)).fetch_max(arrival, Ordering::SeqCst);
    }

    /// The arrival that has superseded a seat, if one has.
    pub(crate) fn superseded_by(&self, number: usize) -> Option<u64> {
        // SeqCst: written before the bell of the seat is rung.
        let mark = self.word(layout::seat(number, seat::SUPERSEDED)).load(Ordering::SeqCst);
        // Relaxed: its own, or a hint.
        let arrival = self.word(layout::seat(number, seat::ARRIVAL)).load(Ordering::Relaxed);
        (arrival != 0 && mark > arrival).then_some(mark)
    }

    /// The seat that has arrived with that number, if it has its key still.
    pub(crate) fn arrived_as(&self, arrival: u64, seats: usize) -> Option<Owner> {
        (0..seats).find_map(|number| {
            let SeatWord { taken, generation } = SeatWord::unpack(self.peek(layout::seat(number, seat::STATUS)));
            let (found, _) = self.key_of(number)?;
            (taken && found == arrival).then_some(Owner { seat: number, generation })
        })
    }

    /// Whether a seat has a key.
    pub(crate) fn has_key(&self, number: usize) -> bool {
        self.key_of(number).is_some()
    }

    /// Writes that a seat has no key, before it is taken.
    pub(crate) fn forget_key(&self, number: usize) {
        for word in [seat::ARRIVAL, seat::SUPERSEDED] {
            // Relaxed: the commit that takes the seat publishes it.
            self.word(layout::seat(number, word)).store(0, Ordering::Relaxed);
        }
    }
}

#[cfg(all(test, not(permits_loom)))]
mod tests {
    use super::{Key, LONGEST_KEY};

    #[test]
    fn a_key_has_a_length_and_no_control_characters() {
        let longest = "k".repeat(LONGEST_KEY);
        assert!(["k", "refs/heads/main", "schlüssel", &longest].map(Key::new).iter().all(Result::is_ok));

        let refused = ["", "a\nb", &"k".repeat(LONGEST_KEY + 1)].map(|text| Key::new(text).unwrap_err());
        for (why, parts) in refused.iter().zip([vec!["empty"], vec!["'\\n'"], vec!["`65`", "`64`", "checksum"]]) {
            assert!(parts.iter().all(|part| why.contains(part)), "{why}");
        }
    }

    #[test]
    fn different_texts_are_different_keys() {
        assert_ne!(Key::new("a"), Key::new("aa"));
        assert_ne!(Key::new("aaaaaaaab"), Key::new("aaaaaaaac"));
        assert_eq!(Key::new("deploy/web"), Key::new("deploy/web"));
    }
}
