//! Handles: how many there can be, what they share, what is left of them; and what a process that waits costs.

use crate::actor::{Actor, Order};
use crate::format::{STATUS, seat};
use crate::look::{DEADLINE, switches_of, waiting};
use crate::place::{Directory, NAME, fresh, overwrite};
use crate::sys;
use permits_conformance::wait::{Polled, Running, eventually};
use permits_host::{AcquireOwned, ErrorKind, HostSemaphore};
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

fn open(directory: &Directory, max: u32) -> HostSemaphore {
    directory.options().open(NAME, max).expect("it can be opened")
}

/// Opens it in a seat that was left.
///
/// Until it has that one: another test may be starting a process, which has the lock of the handle that has left
/// until it executes its program.
pub(crate) fn open_in_seat(directory: &Directory, max: u32, seat: u32) -> HostSemaphore {
    let mut opened = None;
    let in_seat = || {
        opened = directory.options().open(NAME, max).ok().filter(|handle| seat_of(handle).0 == seat);
        opened.is_some()
    };
    assert!(eventually(DEADLINE, in_seat), "seat {seat} is free");
    opened.expect("it was opened")
}

/// The number of the seat that a handle has, and how often that was taken.
fn seat_of(handle: &HostSemaphore) -> (u32, u32) {
    let id = handle.id().to_string();
    let (seat, generation) = id.split_once('-').expect("an id has two parts");
    (seat.parse().expect("a number"), generation.parse().expect("a number"))
}

#[test]
fn clones_share_a_seat() {
    let directory = Directory::new();
    let handle = open(&directory, 2);

    let clone = handle.clone();

    assert_eq!(clone.id(), handle.id());
}

#[test]
fn waits_of_less_than_a_millisecond_start_no_thread() {
    let (directory, semaphore) = fresh(1);
    let _permit = semaphore.try_acquire_owned().expect("it is free");

    let watches = Actor::start(&directory).asked(Order::WaitBriefly(20));

    assert_eq!(watches, "0");
}

#[test]
fn handles_that_are_opened_have_seats_of_their_own() {
    let directory = Directory::new();

    let handles = [(); 3].map(|()| open(&directory, 2));

    assert_eq!(handles.each_ref().map(|handle| seat_of(handle).0), [0, 1, 2]);
}

#[test]
fn a_seat_is_used_again_by_another_generation() {
    let directory = Directory::new();
    let first = open(&directory, 2);
    let _other = open(&directory, 2);
    let (seat, generation) = seat_of(&first);

    drop(first);

    assert_eq!(seat_of(&open_in_seat(&directory, 2, seat)).1, generation + 1);
}

#[test]
fn no_generation_of_a_seat_is_taken_for_one_that_never_was() {
    let directory = Directory::new();
    let semaphore = open(&directory, 1);
    let at = 8 * seat(u64::from(seat_of(&semaphore).0), STATUS);
    drop(semaphore);
    // The last generation that there is, in the lower half of the word.
    overwrite(&directory, at, &(u32::MAX >> 1).to_le_bytes());

    let semaphore = open_in_seat(&directory, 1, 0);

    assert_eq!(seat_of(&semaphore).1, 1);
    assert!(!semaphore.is_revoked(), "nobody has asked it to give up");
    drop(semaphore);
    assert_eq!(seat_of(&open_in_seat(&directory, 1, 0)).1, 2, "it has left its seat");
}

#[test]
fn who_takes_a_seat_is_not_told_what_its_predecessor_was() {
    let directory = Directory::new();
    let semaphore = open(&directory, 1);
    let (number, generation) = seat_of(&semaphore);
    semaphore.revoke(semaphore.id()).expect("it is there");
    let at = 8 * seat(u64::from(number), STATUS);
    drop(semaphore);
    // All generations later.
    overwrite(&directory, at, &(generation - 1).to_le_bytes());

    let semaphore = open_in_seat(&directory, 1, number);

    assert_eq!(seat_of(&semaphore).1, generation);
    assert!(!semaphore.is_revoked());
}

