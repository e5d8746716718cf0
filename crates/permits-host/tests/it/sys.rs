//! System calls that the standard library does not have, for tests that stop or fork processes.
#![allow(
    unsafe_code,
    reason = "processes are forked and stopped here, and lose rights, which the standard library does not do"
)]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::task::{RawWaker, RawWakerVTable, Waker};

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn number(pid: u32) -> libc::pid_t {
    libc::pid_t::try_from(pid).expect("process ids are small")
}

/// Sends a signal to a process of ours; one that is gone already is as good.
pub(crate) fn signal(pid: u32, signal: libc::c_int) {
    assert!(pid > 1, "a test signals nobody but its own children");
    // SAFETY: it takes numbers.
    unsafe { libc::kill(number(pid), signal) };
}

/// The other side of a fork, `None` in the child.
pub(crate) fn fork() -> Option<u32> {
    // SAFETY: the child goes on with this thread alone. What it calls takes no lock that another thread may
    // have had: the allocator looks after itself (glibc), and an actor's other threads write to no stream
    // while it forks.
    let pid = check(unsafe { libc::fork() }).expect("a process can be forked");
    u32::try_from(pid).ok().filter(|&pid| pid != 0)
}

/// Ends a child after fork, without what the harness of its parent would do.
pub(crate) fn exit(code: i32) -> ! {
    // SAFETY: it does not return, and runs nothing.
    unsafe { libc::_exit(code) }
}

/// Waits for the end of a child and reaps it; its exit code, or the signal that ended it, as a shell counts them.
pub(crate) fn reap(pid: u32) -> i32 {
    let mut status = 0;
    // SAFETY: it writes the status to where it is told.
    check(unsafe { libc::waitpid(number(pid), &raw mut status, 0) }).expect("a child can be waited for");
    if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { 128 + libc::WTERMSIG(status) }
}

/// Sleeps until this process is killed.
pub(crate) fn pause() -> ! {
    loop {
        // SAFETY: it takes nothing.
        unsafe { libc::pause() };
    }
}

/// Has this process killed when the thread that started it ends.
pub(crate) fn die_with_parent() {
    // SAFETY: it takes numbers.
    check(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) }).expect("the kernel knows PR_SET_PDEATHSIG");
}

/// Closes all descriptors but the three standard ones, whoever uses them.
pub(crate) fn close_all() {
    // SAFETY: it is what the test is about: a program that closes what is not its own. Nothing here uses
    // those descriptors without a look.
    let result = unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) };
    assert_eq!(result, 0, "close_range: {}", io::Error::last_os_error());
}

/// Locks a byte for the open file description, as an owner of a seat does.
pub(crate) fn lock_byte(file: &std::fs::File, byte: i64) {
    // SAFETY: all fields are numbers, for which zero is a value.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = libc::c_short::try_from(libc::F_WRLCK).expect("it is a small number");
    (lock.l_start, lock.l_len) = (byte, 1);
    // SAFETY: fcntl reads the lock that it is given.
    let result = unsafe { libc::fcntl(std::os::fd::AsRawFd::as_raw_fd(file), libc::F_OFD_SETLK, &raw const lock) };
    check(result).expect("nobody else has it");
}

/// Whether anybody has locked a byte from that one on.
pub(crate) fn is_locked_from(file: &File, byte: i64) -> bool {
    // SAFETY: all fields are numbers, for which zero is a value.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = libc::c_short::try_from(libc::F_WRLCK).expect("it is a small number");
    // A length of 0 is all the rest.
    (lock.l_start, lock.l_len) = (byte, 0);
    // SAFETY: fcntl reads and writes the lock that it is given.
    check(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_GETLK, &raw mut lock) }).expect("locks can be asked for");
    libc::c_int::from(lock.l_type) != libc::F_UNLCK
}

/// Takes the right to look everywhere from what the calling process executes next, if it has it.
pub(crate) fn drop_the_right_to_look() -> io::Result<()> {
    // From linux/capability.h, which the libc crate does not have.
    const CAP_DAC_OVERRIDE: libc::c_ulong = 1;
    const CAP_DAC_READ_SEARCH: libc::c_ulong = 2;
    for right in [CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH] {
        // SAFETY: it takes numbers.
        match check(unsafe { libc::prctl(libc::PR_CAPBSET_DROP, right) }) {
            // Who may not drop rights has none.
            Err(error) if error.raw_os_error() != Some(libc::EPERM) => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Writes to the standard output without any buffer or lock: in a child after fork.
pub(crate) fn write_out(text: &[u8]) {
    // SAFETY: it reads as many bytes as there are.
    unsafe { libc::write(1, text.as_ptr().cast(), text.len()) };
}

/// Locks a byte as one of many may, which takes the right to read alone.
pub(crate) fn share_byte(file: &File, byte: i64) {
    // SAFETY: all fields are numbers, for which zero is a value.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = libc::c_short::try_from(libc::F_RDLCK).expect("it is a small number");
    (lock.l_start, lock.l_len) = (byte, 1);
    // SAFETY: fcntl reads the lock that it is given.
    let result = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) };
    assert_eq!(result, 0, "nobody has it alone: {}", io::Error::last_os_error());
}

/// A waker that does something of its own whenever it is cloned.
pub(crate) fn waker_with_clone(table: &'static RawWakerVTable) -> Waker {
    // SAFETY: the functions of the table do not use the pointer, and may be called from any thread.
    unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), table)) }
}

/// Moves whoever sleeps on a word of a file to another word, as who may read the file can; how many.
pub(crate) fn requeue(file: &File, from: usize, to: usize, length: usize) -> libc::c_long {
    let size = length * 8;
    // SAFETY: a new mapping at an address that the kernel chooses touches no memory that is in use.
    let start =
        unsafe { libc::mmap(std::ptr::null_mut(), size, libc::PROT_READ, libc::MAP_SHARED, file.as_raw_fd(), 0) };
    assert!(start != libc::MAP_FAILED, "mmap: {}", io::Error::last_os_error());
    assert!(from < length && to < length, "both words are in the mapping");
    // SAFETY: it is within the mapping.
    let from = unsafe { start.cast::<u64>().add(from) };
    // SAFETY: as above.
    let to = unsafe { start.cast::<u64>().add(to) };
    // SAFETY: the kernel takes the two addresses as names of words, wakes nobody, and moves up to a hundred.
    let moved = unsafe { libc::syscall(libc::SYS_futex, from, libc::FUTEX_REQUEUE, 0, 100_usize, to, 0) };
    // SAFETY: it is the mapping that was just made, of which nothing is left.
    unsafe { libc::munmap(start, size) };
    moved
}
