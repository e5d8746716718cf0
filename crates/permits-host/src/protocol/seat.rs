//! What the `STATUS` of a seat says.
//!
//! | bits | meaning |
//! |---|---|
//! | 0 to 30 | the generation: how often the seat was taken; 0 is a seat that never was |
//! | 31 | whether it is taken |

/// Bit 31 of a seat's status: taken.
const TAKEN: u32 = 1 << 31;

/// Whether a seat is taken, and its generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SeatWord {
    pub(crate) taken: bool,
    pub(crate) generation: u32,
}

impl SeatWord {
    pub(crate) fn unpack(word: u32) -> SeatWord {
        SeatWord { taken: word & TAKEN != 0, generation: word & !TAKEN }
    }

    /// The generation that takes the seat next.
    pub(crate) fn next(self) -> u32 {
        ((self.generation + 1) & !TAKEN).max(1)
    }

    pub(super) fn pack(self) -> u32 {
        self.generation | if self.taken { TAKEN } else { 0 }
    }
}

#[cfg(all(test, not(permits_loom)))]
mod tests {
    use super::SeatWord;

    #[test]
    fn no_generation_is_zero() {
        let next = |generation| SeatWord { taken: false, generation }.next();

        assert_eq!([0, 1, (1 << 31) - 2, (1 << 31) - 1].map(next), [1, 2, (1 << 31) - 1, 1]);
    }
}
