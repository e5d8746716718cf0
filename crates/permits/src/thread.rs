//! How a thread waits: it looks for a moment, then it queues and sleeps (C16).

use crate::core::{Arrival, Contest, Core};
use crate::error::Refusal;
use crate::state::{Act, Entry, Manner};
use crate::sync::{Ordering, current, now, park, park_until, spin_loop};
use crate::waiters::{Node, Stage, Wake};
use std::pin::{Pin, pin};
use std::time::{Duration, Instant};

/// Where the adaptive spinning starts, in rounds.
pub(crate) const FIRST_SPIN: u32 = if cfg!(permits_loom) { 0 } else { 64 };
const MOST_SPIN: u32 = 200;

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
        match self.enter(act, n, Manner::Passing) {
            Ok(()) => Ok(()),
            Err(Entry::Closed) => Err(Refusal::Closed),
            Err(entry) => self.try_harder(act, n, entry),
        }
    }

    fn try_harder(&self, act: Act, n: u32, entry: Entry) -> Result<(), Refusal> {
        let (word, max) = (self.word(), self.max());
        if n > max {
            return Err(Refusal::TooMany { requested: n, max });
        }
        if entry == Entry::Ask && self.bound() > 0 && self.deal(&mut self.lock(), act.side()) {
            return self.try_now(act, n);
        }
        Err(Refusal::NotNow { requested: n, at_hand: word.at_hand(act.side()).max(0).unsigned_abs() })
    }

    #[cold]
    #[inline(never)]
    fn block(&self, act: Act, n: u32, patience: Patience) -> Result<(), Refusal> {
        let deadline = patience.deadline();
        if deadline.is_some_and(|deadline| now() >= deadline) {
            return match self.try_now(act, n) {
                Err(Refusal::NotNow { .. }) => Err(Refusal::TimedOut { requested: n, state: self.read(&self.lock()) }),
                other => other,
            };
        }
        if self.bound() > 0 && self.spin_for(act, n) {
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
        loop {
            match node.stage() {
                Stage::Granted => return Ok(()),
                Stage::Closed => return Err(Refusal::Closed),
                Stage::TooMany => return Err(Refusal::TooMany { requested: n, max: self.max() }),
                Stage::Notified => {
                    if self.take_notified(node) {
                        return Ok(());
                    }
                }
                Stage::Waiting | Stage::Idle => match deadline {
                    None => park(),
                    Some(deadline) if now() < deadline => park_until(deadline),
                    Some(_) => return self.give_up(node),
                },
            }
        }
    }

    /// Watches the word for as long as that has paid lately, and takes the permits if they come.
    fn spin_for(&self, act: Act, n: u32) -> bool {
        // Relaxed, here and below: a guess that nothing depends on.
        let limit = self.spin.load(Ordering::Relaxed);
        let mut rounds = 0;
        while rounds < limit {
            spin_loop();
            rounds += 1;
            match self.enter(act, n, Manner::Passing) {
                Ok(()) => {
                    self.spin.store((limit + limit / 8 + 1).min(MOST_SPIN), Ordering::Relaxed);
                    return true;
                }
                Err(Entry::Wait) => {}
                Err(_) => return false,
            }
        }
        self.spin.store(limit - limit / 8, Ordering::Relaxed);
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
        let requested = node.count();
        let mut queues = self.lock();
        let wake = match node.stage() {
            Stage::Granted => return Ok(()),
            Stage::Closed => return Err(Refusal::Closed),
            Stage::TooMany => return Err(Refusal::TooMany { requested, max: self.max() }),
            Stage::Notified => match self.contest(&mut queues, node) {
                Contest::Won(wake) => {
                    self.serve_and_unlock(queues);
                    drop(wake);
                    return Ok(());
                }
                Contest::Lost => self.withdraw(&mut queues, node),
            },
            Stage::Waiting | Stage::Idle => self.withdraw(&mut queues, node),
        };
        let state = self.read(&queues);
        self.serve_and_unlock(queues);
        drop(wake);
        Err(Refusal::TimedOut { requested, state })
    }
}
