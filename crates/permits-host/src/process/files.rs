//! The files: where they are, who may have made them, and how one comes into being or is replaced.

use crate::crash::{Point, point};
use crate::error::{self, Error, ErrorKind};
use crate::process::sys::{self, LockKind, Region};
use crate::protocol::book::Book;
use crate::protocol::layout::{
    self, FIRST_SEATS, FIRST_WAITERS, FORMAT, MAGIC, SEATS, TOTAL, header, record, seat, waiter,
};
use crate::protocol::tx::Store;
use crate::sync::locked;
use std::ffi::CString;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

/// How long the attach byte is waited for.
const ATTACH_PATIENCE: Duration = Duration::from_secs(10);
/// linux/magic.h
const TMPFS: u64 = 0x0102_1994;

/// The byte that is locked while somebody attaches (shared), and while the file is replaced (exclusive). Locks may lie beyond the end
/// of a file, and these do.
pub(crate) const ATTACH_BYTE: i64 = 1 << 40;
/// The byte of seat 0, that its process locks for as long as it lives.
pub(crate) const SEAT_BYTES: i64 = 1 << 41;

/// The bytes of seats and their generations together: see `CommandLock`.
pub(crate) const GENERATION_BYTES: i64 = 1 << 42;

/// The length of every file.
pub(crate) const BYTES: u64 = (TOTAL * 8) as u64;

const LONGEST_NAME: usize = 200;

