//! What befalls a process, and a file, on a host that others use as well.

use crate::actor::{Actor, DEADLINE, GO, NAME, lives, waiting};
use crate::place::Directory;
use crate::sys;
use permits_conformance::wait::{Running, always, eventually};
use permits_host::{Error, ErrorKind, HostSemaphore, OwnedPermit};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

/// For how long something is looked at that must not happen.
const WHILE: Duration = Duration::from_millis(300);
/// How soon a death in another PID namespace has to be noticed.
const BOUND: Duration = Duration::from_millis(250);
/// Where the header of a file has its version: see `layout.rs`.
const FORMAT_AT: u64 = 8;
/// Where it has the boot that it belongs to, 16 bytes.
const BOOT_AT: u64 = 16;
/// The byte that the owner of the first seat has locked: see `files.rs`.
const SEAT_BYTES: i64 = 1 << 41;

fn fresh(max: u32) -> (Directory, HostSemaphore) {
    let directory = Directory::new();
    let semaphore = directory.options().open(NAME, max).expect("a new one can be made");
    (directory, semaphore)
}

fn kind<T>(outcome: Result<T, Error>) -> Option<ErrorKind> {
    outcome.err().map(|error| error.kind())
}

/// A thread of this process that waits for one.
fn waiter(semaphore: &HostSemaphore) -> Running<Result<OwnedPermit, Error>> {
    let before = waiting(semaphore);
    let request = semaphore.acquire_owned();
    let running = Running::start(move || request.wait());
    assert!(eventually(DEADLINE, || waiting(semaphore) == before + 1), "it queues");
    running
}

fn stays_held(semaphore: &HostSemaphore) -> bool {
    always(WHILE, || kind(semaphore.try_acquire_owned()) == Some(ErrorKind::NotNow))
}

// Descriptors.

#[test]
fn who_closes_all_descriptors_holds_still() {
    let (directory, semaphore) = fresh(1);
    let mut holder = Actor::start(&directory);
    holder.holds(1);

    assert_eq!(holder.asked("close-descriptors"), "closed");

    assert!(stays_held(&semaphore));
}

#[test]
fn who_closes_all_descriptors_can_return_its_permit() {
    let (directory, semaphore) = fresh(1);
    let mut holder = Actor::start(&directory);
    holder.holds(1);
    assert_eq!(holder.asked("close-descriptors"), "closed");

    assert_eq!(holder.asked("drop"), "dropped");

    assert!(semaphore.try_acquire_owned().is_ok());
}

#[test]
fn who_closes_all_descriptors_can_wait() {
    let (directory, semaphore) = fresh(1);
    let permit = semaphore.try_acquire_owned().expect("it is free");
    let mut actor = Actor::start(&directory);
    // So that it has looked for the locks of others before, by a descriptor that is closed then.
    assert_eq!(actor.asked("look"), "1 given out, 0 loose");
    assert_eq!(actor.asked("close-descriptors"), "closed");
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
    assert_eq!(actor.asked("close-descriptors"), "closed");

    holder.kill();

    assert_eq!(actor.hear(), "got 1");
}

#[test]
fn a_descriptors_number_that_another_file_has_now_makes_nobody_dead() {
    let (directory, semaphore) = fresh(2);
    let _permit = semaphore.try_acquire_owned().expect("it is free");
    let mut holder = Actor::start(&directory);
    holder.holds(1);
    assert_eq!(holder.asked("look"), "2 given out, 0 loose");

    assert_eq!(holder.asked("close-and-reuse-descriptors"), "reused");

    assert_eq!(holder.asked("try 1"), "NotNow", "it sees us alive");
    assert_eq!(holder.asked("look"), "2 given out, 0 loose");
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
    assert_eq!(actor.asked("close-and-reuse-descriptors"), "reused");

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
    assert_eq!(actor.asked("close-descriptors"), "closed");

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
    assert_eq!(actor.asked("close-and-reuse-descriptors"), "reused");

    drop(permit);

    assert_eq!(actor.hear(), "got 1");
    assert!(always(2 * WHILE, || lives(actor.pid())), "also when it watches no more");
    assert_eq!(actor.asked("look-at-reused-descriptors"), "0 touched");
}

// Process ids.

/// An actor that goes on as the first process of a PID namespace of its own, where its process id is 1; and its id here.
fn in_another_namespace(directory: &Directory) -> (Actor, u32) {
    let mut actor = Actor::start(directory);
    let pid = actor.forks_into_a_namespace();
    (actor, pid)
}

