//! Locks: one permit, which whoever took it must give back. All of them free it at death.

use std::fs::File;
use std::marker::PhantomData;

use super::ours::Directory;
use super::peer::*;
use super::sys;
use crate::engine::Order;

/// Which lock of a file.
pub trait Kind: 'static {
    const NAME: &'static str;
    fn lock(file: &File);
    fn unlock(file: &File);
}

/// `flock(2)`, which std calls by another name.
pub struct Flock;

impl Kind for Flock {
    const NAME: &'static str = "flock";

    fn lock(file: &File) {
        file.lock().expect("a file of our own can be locked");
    }

    fn unlock(file: &File) {
        file.unlock().expect("a file of our own can be unlocked");
    }
}

/// `fcntl` with F_OFD_SETLKW.
pub struct Description;

impl Kind for Description {
    const NAME: &'static str = "OFD lock";

    fn lock(file: &File) {
        sys::lock_description(file);
    }

    fn unlock(file: &File) {
        sys::unlock_description(file);
    }
}

/// The file stays open between the locks; `flock` the program opens it anew each time.
pub struct FileLock<K>(Directory, PhantomData<K>);

pub struct Opened<K>(File, PhantomData<K>);

impl<K: Kind> Peer for FileLock<K> {
    const NAME: &'static str = K::NAME;
    const ORDER: Order = Order::None;
    const MAX_PERMITS: u32 = 1;
    type Handle<'a> = Opened<K>;

    fn new(_permits: u32) -> Self {
        let directory = Directory::new();
        File::create(directory.path().join("lock")).expect("a file can be made in a directory of our own");
        Self(directory, PhantomData)
    }

    fn open(&self) -> Opened<K> {
        let file = File::options().read(true).write(true).open(self.0.path().join("lock"));
        Opened(file.expect("the file was made"), PhantomData)
    }
}

impl<K: Kind> Handle for Opened<K> {
    fn acquire(&mut self) {
        K::lock(&self.0);
    }

    fn release(&mut self) {
        K::unlock(&self.0);
    }
}

/// A pthread mutex, shared between processes and robust.
pub struct Robust(sys::RobustMutex);

impl Peer for Robust {
    const NAME: &'static str = "robust mutex";
    const ORDER: Order = Order::None;
    const MAX_PERMITS: u32 = 1;
    type Handle<'a> = &'a Robust;

    fn new(_permits: u32) -> Self {
        Self(sys::RobustMutex::new())
    }

    fn open(&self) -> &Self {
        self
    }
}

impl Handle for &Robust {
    fn acquire(&mut self) {
        self.0.lock();
    }

    fn release(&mut self) {
        self.0.unlock();
    }
}
