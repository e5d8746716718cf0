//! Models of the interleavings that matter: loom runs each of them through every schedule and every value that a weak memory may
//! show, within a bound on preemptions. Run them with
//! `RUSTFLAGS="--cfg permits_loom" cargo test --release -p permits-host --test loom`.
//!
//! The processes are threads here, and the file is an array. Who dies does nothing more; see `Store::commit_and_die`.
//!
//! loom takes an access that is `SeqCst` for an `AcqRel` one, and knows `SeqCst` only of fences. Where two words have to be seen in one order,
//! `TELL` and the root, the model has a fence in the place of the `SeqCst` of an access. And it lets a store that releases a lock come later than
//! any number of exchanges that find it taken, so `Memo::turn` with two threads never ends in it: each process has one thread here. Nor does it know that
//! nothing comes between what an exchange has read and what it writes, so it shows an owner's plain stores to `OWN` before a helper's exchange
//! that was there first: no model has a helper at work on an `OWN` that its owner goes on changing.

#![cfg(permits_loom)]

#[allow(dead_code, unreachable_pub, reason = "the models kill by themselves")]
#[path = "../src/crash.rs"]
mod crash;
#[allow(dead_code, reason = "the rest of the crate uses it")]
#[path = "../src/protocol/mod.rs"]
mod protocol;

/// What the protocol stands on, as loom has it.
mod sync {
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};

    pub(crate) fn wait_for_turn(_: u32) {
        loom::thread::yield_now();
    }

    pub(crate) fn back_off(_: u32) {
        loom::thread::yield_now();
    }
}

use crate::protocol::acts::{Collected, GiveUp, Refusal};
use crate::protocol::book::{Book, MAX_PERMITS, Queue, Quick, Side};
use crate::protocol::layout::{self, SEATS, TOTAL, WAITERS, waiter};
use crate::protocol::seat::SeatWord;
use crate::protocol::turn::Memo;
use crate::protocol::tx::{Outcome, Store, Trouble, Tx};
use crate::protocol::waiter::{Sleeper, Stage, Wakes};
use crate::sync::{AtomicU64, Ordering, fence};
use loom::cell::UnsafeCell;
use loom::model::Builder;
use loom::thread;
use std::sync::Arc;

/// Runs a model. Two preemptions find what there is to find in models of this size; more take hours.
fn check(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 20_000;
    builder.check(model);
}

/// The file.
struct Memory(Vec<AtomicU64>);

impl Memory {
    fn new(max: u32) -> Arc<Memory> {
        let memory = Memory((0..TOTAL).map(|_| AtomicU64::new(0)).collect());
        let book = Book {
            free: max.cast_signed(),
            max,
            seats_used: SEATS as u16,
            seats_backed: SEATS as u16,
            waiters_backed: WAITERS as u16,
            ..Book::default()
        };
        memory.store().found(&book);
        Arc::new(memory)
    }

    fn store(&self) -> Store<'_> {
        Store::new(&self.0)
    }

    /// The process that has a seat.
    fn process(self: &Arc<Self>, seat: usize) -> Process {
        Process { memory: Arc::clone(self), seat, memo: Memo::default() }
    }

    fn look<T>(&self, act: impl for<'m> FnMut(&mut Tx<'m>) -> Result<T, Trouble>) -> T {
        self.store().look(act).expect("the memory is sound")
    }

    /// What each seat holds.
    fn held(&self) -> [u32; SEATS] {
        self.look(|tx| Ok([tx.held(0)?, tx.held(1)?, tx.held(2)?]))
    }

    fn book(&self) -> Book {
        self.look(|tx| Ok(tx.book))
    }

    fn stage(&self, number: u16) -> Stage {
        self.look(|tx| Ok(tx.who(number)?.stage))
    }
}

/// What one process does.
struct Process {
    memory: Arc<Memory>,
    seat: usize,
    memo: Memo,
}

