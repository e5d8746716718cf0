//! What there is to see.

use crate::acts::{Stage, Status as SeatStatus};
use crate::attach::{Attachment, byte_of, pid_namespace};
use crate::book::Side;
use crate::error::{Error, ErrorKind};
use crate::files::Place;
use crate::layout::{self, FORMAT, SEATS, header, seat, waiter};
use crate::sys::{self, Region};
use crate::tx::{Store, Trouble, Tx};
use permits::State;
use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// More are not listed: who waits is counted in any case.
const LISTED: usize = 10_000;

/// All that there is to see of a semaphore. Readings, holders and waiters are of one instant, unless it does not stand still for long enough.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Status {
    /// Its name.
    pub name: String,
    /// Its file.
    pub path: PathBuf,
    /// Its readings.
    pub state: State,
    /// Who holds permits, longest first.
    pub holders: Vec<Holder>,
    /// Who waits: acquirers in their order, then releasers in theirs; the first 10,000.
    pub waiters: Vec<Waiter>,
    /// How many acquisitions were granted since the file was made.
    pub granted_total: u64,
    /// How many permits were taken back from the dead since then.
    pub recovered_total: u64,
    /// Major and minor version of the file's format.
    pub format: (u16, u16),
    /// When the file was made.
    pub created: SystemTime,
    /// The file's permissions.
    pub mode: u32,
    /// Whose file it is.
    pub owner_uid: u32,
}

/// Somebody who takes part. But for the id, it is what the participant told about itself.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Participant {
    /// By which it can be revoked.
    pub id: HolderId,
    /// Its process id, in its own PID namespace.
    pub pid: u32,
    /// The number of its PID namespace, if that is not ours.
    pub foreign_pid_namespace: Option<u64>,
    /// The process id of the command that it runs, if it does, and if that is known.
    pub command_pid: Option<u32>,
    /// Its user.
    pub uid: u32,
    /// Its arguments, or the command that it runs.
    pub command: String,
    /// What it calls itself.
    pub label: String,
    /// Whether its process, or the command that it ran, lives.
    pub alive: bool,
    /// Whether it was asked to give up.
    pub revoked: bool,
}

/// Somebody who holds permits.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Holder {
    /// Who.
    pub who: Participant,
    /// How many.
    pub permits: u32,
    /// Since when it has held any without a break.
    pub since: SystemTime,
}

/// Somebody who waits.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Waiter {
    /// Who.
    pub who: Participant,
    /// For what.
    pub side: Side,
    /// 1 is the first of its side.
    pub position: u32,
    /// How many permits it asks for, or wants to return.
    pub permits: u32,
    /// Since when.
    pub since: SystemTime,
}

/// A participant of a semaphore; no other one has had it or will have it. It reads `7-3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HolderId {
    seat: u32,
    generation: u32,
}

impl HolderId {
    pub(crate) fn new(seat: usize, generation: u32) -> HolderId {
        HolderId { seat: u32::try_from(seat).expect("seats are few"), generation }
    }

    pub(crate) fn parts(self) -> (usize, u32) {
        (self.seat as usize, self.generation)
    }
}

impl fmt::Display for HolderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.seat, self.generation)
    }
}

impl FromStr for HolderId {
    type Err = Error;

    fn from_str(text: &str) -> Result<HolderId, Error> {
        let parse = || {
            let (seat, generation) = text.split_once('-')?;
            Some(HolderId { seat: seat.parse().ok()?, generation: generation.parse().ok()? })
        };
        parse().ok_or_else(|| {
            Error::new(
                ErrorKind::NoSuchHolder,
                format!("`{text}` is no holder's id: it looks like `7-3`, see `permits status`"),
            )
        })
    }
}

/// The readings, with what the first of the queues want.
pub(crate) fn readings(tx: &mut Tx<'_>) -> Result<State, Trouble> {
    let mut state = tx.book.readings();
    let heads = (tx.book.acquirers.head, tx.book.releasers.head);
    if heads.0 != 0 {
        state.next_acquirer = tx.units(heads.0)?;
    }
    if heads.1 != 0 {
        state.next_releaser = tx.units(heads.1)?;
    }
    Ok(state)
}

fn time(nanoseconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(nanoseconds)
}

/// What is out of the tagged words: who holds how much, and who waits.
struct Picture {
    state: State,
    granted: u64,
    recovered: u32,
    /// Seat, generation, permits.
    holders: Vec<(usize, u32, u32)>,
    /// Waiter, side, position, permits, seat, generation.
    waiters: Vec<(u16, Side, u32, u32, usize, u32)>,
}

