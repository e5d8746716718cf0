//! The files: where they are, which users may have made them, and how one is created or replaced.

use crate::crash::{Point, point};
use crate::error::{self, Error, ErrorKind, LONGEST_NAME};
use crate::process::commands::{self, CommandsFile};
use crate::process::directory::{self, Directory};
use crate::process::file_systems;
use crate::process::sys::{self, LockKind, Region};
use crate::protocol::book::Book;
use crate::protocol::layout::{
    self, FIRST_SEATS, FIRST_WAITERS, FORMAT, MAGIC, SEATS, TOTAL, header, record, seat, waiter,
};
use crate::protocol::tx::Store;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// How long the attach byte is waited for.
const ATTACH_PATIENCE: Duration = Duration::from_secs(10);
/// A new file that has no name of a semaphore after this time never gets one: its maker was killed, or finds
/// it gone.
const MAKING: Duration = Duration::from_secs(60);

/// The byte that is locked while a process attaches (shared), and while the file is replaced (exclusive).
/// Locks may lie beyond the end of a file, and these do.
pub(crate) const ATTACH_BYTE: i64 = 1 << 40;
/// The byte of seat 0, that its process locks for as long as it lives.
pub(crate) const SEAT_BYTES: i64 = 1 << 41;

/// The bytes of seats and their generations together: see `CommandLock`.
pub(crate) const GENERATION_BYTES: i64 = 1 << 42;

/// The length of every file.
pub(crate) const BYTES: u64 = (TOTAL * 8) as u64;

/// The default directory of semaphores: `/run/permits` if it exists, otherwise `/tmp/permits-UID`, or
/// `/dev/shm/permits-UID` if `/tmp` is not on a local file system, as in many containers.
///
/// It depends on the user, and on no environment variable: cron has none of them, and a limit that is
/// somewhere else in every session limits nothing.
#[must_use]
pub fn default_directory() -> PathBuf {
    let common = Path::new("/run/permits");
    if common.is_dir() {
        return common.to_owned();
    }
    // In a container `/tmp` is often of its own layers, where locks do not last; what it has of shared memory
    // is local.
    let layered = sys::refer(c"/tmp", libc::O_DIRECTORY).and_then(|directory| sys::file_system(directory.as_fd()));
    let parent = if layered.is_ok_and(|kind| file_systems::foreign(kind).is_some()) { "/dev/shm" } else { "/tmp" };
    PathBuf::from(format!("{parent}/permits-{}", sys::user()))
}

/// What a new file says of its semaphore, in which all permits are free.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) max: u32,
    /// Of starts, in milliseconds; 0: they are not spaced.
    pub(crate) interval: u32,
    pub(crate) closed: bool,
}

/// A semaphore's files.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) directory: PathBuf,
    pub(crate) name: String,
    /// The file proper.
    pub(crate) path: PathBuf,
}

impl Place {
    pub(crate) fn new(directory: &Path, name: &str) -> Result<Place, Error> {
        let refuse =
            |why: String| Err(Error::new(ErrorKind::BadName, format!("this cannot be a semaphore's name: {why}")));
        if name.is_empty() {
            return refuse("it is empty".into());
        }
        if name.len() > LONGEST_NAME {
            return refuse(format!("it has `{}` bytes, at most `{LONGEST_NAME}` are allowed", name.len()));
        }
        if name.starts_with(['.', '-']) {
            return refuse("it starts with a dot or a dash".into());
        }
        if name.contains('/') {
            return refuse("it has a '/' in it: name the directory separately".into());
        }
        if let Some(bad) = name.chars().find(|c| c.is_control()) {
            return refuse(format!("it has a {bad:?} in it, and control characters are not allowed"));
        }
        // A program may go to another directory later.
        let directory = std::path::absolute(directory).map_err(|error| directory::failed("find", directory, error))?;
        let path = directory.join(format!("{name}.sem"));
        Ok(Place { directory, name: name.to_owned(), path })
    }

