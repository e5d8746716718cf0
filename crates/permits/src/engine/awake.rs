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

/// Rounds of looking before the first yield: where the other side runs at the same time, an answer takes a
/// few of them. On one core each of them is lost, so that their number follows what paid lately, between
/// these bounds.
const LEAST_PAUSES: u32 = 4;
const MOST_PAUSES: u32 = 64;
/// At regular intervals a wait tries the most rounds it may, to find out whether they pay by now.
const PROBE_EVERY: u32 = 16;

/// How long spinning has paid lately.
///
/// The number of rounds before the first yield, times [`PROBE_EVERY`], with a count of the waits in the
/// remainder. It is a guess: all its accesses are Relaxed, and one that is lost does no harm.
pub(crate) struct Spin(AtomicU32);

impl Spin {
    const_unless_modelled! {
        pub(crate) fn new() -> Spin {
            Spin(AtomicU32::new(MOST_PAUSES * PROBE_EVERY))
        }
    }
}

/// A thread that waits without sleeping yet.
pub(crate) struct Awake<'a> {
    spin: &'a Spin,
    pauses: u32,
    limit: u32,
    yielding_since: Option<Instant>,
}

impl Awake<'_> {
    pub(crate) fn new(spin: &Spin) -> Awake<'_> {
        let kept = spin.0.load(Ordering::Relaxed);
        let probe = kept.is_multiple_of(PROBE_EVERY);
        let limit = if probe { MOST_PAUSES } else { kept / PROBE_EVERY };
        Awake { spin, pauses: 0, limit, yielding_since: None }
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
            for _ in 0..some {
                spin_loop();
            }
            self.pauses += some;
            return true;
        }
        let Some(since) = self.yielding_since else {
            self.keep(self.limit - self.limit / 8);
            self.yielding_since = Some(now());
            yield_now();
            return true;
        };
        if now().saturating_duration_since(since) >= AWAKE {
            return false;
        }
        yield_now();
        true
    }

    /// It was worth it.
    pub(crate) fn paid(&self) {
        if self.yielding_since.is_none() && self.pauses > 0 {
            self.keep(self.limit.max(self.pauses * 2));
        }
    }

    fn keep(&self, rounds: u32) {
        let count = self.spin.0.load(Ordering::Relaxed) % PROBE_EVERY;
        let rounds = rounds.clamp(LEAST_PAUSES, MOST_PAUSES);
        self.spin.0.store(rounds * PROBE_EVERY + (count + 1) % PROBE_EVERY, Ordering::Relaxed);
    }
}
