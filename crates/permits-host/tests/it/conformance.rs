//! The clauses of the contract, across handles that know of each other by the file alone.

use crate::actor::{Actor, Order};
use crate::place::{Directory, NAME};
use permits::Error;
use permits_conformance::{Mortal, Participant, Policy, Rig};
use permits_host::HostSemaphore;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

static DIRECTORY: LazyLock<Directory> = LazyLock::new(|| {
    let directory = Directory::new();
    permits_testbed::remove_at_exit(directory.path());
    directory
});

/// Semaphores of which each handle has a mapping and a seat of its own, as processes have.
struct Processes;

impl Rig for Processes {
    type Limit = HostSemaphore;

    const MAX_PERMITS: u32 = HostSemaphore::MAX_PERMITS;

    fn fresh(&self, _: Policy, max: u32) -> Result<HostSemaphore, Error> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("conformance-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let semaphore = DIRECTORY.options().open(&name, max)?;
        // Whoever has it open has it still; the directory does not fill up.
        Ok(semaphore)
    }

    fn another(&self, limit: &HostSemaphore) -> HostSemaphore {
        DIRECTORY.options().open_existing(limit.name()).expect("it is there")
    }

    fn grace(&self) -> Duration {
        Duration::from_millis(20)
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(30)
    }

    fn rounds(&self) -> u32 {
        200
    }
}

permits_conformance::suite!(Processes);

/// Semaphores in directories of their own, which actors can find.
#[derive(Default)]
struct Deaths(Mutex<Vec<Directory>>);

impl Deaths {
    fn directories(&self) -> MutexGuard<'_, Vec<Directory>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rig for Deaths {
    type Limit = HostSemaphore;

    const MAX_PERMITS: u32 = HostSemaphore::MAX_PERMITS;

    fn fresh(&self, _: Policy, max: u32) -> Result<HostSemaphore, Error> {
        let directory = Directory::new();
        let semaphore = directory.options().open(NAME, max)?;
        self.directories().push(directory);
        Ok(semaphore)
    }

    fn grace(&self) -> Duration {
        Processes.grace()
    }

    fn deadline(&self) -> Duration {
        Processes.deadline()
    }

    fn rounds(&self) -> u32 {
        Processes.rounds()
    }
}

impl Mortal for Deaths {
    type Participant = Actor;

    fn participant(&self, semaphore: &HostSemaphore) -> Actor {
        let directories = self.directories();
        let directory = directories.iter().find(|directory| semaphore.path().starts_with(directory.path()));
        Actor::start(directory.expect("it was made here"))
    }

    /// Longer than any period by which processes look at each other.
    fn old_age(&self) -> Duration {
        Duration::from_millis(600)
    }
}

impl Participant for Actor {
    fn hold(&mut self, n: u32) {
        self.holds(n);
    }

    fn hold_loose(&mut self, n: u32) {
        self.holds(n);
        assert_eq!(self.asked(Order::Forget), "forgotten");
    }

    fn ask(&mut self, n: u32) {
        self.told(Order::Wait(n));
    }

    fn ask_release(&mut self, n: u32) {
        self.told(Order::Release(n));
    }

    fn stop(&mut self) {
        Actor::stop(self);
    }

    fn resume(&mut self) {
        Actor::resume(self);
    }

    fn kill(&mut self) {
        self.kill_and_reap();
    }
}

permits_conformance::suite!(Deaths::default(), mortal);
