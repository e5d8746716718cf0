//! Taking part in a semaphore: opening its file, taking a seat, and leaving.
//!
//! # Forks
//!
//! A child after fork without exec has no mapping. `epoch` tells it from its parent, and it takes a seat of
//! its own when it first uses the handle; guards that it inherited do nothing, since what they hold is the
//! parent's.

use crate::crash::{Point, point};
use crate::error::{self, Error, ErrorKind};
use crate::process::attachment::{Attachment, Probe, Settings, TRIES};
use crate::process::attendants::Attendants;
use crate::process::descriptor::Descriptor;
use crate::process::directory::Directory;
use crate::process::files::{self, Place, Terms, byte_of, generation_byte, not_found, renew};
use crate::process::sys::{self, LockKind, Region, pid_namespace};
use crate::protocol::layout::{self, SEATS, seat};
use crate::protocol::turn::Memo;
use crate::protocol::tx::{Outcome, Store};
use std::fs::File;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

const NO_SEAT: usize = usize::MAX;
/// How long seats that are just being taken or left are given for it.
const LOOKS_AGAIN: Duration = Duration::from_micros(50);

impl Attachment {
    /// Opens the file, and makes it if there is none and `terms` are given.
    pub(crate) fn open(place: &Place, terms: Option<Terms>, settings: &Settings) -> Result<Arc<Attachment>, Error> {
        let directory = place.directory_to_use(terms.is_some())?.ok_or_else(|| not_found(place))?;
        // Each turn, somebody else has made, removed or replaced the file meanwhile; nobody does that for ever.
        for _ in 0..TRIES {
            let Some(file) = place.open_file(&directory, true)? else {
                let Some(terms) = terms else { return Err(not_found(place)) };
                place.create(&directory, terms, settings.mode)?;
                continue;
            };
            place.check_file_system(file.as_fd())?;
            if let Some(attachment) = Attachment::attach(place, &directory, file, settings)? {
                return Ok(Arc::new(attachment));
            }
        }
        Err(error::gone(&place.name))
    }

    /// Takes a seat; nothing if the file is not the one of its name any more.
    fn attach(
        place: &Place,
        directory: &Directory,
        file: File,
        settings: &Settings,
    ) -> Result<Option<Attachment>, Error> {
        // It may be open for as long as another process is stopped that has the attach byte.
        let file = Descriptor::new(file).map_err(|error| place.failed("look at", error))?;
        let identity = file.identity();
        place.lock_attach(&file, LockKind::Shared)?;
        if !place.is_current(directory, identity)? {
            return Ok(None);
        }
        let of_this_boot = place.check_header(&file)?;
        let region = Region::map(&file, layout::TOTAL).map_err(|error| place.failed("map", error))?;
        if is_removed(&region) {
            finish_removal(place, directory, &file, &region, identity)?;
            return Ok(None);
        }
        if !of_this_boot && renew(place, directory, &file, identity)? {
            return Ok(None);
        }
        let mut attachment = Attachment {
            place: place.clone(),
            epoch: sys::epoch(),
            region,
            seat: NO_SEAT,
            generation: 0,
            file: identity,
            root: sys::root(),
            memo: Memo::default(),
            probe: Probe::default(),
            attendants: Attendants::default(),
        };
        attachment.take_seat(&file, settings)?;
        sys::unlock(&file, files::ATTACH_BYTE).map_err(|error| attachment.failed("unlock", error))?;
        // Opened while it can be: a program may give up the right to.
        let probe = match attachment.probe(&attachment.probe) {
            // Removed just now.
            Err(error) if error.kind() == ErrorKind::Gone => return Ok(None),
            probe => probe?,
        };
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
                    "it is on a file system where the lock of a mapping does not last (`{}`): use another directory",
                    place.directory.display()
                ),
            ));
        }
        Ok(Some(attachment))
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
                    .map_err(|error| self.failed("make room for more handles in", error))?;
                point(Point::Grown);
                // One of the new ones: it has a record to commit from, and commits that there are more.
                for number in backed..more {
                    if self.take_this_seat(number, more, file, settings)? {
                        return Ok(());
                    }
                }
            } else if all_taken && used == SEATS {
                let why = format!("it has `{SEATS}` handles, and no seat for another: try again later");
                return Err(Error::new(ErrorKind::Exhausted, why));
            }
            // Seats that are free and locked are just being taken or left. A yield may take a time slice.
            std::thread::sleep(LOOKS_AGAIN);
        }
        Err(Error::new(
            ErrorKind::Exhausted,
            format!("other processes took the free seat first, `{TRIES}` times: try again"),
        ))
    }

    /// Takes a seat if its byte can be locked, after the remains of its last owner are cleared.
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
            self.recover(&[(number, status.generation)])?;
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

    /// Writes down who has the seat, for others to read. The byte is locked, so no other process writes
    /// there.
    fn introduce(&self, settings: &Settings) {
        // Relaxed: told for tables. The commit that takes the seat publishes it.
        let put = |word: usize, value: u64| {
            self.store().word(layout::seat(self.seat, word)).store(value, Ordering::Relaxed);
        };
        put(seat::PID, u64::from(std::process::id()));
        put(seat::PID_NAMESPACE, pid_namespace());
        put(seat::UID, u64::from(sys::user()));
        put(seat::SINCE, 0);
        // What an owner of an earlier generation was told.
        put(seat::REVOKED, 0);
        self.store().forget_key(self.seat);
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
}

/// Whether a file says that it is gone.
fn is_removed(region: &Region) -> bool {
    // Of one that is found damaged, others say what.
    Store::new(region.words()).despite_damage().look(|tx| Ok(tx.book.gone)).unwrap_or(false)
}

/// Removes a file that says that it is gone, and still has its name: the process that began that has died, or
/// is about to do it. The caller has locked the attach byte shared.
fn finish_removal(
    place: &Place,
    directory: &Directory,
    file: &File,
    region: &Region,
    identity: (u64, u64),
) -> Result<(), Error> {
    // Two that both share it and want it alone would wait for each other, and the kernel does not notice
    // that.
    sys::unlock(file, files::ATTACH_BYTE).map_err(|error| place.failed("unlock", error))?;
    place.lock_attach(file, LockKind::Exclusive)?;
    // Whoever could not remove it has taken that back.
    if place.is_current(directory, identity)? && is_removed(region) { place.unlink(directory) } else { Ok(()) }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        // In a child after fork nothing may be locked, and the mapping is the parent's. A handle that never
        // had a seat has nothing to leave: the lock goes with the mapping.
        if self.epoch != sys::epoch() || self.generation == 0 {
            return;
        }
        point(Point::Leaving);
        // An error leaves the seat taken: it is found dead as soon as the lock is gone, and somebody looks.
        let vacated = self.act_to_give_back(|tx, wakes| tx.vacate(self.seat, wakes).map(Outcome::Commit), |_| {});
        if vacated.is_ok_and(|held| held > 0) {
            // By guards that were leaked.
            self.note(seat::USED);
        }
        // The probe is not closed here if this is the watch, in whose table the number is another file's: see
        // `Descriptor`.
    }
}
