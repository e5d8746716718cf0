//! System calls that the standard library does not have, and the mapping. The only unsafe code of the crate.
#![allow(
    unsafe_code,
    reason = "system calls, and memory that other processes write to; each block says why it is sound"
)]

use std::cell::Cell;
use std::ffi::{CStr, OsStr, OsString};
use std::fs::{File, Metadata};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::ptr::NonNull;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// A file in memory, shared with all that map it; not there in a child after fork.
pub(crate) struct Region {
    start: NonNull<AtomicU64>,
    words: usize,
    /// The process that has mapped it.
    epoch: u64,
}

// SAFETY: the memory is read and written through atomics alone, and unmapped by the owner of the region only.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

impl Region {
    /// Maps the first `words` words of `file`. The mapping keeps the open file description, and with it the
    /// locks on it, until it is unmapped or the process ends, also if all descriptors are closed: mmap(2),
    /// fcntl(2).
    pub(crate) fn map(file: &File, words: usize) -> io::Result<Region> {
        Region::map_as(file, words, libc::PROT_READ | libc::PROT_WRITE)
    }

    /// Maps it without write permission: a store would kill the process.
    pub(crate) fn map_to_read(file: &File, words: usize) -> io::Result<Region> {
        Region::map_as(file, words, libc::PROT_READ)
    }

    fn map_as(file: &File, words: usize, protection: libc::c_int) -> io::Result<Region> {
        // SAFETY: a new mapping at an address that the kernel chooses touches no memory that is in use.
        let start =
            unsafe { libc::mmap(std::ptr::null_mut(), words * 8, protection, libc::MAP_SHARED, file.as_raw_fd(), 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).expect("mmap never places a mapping at 0 unless it is asked to");
        let region = Region { start, words, epoch: epoch() };
        // SAFETY: the range is the mapping that was just made.
        check(unsafe { libc::madvise(region.start.as_ptr().cast(), words * 8, libc::MADV_DONTFORK) })?;
        Ok(region)
    }

    pub(crate) fn words(&self) -> &[AtomicU64] {
        // SAFETY: the mapping is as long as this, aligned to a page, and stays until `self` is dropped. Any
        // bits are a valid number, and other processes are other threads to an atomic. Backing is the
        // business of whoever touches a word: see `layout.rs`.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.words) }
    }

    /// The low half of a word, to sleep on.
    pub(crate) fn bell(&self, word: usize) -> &AtomicU32 {
        let word: *const AtomicU64 = &raw const self.words()[word];
        // The first half, whichever that is: nobody reads the word as a whole. SAFETY: it lies within the
        // word, which is aligned for it. The word is a bell, so nobody uses it but as this.
        unsafe { &*word.cast::<AtomicU32>() }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        if self.epoch != epoch() {
            // In a child it is not there, and something else may be.
            return;
        }
        // SAFETY: it is the mapping that `map` made, and nothing borrowed from `self` is left.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.words * 8) };
    }
}

/// A number that is another one in every process, also after a fork without exec.
pub(crate) fn epoch() -> u64 {
    static MARK: OnceLock<&'static AtomicU64> = OnceLock::new();
    let mark = MARK.get_or_init(|| {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a new mapping at an address that the kernel chooses touches no memory that is in use.
        let page = unsafe { libc::mmap(std::ptr::null_mut(), 4096, protection, flags, -1, 0) };
        assert!(page != libc::MAP_FAILED, "a page of memory: {}", io::Error::last_os_error());
        // SAFETY: the range is the mapping that was just made. A kernel before 4.14 refuses.
        let wiped = unsafe { libc::madvise(page, 4096, libc::MADV_WIPEONFORK) } == 0;
        assert!(wiped, "Linux 4.14 or newer is needed: madvise(MADV_WIPEONFORK): {}", io::Error::last_os_error());
        // SAFETY: the page is there for ever, zeroed, aligned, and used as nothing else.
        unsafe { &*page.cast::<AtomicU64>() }
    });
    // Relaxed: a process finds its own value, or the zero of a fresh fork, in which there is one thread.
    let epoch = mark.load(Ordering::Relaxed);
    if epoch != 0 { epoch } else { new_epoch(mark) }
}

#[cold]
fn new_epoch(mark: &AtomicU64) -> u64 {
    // The time tells two children of the same number apart.
    let fresh = (u64::from(std::process::id()) << 40) ^ (now() & 0xff_ffff_ffff) | 1;
    match mark.compare_exchange(0, fresh, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => fresh,
        Err(other) => other,
    }
}

/// Nanoseconds since 1970, as of the last tick of the clock: some milliseconds late at most, and cheap.
pub(crate) fn now() -> u64 {
    clock(libc::CLOCK_REALTIME_COARSE)
}

/// Nanoseconds since the host has started, those in which it was suspended included. It never goes back, and
/// all processes of a host have the same, but for those in another time namespace: time_namespaces(7).
pub(crate) fn time_since_boot() -> u64 {
    clock(libc::CLOCK_BOOTTIME)
}

fn clock(which: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: it writes the time to where it is told.
    unsafe { libc::clock_gettime(which, &raw mut time) };
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}

fn byte_lock(kind: libc::c_int, byte: i64) -> libc::flock {
    // SAFETY: all fields are numbers, for which zero is a value.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    #[expect(clippy::cast_possible_truncation, reason = "the constants are 0, 1 and 2")]
    {
        lock.l_type = kind as libc::c_short;
        lock.l_whence = libc::SEEK_SET as libc::c_short;
    }
    lock.l_start = byte;
    lock.l_len = 1;
    lock
}

/// What a lock is on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum LockKind {
    Shared,
    Exclusive,
}