impl Process {
    fn transact<T>(&self, act: impl for<'m> FnMut(&mut Tx<'m>) -> Result<Outcome<T>, Trouble>) -> T {
        self.memory.store().transact(self.seat, &self.memo.turn(), act).expect("the memory is sound")
    }

    fn try_acquire(&self, n: u32) -> bool {
        let seat = self.seat;
        self.transact(|tx| {
            Ok(match tx.enter(seat, Side::Acquire, n)? {
                Ok(()) => Outcome::Commit(true),
                Err(_) => Outcome::Keep(false),
            })
        })
    }

    /// The same as the crate does it: by what is known from the last commit, if nobody else has committed since.
    fn acquire_quickly(&self, n: u32) -> bool {
        let quickly = self.memory.store().quick(self.seat, &self.memo.turn(), Quick::Take(n));
        quickly || self.try_acquire(n)
    }

    fn give_back_quickly(&self, n: u32) {
        let quickly = self.memory.store().quick(self.seat, &self.memo.turn(), Quick::Return(n));
        if !quickly {
            let _ = self.give_back(n);
        }
    }

    /// Acquires at once, or queues; the number of the waiter then.
    fn acquire(&self, n: u32) -> Option<u16> {
        let seat = self.seat;
        self.transact(|tx| {
            Ok(Outcome::Commit(match tx.enter(seat, Side::Acquire, n)? {
                Ok(()) => None,
                Err(Refusal::NotNow { .. }) => tx.enqueue(seat, Side::Acquire, Sleeper::Thread, n)?,
                Err(refusal) => panic!("refused: {refusal:?}"),
            }))
        })
    }

    fn give_back(&self, n: u32) -> Wakes {
        let seat = self.seat;
        self.transact(|tx| {
            let mut wakes = Wakes::default();
            tx.give_back(seat, n, &mut wakes)?;
            Ok(Outcome::Commit(wakes))
        })
    }

    fn let_go(&self, n: u32) {
        let seat = self.seat;
        self.transact(|tx| {
            tx.let_go(seat, n, &mut Wakes::default())?;
            Ok(Outcome::Commit(()))
        });
    }

    fn collect(&self, number: u16, give_up: GiveUp) -> (Collected, Wakes) {
        let seat = self.seat;
        self.transact(|tx| {
            let mut wakes = Wakes::default();
            let collected = tx.collect(seat, number, give_up, &mut wakes)?;
            Ok(match collected {
                Collected::Queued => Outcome::Keep((collected, wakes)),
                _ => Outcome::Commit((collected, wakes)),
            })
        })
    }

    /// Takes back what a seat held that was found dead in a generation: as `Attachment::recover`.
    fn recover(&self, dead: usize, generation: u32, number: u16) {
        let due = SeatWord { taken: true, generation };
        self.transact(|tx| {
            let mut wakes = Wakes::default();
            if tx.status(dead)? != due || !tx.remove_dead_waiter(dead, number, &mut wakes)? {
                return Ok(Outcome::Keep(()));
            }
            Ok(Outcome::Commit(()))
        });
        self.bury(dead, generation);
    }

    /// The second part of it, when its waiters are gone.
    fn bury(&self, dead: usize, generation: u32) {
        let due = SeatWord { taken: true, generation };
        self.transact(|tx| {
            if tx.status(dead)? != due {
                return Ok(Outcome::Keep(()));
            }
            let held = tx.vacate(dead, &mut Wakes::default())?;
            tx.book.recovered += held;
            Ok(Outcome::Commit(()))
        });
    }

    /// Tells a waiter that it is the first now, if it wants to be told: as `Attachment::tell_head`. `true` if it was.
    fn tell_head(&self, number: u16) -> bool {
        // In the place of the SeqCst of the commit and of the load.
        fence(Ordering::SeqCst);
        let tell = self.memory.store().word(layout::waiter(usize::from(number), waiter::TELL));
        tell.load(Ordering::SeqCst) == 1 && tell.swap(0, Ordering::SeqCst) == 1
    }
}

/// A cell that loom lets nobody touch while somebody else does.
struct Guarded(UnsafeCell<u32>);