#[test]
fn the_last_clone_leaves_the_seat() {
    let directory = Directory::new();
    let handle = open(&directory, 2);
    let clone = handle.clone();
    let (seat, generation) = seat_of(&handle);

    drop(handle);
    let between = seat_of(&open(&directory, 2)).0;
    drop(clone);

    assert_ne!(between, seat, "the clone has it still");
    assert_eq!(seat_of(&open_in_seat(&directory, 2, seat)).1, generation + 1);
}

#[test]
fn a_guard_outlives_its_handle_and_keeps_the_seat() {
    let directory = Directory::new();
    let handle = open(&directory, 2);
    let other = open(&directory, 2);
    let seat = seat_of(&handle).0;

    let permit = handle.try_acquire_owned().expect("it is free");
    drop(handle);
    assert_eq!(other.given_out().expect("it can be read"), 1);
    assert_ne!(seat_of(&open(&directory, 2)).0, seat);
    drop(permit);

    assert_eq!(other.given_out().expect("it can be read"), 0);
    drop(open_in_seat(&directory, 2, seat));
}

#[test]
fn guards_of_two_handles_merge() {
    let directory = Directory::new();
    let (one, two) = (open(&directory, 5), open(&directory, 5));
    let mut permit = one.try_acquire_many_owned(2).expect("they are free");

    permit.merge(two.try_acquire_many_owned(3).expect("they are free")).expect("they are of one semaphore");

    let status = one.status().expect("it can be read");
    let holders = status.holders.iter().map(|holder| (holder.who.id, holder.permits)).collect::<Vec<_>>();
    assert_eq!((permit.count(), holders), (5, vec![(one.id(), 5)]));
    drop(two);
    assert_eq!(one.given_out().expect("it can be read"), 5, "the handle that is gone held nothing more");
    drop(permit);
    assert_eq!(one.available_permits().expect("it can be read"), 5);
}

#[test]
fn guards_of_two_semaphores_do_not_merge() {
    let directory = Directory::new();
    let one = open(&directory, 1);
    let other = directory.options().open("another", 1).expect("it can be made");
    let mut permit = one.try_acquire_owned().expect("it is free");

    let refused =
        permit.merge(other.try_acquire_owned().expect("it is free")).expect_err("they are of two").into_permit();

    assert_eq!((permit.count(), refused.count()), (1, 1));
    drop(refused);
    assert_eq!((one.given_out().expect("it is read"), other.given_out().expect("it is read")), (1, 0));
}

#[test]
fn there_is_room_for_more_handles_than_at_first() {
    let directory = Directory::new();

    let handles = (0..100).map(|_| open(&directory, 100)).collect::<Vec<_>>();
    let permits =
        handles.iter().map(|handle| handle.try_acquire_owned().expect("there is one for each")).collect::<Vec<_>>();

    let error = handles[0].try_acquire_owned().expect_err("all are out");
    assert_eq!((permits.len(), error.kind()), (100, ErrorKind::NotNow));
    let status = handles[99].status().expect("it can be read");
    assert_eq!(status.holders.len(), 100);
}

#[test]
fn one_handle_too_many_is_told_how_many_there_are() {
    // Two for each handle, and some for the tests beside this one.
    if !permits_testbed::descriptors(12_000) {
        return;
    }
    let directory = Directory::new();
    let mut handles = (0..4096).map(|_| open(&directory, 2)).collect::<Vec<_>>();

    let error = directory.options().open(NAME, 2).expect_err("there is no seat");

    assert_eq!(error.kind(), ErrorKind::Exhausted, "{error}");
    assert!(error.to_string().contains("`4096` handles") && error.to_string().contains("try again later"), "{error}");
    let permit = handles[4095].try_acquire_owned().expect("the last one works");
    drop(handles.swap_remove(17));
    drop(open_in_seat(&directory, 2, 17));
    drop(permit);
}

