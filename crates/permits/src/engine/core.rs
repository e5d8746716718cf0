//! The engine behind [`Semaphore`](crate::Semaphore): the word, the lock of the two queues, and what happens
//! between them.
//!
//! Fast paths are one compare-exchange on the word (`entry.rs`; `word.rs` says what is in it). Everything else
//! happens under the lock; I1 to I6 are the invariants of `waiters/mod.rs`.
//!
//! # Orderings of the word
//!
//! Taking is Acquire, giving is Release, what does both is both: the giver's Release pairs with the taker's
//! Acquire, and what travels is all that the giver did before (C14). In between there are read-modify-writes
//! only, which keep the release sequence unbroken. The flags and budgets travel with the counts in the same
//! word, and the queues are the lock's, so that no two locations ever need one order, and nothing here is
//! SeqCst.

use crate::engine::awake::Spin;
use crate::engine::sync::{AtomicU32, AtomicU64, Mutex, MutexGuard, Ordering, const_unless_modelled, ticks};
use crate::engine::waiters::{Head, Node, Queue, Refused, Stage, Wake, Wakes};
use crate::engine::word::{self, Entry, Manner, Word};
use crate::error::refusal::Refusal;
use crate::state::{Side, State};
use std::pin::{Pin, pin};
use std::sync::PoisonError;
use std::time::Duration;

/// How long a head may be passed. A head that others are passing for longer gets the next permits that fit.
///
/// The bound counts passings, and so says nothing about time when permits are held for long; this does. A
/// millisecond is some 20 hand-overs between sleeping threads, so that handing over costs a few per cent at
/// most, and is what parking_lot and Go's mutex settled on too.
pub(crate) const PASSED_FOR_AT_MOST: Duration = Duration::from_millis(1);

pub(crate) struct Core {
    pub(super) word: AtomicU64,
    /// Written under the lock, together with the word; read anywhere.
    max: AtomicU32,
    /// How often a waiter may be passed (C8); 0 is `fair`.
    bound: u32,
    pub(crate) spin: Spin,
    queues: Mutex<Queues>,
}

pub(crate) type Queues = [Queue; 2];
pub(crate) type Locked<'a> = MutexGuard<'a, Queues>;

/// How an arrival under the lock went.
pub(crate) enum Arrival {
    Done,
    Queued,
    Refused(Refusal),
}

/// How a woken thread's try went.
pub(crate) enum Contest {
    /// It has its permits; drop the waker after unlocking.
    Won(Option<Wake>),
    Lost,
}

impl Core {
    const_unless_modelled! {
        pub(crate) fn new(max: u32, bound: u32) -> Core {
            Core {
                word: AtomicU64::new(Word::new(max).0),
                max: AtomicU32::new(max),
                bound,
                spin: Spin::new(),
                queues: Mutex::new([Queue::new(), Queue::new()]),
            }
        }
    }

    #[inline]
    pub(crate) fn bound(&self) -> u32 {
        self.bound
    }

    /// The word as it was at some instant.
    #[inline]
    pub(crate) fn word(&self) -> Word {
        // Acquire: pairs with every Release store of the word, so that what is read here may be acted on.
        Word(self.word.load(Ordering::Acquire))
    }

    #[inline]
    pub(crate) fn max(&self) -> u32 {
        // Relaxed: a reading; who needs it together with the word holds the lock.
        self.max.load(Ordering::Relaxed)
    }

    /// Changes the word with the lock held, and tells what it was. AcqRel: flags travel both ways, and a
    /// grant passes on what was given (C14).
    fn update(&self, f: impl Fn(Word) -> Word) -> Word {
        let mut word = self.word();
        loop {
            let next = f(word);
            if next == word {
                // Even if this was an old value: whoever has given since saw the Q flag, and is on the way to
                // the lock (I6).
                return word;
            }
            match self.word.compare_exchange_weak(word.0, next.0, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return word,
                Err(seen) => word = Word(seen),
            }
        }
    }

    pub(crate) fn lock(&self) -> Locked<'_> {
        // Nothing panics under the lock but asserts about broken invariants, and the queues are whole between
        // any two lines.
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The stamp with which a newcomer that passes no waiter queues, where that takes no exchange since the
    /// flag is set. What `arrive` decides about most tasks, without what it needs for the others.
    #[inline(always)]
    pub(crate) fn stamp_under_flag(&self, queues: &Queues, node: Pin<&Node>) -> Option<u32> {
        let side = node.act().side();
        let word = self.word();
        let waits = word.queued(side) && !word.closed() && node.count() <= self.max();
        waits.then(|| stamp(&queues[side as usize], word, side))
    }

