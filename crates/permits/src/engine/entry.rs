//! What needs no lock: a caller goes ahead by one exchange of the word, is refused by one look at it, or gives
//! back by one addition. The orderings are those of `core.rs`.
//!
//! The first step of each is compiled into its caller, with the act and mostly the count as constants, and is
//! all there is where nothing is in the way; the rest is a call.

use crate::engine::core::Core;
use crate::engine::sync::{MODELLED, Ordering, spin_loop};
use crate::engine::word::{Act, Entry, Manner, Word};
use crate::error::refusal::Refusal;
use crate::state::Side;

/// How many pauses a thread makes after its exchange failed for the first time, and at most; doubled in
/// between. Some 1 to 3 µs on the processors of today.
const FIRST_BACKOFF: u32 = if MODELLED { 0 } else { 32 };
const MOST_BACKOFF: u32 = 64;

impl Core {
    /// The word as a fast path reads it.
    #[inline(always)]
    fn glance(&self) -> Word {
        // Relaxed: the exchange that follows orders what it takes, and a refusal is confirmed under the lock or
        // is only a refusal.
        Word(self.word.load(Ordering::Relaxed))
    }

    /// Tries to go ahead without the lock.
    ///
    /// `Entry::Go` is never returned: then it has happened, and `Ok` is.
    #[inline(always)]
    pub(crate) fn enter(&self, act: Act, n: u32, manner: Manner) -> Result<(), Entry> {
        self.enter_at(self.glance(), act, n, manner)
    }

    #[inline(always)]
    fn enter_at(&self, word: Word, act: Act, n: u32, manner: Manner) -> Result<(), Entry> {
        match word.enter_uncrowded(act, n) {
            Some(Entry::Go(_)) if feeds_waiters(act, word) => return self.enter_and_serve(act, n, manner),
            Some(Entry::Go(next)) => match self.exchange(act, word, next) {
                Ok(()) => {}
                Err(seen) => return self.enter_contended(seen, act, n, manner),
            },
            Some(other) => return Err(other),
            None => return self.enter_from(word, FIRST_BACKOFF, act, n, manner),
        }
        Ok(())
    }

    /// After a first exchange that failed.
    #[cold]
    #[inline(never)]
    fn enter_contended(&self, seen: Word, act: Act, n: u32, manner: Manner) -> Result<(), Entry> {
        let mut pauses = FIRST_BACKOFF;
        let word = self.after_loss(seen, &mut pauses, manner);
        self.enter_from(word, pauses, act, n, manner)
    }

    #[inline(never)]
    fn enter_from(&self, mut word: Word, mut pauses: u32, act: Act, n: u32, manner: Manner) -> Result<(), Entry> {
        loop {
            let next = match word.enter(act, n, manner) {
                Entry::Go(_) if feeds_waiters(act, word) => return self.enter_and_serve(act, n, manner),
                Entry::Go(next) => next,
                other => return Err(other),
            };
            match self.exchange(act, word, next) {
                Ok(()) => return Ok(()),
                Err(seen) => word = self.after_loss(seen, &mut pauses, manner),
            }
        }
    }

    /// Goes ahead, if it still can, where that lets waiters through.
    #[cold]
    #[inline(never)]
    fn enter_and_serve(&self, act: Act, n: u32, manner: Manner) -> Result<(), Entry> {
        match act.feeds() {
            Some(side) => self.hand_over(self.lock(), side, |word| word.enter(act, n, manner)),
            None => unreachable!("it feeds no waiters"),
        }
    }

    /// The word to go on with after an exchange that failed.
    fn after_loss(&self, seen: Word, pauses: &mut u32, manner: Manner) -> Word {
        match manner {
            // A poll never spins (C16).
            Manner::Queuing => seen,
            Manner::Passing => self.back_off(pauses),
        }
    }

    /// A request for nothing succeeds at once (C7), except that an acquire on a closed semaphore fails (C12).
    pub(crate) fn nothing(&self, side: Side) -> Result<(), Refusal> {
        if side == Side::Acquire && self.word().closed() { Err(Refusal::Closed) } else { Ok(()) }
    }

    /// Where too few permits are at hand, one look at the word is all it takes.
    #[inline(always)]
    pub(crate) fn try_now(&self, act: Act, n: u32) -> Result<(), Refusal> {
        if n == 0 {
            return self.nothing(act.side());
        }
        match self.try_or_word(act, n) {
            Ok(()) => Ok(()),
            Err(word) => Err(self.refusal(word, act, n)),
        }
    }

    /// A try, or the word that refused it: that one comes in a register, while a [`Refusal`] would be made in
    /// memory and read again, and wait for its own stores.
    #[inline(always)]
    fn try_or_word(&self, act: Act, n: u32) -> Result<(), Word> {
        let word = self.glance();
        if !word.fits(act.side(), n) {
            return Err(word);
        }
        match self.enter_at(word, act, n, Manner::Passing) {
            Ok(()) => Ok(()),
            Err(entry) => self.try_on(entry, act, n),
        }
    }

