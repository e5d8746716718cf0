//! The C library's `sem_t`.
#![allow(unsafe_code)] // It has a C interface only.

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::time::Duration;

use crate::engine::*;

/// Boxed, because a `sem_t` must not move while it is in use.
pub struct SemT(Box<UnsafeCell<libc::sem_t>>);

// SAFETY: POSIX lets any thread of the process call the `sem_*` functions on one semaphore at the same time, and
// nothing else here touches what is in the cell.
unsafe impl Send for SemT {}
// SAFETY: as above.
unsafe impl Sync for SemT {}

fn interrupted() -> bool {
    std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted
}

impl Drop for SemT {
    fn drop(&mut self) {
        // SAFETY: made by `sem_init`, and `&mut self` says that no thread waits in it.
        unsafe { libc::sem_destroy(self.0.get()) };
    }
}

impl Engine for SemT {
    const NAME: &'static str = "sem_t";
    const ORDER: Order = Order::None;

    fn new(permits: u32) -> Self {
        let mut raw = MaybeUninit::<libc::sem_t>::uninit();
        // SAFETY: `raw` has the size and alignment that `sem_init` writes to; nobody waits in it yet, so it may move
        // into its box after that.
        let raw = unsafe {
            assert_eq!(libc::sem_init(raw.as_mut_ptr(), 0, permits), 0);
            raw.assume_init()
        };
        Self(Box::new(UnsafeCell::new(raw)))
    }
}

impl Guarded for SemT {
    type Permit<'a> = Returned<'a, Self>;
}

impl Try for SemT {
    fn try_acquire(&self) -> Option<Returned<'_, Self>> {
        // SAFETY: initialised in `new`, alive as long as `self`.
        let got = unsafe { libc::sem_trywait(self.0.get()) } == 0;
        got.then(|| Returned::one(self))
    }
}

impl Wait for SemT {
    fn wait(&self) -> Returned<'_, Self> {
        self.take();
        Returned::one(self)
    }
}

impl WaitTimeout for SemT {
    fn wait_timeout(&self, limit: Duration) -> bool {
        let mut until = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `until` is a valid place for the result.
        unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &mut until) };
        until.tv_nsec += limit.as_nanos() as libc::c_long;
        until.tv_sec += until.tv_nsec / 1_000_000_000;
        until.tv_nsec %= 1_000_000_000;
        loop {
            // SAFETY: initialised in `new`, alive as long as `self`; `until` is a valid time.
            if unsafe { libc::sem_timedwait(self.0.get(), &until) } == 0 {
                return true;
            }
            if !interrupted() {
                return false;
            }
        }
    }
}

impl Give for SemT {
    fn drained(_permits: u32) -> Self {
        Self::new(0)
    }

    fn give(&self) {
        // SAFETY: initialised in `new`, alive as long as `self`.
        unsafe { libc::sem_post(self.0.get()) };
    }
}

impl Take for SemT {
    fn take(&self) {
        loop {
            // SAFETY: initialised in `new`, alive as long as `self`.
            if unsafe { libc::sem_wait(self.0.get()) } == 0 {
                return;
            }
            assert!(interrupted(), "sem_wait failed on a valid semaphore");
        }
    }
}