impl LockKind {
    fn number(self) -> libc::c_int {
        match self {
            LockKind::Shared => libc::F_RDLCK,
            LockKind::Exclusive => libc::F_WRLCK,
        }
    }
}

/// Locks a byte for the open file description, if it is free. `false` if it is locked.
pub(crate) fn try_lock(file: &File, kind: LockKind, byte: i64) -> io::Result<bool> {
    let lock = byte_lock(kind.number(), byte);
    // SAFETY: fcntl reads the lock that it is given.
    match check(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) }) {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => Ok(false),
        Err(error) => Err(error),
    }
}

pub(crate) fn unlock(file: &File, byte: i64) -> io::Result<()> {
    let lock = byte_lock(libc::F_UNLCK, byte);
    // SAFETY: fcntl reads the lock that it is given.
    check(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) })?;
    Ok(())
}

/// Whether another open file description has a byte locked alone.
pub(crate) fn is_locked(file: &File, byte: i64) -> io::Result<bool> {
    Ok(locker(file, byte, 1)?.is_some())
}

/// Who else has one of these bytes locked alone; a length of 0 is all from the first. The process, if it is
/// the lock of one, else -1.
///
/// Shared locks do not count: a process with read permission alone can take those.
pub(crate) fn locker(file: &File, byte: i64, length: i64) -> io::Result<Option<i32>> {
    let mut lock = byte_lock(libc::F_RDLCK, byte);
    lock.l_len = length;
    // SAFETY: fcntl reads and writes the lock that it is given.
    check(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_GETLK, &raw mut lock) })?;
    Ok((libc::c_int::from(lock.l_type) != libc::F_UNLCK).then_some(lock.l_pid))
}

/// The processes that have bytes of a file locked for themselves; -1 for locks of open file descriptions.
pub(crate) fn lockers(file: &File) -> io::Result<Vec<i32>> {
    let (mut found, mut from) = (Vec::new(), 0);
    loop {
        let mut lock = byte_lock(libc::F_RDLCK, from);
        lock.l_len = 0;
        // SAFETY: fcntl reads and writes the lock that it is given. It names the first lock in its way.
        check(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_GETLK, &raw mut lock) })?;
        if libc::c_int::from(lock.l_type) == libc::F_UNLCK {
            return Ok(found);
        }
        found.push(lock.l_pid);
        // A length of 0 is all the rest.
        if lock.l_len == 0 {
            return Ok(found);
        }
        from = lock.l_start + lock.l_len;
    }
}

/// Locks a byte for this process, whatever it executes: the lock goes at its end, or when it closes any
/// descriptor of the file. Its children do not have it. Allocates nothing.
pub(crate) fn try_lock_for_process(fd: RawFd, byte: i64) -> io::Result<()> {
    let lock = byte_lock(libc::F_WRLCK, byte);
    // SAFETY: fcntl reads the lock that it is given.
    check(unsafe { libc::fcntl(fd, libc::F_SETLK, &raw const lock) })?;
    Ok(())
}

