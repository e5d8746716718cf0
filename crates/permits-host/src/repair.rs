//! Repairs a damaged file, or moves it aside.

use crate::error::{self, Error, ErrorKind};
use crate::process::attachment::TRIES;
use crate::process::attachment::{Attachment, Settings};
use crate::process::directory::Directory;
use crate::process::files::{self, Place, SEAT_BYTES, byte_of, not_found};
use crate::process::life::Suspects;
use crate::process::sys::{self, LockKind, Region};
use crate::protocol::book::{Book, Side};
use crate::protocol::layout::{self, seat, waiter};
use crate::protocol::turn::Memo;
use crate::protocol::tx::{Outcome, Store, Trouble, Tx};
use crate::protocol::waiter::{Stage, Who};
use permits::State;
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// What a repair found and did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Repair {
    /// The file was sound.
    Sound,
    /// The counts did not agree with the permits of the holders, or a process had found an error in the file,
    /// which stops all grants: now they agree, and permits are granted again.
    Recounted {
        /// The state before.
        before: State,
        /// The state now.
        after: State,
    },
    /// The file was beyond repair, and not in use: it has another name now, and the next process that opens
    /// the semaphore creates it anew.
    SetAside {
        /// Its other name.
        as_path: PathBuf,
    },
}

/// Checks a file, and repairs it or moves it aside.
pub(crate) fn repair(place: &Place) -> Result<Repair, Error> {
    for _ in 0..TRIES {
        if let Some(repair) = repair_this(place)? {
            return Ok(repair);
        }
    }
    Err(error::gone(&place.name))
}

/// The same, for the file that has the name now; nothing if another one has it meanwhile, since another
/// process has repaired it, removed it or made it anew.
fn repair_this(place: &Place) -> Result<Option<Repair>, Error> {
    let directory = place.directory_to_use(false)?.ok_or_else(|| not_found(place))?;
    let file = place.open_file(&directory, true)?.ok_or_else(|| not_found(place))?;
    let found = file.metadata().map_err(|error| place.failed("look at", error))?;
    let identity = (found.dev(), found.ino());
    let set_aside = |what: &str| set_aside(place, &directory, &file, identity, what);
    place.check_file_system(file.as_fd())?;
    // Nobody replaces it meanwhile. Whoever is attached goes on, and others may attach: what is done to a
    // sound file is a transaction.
    place.lock_attach(&file, LockKind::Shared)?;
    if !place.is_current(&directory, identity)? {
        return Ok(None);
    }
    match place.check_header(&file) {
        // Of an earlier boot: whoever opens it next makes it anew, as large as it says that it is.
        Ok(false) => {
            let region = Region::map(&file, layout::TOTAL).map_err(|error| place.failed("map", error))?;
            return match Store::new(region.words()).despite_damage().look(|tx| Ok(tx.book.max)) {
                Ok(_) => Ok(Some(Repair::Sound)),
                Err(what) => set_aside(what),
            };
        }
        Ok(true) => {}
        Err(error) if error.kind() == ErrorKind::Damaged => {
            return set_aside(&error.to_string());
        }
        Err(error) => return Err(error),
    }
    let region = Region::map(&file, layout::TOTAL).map_err(|error| place.failed("map", error))?;
    let store = Store::new(region.words()).despite_damage();
    match store.look_briefly(audit) {
        Ok(Some(Audit { missing: 0, condemned: false, .. })) => Ok(Some(Repair::Sound)),
        Ok(Some(Audit { state, .. })) => recount(place, &file, &store, state, set_aside),
        Ok(None) => Err(Error::new(
            ErrorKind::Exhausted,
            "it is in use and works, but changes too often to be checked: try again later",
        )),
        Err(what) => set_aside(what),
    }
}

/// What a sound file adds up to.
struct Audit {
    state: State,
    /// How many permits are out by the count but held by no seat.
    missing: i64,
    /// A process has found an error in it.
    condemned: bool,
}

