//! What a process has of a semaphore that it takes part in: the mapping and the seat, and how the state is read and changed from there.

use crate::error::Error;
use crate::process::attendants::Attendants;
use crate::process::files::Place;
use crate::process::sys::Region;
use crate::protocol::book::Quick;
use crate::protocol::layout::{self, seat, waiter};
use crate::protocol::numbers::Owner;
use crate::protocol::seat::SeatWord;
use crate::protocol::turn::Memo;
use crate::protocol::tx::{Outcome, Store, Trouble, Tx};
use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// What a handle needs to know besides the name.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) mode: u32,
    pub(crate) label: Vec<u8>,
    pub(crate) command: Vec<u8>,
    /// Its permits have numbers.
    pub(crate) numbered: bool,
}

/// Another description of the same file, to ask about the locks of others: our own it would not tell. A descriptor is good in one table
/// of descriptors, and the watch has one of its own.
#[derive(Debug, Default)]
pub(crate) struct Probe(pub(super) Mutex<Option<Arc<File>>>);

impl Probe {
    pub(crate) fn of(file: Option<File>) -> Probe {
        Probe(Mutex::new(file.map(Arc::new)))
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
    pub(super) memo: Memo,
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

    /// Runs a transaction from this seat.
    #[inline]
    pub(crate) fn transact<'s, T>(
        &'s self,
        act: impl FnMut(&mut Tx<'s>) -> Result<Outcome<T>, Trouble>,
    ) -> Result<T, Error> {
        let turn = self.memo.turn();
        self.store().transact(self.seat, &turn, act).map_err(|what| self.place.damaged(what))
    }

    /// Who this is to whoever takes numbers.
    pub(crate) fn owner(&self) -> Owner {
        Owner { seat: self.seat, generation: self.generation }
    }

    /// Numbers for `n` permits that this seat has been granted.
    pub(crate) fn take_numbers(&self, n: u32) -> Vec<u32> {
        // A damaged file has none; that it is damaged is told by what is done next.
        self.store().take_numbers(self.owner(), n).unwrap_or_default()
    }

    /// Takes or returns permits in the plainest case; `false` if it is another one, and nothing has happened.
    #[inline]
    pub(crate) fn quick(&self, act: Quick) -> bool {
        let turn = self.memo.turn();
        self.store().quick(self.seat, &turn, act)
    }

    /// Looks at one state.
    pub(crate) fn look<'s, T>(&'s self, act: impl FnMut(&mut Tx<'s>) -> Result<T, Trouble>) -> Result<T, Error> {
        self.store().look(act).map_err(|what| self.place.damaged(what))
    }

    /// Whether this handle was asked to give up.
    pub(crate) fn is_revoked(&self) -> bool {
        let revoked = self.store().word(layout::seat(self.seat, seat::REVOKED));
        // SeqCst: written before the bell of the seat is rung; see `HostSemaphore::revoke`.
        revoked.load(Ordering::SeqCst) == u64::from(self.generation)
    }

    /// The word by which the watch asks to be told when a waiter has become the first.
    pub(crate) fn tell(&self, number: u16) -> &AtomicU64 {
        self.store().word(layout::waiter(usize::from(number), waiter::TELL))
    }
}