    /// A try that found permits, and did not get them.
    #[cold]
    #[inline(never)]
    fn try_on(&self, mut entry: Entry, act: Act, n: u32) -> Result<(), Word> {
        // Ends: who is granted budget and finds it used up by others has seen them go ahead.
        while entry == Entry::Ask && self.bound() > 0 && self.ask(act.side()) {
            match self.enter(act, n, Manner::Passing) {
                Ok(()) => return Ok(()),
                Err(other) => entry = other,
            }
        }
        Err(self.glance())
    }

    /// Why a try has failed that found that word.
    #[inline(always)]
    fn refusal(&self, word: Word, act: Act, n: u32) -> Refusal {
        if word.closed() {
            return Refusal::Closed;
        }
        // One permit there always is (C2, C13), so that a request for one need not look.
        if n > 1 && n > self.max() {
            return Refusal::TooMany { requested: n, max: self.max() };
        }
        Refusal::NotNow { requested: n, at_hand: word.at_hand(act.side()).max(0).unsigned_abs() }
    }

    #[cold]
    fn ask(&self, side: Side) -> bool {
        self.deal(&mut self.lock(), side)
    }

    /// Leaves the word's cache line for a while to the thread that has it. That thread does many operations
    /// in the time that two threads that fight for the line need for one, and is out of the way sooner.
    #[cold]
    fn back_off(&self, pauses: &mut u32) -> Word {
        for _ in 0..*pauses {
            spin_loop();
        }
        *pauses = (*pauses * 2).min(MOST_BACKOFF);
        Word(self.word.load(Ordering::Relaxed))
    }

    #[inline(always)]
    fn exchange(&self, act: Act, word: Word, next: Word) -> Result<(), Word> {
        let success = match act {
            // Pairs with the Release of `give`, and of the exchanges of the other acts.
            Act::Take => Ordering::Acquire,
            // Acquire as above; Release pairs with the Acquire of the request on the other side that this one
            // lets through.
            Act::TakeLoose | Act::Return => Ordering::AcqRel,
        };
        match self.word.compare_exchange_weak(word.0, next.0, success, Ordering::Relaxed) {
            Ok(_) => Ok(()),
            Err(seen) => Err(Word(seen)),
        }
    }

    /// `give` for a caller that has waited itself: others wait still, most likely, and so it looks before it
    /// gives. (To look is a price where threads pass the word's cache line to and fro.)
    #[cold]
    #[inline(never)]
    pub(crate) fn give_in_crowd(&self, change: u64, feeds: Side) {
        if !self.glance().needs_serving(feeds) {
            return self.give(change, feeds);
        }
        self.hand_back(change, feeds);
    }

    /// A guard's permits come back (C5), or become loose (C6). Waits for nothing, cannot fail.
    #[inline(always)]
    pub(crate) fn give(&self, change: u64, feeds: Side) {
        // Release: pairs with the Acquire of whoever takes these permits. Adding needs no loop: see `word.rs`
        // for why nothing overflows.
        let before = Word(self.word.fetch_add(change, Ordering::Release));
        if before.needs_serving(feeds) {
            self.serve();
        }
    }
}

/// Whether an act that changes `word` may let waiters through. To know it beforehand is as good as after it:
/// the act is an exchange of this very word.
#[inline(always)]
fn feeds_waiters(act: Act, word: Word) -> bool {
    act.feeds().is_some_and(|side| word.needs_serving(side))
}

#[cfg(all(test, not(any(permits_loom, permits_shuttle))))]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    const LONG: Duration = Duration::from_secs(10);

    /// What a try of `n` answers while another thread has the lock of the queues.
    fn try_beside_the_lock(core: &Arc<Core>, act: Act, n: u32) -> Result<(), Refusal> {
        let lock = core.lock();
        let (answer, answered) = mpsc::channel();
        let trying = Arc::clone(core);
        let thread = thread::spawn(move || answer.send(trying.try_now(act, n)));
        let answer = answered.recv_timeout(LONG).expect("it does not wait for the lock");
        drop(lock);
        thread.join().unwrap().unwrap();
        answer
    }

    #[test]
    fn a_try_that_fails_for_want_of_permits_takes_no_lock() {
        for bound in [0, 9] {
            let core = Arc::new(Core::new(2, bound));
            assert_eq!(core.try_now(Act::Take, 1), Ok(()));

            let too_few = try_beside_the_lock(&core, Act::Take, 2);
            let too_many = try_beside_the_lock(&core, Act::Take, 3);
            let none_loose = try_beside_the_lock(&core, Act::Return, 1);

            assert_eq!(too_few, Err(Refusal::NotNow { requested: 2, at_hand: 1 }));
            assert_eq!(too_many, Err(Refusal::TooMany { requested: 3, max: 2 }));
            assert_eq!(none_loose, Err(Refusal::NotNow { requested: 1, at_hand: 0 }));
        }
    }

    #[test]
    fn a_try_that_fails_on_a_closed_core_says_so_before_anything_else() {
        let core = Core::new(2, 0);
        core.close();

        for n in [1, 2, 3] {
            assert_eq!(core.try_now(Act::Take, n), Err(Refusal::Closed), "{n}");
            assert_eq!(core.try_now(Act::Return, n), Err(Refusal::Closed), "{n}");
        }
    }
}
