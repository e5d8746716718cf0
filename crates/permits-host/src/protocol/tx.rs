//! Changes several words of a shared file at once, even if processes die or are stopped in the middle of it.
//!
//! # The problem
//!
//! A semaphore in a file is a count, a queue, and the permits of each holder. One step changes several of
//! them, and a process can be killed between any two instructions, or be stopped there for a day. A lock over
//! all of it would have to be taken away from dead processes, their half-done work would have to be repaired,
//! and no process could go on while the owner is stopped.
//!
//! # The idea
//!
//! 1. The state is never changed in place. It stands in a *record*; a word called the *root* says which
//!    record is the state.
//! 2. To change something, a process reads the state, writes another record in its own seat, and moves the
//!    root there by one compare-exchange. That is the commit: before it nothing has happened, after it
//!    everything has. If the root moved first, it starts anew.
//! 3. What does not fit into a record (links of the queue, what a seat holds) stands in *tagged words*. The
//!    record lists the changes to them: where, the old value, the new value. They are made after the commit,
//!    by compare-exchange from the old to the new.
//! 4. Before a process reads anything, it makes all changes of the present record that are not made yet. So a
//!    change is made by its owner, or by the next process, and never twice.
//! 5. A tag is the low half of the number of the commit that wrote the word, so a word never returns to an
//!    old value, and a process that is too late with a change finds another value and leaves it.
//!
//! No process waits for another: a commit fails only if another succeeded. This is a multi-word
//! compare-and-swap in the manner of Harris, Fraser and Pratt (A Practical Multi-Word Compare-and-Swap
//! Operation, DISC 2002), made simple by having one place where all commits meet.
//!
//! # What must stay true
//!
//! - **T1** A record is written only by the live owner of its seat, and only while the root does not name it.
//! - **T2** The root moves only by compare-exchange, and its number grows by one each time.
//! - **T3** When the root moves on, all changes of the record that it leaves have been made.
//! - **T4** A tagged word is changed only as a record's change says, from exactly what was read in that
//!   commit's state.
//! - **T5** What is read in a transaction counts only if the root still is what it was after the reading.
//!
//! T3 and T5 make every transaction see one state, and T2 makes it the last one when it commits. From T4 and
//! the tags: a change is made once. The one liberty: the owner makes the change of its own seat's `OWN` word
//! by a plain store. No other process's commits change that word while the owner lives, so a store can only
//! meet a helper that writes the same.
//!
//! # What it gives up
//!
//! A process that writes nonsense spoils the semaphore for all, as with any shared memory; whatever is read
//! is checked, and leads to an error. Tags have 32 bits: a helper stopped for a multiple of 2^32 commits, to
//! the very one, before a word that was last written by a commit of the same tag with the same value, would
//! make an old change again. Numbers of commits have 48 bits, records 16.

use crate::crash::{Point, point};
use crate::protocol::book::{Book, Quick};
use crate::protocol::layout::{self, SEATS, TOTAL, header, record, seat};
use crate::protocol::turn::Memo;
use crate::sync::{AtomicU64, Ordering, back_off, fence};

/// Of who only looks.
const NO_SEAT: usize = usize::MAX - 1;

/// How many looks at one state are tried before parts of several states are enough for a reader.
const STRICT_LOOKS: u32 = 300;

/// Why a transaction could not be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The root moved: what was read is of no use.
    Stale,
    /// The file says what no run of this code can have written.
    Damaged(&'static str),
}

/// What a transaction comes to.
pub(crate) enum Outcome<T> {
    /// To be written down.
    Commit(T),
    /// It was enough to look.
    Keep(T),
}

/// The file as words.
#[derive(Clone, Copy)]
pub(crate) struct Store<'m> {
    words: &'m [AtomicU64],
    /// Nothing may be written, so changes that are not made are looked at as if they were.
    only_reads: bool,
    /// A state that was found damaged will do.
    despite_damage: bool,
}

/// A change of a tagged word: where, the old value, the new value.
#[derive(Clone, Copy, Default)]
struct Change {
    at: usize,
    old: u64,
    new: u64,
}

/// One try at a transaction.
pub(crate) struct Tx<'m> {
    store: Store<'m>,
    root: u64,
    /// Whose transaction it is.
    pub(crate) seat: usize,
    /// The state: the old one, and the new one.
    pub(crate) book: Book,
    /// The time, in nanoseconds of a clock that goes on while the host is suspended and begins with its boot.
    /// Only starts that are spaced need it: without it there is none of them (S1).
    pub(crate) now: Option<u64>,
    /// What is read has to be of one state (T5).
    strict: bool,
    changes: [Change; record::MOST_CHANGES],
    length: usize,
}

