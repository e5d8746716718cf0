//! A handle's part in a semaphore: the mapping, the seat, and the lock that says that its process lives.
//!
//! # Who is alive
//!
//! A handle locks one byte of the file, by a lock of its *open file description* (`fcntl(2)`, `F_OFD_SETLK`), maps the file through that
//! description, and closes the descriptor. The mapping alone keeps the description and the lock now. So the lock is there exactly as long as
//! the memory of this process:
//!
//! | what happens | the mapping, and the lock |
//! |---|---|
//! | the process ends, in whatever way | goes; the kernel sees to it |
//! | it is stopped, or sleeps for a year | stays |
//! | it is a zombie | gone |
//! | it closes all descriptors (`close_range`, `closefrom`) | stays: none of them matters |
//! | it forks | stays with the parent alone (`MADV_DONTFORK`): the child is somebody else |
//! | it executes another program | goes |
//! | it is in another PID namespace | is seen all the same: no process id is asked |
//!
//! Whoever cannot lock the byte knows that its owner lives. No process ids, start times or ages are compared, ever.
//!
//! # Forks
//!
//! A child after fork without exec has no mapping. `epoch` tells it from its parent, and it takes a seat of its own when it first uses the
//! handle; guards that it inherited do nothing, since what they hold is the parent's.

use crate::acts::{Collected, GiveUp, Kind, Refusal, Stage, Status, Wakes, Who};
use crate::attendants::Attendants;
use crate::book::{Quick, Side};
use crate::crash::{Point, point};
use crate::error::{Error, ErrorKind};
use crate::files::{self, GENERATION_BYTES, Place, SEAT_BYTES};
use crate::layout::{self, SEATS, WAITERS, seat, waiter};
use crate::options::Settings;
use crate::sys::{self, LockKind, Region};
use crate::tx::{Memo, Outcome, Store, Trouble, Tx};
use std::fs::File;
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// More tries than this mean that something is wrong: each fails only if others changed the same just now.
const TRIES: usize = 1000;
const NO_SEAT: usize = usize::MAX;

/// Whether those are there for whom a seat was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    Lives,
    /// The process has ended; the command that it ran goes on, and keeps the permits.
    CommandLives,
    Dead,
}

/// Another description of the same file, to ask about the locks of others: our own it would not tell. A descriptor is good in one table
/// of descriptors, and the watch has one of its own.
#[derive(Debug, Default)]
pub(crate) struct Probe(Mutex<Option<Arc<File>>>);

impl Probe {
    pub(crate) fn of(file: Option<File>) -> Probe {
        Probe(Mutex::new(file.map(Arc::new)))
    }
}

/// Whose death matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Suspects {
    /// Those who hold permits, or have some set aside for them, and the first in line: nobody gets past these.
    InTheWay,
    /// And all who wait: they are counted.
    AllWhoTakePart,
}

/// The byte that the owner of a seat locks.
pub(crate) fn byte_of(seat: usize) -> i64 {
    SEAT_BYTES + i64::try_from(seat).expect("seats are few")
}

/// The byte that the owner of a seat locks too, and that no other generation of the seat ever does.
pub(crate) fn generation_byte(seat: usize, generation: u32) -> i64 {
    GENERATION_BYTES + (i64::from(generation) << 12) + i64::try_from(seat).expect("seats are few")
}

/// What a process has of a semaphore that it takes part in.
pub(crate) struct Attachment {
    pub(crate) place: Place,
    /// The process that this belongs to: see `sys::epoch`.
    pub(crate) epoch: u64,
    region: Region,
    pub(crate) seat: usize,
    pub(crate) generation: u32,
    /// The file, by device and number.
    pub(crate) file: (u64, u64),
    memo: Memo,
    /// Of the process's descriptors.
    pub(crate) probe: Probe,
    pub(crate) attendants: Attendants,
}

