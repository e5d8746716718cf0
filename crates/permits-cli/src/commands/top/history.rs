//! What can be known only from several samples: waits that ended, rates, and what was recovered meanwhile.
//!
//! A wait that begins and ends between two samples is never seen, so the histogram shows the waits that
//! are longer than the interval; the counter of grants, from which the rate comes, misses none.
use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, SystemTime};

use super::sample::{Reading, Sample};
use permits_host::Side;

/// Upper edges of the classes of waits; the last class has none.
const EDGES: [Duration; 7] = [
    Duration::from_millis(10),
    Duration::from_millis(100),
    Duration::from_secs(1),
    Duration::from_secs(10),
    Duration::from_secs(60),
    Duration::from_secs(600),
    Duration::from_secs(3600),
];

/// What each class is called.
pub(crate) const CLASSES: [&str; 8] = ["<10ms", "<0.1s", "<1s", "<10s", "<1m", "<10m", "<1h", "≥1h"];

/// How many readings a rate is taken over: steady enough to read, quick enough to follow.
const RATE_OVER: usize = 5;
/// How many rates are kept to be drawn.
const RATES: usize = 120;

/// How many waits fell into each class.
pub(crate) type Counts = [u32; CLASSES.len()];

/// The past of all semaphores, by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    past: HashMap<String, Past>,
}

/// The past of one semaphore, as far as this program saw it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Past {
    /// Waits that were seen to end, by how long they took.
    pub(crate) ended: Counts,
    /// Waits that are going on, by how long they take already.
    pub(crate) going_on: Counts,
    /// The longest of those.
    pub(crate) longest: Option<Duration>,
    /// Grants a second, the newest last, one for each reading but the first.
    pub(crate) rates: VecDeque<f64>,
    /// Permits recovered since the first reading.
    pub(crate) recovered: u64,
    recovered_before: u64,
    readings: VecDeque<(SystemTime, u64)>,
    waiting: HashSet<WaitKey>,
}

/// One wait: the same process may wait again, or on both sides.
type WaitKey = (String, Side, SystemTime);

impl History {
    /// Takes a sample in. Semaphores that are no longer there are forgotten.
    pub(crate) fn observe(&mut self, sample: &Sample) {
        self.past.retain(|name, _| sample.semaphores.iter().any(|s| s.name == *name));
        for semaphore in &sample.semaphores {
            if let Ok(reading) = &semaphore.reading {
                self.past.entry(semaphore.name.clone()).or_default().observe(reading, sample.taken);
            }
        }
    }

    pub(crate) fn of(&self, name: &str) -> Option<&Past> {
        self.past.get(name)
    }
}

impl Past {
    /// Grants a second over the last readings; `None` before the second one.
    pub(crate) fn rate(&self) -> Option<f64> {
        self.rates.back().copied()
    }

    fn observe(&mut self, reading: &Reading, now: SystemTime) {
        // Counters that went back belong to another semaphore of that name: nothing of the old one holds for it.
        if self.readings.back().is_some_and(|&(_, granted)| reading.granted < granted)
            || reading.recovered < self.recovered_before
        {
            *self = Past::default();
        }
        self.observe_counters(reading, now);
        self.observe_waits(reading, now);
    }

    fn observe_counters(&mut self, reading: &Reading, now: SystemTime) {
        if self.readings.is_empty() {
            self.recovered_before = reading.recovered;
        }
        self.recovered = reading.recovered - self.recovered_before;
        self.readings.push_back((now, reading.granted));
        if self.readings.len() > RATE_OVER {
            self.readings.pop_front();
        }
        let (&(from, before), &(to, after)) = match (self.readings.front(), self.readings.back()) {
            (Some(first), Some(last)) if self.readings.len() > 1 => (first, last),
            _ => return,
        };
        let seconds = to.duration_since(from).unwrap_or_default().as_secs_f64();
        if seconds > 0.0 {
            self.rates.push_back((after - before) as f64 / seconds);
            if self.rates.len() > RATES {
                self.rates.pop_front();
            }
        }
    }

