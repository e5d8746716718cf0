//! `permits-host`, through each of its doors.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use permits_host::{HostSemaphore, Permit};

use super::peer::*;
use crate::engine::Order;

const NAME: &str = "one";
const OPEN: &str = "nobody closes it";

/// Where a semaphore's file lies: in memory, as `/run` does on most systems.
pub struct Directory(PathBuf);

impl Directory {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let shm = PathBuf::from("/dev/shm");
        let base = if shm.is_dir() { shm } else { std::env::temp_dir() };
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = base.join(format!("peers-{}-{number}", std::process::id()));
        fs::create_dir(&path).expect("a directory for a run can be made");
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("it is ours");
        Self(path)
    }

    pub fn path(&self) -> &PathBuf {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn make(permits: u32) -> Directory {
    let directory = Directory::new();
    drop(open(&directory, permits));
    directory
}

fn open(directory: &Directory, permits: u32) -> HostSemaphore {
    HostSemaphore::options().directory(directory.path()).open(NAME, permits).expect("a file of our own is sound")
}

pub fn open_again(directory: &Directory) -> HostSemaphore {
    HostSemaphore::options().directory(directory.path()).open_existing(NAME).expect("a file of our own is sound")
}

/// With a guard, and a wait.
pub struct Host {
    pub directory: Directory,
}

pub struct Held {
    /// For good, so that a guard can borrow it, as it would in a program: an owned one costs a count of
    /// references more.
    semaphore: &'static HostSemaphore,
    permit: Option<Permit<'static>>,
}

impl Held {
    fn new(semaphore: HostSemaphore) -> Held {
        Held { semaphore: Box::leak(Box::new(semaphore)), permit: None }
    }
}

impl Peer for Host {
    const NAME: &'static str = "permits-host";
    const ORDER: Order = Order::Fifo;
    type Handle<'a> = Held;

    fn new(permits: u32) -> Self {
        Self { directory: make(permits) }
    }

    fn open(&self) -> Held {
        Held::new(open_again(&self.directory))
    }
}

impl Handle for Held {
    fn acquire(&mut self) {
        self.permit = Some(self.semaphore.acquire().wait().expect(OPEN));
    }

    fn release(&mut self) {
        self.permit = None;
    }
}

/// With a guard, and no wait.
pub struct Tried(Directory);

pub struct HeldByTry(Held);

impl Peer for Tried {
    const NAME: &'static str = "permits-host try";
    const ORDER: Order = Order::Fifo;
    type Handle<'a> = HeldByTry;

    fn new(permits: u32) -> Self {
        Self(make(permits))
    }

    fn open(&self) -> HeldByTry {
        HeldByTry(Held::new(open_again(&self.0)))
    }
}

impl Handle for HeldByTry {
    fn acquire(&mut self) {
        self.0.permit = Some(self.0.semaphore.try_acquire().expect("nobody else takes it"));
    }

    fn release(&mut self) {
        self.0.release();
    }
}

/// Without a guard: what one process left out, another may return.
pub struct Loose(Directory);

pub struct LooseHandle(HostSemaphore);

impl Peer for Loose {
    const NAME: &'static str = "permits-host loose";
    const ORDER: Order = Order::Fifo;
    type Handle<'a> = LooseHandle;

    fn new(permits: u32) -> Self {
        Self(make(permits))
    }

    fn open(&self) -> LooseHandle {
        LooseHandle(open_again(&self.0))
    }
}

impl Gives for Loose {
    fn drained() -> Self {
        let directory = make(1);
        open_again(&directory).try_acquire().expect("it is new").forget();
        Self(directory)
    }
}

impl Handle for LooseHandle {
    fn acquire(&mut self) {
        self.0.acquire().wait().expect(OPEN).forget();
    }

    fn release(&mut self) {
        self.0.release().wait().expect(OPEN);
    }
}
