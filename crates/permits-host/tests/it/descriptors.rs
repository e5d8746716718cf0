//! A program may close all of its descriptors at any time, and give their numbers to other files.

use crate::actor::{Actor, Order};
use crate::look::{DEADLINE, WHILE, lives, stays_held, waiting, watches};
use crate::place::{Directory, fresh};
use nix::sys::resource::{Resource, setrlimit};
use permits_conformance::wait::{always, eventually};
use permits_host::HostSemaphore;
use std::fs;

#[test]
fn who_closes_all_descriptors_holds_still() {
    let (directory, semaphore) = fresh(1);
    let mut holder = Actor::start(&directory);
    holder.holds(1);

    assert_eq!(holder.asked(Order::CloseDescriptors), "closed");

    assert!(stays_held(&semaphore));
}

#[test]
fn who_closes_all_descriptors_can_return_its_permit() {
    let (directory, semaphore) = fresh(1);
    let mut holder = Actor::start(&directory);
    holder.holds(1);
    assert_eq!(holder.asked(Order::CloseDescriptors), "closed");

    assert_eq!(holder.asked(Order::Drop), "dropped");

    assert!(semaphore.try_acquire_owned().is_ok());
}

#[test]
fn who_closes_all_descriptors_can_wait() {
    let (directory, semaphore) = fresh(1);
    let permit = semaphore.try_acquire_owned().expect("it is free");
    let mut actor = Actor::start(&directory);
    // So that it has looked for the locks of others before, by a descriptor that is closed then.
    assert_eq!(actor.asked(Order::Look), "1 given out, 0 loose");
    assert_eq!(actor.asked(Order::CloseDescriptors), "closed");
    actor.waits(1, &semaphore);
    assert!(always(WHILE, || waiting(&semaphore) == 1), "it watches");

    drop(permit);

    assert_eq!(actor.hear(), "got 1");
}

#[test]
fn who_closes_all_descriptors_while_it_waits_notices_a_death() {
    let (directory, semaphore) = fresh(1);
    let mut holder = Actor::start(&directory);
    holder.holds(1);
    let mut actor = Actor::start(&directory);
    actor.waits(1, &semaphore);
    assert!(always(WHILE, || waiting(&semaphore) == 1), "it watches");
    assert_eq!(actor.asked(Order::CloseDescriptors), "closed");

    holder.kill();

    assert_eq!(actor.hear(), "got 1");
}

#[test]
fn a_descriptors_number_that_another_file_has_now_makes_nobody_dead() {
    let (directory, semaphore) = fresh(2);
    let _permit = semaphore.try_acquire_owned().expect("it is free");
    let mut holder = Actor::start(&directory);
    holder.holds(1);
    assert_eq!(holder.asked(Order::Look), "2 given out, 0 loose");

    assert_eq!(holder.asked(Order::CloseAndReuseDescriptors), "reused");

    assert_eq!(holder.asked(Order::Try(1)), "NotNow", "it sees us alive");
    assert_eq!(holder.asked(Order::Look), "2 given out, 0 loose");
    assert!(stays_held(&semaphore), "and we see it alive");
}

#[test]
fn who_waits_while_its_descriptors_numbers_go_to_other_files_notices_a_death() {
    let (directory, semaphore) = fresh(1);
    let mut holder = Actor::start(&directory);
    holder.holds(1);
    let mut actor = Actor::start(&directory);
    actor.waits(1, &semaphore);
    assert!(always(WHILE, || waiting(&semaphore) == 1), "it watches");
    assert_eq!(actor.asked(Order::CloseAndReuseDescriptors), "reused");

    holder.kill();

    assert_eq!(actor.hear(), "got 1");
}

#[test]
fn who_closes_all_descriptors_while_it_waits_lives_on() {
    let (directory, semaphore) = fresh(1);
    let permit = semaphore.try_acquire_owned().expect("it is free");
    let mut actor = Actor::start(&directory);
    actor.waits(1, &semaphore);
    assert!(always(WHILE, || waiting(&semaphore) == 1), "it watches");
    assert_eq!(actor.asked(Order::CloseDescriptors), "closed");

    drop(permit);

    assert_eq!(actor.hear(), "got 1");
    assert!(always(2 * WHILE, || lives(actor.pid())), "also when it watches no more");
    assert_eq!(semaphore.given_out().ok(), Some(1));
}

