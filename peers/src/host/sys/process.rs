//! Processes, the memory they share, and their clock.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{NonNull, null, null_mut};
use std::sync::atomic::{AtomicU32, AtomicU64};

use super::uninterrupted;

/// Zeroed words that this process and those it starts afterwards see alike.
pub struct Mapping {
    start: NonNull<AtomicU64>,
    words: usize,
}

impl Mapping {
    pub fn new(words: usize) -> Self {
        let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS | libc::MAP_POPULATE;
        // SAFETY: a new mapping at an address that the kernel chooses touches no memory in use.
        let start = unsafe { libc::mmap(null_mut(), words * 8, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
        assert!(start != libc::MAP_FAILED, "memory to share: {}", io::Error::last_os_error());
        Self { start: NonNull::new(start.cast()).expect("a mapping is nowhere at zero"), words }
    }

    pub fn words(&self) -> &[AtomicU64] {
        // SAFETY: the mapping has as many words, zeroed and aligned, lives as long as `self`, and is used as atomics
        // only, by this process and by others.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.words) }
    }

    /// The lower half of a word, for a futex.
    pub fn half(&self, word: usize) -> &AtomicU32 {
        let word: *const AtomicU64 = &self.words()[word];
        // SAFETY: inside the mapping, aligned for more than this, and nobody uses the word as a whole.
        unsafe { &*word.cast::<AtomicU32>() }
    }

    /// Where something else than words may be put.
    pub fn place<T>(&self) -> *mut T {
        assert!(size_of::<T>() <= self.words * 8);
        self.start.as_ptr().cast()
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping that `new` made; nothing borrowed from it is left.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.words * 8) };
    }
}

/// A process of ours. It dies with this one, and when this is dropped.
pub struct Child {
    pid: libc::pid_t,
    reaped: bool,
}

impl Child {
    /// Starts a process that does `run` and ends. What it inherits it never drops.
    pub fn start(run: impl FnOnce()) -> Self {
        // SAFETY: the child has this one thread. The others of this process are the watchdog, which holds its own lock
        // alone, and glibc keeps the allocator sound across a fork.
        match unsafe { libc::fork() } {
            -1 => panic!("a process cannot be started: {}", io::Error::last_os_error()),
            0 => {
                // SAFETY: no pointers.
                unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
                let code = if catch_unwind(AssertUnwindSafe(run)).is_ok() { 0 } else { 101 };
                // SAFETY: ends the process, without the parent's exit handlers.
                unsafe { libc::_exit(code) }
            }
            pid => Self { pid, reaped: false },
        }
    }

    pub fn id(&self) -> u32 {
        self.pid.unsigned_abs()
    }

    /// Sends SIGKILL and does not wait for the end.
    pub fn kill(&self) {
        assert!(!self.reaped, "the number may be another process's by now");
        // SAFETY: no pointers; the process is ours and not reaped, so the number is its own.
        unsafe { libc::kill(self.pid, libc::SIGKILL) };
    }

    /// Ends the run if it has ended: whoever waits for it would wait for ever.
    pub fn check(&mut self) {
        assert!(!self.reaped, "the number may be another process's by now");
        let mut status = 0;
        // SAFETY: `status` is a valid place.
        if unsafe { libc::waitpid(self.pid, &raw mut status, libc::WNOHANG) } == self.pid {
            self.reaped = true;
            panic!("a process of the run ended before its time: {status:#x}");
        }
    }

    /// Waits until it ends by itself.
    pub fn join(mut self) {
        let status = self.reap();
        assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "a process of the run failed: {status:#x}");
    }

    /// Waits until it is dead.
    pub fn reap(&mut self) -> libc::c_int {
        let mut status = 0;
        // SAFETY: `status` is a valid place.
        uninterrupted("waitpid", || unsafe { libc::waitpid(self.pid, &raw mut status, 0) });
        self.reaped = true;
        status
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.reaped {
            self.kill();
            self.reap();
        }
    }
}

/// Nanoseconds of a clock that all processes share.
pub fn clock_ns() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a valid place.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}

/// How often the threads of this process, those that have ended included, left a core.
pub fn context_switches_of_self() -> u64 {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: `usage` is a valid place, and all zeroes is a valid value of it.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
        usage.assume_init()
    };
    (usage.ru_nvcsw + usage.ru_nivcsw).unsigned_abs()
}

pub fn futex_wait(word: &AtomicU32, expected: u32) {
    // SAFETY: the word lives as long as the borrow; no time limit is given. Not private: others wake it.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAIT, expected, null::<libc::timespec>()) };
}

/// As `futex_wait`, for some milliseconds at most, fewer than a thousand.
pub fn futex_wait_limited(word: &AtomicU32, expected: u32, milliseconds: i64) {
    let limit = libc::timespec { tv_sec: 0, tv_nsec: milliseconds * 1_000_000 };
    // SAFETY: as above, and the limit is there until the call returns.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAIT, expected, &raw const limit) };
}

pub fn futex_wake(word: &AtomicU32, count: i32) {
    // SAFETY: as above.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, count) };
}

/// What becomes readable when a process ends.
pub fn pidfd(pid: u32) -> OwnedFd {
    // SAFETY: no pointers.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    assert!(fd >= 0, "pidfd_open: {}", io::Error::last_os_error());
    let fd = i32::try_from(fd).expect("descriptors are small");
    // SAFETY: the kernel has just made it, and nobody else has it.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// Blocks until it is readable.
pub fn readable(fd: BorrowedFd<'_>) {
    let mut poll = libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one entry, and it is valid.
    uninterrupted("poll", || unsafe { libc::poll(&raw mut poll, 1, -1) });
}
