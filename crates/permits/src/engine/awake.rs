//! How long a waiting thread stays awake before it sleeps, and what a semaphore remembers of it.

use crate::engine::sync::{AtomicU32, MODELLED, Ordering, const_unless_modelled, now, spin_loop, yield_now};
use std::time::{Duration, Instant};

/// How long a thread stays awake before it sleeps.
///
/// To wake a thread on another, idle core takes some 40 µs on a virtual machine, so two threads that answer
/// each other would from then on always sleep, each asleep by the time the other has woken. Staying awake for
/// a little longer than that ends it. From the first microseconds on the thread yields, so that other threads
/// can run.
const AWAKE: Duration = Duration::from_micros(50);

/// How long a thread that must not yield spins, now and then: long enough for the other thread to wake, run and
/// answer.
const FAR: Duration = Duration::from_micros(100);

/// A yield that took longer than this gave a whole time slice, some milliseconds, to other work. Threads that
/// wait for each other, even a hundred of them on one core, are back sooner.
const LONG_YIELD: Duration = Duration::from_micros(500);

/// A wait whose deadline is nearer than this does not yield: the slice may end after the deadline.
const LEAST_LEFT: Duration = Duration::from_millis(20);

/// Rounds of looking before the first yield: where the other side runs at the same time, an answer takes a
/// few of them. On one core each of them is lost, so that their number follows what paid lately, between
/// these bounds.
const LEAST_PAUSES: u32 = 4;
const MOST_PAUSES: u32 = 64;
/// At regular intervals a wait tries the most rounds it may, to find out whether they pay by now.
const PROBE_EVERY: u32 = 16;

/// After a long yield the next 256 waits do not yield. Each further long yield makes it eight times as many, up
/// to this level: then one wait in 16,384 gives a slice away, which is less than 1 µs a wait.
const LEAST_SKIPPED: u32 = 256;
const MOST_LEVEL: u32 = 2;

/// Of the waits that do not yield, one in 16 spins for [`FAR`]. Each that did so in vain doubles the distance to
/// the next, up to this many times.
const FAR_EVERY: u32 = 16;
const MOST_APART: u32 = 6;

/// What paid lately: how much spinning, and whether yielding.
///
/// It is a guess: all its accesses are Relaxed, and one that is lost does no harm.
pub(crate) struct Spin(AtomicU32);

/// [`Spin`] unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lately {
    /// Waits, modulo [`PROBE_EVERY`].
    count: u32,
    /// Rounds before the first yield.
    rounds: u32,
    /// Rises with each long yield, falls slowly without.
    level: u32,
    /// How often in succession spinning far was in vain.
    apart: u32,
    /// How many waits from now on do not yield.
    skip: u32,
}

impl Lately {
    const START: Lately = Lately { count: 0, rounds: MOST_PAUSES, level: 0, apart: 0, skip: 0 };

    const fn pack(self) -> u32 {
        self.count | self.rounds << 4 | self.level << 11 | self.apart << 14 | self.skip << 17
    }

    fn unpack(word: u32) -> Lately {
        Lately {
            count: word & 0xf,
            rounds: word >> 4 & 0x7f,
            level: word >> 11 & 0x7,
            apart: word >> 14 & 0x7,
            skip: word >> 17,
        }
    }

    /// After a wait that pauses have ended, or have not.
    fn with_rounds(self, rounds: u32) -> Lately {
        let count = (self.count + 1) % PROBE_EVERY;
        Lately { count, rounds: rounds.clamp(LEAST_PAUSES, MOST_PAUSES), ..self }
    }

    /// A wait begins to yield.
    fn yields(self) -> Lately {
        match self.count {
            // Forgets slowly: it is by luck that a yield on a busy core costs nothing.
            0 => Lately { level: self.level.saturating_sub(1), ..self },
            _ => self,
        }
    }

