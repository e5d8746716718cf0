//! Handles: how many there can be, what they share, what is left of them; and what a process that waits costs.

use crate::actor::{DEADLINE, NAME};
use crate::place::Directory;
use crate::sys;
use permits_conformance::wait::{Polled, Running, eventually};
use permits_host::{ErrorKind, HostSemaphore};
use std::process::{Command, Stdio};
use std::task::Poll;
use std::time::Duration;

/// Tells a process of its own what to do; its presence makes one.
const SCENE: &str = "PERMITS_TEST_SCENE";

fn open(directory: &Directory, max: u32) -> HostSemaphore {
    directory.options().open(NAME, max).expect("it can be opened")
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
fn handles_that_are_opened_have_seats_of_their_own() {
    let directory = Directory::new();

    let seats = [(); 3].map(|()| open(&directory, 2)).map(|handle| (seat_of(&handle).0, handle)).map(|(seat, _)| seat);

    assert_eq!(seats.len(), 3);
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

    assert_eq!(seat_of(&open(&directory, 2)), (seat, generation + 1));
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
    assert_eq!(seat_of(&open(&directory, 2)), (seat, generation + 1));
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
    assert_eq!(seat_of(&open(&directory, 2)).0, seat);
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
    let directory = Directory::new();
    let mut handles = (0..4096).map(|_| open(&directory, 2)).collect::<Vec<_>>();

    let error = directory.options().open(NAME, 2).expect_err("there is no seat");

    assert_eq!(error.kind(), ErrorKind::Exhausted, "{error}");
    assert!(error.to_string().contains("`4096` handles") && error.to_string().contains("try again later"), "{error}");
    let permit = handles[4095].try_acquire_owned().expect("the last one works");
    drop(handles.swap_remove(17));
    assert_eq!(seat_of(&open(&directory, 2)).0, 17);
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

/// Runs a scene in a process where nothing else is going on, and returns its answer.
pub(crate) fn alone(scene: &str) -> String {
    let directory = Directory::new();
    let program = std::env::current_exe().expect("a test knows its binary");
    let mut command = Command::new(program);
    command.args(["--exact", "handles::scene", "--nocapture", "--test-threads=1"]);
    command.env(SCENE, scene).env("PERMITS_TEST_DIRECTORY", directory.path()).stderr(Stdio::inherit());
    let output = command.output().expect("a test binary can be started");
    let text = String::from_utf8_lossy(&output.stdout);
    let answer = text.lines().find_map(|line| line.strip_prefix('@'));
    answer.unwrap_or_else(|| panic!("scene `{scene}` answers: {text}")).to_owned()
}

/// Not a test: a process of its own, if this is one.
#[test]
fn scene() {
    let Ok(scene) = std::env::var(SCENE) else { return };
    sys::die_with_parent();
    let directory = std::env::var_os("PERMITS_TEST_DIRECTORY").expect("a scene knows where");
    let semaphore = HostSemaphore::options().directory(directory).open(NAME, 1).expect("it can be made");
    let answer = match scene.as_str() {
        "nobody waits" => nobody_waits(&semaphore),
        "a thread waits" => a_thread_waits(&semaphore),
        "a task waits" => a_task_waits(&semaphore),
        "idle thread" => idle(&semaphore, false),
        "idle task" => idle(&semaphore, true),
        "descriptors" => descriptors(&semaphore),
        "crowd" => crate::crowd::serve(&semaphore),
        "one of the crowd" => crate::crowd::wait_in_line(&semaphore),
        _ => panic!("there is no scene `{scene}`"),
    };
    println!("\n@{answer}");
}

/// How many threads of the crate are running.
fn threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").expect("there is /proc");
    let name = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
    tasks.flatten().filter(|_| true).map(name).filter(|name| name.starts_with("permits-")).count()
}

/// What a thread's status file in /proc says under a heading that starts so, summed up over all threads.
pub(crate) fn switches() -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").expect("there is /proc");
    let status = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("status")).unwrap_or_default();
    let count = |text: String| {
        let line = text.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).unwrap_or("0");
        line.trim().parse::<u64>().expect("it is a number")
    };
    tasks.flatten().map(status).map(count).sum()
}

fn nobody_waits(semaphore: &HostSemaphore) -> String {
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
    assert_eq!(alone("nobody waits"), "0 threads");
}

fn a_thread_waits(semaphore: &HostSemaphore) -> String {
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
    assert_eq!(alone("a thread waits"), "they end");
}

fn a_task_waits(semaphore: &HostSemaphore) -> String {
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
    assert_eq!(alone("a task waits"), "they end");
}

/// Handles that wait, look for the dead, and go, many times; how many descriptors more there are then.
fn descriptors(semaphore: &HostSemaphore) -> String {
    let open = || std::fs::read_dir("/proc/self/fd").expect("there is /proc").count();
    let directory = semaphore.path().parent().expect("a file is in a directory");
    let before = open();
    let permit = semaphore.try_acquire_owned().expect("it is free");
    for _ in 0..50 {
        let handle = HostSemaphore::options().directory(directory).open_existing(NAME).expect("it is there");
        let request = handle.acquire_owned();
        let mut waits = Running::start(move || request.wait_timeout(Duration::from_millis(20)).map(drop));
        assert!(eventually(DEADLINE, || threads() > 0), "it is watched");
        assert!(handle.try_acquire_owned().is_err());
        drop(handle);
        waits.outcome(DEADLINE).expect("it ends").expect_err("nothing comes back");
    }
    drop(permit);
    assert!(eventually(DEADLINE, || threads() == 0), "nobody waits");
    format!("{} more", open().saturating_sub(before))
}

#[test]
fn a_handle_leaves_no_descriptor() {
    let answer = alone("descriptors");

    // The handle that stays has opened one to look for the dead.
    assert!(["0 more", "1 more"].contains(&answer.as_str()), "{answer}");
}

/// How often the threads of a process are woken while somebody waits in it for two seconds.
fn idle(semaphore: &HostSemaphore, is_task: bool) -> String {
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
    let before = switches();
    // It is the time itself that is measured.
    std::thread::sleep(Duration::from_secs(2));
    let woken = switches() - before;
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
    for scene in ["idle thread", "idle task"] {
        let woken: u64 = alone(scene).parse().expect("it is a number");

        println!("{scene}: woken {woken} times in two seconds");
        // The looks after a hint at the start, and two a second.
        assert!(woken <= 40, "{scene}: woken {woken} times in two seconds");
    }
}
