//! Reads the status of a semaphore.

use crate::error::{Error, ErrorKind};
use crate::process::attachment::Attachment;
use crate::process::commands::CommandsFile;
use crate::process::enter::readings;
use crate::process::files::{Place, byte_of, not_found};
use crate::process::life::Life;
use crate::process::sys::{self, Region, pid_namespace};
use crate::protocol::book::{Book, Side};
use crate::protocol::layout::{self, FORMAT, SEATS, header, seat, waiter};
use crate::protocol::numbers::Owner;
use crate::protocol::seat::SeatWord;
use crate::protocol::tx::{Store, Trouble, Tx};
use crate::protocol::waiter::Stage;
use permits::{Holder, HolderId, Participant, SemaphoreFile, State, Status, Waiter};
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// More are not listed; all waiters are counted.
const LISTED: usize = 10_000;

/// The id of the participant that has a seat.
pub(crate) fn id(seat: usize, generation: u32) -> HolderId {
    HolderId::new(seat as u64, u64::from(generation))
}

fn time(nanoseconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(nanoseconds)
}

/// What the tagged words record: the holders with their permits, and the waiters.
struct Picture {
    state: State,
    granted: u64,
    recovered: u32,
    /// Of starts, in milliseconds.
    interval: u32,
    /// How long it is until the next, in nanoseconds.
    rest: u64,
    seats: u16,
    /// It is being removed, or was.
    gone: bool,
    holders: Vec<Held>,
    waiters: Vec<Queued>,
}

/// What a seat holds.
struct Held {
    seat: usize,
    generation: u32,
    permits: u32,
}

/// A waiter in a queue.
struct Queued {
    waiter: u16,
    side: Side,
    position: u32,
    permits: u32,
    seat: usize,
    generation: u32,
}