fn picture(tx: &mut Tx<'_>) -> Result<Picture, Trouble> {
    let state = readings(tx)?;
    let mut holders = Vec::new();
    for number in 0..usize::from(tx.book.seats_used) {
        let status = tx.status(number)?;
        let held = tx.held(number)?;
        if status.taken && held != 0 {
            holders.push((number, status.generation, held));
        }
    }
    let mut waiters = Vec::new();
    for side in [Side::Acquire, Side::Release] {
        let (mut number, mut position) = (tx.book.queue(side).head, 1);
        while number != 0 && waiters.len() < LISTED {
            let who = tx.who(number)?;
            if who.stage != Stage::Queued {
                return Err(Trouble::Damaged("one is queued that does not wait"));
            }
            let generation = tx.status(who.seat)?.generation;
            waiters.push((number, side, position, tx.units(number)?, who.seat, generation));
            number = tx.behind(number)?;
            position += 1;
        }
    }
    Ok(Picture { state, granted: tx.book.granted, recovered: tx.book.recovered, holders, waiters })
}

fn text(store: &Store<'_>, number: usize, at: usize, words: usize) -> String {
    let mut bytes = Vec::with_capacity(8 * words);
    for offset in 0..words {
        // Relaxed: told for tables.
        bytes.extend(store.word(layout::seat(number, at + offset)).load(Ordering::Relaxed).to_ne_bytes());
    }
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    // Whoever shows it must not be made to obey it.
    String::from_utf8_lossy(&bytes[..end]).chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn describe(
    place: &Place,
    store: &Store<'_>,
    picture: Picture,
    file: &File,
    alive: &mut dyn FnMut(usize) -> bool,
) -> Result<Status, Error> {
    let mut lives = HashMap::new();
    let mut who = |number: usize, generation: u32| {
        // Relaxed: told for tables.
        let told = |word| store.word(layout::seat(number, word)).load(Ordering::Relaxed);
        let small = |word| u32::try_from(told(word)).unwrap_or(0);
        let namespace = told(seat::PID_NAMESPACE);
        Participant {
            id: HolderId::new(number, generation),
            pid: small(seat::PID),
            foreign_pid_namespace: (namespace != pid_namespace()).then_some(namespace),
            command_pid: Some(small(seat::COMMAND_PID)).filter(|&pid| pid > 1),
            uid: small(seat::UID),
            command: text(store, number, seat::COMMAND, seat::COMMAND_WORDS),
            label: text(store, number, seat::LABEL, seat::LABEL_WORDS),
            alive: *lives.entry(number).or_insert_with(|| alive(number)),
            revoked: told(seat::REVOKED) == u64::from(generation),
        }
    };
    let mut holders: Vec<Holder> = (picture.holders.iter())
        .map(|&(number, generation, permits)| {
            let since = store.word(layout::seat(number, seat::SINCE)).load(Ordering::Relaxed);
            // 0: granted just now, and it has not run since.
            let since = if since == 0 { SystemTime::now() } else { time(since) };
            Holder { who: who(number, generation), permits, since }
        })
        .collect();
    holders.sort_by_key(|holder| holder.since);
    let waiters = (picture.waiters.iter())
        .map(|&(waiter, side, position, permits, number, generation)| {
            let since = layout::waiter(usize::from(waiter), waiter::SINCE);
            let since = time(store.word(since).load(Ordering::Relaxed));
            Waiter { who: who(number, generation), side, position, permits, since }
        })
        .collect();
    let found =
        file.metadata().map_err(|error| Error::system(format!("cannot look at semaphore `{}`", place.name), error))?;
    Ok(Status {
        name: place.name.clone(),
        path: place.path.clone(),
        state: picture.state,
        holders,
        waiters,
        granted_total: picture.granted,
        recovered_total: u64::from(picture.recovered),
        format: FORMAT,
        created: time(store.word(header::CREATED).load(Ordering::Relaxed)),
        mode: found.mode() & 0o777,
        owner_uid: found.uid(),
    })
}

impl Attachment {
    pub(crate) fn status(&self) -> Result<Status, Error> {
        let store = self.store();
        let picture = store.look_roughly(picture).map_err(|what| self.place.damaged(what))?;
        let probe = self.probe(&self.probe)?;
        describe(&self.place, &store, picture, &probe, &mut |number| {
            self.life(number, &self.probe).is_ok_and(|life| life != crate::attach::Life::Dead)
        })
    }
}

/// Reads the status without a seat, and without the right to write.
pub(crate) fn read(place: &Place) -> Result<Status, Error> {
    let file = place.open_file(false)?.ok_or_else(|| crate::attach::not_found(place))?;
    place.check_file_system(&file)?;
    if !place.check_header(&file)? {
        return Err(Error::new(
            ErrorKind::NotFound,
            format!("semaphore `{}` is of an earlier boot: whoever opens it next makes it anew", place.name),
        ));
    }
    let region = Region::map_to_read(&file, layout::TOTAL)
        .map_err(|error| Error::system(format!("cannot map semaphore `{}`", place.name), error))?;
    let store = Store::to_read(region.words());
    let picture = store.look_roughly(picture).map_err(|what| place.damaged(what))?;
    describe(place, &store, picture, &file, &mut |number| {
        let seat_lives = sys::is_locked(&file, byte_of(number)).unwrap_or(true);
        let generation = SeatStatus::unpack(store.peek(layout::seat(number, seat::STATUS))).generation;
        seat_lives || place.command_lives(number, Some(generation)).unwrap_or(true)
    })
}

const _: () = assert!(SEATS <= 4096, "a seat has 12 bits in a waiter");
