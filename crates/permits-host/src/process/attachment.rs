//! What a process has of a semaphore that it takes part in: the mapping and the seat, and how the state is
//! read and changed from there.

use crate::crash::{Point, point};
use crate::error::Error;
use crate::process::attendants::Attendants;
use crate::process::descriptor::Descriptor;
use crate::process::files::Place;
use crate::process::sys::{self, Region};
use crate::protocol::book::Quick;
use crate::protocol::layout::{self, SEATS, seat, waiter};
use crate::protocol::numbers::Owner;
use crate::protocol::seat::SeatWord;
use crate::protocol::turn::{Memo, Turn};
use crate::protocol::tx::{Outcome, Store, Trouble, Tx};
use std::io;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// More tries than this mean that something is wrong: each fails only if others changed the same just now.
pub(crate) const TRIES: usize = 1000;

/// What a handle needs to know besides the name.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) mode: u32,
    pub(crate) label: Vec<u8>,
    pub(crate) command: Vec<u8>,
    /// Its permits have numbers.
    pub(crate) numbered: bool,
}

/// Another description of the same file, to ask about the locks of others: our own it would not tell. A
/// descriptor is good in one table of descriptors, and the watch has one of its own.
#[derive(Debug, Default)]
pub(crate) struct Probe(pub(super) Mutex<Option<Arc<Descriptor>>>);

impl Probe {
    pub(crate) fn of(descriptor: Option<Descriptor>) -> Probe {
        Probe(Mutex::new(descriptor.map(Arc::new)))
    }
}

/// What a process has of a semaphore that it takes part in.
pub(crate) struct Attachment {
    pub(crate) place: Place,
    /// The process that this belongs to: see `sys::epoch`.
    pub(crate) epoch: u64,
    pub(super) region: Region,
    pub(crate) seat: usize,
    pub(crate) generation: u32,
    /// The file, by device and number.
    pub(crate) file: (u64, u64),
    /// The root directory of the process when it attached.
    pub(super) root: (u64, u64),
    pub(crate) memo: Memo,
    /// Of the process's descriptors.
    pub(crate) probe: Probe,
    pub(crate) attendants: Attendants,
}

impl Attachment {
    pub(super) fn failed(&self, act: &str, error: io::Error) -> Error {
        self.place.failed(act, error)
    }

    pub(super) fn peek_status(&self, number: usize) -> SeatWord {
        SeatWord::unpack(self.store().peek(layout::seat(number, seat::STATUS)))
    }

    #[inline]
    pub(crate) fn store(&self) -> Store<'_> {
        Store::new(self.region.words())
    }

    pub(crate) fn waiter_bell(&self, number: usize) -> &AtomicU32 {
        self.region.bell(layout::waiter(number, waiter::BELL))
    }

    pub(crate) fn seat_bell(&self, number: usize) -> &AtomicU32 {
        self.region.bell(layout::seat(number, seat::BELL))
    }

    /// The same, for what gives back: it can be done in a state that was found damaged.
    #[inline]
    pub(super) fn store_to_give_back(&self) -> Store<'_> {
        self.store().despite_damage()
    }

    /// Runs a transaction from this seat.
    #[inline]
    pub(crate) fn transact<'s, T>(
        &'s self,
        act: impl FnMut(&mut Tx<'s>) -> Result<Outcome<T>, Trouble>,
    ) -> Result<T, Error> {
        self.transact_in(self.store(), act)
    }

    #[inline]
    pub(super) fn transact_in<'s, T>(
        &'s self,
        store: Store<'s>,
        mut act: impl FnMut(&mut Tx<'s>) -> Result<Outcome<T>, Trouble>,
    ) -> Result<T, Error> {
        let turn = self.memo.turn();
        let timed = |tx: &mut Tx<'s>| {
            // After the state was read: no start that it tells of is later. Read anew at each attempt.
            if tx.book.interval != 0 {
                tx.now = Some(sys::time_since_boot());
            }
            act(tx)
        };
        store.transact(self.seat, &turn, timed).map_err(|what| self.condemn(what, &turn))
    }

    /// Writes down that the file was found damaged, so that no process grants anything from now on, until a
    /// repair.
    #[cold]
    pub(crate) fn condemn(&self, what: &'static str, turn: &Turn<'_>) -> Error {
        if self.seat < SEATS {
            self.store().condemn(self.seat, turn);
        }
        self.place.damaged(what)
    }

    /// The owner by which this process takes numbers.
    pub(crate) fn owner(&self) -> Owner {
        Owner { seat: self.seat, generation: self.generation }
    }

    /// Takes or returns permits in the plainest case; `false` if it is another one, and nothing has happened.
    #[inline]
    pub(crate) fn quick(&self, act: Quick) -> bool {
        let turn = self.memo.turn();
        self.store().quick(self.seat, &turn, act)
    }

    /// Looks at one state.
    pub(crate) fn look<'s, T>(&'s self, act: impl FnMut(&mut Tx<'s>) -> Result<T, Trouble>) -> Result<T, Error> {
        self.store().look(act).map_err(|what| self.condemn(what, &self.memo.turn()))
    }

    /// Whether this handle was asked to give up: it alone, or as one that waits, by the newest of its key.
    pub(crate) fn is_revoked(&self) -> bool {
        let revoked = self.store().word(layout::seat(self.seat, seat::REVOKED));
        // SeqCst: written before the bell of the seat is rung; see `revoke`.
        let alone = revoked.load(Ordering::SeqCst) == u64::from(self.generation);
        alone || (self.store().superseded_by(self.seat).is_some() && !self.holds())
    }

    fn holds(&self) -> bool {
        // What is granted is held, though the change of the seat's words may not be made yet.
        let held = self.store_to_give_back().look(|tx| tx.held(self.seat));
        held.is_ok_and(|held| held > 0)
    }

    /// Asks the owner of a seat to give up; `false` if it takes part no more.
    pub(crate) fn revoke(&self, owner: Owner) -> Result<bool, Error> {
        let due = SeatWord { taken: true, generation: owner.generation };
        let revoked = self.store().word(layout::seat(owner.seat, seat::REVOKED));
        for _ in 0..TRIES {
            let found = revoked.load(Ordering::SeqCst);
            if self.look(|tx| tx.status(owner.seat))? != due {
                return Ok(false);
            }
            // By exchange, lest one that comes late take back that the next owner of the seat was asked.
            // SeqCst: rung for after it was written.
            let asked = u64::from(owner.generation);
            if revoked.compare_exchange(found, asked, Ordering::SeqCst, Ordering::Relaxed).is_ok() {
                point(Point::Revoked);
                sys::ring(self.seat_bell(owner.seat));
                return Ok(true);
            }
        }
        Err(self.place.damaged("a revocation changes without end"))
    }

    /// The word by which the watch asks to be told when a waiter has become the first.
    pub(crate) fn tell(&self, number: u16) -> &AtomicU64 {
        self.store().word(layout::waiter(usize::from(number), waiter::TELL))
    }
}