fn picture(tx: &mut Tx<'_>) -> Result<Picture, Trouble> {
    let state = readings(tx)?;
    let mut holders = Vec::new();
    for number in 0..usize::from(tx.book.seats_used) {
        let status = tx.status(number)?;
        let held = tx.held(number)?;
        if status.taken && held != 0 {
            holders.push(Held { seat: number, generation: status.generation, permits: held });
        }
    }
    let mut waiters = Vec::new();
    for side in [Side::Acquire, Side::Release] {
        let (mut number, mut position) = (tx.book.queue(side).head, 1);
        while number != 0 && waiters.len() < LISTED {
            let who = tx.who(number)?;
            if who.stage != Stage::Queued {
                return Err(Trouble::Damaged("a queue has an entry that does not wait"));
            }
            let generation = tx.status(who.seat)?.generation;
            let permits = tx.units(number)?;
            waiters.push(Queued { waiter: number, side, position, permits, seat: who.seat, generation });
            number = tx.behind(number)?;
            position += 1;
        }
    }
    let Book { granted, recovered, interval, gone, seats_used: seats, .. } = tx.book;
    let rest = if interval == 0 { 0 } else { tx.book.rest(sys::time_since_boot()) };
    Ok(Picture { state, granted, recovered, interval, rest, seats, gone, holders, waiters })
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

/// What the owner of a seat tells about itself.
pub(crate) fn participant(store: &Store<'_>, owner: Owner, life: Life) -> Participant {
    let Owner { seat: number, generation } = owner;
    // Relaxed: told for tables.
    let told = |word| store.word(layout::seat(number, word)).load(Ordering::Relaxed);
    let small = |word| u32::try_from(told(word)).unwrap_or(0);
    let namespace = told(seat::PID_NAMESPACE);
    let mut who = Participant::new(id(number, generation));
    who.pid = small(seat::PID);
    who.foreign_pid_namespace = (namespace != pid_namespace()).then_some(namespace);
    who.command_pid = Some(small(seat::COMMAND_PID)).filter(|&pid| pid > 1);
    who.uid = small(seat::UID);
    who.command = text(store, number, seat::COMMAND, seat::COMMAND_WORDS);
    who.label = text(store, number, seat::LABEL, seat::LABEL_WORDS);
    who.supersede_key = store.has_key(number).then(|| text(store, number, seat::KEY, seat::KEY_WORDS));
    who.alive = life != Life::Dead;
    who.revocable = life == Life::Lives;
    who.revoked = told(seat::REVOKED) == u64::from(generation);
    who
}

fn describe(
    place: &Place,
    store: &Store<'_>,
    picture: Picture,
    file: &File,
    life: &mut dyn FnMut(usize) -> Life,
) -> Result<Status, Error> {
    let mut lives = HashMap::new();
    let numbers: Vec<(u32, Owner)> = store.numbers().collect();
    let holding: HashSet<usize> = picture.holders.iter().map(|held| held.seat).collect();
    let mut who = |seat: usize, generation: u32| {
        let life = *lives.entry(seat).or_insert_with(|| life(seat));
        let mut who = participant(store, Owner { seat, generation }, life);
        // See `Attachment::is_revoked`.
        who.revoked |= store.superseded_by(seat).is_some() && !holding.contains(&seat);
        who
    };
    let mut holders: Vec<Holder> = (picture.holders.iter())
        .map(|&Held { seat: number, generation, permits }| {
            let since = store.word(layout::seat(number, seat::SINCE)).load(Ordering::Relaxed);
            // 0: granted just now, and it has not run since.
            let since = if since == 0 { SystemTime::now() } else { time(since) };
            let mut holder = Holder::new(who(number, generation), permits, since);
            let owner = Owner { seat: number, generation };
            holder.slots = numbers.iter().filter(|(_, of)| *of == owner).map(|(number, _)| *number).collect();
            holder
        })
        .collect();
    holders.sort_by_key(|holder| holder.since);
    let waiters = (picture.waiters.iter())
        .map(|&Queued { waiter, side, position, permits, seat, generation }| {
            let since = layout::waiter(usize::from(waiter), waiter::SINCE);
            let since = time(store.word(since).load(Ordering::Relaxed));
            Waiter::new(who(seat, generation), side, position, permits, since)
        })
        .collect();
    let found = file.metadata().map_err(|error| place.failed("look at", error))?;
    let mut status = Status::new(&place.name, picture.state);
    (status.holders, status.waiters) = (holders, waiters);
    (status.granted_total, status.recovered_total) = (picture.granted, u64::from(picture.recovered));
    status.interval = (picture.interval != 0).then(|| Duration::from_millis(picture.interval.into()));
    status.next_start = (picture.rest != 0).then(|| Duration::from_nanos(picture.rest));
    let created = time(store.word(header::CREATED).load(Ordering::Relaxed));
    let mut file = SemaphoreFile::new(place.path.clone(), FORMAT, created, found.mode() & 0o777, found.uid());
    let now = sys::now();
    file.last_used = time(if status.state.is_idle() { store.last_use(picture.seats, now) } else { now });
    status.file = Some(file);
    Ok(status)
}

impl Attachment {
    pub(crate) fn status(&self) -> Result<Status, Error> {
        let store = self.store();
        let picture = store.look_roughly(picture).or_else(|what| match store.look_briefly(picture) {
            Ok(Some(picture)) => Ok(picture),
            // Parts of several states need not fit together, so only what one state says is written down.
            Ok(None) => Err(self.place.damaged(what)),
            Err(what) => Err(self.condemn(what, &self.memo.turn())),
        })?;
        let probe = self.probe(&self.probe)?;
        describe(&self.place, &store, picture, &probe, &mut |number| {
            self.life(number, &self.probe).unwrap_or(Life::Dead)
        })
    }
}

/// Reads the status without a seat, and without write permission.
pub(crate) fn read(place: &Place) -> Result<Status, Error> {
    let directory = place.find_directory()?.ok_or_else(|| not_found(place))?;
    let file = place.open_file(&directory, false)?.ok_or_else(|| not_found(place))?;
    place.check_file_system(file.as_fd())?;
    if !place.check_header(&file)? {
        return Err(Error::new(
            ErrorKind::NotFound,
            "its file is of an earlier boot: the next process that opens it creates it anew",
        ));
    }
    let region = Region::map_to_read(&file, layout::TOTAL).map_err(|error| place.failed("map", error))?;
    let store = Store::to_read(region.words());
    let picture = store.look_roughly(picture).map_err(|what| place.damaged(what))?;
    if picture.gone {
        return Err(not_found(place));
    }
    let found = file.metadata().map_err(|error| place.failed("look at", error))?;
    let identity = (found.dev(), found.ino());
    describe(place, &store, picture, &file, &mut |number| {
        if sys::is_locked(&file, byte_of(number)).unwrap_or(true) {
            return Life::Lives;
        }
        let generation = SeatWord::unpack(store.peek(layout::seat(number, seat::STATUS))).generation;
        let told = store.word(layout::seat(number, seat::COMMANDS_FILE)).load(Ordering::SeqCst);
        let keeps = place.command_lives(identity, number, CommandsFile(told), generation).unwrap_or(true);
        if keeps { Life::CommandLives } else { Life::Dead }
    })
}

const _: () = assert!(SEATS <= 4096, "a seat has 12 bits in a waiter");