/// How to open a file that any user may have put there: no link is followed, no pipe or device waited for,
/// and no child gets it.
pub(crate) const WARY: libc::c_int = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC;

/// Opens what has that name in a directory, or a path if the directory is left out. `mode` is for what is
/// made.
fn open_in(
    directory: Option<BorrowedFd<'_>>,
    name: &CStr,
    flags: libc::c_int,
    mode: libc::mode_t,
) -> io::Result<OwnedFd> {
    let directory = directory.map_or(libc::AT_FDCWD, |directory| directory.as_raw_fd());
    // SAFETY: openat reads the path, which ends with its NUL.
    owned(unsafe { libc::openat(directory, name.as_ptr(), flags | libc::O_CLOEXEC, mode) })
}

/// Opens what has that name in a directory.
pub(crate) fn open_at(
    directory: BorrowedFd<'_>,
    name: &CStr,
    flags: libc::c_int,
    mode: libc::mode_t,
) -> io::Result<File> {
    open_in(Some(directory), name, flags, mode).map(File::from)
}

/// Opens what has that name in a directory, or a path if the directory is left out, after `judge` has let it
/// pass: the open of a pipe or a device that was put there could do something already. Allocates nothing.
pub(crate) fn open_checked(
    directory: Option<BorrowedFd<'_>>,
    name: &CStr,
    access: libc::c_int,
    judge: impl Fn(&Metadata) -> io::Result<()>,
) -> io::Result<File> {
    let referred = File::from(open_in(directory, name, libc::O_PATH | libc::O_NOFOLLOW, 0)?);
    let looked_at = referred.metadata()?;
    judge(&looked_at)?;
    // Through /proc it is the same one, whatever has the name by now. Of the thread: a watch has descriptors of
    // its own, by whose numbers the process has other files.
    let mut link = [0; 40];
    write!(&mut link[..], "/proc/thread-self/fd/{}", referred.as_raw_fd())?;
    let link = CStr::from_bytes_until_nul(&link).expect("a number has ten digits at most");
    let same = open_in(None, link, access | WARY & !libc::O_NOFOLLOW, 0).map(File::from);
    if let Ok(file) = same
        && file.metadata().is_ok_and(|found| (found.dev(), found.ino()) == (looked_at.dev(), looked_at.ino()))
    {
        return Ok(file);
    }
    drop(referred);
    // Without /proc, or if that is another PID namespace's: what can be told of the moment between is told
    // afterwards.
    let file = File::from(open_in(directory, name, access | WARY, 0)?);
    judge(&file.metadata()?)?;
    Ok(file)
}

/// Refers to what a path names, without opening it: no right on it is needed, and nothing is set in motion.
pub(crate) fn refer(path: &CStr, flags: libc::c_int) -> io::Result<File> {
    open_in(None, path, libc::O_PATH | flags, 0).map(File::from)
}

/// The names in a directory, but for those of itself and its parent.
pub(crate) fn names(directory: BorrowedFd<'_>) -> io::Result<Vec<OsString>> {
    let readable = open_in(Some(directory), c".", libc::O_RDONLY | libc::O_DIRECTORY, 0)?.into_raw_fd();
    // SAFETY: the descriptor is a directory's, and nobody else has it.
    let stream = unsafe { libc::fdopendir(readable) };
    if stream.is_null() {
        let error = io::Error::last_os_error();
        // SAFETY: as above; the stream that was to own it is not there.
        unsafe { libc::close(readable) };
        return Err(error);
    }
    let mut names = Vec::new();
    let end = loop {
        // SAFETY: it is this thread's own.
        let number = unsafe { libc::__errno_location() };
        // SAFETY: as above. It stays 0 at the end of the directory.
        unsafe { number.write(0) };
        // SAFETY: the stream is open, and no other thread has it.
        let entry = unsafe { libc::readdir(stream) };
        if entry.is_null() {
            break io::Error::last_os_error();
        }
        // SAFETY: the entry is there until the next call.
        let name = unsafe { &raw const (*entry).d_name };
        // SAFETY: as above, and it ends with a NUL.
        let name = unsafe { CStr::from_ptr(name.cast()) }.to_bytes();
        if name != b"." && name != b".." {
            names.push(OsStr::from_bytes(name).to_owned());
        }
    };
    // SAFETY: the stream is open, and not used any more. It closes the descriptor.
    unsafe { libc::closedir(stream) };
    if end.raw_os_error() == Some(0) { Ok(names) } else { Err(end) }
}