/// Follows all queues and adds up all seats.
fn audit(tx: &mut Tx<'_>) -> Result<Audit, Trouble> {
    if let Some(flaw) = tx.book.flaw() {
        return Err(Trouble::Damaged(flaw));
    }
    let mut found = vec![false; usize::from(tx.book.waiters_used) + 1];
    let mut once = |number: u16| {
        let place = &mut found[usize::from(number)];
        if std::mem::replace(place, true) {
            Err(Trouble::Damaged("a waiter is in two queues, or twice in one"))
        } else {
            Ok(())
        }
    };
    for side in [Side::Acquire, Side::Release] {
        let (mut number, mut before, mut length) = (tx.book.queue(side).head, 0, 0);
        while number != 0 {
            once(number)?;
            let who = tx.who(number)?;
            if who.stage != Stage::Queued || who.side != side {
                return Err(Trouble::Damaged("a queue has an entry that does not wait"));
            }
            if tx.before(number, side)? != before {
                return Err(Trouble::Damaged("a waiter does not name the one in front of it"));
            }
            (before, number, length) = (number, tx.behind(number)?, length + 1);
        }
        if (before, length) != (tx.book.queue(side).tail, tx.book.queue(side).length) {
            return Err(Trouble::Damaged("the end of a queue is not where the book says"));
        }
    }
    let mut number = tx.book.pool;
    while number != 0 {
        once(number)?;
        if tx.who(number)?.stage != Stage::Free {
            return Err(Trouble::Damaged("a waiter is in a free place"));
        }
        number = tx.behind(number)?;
    }
    let mut set_aside = 0;
    for number in 1..=tx.book.waiters_used {
        let Who { stage, .. } = tx.who(number)?;
        match stage {
            Stage::Reserved => set_aside += i64::from(tx.units(number)?),
            Stage::Queued if !found[usize::from(number)] => return Err(Trouble::Damaged("a waiter is in no queue")),
            Stage::Free if !found[usize::from(number)] => return Err(Trouble::Damaged("a free place is lost")),
            _ => {}
        }
    }
    let Book { max, free, loose, seats_used, .. } = tx.book;
    let mut held = 0;
    for number in 0..usize::from(seats_used) {
        let holds = tx.held(number)?;
        if holds > 0 && !tx.status(number)?.taken {
            return Err(Trouble::Damaged("a free seat holds permits"));
        }
        held += i64::from(holds);
    }
    let missing = i64::from(max) - i64::from(free) - i64::from(loose) - set_aside - held;
    Ok(Audit { state: tx.book.readings(), missing, condemned: tx.book.damaged })
}

/// Sets the count to the permits that seats hold. The seats are right, since nothing else records what they
/// hold; for loose permits the count is all there is.
fn recount(
    place: &Place,
    file: &File,
    store: &Store<'_>,
    before: State,
    set_aside: impl Fn(&str) -> Result<Option<Repair>, Error>,
) -> Result<Option<Repair>, Error> {
    // A commit needs a record to write to: that of a seat whose byte is ours.
    let failed = |error| place.failed("lock a byte of", error);
    let backed = store.look(|tx| Ok(usize::from(tx.book.seats_backed))).map_err(|what| place.damaged(what))?;
    for number in 0..backed {
        if !sys::try_lock(file, LockKind::Exclusive, byte_of(number)).map_err(failed)? {
            continue;
        }
        let after = store.transact(number, &Memo::default().turn(), |tx| {
            let Audit { missing, .. } = audit(tx)?;
            let free = i64::from(tx.book.free) + missing;
            tx.book.free = i32::try_from(free).map_err(|_| Trouble::Damaged("its counts do not add up"))?;
            tx.book.damaged = false;
            if let Some(flaw) = tx.book.flaw() {
                return Err(Trouble::Damaged(flaw));
            }
            Ok(Outcome::Commit(tx.book.readings()))
        });
        return match after {
            Ok(after) => {
                // Whoever waits for what is free now.
                sys::unlock(file, byte_of(number))
                    .and_then(|()| sys::unlock(file, files::ATTACH_BYTE))
                    .map_err(failed)?;
                let settings =
                    Settings { mode: 0o600, label: Vec::new(), command: b"permits repair".to_vec(), numbered: false };
                let attachment = Attachment::open(place, None, &settings)?;
                let reaped = attachment.reap(Suspects::AllWhoTakePart);
                attachment.dismiss();
                reaped?;
                Ok(Some(Repair::Recounted { before, after }))
            }
            Err(what) => set_aside(what),
        };
    }
    Err(Error::new(ErrorKind::Exhausted, "every seat is taken: try again when a process has left"))
}

/// Gives a file that is beyond repair another name, if no process uses it; nothing if it has lost its name.
fn set_aside(
    place: &Place,
    directory: &Directory,
    file: &File,
    identity: (u64, u64),
    what: &str,
) -> Result<Option<Repair>, Error> {
    let failed = |error| place.failed("set aside", error);
    sys::unlock(file, files::ATTACH_BYTE).map_err(failed)?;
    place.lock_attach(file, LockKind::Exclusive)?;
    // The byte was nobody's for a moment: another repair may have set it aside, and what has the name by now is
    // a new one, which may be in use.
    if !place.is_current(directory, identity)? {
        return Ok(None);
    }
    if place.is_in_use(directory, file)? {
        let first = sys::locker(file, SEAT_BYTES, 1).ok().flatten().and_then(|_| pid_of(file, 0));
        let pid = first.map(|pid| format!(", process `{pid}` for one")).unwrap_or_default();
        return Err(Error::new(
            ErrorKind::Damaged,
            format!(
                "it is beyond repair ({what}), and in use: end the processes that use it{pid} (`lslocks` may name them), then repair it"
            ),
        ));
    }
    let left = place.commands_files(directory);
    let as_path = place.set_aside(directory)?;
    Place::clear_commands_files(directory, &left);
    Ok(Some(Repair::SetAside { as_path }))
}

/// The process id that a seat records.
fn pid_of(file: &File, number: usize) -> Option<u64> {
    use std::os::unix::fs::FileExt;
    let mut bytes = [0; 8];
    file.read_exact_at(&mut bytes, layout::seat(number, seat::PID) as u64 * 8).ok()?;
    Some(u64::from_ne_bytes(bytes))
}

const _: () = assert!(waiter::WHO == 0 && seat::STATUS == 0, "backing is measured from the first words");
