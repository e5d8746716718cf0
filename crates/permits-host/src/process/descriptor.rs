//! A descriptor that the program may close at any time, and whose number may be another file's then.

use crate::process::sys;
use std::fs::File;
use std::io;
use std::ops::Deref;
use std::os::unix::fs::MetadataExt;

/// A descriptor of a semaphore's file that is kept for longer than a call.
///
/// A program may close all of its descriptors (a daemon does), and open other files by the same numbers. So
/// the drop closes the number only if it still is that of the file, in the table of descriptors that it was
/// opened in.
#[derive(Debug)]
pub(crate) struct Descriptor {
    /// There until the drop.
    file: Option<File>,
    /// Device and number of the file.
    identity: (u64, u64),
    /// The process that opened it, and whether in a table of the thread's own: see `sys::own_descriptors`.
    table: (u64, bool),
}

fn table() -> (u64, bool) {
    (sys::epoch(), sys::has_own_descriptors())
}

impl Descriptor {
    /// Takes a descriptor that the caller has just opened.
    pub(crate) fn new(file: File) -> io::Result<Descriptor> {
        let found = file.metadata()?;
        Ok(Descriptor { file: Some(file), identity: (found.dev(), found.ino()), table: table() })
    }

    /// The file, by device and number.
    pub(crate) fn identity(&self) -> (u64, u64) {
        self.identity
    }

    /// Whether the number is still that of the file.
    pub(crate) fn is_open(&self) -> bool {
        self.table == table() && self.metadata().is_ok_and(|found| (found.dev(), found.ino()) == self.identity)
    }
}

impl Deref for Descriptor {
    type Target = File;

    fn deref(&self) -> &File {
        self.file.as_ref().expect("it is there until the drop")
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        if !self.is_open() {
            // Whatever has the number now is not ours to close.
            std::mem::forget(self.file.take());
        }
    }
}
