//! System calls that neither the standard library nor nix has.
#![allow(
    unsafe_code,
    reason = "code is run after a fork, between fork and exec, and at exit; real-time signals are sent, and all reset; the \
              limits of others are changed"
)]

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

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

/// Runs `act` in a child of a fork, and returns what it says; `None` if it has said nothing after `limit`. The child
/// has the calling thread alone, and ends with `act`.
///
/// # Panics
///
/// If there can be no child.
pub fn in_child(limit: Duration, act: impl FnOnce() -> String) -> Option<String> {
    let (mut from_child, mut to_parent) = io::pipe().expect("there can be a pipe");
    // SAFETY: the child ends by `_exit`, so that nothing of the parent's is done twice. glibc allows it to allocate.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let said = catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(|_| "it panicked".to_owned());
        // To nobody, if the parent is gone.
        _ = to_parent.write_all(said.as_bytes());
        // SAFETY: see above.
        unsafe { libc::_exit(0) };
    }
    answer(child).expect("there can be a child");
    drop(to_parent);
    let (report, said) = channel();
    thread::spawn(move || {
        let mut text = String::new();
        // The parent has given up, if it does not listen.
        _ = report.send(from_child.read_to_string(&mut text).map(|_| text));
    });
    let said = said.recv_timeout(limit).ok().and_then(Result::ok);
    let child = Pid::from_raw(child);
    // It has ended by itself, or has to.
    _ = kill(child, Signal::SIGKILL);
    _ = waitpid(child, None);
    said
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
    use nix::sys::signal::SigSet;

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

    #[test]
    fn child_says_what_it_finds_or_is_killed() {
        const LONG: Duration = Duration::from_secs(30);
        let parent = std::process::id();

        assert_eq!(in_child(LONG, || (std::process::id() != parent).to_string()).as_deref(), Some("true"));
        assert_eq!(in_child(LONG, || panic!("it does")).as_deref(), Some("it panicked"));
        assert_eq!(
            in_child(Duration::from_millis(10), || loop {
                thread::park()
            }),
            None
        );
    }
}
