//! The participants of a semaphore that spans processes or machines: plain data, which every reach fills in
//! as far as it can.

use crate::error::{Error, ErrorKind};
use crate::state::{Side, State};
use crate::token::Token;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

/// The status of a semaphore: its readings, its holders and its waiters.
///
/// All of it is read at one instant, unless the reach says otherwise under "Differences".
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Status {
    /// The name of the semaphore.
    pub name: String,
    /// The readings (C15).
    pub state: State,
    /// The holders of permits, longest first.
    pub holders: Vec<Holder>,
    /// The waiters: acquirers in their order, then releasers in theirs. A reach may list the first of them
    /// only.
    pub waiters: Vec<Waiter>,
    /// How many acquisitions were granted since the semaphore was created.
    pub granted_total: u64,
    /// How many permits came back from dead holders since then.
    pub recovered_total: u64,
    /// The minimum time between two grants, if the semaphore spaces them.
    pub interval: Option<Duration>,
    /// The time until the next grant is allowed, if the interval forbids one now. It says nothing about
    /// whether permits are free.
    pub next_start: Option<Duration>,
    /// The file that stores the semaphore, if there is one.
    pub file: Option<SemaphoreFile>,
}

/// The file of a semaphore between processes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SemaphoreFile {
    /// Its path.
    pub path: PathBuf,
    /// Major and minor version of its format.
    pub format: (u16, u16),
    /// When it was created.
    pub created: SystemTime,
    /// When the semaphore was last used. While permits are out or requests wait, this is the time of the
    /// reading; if the semaphore was never used, the time of its creation.
    ///
    /// The use of a dead process ends when another process notices its death. Opening, reading, resizing and
    /// closing do not count as use, nor does a request that is refused at once.
    pub last_used: SystemTime,
    /// Its permission bits, as `chmod(1)` takes them.
    pub mode: u32,
    /// The user who owns it.
    pub owner_uid: u32,
}

/// One handle that takes part. The participant itself wrote all fields but `id`, `alive`, `revocable` and
/// `revoked`: do not trust them, and do not print them to a terminal unchanged.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Participant {
    /// The id by which it can be revoked.
    pub id: HolderId,
    /// Its machine, if that may be another one.
    pub host: Option<String>,
    /// Its process id, in its own PID namespace.
    pub pid: u32,
    /// The number of its PID namespace, if that is not the reader's.
    pub foreign_pid_namespace: Option<u64>,
    /// The process id of the command that it runs, if that is known.
    pub command_pid: Option<u32>,
    /// Its user.
    pub uid: u32,
    /// Its arguments, or the command that it runs.
    pub command: String,
    /// The label that it gave itself; may be empty.
    pub label: String,
    /// The participant's key, if it has one and the reach has keys: of the participants with one key, the
    /// newest supersedes the others.
    pub supersede_key: Option<String>,
    /// Whether its process, or the command that it ran, lives.
    pub alive: bool,
    /// Whether its own process lives, so that a revocation reaches it. If only the command that it ran lives, no
    /// process acts on a revocation, and the permits come back when the command ends.
    pub revocable: bool,
    /// Whether it was asked to give up.
    pub revoked: bool,
}

/// A participant that holds permits.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Holder {
    /// The participant.
    pub who: Participant,
    /// How many permits it holds.
    pub permits: u32,
    /// Since when it has held any without a break.
    pub since: SystemTime,
    /// The fencing token, if grants carry one (C19).
    pub token: Option<Token>,
    /// How much of its lease is left, if permits are leased.
    pub lease: Option<Duration>,
    /// The numbers of its permits, in ascending order; those of them that have one.
    pub slots: Vec<u32>,
}

/// A participant that waits.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Waiter {
    /// The participant.
    pub who: Participant,
    /// The queue it is in.
    pub side: Side,
    /// Its position in that queue; 1 is the head.
    pub position: u32,
    /// How many permits it asks for, or wants to return.
    pub permits: u32,
    /// Since when it has waited.
    pub since: SystemTime,
}

/// The id of a participant; it stays unique as long as the semaphore's file or record lasts.
///
/// Displayed, it looks like `7-3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HolderId {
    place: u64,
    generation: u64,
}

impl Status {
    /// For a reach: the status of a semaphore without participants.
    #[must_use]
    pub fn new(name: impl Into<String>, state: State) -> Status {
        Status {
            name: name.into(),
            state,
            holders: Vec::new(),
            waiters: Vec::new(),
            granted_total: 0,
            recovered_total: 0,
            interval: None,
            next_start: None,
            file: None,
        }
    }
}

impl SemaphoreFile {
    /// For a reach: describes a file that was not used since it was created.
    #[must_use]
    pub fn new(path: PathBuf, format: (u16, u16), created: SystemTime, mode: u32, owner_uid: u32) -> SemaphoreFile {
        SemaphoreFile { path, format, created, last_used: created, mode, owner_uid }
    }
}

impl Participant {
    /// For a reach: a participant that lives and has written nothing about itself.
    #[must_use]
    pub fn new(id: HolderId) -> Participant {
        Participant {
            id,
            host: None,
            pid: 0,
            foreign_pid_namespace: None,
            command_pid: None,
            uid: 0,
            command: String::new(),
            label: String::new(),
            supersede_key: None,
            alive: true,
            revocable: true,
            revoked: false,
        }
    }
}

impl Holder {
    /// For a reach: a holder without token, lease and numbers.
    #[must_use]
    pub fn new(who: Participant, permits: u32, since: SystemTime) -> Holder {
        Holder { who, permits, since, token: None, lease: None, slots: Vec::new() }
    }
}

impl Waiter {
    /// For a reach: describes a waiter.
    #[must_use]
    pub fn new(who: Participant, side: Side, position: u32, permits: u32, since: SystemTime) -> Waiter {
        Waiter { who, side, position, permits, since }
    }
}

impl HolderId {
    /// For a reach: `place` is the seat or the lease that the participant occupies, and `generation` how
    /// often it was taken.
    #[must_use]
    pub const fn new(place: u64, generation: u64) -> HolderId {
        HolderId { place, generation }
    }

    /// The two numbers that it was made of.
    #[must_use]
    pub const fn parts(self) -> (u64, u64) {
        (self.place, self.generation)
    }
}

impl fmt::Display for HolderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.place, self.generation)
    }
}

impl FromStr for HolderId {
    type Err = Error;

    fn from_str(text: &str) -> Result<HolderId, Error> {
        let parse = || {
            let (place, generation) = text.split_once('-')?;
            let id = HolderId { place: place.parse().ok()?, generation: generation.parse().ok()? };
            // `+7-03` parses, too. One id has one text, so that texts can be compared.
            (id.to_string() == text).then_some(id)
        };
        parse().ok_or_else(|| {
            Error::new(ErrorKind::NoSuchHolder, format!("`{text}` is not the id of a holder: an id looks like `7-3`"))
        })
    }
}
