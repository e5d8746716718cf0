//! System calls that have no safe form in the standard library or in nix: the one module with unsafe code.
//!
//! Signals are plain numbers here, as nix's `Signal` has no real-time signals, and a command may use them.
#![allow(unsafe_code, reason = "the module exists for it")]

use std::fs::File;
use std::io::{self, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus};
use std::ptr;
use std::sync::{Arc, OnceLock};

use permits_host::CommandLock;

/// Signals that are passed on to the command, or that end or stop a wait. Besides them all real-time signals are.
///
/// CHLD alone is for this program: it says that the command has ended or stopped.
///
/// Not among them: KILL and STOP, which no process can catch; what the kernel sends for a fault of this very
/// process (SEGV and the like, XCPU, XFSZ, SYS, PIPE); and TTIN and TTOU, which stop the whole group by
/// themselves.
const SIGNALS: [i32; 17] = [
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGALRM,
    libc::SIGTERM,
    libc::SIGCHLD,
    libc::SIGCONT,
    libc::SIGTSTP,
    libc::SIGURG,
    libc::SIGVTALRM,
    libc::SIGPROF,
    libc::SIGWINCH,
    libc::SIGIO,
    libc::SIGPWR,
    libc::SIGABRT,
];

/// A signal that arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Received {
    pub(crate) signal: i32,
    /// Sent by the kernel, which for HUP, INT, QUIT, TSTP, WINCH means: by the terminal, to its whole foreground group.
    pub(crate) by_kernel: bool,
}

/// Signals that were blocked when this program was started.
static MASK_AT_START: OnceLock<libc::sigset_t> = OnceLock::new();

/// Error numbers of [`prepare`]'s lock are marked by this bit, to tell them from those of exec.
const LOCK_FAILED: i32 = 1 << 30;

/// Blocks [`SIGNALS`] and the real-time signals, and opens a descriptor that reads them.
pub(crate) fn receive_signals() -> io::Result<OwnedFd> {
    // An ignored SIGCHLD, inherited from the parent, would make the kernel throw away exit codes.
    set_default(libc::SIGCHLD)?;
    let set = signal_set(SIGNALS.into_iter().chain(libc::SIGRTMIN()..=libc::SIGRTMAX()));
    let found = change_mask(libc::SIG_BLOCK, &set)?;
    // Asked for once a run; of a second call the first answer is the true one.
    let _ = MASK_AT_START.set(found);
    // SAFETY: `set` is initialised by `signal_set`, and the call only reads it.
    let fd = unsafe { libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
    owned(fd)
}

/// The next signal that has arrived, if any.
pub(crate) fn next_signal(signals: &OwnedFd) -> io::Result<Option<Received>> {
    let mut record = [0; size_of::<libc::signalfd_siginfo>()];
    match nix::unistd::read(signals, &mut record) {
        Ok(_) => {}
        Err(nix::errno::Errno::EAGAIN) => return Ok(None),
        Err(errno) => return Err(errno.into()),
    }
    // Three words at the start, by signalfd(2): ssi_signo, ssi_errno, ssi_code.
    let word = |at: usize| i32::from_ne_bytes([record[at], record[at + 1], record[at + 2], record[at + 3]]);
    Ok(Some(Received { signal: word(0), by_kernel: word(8) == SI_KERNEL }))
}

/// From asm-generic/siginfo.h; the libc crate does not name it on every target.
const SI_KERNEL: i32 = 0x80;

/// Whether this program was started with the signal ignored, as nohup(1) does.
pub(crate) fn is_ignored(signal: i32) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: no new action is given, and the old one is written to memory that is large enough for it.
    let failed = unsafe { libc::sigaction(signal, ptr::null(), action.as_mut_ptr()) } != 0;
    // SAFETY: zeroed memory is a valid sigaction, and the call has filled it or left it alone.
    !failed && unsafe { action.assume_init() }.sa_sigaction == libc::SIG_IGN
}

/// Whether the signal, at its default, does nothing to a process that is not stopped.
pub(crate) fn is_harmless(signal: i32) -> bool {
    matches!(signal, libc::SIGCHLD | libc::SIGCONT | libc::SIGURG | libc::SIGWINCH)
}

