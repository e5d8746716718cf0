//! A bounded channel of units as a semaphore, as it is often built: a unit in the channel is a free permit.

use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::engine::*;

const KEPT: &str = "both ends live in the semaphore";

pub struct Crossbeam {
    free: Receiver<()>,
    back: Sender<()>,
}

impl Engine for Crossbeam {
    const NAME: &'static str = "crossbeam-channel";
    const ORDER: Order = Order::None;

    fn new(permits: u32) -> Self {
        let semaphore = Self::drained(permits);
        for _ in 0..permits {
            semaphore.give();
        }
        semaphore
    }
}

impl Guarded for Crossbeam {
    type Permit<'a> = Returned<'a, Self>;
}

impl Try for Crossbeam {
    fn try_acquire(&self) -> Option<Returned<'_, Self>> {
        self.free.try_recv().is_ok().then(|| Returned::one(self))
    }
}

impl Wait for Crossbeam {
    fn wait(&self) -> Returned<'_, Self> {
        self.take();
        Returned::one(self)
    }
}

impl WaitTimeout for Crossbeam {
    fn wait_timeout(&self, limit: Duration) -> bool {
        self.free.recv_timeout(limit).is_ok()
    }
}

impl Give for Crossbeam {
    fn drained(permits: u32) -> Self {
        let (back, free) = bounded(permits as usize);
        Self { free, back }
    }

    fn give(&self) {
        self.back.send(()).expect(KEPT);
    }
}

impl Take for Crossbeam {
    fn take(&self) {
        self.free.recv().expect(KEPT);
    }
}
