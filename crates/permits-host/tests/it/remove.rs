//! Removing a semaphore: refused while it is in use, told to all who had it open, and safe against who comes.

use crate::actor::{Actor, Order};
use crate::look::{DEADLINE, kind, waiter};
use crate::place::{Directory, NAME, file_in, fresh};
use permits_conformance::wait::{Polled, Running, eventually};
use permits_host::{ErrorKind, HostSemaphore, Operation, Removal, Retry};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Instant;

fn is_empty(directory: &Directory) -> bool {
    fs::read_dir(directory.path()).expect("it is ours").count() == 0
}

/// Why an idle one is not removed, in words.
fn refusal(semaphore: &HostSemaphore) -> String {
    let error = semaphore.remove(Removal::IfIdle).expect_err("it is in use");
    let facts = (error.kind(), error.retry(), error.operation(), error.semaphore());
    assert_eq!(facts, (ErrorKind::InUse, Retry::May, Some(Operation::Remove), Some(NAME)), "{error}");
    error.to_string()
}

#[test]
fn an_idle_one_is_removed_and_its_handles_are_told() {
    let (directory, semaphore) = fresh(3);
    let mut other = Actor::start(&directory);
    other.holds(1);
    other.asked(Order::Drop);

    let state = semaphore.remove(Removal::IfIdle).expect("it is idle");

    assert_eq!((state.max_permits, state.given_out), (3, 0));
    assert!(is_empty(&directory));
    assert_eq!(kind(semaphore.try_acquire_owned()), Some(ErrorKind::Gone));
    assert_eq!(kind(semaphore.acquire_owned().wait()), Some(ErrorKind::Gone));
    assert_eq!(kind(semaphore.state()), Some(ErrorKind::Gone));
    assert_eq!(kind(semaphore.set_max_permits(2)), Some(ErrorKind::Gone));
    assert_eq!(kind(semaphore.close()), Some(ErrorKind::Gone));
    assert_eq!(kind(semaphore.remove(Removal::Force)), Some(ErrorKind::Gone));
    assert_eq!(other.asked(Order::Try(1)), "Gone");
}

#[test]
fn by_its_name_one_is_removed_and_the_next_is_new() {
    let (directory, semaphore) = fresh(3);
    drop(semaphore);

    directory.options().remove(NAME, Removal::IfIdle).expect("it is idle");

    assert_eq!(kind(directory.options().remove(NAME, Removal::Force)), Some(ErrorKind::NotFound));
    assert_eq!(kind(directory.options().open_existing(NAME)), Some(ErrorKind::NotFound));
    let next = directory.options().open(NAME, 5).expect("there is none of that name");
    assert_eq!(next.try_acquire_many_owned(5).map(|permit| permit.count()).ok(), Some(5));
}

#[test]
fn one_in_use_is_not_removed() {
    let (_directory, semaphore) = fresh(3);
    let loose = semaphore.try_acquire_owned().expect("it is free");
    loose.forget();
    let loose_alone = refusal(&semaphore);
    let held = semaphore.try_acquire_many_owned(2).expect("they are free");
    let mut waiter = waiter(&semaphore, 1);
    let all = refusal(&semaphore);

    drop(held);

    assert!(loose_alone.ends_with("it is in use: `1` loose"), "{loose_alone}");
    assert!(all.ends_with("it is in use: `2` held, `1` loose, `1` waiting to acquire"), "{all}");
    // It has been granted, and nothing has happened to it.
    let granted = waiter.outcome(DEADLINE).expect("it is granted").expect("it is granted");
    let release = semaphore.release_many_owned(2);
    let mut task = Polled::new(release);
    assert!(task.poll().is_pending());
    let with_releaser = refusal(&semaphore);
    assert!(with_releaser.ends_with("`1` held, `1` loose, `1` waiting to release"), "{with_releaser}");
    drop((granted, task));
    semaphore.release_owned().wait_timeout(DEADLINE).expect("it is loose");
    semaphore.remove(Removal::IfIdle).expect("it is idle again");
}

#[test]
fn what_the_dead_held_does_not_count() {
    let (directory, semaphore) = fresh(2);
    let mut holder = Actor::start(&directory);
    holder.holds(2);
    let mut waiter = Actor::start(&directory);
    waiter.waits(1, &semaphore);
    let alive = refusal(&semaphore);

    holder.kill_and_reap();
    waiter.kill_and_reap();

    assert!(alive.ends_with("`2` held, `1` waiting to acquire"), "{alive}");
    semaphore.remove(Removal::IfIdle).expect("nobody uses it who lives");
}

#[test]
fn a_command_that_outlives_its_wrapper_counts_and_its_file_goes_with_the_semaphore() {
    let (directory, semaphore) = fresh(1);
    let mut wrapper = Actor::start(&directory);
    let command = wrapper.starts(Order::RunCommand);
    wrapper.kill_and_reap();
    let alive = refusal(&semaphore);

    crate::sys::signal(command, libc::SIGKILL);
    assert!(eventually(DEADLINE, || !crate::look::lives(command)), "it ends");

    assert!(alive.ends_with("`1` held"), "{alive}");
    semaphore.remove(Removal::IfIdle).expect("nobody uses it who lives");
    assert!(is_empty(&directory));
}

