//! Strangers who lock bytes of the file, or meddle with those who sleep on it: they keep nobody alive, and
//! nobody out for long.

use crate::actor::Actor;
use crate::format::{self, ATTACH_BYTE, SEAT_BYTES};
use crate::look::{DEADLINE, WHILE, seat_in, waiter};
use crate::place::{Directory, NAME, file_in, fresh};
use crate::sys;
use permits_conformance::wait::{Running, always, eventually};
use permits_host::{ErrorKind, Level};
use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt;
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

#[test]
fn a_waiter_that_a_reader_has_moved_to_another_word_is_granted() {
    let (directory, semaphore) = fresh(1);
    let permit = semaphore.try_acquire_owned().expect("it is free");
    let mut waits = waiter(&semaphore, 1);
    let reader = File::open(file_in(&directory)).expect("it can be read");
    let words = usize::try_from(reader.metadata().expect("it is there").len() / 8).expect("it is mapped");
    let number = |word| usize::try_from(word).expect("it is mapped");
    let requeue = || sys::requeue(&reader, number(format::waiter(1, format::BELL)), number(format::ROOT), words);

    assert!(eventually(DEADLINE, || requeue() == 1), "it sleeps");
    // At first it sleeps for moments only, and comes back by itself.
    assert!(eventually(DEADLINE, || always(WHILE, || requeue() == 0)), "it sleeps elsewhere");
    drop(permit);

    assert!(waits.outcome(DEADLINE).expect("it looks by itself").is_ok());
}

#[test]
fn a_revoked_handle_that_a_reader_has_moved_to_another_word_is_told() {
    let (directory, semaphore) = fresh(1);
    let reader = File::open(file_in(&directory)).expect("it can be read");
    let words = usize::try_from(reader.metadata().expect("it is there").len() / 8).expect("it is mapped");
    let number = |word| usize::try_from(word).expect("it is mapped");
    let requeue = || sys::requeue(&reader, number(format::seat(0, format::BELL)), number(format::ROOT), words);
    let mut waits = Running::start({
        let semaphore = semaphore.clone();
        move || semaphore.wait_revoked(DEADLINE * 10)
    });

    assert!(eventually(DEADLINE, || requeue() == 1), "it sleeps");
    semaphore.revoke(semaphore.id()).expect("it takes part");

    assert!(waits.outcome(DEADLINE).expect("it looks by itself"));
}

#[test]
fn a_mode_that_lets_others_read_alone_is_refused() {
    let directory = Directory::new();
    for mode in [0o644, 0o640, 0o604, 0o664, 0o646, 0o444] {
        let error = directory.options().mode(mode).open(NAME, 1).expect_err("it is refused");

        assert_eq!(error.kind(), ErrorKind::Insecure, "{error}");
        let said = error.to_string();
        assert!(said.contains(&format!("mode `{mode:03o}`")) && said.contains("`600`, `660` or `666`"), "{said}");
        assert!(!file_in(&directory).exists(), "nothing is made");
    }
    for mode in [0, 0o400, 0o777, 0o7777, 0o1660] {
        let error = directory.options().mode(mode).open("none", 1).expect_err("it is no mode of such a file");
        assert_eq!(error.kind(), ErrorKind::Insecure, "{error}");
        assert!(error.to_string().contains(&format!("`{mode:03o}` cannot be used")), "{error}");
    }
    for mode in [0o600, 0o660, 0o666, 0o606, 0o620] {
        directory.options().mode(mode).open(&format!("{mode:o}"), 1).expect("it is made");
    }
}

#[test]
fn a_mode_that_lets_others_read_alone_is_warned_of() {
    let (directory, semaphore) = fresh(1);
    let findings = || {
        let all = directory.options().examine();
        all.into_iter().filter(|found| found.about.starts_with("semaphore")).collect::<Vec<_>>()
    };
    let good = findings();
    assert_eq!(
        good.iter().map(|found| (found.level, found.text.as_str())).collect::<Vec<_>>(),
        [(Level::Good, "`1` is sound")]
    );

    std::fs::set_permissions(semaphore.path(), Permissions::from_mode(0o644)).expect("it is ours");

    let findings = findings();
    assert_eq!(findings.iter().map(|found| found.level).collect::<Vec<_>>(), [Level::Warning]);
    assert!(findings[0].text.contains("its mode is `644`"), "{}", findings[0].text);
}
