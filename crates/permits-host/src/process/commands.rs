//! The files that commands lock: which one a seat's is, and whether a lock is in it.
//!
//! In a directory where all users may create files, any user may create one of any name, and sees the names
//! that exist. So the name has a number in it that no other user can know beforehand, a file that exists
//! already is never taken for a new one, and the file contains what the seat records of it. A user without
//! permission on the semaphore cannot read that, so a file that replaced a removed one is recognised. Any
//! other file of such a name is no lock. See `docs/decisions/0011-names-that-others-take.md`.

use crate::process::descriptor::Descriptor;
use crate::process::directory::Directory;
use crate::process::sys;
use crate::sync::locked;
use std::collections::hash_map::RandomState;
use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata, Permissions};
use std::hash::BuildHasher;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, fchown};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// More tries than this mean that something is wrong: each fails only if another user has guessed a number of
/// 32 bits.
const TRIES: usize = 100;

/// What a seat records of its commands' file: the number in its name, and below it a second number, which
/// only the file contains, with the first. 0: there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CommandsFile(pub(crate) u64);

impl CommandsFile {
    fn number(self) -> u64 {
        self.0 >> 32
    }

    pub(crate) fn name(self, semaphore: &str, seat: usize) -> OsString {
        name(semaphore, seat, self.number())
    }

    /// Whether it is this one. Its names and its owner do not matter: it is the one that the seat means.
    /// Allocates nothing.
    pub(crate) fn is(self, file: &File) -> bool {
        let mut bytes = [0; 8];
        let is_file = file.metadata().is_ok_and(|found| found.is_file());
        self.0 != 0 && is_file && file.read_exact_at(&mut bytes, 0).is_ok() && bytes == self.0.to_ne_bytes()
    }
}

fn name(semaphore: &str, seat: usize, number: u64) -> OsString {
    format!("{}{seat}.{number:08x}", prefix(semaphore)).into()
}

/// How the names of a semaphore's commands' files start.
fn prefix(semaphore: &str) -> String {
    format!(".{semaphore}.cmd.")
}

/// The seat and the number in the name of a commands' file.
fn parse(semaphore: &str, name: &OsStr) -> Option<(usize, u64)> {
    let (seat, number) = name.to_str()?.strip_prefix(&prefix(semaphore))?.split_once('.')?;
    let (seat, number) = (seat.parse().ok()?, u64::from_str_radix(number, 16).ok()?);
    // Another semaphore's name may start as this one's.
    (self::name(semaphore, seat, number) == name).then_some((seat, number))
}

/// The permissions of a commands' file: only the users of the semaphore must be able to lock it.
fn permissions(semaphore: &Metadata) -> Permissions {
    let mode = semaphore.mode();
    let of = |class: u32| if mode & class == class { class } else { 0 };
    Permissions::from_mode(0o600 | of(0o060) | of(0o006))
}

/// A number that no other user can know beforehand.
pub(crate) fn unforeseen() -> u64 {
    RandomState::new().hash_one(sys::epoch())
}

/// The commands' file of a seat, which this process has. It is made if there is none that this user may lock.
///
/// `told` is the word of the seat, and `found` the semaphore's own file.
pub(crate) fn provide(
    directory: &Directory,
    semaphore: &str,
    seat: usize,
    told: &AtomicU64,
    found: &Metadata,
) -> io::Result<CommandsFile> {
    for _ in 0..TRIES {
        // SeqCst, here and below: before it is told that there is a command; see `CommandLock`.
        let before = CommandsFile(told.load(Ordering::SeqCst));
        let there = match directory.open_regular(&before.name(semaphore, seat), true) {
            Err(error) if !tells_of_the_file(&error) => return Err(error),
            there => there.ok().filter(|file| before.is(file)),
        };
        if let Some(file) = there {
            if file.metadata()?.uid() == sys::user() {
                let _ = file.set_permissions(permissions(found));
            }
            let mine = sys::lockers(&file).is_ok_and(|lockers| lockers.contains(&std::process::id().cast_signed()));
            if mine {
                keep(file)?;
            }
            return Ok(before);
        }
        let new = CommandsFile(unforeseen());
        let name = new.name(semaphore, seat);
        let file = match directory.make(&name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            made => made?,
        };
        let filled = || {
            // It fails if this user is not in that group, who is not the one that the semaphore is shared
            // with then.
            let _ = fchown(&file, None, Some(found.gid()));
            sys::without_size_signal(|| file.write_all_at(&new.0.to_ne_bytes(), 0))?;
            // After the group, as that takes bits away; and whatever the umask of this process is.
            file.set_permissions(permissions(found))
        };
        // Another thread of this process may have been faster.
        let taken =
            filled().map(|()| told.compare_exchange(before.0, new.0, Ordering::SeqCst, Ordering::SeqCst).is_ok());
        match taken {
            Ok(true) => return Ok(new),
            Ok(false) => drop(directory.remove(&name)),
            Err(error) => {
                let _ = directory.remove(&name);
                return Err(error);
            }
        }
    }
    Err(io::Error::from_raw_os_error(libc::EEXIST))
}

