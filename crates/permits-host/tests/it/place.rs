//! A directory for the semaphores of one test, and the one that most tests have in it.

use permits_host::{HostSemaphore, Options};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// The semaphore that a test and its actors share.
pub(crate) const NAME: &str = "shared";

/// An empty directory that goes when the test is over.
pub(crate) struct Directory {
    path: PathBuf,
    _limit: permits_testbed::Limit,
}

impl Directory {
    pub(crate) fn new() -> Directory {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("permits-host-test-{}-{number}", std::process::id()));
        // Of a process of the same number that was killed.
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).expect("a temporary directory can be made");
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("it is ours");
        Directory { path, _limit: permits_testbed::Limit::start() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn options(&self) -> Options {
        HostSemaphore::options().directory(&self.path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// A new semaphore.
pub(crate) fn fresh(max: u32) -> (Directory, HostSemaphore) {
    let directory = Directory::new();
    let semaphore = directory.options().open(NAME, max).expect("a new one can be made");
    (directory, semaphore)
}

/// Its file.
pub(crate) fn file_in(directory: &Directory) -> PathBuf {
    directory.path().join(format!("{NAME}.sem"))
}

/// Writes over a part of it.
pub(crate) fn overwrite(directory: &Directory, at: u64, bytes: &[u8]) {
    let file = File::options().write(true).open(file_in(directory)).expect("it is there");
    file.write_all_at(bytes, at).expect("it can be written to");
}
