//! `last_used` says when a semaphore was used, and looking at it is no use.

use crate::actor::{Actor, Order};
use crate::boot::reboot;
use crate::format::{USED, USED_BEFORE, seat};
use crate::look::{DEADLINE, waiting};
use crate::place::{Directory, NAME, fresh, overwrite};
use permits_conformance::wait::{Polled, eventually};
use permits_host::{HostSemaphore, Supersede};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The clock that times are written down by ticks up to this often.
const TICK: Duration = Duration::from_millis(50);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Seats that a new file has backing for.
const SEATS: u64 = 32;

/// Writes down that it was last used so long ago; when that was.
fn age(directory: &Directory, age: Duration) -> SystemTime {
    write_all(directory, SystemTime::now() - age)
}

fn write_all(directory: &Directory, time: SystemTime) -> SystemTime {
    let nanoseconds = time.duration_since(UNIX_EPOCH).expect("it is after 1970").as_nanos() as u64;
    for word in (0..SEATS).map(|number| seat(number, USED)).chain([USED_BEFORE]) {
        overwrite(directory, 8 * word, &nanoseconds.to_ne_bytes());
    }
    UNIX_EPOCH + Duration::from_nanos(nanoseconds)
}

/// As one tells who does not take part.
fn last_used(directory: &Directory) -> SystemTime {
    let status = directory.options().read(NAME).expect("it can be read");
    status.file.expect("it has a file").last_used
}

#[track_caller]
fn assert_now(told: SystemTime) {
    let now = SystemTime::now();
    assert!((now - DAY..=now + TICK).contains(&told), "{told:?} is not today");
}

#[test]
fn one_that_was_never_used_was_last_used_when_it_was_created() {
    let before = SystemTime::now() - TICK;
    let (directory, semaphore) = fresh(1);

    for status in [semaphore.status(), directory.options().read(NAME)] {
        let file = status.expect("it can be read").file.expect("it has a file");
        assert!((before..=file.created + TICK).contains(&file.last_used), "{file:?}");
    }
}

/// What is done with a semaphore that has one permit.
type Act = fn(&HostSemaphore);

#[test]
fn the_end_of_each_use_is_written_down() {
    let (directory, semaphore) = fresh(1);
    let aged = || age(&directory, 40 * DAY);
    let ended = || assert_now(last_used(&directory));

    let permit = semaphore.try_acquire_owned().expect("it is free");
    aged();
    drop(permit);
    ended();

    // Not in the plainest way, as one waits for it.
    let permit = semaphore.try_acquire_owned().expect("it is free");
    let mut task = Polled::new(semaphore.acquire_owned());
    assert!(task.poll().is_pending());
    drop(permit);
    let granted = task.outcome(DEADLINE).expect("it is granted").expect("it is granted");
    aged();
    drop(granted);
    ended();

    semaphore.try_acquire().expect("it is free").forget();
    aged();
    semaphore.try_release().expect("it is loose");
    ended();

    let mut task = Polled::new(semaphore.release_owned());
    assert!(task.poll().is_pending());
    aged();
    drop(task);
    ended();
}

#[test]
fn what_a_leaked_guard_held_is_used_until_its_handle_goes() {
    let (directory, _semaphore) = fresh(1);
    let other = directory.options().open_existing(NAME).expect("it is there");
    std::mem::forget(other.try_acquire().expect("it is free"));
    age(&directory, 40 * DAY);

    drop(other);

    assert_now(last_used(&directory));
}

#[test]
fn what_is_no_use_is_not_written_down() {
    let others: [(&str, Act); 7] = [
        ("reads", |semaphore| assert!(semaphore.state().is_ok() && semaphore.status().is_ok())),
        ("resizes", |semaphore| semaphore.set_max_permits(7).expect("it is sound")),
        ("closes", |semaphore| semaphore.close().expect("it is sound")),
        ("waits until it is idle", |semaphore| assert!(semaphore.wait_idle(None).is_ok())),
        ("asks in vain", |semaphore| assert!(semaphore.try_acquire_many(2).is_err())),
        ("releases in vain", |semaphore| assert!(semaphore.try_release().is_err())),
        ("supersedes", |semaphore| assert!(semaphore.supersede("k", Supersede::WaitersAndHolders).is_ok())),
    ];
    for (what, act) in others {
        let (directory, semaphore) = fresh(1);
        let then = age(&directory, 40 * DAY);

        act(&semaphore);
        drop(semaphore);
        drop(directory.options().open_existing(NAME).expect("it is there"));

        assert_eq!(last_used(&directory), then, "one that {what}");
    }
}