    /// A newcomer with the lock held: goes ahead, or is refused, or queues. `wake` is taken only if it
    /// queues.
    pub(crate) fn arrive(
        &self,
        queues: &mut Queues,
        node: Pin<&Node>,
        manner: Manner,
        wake: &mut Option<Wake>,
    ) -> Arrival {
        let (act, n) = (node.act(), node.count());
        let side = act.side();
        let mut word = self.word();
        loop {
            let (next, queue_up) = match word.enter(act, n, manner) {
                Entry::Go(next) => (next, false),
                Entry::Ask if self.deal(queues, side) => {
                    word = self.word();
                    continue;
                }
                Entry::Closed => return Arrival::Refused(Refusal::Closed),
                Entry::Wait | Entry::Ask if n > self.max() => {
                    return Arrival::Refused(Refusal::TooMany { requested: n, max: self.max() });
                }
                // The flag is set by an exchange of the very word that told to wait: a giver comes either
                // before it, and makes it fail, or after it, and sees the flag, and then waits for the lock
                // to serve (I4, I6).
                Entry::Wait | Entry::Ask => (word.with_queued(side, true), true),
            };
            if next == word {
                // The flag is set already, and there to stay while the lock is held.
                break;
            }
            match self.word.compare_exchange(word.0, next.0, Ordering::AcqRel, Ordering::Acquire) {
                Err(seen) => word = Word(seen),
                Ok(_) if queue_up => break,
                Ok(_) => return Arrival::Done,
            }
        }
        let queue = &mut queues[side as usize];
        let stamp = stamp(queue, word, side);
        queue.push(node, wake.take().expect("a waker to queue with"), stamp);
        Arrival::Queued
    }

    /// More budget for passing, if the head's bound and patience allow: `false` means that newcomers queue.
    pub(crate) fn deal(&self, queues: &mut Queues, side: Side) -> bool {
        if self.word().budget(side) > 0 {
            // Somebody else has asked in the meantime.
            return true;
        }
        let queue = &mut queues[side as usize];
        let Some(head) = queue.head() else {
            // The last one has left, and its flag with it now (I4).
            self.update(|word| word.with_queued(side, false));
            return true;
        };
        let more = self.allowance(queue, &head).min(word::MAX_BUDGET);
        if more == 0 || head.starved || self.patience_is_over(queue, &head) {
            return false;
        }
        queue.dealt = queue.dealt.wrapping_add(more);
        // Only the lock's holder adds, so it is zero still.
        self.update(|word| word.with_budget(side, more));
        true
    }

    /// How often the head may yet be passed, once the budget in the word is used up.
    fn allowance(&self, queue: &Queue, head: &Head) -> u32 {
        self.bound.saturating_sub(queue.dealt.wrapping_sub(head.stamp))
    }

    /// Has the head been passed for longer than [`PASSED_FOR_AT_MOST`]? The first to ask starts the clock.
    fn patience_is_over(&self, queue: &mut Queue, head: &Head) -> bool {
        let ticks = ticks();
        match head.passed.for_micros(ticks) {
            None => {
                queue.passed_since(ticks);
                false
            }
            Some(micros) if micros < PASSED_FOR_AT_MOST.as_micros() as u32 => false,
            Some(_) => {
                queue.starve();
                true
            }
        }
    }

    /// Serves both queues to a fixed point, then wakes those who were served. The lock must not be held.
    #[cold]
    #[inline(never)]
    pub(crate) fn serve(&self) {
        self.serve_and_unlock(self.lock());
    }