/// Opens a file by its path, if it is the one that `is_it` knows, with the descriptor as high as that can be
/// had easily, and to be kept over exec. Allocates nothing.
pub(crate) fn open_for_good(path: &CStr, is_it: impl FnOnce(&File) -> bool) -> io::Result<RawFd> {
    let missing = || io::Error::from_raw_os_error(libc::ENOENT);
    let is_file = |found: &Metadata| if found.is_file() { Ok(()) } else { Err(missing()) };
    let file = open_checked(None, path, libc::O_RDWR, is_file)?;
    if !is_it(&file) {
        // Whoever looks for the lock looks for it in that one.
        return Err(missing());
    }
    let low = file.into_raw_fd();
    // Shells use the numbers below 10 for their own redirections, and many programs close some hundreds of
    // them at the start.
    for lowest in [900, 100, 10] {
        // SAFETY: it copies a descriptor that is open. The copy has no FD_CLOEXEC.
        let high = unsafe { libc::fcntl(low, libc::F_DUPFD, lowest) };
        if high != -1 {
            // SAFETY: the descriptor was opened above, and nobody else knows it. No lock of this process is
            // lost: it has none yet.
            unsafe { libc::close(low) };
            return Ok(high);
        }
    }
    // The limit of this process is so low that the kernel calls the number invalid, or all above it are
    // taken.
    Err(io::Error::from_raw_os_error(libc::EMFILE))
}

/// Leaves a descriptor open when this process executes another program.
pub(crate) fn stay_open_on_exec(file: &File) -> io::Result<()> {
    // SAFETY: it takes numbers.
    check(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETFD, 0) }).map(drop)
}

/// No thread sleeps longer without a look: a process that can read the file can move a sleeper to another
/// word (`FUTEX_REQUEUE`), where no ring reaches it.
const LONGEST_SLEEP: Duration = Duration::from_secs(2);

/// Sleeps while the word is `expected`, for `time` at most, and never for longer than some seconds. Returns
/// for any reason or none.
pub(crate) fn futex_wait(word: &AtomicU32, expected: u32, time: Option<Duration>) {
    let time = timespec(time.map_or(LONGEST_SLEEP, |time| time.min(LONGEST_SLEEP)));
    let time = &raw const time;
    // SAFETY: the word is aligned and stays mapped; the time is there until the call returns. FUTEX_WAIT
    // without FUTEX_PRIVATE_FLAG: the ones who wake it are other processes. A failure is a reason to look
    // again.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAIT, expected, time) };
}

/// Rings a bell: a thread that sleeps on it wakes; one that is about to does not fall asleep.
pub(crate) fn ring(word: &AtomicU32) {
    // SeqCst: what was committed before is seen by whoever finds the bell rung; see `Store::commit`.
    word.fetch_add(1, Ordering::SeqCst);
    // SAFETY: the word is aligned and mapped.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, i32::MAX) };
}

