//! A command keeps the permits of its wrapper, and nobody else's, for as long as either lives (C18).

use crate::actor::{Actor, GO, Order, process};
use crate::format::ROOT_AT;
use crate::handles::open_in_seat;
use crate::look::{DEADLINE, WHILE, kind, lives, seat_in, stays_held, waiter, waiting};
use crate::place::{Directory, NAME, file_in, fresh, overwrite};
use crate::sys;
use permits_conformance::wait::{always, eventually};
use permits_host::{ErrorKind, Options};
use std::fs;
use std::process::{Child, Command};

#[test]
fn a_command_keeps_the_permit_when_its_wrapper_is_killed() {
    let (directory, semaphore) = fresh(1);
    let mut wrapper = Actor::start(&directory);
    let command = wrapper.starts(Order::RunCommand);

    wrapper.kill_and_reap();

    assert!(stays_held(&semaphore));
    assert!(lives(command));
}

#[test]
fn a_command_whose_wrapper_was_killed_is_told_not_to_be_revocable() {
    let (directory, semaphore) = fresh(1);
    let mut wrapper = Actor::start(&directory);
    wrapper.starts(Order::RunCommand);
    let told = || {
        let by_handle = semaphore.status().expect("it can be read").holders.remove(0).who;
        let alone =
            Options::new().directory(directory.path()).read(NAME).expect("it can be read").holders.remove(0).who;
        [by_handle, alone].map(|who| (who.alive, who.revocable))
    };
    assert_eq!(told(), [(true, true); 2]);

    wrapper.kill_and_reap();

    assert_eq!(told(), [(true, false); 2]);
}

#[test]
fn the_end_of_a_command_whose_wrapper_was_killed_gives_back_the_permit() {
    let (directory, semaphore) = fresh(1);
    let mut wrapper = Actor::start(&directory);
    let command = wrapper.starts(Order::RunCommand);
    wrapper.kill_and_reap();

    sys::signal(command, libc::SIGKILL);

    assert!(eventually(DEADLINE, || semaphore.try_acquire_owned().is_ok()));
}

#[test]
fn a_waiter_is_told_of_the_end_of_a_command_whose_wrapper_was_killed() {
    let (directory, semaphore) = fresh(1);
    let mut wrapper = Actor::start(&directory);
    let command = wrapper.starts(Order::RunCommand);
    let mut waiter = waiter(&semaphore, 1);
    wrapper.kill_and_reap();
    assert!(always(WHILE, || waiting(&semaphore) == 1), "the command keeps it");

    sys::signal(command, libc::SIGKILL);

    assert_eq!(waiter.outcome(DEADLINE).expect("it is granted").expect("it is granted").count(), 1);
}

#[test]
fn a_wrapper_keeps_the_permit_when_its_command_has_ended() {
    let (directory, semaphore) = fresh(1);
    let mut wrapper = Actor::start(&directory);
    let command = wrapper.starts(Order::RunCommand);

    sys::signal(command, libc::SIGKILL);
    assert!(eventually(DEADLINE, || !lives(command)), "it ends");

    assert!(stays_held(&semaphore));
}

#[test]
fn a_daemon_that_a_command_leaves_behind_keeps_nothing() {
    let (directory, semaphore) = fresh(1);
    let mut wrapper = Actor::start(&directory);
    let daemon = wrapper.starts_daemon();
    assert!(stays_held(&semaphore), "the wrapper lives");

    wrapper.kill_and_reap();

    assert!(eventually(DEADLINE, || semaphore.try_acquire_owned().is_ok()));
    assert!(lives(daemon));
}

#[test]
fn a_command_whose_wrapper_died_before_it_took_the_lock_is_not_executed() {
    let (directory, semaphore) = fresh(1);
    let mut wrapper = Actor::start(&directory);
    assert_eq!(wrapper.asked(Order::RunCommandLate), "forked");

    wrapper.kill_and_reap();
    fs::write(directory.path().join(GO), "").expect("it can be made");

    assert_eq!(wrapper.hear(), "owner dead");
    assert!(wrapper.is_silent_for_good(), "it would have told that it was executed");
    assert!(semaphore.try_acquire_owned().is_ok());
}