/// Whether it asks a program to end, as people, shells and service managers do.
pub(crate) fn ends_programs(signal: i32) -> bool {
    matches!(signal, libc::SIGHUP | libc::SIGINT | libc::SIGQUIT | libc::SIGTERM)
}

/// Whether a terminal sends it to its foreground group. An alarm also comes from the kernel, but to one process.
pub(crate) fn is_sent_by_terminals(signal: i32) -> bool {
    matches!(signal, libc::SIGHUP | libc::SIGINT | libc::SIGQUIT | libc::SIGTSTP | libc::SIGCONT | libc::SIGWINCH)
}

/// Stops this process as the signal would have done; returns when it is continued.
pub(crate) fn stop_by(signal: i32) {
    // A stop that fails leaves the process running, and that is what it would do with a kernel that refuses
    // the stop, too.
    let _ = set_default(signal);
    let set = signal_set([signal]);
    raise(signal);
    let _ = change_mask(libc::SIG_UNBLOCK, &set);
    let _ = change_mask(libc::SIG_BLOCK, &set);
}

/// Ends this process by the signal, without a core dump of its own, so that the caller sees what became of the command.
///
/// Returns if the signal is harmless by default, or was kept back by a debugger.
pub(crate) fn die_by(signal: i32) {
    let _ = nix::sys::prctl::set_dumpable(false);
    let _ = set_default(signal);
    raise(signal);
    let _ = change_mask(libc::SIG_UNBLOCK, &signal_set([signal]));
}

/// Sends a signal to a process of ours that has not been waited for yet.
pub(crate) fn kill(pid: u32, signal: i32) {
    // SAFETY: no memory is involved. It can fail when the command has changed its user: then the signal is
    // not ours to send.
    unsafe { libc::kill(pid.cast_signed(), signal) };
}

/// Whether the process is in this process's group, and so gets what the terminal sends to the group.
pub(crate) fn in_our_group(pid: u32) -> bool {
    let group = |pid| nix::unistd::getpgid(pid).ok();
    group(Some(nix::unistd::Pid::from_raw(pid.cast_signed()))) == group(None)
}

/// What [`wait_any`] finds.
pub(crate) enum Changed {
    /// This child has ended, and has been waited for, or has stopped.
    Child(u32, ExitStatus),
    /// There are children, and none has changed.
    Nothing,
    /// There are no children.
    Childless,
}

/// What has become of any child, those that [`adopt_orphans`] has brought included.
pub(crate) fn wait_any() -> io::Result<Changed> {
    let mut status = 0;
    // SAFETY: `status` is an int that the call writes to.
    match unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG | libc::WUNTRACED) } {
        -1 => match io::Error::last_os_error() {
            error if error.raw_os_error() == Some(libc::ECHILD) => Ok(Changed::Childless),
            error => Err(error),
        },
        0 => Ok(Changed::Nothing),
        pid => Ok(Changed::Child(pid.cast_unsigned(), ExitStatus::from_raw(status))),
    }
}

/// From now on a descendant whose parent ends becomes a child of this process, and not of init: so none is
/// lost sight of.
pub(crate) fn adopt_orphans() -> io::Result<()> {
    Ok(nix::sys::prctl::set_child_subreaper(true)?)
}

/// What the child does between fork and exec.
#[derive(Clone, Default)]
pub(crate) struct BeforeExec {
    /// Signal for the child when this program dies.
    pub(crate) pdeathsig: Option<i32>,
    /// Descriptors that it inherits.
    pub(crate) inherited: Vec<RawFd>,
}