/// Locks what no code panics under.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Attachment {
    /// Opens the file, and makes it if there is none and `max` is given.
    pub(crate) fn open(place: &Place, max: Option<u32>, settings: &Settings) -> Result<Arc<Attachment>, Error> {
        place.prepare_directory()?;
        // Each turn, somebody else has made, removed or replaced the file meanwhile; nobody does that for ever.
        for _ in 0..TRIES {
            let Some(file) = place.open_file(true)? else {
                let Some(max) = max else { return Err(not_found(place)) };
                place.create(max, settings.mode)?;
                continue;
            };
            place.check_file_system(&file)?;
            if let Some(attachment) = Attachment::attach(place, file, settings)? {
                return Ok(Arc::new(attachment));
            }
        }
        Err(Error::gone(&place.name))
    }

    /// Takes a seat; nothing if the file is not the one of its name any more.
    fn attach(place: &Place, file: File, settings: &Settings) -> Result<Option<Attachment>, Error> {
        let found = file.metadata().map_err(|error| Error::system("cannot look at an open file", error))?;
        let identity = (found.dev(), found.ino());
        place.lock_attach(&file, LockKind::Shared)?;
        if !place.is_current(identity) {
            return Ok(None);
        }
        if !place.check_header(&file)? && renew(place, &file, identity)? {
            return Ok(None);
        }
        let region = Region::map(&file, layout::TOTAL)
            .map_err(|error| Error::system(format!("cannot map semaphore `{}`", place.name), error))?;
        let mut attachment = Attachment {
            place: place.clone(),
            epoch: sys::epoch(),
            region,
            seat: NO_SEAT,
            generation: 0,
            file: identity,
            memo: Memo::default(),
            probe: Probe::default(),
            attendants: Attendants::default(),
        };
        attachment.take_seat(&file, settings)?;
        sys::unlock(&file, files::ATTACH_BYTE).map_err(|error| attachment.failed("unlock", error))?;
        // Opened while it can be: a program may give up the right to.
        let probe = attachment.probe(&attachment.probe)?;
        drop(file);
        point(Point::Seated);
        let beacon = byte_of(attachment.seat);
        let lasts = sys::is_locked(&probe, beacon).map_err(|error| attachment.failed("ask for a lock of", error));
        drop(probe);
        if !lasts.as_ref().is_ok_and(|&lasts| lasts) {
            attachment.close_probe();
        }
        if !lasts? {
            return Err(Error::new(
                ErrorKind::BadFileSystem,
                format!(
                    "semaphore `{}` is on a file system where the lock of a mapping does not last (`{}`): use another directory",
                    place.name,
                    place.directory.display()
                ),
            ));
        }
        Ok(Some(attachment))
    }

    fn failed(&self, act: &str, error: io::Error) -> Error {
        Error::system(format!("cannot {act} semaphore `{}`", self.place.name), error)
    }

    /// Locks the byte of a free seat and takes it.
    fn take_seat(&mut self, file: &File, settings: &Settings) -> Result<(), Error> {
        for _ in 0..TRIES {
            let (used, backed) =
                self.look(|tx| Ok((usize::from(tx.book.seats_used), usize::from(tx.book.seats_backed))))?;
            let all_taken = (0..backed).all(|number| self.peek_status(number).taken);
            // Where nobody waits, those who died still have their seats: they are for when no other is free.
            let candidates = (0..backed).filter(|&number| all_taken || !self.peek_status(number).taken);
            for number in candidates.collect::<Vec<_>>() {
                if self.take_this_seat(number, backed, file, settings)? {
                    return Ok(());
                }
            }
            let more = (2 * backed).min(SEATS);
            if more > backed {
                files::back_seats(file, backed, more)
                    .map_err(|error| self.failed("make room for more handles of", error))?;
                point(Point::Grown);
                // One of the new ones: it has a record to commit from, and commits that there are more.
                for number in backed..more {
                    if self.take_this_seat(number, more, file, settings)? {
                        return Ok(());
                    }
                }
            } else if all_taken && used == SEATS {
                return Err(Error::new(
                    ErrorKind::Exhausted,
                    format!(
                        "`{SEATS}` handles take part in semaphore `{}`, and there is no seat for more: try again later",
                        self.place.name
                    ),
                ));
            }
            // Seats that are free and locked are just being taken or left.
            std::thread::yield_now();
        }
        Err(Error::new(
            ErrorKind::Exhausted,
            format!("others were faster `{TRIES}` times to take a seat of semaphore `{}`: try again", self.place.name),
        ))
    }

    fn peek_status(&self, number: usize) -> Status {
        Status::unpack(self.store().peek(layout::seat(number, seat::STATUS)))
    }

    /// Takes a seat if its byte can be locked, after whoever had it is buried.
    fn take_this_seat(
        &mut self,
        number: usize,
        backed: usize,
        file: &File,
        settings: &Settings,
    ) -> Result<bool, Error> {
        let byte = byte_of(number);
        if !sys::try_lock(file, LockKind::Exclusive, byte).map_err(|error| self.failed("lock a byte of", error))? {
            return Ok(false);
        }
        point(Point::Locked);
        let status = self.peek_status(number);
        if status.taken && self.command_keeps(number, status.generation)? {
            sys::unlock(file, byte).map_err(|error| self.failed("unlock a byte of", error))?;
            return Ok(false);
        }
        // The byte is ours, so the records of the seat are.
        self.seat = number;
        if status.taken {
            self.recover(number, status.generation)?;
        }
        self.introduce(settings);
        // Nobody else has this one, ever: see `CommandLock`.
        let next = self.peek_status(number).next();
        sys::try_lock(file, LockKind::Exclusive, generation_byte(number, next))
            .map_err(|error| self.failed("lock a byte of", error))?;
        self.generation = self.transact(|tx| {
            let backed = u16::try_from(backed).expect("seats are few");
            tx.book.seats_backed = tx.book.seats_backed.max(backed);
            tx.occupy(number).map(Outcome::Commit)
        })?;
        Ok(true)
    }

    /// Writes down who has the seat, for others to read. The byte is locked, so nobody else writes there.
    fn introduce(&self, settings: &Settings) {
        // Relaxed: told for tables. The commit that takes the seat publishes it.
        let put = |word: usize, value: u64| {
            self.store().word(layout::seat(self.seat, word)).store(value, Ordering::Relaxed);
        };
        put(seat::PID, u64::from(std::process::id()));
        put(seat::PID_NAMESPACE, pid_namespace());
        put(seat::UID, u64::from(sys::user()));
        put(seat::SINCE, 0);
        put(seat::COMMAND_PID, 0);
        for (at, length, text) in
            [(seat::LABEL, seat::LABEL_WORDS, &settings.label), (seat::COMMAND, seat::COMMAND_WORDS, &settings.command)]
        {
            for offset in 0..length {
                let mut bytes = [0; 8];
                let rest = text.get(8 * offset..).unwrap_or_default();
                let taken = rest.len().min(8);
                bytes[..taken].copy_from_slice(&rest[..taken]);
                put(at + offset, u64::from_ne_bytes(bytes));
            }
        }
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

    /// Wakes whom a commit has granted or refused, tells who has become the first, and goes on serving if there is more (H3).
    #[inline]
    pub(crate) fn dispatch(&self, wakes: Wakes) -> Result<(), Error> {
        if wakes.is_empty() { Ok(()) } else { self.dispatch_all(wakes) }
    }

    #[cold]
    fn dispatch_all(&self, mut wakes: Wakes) -> Result<(), Error> {
        loop {
            for (number, seat) in wakes.iter() {
                sys::ring(self.waiter_bell(number));
                if let Some(seat) = seat {
                    sys::ring(self.seat_bell(seat));
                }
            }
            point(Point::Woken);
            for head in wakes.heads {
                self.tell_head(usize::from(head))?;
            }
            if let Some(decider) = wakes.decider.checked_sub(1) {
                self.wake_for(usize::from(decider));
            }
            if !wakes.more {
                return Ok(());
            }
            wakes = self.serve()?;
        }
    }

    /// Tells a waiter that it is the first now, if its process wants to be told.
    pub(crate) fn tell_head(&self, number: usize) -> Result<(), Error> {
        if number == 0 || number > WAITERS {
            return Ok(());
        }
        let tell = self.store().word(layout::waiter(number, waiter::TELL));
        // SeqCst: the commit that made it the first comes before, in the one order of all of them. Its process asks and then looks
        // whether it is the first: it finds that, or is told here.
        let wants = waiter::WANTS_TO_KNOW;
        if tell.load(Ordering::SeqCst) == wants
            && tell.compare_exchange(wants, 0, Ordering::SeqCst, Ordering::Relaxed).is_ok()
        {
            sys::ring(self.waiter_bell(number));
            let who = self.store().peek(layout::waiter(number, waiter::WHO));
            if let Ok(who) = Who::unpack(who) {
                sys::ring(self.seat_bell(who.seat));
            }
        }
        Ok(())
    }

    /// Grants and refuses whatever can be, in case that somebody died or was stopped before it did.
    pub(crate) fn serve(&self) -> Result<Wakes, Error> {
        self.transact(|tx| {
            if !tx.has_work() {
                return Ok(Outcome::Keep(Wakes::default()));
            }
            let (mut wakes, sweep) = (Wakes::default(), tx.book.sweep);
            tx.serve(&mut wakes)?;
            Ok(if wakes.is_empty() && tx.book.sweep == sweep { Outcome::Keep(wakes) } else { Outcome::Commit(wakes) })
        })
    }

    /// The file, through a description that has no locks.
    pub(crate) fn probe(&self, probe: &Probe) -> Result<Arc<File>, Error> {
        let mut probe = locked(&probe.0);
        // The program may have closed all its descriptors, and opened other files by the same numbers.
        if let Some(file) = &*probe
            && self.is_ours(file)
        {
            return Ok(Arc::clone(file));
        }
        // Whom to trust was asked when it was opened first: now it is that file or it is not.
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
        let file = File::options().read(true).write(true).custom_flags(flags).open(&self.place.path);
        let file = match file {
            Ok(file) if self.is_ours(&file) => Arc::new(file),
            Ok(_) => return Err(Error::gone(&self.place.name)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Error::gone(&self.place.name)),
            Err(error) => return Err(self.failed("open", error)),
        };
        if let Some(stranger) = probe.replace(Arc::clone(&file)) {
            // Whatever has that number now is not ours to close.
            std::mem::forget(stranger);
        }
        Ok(file)
    }

    /// Closes the process's probe, on a thread that has the process's descriptors.
    pub(crate) fn close_probe(&self) {
        if let Some(probe) = locked(&self.probe.0).take()
            && !self.is_ours(&probe)
        {
            std::mem::forget(probe);
        }
    }

    /// Finds out whether the file has lost its last name, and if so tells all who have it: nobody who comes finds it.
    ///
    /// That its name cannot be found by this process says nothing: it may have another root, or not the right to look.
    pub(crate) fn notice_gone(&self, probe: &Probe) -> Result<bool, Error> {
        let gone = match self.probe(probe) {
            Ok(file) => file.metadata().is_ok_and(|found| found.nlink() == 0),
            // It had a descriptor before, and lost it; what it could say of the others is not known.
            Err(error) if error.kind() == ErrorKind::Gone => return Ok(true),
            Err(_) => false,
        };
        if gone {
            self.declare_gone()?;
        }
        Ok(gone)
    }

    pub(crate) fn is_ours(&self, file: &File) -> bool {
        file.metadata().is_ok_and(|found| (found.dev(), found.ino()) == self.file)
    }

    /// Whether the owner of a seat lives.
    pub(crate) fn life(&self, number: usize, probe: &Probe) -> Result<Life, Error> {
        if number == self.seat {
            return Ok(Life::Lives);
        }
        let probe = self.probe(probe)?;
        let generation = self.peek_status(number).generation;
        if sys::is_locked(&probe, byte_of(number)).map_err(|error| self.failed("ask for a lock of", error))? {
            return Ok(Life::Lives);
        }
        // After the byte of the wrapper, never before: a command takes its lock while the wrapper has its own.
        if self.command_keeps(number, generation)? {
            return Ok(Life::CommandLives);
        }
        // What was asked has been about our file if it still is.
        Ok(if self.is_ours(&probe) { Life::Dead } else { Life::Lives })
    }

    /// Whether a command keeps a seat whose own process has ended: it has locked the byte of the generation in the seat's commands' file.
    fn command_keeps(&self, number: usize, generation: u32) -> Result<bool, Error> {
        // SeqCst: written before the command is there; see `CommandLock`.
        if self.store().word(layout::seat(number, seat::COMMAND_PID)).load(Ordering::SeqCst) == 0 {
            return Ok(false);
        }
        self.place.command_lives(number, Some(generation))
    }

    /// Takes back what the owner of a seat held, and removes its waiters. Nothing happens if it was done, or has another owner by now.
    pub(crate) fn recover(&self, number: usize, generation: u32) -> Result<(), Error> {
        point(Point::FoundDead);
        self.wake_for(number);
        let due = Status { taken: true, generation };
        self.remove_waiters(number, generation)?;
        let wakes = self.transact(|tx| {
            let mut wakes = Wakes::default();
            if tx.status(number)? != due {
                return Ok(Outcome::Keep(wakes));
            }
            let held = tx.vacate(number, &mut wakes)?;
            tx.book.recovered = tx.book.recovered.saturating_add(held);
            Ok(Outcome::Commit(wakes))
        })?;
        point(Point::Recovered);
        self.dispatch(wakes)
    }

    /// Removes the waiters of a seat whose process has ended; what they were granted is held by the seat.
    pub(crate) fn remove_waiters(&self, number: usize, generation: u32) -> Result<(), Error> {
        let due = Status { taken: true, generation };
        for waiter in self.waiters_of(number)? {
            let wakes = self.transact(|tx| {
                let mut wakes = Wakes::default();
                if tx.status(number)? != due || !tx.remove_dead_waiter(number, waiter, &mut wakes)? {
                    return Ok(Outcome::Keep(wakes));
                }
                Ok(Outcome::Commit(wakes))
            })?;
            point(Point::WaiterRemoved);
            self.dispatch(wakes)?;
        }
        Ok(())
    }

    /// The waiters of a seat. If its owner is dead, there will be no more.
    fn waiters_of(&self, number: usize) -> Result<Vec<u16>, Error> {
        // All that the dead have committed is made once a state has been looked at; the table itself is looked at piece by piece, as a busy
        // semaphore never stands still for all of it.
        let used = self.look(|tx| Ok(tx.book.waiters_used))?;
        let store = self.store();
        Ok((1..=used)
            .filter(|&waiter| {
                let who = Who::unpack(store.peek(layout::waiter(usize::from(waiter), waiter::WHO)));
                who.is_ok_and(|who| who.seat == number && who.stage != Stage::Free)
            })
            .collect())
    }

    /// Looks at those whose death would matter, takes back what the dead held, and serves. `true` if anything came back.
    pub(crate) fn reap(&self, whom: Suspects) -> Result<bool, Error> {
        let mut came_back = false;
        loop {
            let mut dead = false;
            for (number, generation) in self.suspects(whom)? {
                match self.life(number, &self.probe)? {
                    Life::Lives => {}
                    Life::CommandLives => self.remove_waiters(number, generation)?,
                    Life::Dead => {
                        self.recover(number, generation)?;
                        dead = true;
                    }
                }
            }
            let wakes = self.serve()?;
            self.dispatch(wakes)?;
            if !dead {
                return Ok(came_back);
            }
            // What came back may have been granted to somebody who is dead as well.
            came_back = true;
        }
    }

    /// Seats other than this one whose owners, if dead, keep something from others; with their generations.
    pub(crate) fn suspects(&self, whom: Suspects) -> Result<Vec<(usize, u32)>, Error> {
        let (seats, waiters, heads) = self.look(|tx| {
            Ok((tx.book.seats_used, tx.book.waiters_used, [tx.book.acquirers.head, tx.book.releasers.head]))
        })?;
        let store = self.store();
        let mut suspects = vec![false; usize::from(seats)];
        for number in 1..=waiters {
            let Ok(who) = Who::unpack(store.peek(layout::waiter(usize::from(number), waiter::WHO))) else { continue };
            let counts = match who.stage {
                Stage::Free => false,
                // Permits that are neither loose nor free, nor held.
                Stage::Reserved => true,
                _ => whom == Suspects::AllWhoTakePart || heads.contains(&number),
            };
            if counts && let Some(suspect) = suspects.get_mut(who.seat) {
                *suspect = true;
            }
        }
        let peek = |number, word| store.peek(layout::seat(number, word));
        Ok((0..usize::from(seats))
            .filter(|&number| number != self.seat)
            .filter_map(|number| {
                // The status first: what a seat holds is of this generation or a later one, and `recover` tells them apart.
                let status = Status::unpack(peek(number, seat::STATUS));
                let held = peek(number, seat::OWN).wrapping_add(peek(number, seat::GIVEN));
                (status.taken && (held != 0 || suspects[number])).then_some((number, status.generation))
            })
            .collect())
    }

    /// Makes room for more waiters; `false` if there can be no more.
    pub(crate) fn make_room(&self) -> Result<bool, Error> {
        let backed = self.look(|tx| Ok(usize::from(tx.book.waiters_backed)))?;
        let more = (2 * backed + 1).min(WAITERS);
        if more == backed {
            return Ok(false);
        }
        let probe = self.probe(&self.probe)?;
        files::back_waiters(&probe, backed, more).map_err(|error| {
            Error::system(format!("no room for more waiters of semaphore `{}`", self.place.name), error)
        })?;
        point(Point::Grown);
        self.transact(|tx| {
            let more = u16::try_from(more).expect("no more than 65535");
            if tx.book.waiters_backed >= more {
                return Ok(Outcome::Keep(()));
            }
            tx.book.waiters_backed = more;
            Ok(Outcome::Commit(()))
        })?;
        Ok(true)
    }

    /// Declares the file gone: nobody who comes finds it, so nobody may wait in it.
    pub(crate) fn declare_gone(&self) -> Result<(), Error> {
        let wakes = self.transact(|tx| {
            let mut wakes = Wakes::default();
            if tx.book.gone {
                return Ok(Outcome::Keep(wakes));
            }
            tx.book.gone = true;
            tx.serve(&mut wakes)?;
            Ok(Outcome::Commit(wakes))
        })?;
        self.dispatch(wakes)
    }

    /// What a waiter of this seat has come to.
    pub(crate) fn collect(&self, number: u16, give_up: GiveUp) -> Result<Collected, Error> {
        let (collected, wakes, heads) = self.transact(|tx| {
            let mut wakes = Wakes::default();
            let collected = tx.collect(self.seat, number, give_up, &mut wakes)?;
            let heads = [tx.book.acquirers.head, tx.book.releasers.head];
            let outcome = (collected, wakes, heads);
            Ok(if collected == Collected::Queued { Outcome::Keep(outcome) } else { Outcome::Commit(outcome) })
        })?;
        if collected != Collected::Queued {
            point(Point::Collecting);
            self.dispatch(wakes)?;
            for head in heads {
                self.tell_head(usize::from(head))?;
            }
        }
        Ok(collected)
    }

    /// Wakes those whom a seat decided about last, unless they were there since: it may have died before it did.
    pub(crate) fn wake_for(&self, seat: usize) {
        if seat >= SEATS {
            return;
        }
        let store = self.store();
        for at in store.changed_by(seat) {
            let Some(number) = layout::waiter_of(at) else { continue };
            let Ok(who) = Who::unpack(store.peek(layout::waiter(number, waiter::WHO))) else { continue };
            // SeqCst as all of `TELL`; a task that comes much later than it was woken is not woken again and again.
            let knows = store.word(layout::waiter(number, waiter::TELL)).load(Ordering::SeqCst) == waiter::KNOWS;
            if matches!(who.stage, Stage::Free | Stage::Queued) || knows {
                continue;
            }
            sys::ring(self.waiter_bell(number));
            if who.kind == Kind::Task {
                sys::ring(self.seat_bell(who.seat));
            }
        }
    }

    /// Whether this handle was asked to give up.
    pub(crate) fn is_revoked(&self) -> bool {
        let revoked = self.store().word(layout::seat(self.seat, seat::REVOKED));
        // SeqCst: written before the bell of the seat is rung; see `HostSemaphore::revoke`.
        revoked.load(Ordering::SeqCst) == u64::from(self.generation)
    }

    /// Why a request failed, in words.
    pub(crate) fn refused(&self, side: Side, refusal: Refusal) -> Error {
        Error::refused(&self.place.name, side, refusal)
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        self.forget_lent();
        if self.epoch != sys::epoch() {
            // A child after fork: the mapping is the parent's, and whatever has the number of the descriptor now is not ours to close.
            std::mem::forget(locked(&self.probe.0).take());
            return;
        }
        if self.generation == 0 {
            // It never had a seat; the lock goes with the mapping.
            return;
        }
        point(Point::Leaving);
        // An error leaves the seat taken: it is found dead as soon as the lock is gone, and somebody looks.
        let left = self.transact(|tx| {
            let mut wakes = Wakes::default();
            tx.vacate(self.seat, &mut wakes)?;
            Ok(Outcome::Commit(wakes))
        });
        if let Ok(wakes) = left {
            let _ = self.dispatch(wakes);
        }
        // Not closed here: this may be the watch, in whose table the number is another file's. See `close_probe`.
        std::mem::forget(locked(&self.probe.0).take());
    }
}

