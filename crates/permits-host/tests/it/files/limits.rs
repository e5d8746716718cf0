//! What is too full, too small or of the wrong kind: file systems, and the size that a file may have.

use crate::actor::{Actor, Order};
use crate::look::DEADLINE;
use crate::mount;
use crate::place::{Directory, NAME};
use nix::sys::resource::{Resource, setrlimit};
use permits_conformance::wait::Polled;
use permits_host::{ErrorKind, HostSemaphore};
use permits_testbed::mounts;
use std::fs::{self, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

#[test]
fn a_full_file_system_loses_nothing() {
    if !mounts() {
        return;
    }
    let directory = Directory::new();
    let path = directory.path().to_owned();
    let mut actor = Actor::start_in(directory.path(), move || mount::tmpfs(&path, "size=1m,mode=700"));

    actor.told(Order::Fill);

    assert_eq!(actor.hear_within(10 * DEADLINE), "all is well");
}

/// In a small file system: what becomes of a creation, more seats and more waiters when it is full, and after
/// room was made.
pub(crate) fn fill_and_recover(directory: &Path) -> String {
    let open = || HostSemaphore::options().directory(directory).open(NAME, 1);
    let stuffing = directory.join("stuffing");
    let stuff = || {
        let file = File::options().append(true).create(true).open(&stuffing).expect("a name needs no room");
        while std::io::Write::write_all(&mut &file, &[1; 4096]).is_ok() {}
    };

    stuff();
    let error = open().expect_err("there is no room for it");
    assert_eq!(error.kind(), ErrorKind::Exhausted, "{error}");
    assert_eq!(fs::read_dir(directory).expect("it is ours").count(), 1, "nothing is left over");

    fs::remove_file(&stuffing).expect("it is ours");
    let semaphore = open().expect("there is room again");
    let permit = semaphore.try_acquire_owned().expect("it is free");
    stuff();

    let mut handles = Vec::new();
    let error = loop {
        match open() {
            Ok(handle) => handles.push(handle),
            Err(error) => break error,
        }
        assert!(handles.len() < 4096, "some seat has no room");
    };
    assert_eq!((error.kind(), handles.len()), (ErrorKind::Exhausted, 31), "{error}");
    let mut waiting = Vec::new();
    let error = loop {
        let mut task = Polled::new(semaphore.acquire_owned());
        match task.poll() {
            std::task::Poll::Pending => waiting.push(task),
            std::task::Poll::Ready(outcome) => break outcome.expect_err("the permit is held"),
        }
        assert!(waiting.len() < 65_535, "some waiter has no room");
    };
    assert_eq!((error.kind(), waiting.len()), (ErrorKind::Exhausted, 511), "{error}");

    fs::remove_file(&stuffing).expect("it is ours");
    handles.push(open().expect("there is room again"));
    let mut late = Polled::new(handles[31].acquire_owned());
    assert!(late.poll().is_pending());
    drop(permit);
    for mut task in waiting {
        drop(task.outcome(DEADLINE).expect("it is granted").expect("it is granted"));
    }
    drop(late.outcome(DEADLINE).expect("it is granted").expect("it is granted"));
    let state = semaphore.state().expect("it can be read");
    assert_eq!((state.available_permits, state.waiting_acquirers), (1, 0));
    "all is well".into()
}

#[test]
fn a_layered_file_system_is_refused() {
    if !mounts() {
        return;
    }
    let directory = Directory::new();
    let path = directory.path().to_owned();
    let inner = path.join("seen/inner");
    let prepare = move || {
        mount::tmpfs(&path, "mode=700")?;
        let private = |name: &str| fs::DirBuilder::new().mode(0o700).create(path.join(name));
        ["lower", "upper", "work", "seen"].into_iter().try_for_each(private)?;
        mount::overlay(&path, &path.join("seen"))?;
        private("seen/inner")
    };

    let answer = Actor::start_in(&inner, prepare).asked(Order::Open(1));

    assert!(answer.starts_with("BadFileSystem: ") && answer.contains("overlayfs"), "{answer}");
}

#[test]
fn a_limit_on_the_size_of_files_is_an_error_and_no_signal() {
    let directory = Directory::new();
    let limit = || Ok(setrlimit(Resource::RLIMIT_FSIZE, 512_000, 512_000)?);

    let answer = Actor::start_after(directory.path(), limit).asked(Order::Open(1));

    assert!(answer.contains("cannot create its file"), "{answer}");
    assert_eq!(fs::read_dir(directory.path()).expect("it is ours").count(), 0, "nothing is left over");
}