    /// The name of the file in its directory.
    fn file_name(&self) -> &OsStr {
        self.path.file_name().expect("it was made of a name")
    }

    pub(crate) fn failed(&self, act: &str, error: io::Error) -> Error {
        error::system(format!("cannot {act} its file `{}`", self.path.display()), error)
    }

    /// The directory, to look at what is in it; nothing if there is none. That of another user may be looked
    /// at if it was named.
    pub(crate) fn find_directory(&self) -> Result<Option<Directory>, Error> {
        find_directory(&self.directory)
    }

    /// The directory, to act in it: no other user can replace our file there. It is created if it is missing
    /// and `make`; nothing if it is missing and could be created.
    pub(crate) fn directory_to_use(&self, make: bool) -> Result<Option<Directory>, Error> {
        Directory::find_or_make(&self.directory, make)
    }

    /// Opens the file if there is one, and checks that it may be trusted and is one of ours.
    pub(crate) fn open_file(&self, directory: &Directory, write: bool) -> Result<Option<File>, Error> {
        let file = match directory.open(self.file_name(), write) {
            Ok(file) => file,
            Err(error) => {
                // The owner is judged first: a stranger's pipe is no damaged file of ours. One without
                // permission to open it need not know more.
                let is_judged = !matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EACCES));
                if is_judged && let Ok(found) = directory.look_at(self.file_name()) {
                    self.check_owner(directory, &found)?;
                }
                return match error.raw_os_error() {
                    Some(libc::ENOENT) => Ok(None),
                    Some(libc::ELOOP) => Err(self.insecure("it is a symbolic link: remove it")),
                    Some(libc::EISDIR) => Err(self.damaged("it is a directory")),
                    Some(libc::ENXIO) => Err(self.damaged("it is not a regular file")),
                    _ => Err(self.failed("open", error)),
                };
            }
        };
        let found = file.metadata().map_err(|error| self.failed("look at", error))?;
        self.check_owner(directory, &found)?;
        // Who comes by another name, or in another directory, would look for the commands of holders where they are
        // not, and take what they hold. By the name that it was created by, it is used however many it has: any
        // user may have added one.
        if found.nlink() > 1 && !self.is_home_of(directory, &file) {
            return Err(self.insecure(
                "it has several names (hard links), and was not created by this one: remove this name, or all others, or \
                 choose another name",
            ));
        }
        Ok(Some(file))
    }

    /// Whether the file was created in this directory and by this name.
    fn is_home_of(&self, directory: &Directory, file: &File) -> bool {
        let mut found = [0; header::HOME_WORDS * 8];
        let read = file.read_exact_at(&mut found, header::HOME as u64 * 8);
        read.is_ok() && directory.number().is_ok_and(|number| found == self.home(number))
    }

    /// What the file says of its directory, of that inode, and of its name. All names of a file are in one file
    /// system.
    fn home(&self, directory: u64) -> [u8; header::HOME_WORDS * 8] {
        let mut home = [0; header::HOME_WORDS * 8];
        home[..8].copy_from_slice(&directory.to_ne_bytes());
        home[8..8 + self.name.len()].copy_from_slice(self.name.as_bytes());
        home
    }

    fn check_owner(&self, directory: &Directory, found: &Metadata) -> Result<(), Error> {
        let owner = found.uid();
        if owner == sys::user() || owner == 0 {
            return Ok(());
        }
        // In a directory where anybody may make files, anybody may have made this one; in a group's, a member
        // of the group has.
        if !directory.is_for_all() {
            return Ok(());
        }
        Err(self.insecure(&format!(
            "user `{owner}` created it, in a directory where all users can: choose another name, or a directory that only your \
             group can write to"
        )))
    }

    fn insecure(&self, why: &str) -> Error {
        Error::new(ErrorKind::Insecure, format!("its file `{}` cannot be trusted: {why}", self.path.display()))
    }

    pub(crate) fn damaged(&self, what: &str) -> Error {
        error::damaged(&self.name, what)
    }

    /// Whether the file is the one of its name.
    pub(crate) fn is_current(&self, directory: &Directory, file: (u64, u64)) -> Result<bool, Error> {
        match directory.look_at(self.file_name()) {
            Ok(found) => Ok((found.dev(), found.ino()) == file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(self.failed("look at", error)),
        }
    }

    /// Makes the file. `false` if another process was faster.
    pub(crate) fn create(&self, directory: &Directory, terms: Terms, mode: u32) -> Result<bool, Error> {
        let failed = |error: io::Error| match error.kind() {
            // The directory was opened: it was removed just now, or is one of `/proc`, which takes no files.
            io::ErrorKind::NotFound => {
                directory::refused(&self.directory, ErrorKind::BadDirectory, "no file can be created in it")
                    .with_source(error)
            }
            _ => self.failed("create", error),
        };
        self.check_file_system(directory.as_fd())?;
        let (file, temporary) = self.unnamed_file(directory).map_err(failed)?;
        let mut made = self.finish(directory, &file, temporary.as_deref(), terms, mode);
        // A file without a name is given one through /proc, which a container may not have. One with a name has
        // lost it if this process was stopped for so long that another took it for dead. Where the directory is
        // gone, no file can be made.
        while matches!(&made, Err(error) if error.kind() == io::ErrorKind::NotFound) {
            let (file, temporary) = self.named_file(directory).map_err(failed)?;
            made = self.finish(directory, &file, Some(&temporary), terms, mode);
        }
        match made {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(failed(error)),
        }
    }

    /// Fills a new file and gives it its name.
    fn finish(
        &self,
        directory: &Directory,
        file: &File,
        temporary: Option<&OsStr>,
        terms: Terms,
        mode: u32,
    ) -> io::Result<()> {
        let named = self.fill(directory, file, terms, mode, sys::now()).and_then(|()| {
            point(Point::Created);
            match temporary {
                None => directory.name(file, self.file_name()),
                Some(temporary) => directory.rename_unless_there(temporary, self.file_name()),
            }
        });
        if let (Err(_), Some(temporary)) = (&named, temporary) {
            // It may be gone already; it is no semaphore's file in any case.
            let _ = directory.remove(temporary);
        }
        named
    }

    /// A file without a name, so that nothing is left of it if this process dies; where that cannot be had,
    /// one with a name of its own.
    fn unnamed_file(&self, directory: &Directory) -> io::Result<(File, Option<OsString>)> {
        match directory.make_unnamed() {
            Ok(file) if sys::can_be_linked(&file) => Ok((file, None)),
            Ok(_) => self.named_file(directory).map(|(file, name)| (file, Some(name))),
            Err(error) if matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::EISDIR | libc::ENOENT)) => {
                self.named_file(directory).map(|(file, name)| (file, Some(name)))
            }
            Err(error) => Err(error),
        }
    }

    fn named_file(&self, directory: &Directory) -> io::Result<(File, OsString)> {
        self.clear_new_files(directory);
        loop {
            // Nobody can have taken all names that nobody knows beforehand.
            let name = OsString::from(format!(".{}.{:016x}.new", self.name, commands::unforeseen()));
            match directory.make(&name) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => return Ok((made?, name)),
            }
        }
    }

    /// Removes new files of this user that were never named: their makers were killed.
    fn clear_new_files(&self, directory: &Directory) {
        let prefix = format!(".{}.", self.name);
        let is_new = |file: &OsString| {
            let number = file.to_str().and_then(|file| file.strip_prefix(&prefix)?.strip_suffix(".new"));
            number.is_some_and(|number| number.len() == 16 && number.bytes().all(|byte| byte.is_ascii_hexdigit()))
        };
        let is_left = |found: &Metadata| {
            let age = found.modified().ok().and_then(|made| made.elapsed().ok());
            found.is_file() && found.uid() == sys::user() && age.is_some_and(|age| age > MAKING)
        };
        for name in directory.names().unwrap_or_default().into_iter().filter(is_new) {
            if directory.look_at(&name).is_ok_and(|found| is_left(&found)) {
                // Another process may be faster.
                let _ = directory.remove(&name);
            }
        }
    }

    fn fill(&self, directory: &Directory, file: &File, terms: Terms, mode: u32, used: u64) -> io::Result<()> {
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        sys::without_size_signal(|| {
            file.set_len(BYTES)?;
            back_seats(file, 0, FIRST_SEATS)?;
            back_waiters(file, 0, FIRST_WAITERS)
        })?;
        let Terms { max, interval, closed } = terms;
        let book = Book {
            free: max.cast_signed(),
            max,
            closed,
            interval,
            waiters_backed: FIRST_WAITERS as u16,
            seats_backed: FIRST_SEATS as u16,
            ..Book::default()
        };
        let mut first = Vec::new();
        for word in book.pack() {
            first.extend(word.to_ne_bytes());
        }
        file.write_all_at(&first, (layout::record(0) + record::BOOK) as u64 * 8)?;
        let put = |word: usize, value: u64| file.write_all_at(&value.to_ne_bytes(), word as u64 * 8);
        put(header::ROOT, 1 << 16)?;
        put(header::FORMAT, format_word())?;
        let boot = boot();
        put(header::BOOT, boot[0])?;
        put(header::BOOT + 1, boot[1])?;
        put(header::CREATED, sys::now())?;
        put(header::USED, used)?;
        file.write_all_at(&self.home(directory.number()?), header::HOME as u64 * 8)?;
        put(header::MAGIC, MAGIC)
    }

    /// Checks the header. `Ok(false)`: it is of an earlier boot, so all participants are dead, and it must be
    /// created anew.
    pub(crate) fn check_header(&self, file: &File) -> Result<bool, Error> {
        let mut bytes = [0; 40];
        if let Err(error) = file.read_exact_at(&mut bytes, 0) {
            return Err(match error.kind() {
                io::ErrorKind::UnexpectedEof => self.damaged("it is too short for a semaphore's file"),
                _ => self.failed("read", error),
            });
        }
        let mut words = bytes.chunks_exact(8).map(|word| u64::from_ne_bytes(word.try_into().expect("eight bytes")));
        let mut next = || words.next().expect("five words were read");
        if next() != MAGIC {
            return Err(self.damaged("it does not start like a semaphore's file"));
        }
        let format = next();
        let version = ((format >> 16) as u16, format as u16);
        if version.0 != FORMAT.0 || format >> 32 != format_word() >> 32 {
            return Err(Error::new(
                ErrorKind::ForeignFormat,
                format!(
                    "it is of format `{}.{}`, and this program writes format `{}.{}`: use the same version of permits \
                     everywhere on this host, or remove `{}` when no process uses it",
                    version.0,
                    version.1,
                    FORMAT.0,
                    FORMAT.1,
                    self.path.display(),
                ),
            ));
        }
        let boot = [next(), next()];
        let length = file.metadata().map_err(|error| self.failed("look at", error))?.len();
        if length != BYTES {
            return Err(self.damaged(&format!("it has `{length}` bytes instead of `{BYTES}`")));
        }
        // Without a number nothing can be said; and files in memory do not outlast a boot.
        let ours = self::boot();
        let unknown = ours == [0, 0] || boot == [0, 0];
        let in_memory = sys::file_system(file.as_fd()).is_ok_and(|kind| kind == file_systems::TMPFS);
        Ok(boot == ours || unknown || in_memory)
    }

    /// Whether any process takes part: a seat whose byte is locked, or a command that keeps one. No process
    /// attaches meanwhile.
    pub(crate) fn is_in_use(&self, directory: &Directory, file: &File) -> Result<bool, Error> {
        let seats =
            sys::locker(file, SEAT_BYTES, SEATS as i64).map_err(|error| self.failed("ask for locks of", error))?;
        if seats.is_some() {
            return Ok(true);
        }
        let owner = file.metadata().map_err(|error| self.failed("look at", error))?.uid();
        let told = |seat: usize| word_of(file, layout::seat(seat.min(SEATS), seat::COMMANDS_FILE));
        commands::is_any_locked(directory, &self.name, told, owner)
            .map_err(|error| self.failed("look for the commands of", error))
    }

    /// What is left of commands, for [`clear_commands_files`](Self::clear_commands_files). Ask before the
    /// file loses its name: processes that come after that create others of the same pattern.
    pub(crate) fn commands_files(&self, directory: &Directory) -> Vec<OsString> {
        commands::left(directory, &self.name)
    }

    /// Removes the files that commands left, when the semaphore's file that recorded them has lost its name.
    pub(crate) fn clear_commands_files(directory: &Directory, names: &[OsString]) {
        for name in names {
            // Those of others stay where only they may remove them: they are nobody's now.
            let _ = directory.remove(name);
        }
    }

    /// Checks that this user may take the name from the file, so that nothing has happened yet if not.
    pub(crate) fn check_removable(&self, directory: &Directory, file: &File) -> Result<(), Error> {
        let failed = |error| self.failed("remove", error);
        if !sys::may_write(directory.as_fd()) {
            return Err(failed(io::Error::from_raw_os_error(libc::EACCES)));
        }
        let found = directory.metadata()?;
        if found.mode() & 0o1000 != 0 && found.uid() != sys::user() {
            // There, only who may act as its owner may remove a file. That is who may set its mode.
            file.metadata().and_then(|file_found| file.set_permissions(file_found.permissions())).map_err(failed)?;
        }
        Ok(())
    }

    /// Takes the name from the file, whose attach byte the caller has locked alone.
    pub(crate) fn unlink(&self, directory: &Directory) -> Result<(), Error> {
        let left = self.commands_files(directory);
        match directory.remove(self.file_name()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(self.failed("remove", error)),
            // Somebody has deleted it by hand just now.
            _ => {}
        }
        Place::clear_commands_files(directory, &left);
        self.clear_new_files(directory);
        Ok(())
    }

    /// Whether the command of a generation of a seat lives, by what the seat of that file records of the
    /// command's.
    pub(crate) fn command_lives(
        &self,
        file: (u64, u64),
        seat: usize,
        told: CommandsFile,
        generation: u32,
    ) -> Result<bool, Error> {
        let directory = self.find_directory()?;
        let found = directory.as_ref().and_then(|directory| directory.look_at(self.file_name()).ok());
        let (Some(directory), Some(found)) = (directory, found.filter(|found| (found.dev(), found.ino()) == file))
        else {
            // Where the semaphore's own file cannot be seen, by who has another root for one, nothing is
            // known of a command's.
            return Ok(true);
        };
        commands::is_locked(&directory, &self.name, seat, told, generation, found.uid())
            .map_err(|error| self.failed("ask for a command's lock of", error))
    }

    /// Replaces a file of an earlier boot, or a damaged one, by a fresh file. The caller has locked the old
    /// file's attach byte alone.
    pub(crate) fn replace(&self, directory: &Directory, terms: Terms, mode: u32, used: u64) -> Result<(), Error> {
        let failed = |error| self.failed("replace", error);
        let (file, temporary) = self.named_file(directory).map_err(failed)?;
        let filled = self.fill(directory, &file, terms, mode, used);
        filled.and_then(|()| directory.rename(&temporary, self.file_name())).map_err(|error| {
            let _ = directory.remove(&temporary);
            failed(error)
        })
    }

    /// Gives the file an unused name, which is not a semaphore's; returns that name.
    pub(crate) fn set_aside(&self, directory: &Directory) -> Result<PathBuf, Error> {
        let counted = (1..100).map(|number| number.to_string());
        // Others may have taken those.
        let unforeseen = (0..10).map(|_| format!("{:016x}", commands::unforeseen()));
        for number in counted.chain(unforeseen) {
            let name = OsString::from(format!("{}.damaged-{number}", self.name));
            match directory.rename_unless_there(self.file_name(), &name) {
                Ok(()) => return Ok(self.directory.join(name)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(self.failed("set aside", error)),
            }
        }
        let text = format!("every name for it is taken: remove the damaged files from `{}`", self.directory.display());
        Err(Error::new(ErrorKind::Exhausted, text))
    }

    /// Is it a file system that the processes of a host share memory on, and lock bytes of files?
    pub(crate) fn check_file_system(&self, file: BorrowedFd<'_>) -> Result<(), Error> {
        let kind = sys::file_system(file).map_err(|error| self.failed("look at the file system of", error))?;
        match file_systems::foreign(kind) {
            None => Ok(()),
            Some(system) => Err(Error::new(
                ErrorKind::BadFileSystem,
                format!(
                    "it is on {system} (`{}`), where memory and locks are not shared by all who see the file: use a local \
                     directory",
                    self.directory.display()
                ),
            )),
        }
    }

    /// Locks the attach byte: shared to attach, alone to replace the file. It is locked for microseconds,
    /// unless a process was stopped there, so the wait for it has a limit.
    pub(crate) fn lock_attach(&self, file: &File, kind: LockKind) -> Result<(), Error> {
        let deadline = Instant::now() + ATTACH_PATIENCE;
        let mut nap = Duration::from_micros(20);
        while !sys::try_lock(file, kind, ATTACH_BYTE).map_err(|error| self.failed("lock", error))? {
            if Instant::now() >= deadline {
                return Err(Error::new(
                    ErrorKind::Exhausted,
                    format!(
                        "it has been locked for `{}` seconds by a process that is opening or repairing it, and seems to be \
                         stopped: let it go on, or end it (`lslocks` may name it)",
                        ATTACH_PATIENCE.as_secs()
                    ),
                ));
            }
            std::thread::sleep(nap);
            nap = (2 * nap).min(Duration::from_millis(20));
        }
        Ok(())
    }
}

