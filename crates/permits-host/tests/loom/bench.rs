//! What the models are made of: the file, its processes, and what they do.

use crate::protocol::acts::{Collected, GiveUp, Refusal};
use crate::protocol::book::{Book, Queue, Quick, Side};
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
pub(crate) fn check(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 100_000;
    builder.check(model);
}

/// The file.
pub(crate) struct Memory(Vec<AtomicU64>);

impl Memory {
    pub(crate) fn new(max: u32) -> Arc<Memory> {
        Memory::with(max, WAITERS)
    }

    /// With backing for so many waiters.
    pub(crate) fn with(max: u32, waiters: usize) -> Arc<Memory> {
        Memory::with_seats(max, waiters, SEATS)
    }

    /// The same; of all seats, so many were ever used.
    pub(crate) fn with_seats(max: u32, waiters: usize, seats: usize) -> Arc<Memory> {
        let book = Book { free: max.cast_signed(), max, waiters_backed: waiters as u16, ..Book::default() };
        Memory::of(Book { seats_used: seats as u16, ..book })
    }

    /// Whose starts are so many milliseconds apart.
    pub(crate) fn spaced(max: u32, interval: u32) -> Arc<Memory> {
        let book = Book { free: max.cast_signed(), max, waiters_backed: WAITERS as u16, interval, ..Book::default() };
        Memory::of(Book { seats_used: SEATS as u16, ..book })
    }

    fn of(book: Book) -> Arc<Memory> {
        let memory = Memory((0..TOTAL).map(|_| AtomicU64::new(0)).collect());
        let book = Book { seats_backed: SEATS as u16, ..book };
        memory.store().found(&book);
        Arc::new(memory)
    }

    pub(crate) fn words(&self) -> &[AtomicU64] {
        &self.0
    }

    pub(crate) fn store(&self) -> Store<'_> {
        Store::new(self.words())
    }

    /// The process that has a seat.
    pub(crate) fn process(self: &Arc<Self>, seat: usize) -> Process {
        Process { memory: Arc::clone(self), seat, memo: Memo::default(), now: None }
    }

    pub(crate) fn look<T>(&self, act: impl for<'m> FnMut(&mut Tx<'m>) -> Result<T, Trouble>) -> T {
        self.store().look(act).expect("the memory is sound")
    }

    /// What each seat holds.
    pub(crate) fn held(&self) -> [u32; SEATS] {
        self.look(|tx| Ok([tx.held(0)?, tx.held(1)?, tx.held(2)?]))
    }

    pub(crate) fn book(&self) -> Book {
        self.look(|tx| Ok(tx.book))
    }

    pub(crate) fn stage(&self, number: u16) -> Stage {
        self.look(|tx| Ok(tx.who(number)?.stage))
    }

    pub(crate) fn stages<const N: usize>(&self, numbers: [u16; N]) -> [Stage; N] {
        numbers.map(|number| self.stage(number))
    }

    /// Who stands in a queue, from the first on; the way back is the same, and its length is what the book says.
    pub(crate) fn queue(&self, side: Side) -> Vec<u16> {
        self.look(|tx| {
            let Queue { head, tail, length } = *tx.book.queue(side);
            let (mut there, mut back) = (Vec::new(), Vec::new());
            let mut at = head;
            while at != 0 && there.len() < WAITERS {
                there.push(at);
                at = tx.behind(at)?;
            }
            at = tail;
            while at != 0 && back.len() < WAITERS {
                back.insert(0, at);
                at = tx.before(at, side)?;
            }
            assert_eq!((&back, there.len()), (&there, length as usize));
            Ok(there)
        })
    }
}

/// What one process does.
pub(crate) struct Process {
    pub(crate) memory: Arc<Memory>,
    pub(crate) seat: usize,
    pub(crate) memo: Memo,
    /// The time of all that it does.
    pub(crate) now: Option<u64>,
}

impl Process {
    /// The same, later.
    pub(crate) fn at(self, now: u64) -> Process {
        Process { now: Some(now), ..self }
    }