    fn observe_waits(&mut self, reading: &Reading, now: SystemTime) {
        let waiting: HashSet<WaitKey> =
            reading.waiters.iter().map(|w| (w.who.grant.clone(), w.side, w.since)).collect();
        for (grant, side, since) in self.waiting.difference(&waiting) {
            // If it holds now, it is known when its wait ended; else it ended at some time since the last
            // sample. Who was granted a moment ago, and has not run since, does not tell the right time yet.
            let got = reading.holders.iter().find(|h| *side == Side::Acquire && h.who.grant == *grant);
            let end = got.map(|h| h.since).filter(|time| time > since).unwrap_or(now);
            self.ended[class(end.duration_since(*since).unwrap_or_default())] += 1;
        }
        self.going_on = Counts::default();
        self.longest = None;
        for waiter in &reading.waiters {
            let time = now.duration_since(waiter.since).unwrap_or_default();
            self.going_on[class(time)] += 1;
            self.longest = self.longest.max(Some(time));
        }
        self.waiting = waiting;
    }
}

fn class(time: Duration) -> usize {
    EDGES.partition_point(|edge| *edge <= time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::top::made_up::{at, reading, sample_of, waiter};

    #[test]
    fn class_has_its_lower_edge() {
        assert_eq!(class(Duration::ZERO), 0);
        assert_eq!(class(Duration::from_millis(10)), 1);
        assert_eq!(CLASSES[class(Duration::from_secs(59))], "<1m");
        assert_eq!(CLASSES[class(Duration::from_secs(3600))], "≥1h");
    }

    #[test]
    fn wait_that_ends_moves_to_the_ended() {
        let mut history = History::default();
        let waiting = Reading { waiters: vec![waiter("2-1", 1, 5)], ..reading(1, 1) };

        history.observe(&sample_of("build", waiting, at(0)));
        assert_eq!(history.of("build").unwrap().going_on, [0, 0, 0, 1, 0, 0, 0, 0]);
        history.observe(&sample_of("build", reading(1, 0), at(10)));

        let past = history.of("build").unwrap();
        assert_eq!(past.going_on, Counts::default());
        assert_eq!(past.ended, [0, 0, 0, 0, 1, 0, 0, 0]);
        assert_eq!(past.longest, None);
    }

    #[test]
    fn wait_of_a_holder_ends_when_it_began_to_hold() {
        let mut history = History::default();
        let waiting = Reading { waiters: vec![waiter("2-1", 1, 5)], ..reading(1, 0) };
        let mut holding = reading(1, 1);
        holding.holders[0].who.grant = "2-1".to_owned();

        // It began to hold at 0 s, and is seen holding 100 s later.
        history.observe(&sample_of("build", waiting.clone(), at(0)));
        history.observe(&sample_of("build", holding.clone(), at(100)));
        assert_eq!(history.of("build").unwrap().ended, [0, 0, 0, 1, 0, 0, 0, 0]);

        // It does not tell since when yet.
        holding.holders[0].since = waiting.waiters[0].since;
        history.observe(&sample_of("build", waiting, at(200)));
        history.observe(&sample_of("build", holding, at(201)));
        assert_eq!(history.of("build").unwrap().ended, [0, 0, 0, 1, 0, 1, 0, 0]);
    }

    #[test]
    fn rate_comes_from_the_counter() {
        let mut history = History::default();

        history.observe(&sample_of("build", Reading { granted: 100, ..reading(1, 0) }, at(0)));
        assert_eq!(history.of("build").unwrap().rate(), None);
        history.observe(&sample_of("build", Reading { granted: 130, ..reading(1, 0) }, at(10)));

        assert_eq!(history.of("build").unwrap().rate(), Some(3.0));
    }

    #[test]
    fn counter_that_goes_back_starts_anew() {
        let mut history = History::default();

        history.observe(&sample_of("build", Reading { granted: 100, recovered: 7, ..reading(1, 0) }, at(0)));
        history.observe(&sample_of("build", Reading { granted: 1, ..reading(1, 0) }, at(1)));

        let past = history.of("build").unwrap();
        assert_eq!((past.rate(), past.recovered), (None, 0));
    }

    #[test]
    fn recovered_counts_from_the_first_reading() {
        let mut history = History::default();

        history.observe(&sample_of("build", Reading { recovered: 7, ..reading(1, 0) }, at(0)));
        history.observe(&sample_of("build", Reading { recovered: 9, ..reading(1, 0) }, at(1)));

        assert_eq!(history.of("build").unwrap().recovered, 2);
    }

    #[test]
    fn semaphore_that_is_gone_is_forgotten() {
        let mut history = History::default();

        history.observe(&sample_of("build", reading(1, 0), at(0)));
        history.observe(&sample_of("other", reading(1, 0), at(1)));

        assert!(history.of("build").is_none());
    }
}