pub(crate) fn not_found(place: &Place) -> Error {
    Error::new(
        ErrorKind::NotFound,
        format!(
            "there is no semaphore `{}` in `{}`: whoever opens it with a number of permits makes it (`permits set --create {} 2`)",
            place.name,
            place.directory.display(),
            place.name
        ),
    )
}

/// Replaces a file of an earlier boot, with as many permits, all free: whoever held them is dead. `false` if it is in use after all: some
/// containers make up a number for the boot. Then the attach byte is locked as it was.
fn renew(place: &Place, file: &File, identity: (u64, u64)) -> Result<bool, Error> {
    // Two that both share it and want it alone would wait for each other, and the kernel does not notice that.
    sys::unlock(file, files::ATTACH_BYTE)
        .map_err(|error| Error::system(format!("cannot unlock semaphore `{}`", place.name), error))?;
    place.lock_attach(file, LockKind::Exclusive)?;
    if !place.is_current(identity) || place.check_header(file)? {
        return Ok(true);
    }
    if place.is_in_use(file)? {
        place.lock_attach(file, LockKind::Shared)?;
        return Ok(false);
    }
    let region = Region::map(file, layout::TOTAL)
        .map_err(|error| Error::system(format!("cannot map semaphore `{}`", place.name), error))?;
    let max = Store::new(region.words()).look(|tx| Ok((tx.book.max, tx.book.closed)));
    let (max, closed) = max.map_err(|what| place.damaged(what))?;
    let mode = file.metadata().map_or(0o600, |found| found.mode() & 0o777);
    place.replace(max, closed, mode)?;
    Ok(true)
}

/// The number of our PID namespace; 0 if it cannot be had.
pub(crate) fn pid_namespace() -> u64 {
    // Asked for once a process: a child after fork may be in another one.
    static EPOCH: AtomicU64 = AtomicU64::new(0);
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let epoch = sys::epoch();
    // Acquire and Release: who finds the epoch finds the number.
    if EPOCH.load(Ordering::Acquire) != epoch {
        NUMBER.store(std::fs::metadata("/proc/self/ns/pid").map_or(0, |found| found.ino()), Ordering::Relaxed);
        EPOCH.store(epoch, Ordering::Release);
    }
    NUMBER.load(Ordering::Relaxed)
}