/// Where semaphores are if nobody says otherwise: `/run/permits` if there is such a directory, else `/tmp/permits-UID`, or
/// `/dev/shm/permits-UID` where `/tmp` is no local file system, as in many containers.
///
/// It depends on the user, and on no environment variable: cron has none of them, and a limit that is somewhere else in every
/// session limits nothing.
#[must_use]
pub fn default_directory() -> PathBuf {
    let common = Path::new("/run/permits");
    if common.is_dir() {
        return common.to_owned();
    }
    // In a container `/tmp` is often of its own layers, where locks do not last; what it has of shared memory is local.
    let layered = File::open("/tmp").and_then(|directory| sys::file_system(directory.as_fd()));
    let parent = if layered.is_ok_and(|kind| foreign_file_system(kind).is_some()) { "/dev/shm" } else { "/tmp" };
    PathBuf::from(format!("{parent}/permits-{}", sys::user()))
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
            |why: String| Err(Error::new(ErrorKind::BadName, format!("that cannot be a semaphore's name: {why}")));
        if name.is_empty() {
            return refuse("it is empty".into());
        }
        if name.len() > LONGEST_NAME {
            return refuse(format!("it has `{}` bytes, and `{LONGEST_NAME}` are the most", name.len()));
        }
        if name.starts_with(['.', '-']) {
            return refuse("it starts with a dot or a dash".into());
        }
        if name.contains('/') {
            return refuse("it has a '/' in it: the directory is named apart".into());
        }
        if let Some(bad) = name.chars().find(|c| c.is_control()) {
            return refuse(format!("it has a {bad:?} in it"));
        }
        // A program may go to another directory later.
        let directory = std::path::absolute(directory).map_err(|error| directory_failed("find", directory, error))?;
        let path = directory.join(format!("{name}.sem"));
        Ok(Place { directory, name: name.to_owned(), path })
    }

    /// The file that the command of a seat locks. Each seat has its own, and nobody but others opens it: a lock of a process goes when
    /// the process closes any descriptor of the file, inherited ones included. See `CommandLock`.
    pub(crate) fn commands_file(&self, seat: usize) -> PathBuf {
        self.directory.join(format!(".{}.cmd.{seat}", self.name))
    }

    pub(crate) fn failed(&self, act: &str, error: io::Error) -> Error {
        error::system(format!("cannot {act} its file `{}`", self.path.display()), error)
    }

    /// Checks the directory, and makes it if it is missing and `make`.
    ///
    /// A missing one that is not to be made is as good as an empty one, if it could be made.
    pub(crate) fn check_directory(&self, make: bool) -> Result<(), Error> {
        // Twice: it may have been made meanwhile.
        for _ in 0..2 {
            if look_at_directory(&self.directory)? {
                return Ok(());
            }
            let parent = self.directory.parent().unwrap_or(Path::new("/"));
            if matches!(fs::metadata(parent), Err(error) if error.kind() == io::ErrorKind::NotFound) {
                let (directory, parent) = (self.directory.display(), parent.display());
                let why = format!("there is no directory `{directory}`, and its parent `{parent}` does not exist");
                return Err(Error::new(ErrorKind::BadDirectory, why));
            }
            if !make {
                return Ok(());
            }
            match DirBuilder::new().mode(0o700).create(&self.directory) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => {
                    // Whatever the umask of this process is.
                    let private = fs::Permissions::from_mode(0o700);
                    let made = made.and_then(|()| fs::set_permissions(&self.directory, private));
                    return made.map_err(|error| directory_failed("make", &self.directory, error));
                }
            }
        }
        let why = format!("directory `{}` is a symbolic link that leads nowhere", self.directory.display());
        Err(Error::new(ErrorKind::BadDirectory, why))
    }

    /// Opens the file if there is one, and checks that it may be trusted and is one of ours.
    pub(crate) fn open_file(&self, write: bool) -> Result<Option<File>, Error> {
        // Not blocking: a pipe in its place would wait for somebody at its other end.
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
        let file = match OpenOptions::new().read(true).write(write).custom_flags(flags).open(&self.path) {
            Ok(file) => file,
            Err(error) => {
                return match error.raw_os_error() {
                    Some(libc::ENOENT) => Ok(None),
                    Some(libc::ELOOP) => Err(self.insecure("it is a symbolic link: remove it")),
                    Some(libc::EISDIR) => Err(self.damaged("it is a directory")),
                    _ => Err(self.failed("open", error)),
                };
            }
        };
        let found = file.metadata().map_err(|error| self.failed("look at", error))?;
        if !found.is_file() {
            return Err(self.damaged("it is no regular file"));
        }
        if found.nlink() > 1 {
            return Err(self.insecure("it has a second name (a hard link): remove one of them"));
        }
        self.check_owner(&found)?;
        Ok(Some(file))
    }

    fn check_owner(&self, found: &Metadata) -> Result<(), Error> {
        let owner = found.uid();
        if owner == sys::user() || owner == 0 {
            return Ok(());
        }
        // In a directory where anybody may make files, anybody may have made this one; in a group's, a member of the group has.
        let directory =
            fs::metadata(&self.directory).map_err(|error| directory_failed("look at", &self.directory, error))?;
        if directory.permissions().mode() & 0o002 == 0 {
            return Ok(());
        }
        Err(self.insecure(&format!(
            "user `{owner}` made it, in a directory where everybody may: choose another name, or a directory that only your \
             group can write to"
        )))
    }

    fn insecure(&self, why: &str) -> Error {
        Error::new(ErrorKind::Insecure, format!("its file `{}` cannot be trusted: {why}", self.path.display()))
    }

    pub(crate) fn damaged(&self, what: &str) -> Error {
        error::damaged(&self.name, what)
    }

    /// Whether the file is the one of its name, as far as this process can see.
    pub(crate) fn is_current(&self, file: (u64, u64)) -> bool {
        fs::symlink_metadata(&self.path).is_ok_and(|found| (found.dev(), found.ino()) == file)
    }

    /// Makes the file with `max` permits, all free. `false` if somebody else was faster.
    pub(crate) fn create(&self, max: u32, mode: u32) -> Result<bool, Error> {
        let failed = |error| self.failed("create", error);
        let directory =
            File::open(&self.directory).map_err(|error| directory_failed("open", &self.directory, error))?;
        self.check_file_system(&directory)?;
        let (file, temporary) = self.unnamed_file().map_err(failed)?;
        let made = self.finish(&file, temporary.as_deref(), max, mode).or_else(|error| match error.kind() {
            // A file without a name is given one through /proc, which a container may not have.
            io::ErrorKind::NotFound if temporary.is_none() => {
                let (file, temporary) = self.named_file()?;
                self.finish(&file, Some(&temporary), max, mode)
            }
            _ => Err(error),
        });
        match made {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(failed(error)),
        }
    }

    /// Fills a new file and gives it its name.
    fn finish(&self, file: &File, temporary: Option<&Path>, max: u32, mode: u32) -> io::Result<()> {
        let named = self.fill(file, max, false, mode).and_then(|()| {
            point(Point::Created);
            match temporary {
                None => sys::link(file, &c_path(&self.path)?),
                Some(temporary) => rename_unless_there(temporary, &self.path),
            }
        });
        if let (Err(_), Some(temporary)) = (&named, temporary) {
            // It may be gone already; it is no semaphore's file in any case.
            let _ = fs::remove_file(temporary);
        }
        named
    }

    /// A file without a name, so that nothing is left of it if this process dies; where that cannot be had, one with a name of its own.
    fn unnamed_file(&self) -> io::Result<(File, Option<PathBuf>)> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).mode(0o600);
        match options.clone().custom_flags(libc::O_TMPFILE).open(&self.directory) {
            Ok(file) if sys::can_be_linked(&file) => Ok((file, None)),
            Ok(_) => self.named_file().map(|(file, path)| (file, Some(path))),
            Err(error) if matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::EISDIR | libc::ENOENT)) => {
                self.named_file().map(|(file, path)| (file, Some(path)))
            }
            Err(error) => Err(error),
        }
    }

    fn named_file(&self) -> io::Result<(File, PathBuf)> {
        let path = self.directory.join(format!(".{}.{:x}.new", self.name, sys::epoch()));
        // A leftover of a process that had the same number.
        let _ = fs::remove_file(&path);
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
        Ok((file, path))
    }

    fn fill(&self, file: &File, max: u32, closed: bool, mode: u32) -> io::Result<()> {
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        sys::without_size_signal(|| {
            file.set_len(BYTES)?;
            back_seats(file, 0, FIRST_SEATS)?;
            back_waiters(file, 0, FIRST_WAITERS)
        })?;
        let book = Book {
            free: max.cast_signed(),
            max,
            closed,
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
        put(header::MAGIC, MAGIC)
    }

    /// Checks the header. `Ok(false)`: it is of an earlier boot, so whoever took part is dead, and it has to be made anew.
    pub(crate) fn check_header(&self, file: &File) -> Result<bool, Error> {
        let mut bytes = [0; 40];
        if let Err(error) = file.read_exact_at(&mut bytes, 0) {
            return Err(match error.kind() {
                io::ErrorKind::UnexpectedEof => self.damaged("it is too short to be one"),
                _ => self.failed("read", error),
            });
        }
        let mut words = bytes.chunks_exact(8).map(|word| u64::from_ne_bytes(word.try_into().expect("eight bytes")));
        let mut next = || words.next().expect("five words were read");
        if next() != MAGIC {
            return Err(self.damaged("it does not start as a semaphore's file does"));
        }
        let format = next();
        let version = ((format >> 16) as u16, format as u16);
        if version.0 != FORMAT.0 || format >> 32 != format_word() >> 32 {
            return Err(Error::new(
                ErrorKind::ForeignFormat,
                format!(
                    "it is of format `{}.{}`, and this program writes format `{}.{}`: use the same version of permits \
                     everywhere on this host, or remove `{}` when nobody uses it",
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
        let in_memory = sys::file_system(file.as_fd()).is_ok_and(|kind| kind == TMPFS);
        Ok(boot == ours || unknown || in_memory)
    }

    /// Whether anybody takes part: a seat whose byte is locked, or a command that keeps one. Nobody attaches meanwhile.
    pub(crate) fn is_in_use(&self, file: &File) -> Result<bool, Error> {
        let seats =
            sys::locker(file, SEAT_BYTES, SEATS as i64).map_err(|error| self.failed("ask for locks of", error))?;
        if seats.is_some() {
            return Ok(true);
        }
        let prefix = format!(".{}.cmd.", self.name);
        let entries = fs::read_dir(&self.directory).map_err(|error| self.failed("look for the commands of", error))?;
        for entry in entries.flatten() {
            let Some(seat) = entry.file_name().to_str().and_then(|file| file.strip_prefix(&prefix)?.parse().ok())
            else {
                continue;
            };
            if self.command_lives(seat, None)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the command of a seat lives, of one of its generations or of any.
    pub(crate) fn command_lives(&self, seat: usize, generation: Option<u32>) -> Result<bool, Error> {
        /// Locks that this process itself has: closing any descriptor of such a file would drop them, so it is not opened again.
        static OURS: Mutex<Vec<(PathBuf, u32)>> = Mutex::new(Vec::new());
        /// Nearly always there are none. Then the list is not locked: a thread of ours that looks here while another one forks would leave
        /// the child with a lock that nobody opens.
        static ANY: AtomicBool = AtomicBool::new(false);
        let path = self.commands_file(seat);
        let key = (path.clone(), std::process::id());
        // Acquire: pairs with the Release below; the list has what it promises.
        if ANY.load(Ordering::Acquire) && locked(&OURS).contains(&key) {
            return Ok(true);
        }
        let file = match File::open(&path) {
            Ok(file) => file,
            // Nobody can have a lock in it that anybody could find.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(self.failed("open the commands' file of", error)),
        };
        let failed = |error| self.failed("ask for a command's lock of", error);
        // All of them, and not of one byte alone: a lock of ours on another one would be dropped just the same.
        let lockers = sys::lockers(&file).map_err(failed)?;
        let lives = match generation {
            None => !lockers.is_empty(),
            Some(generation) => sys::is_locked(&file, i64::from(generation)).map_err(failed)?,
        };
        if lockers.contains(&std::process::id().cast_signed()) {
            // This process is a command that keeps permits. It has the descriptor for good now, and is asked no more.
            std::mem::forget(file);
            locked(&OURS).push(key);
            // Release: as above.
            ANY.store(true, Ordering::Release);
        }
        Ok(lives)
    }

    /// Puts a fresh file in the place of one from an earlier boot, or of a damaged one, whose attach byte the caller has locked alone.
    pub(crate) fn replace(&self, max: u32, closed: bool, mode: u32) -> Result<(), Error> {
        let failed = |error| self.failed("replace", error);
        let (file, temporary) = self.named_file().map_err(failed)?;
        self.fill(&file, max, closed, mode).and_then(|()| fs::rename(&temporary, &self.path)).map_err(|error| {
            let _ = fs::remove_file(&temporary);
            failed(error)
        })
    }

    /// Is it a file system that the processes of a host share memory on, and lock bytes of files?
    pub(crate) fn check_file_system(&self, file: &File) -> Result<(), Error> {
        let kind = sys::file_system(file.as_fd()).map_err(|error| self.failed("look at the file system of", error))?;
        match foreign_file_system(kind) {
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

    /// Locks the attach byte: shared by those who attach, alone for who replaces the file. It is locked for microseconds, unless somebody
    /// was stopped there, so nobody waits for it for ever.
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

fn directory_failed(act: &str, directory: &Path, error: io::Error) -> Error {
    let what = format!("cannot {act} directory `{}`", directory.display());
    match error.raw_os_error() {
        // It was removed just now, or links lead in a circle.
        Some(libc::ENOENT | libc::ELOOP) => Error::new(ErrorKind::BadDirectory, what).with_source(error),
        _ => error::system(what, error),
    }
}

/// Checks that a directory is one, and that nobody can put another file in the place of one in it; `false` if there is nothing of that name.
fn look_at_directory(directory: &Path) -> Result<bool, Error> {
    match fs::metadata(directory) {
        Ok(found) => check_directory(directory, &found).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(directory_failed("look at", directory, error)),
    }
}

/// The names of all semaphores in a directory that can be used; none if it is missing.
pub(crate) fn list(directory: &Path) -> Result<Vec<String>, Error> {
    if look_at_directory(directory)? { names_in(directory) } else { Ok(Vec::new()) }
}

/// The names of all semaphores in a directory, whatever is wrong with it.
pub(crate) fn names_in(directory: &Path) -> Result<Vec<String>, Error> {
    let failed = |error| directory_failed("read", directory, error);
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let file = entry.map_err(failed)?.file_name();
        if let Some(name) = file.to_str().and_then(|file| file.strip_suffix(".sem"))
            && Place::new(directory, name).is_ok()
        {
            names.push(name.to_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// What a directory must be for the files in it to be trusted.
pub(crate) fn check_directory(path: &Path, found: &Metadata) -> Result<(), Error> {
    let shown = path.display();
    let refuse = |kind, why: String| Err(Error::new(kind, format!("directory `{shown}` cannot be used: {why}")));
    if !found.is_dir() {
        return refuse(ErrorKind::BadDirectory, "it is no directory".into());
    }
    let (owner, mode) = (found.uid(), found.permissions().mode());
    if owner != sys::user() && owner != 0 {
        let why = if sys::is_mapped(owner) {
            format!("it belongs to user `{owner}`, who could put other files into it")
        } else {
            format!(
                "it belongs to a user without a number in this user namespace, and `{owner}` stands for all of these, root of the \
                 host among many others: use one that belongs to the user who started the container"
            )
        };
        return refuse(ErrorKind::Insecure, why);
    }
    if mode & 0o022 != 0 && mode & 0o1000 == 0 {
        let mode = mode & 0o7777;
        let why = format!("others may remove files from it (mode `{mode:o}`): `chmod +t` it, or `chmod go-w` it");
        return refuse(ErrorKind::Insecure, why);
    }
    Ok(())
}

/// The name of a file system that will not do: linux/magic.h.
pub(crate) fn foreign_file_system(kind: u64) -> Option<&'static str> {
    Some(match kind {
        0x794c_7630 => "overlayfs (the layers of a container: mount a volume)",
        0x6175_6673 => "aufs",
        0xf15f => "eCryptfs",
        0x6969 => "NFS",
        0x517b | 0xff53_4d42 | 0xfe53_4d42 => "SMB",
        0x0102_1997 => "9p",
        0x6573_5546 => "FUSE",
        0x00c3_6400 => "Ceph",
        0x5346_414f | 0x6b41_4653 => "AFS",
        0x7375_7245 => "Coda",
        0x0bd0_0bd0 => "Lustre",
        0x4750_4653 => "GPFS",
        0x1983_0326 => "BeeGFS",
        0x2003_0528 => "OrangeFS",
        0x786f_4256 => "vboxsf",
        0x0161_1970 | 0x7461_636f => "a cluster file system",
        _ => return None,
    })
}

/// Version and sizes: who has other ones cannot read the file.
fn format_word() -> u64 {
    (SEATS as u64) << 32 | u64::from(FORMAT.0) << 16 | u64::from(FORMAT.1)
}

/// Which boot this is: random(4).
pub(crate) fn boot() -> [u64; 2] {
    static BOOT: OnceLock<[u64; 2]> = OnceLock::new();
    *BOOT.get_or_init(|| {
        // Without it, as in a sandbox without /proc, files of earlier boots are not found out: they are rare, on disk.
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

pub(crate) fn c_path(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))
}

pub(crate) fn rename_unless_there(from: &Path, to: &Path) -> io::Result<()> {
    sys::rename_unless_there(&c_path(from)?, &c_path(to)?)
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

/// Replaces a file of an earlier boot, with as many permits, all free: whoever held them is dead. `false` if it is in use after all: some
/// containers make up a number for the boot. Then the attach byte is locked as it was.
pub(crate) fn renew(place: &Place, file: &File, identity: (u64, u64)) -> Result<bool, Error> {
    // Two that both share it and want it alone would wait for each other, and the kernel does not notice that.
    sys::unlock(file, ATTACH_BYTE).map_err(|error| place.failed("unlock", error))?;
    place.lock_attach(file, LockKind::Exclusive)?;
    if !place.is_current(identity) || place.check_header(file)? {
        return Ok(true);
    }
    if place.is_in_use(file)? {
        place.lock_attach(file, LockKind::Shared)?;
        return Ok(false);
    }
    let region = Region::map(file, layout::TOTAL).map_err(|error| place.failed("map", error))?;
    // Whatever was found damaged in it ends with it.
    let store = Store::new(region.words()).despite_damage();
    let max = store.look(|tx| Ok((tx.book.max, tx.book.closed)));
    let (max, closed) = max.map_err(|what| place.damaged(what))?;
    let mode = file.metadata().map_or(0o600, |found| found.mode() & 0o777);
    place.replace(max, closed, mode)?;
    Ok(true)
}