#[test]
fn who_waits_touches_no_descriptor_that_has_become_anothers() {
    let (directory, semaphore) = fresh(1);
    let permit = semaphore.try_acquire_owned().expect("it is free");
    let mut actor = Actor::start(&directory);
    actor.waits(1, &semaphore);
    assert!(always(WHILE, || waiting(&semaphore) == 1), "it watches");
    assert_eq!(actor.asked(Order::CloseAndReuseDescriptors), "reused");

    drop(permit);

    assert_eq!(actor.hear(), "got 1");
    assert!(always(2 * WHILE, || lives(actor.pid())), "also when it watches no more");
    assert_eq!(actor.asked(Order::LookAtReusedDescriptors), "0 touched");
}

#[test]
fn a_watch_that_starts_anew_touches_no_descriptor_that_has_become_anothers() {
    let (directory, semaphore) = fresh(1);
    let _permit = semaphore.try_acquire_owned().expect("it is free");
    let mut actor = Actor::start(&directory);
    actor.asked(Order::WaitBriefly(1));
    assert!(eventually(DEADLINE, || watches(actor.pid()) == 0), "it watches no more");
    assert_eq!(actor.asked(Order::CloseAndReuseDescriptors), "reused");

    actor.asked(Order::WaitBriefly(1));
    actor.waits(1, &semaphore);
    assert!(eventually(DEADLINE, || watches(actor.pid()) == 1), "it watches");

    assert_eq!(actor.asked(Order::LookAtReusedDescriptors), "0 touched");
}

/// A process that has closed its descriptors, and does not find the file by its name; the only permit is held
/// by one that is killed then.
fn with_a_blind_process(waits: impl FnOnce(&mut Actor, &HostSemaphore)) {
    if !permits_testbed::mounts() {
        return;
    }
    let (directory, semaphore) = fresh(1);
    fs::create_dir(directory.path().join("root")).expect("it is ours");
    let mut holder = Actor::start(&directory);
    holder.holds(1);
    // Who may have another root.
    let mut actor = Actor::start_in(directory.path(), || Ok(()));
    assert_eq!(actor.asked(Order::GoBlind), "blind");
    assert_eq!(actor.asked(Order::Try(1)), "System", "the file is there, and was not replaced");

    waits(&mut actor, &semaphore);
    holder.kill_and_reap();

    assert_eq!(actor.hear(), "System");
    assert_eq!(waiting(&semaphore), 0);
}

#[test]
fn a_thread_that_nobody_can_look_after_does_not_wait_for_ever() {
    with_a_blind_process(|actor, semaphore| actor.waits(1, semaphore));
}

#[test]
fn a_task_that_nobody_can_look_after_does_not_wait_for_ever() {
    with_a_blind_process(|actor, semaphore| actor.awaits(1, semaphore));
}

/// The thread panics that looks after those who wait.
fn with_a_watch_that_panics(waits: impl Fn(&mut Actor, &HostSemaphore)) {
    let (directory, semaphore) = fresh(1);
    let mut holder = Actor::start(&directory);
    holder.holds(1);
    let mut actor = Actor::start(&directory);
    waits(&mut actor, &semaphore);
    assert!(eventually(DEADLINE, || watches(actor.pid()) == 1), "it watches");
    assert_eq!(actor.asked(Order::PanicAtADeath), "armed");
    let before = fs::read(semaphore.path()).expect("it is there");

    holder.kill_and_reap();

    assert_eq!(actor.hear(), "System");
    assert!(eventually(DEADLINE, || watches(actor.pid()) == 0), "the watch is gone");
    let header = 0..512;
    let after = fs::read(semaphore.path()).expect("it is there");
    assert_eq!(before[header.clone()], after[header], "what the panic says is not written into the file");
    // And the next wait is looked after.
    let mut holder = Actor::start(&directory);
    holder.holds(1);
    waits(&mut actor, &semaphore);
    assert!(always(WHILE, || waiting(&semaphore) == 1), "it waits");
    holder.kill_and_reap();
    assert_eq!(actor.hear(), "got 1");
}

#[test]
fn a_panic_of_the_watch_ends_the_wait_of_a_thread() {
    with_a_watch_that_panics(|actor, semaphore| actor.waits(1, semaphore));
}

#[test]
fn a_panic_of_the_watch_ends_the_wait_of_a_task() {
    with_a_watch_that_panics(|actor, semaphore| actor.awaits(1, semaphore));
}

#[test]
fn an_error_for_want_of_descriptors_says_so() {
    let directory = Directory::new();
    let limit = || Ok(setrlimit(Resource::RLIMIT_NOFILE, 4, 4)?);

    let answer = Actor::start_after(directory.path(), limit).asked(Order::Open(1));

    assert!(answer.starts_with("Exhausted: ") && answer.contains("`ulimit -n`"), "{answer}");
}