fn timespec(time: Duration) -> libc::timespec {
    libc::timespec {
        tv_sec: libc::time_t::try_from(time.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: libc::c_long::from(time.subsec_nanos().cast_signed()),
    }
}

fn owned(fd: libc::c_int) -> io::Result<OwnedFd> {
    let fd = check(fd)?;
    // SAFETY: the kernel has just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A descriptor that becomes readable when the process has ended, all of its threads and its memory.
pub(crate) fn pidfd(pid: u32) -> io::Result<OwnedFd> {
    let pid = libc::pid_t::try_from(pid).map_err(|_| io::Error::from_raw_os_error(libc::ESRCH))?;
    // SAFETY: it takes numbers.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    owned(libc::c_int::try_from(fd).unwrap_or(-1))
}

thread_local! {
    static OWN_DESCRIPTORS: Cell<bool> = const { Cell::new(false) };
}

/// Whether the calling thread has a table of descriptors of its own: see [`own_descriptors`].
pub(crate) fn has_own_descriptors() -> bool {
    OWN_DESCRIPTORS.get()
}

/// Gives the calling thread a table of descriptors of its own, with a copy of `kept` alone, if that is open.
/// Whatever the program does with its descriptors, closing all of them included, does not touch those of this
/// thread, and the other way round.
///
/// The kernel copies no numbers above `kept`, rounded up to a multiple of 64. Copies below it are closed
/// again, as those of a child are when it executes a program; on NFS, FUSE and SMB the close of a copy writes
/// back what the program has written to the file.
pub(crate) fn own_descriptors(kept: RawFd) -> io::Result<File> {
    let close = |from: u32, to: u32, flags: u32| {
        // SAFETY: the first call copies the table of the calling thread, and closes in the copy. From then on
        // it is this thread's own table, in which nobody uses anything else, and it changes nobody else's.
        let closed = unsafe { libc::syscall(libc::SYS_close_range, from, to, flags) };
        if closed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    };
    let number = kept.cast_unsigned();
    // Before Linux 5.9 there is no such call, and nothing is copied.
    close(number + 1, u32::MAX, libc::CLOSE_RANGE_UNSHARE)?;
    OWN_DESCRIPTORS.set(true);
    // Nothing stays open that the program closes.
    if number > 0 {
        close(0, number - 1, 0)?;
    }
    // SAFETY: it copies a descriptor, if that is open.
    let copy = owned(unsafe { libc::fcntl(kept, libc::F_DUPFD_CLOEXEC, 3) });
    close(number, number, 0)?;
    // What a panic says goes to descriptor 2, which must be no file of ours: it is one that cannot be written
    // to.
    for _ in 0..3 {
        // SAFETY: it reads the path, which ends with its NUL. The three lowest numbers are free, and stay
        // taken until the thread ends.
        check(unsafe { libc::open(c"/".as_ptr(), libc::O_PATH | libc::O_CLOEXEC) })?;
    }
    Ok(File::from(copy?))
}

/// Does something that a limit on the size of files would end the process for; with this, it gets the error.
pub(crate) fn without_size_signal<T>(act: impl FnOnce() -> T) -> T {
    let _blocked = SignalsBlocked::new();
    let done = act();
    let mut set = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: it writes the set.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    // SAFETY: the set was written above.
    unsafe { libc::sigaddset(set.as_mut_ptr(), libc::SIGXFSZ) };
    let now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: it reads set and time, and writes nothing for a null pointer. It takes the signal away, if it
    // is there.
    unsafe { libc::sigtimedwait(set.as_ptr(), std::ptr::null_mut(), &raw const now) };
    done
}

/// The signal that wakes a thread of ours. It is blocked there, and is read; no other thread gets it, and no
/// handler runs.
const WAKE: libc::c_int = libc::SIGURG;

/// A descriptor that is readable when the calling thread, which has it blocked, was sent the signal of
/// [`wake_thread`].
pub(crate) fn wakes() -> io::Result<OwnedFd> {
    let mut set = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: it writes the set.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    // SAFETY: the set was written above.
    unsafe { libc::sigaddset(set.as_mut_ptr(), WAKE) };
    // SAFETY: it reads the set.
    owned(unsafe { libc::signalfd(-1, set.as_ptr(), libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) })
}

/// The number of the calling thread.
pub(crate) fn thread() -> i32 {
    // SAFETY: it takes nothing and cannot fail.
    unsafe { libc::gettid() }
}

/// Wakes a thread of this process that has the signal blocked, and is there.
pub(crate) fn wake_thread(thread: i32) {
    // SAFETY: it takes numbers. The caller knows that the thread is there, so that no other one has its
    // number.
    unsafe { libc::syscall(libc::SYS_tgkill, std::process::id(), thread, WAKE) };
}

/// Reads away whatever is there, in a descriptor that does not block.
pub(crate) fn drain(fd: BorrowedFd<'_>) {
    let mut rest = [0u8; 4096];
    // SAFETY: it writes no more bytes than there is room for.
    while unsafe { libc::read(fd.as_raw_fd(), rest.as_mut_ptr().cast(), rest.len()) } > 0 {}
}

/// A descriptor that is readable when a process, dead or not, has closed the file behind `fd`, or when it has
/// lost a name.
pub(crate) fn watch_closes(fd: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    // SAFETY: it takes numbers.
    let watch = owned(unsafe { libc::inotify_init1(libc::IN_CLOEXEC | libc::IN_NONBLOCK) })?;
    let path = format!("/proc/thread-self/fd/{}\0", fd.as_raw_fd());
    let events = libc::IN_CLOSE_WRITE | libc::IN_ATTRIB | libc::IN_MOVE_SELF | libc::IN_DELETE_SELF;
    // SAFETY: it reads the path, which ends with its NUL.
    check(unsafe { libc::inotify_add_watch(watch.as_raw_fd(), path.as_ptr().cast(), events) })?;
    Ok(watch)
}

/// Waits until one of them is readable, or for `time`; which are.
pub(crate) fn poll(fds: &[BorrowedFd<'_>], time: Duration) -> Vec<bool> {
    let mut list: Vec<libc::pollfd> =
        fds.iter().map(|fd| libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 }).collect();
    let time = timespec(time);
    // SAFETY: list and time are there until the call returns. An error leaves `revents` at 0: a reason to
    // look again.
    unsafe {
        libc::ppoll(list.as_mut_ptr(), list.len() as libc::nfds_t, &raw const time, std::ptr::null());
    }
    list.iter().map(|entry| entry.revents != 0).collect()
}

/// Backs a part of the file, so that a store to it cannot fail because the file system is full.
pub(crate) fn allocate(file: &File, from: u64, length: u64) -> io::Result<()> {
    let [from, length] = [from, length].map(|number| i64::try_from(number).unwrap_or(i64::MAX));
    loop {
        // SAFETY: it takes numbers.
        match check(unsafe { libc::fallocate(file.as_raw_fd(), 0, from, length) }) {
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The kind of the file system that a file is on: statfs(2).
pub(crate) fn file_system(file: BorrowedFd<'_>) -> io::Result<u64> {
    // SAFETY: all fields are numbers, for which zero is a value.
    let mut found: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: it writes to where it is told.
    check(unsafe { libc::fstatfs(file.as_raw_fd(), &raw mut found) })?;
    Ok(u64::try_from(found.f_type).unwrap_or(0) & 0xffff_ffff)
}

/// Whether [`link`] can find the file: without `/proc` it cannot.
pub(crate) fn can_be_linked(file: &File) -> bool {
    std::fs::symlink_metadata(format!("/proc/self/fd/{}", file.as_raw_fd())).is_ok()
}

/// Whether a user has a number in the user namespace of this process. Those without are all shown as one,
/// mostly 65534.
pub(crate) fn is_mapped(user: u32) -> bool {
    std::fs::read_to_string("/proc/self/uid_map").map_or(true, |map| is_in_map(&map, user))
}

/// A line has the first number inside, the first outside, and how many there are: user_namespaces(7).
fn is_in_map(map: &str, user: u32) -> bool {
    map.lines().any(|line| {
        let mut numbers = line.split_ascii_whitespace().map(|number| number.parse::<u32>().unwrap_or(0));
        let (first, _, count) = (numbers.next(), numbers.next(), numbers.next());
        first.zip(count).is_some_and(|(first, count)| user.checked_sub(first).is_some_and(|from| from < count))
    })
}

/// Gives a file that has no name yet an unused name in a directory.
pub(crate) fn link(file: &File, directory: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
    let from = format!("/proc/self/fd/{}\0", file.as_raw_fd());
    // SAFETY: it reads the two paths, which end with their NULs.
    check(unsafe {
        libc::linkat(
            libc::AT_FDCWD,
            from.as_ptr().cast(),
            directory.as_raw_fd(),
            name.as_ptr(),
            libc::AT_SYMLINK_FOLLOW,
        )
    })?;
    Ok(())
}

/// Renames a file within a directory; with `RENAME_NOREPLACE` unless there is one of that name.
pub(crate) fn rename(directory: BorrowedFd<'_>, from: &CStr, to: &CStr, flags: libc::c_uint) -> io::Result<()> {
    let here = directory.as_raw_fd();
    // SAFETY: it reads the two paths, which end with their NULs.
    check(unsafe { libc::renameat2(here, from.as_ptr(), here, to.as_ptr(), flags) })?;
    Ok(())
}

/// Takes a name in a directory away.
pub(crate) fn unlink(directory: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
    // SAFETY: it reads the path, which ends with its NUL.
    check(unsafe { libc::unlinkat(directory.as_raw_fd(), name.as_ptr(), 0) })?;
    Ok(())
}

/// Whether this user may make files in a directory.
pub(crate) fn may_write(directory: BorrowedFd<'_>) -> bool {
    let wanted = libc::W_OK | libc::X_OK;
    // SAFETY: it reads the path, which ends with its NUL.
    unsafe { libc::faccessat(directory.as_raw_fd(), c".".as_ptr(), wanted, libc::AT_EACCESS) == 0 }
}

pub(crate) fn user() -> u32 {
    // SAFETY: it takes nothing and cannot fail.
    unsafe { libc::geteuid() }
}

/// No signal handler of the program runs on a thread that is started while this lives.
pub(crate) struct SignalsBlocked {
    before: libc::sigset_t,
}

impl SignalsBlocked {
    pub(crate) fn new() -> SignalsBlocked {
        let mut all = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
        let mut before = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: it fills the set that it is given.
        unsafe { libc::sigfillset(all.as_mut_ptr()) };
        // SAFETY: `all` was filled, and `before` is written: the call cannot fail with these arguments.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr()) };
        // SAFETY: it was written above.
        SignalsBlocked { before: unsafe { before.assume_init() } }
    }
}

impl Drop for SignalsBlocked {
    fn drop(&mut self) {
        // SAFETY: the set is the one that the thread had before.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.before, std::ptr::null_mut()) };
    }
}

/// Ends this process as a crash would, or stops it. The calling thread gets the signal: while another one did, this
/// one would go on.
#[cfg(feature = "crash-points")]
pub(crate) fn signal_myself(signal: libc::c_int) {
    // SAFETY: it takes a number.
    unsafe { libc::raise(signal) };
}

/// Whether any process has a lock on a byte of the file of that path, which is
/// [known](open_known) by `identity`.
/// Allocates nothing.
pub(crate) fn is_byte_locked_at(path: &CStr, identity: (u64, u64), byte: i64) -> io::Result<bool> {
    is_locked(&open_known(path, identity)?, byte)
}

/// Opens the file of that path; if that is another one than `identity`, there is none. Allocates nothing.
pub(crate) fn open_known(path: &CStr, identity: (u64, u64)) -> io::Result<File> {
    open_checked(None, path, libc::O_RDWR, |found| {
        if (found.dev(), found.ino()) == identity { Ok(()) } else { Err(io::Error::from_raw_os_error(libc::ENOENT)) }
    })
}

/// The root directory of this process, by device and number; zeros if it cannot be looked at.
pub(crate) fn root() -> (u64, u64) {
    std::fs::metadata("/").map_or((0, 0), |found| (found.dev(), found.ino()))
}

/// The number of our PID namespace; 0 if it cannot be had.
pub(crate) fn pid_namespace() -> u64 {
    // Asked for once a process: a child after fork may be in another one.
    static EPOCH: AtomicU64 = AtomicU64::new(0);
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let epoch = epoch();
    // Acquire and Release: who finds the epoch finds the number.
    if EPOCH.load(Ordering::Acquire) != epoch {
        NUMBER.store(std::fs::metadata("/proc/self/ns/pid").map_or(0, |found| found.ino()), Ordering::Relaxed);
        EPOCH.store(epoch, Ordering::Release);
    }
    NUMBER.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::{CStr, open_checked};
    use std::cell::Cell;
    use std::ffi::CString;
    use std::io;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::net::UnixListener;
    use std::path::Path;

    fn c_string(path: &Path) -> CString {
        CString::new(path.as_os_str().as_bytes()).expect("a path has no NUL")
    }

    fn open(path: &CStr, judge: impl Fn(&std::fs::Metadata) -> io::Result<()>) -> io::Result<()> {
        open_checked(None, path, libc::O_RDWR, judge).map(drop)
    }

    /// What was judged first cannot be opened through /proc, as without /proc, and another file has its name by then.
    #[test]
    fn what_replaces_a_file_that_was_let_pass_is_judged_as_well() {
        let directory = std::env::temp_dir().join(format!("permits-judged-twice-{}", std::process::id()));
        std::fs::create_dir(&directory).expect("it can be made");
        let [path, other] = ["socket", "other"].map(|name| directory.join(name));
        let _socket = UnixListener::bind(&path).expect("it can be made");
        std::fs::write(&other, "").expect("it can be written");
        let judged = Cell::new(0);

        let refused = open(&c_string(&path), |found| {
            judged.set(judged.get() + 1);
            if !found.is_file() {
                return std::fs::rename(&other, &path);
            }
            Err(io::Error::from_raw_os_error(libc::ENXIO))
        });

        std::fs::remove_dir_all(directory).expect("it is ours");
        assert_eq!((refused.unwrap_err().raw_os_error(), judged.get()), (Some(libc::ENXIO), 2));
    }
}