impl Guarded {
    fn new() -> Arc<Guarded> {
        Arc::new(Guarded(UnsafeCell::new(0)))
    }

    /// What a holder does with what the semaphore guards.
    fn touch(&self) {
        // loom checks that the access is alone; the pointer is never followed.
        self.0.with_mut(|_| ());
    }
}

fn join<const N: usize>(threads: [thread::JoinHandle<()>; N]) {
    threads.into_iter().for_each(|thread| thread.join().expect("a thread of a model ends"));
}

// SAFETY: nothing is ever read or written through the cell; loom counts accesses.
#[allow(unsafe_code, reason = "loom's cell is not Sync, and what it finds is accesses at the same time")]
unsafe impl Sync for Guarded {}

#[test]
fn two_never_hold_the_same_permit() {
    check(1, || {
        let memory = Memory::new(1);
        let guarded = Guarded::new();

        join([0, 1].map(|seat| {
            let (process, guarded) = (memory.process(seat), Arc::clone(&guarded));
            thread::spawn(move || {
                if process.try_acquire(1) {
                    guarded.touch();
                    let _ = process.give_back(1);
                }
            })
        }));

        assert_eq!((memory.held(), memory.book().free), ([0; SEATS], 1));
    });
}

#[test]
fn two_never_hold_the_same_permit_by_the_quick_way() {
    check(1, || {
        let memory = Memory::new(1);
        let guarded = Guarded::new();

        let (process, stranger) = (memory.process(0), memory.process(1));
        assert!(process.acquire_quickly(1));
        let guards = Arc::clone(&guarded);
        let takes = thread::spawn(move || {
            if stranger.acquire_quickly(1) {
                guards.touch();
                stranger.give_back_quickly(1);
            }
        });
        guarded.touch();
        process.give_back_quickly(1);
        join([takes]);

        assert_eq!((memory.held(), memory.book().free), ([0; SEATS], 1));
    });
}

/// One process after the other: what the quick way remembers of its last commit is what the other way would read.
#[test]
fn the_quick_way_writes_what_the_other_would() {
    check(1, || {
        let memory = Memory::new(2);
        let (process, stranger) = (memory.process(0), memory.process(1));
        let holds = |process: &Process, n| process.transact(|tx| Ok(Outcome::Keep(tx.held(0)? == n)));

        assert!(process.try_acquire(1));
        process.give_back_quickly(1);
        assert!(holds(&process, 0), "what its seat holds is written, before anybody helps");
        assert!(process.acquire_quickly(1));
        assert_eq!((memory.held(), memory.book().free), ([1, 0, 0], 1));
        process.give_back_quickly(1);
        assert_eq!((memory.held(), memory.book().free), ([0; SEATS], 2));
        assert!(stranger.try_acquire(1));
        assert!(process.acquire_quickly(1));

        assert_eq!((memory.held(), memory.book().free), ([1, 1, 0], 0), "the stranger's commit is not undone");
    });
}

#[test]
fn what_the_dead_committed_is_made_once() {
    check(2, || {
        let memory = Memory::new(3);
        assert!(memory.store().commit_and_die(0, |tx| tx.enter(0, Side::Acquire, 1).map(|entered| entered.unwrap())));

        join([1, 2].map(|seat| {
            let process = memory.process(seat);
            thread::spawn(move || assert!(process.try_acquire(1)))
        }));

        assert_eq!((memory.held(), memory.book().free), ([1, 1, 1], 0));
    });
}

#[test]
fn what_the_dead_granted_is_granted_once() {
    check(2, || {
        let memory = Memory::new(1);
        assert_eq!(memory.process(0).acquire(1), None);
        let number = memory.process(1).acquire(1).expect("it queues");
        assert!(memory.store().commit_and_die(0, |tx| tx.give_back(0, 1, &mut Wakes::default())));

        let (granted, other) = (memory.process(1), memory.process(2));
        join([
            thread::spawn(move || assert_eq!(granted.collect(number, GiveUp::No).0, Collected::Granted)),
            thread::spawn(move || assert!(!other.try_acquire(1))),
        ]);

        assert_eq!((memory.held(), memory.book().free), ([0, 1, 0], 0));
    });
}

