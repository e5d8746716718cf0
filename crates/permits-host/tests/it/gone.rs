//! A file that has lost its name: who waits in it is told, and nobody who merely cannot find it says so of it.

use crate::actor::{Actor, Order};
use crate::look::{DEADLINE, kind, waiter};
use crate::place::{Directory, NAME, file_in, fresh};
use crate::sys;
use permits_conformance::wait::{Running, eventually};
use permits_host::{ErrorKind, HostSemaphore, Operation};
use std::fs;
use std::path::Path;

#[test]
fn whoever_waits_in_a_deleted_file_is_told() {
    loses_its_file(|path| fs::remove_file(path).expect("it is there"));
}

#[test]
fn whoever_waits_in_a_replaced_file_is_told() {
    loses_its_file(|path| {
        let other = Directory::new();
        drop(other.options().open(NAME, 1).expect("a new one can be made"));
        let theirs = path.with_extension("theirs");
        fs::copy(other.path().join(format!("{NAME}.sem")), &theirs).expect("it can be copied");
        fs::rename(theirs, path).expect("it can be replaced");
    });
}

/// Two threads, a task and another process wait in a file when it is lost.
fn loses_its_file(lose: impl FnOnce(&Path)) {
    let (directory, semaphore) = fresh(1);
    let _permit = semaphore.try_acquire_owned().expect("it is free");
    let mut waiters = [waiter(&semaphore, 1), waiter(&semaphore, 1)];
    let mut actor = Actor::start(&directory);
    // Opened before it is lost.
    actor.awaits(1, &semaphore);

    lose(semaphore.path());

    for waiter in &mut waiters {
        assert_eq!(kind(waiter.outcome(DEADLINE).expect("it is told")), Some(ErrorKind::Gone));
    }
    assert_eq!(actor.hear(), "Gone");
}

#[test]
fn the_last_waiter_of_a_deleted_file_is_told() {
    let (_directory, semaphore) = fresh(1);
    let _permit = semaphore.try_acquire_owned().expect("it is free");
    let mut waiter = waiter(&semaphore, 1);

    fs::remove_file(semaphore.path()).expect("it is there");

    assert_eq!(kind(waiter.outcome(DEADLINE).expect("it is told")), Some(ErrorKind::Gone));
}

#[test]
fn what_is_gone_is_told_with_the_name_and_the_operation() {
    let (_directory, semaphore) = fresh(1);
    fs::remove_file(semaphore.path()).expect("it is there");

    let outcomes = [
        (semaphore.state().map(drop), Operation::Read),
        (semaphore.status().map(drop), Operation::Read),
        (semaphore.wait_idle(None).map(drop), Operation::Read),
    ];

    for (outcome, operation) in outcomes {
        let error = outcome.expect_err("its file is gone");
        let expected = (ErrorKind::Gone, Some(NAME), Some(operation));
        assert_eq!((error.kind(), error.semaphore(), error.operation()), expected, "{error}");
    }
}

#[test]
fn a_holder_in_a_file_that_has_lost_its_name_keeps_its_permit_and_returns_it_without_an_error() {
    let (directory, semaphore) = fresh(2);
    let permit = semaphore.try_acquire_owned().expect("it is free");
    let given_out = || directory.options().read("renamed").expect("it can be read by its other name").state.given_out;

    fs::rename(semaphore.path(), directory.path().join("renamed.sem")).expect("it is there");

    assert_eq!(given_out(), 1);
    drop(permit);
    assert_eq!(given_out(), 0);
}

#[test]
fn who_opens_a_deleted_semaphore_gets_a_new_one() {
    let (directory, semaphore) = fresh(1);
    let _permit = semaphore.try_acquire_owned().expect("it is free");

    fs::remove_file(semaphore.path()).expect("it is there");

    let fresh = directory.options().open(NAME, 4).expect("there is none of that name");
    assert!(fresh.try_acquire_many_owned(4).is_ok());
}

/// Everybody else goes on when an actor uses a semaphore, of one permit that is held, whose file it cannot
/// find any more.
fn tells_nobody_that_it_is_gone(directory: &Path, mut actor: Actor, order: Order) {
    let semaphore = HostSemaphore::options().directory(directory).open(NAME, 1).expect("a new one can be made");
    let permit = semaphore.try_acquire_owned().expect("it is free");

    let answer = actor.asked(order);

    assert_eq!(answer, "1 given out, Some(NotNow), Some(TimedOut)");
    assert_eq!(kind(semaphore.try_acquire_owned()), Some(ErrorKind::NotNow));
    drop(permit);
    let newcomer = HostSemaphore::options().directory(directory).open_existing(NAME).expect("it is there");
    assert_eq!(newcomer.try_acquire_owned().expect("it is free again").count(), 1);
}

#[test]
fn who_had_a_relative_directory_and_goes_elsewhere_tells_nobody_that_the_file_is_gone() {
    let directory = Directory::new();

    tells_nobody_that_it_is_gone(directory.path(), Actor::start(&directory), Order::UseFromElsewhere);
}

#[test]
fn who_has_another_root_tells_nobody_that_the_file_is_gone() {
    if !permits_testbed::mounts() {
        return;
    }
    let directory = Directory::new();
    fs::create_dir(directory.path().join("root")).expect("it is ours");

    // Who may have another root.
    let actor = Actor::start_in(directory.path(), || Ok(()));
    tells_nobody_that_it_is_gone(directory.path(), actor, Order::UseFromAnotherRoot);
}

#[test]
fn who_may_not_look_any_more_tells_nobody_that_the_file_is_gone() {
    let directory = Directory::new();
    // Root, but for the right to look everywhere, or another user.
    let actor = Actor::start_after(directory.path(), sys::drop_the_right_to_look);

    tells_nobody_that_it_is_gone(&directory.path().join("inner"), actor, Order::UseWithoutTheRightToLook);
}

#[test]
fn a_hard_link_that_is_made_later_blinds_nobody() {
    let (directory, semaphore) = fresh(1);
    let mut holder = Actor::start(&directory);
    holder.holds(1);
    fs::hard_link(file_in(&directory), directory.path().join("second-name")).expect("it is ours");

    let tried = kind(semaphore.try_acquire_owned());
    let request = semaphore.acquire_owned();
    let mut waiter = Running::start(move || request.wait().map(|permit| permit.count()));
    let queued = || semaphore.state().expect("it can be looked at").waiting_acquirers == 1;
    assert!(eventually(DEADLINE, queued), "it queues");
    holder.kill_and_reap();

    assert_eq!(tried, Some(ErrorKind::NotNow));
    assert_eq!(waiter.outcome(DEADLINE).expect("it is granted").expect("it is granted"), 1);
}
