//! A bounded `flume` channel of units as a semaphore: a unit in the channel is a free permit.

use std::time::Duration;

use flume::{Receiver, Sender, bounded};

use crate::engine::*;

const KEPT: &str = "both ends live in the semaphore";

pub struct Flume {
    free: Receiver<()>,
    back: Sender<()>,
}

impl Engine for Flume {
    const NAME: &'static str = "flume";
    const ORDER: Order = Order::None;

    fn new(permits: u32) -> Self {
        let semaphore = Self::drained(permits);
        for _ in 0..permits {
            semaphore.give();
        }
        semaphore
    }
}

impl Guarded for Flume {
    type Permit<'a> = Returned<'a, Self>;
}

impl Try for Flume {
    fn try_acquire(&self) -> Option<Returned<'_, Self>> {
        self.free.try_recv().is_ok().then(|| Returned::one(self))
    }
}

impl Await for Flume {
    type Got<'a> = Returned<'a, Self>;

    async fn acquire(&self) -> Returned<'_, Self> {
        self.take_task().await;
        Returned::one(self)
    }
}

impl WaitTimeout for Flume {
    fn wait_timeout(&self, limit: Duration) -> bool {
        self.free.recv_timeout(limit).is_ok()
    }
}

impl Give for Flume {
    fn drained(permits: u32) -> Self {
        let (back, free) = bounded(permits as usize);
        Self { free, back }
    }

    fn give(&self) {
        self.back.send(()).expect(KEPT);
    }
}

impl Take for Flume {
    fn take(&self) {
        self.free.recv().expect(KEPT);
    }
}

impl TakeTask for Flume {
    async fn take_task(&self) {
        self.free.recv_async().await.expect(KEPT);
    }
}