#[test]
fn who_helps_late_does_no_harm() {
    check(1, || {
        let memory = Memory::new(1);
        assert_eq!(memory.process(0).acquire(1), None);
        // From another seat's record, so that none of the records that are read is written over, which makes the model too large.
        let queue = |tx: &mut Tx<'_>| tx.enqueue(1, Side::Acquire, Sleeper::Thread, 1).map(Outcome::Commit);
        let number = memory.process(2).transact(queue).expect("there is a place");
        let (giver, taker) = (memory.process(0), memory.process(1));

        let helper = Arc::clone(&memory);
        // A look makes the changes that it finds unmade, however long ago it found them.
        let helps = thread::spawn(move || helper.look(|tx| Ok((tx.book.free, tx.held(1)?))));
        let _ = giver.give_back(1);
        assert_eq!(taker.collect(number, GiveUp::No).0, Collected::Granted);
        let seen = helps.join().expect("a thread of a model ends");

        assert!([(0, 0), (0, 1)].contains(&seen), "{seen:?}");
        assert_eq!((memory.stage(number), memory.held()), (Stage::Free, [0, 1, 0]));
    });
}

#[test]
fn a_look_sees_one_state() {
    check(1, || {
        let memory = Memory::new(3);
        let owner = memory.process(0);
        assert!(owner.try_acquire(1));

        let reader = Arc::clone(&memory);
        let looks = thread::spawn(move || {
            let (book, held) = reader.look(|tx| Ok((tx.book, tx.held(0)?)));
            assert_eq!(book.available() + book.loose + held, 3, "{book:?}");
            // The numbers of the book's words belong together as well.
            let states = [(2, 0, 1), (2, 1, 1), (1, 1, 2)];
            assert!(states.contains(&(book.free, book.loose, book.granted)), "{book:?}");
        });
        // The second commit is written over the record that the root named at first.
        owner.let_go(1);
        assert!(owner.try_acquire(1));
        join([looks]);
    });
}

