//! Signals, and wake-ups by other threads, as things that one poll(2) waits for.
//!
//! All signals that concern the program are blocked from the start and read from a signalfd: nothing runs in
//! a signal handler, no signal falls between a check and a sleep, and each tells who sent it. Threads that
//! start later inherit the blocked signals, so that none of them is killed by one either.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use permits_host::HostSemaphore;

use crate::failure::Failure;
use crate::sys::{self, Received};

/// Where signals and wake-ups arrive.
pub(crate) struct Events {
    signals: OwnedFd,
    wakes: Arc<Wakes>,
    watched: bool,
}

/// What [`Events::wait`] saw.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) signals: Vec<Received>,
    /// The descriptor that was given along is readable.
    pub(crate) extra: bool,
}

struct Wakes(EventFd);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        // It can only fail when 2^64 wake-ups are unread: then the reader is awake already.
        let _ = self.0.write(1);
    }
}

impl Events {
    /// Blocks the signals and opens the channel. To be called before any thread starts.
    pub(crate) fn open() -> Result<Self, Failure> {
        let failed = |error: io::Error| Failure::system("cannot receive signals", &error);
        let signals = sys::receive_signals().map_err(failed)?;
        let wakes = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK);
        Ok(Events { signals, wakes: Arc::new(Wakes(wakes.map_err(|errno| failed(errno.into()))?)), watched: false })
    }

    /// Wakes [`wait`](Self::wait).
    pub(crate) fn waker(&self) -> Waker {
        Waker::from(Arc::clone(&self.wakes))
    }

    /// From now on a revocation wakes [`wait`](Self::wait). It costs a thread, so short commands do without.
    pub(crate) fn watch_revocation(&mut self, semaphore: &HostSemaphore) {
        if std::mem::replace(&mut self.watched, true) {
            return;
        }
        let (semaphore, waker) = (semaphore.clone(), self.waker());
        // Once: a run that is superseded while it waits gives up, even if it is granted in the same moment
        // (see `Waiting::acquire`), and one that is superseded while it holds permits is woken only when it
        // is revoked.
        let watch = move || {
            while !semaphore.wait_revoked(Duration::from_secs(3600)) {}
            waker.wake();
        };
        // Without the thread a revocation is seen at the next event, which is late but not wrong.
        let _ = thread::Builder::new().name("revocation".into()).spawn(watch);
    }

    /// Waits until something happens: a signal, a wake-up, `extra` is readable, or the deadline has come.
    pub(crate) fn wait(&self, deadline: Option<Instant>, extra: Option<BorrowedFd<'_>>) -> Result<Seen, Failure> {
        let input = |fd| PollFd::new(fd, PollFlags::POLLIN);
        let (signals, wakes) = (self.signals.as_fd(), self.wakes.0.as_fd());
        let mut fds = [input(signals), input(wakes), input(extra.unwrap_or(signals))];
        match poll(&mut fds, timeout(deadline)) {
            Ok(0) | Err(Errno::EINTR) => return Ok(Seen::default()),
            Ok(_) => {}
            Err(errno) => return Err(Failure::system("cannot wait", &errno.into())),
        }
        let [signals, wakes, third] = fds.map(|fd| fd.any().unwrap_or(false));
        if wakes {
            // The count says nothing; reading it makes the next poll sleep again.
            let _ = self.wakes.0.read();
        }
        let mut seen = Seen { signals: Vec::new(), extra: extra.is_some() && third };
        while signals
            && let Some(received) =
                sys::next_signal(&self.signals).map_err(|error| Failure::system("cannot read signals", &error))?
        {
            seen.signals.push(received);
        }
        Ok(seen)
    }
}

/// Rounded up, as a wait must not end early.
fn timeout(deadline: Option<Instant>) -> PollTimeout {
    let Some(deadline) = deadline else { return PollTimeout::NONE };
    let left = deadline.saturating_duration_since(Instant::now());
    let millis = left.as_micros().div_ceil(1000).min(i32::MAX as u128) as i32;
    PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX)
}
