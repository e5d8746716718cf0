//! How a thread waits: it looks for a moment, then it queues and sleeps (C16).

use crate::core::{Arrival, Contest, Core};
use crate::error::Refusal;
use crate::state::{Act, Entry, Manner, Side};
use crate::sync::{AtomicU32, MODELLED, Ordering, current, now, park, park_until, spin_loop, yield_now};
use crate::waiters::{Node, Stage, Wake};
use std::pin::{Pin, pin};
use std::time::{Duration, Instant};

/// How long a thread stays awake before it sleeps.
///
/// To wake a thread on another, idle core takes some 40 µs on a virtual machine, so that two threads that answer each other
/// would sleep for ever after, each asleep by the time the other has woken. Being awake for a little longer than that ends it. From
/// the first microseconds on the thread yields, so that what else wants to run does.
const AWAKE: Duration = Duration::from_micros(50);

/// Rounds of looking before the first yield: where the other side runs at the same time, an answer takes a few of them. On one
/// core each of them is lost, so that their number follows what paid lately, between these bounds.
const LEAST_PAUSES: u32 = 4;
const MOST_PAUSES: u32 = 64;
/// Every so many waits tries the most rounds it may, to find out whether they pay by now.
const PROBE_EVERY: u32 = 16;

/// The adaptive state as a new semaphore has it: see [`Awake`].
pub(crate) const FIRST_SPIN: u32 = MOST_PAUSES * PROBE_EVERY;

/// How long a thread is ready to wait.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Patience {
    Endless,
    For(Duration),
    Until(Instant),
}

impl Patience {
    /// The end of it; `None` if it has none that the clock can tell.
    fn deadline(self) -> Option<Instant> {
        match self {
            Patience::Endless => None,
            Patience::For(time) => now().checked_add(time),
            Patience::Until(deadline) => Some(deadline),
        }
    }
}

impl Core {
    #[inline(always)]
    pub(crate) fn wait(&self, act: Act, n: u32, patience: Patience) -> Result<(), Refusal> {
        if n == 0 {
            return self.nothing(act.side());
        }
        match self.enter(act, n, Manner::Passing) {
            Ok(()) => Ok(()),
            Err(_) => self.block(act, n, patience),
        }
    }

    #[inline(always)]
    pub(crate) fn try_now(&self, act: Act, n: u32) -> Result<(), Refusal> {
        if n == 0 {
            return self.nothing(act.side());
        }
        loop {
            match self.enter(act, n, Manner::Passing) {
                Ok(()) => return Ok(()),
                Err(Entry::Closed) => return Err(Refusal::Closed),
                // Ends: who is granted budget and finds it used up by others has seen them go ahead.
                Err(Entry::Ask) if self.bound() > 0 && self.ask(act.side()) => {}
                Err(_) => break,
            }
        }
        let max = self.max();
        if n > max {
            return Err(Refusal::TooMany { requested: n, max });
        }
        Err(Refusal::NotNow { requested: n, at_hand: self.word().at_hand(act.side()).max(0).unsigned_abs() })
    }

    #[cold]
    fn ask(&self, side: Side) -> bool {
        self.deal(&mut self.lock(), side)
    }

    #[cold]
    #[inline(never)]
    fn block(&self, act: Act, n: u32, patience: Patience) -> Result<(), Refusal> {
        let deadline = patience.deadline();
        if deadline.is_some_and(|deadline| now() >= deadline) {
            return match self.try_now(act, n) {
                Err(Refusal::NotNow { .. }) => Err(Refusal::TimedOut),
                other => other,
            };
        }
        // What is impossible must not be waited for (C7); it is the lock's holder who refuses it.
        if self.bound() > 0 && n <= self.max() && self.watch(act, n, deadline) {
            return Ok(());
        }
        let node = pin!(Node::new(act, n));
        let node = node.as_ref();
        let mut wake = Some(Wake::Thread(current()));
        let mut queues = self.lock();
        match self.arrive(&mut queues, node, Manner::Passing, &mut wake) {
            Arrival::Queued => drop(queues),
            Arrival::Refused(refusal) => return Err(refusal),
            Arrival::Done => {
                self.serve_and_unlock(queues);
                return Ok(());
            }
        }
        let mut awake = (self.bound() == 0).then(|| Awake::new(&self.spin));
        loop {
            match node.stage() {
                Stage::Granted => {
                    if let Some(awake) = awake {
                        awake.paid();
                    }
                    return Ok(());
                }
                Stage::Closed => return Err(Refusal::Closed),
                Stage::TooMany => return Err(node.too_many()),
                Stage::Refusing => return self.give_up(node),
                Stage::Notified => {
                    if self.take_notified(node) {
                        return Ok(());
                    }
                }
                Stage::Waiting | Stage::Idle => {
                    if deadline.is_some_and(|deadline| now() >= deadline) {
                        return self.give_up(node);
                    }
                    if awake.as_mut().is_some_and(Awake::again) {
                        continue;
                    }
                    awake = None;
                    match deadline {
                        None => park(),
                        Some(deadline) => park_until(deadline),
                    }
                }
            }
        }
    }