    /// Does what I6 asks for, and unlocks. Runs wakers, with the lock free.
    pub(crate) fn serve_and_unlock<'a>(&'a self, queues: Locked<'a>) {
        if self.word().at_rest() {
            return;
        }
        self.wake_while(queues, None, |queues| self.serve_one(queues));
    }

    /// Wakes `first` and the waiters that `next` takes off the queues, until none is left, and releases the
    /// lock for every batch.
    pub(super) fn wake_while<'a>(
        &'a self,
        mut queues: Locked<'a>,
        mut first: Option<Wake>,
        next: impl Fn(&mut Queues) -> Option<Wake>,
    ) {
        loop {
            let mut wakes = Wakes::new();
            if let Some(wake) = first.take() {
                wakes.push(wake);
            }
            while !wakes.is_full() {
                let Some(wake) = next(&mut queues) else { break };
                wakes.push(wake);
            }
            let again = wakes.is_full();
            drop(queues);
            wakes.wake_all();
            if !again {
                break;
            }
            queues = self.lock();
        }
    }

    pub(super) fn serve_one(&self, queues: &mut Queues) -> Option<Wake> {
        Side::BOTH.into_iter().find_map(|side| self.serve_head(&mut queues[side as usize], side))
    }

    /// The head of one side is granted its permits, or told that there are some, or refused; `None` if it has
    /// to wait.
    fn serve_head(&self, queue: &mut Queue, side: Side) -> Option<Wake> {
        let Some(head) = queue.head() else {
            // It may have outlived the last one (I4).
            self.update(|word| word.with_queued(side, false));
            return None;
        };
        let last = queue.len() == 1;
        let may_be_passed = self.may_be_passed(queue, &head, side);
        let decide = |word: Word| self.decide(word, side, &head, last, may_be_passed);
        let before = self.update(|word| decide(word).1);
        Some(match decide(before).0 {
            Stage::Waiting => {
                self.mind_the_large(queue, &head, before, side);
                return None;
            }
            Stage::Notified => queue.notify(),
            stage => queue.pop(stage),
        })
    }

    /// A head that asks for more than there is, while smaller ones pass it, is never woken to find out how
    /// long that has been going on: a thread that gives permits and cannot serve it looks at the clock for
    /// it.
    pub(super) fn mind_the_large(&self, queue: &mut Queue, head: &Head, word: Word, side: Side) {
        let being_passed = word.budget(side) > 0 && !word.fits(side, head.n);
        if being_passed && self.patience_is_over(queue, head) {
            self.stop_passing(queue, side);
        }
    }

    /// What becomes of the head, and of the word with it.
    pub(super) fn decide(&self, word: Word, side: Side, head: &Head, last: bool, may_be_passed: bool) -> (Stage, Word) {
        let fits = word.fits(side, head.n);
        let off = word.with_queued(side, !last).with_waking(side, false);
        if word.closed() && !(fits && side == Side::Release) {
            (Stage::Closed, off)
        } else if !fits || (word.waking(side) && !word.closed()) {
            (Stage::Waiting, word)
        } else if may_be_passed && !word.closed() {
            (Stage::Notified, word.with_waking(side, true))
        } else if head.is_polled {
            (Stage::Granted, off.plus(head.act.reserve(head.n)))
        } else {
            (Stage::Granted, off.plus(head.act.whole(head.n)))
        }
    }

    pub(super) fn may_be_passed(&self, queue: &Queue, head: &Head, side: Side) -> bool {
        let by_its_kind = self.bound > 0 && !head.is_task && !head.starved;
        by_its_kind && (self.word().budget(side) > 0 || self.allowance(queue, head) > 0)
    }

    /// A notified head takes its permits by itself, or finds that it came too late and waits on. Call
    /// `serve_and_unlock` next.
    pub(crate) fn contest(&self, queues: &mut Queues, node: Pin<&Node>) -> Contest {
        let side = node.act().side();
        let queue = &mut queues[side as usize];
        debug_assert!(node.stage() == Stage::Notified && queue.is_head(&node), "I5");
        let last = queue.len() == 1;
        let fits = |word: Word| word.fits(side, node.count());
        // Both ends of it are one exchange: if it is too late, the W flag goes while it is seen that there is
        // nothing, so that the next giver wakes again.
        let before = self.update(|word| {
            let calm = word.with_waking(side, false);
            if fits(word) { calm.with_queued(side, !last).plus(node.act().whole(node.count())) } else { calm }
        });
        if fits(before) {
            return Contest::Won(queue.remove(node));
        }
        queue.recall();
        let head = queue.head().expect("the caller's node is there");
        if self.patience_is_over(queue, &head) {
            self.stop_passing(queue, side);
        }
        Contest::Lost
    }

    /// Takes the budget that is left out of the word: from here on newcomers have to ask, and the starved
    /// head says no.
    fn stop_passing(&self, queue: &mut Queue, side: Side) {
        let before = self.update(|word| word.with_budget(side, 0));
        queue.dealt = queue.dealt.wrapping_sub(before.budget(side));
    }

    /// Takes the caller's own node out of its queue, granted or not, undoes what was granted, and serves the
    /// waiters that may go on now. The caller must drop the returned waker with the lock free.
    #[inline(always)]
    pub(crate) fn withdraw(&self, mut queues: Locked<'_>, node: Pin<&Node>) -> Option<Wake> {
        if node.stage() != Stage::Waiting {
            return self.withdraw_told(queues, node);
        }
        let side = node.act().side();
        let queue = &mut queues[side as usize];
        let was_head = queue.is_head(&node);
        let wake = queue.remove(node);
        // Who leaves from behind the head changes nothing for anybody. Nor does the head where nothing is at
        // hand; not even the flag then, if it was the last: the next to give will clear it (I4).
        if was_head && !self.word().side_at_rest(side) {
            self.serve_and_unlock(queues);
        }
        wake
    }

    /// The same for a node that does not wait as it did when it queued.
    #[cold]
    #[inline(never)]
    fn withdraw_told(&self, mut queues: Locked<'_>, node: Pin<&Node>) -> Option<Wake> {
        let side = node.act().side();
        let queue = &mut queues[side as usize];
        match node.stage() {
            Stage::Granted => {
                // A reservation that was never completed goes back where it came from (C10).
                self.update(|word| word.plus(node.act().reserve(node.count()).wrapping_neg()));
                node.set_stage(Stage::Idle);
                self.serve_and_unlock(queues);
                None
            }
            Stage::Refusing => {
                let refusal = queue.leave_refused(node);
                node.set_stage(Stage::Idle);
                refusal
            }
            Stage::Notified => {
                // Woken, and gone without a look: whoever is next has to be woken in its place.
                let wake = queue.remove(node);
                let empty = queue.len() == 0;
                self.update(|word| word.with_queued(side, !empty).with_waking(side, false));
                self.serve_and_unlock(queues);
                wake
            }
            Stage::Waiting | Stage::Idle | Stage::Closed | Stage::TooMany => {
                node.set_stage(Stage::Idle);
                None
            }
        }
    }

    /// C12.
    pub(crate) fn close(&self) {
        let queues = self.lock();
        self.update(Word::close);
        self.serve_and_unlock(queues);
    }

    /// C13. `f` makes the new bound of the old one; the answer is checked by the caller through `f`'s own
    /// error.
    pub(crate) fn resize<E>(&self, f: impl FnOnce(u32) -> Result<u32, E>) -> Result<(), E> {
        let mut queues = self.lock();
        let old = self.max();
        let new = f(old)?;
        self.max.store(new, Ordering::Relaxed);
        self.update(|word| word.resized(new as i32 - old as i32));
        if new >= old {
            self.serve_and_unlock(queues);
            return Ok(());
        }
        let refused = pin!(Refused::new());
        let refused = refused.as_ref();
        for side in Side::BOTH {
            let queue = &mut queues[side as usize];
            let same_head = queue.part(new, refused);
            let empty = queue.len() == 0;
            self.update(|word| {
                let waking = word.waking(side) && same_head;
                word.with_queued(side, !empty).with_waking(side, waking)
            });
        }
        self.wake_while(queues, None, |queues| self.serve_one(queues).or_else(|| refused.pop(queues)));
        Ok(())
    }

    /// C15: all readings at one instant. The bound and the queues change under the lock only; the counts are
    /// one word.
    pub(crate) fn read(&self, queues: &Queues) -> State {
        let (word, max) = (self.word(), self.max());
        let [acquirers, releasers] = queues;
        State {
            max_permits: max,
            available_permits: word.free().max(0).unsigned_abs(),
            given_out: (max as i32 - word.free()).unsigned_abs(),
            loose: word.loose(),
            waiting_acquirers: acquirers.len(),
            next_acquirer: acquirers.head().map_or(0, |head| head.n),
            waiting_releasers: releasers.len(),
            next_releaser: releasers.head().map_or(0, |head| head.n),
            closed: word.closed(),
        }
    }
}

/// The queue's count of passings. Read before a node is linked, so that a passing is counted once too often
/// rather than not at all.
#[inline(always)]
fn stamp(queue: &Queue, word: Word, side: Side) -> u32 {
    queue.dealt.wrapping_sub(word.budget(side))
}