/// Whether a command has a lock in the file of a seat: that of a generation. `semaphore_owner` may have made
/// it, whichever user looks.
pub(crate) fn is_locked(
    directory: &Directory,
    semaphore: &str,
    seat: usize,
    told: CommandsFile,
    generation: u32,
    semaphore_owner: u32,
) -> io::Result<bool> {
    if told.0 == 0 {
        return Ok(false);
    }
    let name = told.name(semaphore, seat);
    let found = match directory.look_at(&name) {
        Ok(found) => found,
        // Nobody can have a lock in it that anybody could find.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    if let Some(file) = held_here(&found) {
        return sys::is_locked(&file, i64::from(generation));
    }
    match directory.open_regular(&name, false) {
        Ok(file) if told.is(&file) => look(file, |file, _| sys::is_locked(file, i64::from(generation))),
        // What was put there by somebody who has no right on the semaphore; or it has gone.
        Ok(_) => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) if tells_of_the_file(&error) && is_strangers(directory, &found, semaphore_owner) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether an error is about the file, and not about this process or the system.
fn tells_of_the_file(error: &io::Error) -> bool {
    // EWOULDBLOCK: its owner has a lease on it.
    let of_it = [libc::EACCES, libc::EPERM, libc::EWOULDBLOCK, libc::ELOOP, libc::EISDIR, libc::ENXIO, libc::ENODEV];
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error().is_some_and(|number| of_it.contains(&number))
}

/// Whether any command has a lock in a file of a semaphore. No process attaches meanwhile, and the words of
/// the seats may be corrupt.
pub(crate) fn is_any_locked(
    directory: &Directory,
    semaphore: &str,
    told: impl Fn(usize) -> u64,
    semaphore_owner: u32,
) -> io::Result<bool> {
    for (name, found) in all(directory, semaphore)? {
        let Some((seat, number)) = parse(semaphore, &name) else { continue };
        if let Some(file) = held_here(&found) {
            if sys::lockers(&file)?.is_empty() {
                continue;
            }
            return Ok(true);
        }
        let told = CommandsFile(told(seat));
        let is_strangers = is_strangers(directory, &found, semaphore_owner);
        if is_strangers && told.number() != number {
            continue;
        }
        let file = match directory.open_regular(&name, false) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) if is_strangers && tells_of_the_file(&error) => continue,
            Err(error) => return Err(error),
        };
        // What is damaged may tell nothing of a file that was made for it. Then it counts if no stranger has
        // made it.
        if (!is_strangers || told.is(&file)) && look(file, |_, lockers| Ok(!lockers.is_empty()))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The regular files that have names of commands' files, of any owner.
fn all(directory: &Directory, semaphore: &str) -> io::Result<Vec<(OsString, Metadata)>> {
    let prefix = prefix(semaphore);
    let mut files = Vec::new();
    for name in directory.names()?.into_iter().filter(|name| name.as_bytes().starts_with(prefix.as_bytes())) {
        match directory.look_at(&name) {
            Ok(found) if found.is_file() => files.push((name, found)),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(files)
}

/// The names of all commands' files of a semaphore.
pub(crate) fn left(directory: &Directory, semaphore: &str) -> Vec<OsString> {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_one = |name: &OsString| {
        // Format 1 had no number in the names.
        let old = name.to_str().and_then(|name| name.strip_prefix(&prefix(semaphore))).is_some_and(is_number);
        old || parse(semaphore, name).is_some()
    };
    all(directory, semaphore).unwrap_or_default().into_iter().map(|(name, _)| name).filter(is_one).collect()
}

/// Whether a file may belong to a user without permission on the semaphore, by its owner and its names.
fn is_strangers(directory: &Directory, found: &Metadata, semaphore_owner: u32) -> bool {
    let owners = [sys::user(), 0, semaphore_owner];
    directory.is_for_all() && (found.nlink() != 1 || !owners.contains(&found.uid()))
}

/// Files in which this process itself has locks: closing any descriptor of such a file would drop them, so it is
/// not opened again, and one descriptor is there to ask.
static HELD: Mutex<Vec<Arc<Descriptor>>> = Mutex::new(Vec::new());
/// Nearly always there are none. Then the list is not locked: a thread of ours that looks here while another
/// one forks would leave the child with a lock that is never released.
static ANY_HELD: AtomicBool = AtomicBool::new(false);

/// A descriptor of the file, if this process has a lock in it.
///
/// One that the program has closed says nothing: the lock went with it.
fn held_here(found: &Metadata) -> Option<Arc<Descriptor>> {
    // Acquire: pairs with the Release of `keep`; the list has what it promises.
    if !ANY_HELD.load(Ordering::Acquire) {
        return None;
    }
    let identity = (found.dev(), found.ino());
    locked(&HELD).iter().find(|held| held.identity() == identity && held.is_open()).cloned()
}

/// Keeps the descriptor of a file in which this process has a lock, since it is a command that keeps permits:
/// closing any descriptor of the file would drop the lock. So it stays open for good, whatever the process
/// executes.
fn keep(file: File) -> io::Result<()> {
    let kept = Arc::new(Descriptor::new(file)?);
    locked(&HELD).push(Arc::clone(&kept));
    // Release: see `held_here`.
    ANY_HELD.store(true, Ordering::Release);
    sys::stay_open_on_exec(&kept)
}

/// Asks about the locks of a file, of which the processes that have some are told.
fn look(file: File, ask: impl FnOnce(&File, &[i32]) -> io::Result<bool>) -> io::Result<bool> {
    // All of them, and not of one byte alone: a lock of ours on another one would be dropped just the same.
    let lockers = sys::lockers(&file)?;
    let answer = ask(&file, &lockers);
    // The locks of a process belong to its table of descriptors: what a watch closes in its own drops none.
    if lockers.contains(&std::process::id().cast_signed()) && !sys::has_own_descriptors() {
        keep(file)?;
    }
    answer
}