    /// A wait does not yield. One that is too short to yield begins a series of them.
    fn yields_not(self) -> Lately {
        let skip = if self.skip == 0 { LEAST_SKIPPED } else { self.skip };
        Lately { skip: skip - 1, ..self }
    }

    fn is_far(self) -> bool {
        self.skip.is_multiple_of(FAR_EVERY << self.apart)
    }

    fn after_long_yield(self) -> Lately {
        // Several threads may come back from long yields at the same time, which says no more than one.
        if self.skip > 0 {
            return self;
        }
        Lately { skip: LEAST_SKIPPED << (3 * self.level), level: (self.level + 1).min(MOST_LEVEL), ..self }
    }
}

impl Spin {
    const_unless_modelled! {
        pub(crate) fn new() -> Spin {
            Spin(AtomicU32::new(Lately::START.pack()))
        }
    }

    fn lately(&self) -> Lately {
        Lately::unpack(self.0.load(Ordering::Relaxed))
    }

    fn change(&self, change: impl FnOnce(Lately) -> Lately) -> Lately {
        let changed = change(self.lately());
        self.0.store(changed.pack(), Ordering::Relaxed);
        changed
    }
}

/// A thread that waits without sleeping yet.
pub(crate) struct Awake<'a> {
    spin: &'a Spin,
    pauses: u32,
    limit: u32,
    /// It may yield.
    gives_way: bool,
    then: Then,
}

/// What comes after the pauses.
#[derive(Clone, Copy)]
enum Then {
    Unknown,
    /// Yields since; the last look at the clock, right before a yield.
    Yields(Instant, Instant),
    SpinsFar(Instant),
}

impl Awake<'_> {
    /// `left`: how long the wait may last.
    pub(crate) fn new(spin: &Spin, left: Option<Duration>) -> Awake<'_> {
        let lately = spin.lately();
        let limit = if lately.count == 0 { MOST_PAUSES } else { lately.rounds };
        let gives_way = lately.skip == 0 && left.is_none_or(|left| left >= LEAST_LEFT);
        Awake { spin, pauses: 0, limit, gives_way, then: Then::Unknown }
    }

    /// Lets a little time pass; `false` if it is time to sleep.
    pub(crate) fn again(&mut self) -> bool {
        if MODELLED {
            return false;
        }
        if self.pauses < self.limit {
            // Ever longer between two looks: each takes the word's cache line away from whoever is about to
            // change it.
            let some = (self.pauses + 1).min(self.limit - self.pauses);
            pause(some);
            self.pauses += some;
            return true;
        }
        match self.then {
            Then::Unknown => self.begin(),
            Then::Yields(since, before) => {
                let now = now();
                self.has_yielded(before, now);
                if !self.gives_way || now.saturating_duration_since(since) >= AWAKE {
                    return false;
                }
                self.then = Then::Yields(since, now);
                yield_now();
                true
            }
            Then::SpinsFar(since) => {
                if now().saturating_duration_since(since) >= FAR {
                    let longer = |lately: Lately| Lately { apart: (lately.apart + 1).min(MOST_APART), ..lately };
                    self.spin.change(longer);
                    return false;
                }
                pause(MOST_PAUSES);
                true
            }
        }
    }

    /// The pauses are over.
    fn begin(&mut self) -> bool {
        let fewer = |lately: Lately| lately.with_rounds(self.limit - self.limit / 8);
        if self.gives_way {
            self.spin.change(|lately| fewer(lately).yields());
            let now = now();
            self.then = Then::Yields(now, now);
            yield_now();
            return true;
        }
        let lately = self.spin.change(|lately| fewer(lately).yields_not());
        if lately.is_far() {
            self.then = Then::SpinsFar(now());
        }
        lately.is_far()
    }

    /// It was worth it.
    pub(crate) fn paid(&mut self) {
        match self.then {
            Then::Unknown if self.pauses == 0 => {}
            Then::Unknown => {
                let rounds = self.limit.max(self.pauses * 2);
                self.spin.change(|lately| lately.with_rounds(rounds));
            }
            Then::Yields(_, before) => self.has_yielded(before, now()),
            Then::SpinsFar(_) => {
                self.spin.change(|lately| Lately { apart: 0, ..lately.with_rounds(MOST_PAUSES) });
            }
        }
    }

    fn has_yielded(&mut self, before: Instant, now: Instant) {
        if now.saturating_duration_since(before) >= LONG_YIELD {
            self.gives_way = false;
            self.spin.change(Lately::after_long_yield);
        }
    }
}

