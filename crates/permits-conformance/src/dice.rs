//! Random numbers that a printed seed brings back.

/// A stream of random numbers: SplitMix64 (Steele, Lea and Flood, *Fast splittable pseudorandom number
/// generators*, 2014).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The stream of that seed, where another one is printed that it comes from.
    #[must_use]
    pub fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    /// The stream of the seed in the environment variable `PERMITS_SEED`, else of the one given. Prints it,
    /// for the case of a failure.
    ///
    /// # Panics
    ///
    /// If `PERMITS_SEED` is set and is no number.
    #[expect(clippy::print_stdout, reason = "the test harness shows it where a test fails")]
    pub fn seeded(seed: u64) -> Dice {
        let seed = match std::env::var("PERMITS_SEED") {
            Ok(text) => text.parse().expect("PERMITS_SEED is a number"),
            Err(_) => seed,
        };
        println!("PERMITS_SEED={seed}");
        Dice(seed)
    }

    /// A separate stream for another user.
    pub fn fork(&mut self) -> Dice {
        Dice(self.roll())
    }

    /// Any number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is at least 1.
    pub fn below(&mut self, end: u32) -> u32 {
        // The remainder favours small numbers by one in 2³², which no test can see.
        (self.roll() % u64::from(end)) as u32
    }

    /// Mixes up.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u32 + 1) as usize);
        }
    }
}