    pub(crate) fn transact<T>(&self, mut act: impl for<'m> FnMut(&mut Tx<'m>) -> Result<Outcome<T>, Trouble>) -> T {
        let timed = |tx: &mut Tx<'_>| {
            tx.now = self.now;
            act(tx)
        };
        self.memory.store().transact(self.seat, &self.memo.turn(), timed).expect("the memory is sound")
    }

    pub(crate) fn try_acquire(&self, n: u32) -> bool {
        let seat = self.seat;
        self.transact(|tx| {
            Ok(match tx.enter(seat, Side::Acquire, n)? {
                Ok(()) => Outcome::Commit(true),
                Err(_) => Outcome::Keep(false),
            })
        })
    }

    /// The same as the crate does it: by what is known from the last commit, if nobody else has committed since.
    pub(crate) fn acquire_quickly(&self, n: u32) -> bool {
        let quickly = self.memory.store().quick(self.seat, &self.memo.turn(), Quick::Take(n));
        quickly || self.try_acquire(n)
    }

    pub(crate) fn give_back_quickly(&self, n: u32) {
        let quickly = self.memory.store().quick(self.seat, &self.memo.turn(), Quick::Return(n));
        if !quickly {
            let _ = self.give_back(n);
        }
    }

    /// Acquires or releases at once, or queues, as `enter` of the crate; the number of the waiter then.
    pub(crate) fn ask(&self, side: Side, sleeper: Sleeper, n: u32) -> Result<Option<u16>, Refusal> {
        let seat = self.seat;
        let (number, wakes) = self.transact(|tx| {
            let mut wakes = Wakes::default();
            let number = match tx.enter(seat, side, n)? {
                Ok(()) => None,
                Err(Refusal::NotNow { .. } | Refusal::TooSoon { .. }) => match tx.enqueue(seat, side, sleeper, n)? {
                    None => return Ok(Outcome::Keep(Err(Refusal::Crowded))),
                    number => number,
                },
                Err(refusal) => return Ok(Outcome::Keep(Err(refusal))),
            };
            if tx.has_work() {
                tx.serve(&mut wakes)?;
            }
            Ok(Outcome::Commit(Ok((number, wakes))))
        })?;
        self.go_on(wakes);
        Ok(number)
    }

    pub(crate) fn acquire(&self, n: u32) -> Option<u16> {
        self.ask(Side::Acquire, Sleeper::Thread, n).expect("it is not refused")
    }

    pub(crate) fn release(&self, sleeper: Sleeper, n: u32) -> Option<u16> {
        self.ask(Side::Release, sleeper, n).expect("it is not refused")
    }

    /// Does something that serves, as one commit, and wakes nobody and does not go on, as if the process were
    /// killed after it.
    pub(crate) fn act(&self, act: impl for<'m> Fn(&mut Tx<'m>, &mut Wakes) -> Result<(), Trouble>) -> Wakes {
        self.transact(|tx| {
            let mut wakes = Wakes::default();
            act(tx, &mut wakes)?;
            Ok(Outcome::Commit(wakes))
        })
    }

    /// Goes on serving, if a commit has left more to do: as `Attachment::dispatch`.
    pub(crate) fn go_on(&self, mut wakes: Wakes) {
        while wakes.more {
            wakes = self.act(|tx, wakes| tx.serve(wakes));
        }
    }

    pub(crate) fn give_back(&self, n: u32) -> Wakes {
        self.act(|tx, wakes| tx.give_back(self.seat, n, wakes))
    }

    pub(crate) fn let_go(&self, n: u32) -> Wakes {
        self.act(|tx, wakes| tx.let_go(self.seat, n, wakes))
    }

    pub(crate) fn resize(&self, max: u32) -> Wakes {
        self.act(|tx, wakes| tx.resize(max, wakes))
    }

    pub(crate) fn close(&self) -> Wakes {
        self.act(|tx, wakes| {
            tx.book.closed = true;
            tx.serve(wakes)
        })
    }

    pub(crate) fn collect(&self, number: u16, give_up: GiveUp) -> (Collected, Wakes) {
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
    pub(crate) fn recover(&self, dead: usize, generation: u32, number: u16) {
        let wakes = self.take_out(dead, generation, number);
        self.go_on(wakes);
        self.bury(dead, generation);
    }

    /// The first part of it: one of its waiters.
    pub(crate) fn take_out(&self, dead: usize, generation: u32, number: u16) -> Wakes {
        let due = SeatWord { taken: true, generation };
        self.transact(|tx| {
            let mut wakes = Wakes::default();
            if tx.status(dead)? != due || !tx.remove_dead_waiter(dead, number, &mut wakes)? {
                return Ok(Outcome::Keep(wakes));
            }
            Ok(Outcome::Commit(wakes))
        })
    }

    /// The second part of it, when its waiters are gone.
    pub(crate) fn bury(&self, dead: usize, generation: u32) {
        let due = SeatWord { taken: true, generation };
        let wakes = self.transact(|tx| {
            if tx.status(dead)? != due {
                return Ok(Outcome::Keep(Wakes::default()));
            }
            let mut wakes = Wakes::default();
            tx.book.recovered += tx.vacate(dead, &mut wakes)?;
            Ok(Outcome::Commit(wakes))
        });
        self.go_on(wakes);
    }

    /// Tells a waiter that it is the first now, if it wants to be told: as `Attachment::tell_head`. `true` if it was.
    pub(crate) fn tell_head(&self, number: u16) -> bool {
        // In the place of the SeqCst of the commit and of the load.
        fence(Ordering::SeqCst);
        let tell = self.memory.store().word(layout::waiter(usize::from(number), waiter::TELL));
        tell.load(Ordering::SeqCst) == 1 && tell.swap(0, Ordering::SeqCst) == 1
    }
}

/// A cell that loom lets nobody touch while somebody else does.
pub(crate) struct Guarded(UnsafeCell<u32>);

impl Guarded {
    pub(crate) fn new() -> Arc<Guarded> {
        Arc::new(Guarded(UnsafeCell::new(0)))
    }

    /// What a holder does with what the semaphore guards.
    pub(crate) fn touch(&self) {
        // loom checks that the access is alone; the pointer is never followed.
        self.0.with_mut(|_| ());
    }
}

pub(crate) fn join<T, const N: usize>(threads: [thread::JoinHandle<T>; N]) -> [T; N] {
    threads.map(|thread| thread.join().expect("a thread of a model ends"))
}

// SAFETY: nothing is ever read or written through the cell; loom counts accesses.
#[allow(unsafe_code, reason = "loom's cell is not Sync, and what it finds is accesses at the same time")]
unsafe impl Sync for Guarded {}
