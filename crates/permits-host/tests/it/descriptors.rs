//! A program may close all of its descriptors at any time, and give their numbers to other files.

use crate::actor::{Actor, Order};
use crate::look::{WHILE, lives, stays_held, waiting};
use crate::place::fresh;
use permits_conformance::wait::always;

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