#[test]
fn it_stays_when_the_handle_has_gone_and_its_seat_is_taken_anew() {
    let (directory, semaphore) = fresh(1);
    drop(semaphore.try_acquire().expect("it is free"));
    let then = last_used(&directory);
    drop(semaphore);

    let handles: Vec<HostSemaphore> =
        (0..3).map(|_| directory.options().open_existing(NAME).expect("it is there")).collect();

    assert_eq!(last_used(&directory), then);
    drop(handles);
    assert_eq!(last_used(&directory), then);
}

#[test]
fn while_it_is_in_use_it_is_used_now() {
    let (directory, semaphore) = fresh(1);
    let permit = semaphore.try_acquire().expect("it is free");
    age(&directory, 40 * DAY);
    assert_now(last_used(&directory));

    permit.forget();
    age(&directory, 40 * DAY);
    assert_now(last_used(&directory));

    semaphore.try_release().expect("it is loose");
    let mut task = Polled::new(semaphore.release_owned());
    assert!(task.poll().is_pending());
    age(&directory, 40 * DAY);
    assert_now(last_used(&directory));
}

#[test]
fn what_the_dead_held_or_waited_for_was_used_until_that_was_noticed() {
    let (directory, semaphore) = fresh(1);
    let mut holder = Actor::start(&directory);
    holder.holds(1);
    holder.kill_and_reap();
    age(&directory, 40 * DAY);
    assert_eq!(semaphore.state().expect("it is sound").given_out, 0);
    assert_now(last_used(&directory));

    let mut waiter = Actor::start(&directory);
    waiter.told(Order::Release(1));
    assert!(eventually(DEADLINE, || waiting(&semaphore) == 1), "it queues");
    waiter.kill_and_reap();
    age(&directory, 40 * DAY);
    assert_eq!(semaphore.state().expect("it is sound").waiting_releasers, 0);
    assert_now(last_used(&directory));
}

#[test]
fn one_that_dies_and_held_nothing_has_not_used_it() {
    let (directory, _semaphore) = fresh(1);
    let mut idle = Actor::start(&directory);
    assert_eq!(idle.asked(Order::Try(2)), "TooMany");
    idle.kill_and_reap();
    let then = age(&directory, 40 * DAY);

    // All seats that there is room for, that of the dead included.
    let handles: Vec<HostSemaphore> =
        (0..SEATS).map(|_| directory.options().open_existing(NAME).expect("it is there")).collect();

    assert_eq!(last_used(&directory), then);
    drop(handles);
}

#[test]
fn a_time_in_the_future_is_now() {
    let (directory, semaphore) = fresh(1);
    write_all(&directory, SystemTime::now() + 40 * DAY);
    assert_now(last_used(&directory));
    for word in (0..SEATS).map(|number| seat(number, USED)).chain([USED_BEFORE]) {
        overwrite(&directory, 8 * word, &[0xff; 8]);
    }

    assert_now(last_used(&directory));
    assert_now(semaphore.status().expect("it can be read").file.expect("it has a file").last_used);
}

#[test]
fn it_outlasts_a_reboot() {
    let (directory, semaphore) = fresh(1);
    drop(semaphore);
    let then = age(&directory, 40 * DAY);
    reboot(&directory);

    let semaphore = directory.options().open_existing(NAME).expect("it is made anew");

    let file = semaphore.status().expect("it can be read").file.expect("it has a file");
    assert_eq!(file.last_used, then);
    assert_now(file.created);
}

#[test]
fn what_was_in_use_at_a_reboot_is_used_when_it_is_made_anew() {
    let (directory, semaphore) = fresh(1);
    semaphore.try_acquire().expect("it is free").forget();
    drop(semaphore);
    age(&directory, 40 * DAY);
    reboot(&directory);

    drop(directory.options().open_existing(NAME).expect("it is made anew"));

    assert_now(last_used(&directory));
}
