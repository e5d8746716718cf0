//! Tasks on a tokio runtime: the same phases as for threads, counted the same way.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

use ::tokio::runtime::{Builder, Runtime};
use ::tokio::task::JoinHandle;

use crate::threads::{COUNTING, Outcome, SETTLE, SETTLING, STOPPED};

pub const WORKERS: usize = 2;

pub fn workers() -> Runtime {
    Builder::new_multi_thread().worker_threads(WORKERS).build().expect("a runtime without drivers needs nothing")
}

pub fn one_thread() -> Runtime {
    Builder::new_current_thread().build().expect("a runtime without drivers needs nothing")
}

/// The phase that all tasks of a run look at.
#[derive(Clone)]
pub struct Phase(Arc<AtomicU8>);

impl Phase {
    pub fn settling() -> Self {
        Self(Arc::new(AtomicU8::new(SETTLING)))
    }

    fn set(&self, to: u8) {
        self.0.store(to, Relaxed);
    }

    fn is(&self, phase: u8) -> bool {
        // Relaxed: the phase carries nothing but itself.
        self.0.load(Relaxed) == phase
    }

    /// Takes turns until the phase is over; gives back how many fell into the window.
    pub async fn count<F: Future<Output = ()>>(self, mut turn: impl FnMut() -> F) -> u64 {
        let mut turns = 0;
        while self.is(SETTLING) {
            turn().await;
        }
        while self.is(COUNTING) {
            turn().await;
            turns += 1;
        }
        turns
    }

    /// Lets tasks that were spawned with this phase run for a window, and joins them.
    ///
    /// They need no common start: the first of them are well under way when the last is spawned, but nothing counts
    /// until all have run for a while.
    pub fn run(self, runtime: &Runtime, window: Duration, tasks: Vec<JoinHandle<u64>>) -> Outcome {
        thread::sleep(SETTLE);
        let start = Instant::now();
        self.set(COUNTING);
        thread::sleep(window);
        self.set(STOPPED);
        let elapsed = start.elapsed();
        let turns = runtime.block_on(async {
            let mut turns = Vec::with_capacity(tasks.len());
            for task in tasks {
                turns.push(task.await.expect("a turn does not panic"));
            }
            turns
        });
        Outcome { turns, elapsed, longest: Duration::ZERO }
    }
}
