//! The exercise as it stands: one std mutex, one condition variable, everybody woken at every step. Both ends wait.

use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::engine::*;

const SOUND: &str = "nothing panics under the lock";

pub struct Naive {
    max: u32,
    given_out: Mutex<u32>,
    changed: Condvar,
}

impl Naive {
    fn start(max: u32, given_out: u32) -> Self {
        Self { max, given_out: Mutex::new(given_out), changed: Condvar::new() }
    }

    fn when(&self, waits: impl Fn(u32) -> bool) -> MutexGuard<'_, u32> {
        let mut given_out = self.given_out.lock().expect(SOUND);
        while waits(*given_out) {
            given_out = self.changed.wait(given_out).expect(SOUND);
        }
        given_out
    }

    fn take_many(&self, n: u32) {
        *self.when(|out| out + n > self.max) += n;
        self.changed.notify_all();
    }

    fn give_many(&self, n: u32) {
        *self.when(|out| out < n) -= n;
        self.changed.notify_all();
    }
}

impl Engine for Naive {
    const NAME: &'static str = "naive condvar";
    const ORDER: Order = Order::None;

    fn new(permits: u32) -> Self {
        Self::start(permits, 0)
    }
}

/// Unlike the common guard it returns all its permits in one step.
pub struct Held<'a> {
    from: &'a Naive,
    count: u32,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.from.give_many(self.count);
    }
}

impl Guarded for Naive {
    type Permit<'a> = Held<'a>;
}

impl Wait for Naive {
    fn wait(&self) -> Held<'_> {
        self.wait_many(1)
    }
}

impl WaitMany for Naive {
    fn wait_many(&self, n: u32) -> Held<'_> {
        self.take_many(n);
        Held { from: self, count: n }
    }
}

impl WaitTimeout for Naive {
    fn wait_timeout(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let mut given_out = self.given_out.lock().expect(SOUND);
        while *given_out == self.max {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                return false;
            };
            given_out = self.changed.wait_timeout(given_out, left).expect(SOUND).0;
        }
        *given_out += 1;
        self.changed.notify_all();
        true
    }
}

impl Give for Naive {
    fn drained(permits: u32) -> Self {
        Self::start(permits, permits)
    }

    fn give(&self) {
        self.give_many(1);
    }
}

impl Take for Naive {
    fn take(&self) {
        self.take_many(1);
    }
}
