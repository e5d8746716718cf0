//! Files, directories and names that are not as they should be: each gives an error that says what is wrong
//! and what to do (C21).

mod damage;
mod directories;
pub(crate) mod limits;
mod making;
mod trust;

use crate::actor::{Actor, Order};
use crate::look::DEADLINE;
use crate::place::{Directory, NAME, file_in};
use permits_conformance::wait::Running;
use permits_host::{Error, ErrorKind, HostSemaphore};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

fn open(directory: &Directory) -> Result<HostSemaphore, Error> {
    let options = directory.options();
    Running::start(move || options.open(NAME, 3)).outcome(DEADLINE).expect("opening ends, whatever there is")
}

/// A sound file that nobody has open.
fn with_file() -> (Directory, PathBuf) {
    let directory = Directory::new();
    drop(open(&directory).expect("a new one can be made"));
    let path = file_in(&directory);
    (directory, path)
}

/// What opening it comes to, which is an error of that kind whose text says all of that.
#[track_caller]
fn assert_refused<T: std::fmt::Debug>(outcome: Result<T, Error>, kind: ErrorKind, says: &[&str]) {
    let error = outcome.expect_err("it is refused");
    assert_eq!(error.kind(), kind, "{error}");
    for part in says {
        assert!(error.to_string().contains(part), "`{part}` is missing in: {error}");
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
}

/// What another user's process says to opening or reading the semaphore of a directory.
fn by_nobody(directory: &Directory, order: Order) -> String {
    Actor::of_nobody(directory.path()).asked(order)
}