/// The classes of users, group and others, that a mode lets read without letting them write.
pub(crate) fn readers_alone(mode: u32) -> u32 {
    (mode & 0o044) & !((mode & 0o022) << 1)
}

/// A process that can read a file can lock bytes of it as well, for as long as it likes: then no process
/// could take a seat, or renew a file of an earlier boot.
pub(crate) fn check_mode(mode: u32) -> Result<(), Error> {
    if mode & !0o666 != 0 || mode & 0o600 != 0o600 {
        let why = "its owner reads and writes the file, and nothing executes it: use `600`, `660` or `666`";
        return Err(Error::new(ErrorKind::Insecure, format!("mode `{mode:03o}` cannot be used: {why}")));
    }
    if readers_alone(mode) == 0 {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Insecure,
        format!(
            "mode `{mode:03o}` cannot be used: it gives others read permission alone, and a user who can read the file can lock it \
             and keep all others out: use `600`, `660` or `666`"
        ),
    ))
}

/// A directory to look at, if it exists. The default one must be usable, since the caller has not named it.
fn find_directory(path: &Path) -> Result<Option<Directory>, Error> {
    if path == default_directory() { Directory::find_sound(path) } else { Directory::find(path) }
}

/// The names of all semaphores in a directory that can be used; none if it is missing.
pub(crate) fn list(path: &Path) -> Result<Vec<String>, Error> {
    Directory::find_sound(path)?.map_or(Ok(Vec::new()), |directory| names_in(&directory, path))
}