#[test]
fn whoever_becomes_the_first_is_told_or_sees_it() {
    check(3, || {
        let memory = Memory::new(1);
        assert_eq!(memory.process(2).acquire(1), None);
        let first = memory.process(0).acquire(1).expect("it queues");
        let second = memory.process(1).acquire(1).expect("it queues");

        let leaver = memory.process(0);
        let leaves = thread::spawn(move || {
            let (collected, wakes) = leaver.collect(first, GiveUp::Wholly);
            assert_eq!((collected, wakes.heads), (Collected::GaveUp, [second, 0]));
            leaver.tell_head(second)
        });
        // As the watch does: it wants to be told, and then looks.
        memory.store().word(layout::waiter(usize::from(second), waiter::TELL)).store(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        let sees = memory.look(|tx| tx.before(second, Side::Acquire)) == 0;
        let told = leaves.join().expect("a thread of a model ends");

        assert!(told || sees);
    });
}

#[test]
fn whoever_queues_while_a_permit_returns_is_granted() {
    check(3, || {
        let memory = Memory::new(1);
        assert_eq!(memory.process(0).acquire(1), None);
        let (giver, taker) = (memory.process(0), memory.process(1));

        let gives = thread::spawn(move || {
            let _ = giver.give_back(1);
        });
        let number = taker.acquire(1);
        join([gives]);

        assert!(number.is_none_or(|number| memory.stage(number) == Stage::Granted));
        assert_eq!((memory.held(), memory.book().free), ([0, 1, 0], 0));
    });
}

/// One of seat 1 is the first in line, and gives up while the permit returns; one of seat 2 stands behind it.
fn give_up_while_granted(give_up: GiveUp) {
    check(2, move || {
        let memory = Memory::new(1);
        assert_eq!(memory.process(0).acquire(1), None);
        let first = memory.process(1).acquire(1).expect("it queues");
        let second = memory.process(2).acquire(1).expect("it queues");
        let (giver, leaver) = (memory.process(0), memory.process(1));

        let gives = thread::spawn(move || {
            let _ = giver.give_back(1);
        });
        let (collected, _) = leaver.collect(first, give_up);
        join([gives]);

        let expected = match collected {
            Collected::GaveUp => ([0, 0, 1], Stage::Granted),
            Collected::Granted if give_up == GiveUp::Unless => ([0, 1, 0], Stage::Queued),
            _ => panic!("{collected:?}"),
        };
        assert_eq!((memory.held(), memory.stage(second)), expected);
        assert_eq!(memory.stage(first), Stage::Free);
    });
}

#[test]
fn a_grant_to_one_who_is_gone_goes_to_the_next() {
    give_up_while_granted(GiveUp::Wholly);
}

#[test]
fn a_grant_that_races_the_time_is_taken_or_goes_to_the_next() {
    give_up_while_granted(GiveUp::Unless);
}

#[test]
fn two_who_bury_the_same_dead_take_back_once() {
    check(2, || {
        let memory = Memory::new(2);
        let generation = memory.process(0).transact(|tx| tx.occupy(0).map(Outcome::Commit));
        assert_eq!(memory.process(0).acquire(1), None);
        assert_eq!(memory.process(1).acquire(1), None);
        let number = memory.process(0).acquire(1).expect("it queues");
        assert_eq!(memory.look(|tx| tx.status(0)), SeatWord { taken: true, generation });

        join([1, 2].map(|seat| {
            let process = memory.process(seat);
            thread::spawn(move || process.recover(0, generation, number))
        }));

        let book = memory.book();
        assert_eq!((memory.held(), book.free, book.recovered), ([0, 1, 0], 1, 1), "{book:?}");
        assert_eq!(memory.look(|tx| tx.status(0)), SeatWord { taken: false, generation });
        assert_eq!((book.acquirers, memory.stage(number)), (Queue::default(), Stage::Free));
    });
}

#[test]
fn who_buries_the_dead_late_leaves_the_heir_alone() {
    check(1, || {
        let memory = Memory::new(2);
        let first = memory.process(0).transact(|tx| tx.occupy(0).map(Outcome::Commit));
        assert_eq!(memory.process(0).acquire(2), None);

        // Both have found the same dead; one takes its seat as well.
        let (heir, late) = (memory.process(0), memory.process(1));
        let buries = thread::spawn(move || late.bury(0, first));
        heir.bury(0, first);
        let second = heir.transact(|tx| tx.occupy(0).map(Outcome::Commit));
        join([buries]);

        let book = memory.book();
        assert_eq!((book.free, book.recovered, second), (2, 2, first + 1), "{book:?}");
        assert_eq!(memory.look(|tx| tx.status(0)), SeatWord { taken: true, generation: second });
    });
}

#[test]
fn every_book_unpacks_as_it_was_packed() {
    for extreme in [0, 1, u16::MAX] {
        let wide = u32::from(extreme) * 0x1_0001;
        let queue =
            |shift: u16| Queue { head: extreme ^ shift, tail: extreme ^ shift << 1, length: wide ^ u32::from(shift) };
        for flags in 0..8 {
            let book = Book {
                free: wide.cast_signed(),
                loose: wide ^ 3,
                max: wide ^ MAX_PERMITS,
                closed: flags & 1 != 0,
                gone: flags & 2 != 0,
                sweep: flags & 4 != 0,
                acquirers: queue(5),
                releasers: queue(9),
                pool: extreme ^ 11,
                waiters_used: extreme ^ 13,
                waiters_backed: extreme ^ 17,
                decider: extreme ^ 37,
                seats_used: extreme ^ 19,
                seats_backed: extreme ^ 23,
                granted: u64::from(wide) << 32 | 29,
                recovered: wide ^ 31,
            };

            assert_eq!(Book::unpack(book.pack()), book);
        }
    }
}