fn pause(rounds: u32) {
    for _ in 0..rounds {
        spin_loop();
    }
}

#[cfg(all(test, not(any(permits_loom, permits_shuttle))))]
mod tests {
    use super::*;

    fn after_yield_of(time: Duration, spin: &Spin) {
        let mut awake = Awake::new(spin, None);
        let now = now();
        awake.has_yielded(now, now + time);
        assert_eq!(awake.gives_way, time < LONG_YIELD);
    }

    /// Waits that do not yield until one does again.
    fn skipped(spin: &Spin) -> u32 {
        let mut waits = 0;
        loop {
            let mut awake = Awake::new(spin, None);
            if awake.gives_way {
                return waits;
            }
            awake.begin();
            waits += 1;
        }
    }

    #[test]
    fn packing_loses_nothing() {
        let most = Lately {
            count: PROBE_EVERY - 1,
            rounds: MOST_PAUSES,
            level: MOST_LEVEL,
            apart: MOST_APART,
            skip: LEAST_SKIPPED << (3 * MOST_LEVEL),
        };
        assert_eq!(Lately::unpack(most.pack()), most);
        assert_eq!(Lately::unpack(Lately::START.pack()), Lately::START);
    }

    #[test]
    fn each_long_yield_puts_off_the_next_one_longer() {
        let spin = Spin::new();
        after_yield_of(LONG_YIELD / 2, &spin);
        assert_eq!(skipped(&spin), 0);
        for waits in [256, 2_048, 16_384, 16_384] {
            after_yield_of(LONG_YIELD, &spin);
            assert_eq!(skipped(&spin), waits);
        }
    }

    #[test]
    fn yields_that_cost_nothing_are_trusted_again() {
        let spin = Spin::new();
        after_yield_of(LONG_YIELD, &spin);
        assert_eq!(skipped(&spin), LEAST_SKIPPED);
        for _ in 0..2 * PROBE_EVERY {
            spin.change(|lately| lately.with_rounds(MOST_PAUSES).yields());
        }
        after_yield_of(LONG_YIELD, &spin);
        assert_eq!(skipped(&spin), LEAST_SKIPPED);
    }

    #[test]
    fn a_wait_with_a_near_deadline_never_yields() {
        let spin = Spin::new();
        let mut awake = Awake::new(&spin, Some(LEAST_LEFT - Duration::from_nanos(1)));
        while awake.again() {
            assert!(!matches!(awake.then, Then::Yields(..)));
        }
        assert!(!awake.gives_way);
        assert!(Awake::new(&Spin::new(), Some(LEAST_LEFT)).gives_way);
    }

    #[test]
    fn spinning_far_in_vain_becomes_rare_and_paying_makes_it_frequent() {
        let spin = Spin::new();
        let far_of = |waits: u32| {
            let mut far = 0;
            for _ in 0..waits {
                let mut awake = Awake::new(&spin, Some(Duration::from_millis(1)));
                far += u32::from(awake.begin());
            }
            far
        };
        assert_eq!(far_of(1_024), 64);
        spin.change(|lately| Lately { apart: MOST_APART, skip: 1_025, ..lately });
        assert_eq!(far_of(1_024), 1);
        let mut awake = Awake::new(&spin, None);
        awake.then = Then::SpinsFar(now());
        awake.paid();
        assert_eq!(spin.lately().apart, 0);
    }
}
