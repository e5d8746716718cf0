//! The clock that leases are counted by.

use permits::lease::BootTime;
use std::time::Duration;

/// The time since the machine was started, with the time that it was suspended.
pub(crate) fn now() -> BootTime {
    // Elsewhere the clock that the system has may stand still while the machine is suspended: see
    // "Differences".
    #[cfg(target_os = "linux")]
    const CLOCK: rustix::time::ClockId = rustix::time::ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    const CLOCK: rustix::time::ClockId = rustix::time::ClockId::Monotonic;
    let time = rustix::time::clock_gettime(CLOCK);
    let seconds = u64::try_from(time.tv_sec).expect("a machine is not started in the future");
    let nanoseconds = u32::try_from(time.tv_nsec).expect("less than a second");
    BootTime::new(Duration::new(seconds, nanoseconds))
}