#[test]
fn a_holder_in_another_pid_namespace_is_alive() {
    let (directory, semaphore) = fresh(1);
    let (mut holder, _) = in_another_namespace(&directory);

    holder.holds(1);

    assert!(stays_held(&semaphore));
}

#[test]
fn the_status_shows_a_foreign_pid_namespace() {
    let (directory, semaphore) = fresh(1);
    let (mut holder, pid) = in_another_namespace(&directory);

    holder.holds(1);

    let status = semaphore.status().expect("it is sound");
    let who = &status.holders[0].who;
    let theirs = fs::read_link(format!("/proc/{pid}/ns/pid")).expect("it lives");
    let number = who.foreign_pid_namespace.expect("it is not ours");
    assert_eq!((who.pid, who.alive), (1, true));
    assert_eq!(theirs.to_string_lossy(), format!("pid:[{number}]"));
}

#[test]
fn a_child_forked_into_another_pid_namespace_tells_the_right_one() {
    let (directory, semaphore) = fresh(2);
    let mut holder = Actor::start(&directory);
    // It knows its namespace before it is forked into another one.
    holder.holds(1);
    holder.forks_into_a_namespace();

    holder.holds(1);

    let status = semaphore.status().expect("it is sound");
    let child = status.holders.iter().find(|holder| holder.who.pid == 1).expect("it is the first of its namespace");
    assert!(child.who.foreign_pid_namespace.is_some());
}

#[test]
fn a_death_in_another_pid_namespace_is_noticed_within_250_ms() {
    let mut took = Duration::MAX;
    // Once more, as the machine may have had no processor for us.
    for _ in 0..2 {
        let (directory, semaphore) = fresh(1);
        let (mut holder, pid) = in_another_namespace(&directory);
        holder.holds(1);
        let request = semaphore.acquire_owned();
        let mut waiter = Running::start(move || (request.wait(), Instant::now()));
        assert!(eventually(DEADLINE, || waiting(&semaphore) == 1), "it queues");

        let killed = Instant::now();
        sys::signal(pid, libc::SIGKILL);
        let (outcome, then) = waiter.outcome(DEADLINE).expect("it is granted");

        assert_eq!(outcome.expect("it is granted").count(), 1);
        took = then - killed;
        if took <= BOUND {
            return;
        }
    }
    panic!("it took {took:?}");
}

#[test]
fn a_dead_waiter_in_another_pid_namespace_is_passed_over_within_a_second() {
    let mut took = Duration::MAX;
    // Once more, as the machine may have had no processor for us.
    for _ in 0..2 {
        let (directory, semaphore) = fresh(2);
        let _permit = semaphore.try_acquire_owned().expect("it is free");
        let (mut large, pid) = in_another_namespace(&directory);
        large.waits(2, &semaphore);
        let mut behind = waiter(&semaphore);
        assert!(always(WHILE, || waiting(&semaphore) == 2), "it stands behind");

        let killed = Instant::now();
        sys::signal(pid, libc::SIGKILL);

        assert_eq!(behind.outcome(DEADLINE).expect("it is granted").expect("it is granted").count(), 1);
        took = killed.elapsed();
        if took <= Duration::from_secs(1) {
            return;
        }
    }
    panic!("it took {took:?}");
}

