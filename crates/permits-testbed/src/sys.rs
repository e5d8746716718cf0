//! System calls that neither the standard library nor nix has.
#![allow(
    unsafe_code,
    reason = "code is run between fork and exec and at exit; real-time signals are sent; the limits of others are changed"
)]

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Runs `act` in the child between fork and exec.
pub fn before_exec(command: &mut Command, act: impl FnMut() -> io::Result<()> + Send + Sync + 'static) -> &mut Command {
    // SAFETY: what the tests do there are system calls, and allocations, which glibc allows after a fork.
    unsafe { command.pre_exec(act) }
}

/// Has `act` run when this process exits, after the report of the test harness.
pub(crate) fn at_exit(act: extern "C" fn()) {
    // SAFETY: the function is there until the end of the process.
    let refused = unsafe { libc::atexit(act) };
    assert_eq!(refused, 0, "there is room for 32 functions at least");
}

fn answer(result: libc::c_int) -> io::Result<()> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn number(pid: u32) -> libc::pid_t {
    libc::pid_t::try_from(pid).ok().filter(|&pid| pid > 1).expect("a test signals none but its own children")
}

/// Sends a signal, also a real-time one, to a process.
///
/// # Errors
///
/// If it is gone and reaped.
pub fn signal(pid: u32, signal: i32) -> io::Result<()> {
    // SAFETY: it takes numbers.
    answer(unsafe { libc::kill(number(pid), signal) })
}

/// Sends a signal to a group of processes.
///
/// # Errors
///
/// If none of them is left.
pub fn signal_group(group: u32, signal: i32) -> io::Result<()> {
    // SAFETY: it takes numbers.
    answer(unsafe { libc::kill(-number(group), signal) })
}

/// Lowers the number of descriptors that another process may have.
///
/// # Errors
///
/// If it is gone.
pub fn limit_descriptors_of(pid: u32, limit: u64) -> io::Result<()> {
    let limit = libc::rlimit { rlim_cur: limit, rlim_max: limit };
    // SAFETY: it reads the limit that it is given.
    answer(unsafe { libc::prlimit(number(pid), libc::RLIMIT_NOFILE, &raw const limit, std::ptr::null_mut()) })
}