/// Makes the command take the lock and what else is asked, right before it is executed, and start with the
/// signal mask that this program was started with.
///
/// The standard library has set SIGPIPE to its default in the child by then. Signals that this program was
/// started to ignore stay ignored, which is what nohup(1) is for.
pub(crate) fn prepare(command: &mut Command, lock: Option<Arc<CommandLock>>, before: BeforeExec) {
    let mask = MASK_AT_START.get().copied().unwrap_or_else(|| signal_set([]));
    let parent = std::process::id();
    let prepare = move || {
        if let Some(signal) = before.pdeathsig {
            set_pdeathsig(signal)?;
            if is_orphan(parent) {
                // The parent died before the call above: the kernel would never send it.
                return Err(io::Error::from_raw_os_error(libc::ESRCH));
            }
        }
        for fd in &before.inherited {
            inherit(*fd)?;
        }
        if let Some(lock) = &lock {
            lock.take().map_err(|error| mark(&error))?;
        }
        change_mask(libc::SIG_SETMASK, &mask).map(drop)
    };
    let hook = move || {
        let prepared = prepare();
        if prepared.is_err() && is_orphan(parent) {
            // The standard library would tell the parent, find that nobody hears, and abort with a message.
            // SAFETY: it ends this process, without anything that a fork leaves half done.
            unsafe { libc::_exit(libc::EXIT_FAILURE) };
        }
        prepared
    };
    // SAFETY: the hook makes system calls and nothing else: no allocation, no lock that another thread could
    // have held at the fork. `mark` builds its errors from a number, which does not allocate.
    unsafe { command.pre_exec(hook) };
}

/// Whether this is a child whose parent has died. It allocates nothing.
fn is_orphan(parent: u32) -> bool {
    std::process::id() != parent && std::os::unix::process::parent_id() != parent
}

fn mark(error: &io::Error) -> io::Error {
    io::Error::from_raw_os_error(error.raw_os_error().unwrap_or(libc::EIO) | LOCK_FAILED)
}

/// The error of the lock, if that is what kept the command from being executed.
pub(crate) fn lock_error(error: &io::Error) -> Option<io::Error> {
    let number = error.raw_os_error()?;
    (number & LOCK_FAILED != 0).then(|| io::Error::from_raw_os_error(number & !LOCK_FAILED))
}

/// Whom this process becomes in a fork.
pub(crate) enum Fork {
    Parent(u32),
    Child,
}

/// Forks. To be called while this process has one thread.
pub(crate) fn fork() -> io::Result<Fork> {
    // SAFETY: the process has one thread (it has opened no semaphore yet), so no lock is held by a thread
    // that the child lacks.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Fork::Child),
        pid => Ok(Fork::Parent(pid.cast_unsigned())),
    }
}

/// Makes the kernel send a signal to this process when its parent dies; 0 for none.
pub(crate) fn set_pdeathsig(signal: i32) -> io::Result<()> {
    // SAFETY: PR_SET_PDEATHSIG takes a number and touches no memory.
    let result = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signal) };
    done(result)
}

/// A descriptor that is readable when the process has ended, and that no reuse of its number can deceive.
pub(crate) fn pidfd(pid: i32) -> io::Result<OwnedFd> {
    // SAFETY: the call takes two numbers and touches no memory.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    owned(i32::try_from(fd).unwrap_or(-1))
}

/// Sends a signal to the process of a [`pidfd`].
pub(crate) fn signal_by(pidfd: &OwnedFd, signal: i32) -> io::Result<()> {
    let no_more: *const libc::siginfo_t = ptr::null();
    // SAFETY: without a siginfo the call reads no memory.
    let result = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, no_more, 0) };
    done(i32::try_from(result).unwrap_or(-1))
}

/// A descriptor that the caller of this program has opened for it, as a file; closed when the command is executed.
pub(crate) fn inherited_file(fd: RawFd) -> io::Result<File> {
    // SAFETY: F_GETFD fails on a number that is not open, and touches no memory.
    done(unsafe { libc::fcntl(fd, libc::F_GETFD) })?;
    // SAFETY: it was open just now, and this program, which has one thread, closes nothing meanwhile.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    let owned = borrowed.try_clone_to_owned()?;
    if fd > libc::STDERR_FILENO {
        // The copy stays. An inherited descriptor would keep the reader from seeing the end of the report.
        // SAFETY: the number is a plain descriptor of this process, and setting a flag on it touches no memory.
        done(unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) })?;
    }
    Ok(File::from(owned))
}

