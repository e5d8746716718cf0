//! System calls that neither the standard library nor nix has.
#![allow(
    unsafe_code,
    reason = "code is run between fork and exec and at exit; real-time signals are sent, and all reset; the limits of \
              others are changed"
)]

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Runs `act` in the child between fork and exec.
pub fn before_exec(command: &mut Command, act: impl FnMut() -> io::Result<()> + Send + Sync + 'static) -> &mut Command {
    // SAFETY: what the tests do there are system calls, and allocations, which glibc allows after a fork.
    unsafe { command.pre_exec(act) }
}

/// Starts the command with the dispositions of a login, whatever this process ignores or blocks: nohup(1) has it ignore
/// hangups, and a shell without job control has what it starts in the background ignore interrupts.
pub fn with_default_signals(command: &mut Command) -> &mut Command {
    before_exec(command, || {
        for signal in 1..=libc::SIGRTMAX() {
            // It refuses KILL, STOP, and those that libc keeps for itself.
            // SAFETY: SIG_DFL is no handler.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
        Ok(nix::sys::signal::SigSet::empty().thread_set_mask()?)
    })
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

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::signal::{SigSet, Signal};

    #[test]
    fn command_ignores_and_blocks_nothing_that_its_parent_does() {
        let mut command = Command::new("grep");
        command.args(["-E", "^Sig(Blk|Ign)", "/proc/self/status"]);
        before_exec(&mut command, || {
            // SAFETY: SIG_IGN is no handler.
            unsafe { libc::signal(libc::SIGHUP, libc::SIG_IGN) };
            Ok(SigSet::from(Signal::SIGINT).thread_block()?)
        });
        // Without 32 and 33, which libc keeps for itself.
        let sets = |command: &mut Command| -> Vec<u64> {
            let printed = String::from_utf8(command.output().expect("grep is there").stdout).expect("it is text");
            let sets = printed.lines().filter_map(|line| line.split_whitespace().last());
            sets.map(|set| u64::from_str_radix(set, 16).expect("hexadecimal digits") & !(0b11 << 31)).collect()
        };
        let bit = |signal: i32| 1 << (signal - 1);
        let [blocked, ignored] = sets(&mut command)[..] else { panic!("two lines") };
        assert!(blocked & bit(libc::SIGINT) != 0 && ignored & bit(libc::SIGHUP) != 0, "{blocked:x} {ignored:x}");

        assert_eq!(sets(with_default_signals(&mut command)), [0, 0]);
    }
}