#[test]
fn one_waiter_too_many_is_refused_and_all_others_are_served() {
    let directory = Directory::new();
    let semaphore = open(&directory, 1);
    let permit = semaphore.try_acquire_owned().expect("it is free");
    let mut tasks = Vec::new();
    let mut refused = 0;
    for number in 1..=70_000 {
        let mut task = Polled::new(semaphore.acquire_owned());
        match task.poll() {
            Poll::Pending => tasks.push(task),
            Poll::Ready(outcome) => {
                let error = outcome.expect_err("the permit is held");
                assert_eq!(error.kind(), ErrorKind::Exhausted, "{error}");
                assert!(error.to_string().contains("`65535` waiters are queued"), "{error}");
                assert!(number > 65_535, "the {number}th has a place");
                refused += 1;
            }
        }
    }
    assert_eq!((tasks.len(), refused), (65_535, 4_465));
    assert_eq!(semaphore.state().expect("it can be read").waiting_acquirers, 65_535);

    drop(permit);

    for task in &mut tasks[..100] {
        drop(task.outcome(DEADLINE).expect("it is granted in its turn").expect("it is granted"));
    }
    assert_eq!(semaphore.state().expect("it can be read").waiting_acquirers, 65_434, "one more is granted");
    // From the end, so that nobody is granted on the way.
    while tasks.pop().is_some() {}
    let state = semaphore.state().expect("it can be read");
    assert_eq!((state.available_permits, state.waiting_acquirers), (1, 0));
}

/// What a process says in which nothing else is going on.
pub(crate) fn alone(order: Order) -> String {
    let (directory, semaphore) = fresh(1);
    drop(semaphore);
    let mut actor = Actor::start(&directory);
    actor.told(order);
    actor.hear_within(10 * DEADLINE)
}

/// How many threads of the crate are running.
fn threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").expect("there is /proc");
    let name = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
    tasks.flatten().filter(|_| true).map(name).filter(|name| name.starts_with("permits-")).count()
}

pub(crate) fn nobody_waits(semaphore: &HostSemaphore) -> String {
    let mut most = 0;
    for _ in 0..100 {
        let permit = semaphore.acquire_owned().wait().expect("it is free");
        assert!(semaphore.try_acquire_owned().is_err());
        drop(permit);
        most = most.max(threads());
    }
    format!("{most} threads")
}

#[test]
fn where_nobody_waits_no_thread_runs() {
    assert_eq!(alone(Order::NobodyWaits), "0 threads");
}

pub(crate) fn a_thread_waits(semaphore: &HostSemaphore) -> String {
    let permit = semaphore.try_acquire_owned().expect("it is free");
    let request = semaphore.acquire_owned();
    let mut waits = Running::start(move || request.wait().map(drop));
    assert!(eventually(DEADLINE, || threads() == 1), "the watch starts");
    drop(permit);
    waits.outcome(DEADLINE).expect("it is granted").expect("it is granted");
    assert!(eventually(DEADLINE, || threads() == 0), "the watch ends");
    "they end".into()
}

#[test]
fn the_watch_of_a_thread_ends_when_nobody_waits() {
    assert_eq!(alone(Order::AThreadWaits), "they end");
}

pub(crate) fn a_task_waits(semaphore: &HostSemaphore) -> String {
    let permit = semaphore.try_acquire_owned().expect("it is free");
    let mut waits = Polled::new(semaphore.acquire_owned());
    assert!(waits.poll().is_pending());
    assert!(eventually(DEADLINE, || threads() == 2), "the bell and the watch start");
    drop(permit);
    drop(waits.outcome(DEADLINE).expect("it is granted"));
    assert!(eventually(DEADLINE, || threads() == 0), "both end");
    "they end".into()
}

#[test]
fn the_bell_of_a_task_ends_when_nobody_waits() {
    assert_eq!(alone(Order::ATaskWaits), "they end");
}

/// Handles that wait, look for the dead, and go, many times; how many descriptors more there are then.
pub(crate) fn descriptors(semaphore: &HostSemaphore) -> String {
    let open = || std::fs::read_dir("/proc/self/fd").expect("there is /proc").count();
    let directory = semaphore.path().parent().expect("a file is in a directory");
    let before = open();
    for _ in 0..50 {
        let permit = semaphore.try_acquire_owned().expect("it is free");
        let handle = HostSemaphore::options().directory(directory).open_existing(NAME).expect("it is there");
        let request = handle.acquire_owned();
        let mut waits = Running::start(move || request.wait_timeout(DEADLINE).map(drop));
        assert!(eventually(DEADLINE, || threads() > 0), "it is watched");
        assert!(handle.try_acquire_owned().is_err());
        drop(handle);
        drop(permit);
        waits.outcome(DEADLINE).expect("it ends").expect("it is granted");
    }
    assert!(eventually(DEADLINE, || threads() == 0), "nobody waits");
    format!("{} more", open().saturating_sub(before))
}

