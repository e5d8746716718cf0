//! Giving where others wait for it: what is given, and what becomes of the head of the queue, are one step
//! under the lock. The orderings are those of `core.rs`.
//!
//! A giver that finds no waiter adds to the word, and is gone (`entry.rs`). One that knows before it gives
//! that others wait comes here: to add first, and to take it away again for the head under the lock, would be
//! two exchanges of the word more than the matter needs.

use crate::engine::core::{Core, Locked};
use crate::engine::sync::Ordering;
use crate::engine::waiters::{Queue, Stage, Wake, call};
use crate::engine::word::{Entry, Word};
use crate::state::Side;

impl Core {
    /// Gives what waiters of `side` take. The lock must not be held.
    #[cold]
    #[inline(never)]
    pub(super) fn hand_back(&self, change: u64, side: Side) {
        let mut queues = self.lock();
        if let Some(wake) = self.hand_to_head(&mut queues[side as usize], change, side) {
            drop(queues);
            return call(wake);
        }
        let given = self.hand_over(queues, side, |word| Entry::Go(word.plus(change)));
        debug_assert!(given.is_ok(), "nothing refuses what is given");
    }

    /// The head gets just what is given, and others wait behind it: then all of it would leave the word as it
    /// was, and the permits go from hand to hand, with the stage of the node (C14), as `hand_over` has it in
    /// full.
    #[inline(always)]
    fn hand_to_head(&self, queue: &mut Queue, change: u64, side: Side) -> Option<Wake> {
        let head = queue.head()?;
        let word = self.word();
        let suffices = head.is_polled && queue.len() > 1 && head.act.reserve(head.n).wrapping_add(change) == 0;
        // Nothing more is at hand, so that nothing is left for the next one. If this is an old value, those
        // who have given since are on their way (I6); the flags are the lock's.
        let alone = word.needs_serving(side) && !word.closed() && word.at_hand(side) == 0;
        let granted = suffices && alone && !self.may_be_passed(queue, &head, side);
        granted.then(|| queue.pop(Stage::Granted))
    }

    /// Does what makes the next word of the one that it is given, and serves the waiters of `side`, whom it
    /// feeds: what is given and what becomes of the head are one exchange of the word, or none, if they add
    /// up to nothing. Unlocks.
    pub(super) fn hand_over<'a>(
        &'a self,
        mut queues: Locked<'a>,
        side: Side,
        change: impl Fn(Word) -> Entry,
    ) -> Result<(), Entry> {
        let queue = &mut queues[side as usize];
        let head = queue.head();
        let last = queue.len() == 1;
        let may_be_passed = head.as_ref().is_some_and(|head| self.may_be_passed(queue, head, side));
        let mut word = self.word();
        let (stage, after) = loop {
            let given = match change(word) {
                Entry::Go(given) => given,
                other => return Err(other),
            };
            let (stage, next) = match &head {
                Some(head) => self.decide(given, side, head, last, may_be_passed),
                None => (Stage::Waiting, given.with_queued(side, false)),
            };
            if next == word {
                // As in `update`: if this was an old value, those who have given since are on their way (I6).
                break (stage, next);
            }
            // AcqRel: as in `update`.
            match self.word.compare_exchange_weak(word.0, next.0, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => break (stage, next),
                Err(seen) => word = Word(seen),
            }
        };
        let wake = match (stage, &head) {
            (_, None) => None,
            (Stage::Waiting, Some(head)) => {
                self.mind_the_large(queue, head, after, side);
                None
            }
            (Stage::Notified, _) => Some(queue.notify()),
            (stage, _) => Some(queue.pop(stage)),
        };
        if after.at_rest() {
            drop(queues);
            wake.into_iter().for_each(call);
        } else {
            self.wake_while(queues, wake, |queues| self.serve_one(queues));
        }
        Ok(())
    }
}
