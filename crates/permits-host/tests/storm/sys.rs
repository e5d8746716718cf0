//! System calls that the standard library does not have.
#![allow(
    unsafe_code,
    reason = "signals other than SIGKILL, and a clock that all processes share, are not in the standard library"
)]

/// Sends a signal to a child that was not reaped yet.
pub(crate) fn signal(pid: u32, signal: libc::c_int) {
    let pid = libc::pid_t::try_from(pid).expect("process ids are small");
    // SAFETY: it takes numbers.
    unsafe { libc::kill(pid, signal) };
}

/// Has this process killed when the thread that started it ends.
pub(crate) fn die_with_parent() {
    // SAFETY: it takes numbers.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
}

/// Nanoseconds since some instant that is the same for all processes of the host.
pub(crate) fn clock() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: it writes the time to where it is told.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    u64::try_from(time.tv_sec).expect("it counts from 0") * 1_000_000_000
        + u64::try_from(time.tv_nsec).expect("it counts from 0")
}