#[test]
fn a_handle_leaves_no_descriptor() {
    let answer = alone(Order::CountDescriptors);

    // The handle that stays has opened one to look for the dead.
    assert!(["0 more", "1 more"].contains(&answer.as_str()), "{answer}");
}

/// How often the threads of a process are woken while somebody waits in it for two seconds.
pub(crate) fn idle(semaphore: &HostSemaphore, is_task: bool) -> String {
    let permit = semaphore.try_acquire_owned().expect("it is free");
    let mut task = Polled::new(semaphore.acquire_owned());
    let mut thread = None;
    if is_task {
        assert!(task.poll().is_pending());
    } else {
        let request = semaphore.acquire_owned();
        thread = Some(Running::start(move || request.wait().map(drop)));
    }
    assert!(eventually(DEADLINE, || threads() == 1 + usize::from(is_task)), "it is watched");
    let before = switches_of("self");
    // It is the time itself that is measured.
    std::thread::sleep(Duration::from_secs(2));
    let woken = switches_of("self") - before;
    drop(permit);
    if is_task {
        drop(task.outcome(DEADLINE).expect("it is granted"));
    }
    if let Some(thread) = &mut thread {
        thread.outcome(DEADLINE).expect("it is granted").expect("it is granted");
    }
    woken.to_string()
}

#[test]
fn an_idle_waiter_sleeps() {
    for order in [Order::IdleAsThread, Order::IdleAsTask] {
        let woken: u64 = alone(order).parse().expect("it is a number");

        println!("{order:?}: woken {woken} times in two seconds");
        // The looks after a hint at the start, and two a second.
        assert!(woken <= 40, "{order:?}: woken {woken} times in two seconds");
    }
}

#[test]
fn the_watches_of_the_two_sides_do_not_wake_each_other_for_ever() {
    let (directory, semaphore) = fresh(1);
    let _permit = semaphore.try_acquire_owned().expect("it is free");
    let [mut acquirer, mut releaser] = [(); 2].map(|()| Actor::start(&directory));
    acquirer.waits(1, &semaphore);
    releaser.told(Order::Release(1));
    assert!(eventually(DEADLINE, || waiting(&semaphore) == 2), "both queue");
    let count = || [acquirer.pid(), releaser.pid()].map(|pid| switches_of(&pid.to_string()));

    let before = count();
    // It is the time itself that is measured.
    std::thread::sleep(Duration::from_secs(2));
    let after = count();

    let woken = [after[0] - before[0], after[1] - before[1]];
    println!("woken {woken:?} times in two seconds");
    // The looks after a hint at the start, and one a second.
    assert!(woken.iter().all(|&woken| woken <= 50), "woken {woken:?} times in two seconds");
}

/// The request that a waker drops when it is cloned.
static DROPPED_BY_CLONE: Mutex<Option<AcquireOwned>> = Mutex::new(None);

static CLONE_DROPS: std::task::RawWakerVTable = std::task::RawWakerVTable::new(
    |data| {
        let request = DROPPED_BY_CLONE.lock().expect("nobody panics with it").take();
        drop(request);
        std::task::RawWaker::new(data, &CLONE_DROPS)
    },
    |_| {},
    |_| {},
    |_| {},
);

#[test]
fn the_clone_of_a_waker_may_drop_another_request() {
    let (_directory, semaphore) = fresh(1);
    let _permit = semaphore.try_acquire_owned().expect("it is free");
    let mut other = semaphore.acquire_owned();
    assert!(Pin::new(&mut other).poll(&mut Context::from_waker(Waker::noop())).is_pending());
    *DROPPED_BY_CLONE.lock().expect("nobody panics with it") = Some(other);
    let mut request = semaphore.acquire_owned();

    let mut polls = Running::start(move || {
        let waker = sys::waker_with_clone(&CLONE_DROPS);
        let is_pending = Pin::new(&mut request).poll(&mut Context::from_waker(&waker)).is_pending();
        (is_pending, request)
    });

    let (is_pending, request) = polls.outcome(DEADLINE).expect("it does not hang");
    assert!(is_pending);
    assert_eq!((waiting(&semaphore), request.position()), (1, Some(1)), "the other has left the queue");
}