/// The record that a root names. Records of all seats are numbered through, two a seat.
fn record_of(root: u64) -> Result<usize, Trouble> {
    let number = (root & 0xffff) as usize;
    if number < 2 * SEATS { Ok(number) } else { Err(Trouble::Damaged("its root names no record")) }
}

fn tag(root: u64) -> u64 {
    (root >> 16) << 32
}

impl<'m> Store<'m> {
    pub(crate) fn new(words: &'m [AtomicU64]) -> Self {
        assert!(words.len() >= TOTAL, "a mapping has the length of the file");
        Store { words, only_reads: false, despite_damage: false }
    }

    /// The same, for what gives back or repairs.
    #[inline]
    pub(crate) fn despite_damage(self) -> Self {
        Store { despite_damage: true, ..self }
    }

    /// One that nothing is written to.
    pub(crate) fn to_read(words: &'m [AtomicU64]) -> Self {
        Store { only_reads: true, ..Store::new(words) }
    }

    /// A word that is not tagged, or one that is looked at outside of a transaction.
    #[inline]
    pub(crate) fn word(&self, at: usize) -> &'m AtomicU64 {
        &self.words[at]
    }

    /// The value of a tagged word, as it is now.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the tag is cut off")]
    pub(crate) fn peek(&self, at: usize) -> u32 {
        // Acquire: pairs with the Release of the change that wrote it. What its commit saw has happened
        // before what follows.
        self.words[at].load(Ordering::Acquire) as u32
    }

    /// Writes the first state into memory that no other process knows.
    #[cfg(permits_loom)]
    pub(crate) fn found(&self, book: &Book) {
        // Relaxed: others get to know the memory by other means. No changes follow.
        for (offset, word) in book.pack().into_iter().enumerate() {
            self.words[layout::record(0) + record::BOOK + offset].store(word, Ordering::Relaxed);
        }
        self.words[header::ROOT].store(1 << 16, Ordering::Relaxed);
    }

    /// The words that the last commits of a seat changed, as far as that can be seen: others may be writing
    /// there.
    pub(crate) fn changed_by(&self, seat: usize) -> impl Iterator<Item = usize> + '_ {
        [2 * seat, 2 * seat + 1].into_iter().flat_map(move |number| {
            let at = layout::record(number);
            // Relaxed: a hint.
            let length = self.words[at + record::CHANGES].load(Ordering::Relaxed) & record::CHANGES_MASK;
            (0..record::MOST_CHANGES.min(length as usize)).map(move |number| {
                let at = at + record::FIRST_CHANGE + 3 * number;
                usize::try_from(self.words[at].load(Ordering::Relaxed)).unwrap_or(usize::MAX)
            })
        })
    }

    /// Runs `act` on the state until its outcome is that of one instant, and commits it from `seat`, the
    /// caller's own, if `act` asks for that. `memo` belongs to the caller, whose turn it is.
    ///
    /// `act` may be run several times, and may be shown nothing but states that have been; it must not do
    /// anything but read and write through the transaction.
    #[inline]
    pub(crate) fn transact<T>(
        &self,
        seat: usize,
        memo: &Memo,
        mut act: impl FnMut(&mut Tx<'m>) -> Result<Outcome<T>, Trouble>,
    ) -> Result<T, &'static str> {
        let mut failures = 0;
        loop {
            match self.attempt(seat, memo, &mut act) {
                Ok(Some(value)) => return Ok(value),
                Err(Trouble::Damaged(what)) => return Err(what),
                Ok(None) | Err(Trouble::Stale) => {
                    failures += 1;
                    back_off(failures);
                }
            }
        }
    }

    /// Looks at one state.
    pub(crate) fn look<T>(&self, act: impl FnMut(&mut Tx<'m>) -> Result<T, Trouble>) -> Result<T, &'static str> {
        self.look_so(act, u32::MAX)
    }

    /// Looks at one state, or, if it never stands still for as long as that takes, at parts of several states
    /// close to each other.
    pub(crate) fn look_roughly<T>(
        &self,
        act: impl FnMut(&mut Tx<'m>) -> Result<T, Trouble>,
    ) -> Result<T, &'static str> {
        self.look_so(act, STRICT_LOOKS)
    }

    /// Looks at one state, unless it never stands still for as long as that takes.
    pub(crate) fn look_briefly<T>(
        &self,
        mut act: impl FnMut(&mut Tx<'m>) -> Result<T, Trouble>,
    ) -> Result<Option<T>, &'static str> {
        for failures in 0..STRICT_LOOKS {
            match self.begin(0).and_then(|mut tx| act(&mut tx)) {
                Ok(value) => return Ok(Some(value)),
                Err(Trouble::Damaged(what)) => return Err(what),
                Err(Trouble::Stale) => back_off(failures),
            }
        }
        Ok(None)
    }

    fn look_so<T>(
        &self,
        mut act: impl FnMut(&mut Tx<'m>) -> Result<T, Trouble>,
        strict: u32,
    ) -> Result<T, &'static str> {
        let mut failures = 0;
        loop {
            let attempt = self.begin(0).and_then(|mut tx| {
                tx.strict = failures < strict;
                act(&mut tx)
            });
            match attempt {
                Ok(value) => return Ok(value),
                // Parts of several states need not fit together.
                Err(Trouble::Damaged(what)) if failures < strict || failures > 2 * strict => return Err(what),
                Err(_) => {
                    failures += 1;
                    back_off(failures);
                }
            }
        }
    }

    #[inline]
    fn attempt<T>(
        &self,
        seat: usize,
        memo: &Memo,
        act: &mut impl FnMut(&mut Tx<'m>) -> Result<Outcome<T>, Trouble>,
    ) -> Result<Option<T>, Trouble> {
        // Relaxed: it is the caller's turn.
        let mut tx = self.begin(memo.root.load(Ordering::Relaxed))?;
        tx.seat = seat;
        match act(&mut tx)? {
            Outcome::Keep(value) => Ok(Some(value)),
            Outcome::Commit(value) => Ok(self.commit(seat, &tx, memo).then_some(value)),
        }
    }

    /// Reads the state, after all changes that belong to it were made (T3).
    #[inline]
    fn begin(&self, known: u64) -> Result<Tx<'m>, Trouble> {
        // Acquire: pairs with the Release of the commit that moved the root here; its record, and all that
        // its seat did before, is seen.
        let root = self.words[header::ROOT].load(Ordering::Acquire);
        let at = layout::record(record_of(root)?);
        // Relaxed: what a record says counts only after the root was found unmoved, below; its writer is
        // fenced off by T1.
        let packed: [u64; record::BOOK_WORDS] =
            std::array::from_fn(|offset| self.words[at + record::BOOK + offset].load(Ordering::Relaxed));
        let tx = |book, changes, length| Tx {
            store: *self,
            root,
            seat: NO_SEAT,
            book,
            now: None,
            strict: true,
            changes,
            length,
        };
        if root == known {
            self.still(root)?;
            let book = Book::unpack(packed);
            // It is our own record, which somebody else may have written to all the same.
            return self.check(&book).map(|()| tx(book, [Change::default(); record::MOST_CHANGES], 0));
        }
        let mut changes = [Change::default(); record::MOST_CHANGES];
        let length = (packed[record::CHANGES] & record::CHANGES_MASK) as usize;
        for (number, change) in changes.iter_mut().take(length).enumerate() {
            let [place, old, new] = std::array::from_fn(|offset| {
                self.words[at + record::FIRST_CHANGE + 3 * number + offset].load(Ordering::Relaxed)
            });
            *change = Change { at: usize::try_from(place).unwrap_or(usize::MAX), old, new };
        }
        self.still(root)?;
        let book = Book::unpack(packed);
        self.check(&book)?;
        let Some(due) = changes.get(..length) else {
            return Err(Trouble::Damaged("its record has more changes than fit"));
        };
        if due.iter().any(|change| change.at < layout::SEATS_AT || change.at >= TOTAL) {
            return Err(Trouble::Damaged("its record changes words out of bounds"));
        }
        if self.only_reads {
            return Ok(tx(book, changes, length));
        }
        due.iter().for_each(|change| self.make(change));
        Ok(tx(book, [Change::default(); record::MOST_CHANGES], 0))
    }

    /// Can anything be done in this state?
    #[inline]
    fn check(&self, book: &Book) -> Result<(), Trouble> {
        match book.flaw() {
            Some(flaw) => Err(Trouble::Damaged(flaw)),
            None if book.damaged && !self.despite_damage => {
                Err(Trouble::Damaged("a process has found an error in it, and it has not been repaired since"))
            }
            None => Ok(()),
        }
    }

    /// Marks the state as damaged, whatever it says: see `Book::damaged`. It is done from `seat`, in a turn
    /// of its `memo`.
    ///
    /// T3 as far as it goes: changes that are out of bounds are none of this code.
    #[cold]
    pub(crate) fn condemn(&self, seat: usize, memo: &Memo) {
        let mut failures = 0;
        loop {
            // Acquire: as in `begin`.
            let from = self.words[header::ROOT].load(Ordering::Acquire);
            // Without a record there is no state, and nothing is granted.
            let Ok(number) = record_of(from) else { return };
            let words = &self.words[layout::record(number)..][..record::WORDS];
            // Relaxed: as in `begin`.
            let mut book: [u64; record::BOOK_WORDS] =
                std::array::from_fn(|offset| words[record::BOOK + offset].load(Ordering::Relaxed));
            let length = record::MOST_CHANGES.min((book[record::CHANGES] & record::CHANGES_MASK) as usize);
            let changes: [Change; record::MOST_CHANGES] = std::array::from_fn(|number| {
                let [at, old, new] = std::array::from_fn(|offset| {
                    words[record::FIRST_CHANGE + 3 * number + offset].load(Ordering::Relaxed)
                });
                Change { at: usize::try_from(at).unwrap_or(usize::MAX), old, new }
            });
            if self.still(from).is_ok() {
                if !Book::condemn(&mut book) {
                    return;
                }
                let lawful = |change: &&Change| (layout::SEATS_AT..TOTAL).contains(&change.at);
                changes[..length].iter().filter(lawful).for_each(|change| self.make(change));
                // The quick way takes the last commit of the memo for the last of this seat, and writes to
                // the other record (T1).
                memo.root.store(0, Ordering::Relaxed);
                if self.move_root(seat, from, &book, &[]).is_some() {
                    return;
                }
            }
            failures += 1;
            back_off(failures);
        }
    }

    /// Makes a change, unless it is made.
    #[inline]
    fn make(&self, change: &Change) {
        let word = &self.words[change.at];
        // Acquire and Release: what is before the commit is before whatever is done by whoever sees the word;
        // see `peek`. A failure means that it was made before, and perhaps more after it.
        if word.load(Ordering::Acquire) == change.old {
            let _ = word.compare_exchange(change.old, change.new, Ordering::AcqRel, Ordering::Acquire);
        }
    }

    /// Is the root what it was? Then all that was read since is of its state (T5).
    #[inline]
    fn still(&self, root: u64) -> Result<(), Trouble> {
        // Pairs with the fence in `commit`: who has read a word of a record that was written over, sees the
        // root moved.
        fence(Ordering::Acquire);
        if self.words[header::ROOT].load(Ordering::Relaxed) == root { Ok(()) } else { Err(Trouble::Stale) }
    }

    /// Writes the record and moves the root to it; `true` if that succeeded, and then all changes are made.
    #[inline]
    fn commit(&self, seat: usize, tx: &Tx<'m>, memo: &Memo) -> bool {
        let book = tx.book.pack();
        let changes = &tx.changes[..tx.length];
        let Some(root) = self.move_root(seat, tx.root, &book, changes) else { return false };
        let own = layout::seat(seat, seat::OWN);
        for change in changes {
            if change.at == own {
                // A plain store, as nobody writes anything else there; see above. Release as in `make`.
                self.words[own].store(change.new, Ordering::Release);
            } else {
                self.make(change);
            }
            point(Point::ChangeMade);
        }
        point(Point::AllMade);
        // Relaxed: it is the caller's turn, and nobody but the caller's seat changes the word of it while its
        // owner lives.
        memo.own.store(self.words[own].load(Ordering::Relaxed), Ordering::Relaxed);
        memo.root.store(root, Ordering::Relaxed);
        for (word, value) in memo.book.iter().zip(book) {
            word.store(value, Ordering::Relaxed);
        }
        true
    }

    /// Writes the record that the root does not name, and has the root name it.
    #[inline]
    fn move_root(&self, seat: usize, from: u64, book: &[u64; record::BOOK_WORDS], changes: &[Change]) -> Option<u64> {
        // T1.
        let number = if from & 0xffff == 2 * seat as u64 { 2 * seat + 1 } else { 2 * seat };
        let root = ((from >> 16) + 1) << 16 | number as u64;
        let record = &self.words[layout::record(number)..][..record::WORDS];
        // Pairs with the fence in `still`: the root had moved off this record before it is written over.
        fence(Ordering::Release);
        for (word, value) in record.iter().zip(&book[..record::CHANGES]) {
            word.store(*value, Ordering::Relaxed);
        }
        let last = book[record::CHANGES] & !record::CHANGES_MASK | changes.len() as u64;
        record[record::CHANGES].store(last, Ordering::Relaxed);
        for (words, change) in record[record::FIRST_CHANGE..].chunks_exact(3).zip(changes) {
            words[0].store(change.at as u64, Ordering::Relaxed);
            words[1].store(change.old, Ordering::Relaxed);
            words[2].store(change.new, Ordering::Relaxed);
        }
        point(Point::BeforeCommit);
        // Release: pairs with the Acquire in `begin`, publishes the record and all that this seat did.
        // Acquire, of the commit before: a permit's return has happened before whatever follows its next
        // acquisition (C14). SeqCst for `TELL` and the bells: who writes one of them and then reads the root,
        // and who moves the root and then reads it, must not miss each other.
        self.words[header::ROOT].compare_exchange(from, root, Ordering::SeqCst, Ordering::Relaxed).ok()?;
        point(Point::Committed);
        Some(root)
    }

    /// Commits as [`transact`](Self::transact) does, and stops when the root has moved, as if its process
    /// were killed there: none of the changes is made. `false` if the root had moved before.
    #[cfg(permits_loom)]
    pub(crate) fn commit_and_die(&self, seat: usize, act: impl FnOnce(&mut Tx<'m>) -> Result<(), Trouble>) -> bool {
        let mut tx = self.begin(0).expect("the memory is sound");
        act(&mut tx).expect("no other process is there yet");
        self.move_root(seat, tx.root, &tx.book.pack(), &tx.changes[..tx.length]).is_some()
    }

    /// Takes or returns permits for a seat in the plainest case: its own commit was the last one, there are
    /// no waiters, and nothing is unusual. `false`: not so, and nothing has happened. It is what `transact`
    /// would do, from what is known of the state without reading it.
    #[inline]
    pub(crate) fn quick(&self, seat: usize, memo: &Memo, act: Quick) -> bool {
        // Relaxed, all of the memo: it is the caller's turn. It is the state that `root` names, as the caller
        // wrote it.
        let root = memo.root.load(Ordering::Relaxed);
        let mut book = [0; record::BOOK_WORDS];
        // The last word stays 0: it tells the last of the starts that are spaced, and where they are this is not
        // the way.
        for (word, known) in book.iter_mut().zip(&memo.book[..record::CHANGES]) {
            *word = known.load(Ordering::Relaxed);
        }
        let Some((book, change)) = act.apply(book) else { return false };
        let old = memo.own.load(Ordering::Relaxed);
        let new = tag(root.wrapping_add(1 << 16)) | u64::from((old as u32).wrapping_add_signed(change));
        let at = layout::seat(seat, seat::OWN);
        if root == 0 {
            return false;
        }
        let Some(root) = self.move_root(seat, root, &book, &[Change { at, old, new }]) else { return false };
        // As in `commit`.
        self.words[at].store(new, Ordering::Release);
        point(Point::ChangeMade);
        point(Point::AllMade);
        memo.root.store(root, Ordering::Relaxed);
        memo.own.store(new, Ordering::Relaxed);
        for at in Quick::CHANGES {
            memo.book[at].store(book[at], Ordering::Relaxed);
        }
        true
    }
}

impl Tx<'_> {
    /// The value of a tagged word, in the state that this transaction started from and has changed.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the tag is cut off")]
    pub(crate) fn read(&self, at: usize) -> Result<u32, Trouble> {
        match self.changes[..self.length].iter().find(|change| change.at == at) {
            Some(change) => Ok(change.new as u32),
            None => Ok(self.load(at)? as u32),
        }
    }

    #[inline]
    fn load(&self, at: usize) -> Result<u64, Trouble> {
        // Acquire: the change that wrote it is after its commit, so if this is of a later state, the root
        // below is seen moved.
        let word = self.store.words[at].load(Ordering::Acquire);
        if self.strict {
            self.store.still(self.root)?;
        }
        Ok(word)
    }

    /// Sets the value of a tagged word.
    #[inline]
    pub(crate) fn write(&mut self, at: usize, value: u32) -> Result<(), Trouble> {
        let new = tag(self.root.wrapping_add(1 << 16)) | u64::from(value);
        if let Some(change) = self.changes[..self.length].iter_mut().find(|change| change.at == at) {
            change.new = new;
            return Ok(());
        }
        let old = self.load(at)?;
        self.changes[self.length] = Change { at, old, new };
        self.length += 1;
        Ok(())
    }

    /// How many more words can be written.
    pub(crate) fn room(&self) -> usize {
        record::MOST_CHANGES - self.length
    }
}