    /// Watches the word for a moment before the thread queues, and takes the permits if they come.
    fn watch(&self, act: Act, n: u32, deadline: Option<Instant>) -> bool {
        let mut awake = Awake::new(&self.spin);
        while awake.again() && deadline.is_none_or(|deadline| now() < deadline) {
            match self.enter(act, n, Manner::Passing) {
                Ok(()) => {
                    awake.paid();
                    return true;
                }
                Err(Entry::Wait) => {}
                Err(_) => return false,
            }
        }
        false
    }

    fn take_notified(&self, node: Pin<&Node>) -> bool {
        let mut queues = self.lock();
        if node.stage() != Stage::Notified {
            return false;
        }
        match self.contest(&mut queues, node) {
            Contest::Lost => false,
            Contest::Won(wake) => {
                self.serve_and_unlock(queues);
                drop(wake);
                true
            }
        }
    }

    /// The time is over; but what is granted by now, or can be taken by a notified head, wins the race (C11).
    fn give_up(&self, node: Pin<&Node>) -> Result<(), Refusal> {
        let mut queues = self.lock();
        match node.stage() {
            Stage::Granted => return Ok(()),
            Stage::Closed => return Err(Refusal::Closed),
            Stage::TooMany => return Err(node.too_many()),
            Stage::Refusing => {
                drop(self.withdraw(queues, node));
                return Err(node.too_many());
            }
            Stage::Notified => match self.contest(&mut queues, node) {
                Contest::Won(wake) => {
                    self.serve_and_unlock(queues);
                    drop(wake);
                    return Ok(());
                }
                Contest::Lost => {}
            },
            Stage::Waiting | Stage::Idle => {}
        }
        drop(self.withdraw(queues, node));
        Err(Refusal::TimedOut)
    }
}

/// A thread that waits without sleeping yet.
///
/// The number of rounds before the first yield is kept in the semaphore, times [`PROBE_EVERY`], with a count of the waits in the
/// remainder. It is a guess: all its accesses are Relaxed, and one that is lost does no harm.
struct Awake<'a> {
    spin: &'a AtomicU32,
    pauses: u32,
    limit: u32,
    yielding_since: Option<Instant>,
}

impl Awake<'_> {
    fn new(spin: &AtomicU32) -> Awake<'_> {
        let kept = spin.load(Ordering::Relaxed);
        let probe = kept.is_multiple_of(PROBE_EVERY);
        let limit = if probe { MOST_PAUSES } else { kept / PROBE_EVERY };
        Awake { spin, pauses: 0, limit, yielding_since: None }
    }

    /// Lets a little time pass; `false` if it is time to sleep.
    fn again(&mut self) -> bool {
        if MODELLED {
            return false;
        }
        if self.pauses < self.limit {
            // Ever longer between two looks: each takes the word's cache line away from whoever is about to change it.
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
    fn paid(&self) {
        if self.yielding_since.is_none() && self.pauses > 0 {
            self.keep(self.limit.max(self.pauses * 2));
        }
    }

    fn keep(&self, rounds: u32) {
        let count = self.spin.load(Ordering::Relaxed) % PROBE_EVERY;
        let rounds = rounds.clamp(LEAST_PAUSES, MOST_PAUSES);
        self.spin.store(rounds * PROBE_EVERY + (count + 1) % PROBE_EVERY, Ordering::Relaxed);
    }
}