/// The names of all semaphores in a directory that can be looked at, whatever is wrong with it.
pub(crate) fn list_to_look(path: &Path) -> Result<Vec<String>, Error> {
    find_directory(path)?.map_or(Ok(Vec::new()), |directory| names_in(&directory, path))
}

fn names_in(directory: &Directory, path: &Path) -> Result<Vec<String>, Error> {
    let failed = |error| directory::failed("read", path, error);
    let mut names = Vec::new();
    for file in directory.names().map_err(failed)? {
        if let Some(name) = file.to_str().and_then(|file| file.strip_suffix(".sem"))
            && Place::new(path, name).is_ok()
        {
            names.push(name.to_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// A word of a file; 0 if there is none.
fn word_of(file: &File, word: usize) -> u64 {
    let mut bytes = [0; 8];
    let read = file.read_exact_at(&mut bytes, word as u64 * 8);
    read.map_or(0, |()| u64::from_ne_bytes(bytes))
}

/// Version and sizes: a version with other ones cannot read the file.
fn format_word() -> u64 {
    (SEATS as u64) << 32 | u64::from(FORMAT.0) << 16 | u64::from(FORMAT.1)
}

/// Which boot this is: random(4).
pub(crate) fn boot() -> [u64; 2] {
    static BOOT: OnceLock<[u64; 2]> = OnceLock::new();
    *BOOT.get_or_init(|| {
        // Without it, as in a sandbox without /proc, files of earlier boots are not found out: they are rare,
        // on disk.
        let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
        let half = |range| digits.get(range).and_then(|half| u64::from_str_radix(half, 16).ok()).unwrap_or(0);
        [half(0..16), half(16..32)]
    })
}

/// Backs the seats from one number to below another.
pub(crate) fn back_seats(file: &File, from: usize, to: usize) -> io::Result<()> {
    let start = if from == 0 { 0 } else { layout::seat(from, seat::STATUS) };
    let end = layout::seat(to, seat::STATUS);
    sys::allocate(file, start as u64 * 8, (end - start) as u64 * 8)
}

/// Backs the waiters from above one number to another.
pub(crate) fn back_waiters(file: &File, from: usize, to: usize) -> io::Result<()> {
    let start = layout::waiter(from, waiter::WHO);
    let end = layout::waiter(to + 1, waiter::WHO);
    sys::allocate(file, start as u64 * 8, (end - start) as u64 * 8)
}

/// The byte that the owner of a seat locks.
pub(crate) fn byte_of(seat: usize) -> i64 {
    SEAT_BYTES + i64::try_from(seat).expect("seats are few")
}

/// The byte that the owner of a seat locks too, and that no other generation of the seat ever does.
pub(crate) fn generation_byte(seat: usize, generation: u32) -> i64 {
    GENERATION_BYTES + (i64::from(generation) << 12) + i64::try_from(seat).expect("seats are few")
}

pub(crate) fn not_found(place: &Place) -> Error {
    let what = format!("there is no semaphore of that name in `{}`", place.directory.display());
    Error::new(ErrorKind::NotFound, what).with_semaphore(&place.name)
}

/// Replaces a file of an earlier boot, on the same terms, with all permits free: their holders are dead.
/// `false` if it is in use after all: some containers make up a number for the boot. Then the attach byte is
/// locked as it was.
pub(crate) fn renew(place: &Place, directory: &Directory, file: &File, identity: (u64, u64)) -> Result<bool, Error> {
    // Two that both share it and want it alone would wait for each other, and the kernel does not notice
    // that.
    sys::unlock(file, ATTACH_BYTE).map_err(|error| place.failed("unlock", error))?;
    place.lock_attach(file, LockKind::Exclusive)?;
    if !place.is_current(directory, identity)? || place.check_header(file)? {
        return Ok(true);
    }
    if place.is_in_use(directory, file)? {
        place.lock_attach(file, LockKind::Shared)?;
        return Ok(false);
    }
    let region = Region::map(file, layout::TOTAL).map_err(|error| place.failed("map", error))?;
    // Whatever was found damaged in it ends with it.
    let store = Store::new(region.words()).despite_damage();
    let book = store.look(|tx| Ok(tx.book)).map_err(|what| place.damaged(what))?;
    let now = sys::now();
    // What was in use when the host went down was used until then, and that is not known.
    let used = if book.readings().is_idle() { store.last_use(book.seats_used, now) } else { now };
    let Book { max, interval, closed, .. } = book;
    let mode = file.metadata().map_or(0o600, |found| found.mode() & 0o777);
    let left = place.commands_files(directory);
    place.replace(directory, Terms { max, interval, closed }, mode, used)?;
    Place::clear_commands_files(directory, &left);
    Ok(true)
}