#[test]
fn by_force_all_who_wait_are_told_and_what_is_held_hinders_nobody() {
    let (directory, semaphore) = fresh(3);
    let permit = semaphore.try_acquire_many_owned(2).expect("they are free");
    semaphore.try_acquire_owned().expect("it is free").forget();
    let mut thread = waiter(&semaphore, 1);
    let mut actor = Actor::start(&directory);
    actor.awaits(1, &semaphore);

    let state = directory.options().remove(NAME, Removal::Force).expect("it is ours");

    assert_eq!((state.given_out, state.loose, state.waiting_acquirers), (3, 1, 2));
    assert_eq!(kind(thread.outcome(DEADLINE).expect("it is told")), Some(ErrorKind::Gone));
    assert_eq!(actor.hear(), "Gone");
    let next = directory.options().open(NAME, 3).expect("there is none of that name");
    let all = next.try_acquire_many_owned(3).expect("all are free");
    // What goes back there does not come here.
    drop(permit);
    assert_eq!(next.given_out().ok(), Some(3));
    drop(all);
}

#[test]
fn whoever_opens_while_it_is_removed_gets_the_one_before_or_the_next() {
    const MAX: u32 = 1;
    const RACERS: usize = 3;
    const REMOVALS: u32 = 100;
    let directory = Directory::new();
    let (held, over) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
    let race = |_| {
        let (options, held, over) = (directory.options(), Arc::clone(&held), Arc::clone(&over));
        Running::start(move || {
            let mut most = 0;
            while !over.load(Ordering::SeqCst) {
                let semaphore = options.clone().open(NAME, MAX).expect("it is there or is made");
                match semaphore.acquire_owned().wait() {
                    Ok(permit) => {
                        most = most.max(held.fetch_add(1, Ordering::SeqCst) + 1);
                        std::thread::yield_now();
                        held.fetch_sub(1, Ordering::SeqCst);
                        drop(permit);
                    }
                    Err(error) => assert_eq!(error.kind(), ErrorKind::Gone, "{error}"),
                }
            }
            most
        })
    };

    let mut racers: Vec<Running<u32>> = (0..RACERS).map(race).collect();
    let (mut removed, mut refused) = (0, 0);
    let start = Instant::now();
    while removed < REMOVALS && start.elapsed() < 4 * DEADLINE {
        match directory.options().remove(NAME, Removal::IfIdle).map_err(|error| error.kind()) {
            Ok(_) => removed += 1,
            Err(ErrorKind::InUse) => refused += 1,
            Err(kind) => assert_eq!(kind, ErrorKind::NotFound),
        }
    }
    over.store(true, Ordering::SeqCst);

    for racer in &mut racers {
        let most = racer.outcome(DEADLINE).expect("nobody hangs");
        assert!(most <= MAX, "`{most}` held permits of one name");
    }
    assert!(removed == REMOVALS, "`{removed}` times removed, `{refused}` times refused");
}

#[test]
fn two_who_remove_the_same_remove_it_once() {
    for _ in 0..100 {
        let (directory, semaphore) = fresh(1);
        drop(semaphore);
        let remove = |_| {
            let options = directory.options();
            Running::start(move || options.remove(NAME, Removal::IfIdle).map_err(|error| error.kind()).err())
        };

        let mut both = [0, 1].map(remove);

        let mut outcomes = both.each_mut().map(|one| one.outcome(DEADLINE).expect("nobody hangs"));
        outcomes.sort_by_key(Option::is_some);
        assert_eq!(outcomes, [None, Some(ErrorKind::NotFound)]);
    }
}

#[test]
fn in_a_directory_of_all_only_its_owner_removes_it_and_a_refusal_has_done_nothing() {
    if !permits_testbed::root() {
        return;
    }
    let directory = Directory::new();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o1777)).expect("it is ours");
    let semaphore = directory.options().mode(0o666).open(NAME, 1).expect("a new one can be made");
    let permit = semaphore.try_acquire_owned().expect("it is free");
    let mut waiter = waiter(&semaphore, 1);

    let answer = Actor::of_nobody(directory.path()).asked(Order::RemoveByForce);

    assert_eq!(answer, "Denied");
    drop(permit);
    assert_eq!(waiter.outcome(DEADLINE).expect("it is granted").map(|permit| permit.count()).ok(), Some(1));
    fs::remove_file(file_in(&directory)).expect("it is ours");
    drop(semaphore);
    let mut owner = Actor::of_nobody(directory.path());
    assert_eq!(owner.asked(Order::Open(1)), "open");
    assert_eq!(owner.asked(Order::RemoveByForce), "removed");
    assert!(is_empty(&directory));
}
