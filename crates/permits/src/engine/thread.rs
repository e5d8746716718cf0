//! How a thread waits: it looks for a moment, then it queues and sleeps (C16).

use crate::engine::awake::Awake;
use crate::engine::core::{Arrival, Contest, Core};
use crate::engine::sync::{current, now, park, park_until};
use crate::engine::waiters::{Node, Stage, Wake};
use crate::engine::word::{Act, Entry, Manner};
use crate::error::refusal::Refusal;
use std::pin::{Pin, pin};
use std::time::{Duration, Instant};

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

    #[cold]
    #[inline(never)]
    fn block(&self, act: Act, n: u32, patience: Patience) -> Result<(), Refusal> {
        let deadline = patience.deadline();
        let left = deadline.map(|deadline| deadline.saturating_duration_since(now()));
        if left.is_some_and(|left| left.is_zero()) {
            return match self.try_now(act, n) {
                Err(Refusal::NotNow { .. }) => Err(Refusal::TimedOut),
                other => other,
            };
        }
        // What is impossible must not be waited for (C7); it is the lock's holder who refuses it.
        if self.bound() > 0 && n <= self.max() && self.watch(act, n, deadline, left) {
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
        let mut awake = (self.bound() == 0).then(|| Awake::new(&self.spin, left));
        let mut has_parked = false;
        let outcome = loop {
            match node.stage() {
                Stage::Granted => {
                    if let Some(awake) = &mut awake {
                        awake.paid();
                    }
                    break Ok(());
                }
                Stage::Closed => break Err(Refusal::Closed),
                Stage::TooMany => break Err(node.too_many()),
                Stage::Refusing => break self.give_up(node),
                Stage::Notified => {
                    if self.take_notified(node) {
                        break Ok(());
                    }
                }
                Stage::Waiting | Stage::Idle => {
                    if deadline.is_some_and(|deadline| now() >= deadline) {
                        break self.give_up(node);
                    }
                    if awake.as_mut().is_some_and(Awake::again) {
                        continue;
                    }
                    awake = None;
                    has_parked = true;
                    match deadline {
                        None => park(),
                        Some(deadline) => park_until(deadline),
                    }
                }
            }
        };
        if has_parked {
            // A thread has one park token, for all that unpark it, and which of them parking has consumed
            // cannot be told. A token too many is a spurious return, which `park` may always make; one too
            // few is a wake-up that the program has lost.
            current().unpark();
        }
        outcome
    }

    /// Watches the word for a moment before the thread queues, and takes the permits if they come.
    fn watch(&self, act: Act, n: u32, deadline: Option<Instant>, left: Option<Duration>) -> bool {
        let mut awake = Awake::new(&self.spin, left);
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
