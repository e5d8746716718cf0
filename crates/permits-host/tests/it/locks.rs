//! Strangers who lock bytes of the file: they keep nobody alive, and nobody out for long.

use crate::actor::Actor;
use crate::format::{ATTACH_BYTE, SEAT_BYTES};
use crate::look::{DEADLINE, WHILE, seat_in};
use crate::place::{NAME, file_in, fresh};
use crate::sys;
use permits_conformance::wait::Running;
use permits_host::ErrorKind;
use std::fs::File;
use std::time::{Duration, Instant};

#[test]
fn a_readers_shared_lock_keeps_nobody_alive() {
    let (directory, semaphore) = fresh(1);
    let mut holder = Actor::start(&directory);
    holder.holds(1);
    let seat = seat_in(&semaphore.status().expect("it can be read").holders[0].who.id.to_string());
    holder.kill_and_reap();
    let reader = File::open(file_in(&directory)).expect("it can be read");

    sys::share_byte(&reader, SEAT_BYTES + seat);

    assert_eq!(semaphore.try_acquire_owned().expect("its holder is dead").count(), 1);
}

#[test]
fn a_repair_that_is_stopped_holds_up_an_open_for_no_longer_than_its_limit() {
    let (directory, _semaphore) = fresh(1);
    let repair = File::options().read(true).write(true).open(file_in(&directory)).expect("it is there");
    sys::lock_byte(&repair, ATTACH_BYTE);
    let options = directory.options();
    let start = Instant::now();

    let mut opens = Running::start(move || (options.open(NAME, 1).map(drop), start.elapsed()));

    let (outcome, after) = opens.outcome(DEADLINE).expect("it ends");
    let error = outcome.expect_err("the byte is locked");
    assert_eq!(error.kind(), ErrorKind::Exhausted, "{error}");
    assert!(error.to_string().contains("opening or repairing it, and seems to be stopped"), "{error}");
    assert!(after >= Duration::from_secs(10), "it is patient, but gave up after {after:?}");
}

#[test]
fn an_open_goes_on_when_a_repair_does() {
    let (directory, _semaphore) = fresh(1);
    let repair = File::options().read(true).write(true).open(file_in(&directory)).expect("it is there");
    sys::lock_byte(&repair, ATTACH_BYTE);
    let options = directory.options();
    let mut opens = Running::start(move || options.open(NAME, 1).map(drop));
    assert!(opens.outcome(WHILE).is_none(), "it waits");

    drop(repair);

    opens.outcome(DEADLINE).expect("it ends").expect("it is opened");
}

#[test]
fn who_is_stopped_while_it_opens_keeps_nobody_out() {
    let (directory, semaphore) = fresh(1);
    // Ours is the first seat; somebody has locked the next one and has not taken it yet.
    let slow = File::options().read(true).write(true).open(semaphore.path()).expect("it is there");
    sys::lock_byte(&slow, SEAT_BYTES + 1);

    let another = directory.options().open_existing(NAME).expect("there are more seats");

    assert!(another.try_acquire_owned().is_ok());
}
