//! The same as `naive`, written with care on `parking_lot`: a condition variable a side, one waiter woken, and only
//! when one waits.

use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::engine::*;

struct State {
    given_out: u32,
    takers: u32,
    givers: u32,
}

pub struct Well {
    max: u32,
    state: Mutex<State>,
    may_take: Condvar,
    may_give: Condvar,
}

impl Well {
    fn start(max: u32, given_out: u32) -> Self {
        Self {
            max,
            state: Mutex::new(State { given_out, takers: 0, givers: 0 }),
            may_take: Condvar::new(),
            may_give: Condvar::new(),
        }
    }
}

impl Engine for Well {
    const NAME: &'static str = "good condvar";
    const ORDER: Order = Order::None;

    fn new(permits: u32) -> Self {
        Self::start(permits, 0)
    }
}

impl Guarded for Well {
    type Permit<'a> = Returned<'a, Self>;
}

impl Wait for Well {
    fn wait(&self) -> Returned<'_, Self> {
        self.take();
        Returned::one(self)
    }
}

impl WaitTimeout for Well {
    fn wait_timeout(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let mut state = self.state.lock();
        while state.given_out == self.max {
            state.takers += 1;
            let late = self.may_take.wait_until(&mut state, deadline).timed_out();
            state.takers -= 1;
            if late {
                return false;
            }
        }
        state.given_out += 1;
        true
    }
}

impl Give for Well {
    fn drained(permits: u32) -> Self {
        Self::start(permits, permits)
    }

    fn give(&self) {
        let mut state = self.state.lock();
        while state.given_out == 0 {
            state.givers += 1;
            self.may_give.wait(&mut state);
            state.givers -= 1;
        }
        state.given_out -= 1;
        let somebody_waits = state.takers > 0;
        drop(state);
        if somebody_waits {
            self.may_take.notify_one();
        }
    }
}

impl Take for Well {
    fn take(&self) {
        let mut state = self.state.lock();
        while state.given_out == self.max {
            state.takers += 1;
            self.may_take.wait(&mut state);
            state.takers -= 1;
        }
        state.given_out += 1;
        let somebody_waits = state.givers > 0;
        drop(state);
        if somebody_waits {
            self.may_give.notify_one();
        }
    }
}