/// A pipe whose ends are not inherited.
pub(crate) fn pipe() -> io::Result<(File, File)> {
    let (read, write) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
    Ok((File::from(read), File::from(write)))
}

/// Closes all descriptors but stdin, stdout, stderr and those to `keep`: what the caller of this program left
/// open.
pub(crate) fn close_others(keep: &[BorrowedFd<'_>]) {
    let mut keep: Vec<_> = keep.iter().map(|fd| fd.as_raw_fd().cast_unsigned()).collect();
    keep.sort_unstable();
    let mut first = libc::STDERR_FILENO.cast_unsigned() + 1;
    for kept in keep.into_iter().chain([u32::MAX]) {
        if first < kept {
            close_range(first, kept - 1);
        }
        first = first.max(kept.saturating_add(1));
    }
}

fn close_range(first: u32, last: u32) {
    // SAFETY: nothing of this program uses these descriptors: the caller of this program has opened them.
    if unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) } == 0 {
        return;
    }
    // Before Linux 5.9. What cannot be listed stays open.
    let entries = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let open: Vec<u32> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    for fd in open.into_iter().filter(|fd| (first..=last).contains(fd)) {
        // SAFETY: as above. The descriptor of the list itself is closed by now, and closing it again does
        // nothing.
        unsafe { libc::close(fd.cast_signed()) };
    }
}

/// Turns stdin, stdout and stderr to /dev/null.
pub(crate) fn detach_stdio() -> io::Result<()> {
    let null = File::options().read(true).write(true).open("/dev/null")?;
    for fd in 0..=2 {
        // SAFETY: both are open descriptors of this process; whatever was open as `fd` is meant to be closed.
        done(unsafe { libc::dup2(null.as_fd().as_raw_fd(), fd) })?;
    }
    Ok(())
}

/// Waits for a child to end.
pub(crate) fn wait_for_end(pid: u32) -> io::Result<ExitStatus> {
    let mut status = 0;
    loop {
        // SAFETY: `status` is an int that the call writes to.
        let result = unsafe { libc::waitpid(pid.cast_signed(), &raw mut status, 0) };
        match done(result) {
            Ok(()) => return Ok(ExitStatus::from_raw(status)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Reads all that comes until the other end is closed.
pub(crate) fn read_to_end(mut file: File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn raise(signal: i32) {
    // SAFETY: it takes a number and touches no memory.
    unsafe { libc::raise(signal) };
}

fn inherit(fd: RawFd) -> io::Result<()> {
    // SAFETY: clearing the flags of a descriptor touches no memory.
    done(unsafe { libc::fcntl(fd, libc::F_SETFD, 0) })
}

fn set_default(signal: i32) -> io::Result<()> {
    // SAFETY: SIG_DFL is no handler, so no code of ours runs at a signal.
    match unsafe { libc::signal(signal, libc::SIG_DFL) } {
        libc::SIG_ERR => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

fn signal_set(signals: impl IntoIterator<Item = i32>) -> libc::sigset_t {
    let mut set = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: the memory is a sigset_t, which this call initialises.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    for signal in signals {
        // SAFETY: initialised above; a number that is no signal is refused by an error.
        unsafe { libc::sigaddset(set.as_mut_ptr(), signal) };
    }
    // SAFETY: initialised above.
    unsafe { set.assume_init() }
}

/// Changes the mask of this thread, and tells what it was.
fn change_mask(how: i32, set: &libc::sigset_t) -> io::Result<libc::sigset_t> {
    let mut old = *set;
    // SAFETY: `set` is initialised, and `old` is another one, which is overwritten.
    match unsafe { libc::pthread_sigmask(how, set, &raw mut old) } {
        0 => Ok(old),
        errno => Err(io::Error::from_raw_os_error(errno)),
    }
}

fn done(result: i32) -> io::Result<()> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn owned(fd: RawFd) -> io::Result<OwnedFd> {
    done(fd)?;
    // SAFETY: the kernel has just opened it for the caller of this function, and nothing else uses it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