#[test]
fn a_process_id_that_another_process_has_now_keeps_no_permit() {
    let (directory, _semaphore) = fresh(1);
    let (mut init, _) = in_another_namespace(&directory);

    let pids = init.asked("reuse-pid");

    let (holder, other) = pids.split_once(' ').expect("two numbers");
    assert_eq!(holder, other, "the number was given to another process");
    assert_eq!(init.asked("try 1"), "got 1");
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

// Files.

/// Writes over a part of the file of a semaphore that nobody uses.
fn overwrite(directory: &Directory, at: u64, bytes: &[u8]) {
    let path = directory.path().join(format!("{NAME}.sem"));
    let file = File::options().write(true).open(path).expect("it is there");
    file.write_all_at(bytes, at).expect("it can be written to");
}

#[test]
fn after_a_reboot_all_is_free_and_the_number_of_permits_is_kept() {
    let (directory, semaphore) = fresh(5);
    let mut holder = Actor::start(&directory);
    holder.holds(2);
    semaphore.try_acquire_many_owned(2).expect("they are free").forget();
    holder.kill_and_reap();
    drop(semaphore);

    overwrite(&directory, BOOT_AT, &[7; 16]);

    let semaphore = directory.options().open_existing(NAME).expect("it is made anew");
    let state = semaphore.state().expect("it is sound");
    assert_eq!((state.max_permits, state.available_permits, state.loose), (5, 5, 0));
}

#[test]
fn after_a_reboot_many_that_come_at_once_share_one_file() {
    const ROUNDS: usize = 100;
    const COMERS: u32 = 4;
    let (directory, semaphore) = fresh(COMERS - 1);
    drop(semaphore);
    for _ in 0..ROUNDS {
        overwrite(&directory, BOOT_AT, &[7; 16]);
        let start = Arc::new(Barrier::new(COMERS as usize));
        let come = |_| {
            let (start, options) = (Arc::clone(&start), directory.options());
            Running::start(move || {
                start.wait();
                let semaphore = options.open_existing(NAME).expect("it is made anew");
                let outcome = semaphore.try_acquire_owned();
                // Until the others have tried.
                start.wait();
                outcome.is_ok()
            })
        };

        let mut comers: Vec<Running<bool>> = (0..COMERS).map(come).collect();

        let granted = comers
            .iter_mut()
            .map(|comer| comer.outcome(DEADLINE).expect("nobody hangs"))
            .filter(|&granted| granted)
            .count();
        assert_eq!(granted, COMERS as usize - 1, "all but one have a permit of the same file");
    }
}

#[test]
fn another_major_version_is_refused_and_both_are_named() {
    let (directory, semaphore) = fresh(1);
    drop(semaphore);
    // Major 2, minor 3: 16 bits each.
    overwrite(&directory, FORMAT_AT, &[3, 0, 2, 0]);

    let error = directory.options().open(NAME, 1).expect_err("we cannot know what it means");

    assert_eq!(error.kind(), ErrorKind::ForeignFormat);
    let text = error.to_string();
    assert!(text.contains("`2.3`") && text.contains("`1.0`"), "{text}");
}

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
fn loses_its_file(lose: impl FnOnce(&std::path::Path)) {
    let (directory, semaphore) = fresh(1);
    let _permit = semaphore.try_acquire_owned().expect("it is free");
    let mut waiters = [waiter(&semaphore), waiter(&semaphore)];
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
    let mut waiter = waiter(&semaphore);

    fs::remove_file(semaphore.path()).expect("it is there");

    assert_eq!(kind(waiter.outcome(DEADLINE).expect("it is told")), Some(ErrorKind::Gone));
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

// Commands.

#[test]
fn a_command_keeps_the_permit_when_its_wrapper_is_killed() {
    let (directory, semaphore) = fresh(1);
    let mut wrapper = Actor::start(&directory);
    let command = wrapper.starts("run-command");

    wrapper.kill_and_reap();

    assert!(stays_held(&semaphore));
    assert!(lives(command));
}

#[test]
fn the_end_of_a_command_whose_wrapper_was_killed_gives_back_the_permit() {
    let (directory, semaphore) = fresh(1);
    let mut wrapper = Actor::start(&directory);
    let command = wrapper.starts("run-command");
    wrapper.kill_and_reap();

    sys::signal(command, libc::SIGKILL);

    assert!(eventually(DEADLINE, || semaphore.try_acquire_owned().is_ok()));
}

#[test]
fn a_waiter_is_told_of_the_end_of_a_command_whose_wrapper_was_killed() {
    let (directory, semaphore) = fresh(1);
    let mut wrapper = Actor::start(&directory);
    let command = wrapper.starts("run-command");
    let mut waiter = waiter(&semaphore);
    wrapper.kill_and_reap();
    assert!(always(WHILE, || waiting(&semaphore) == 1), "the command keeps it");

    sys::signal(command, libc::SIGKILL);

    assert_eq!(waiter.outcome(DEADLINE).expect("it is granted").expect("it is granted").count(), 1);
}

#[test]
fn a_wrapper_keeps_the_permit_when_its_command_has_ended() {
    let (directory, semaphore) = fresh(1);
    let mut wrapper = Actor::start(&directory);
    let command = wrapper.starts("run-command");

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
    assert_eq!(wrapper.asked("run-command-late"), "forked");

    wrapper.kill_and_reap();
    fs::write(directory.path().join(GO), "").expect("it can be made");

    assert_eq!(wrapper.hear(), "owner dead");
    assert!(wrapper.is_silent_for_good(), "it would have told that it was executed");
    assert!(semaphore.try_acquire_owned().is_ok());
}