/// A process that is killed and reaped when the test is over.
struct Mortal(Child);

impl Drop for Mortal {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_late_command_does_not_take_the_next_owners_lock_for_its_wrappers() {
    let (directory, semaphore) = fresh(1);
    let mut wrapper = Actor::start(&directory);
    assert_eq!(wrapper.asked(Order::RunCommandLate), "forked");
    let seat = seat_in(&semaphore.status().expect("it can be read").holders[0].who.id.to_string());
    wrapper.kill_and_reap();
    let _permit = semaphore.try_acquire_owned().expect("its permit is free again");
    let next = directory.options().open_existing(NAME).expect("it is there");
    assert_eq!(seat_in(&next.id().to_string()), seat, "the seat has another owner");

    fs::write(directory.path().join(GO), "").expect("it can be made");

    assert_eq!(wrapper.hear(), "owner dead");
    assert!(wrapper.is_silent_for_good(), "it would have told that it was executed");
}

#[test]
fn a_command_that_looks_at_its_own_semaphore_keeps_its_permit() {
    let (directory, semaphore) = fresh(1);
    let mut wrapper = Actor::start(&directory);
    assert_eq!(wrapper.asked(Order::Wrap), "runs");
    wrapper.kill_and_reap();

    let looks = [(); 3].map(|()| wrapper.asked(Order::LookAnew));

    assert_eq!(looks.each_ref().map(String::as_str), ["1 given out, Some(NotNow)"; 3]);
    assert_eq!(kind(semaphore.try_acquire_owned()), Some(ErrorKind::NotNow));
}

#[test]
fn a_command_in_its_wrappers_place_that_looks_at_its_own_semaphore_keeps_its_permit() {
    let (directory, semaphore) = fresh(1);
    let mut wrapper = Actor::start(&directory);
    assert_eq!(wrapper.asked(Order::WrapInPlace), "runs");

    let looks = [(); 3].map(|()| wrapper.asked(Order::LookAnew));

    assert_eq!(looks.each_ref().map(String::as_str), ["1 given out, Some(NotNow)"; 3]);
    assert_eq!(kind(semaphore.try_acquire_owned()), Some(ErrorKind::NotNow));
}

/// A command that goes on when its handle has left, in the first seat of a semaphore of one permit.
fn outliving_command(directory: &Directory) -> Mortal {
    let semaphore = directory.options().open(NAME, 1).expect("a new one can be made");
    let lock = semaphore.command_lock().expect("it can be made");
    let mut command = Command::new("sleep");
    permits_testbed::before_exec(command.arg("1000"), move || lock.take());
    let outliving = Mortal(permits_testbed::start(&mut command));
    drop((command, semaphore));
    drop(open_in_seat(directory, 1, 0));
    outliving
}

#[test]
fn who_has_the_seat_of_a_command_that_outlives_its_handle_can_run_a_command() {
    let directory = Directory::new();
    let _outliving = outliving_command(&directory);
    let mut wrapper = Actor::start(&directory);

    let command = wrapper.starts(Order::RunCommand);

    let semaphore = directory.options().open_existing(NAME).expect("it is there");
    let holder = semaphore.status().expect("it can be read").holders[0].who.id.to_string();
    assert_eq!(seat_in(&holder), 0, "it has the seat of the other");
    wrapper.kill_and_reap();
    assert!(always(WHILE, || kind(semaphore.try_acquire_owned()) == Some(ErrorKind::NotNow)), "its command keeps it");
    assert!(lives(command));
}

#[test]
fn a_command_that_outlives_its_handle_keeps_nothing_of_the_seats_next_owner() {
    let directory = Directory::new();
    let mut outliving = outliving_command(&directory);
    let mut wrapper = Actor::start(&directory);
    let command = wrapper.starts(Order::RunCommand);
    let semaphore = directory.options().open_existing(NAME).expect("it is there");

    wrapper.kill_and_reap();
    sys::signal(command, libc::SIGKILL);

    assert!(eventually(DEADLINE, || semaphore.try_acquire_owned().is_ok()));
    assert!(outliving.0.try_wait().expect("it is a child of ours").is_none(), "the other one lives");
}

#[test]
fn a_command_that_looks_at_its_own_semaphore_keeps_its_permit_beside_one_that_outlives_its_handle() {
    let directory = Directory::new();
    let _outliving = outliving_command(&directory);
    // In the seat that the other one had.
    let mut wrapper = Actor::start(&directory);
    assert_eq!(wrapper.asked(Order::Wrap), "runs");
    wrapper.kill_and_reap();

    let looks = [(); 3].map(|()| wrapper.asked(Order::LookAnew));

    assert_eq!(looks.each_ref().map(String::as_str), ["1 given out, Some(NotNow)"; 3]);
}

#[test]
fn a_command_that_waits_in_its_own_semaphore_keeps_its_permit() {
    let (directory, semaphore) = fresh(1);
    let mut wrapper = Actor::start(&directory);
    assert_eq!(wrapper.asked(Order::Wrap), "runs");
    wrapper.kill_and_reap();

    // Its watch looks once a second, with descriptors of its own.
    wrapper.waits(1, &semaphore);

    assert!(always(5 * WHILE, || kind(semaphore.try_acquire_owned()) == Some(ErrorKind::NotNow)));
    assert_eq!(waiting(&semaphore), 1);
}

#[test]
fn a_command_that_outlives_its_handle_sees_the_death_of_the_seats_next_command() {
    let directory = Directory::new();
    let semaphore = directory.options().open(NAME, 1).expect("a new one can be made");
    let lock = semaphore.command_lock().expect("it can be made");
    let mut command = process(directory.path(), None);
    let mut outliving =
        Actor::spawn(permits_testbed::before_exec(&mut command, move || lock.take())).expect("it can be started");
    drop((command, semaphore));
    drop(open_in_seat(&directory, 1, 0));
    let mut wrapper = Actor::start(&directory);
    let command = wrapper.starts(Order::RunCommand);
    wrapper.kill_and_reap();
    // It finds both locks in the file of the seat, and one is its own.
    assert_eq!(outliving.asked(Order::Try(1)), "NotNow");

    sys::signal(command, libc::SIGKILL);

    assert!(eventually(DEADLINE, || outliving.asked(Order::Try(1)) == "got 1"));
}

#[test]
fn a_file_beyond_repair_is_not_set_aside_beside_a_running_command() {
    let (directory, semaphore) = fresh(1);
    let mut wrapper = Actor::start(&directory);
    let command = wrapper.starts(Order::RunCommand);
    drop(semaphore);
    wrapper.kill_and_reap();
    overwrite(&directory, ROOT_AT, &[0xff; 8]);

    let error = directory.options().repair(NAME).expect_err("it is in use");

    assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
    assert!(error.to_string().contains("in use"), "{error}");
    assert!(file_in(&directory).exists() && lives(command));
}

#[test]
fn the_other_waiter_of_a_killed_wrapper_leaves_the_queue_while_its_command_lives() {
    let (directory, semaphore) = fresh(2);
    let mut wrapper = Actor::start(&directory);
    let command = wrapper.starts(Order::RunCommand);
    wrapper.waits(2, &semaphore);
    wrapper.kill_and_reap();

    let permit = semaphore.acquire_owned().wait_timeout(DEADLINE).expect("one is free");

    assert_eq!((permit.count(), semaphore.given_out().expect("it can be read")), (1, 2));
    assert!(lives(command));
}
