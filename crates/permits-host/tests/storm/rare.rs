//! Points that a storm does not come by, each with a scene of its own: somebody dies there, and another one
//! looks at what is left.

use crate::process::options;
use crate::{Directory, Victim, deaths_a_point, sys};
use permits_conformance::wait::{Polled, Running, eventually};
use permits_host::crash_points::{Point, die_at};
use permits_host::{ErrorKind, HostSemaphore, Removal};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::time::Duration;

/// Makes a process the victim of a scene: the scene, the semaphore's name, and the directory.
const VARIABLE: &str = "PERMITS_TEST_SCENE";
const DEADLINE: Duration = Duration::from_secs(30);
/// More than a new file has room for: see `layout.rs`.
const MANY_HANDLES: usize = 33;
const MANY_WAITERS: usize = 512;

/// Not a test: the victim of a scene, if this is one.
#[test]
fn victim_of_a_scene() {
    let Ok(text) = std::env::var(VARIABLE) else { return };
    sys::die_with_parent();
    let mut words = text.splitn(3, ' ');
    let mut word = || words.next().expect("three words");
    let (scene, name, directory) = (word().replace('_', " "), word(), Path::new(word()));
    let open = || options(directory).open(name, 1).expect("it can be opened");
    match scene.as_str() {
        "creates" => {
            die_at(Point::Created, 1);
            drop(open());
        }
        "takes many seats" => {
            let _permit = open().try_acquire_owned();
            die_at(Point::Grown, 1);
            let _handles: Vec<HostSemaphore> = (0..MANY_HANDLES).map(|_| open()).collect();
        }
        "has many wait" => {
            let semaphore = open();
            let _permit = semaphore.try_acquire_owned();
            die_at(Point::Grown, 1);
            let mut tasks: Vec<_> = (0..MANY_WAITERS).map(|_| Polled::new(semaphore.acquire_owned())).collect();
            assert!(tasks.iter_mut().all(|task| task.poll().is_pending()));
        }
        "closes" => {
            let semaphore = open();
            die_at(Point::Closed, 1);
            semaphore.close().expect("it is sound");
        }
        "removes" => {
            let semaphore = open();
            die_at(Point::Removed, 1);
            semaphore.remove(Removal::Force).map(drop).expect("it is sound");
        }
        "becomes a command and dies before it has the lock" | "becomes a command and dies with the lock" => {
            let semaphore = open();
            let _permit = semaphore.try_acquire_owned().expect("it is free");
            let lock = semaphore.command_lock().expect("it can be made");
            die_at(if scene.ends_with("with the lock") { Point::CommandLocked } else { Point::CommandForked }, 1);
            lock.take().expect("nobody else has it");
        }
        _ => panic!("there is no scene in which somebody {scene}"),
    }
}

/// Plays a scene until its victim is dead.
fn play(scene: &str, name: &str, directory: &Path) {
    let scene_and_more = format!("{} {name} {}", scene.replace(' ', "_"), directory.display());
    let mut victim = Victim::start("rare::victim_of_a_scene", VARIABLE, &scene_and_more);
    let mut status = None;
    let ends = eventually(DEADLINE, || {
        status = victim.0.try_wait().expect("it is a child of ours");
        status.is_some()
    });
    assert!(ends, "whoever {scene} neither dies nor ends");
    let status = status.expect("it has ended");
    assert_eq!(status.signal(), Some(libc::SIGKILL), "whoever {scene} dies at its point");
}

fn all_is_free(semaphore: &HostSemaphore) -> bool {
    semaphore.try_acquire_owned().is_ok()
}

#[test]
fn who_dies_while_it_creates_leaves_nothing_behind() {
    let directory = Directory::new("created");
    for round in 0..deaths_a_point() {
        let name = format!("new-{round}");

        play("creates", &name, directory.path());

        assert_eq!(std::fs::read_dir(directory.path()).expect("it is ours").count(), 0);
    }
    assert!(all_is_free(&options(directory.path()).open("new-0", 1).expect("nobody has made it")));
}

#[test]
fn who_dies_while_it_makes_room_for_handles_leaves_room() {
    let directory = Directory::new("grown-seats");
    for round in 0..deaths_a_point() / 2 {
        let name = format!("grown-{round}");

        play("takes many seats", &name, directory.path());

        let open = || options(directory.path()).open_existing(&name).expect("there is room");
        let handles: Vec<HostSemaphore> = (0..2 * MANY_HANDLES).map(|_| open()).collect();
        assert!(handles.iter().all(all_is_free));
    }
}

#[test]
fn who_dies_while_it_makes_room_for_waiters_leaves_room() {
    let directory = Directory::new("grown-waiters");
    for round in 0..deaths_a_point() / 2 {
        let name = format!("grown-{round}");

        play("has many wait", &name, directory.path());

        let semaphore = options(directory.path()).open_existing(&name).expect("it is there");
        assert!(all_is_free(&semaphore));
        let permit = semaphore.try_acquire_owned().expect("it is free");
        let mut tasks: Vec<_> = (0..=MANY_WAITERS).map(|_| Polled::new(semaphore.acquire_owned())).collect();
        assert!(tasks.iter_mut().all(|task| task.poll().is_pending()));
        drop(permit);
        assert!(tasks[0].outcome(DEADLINE).is_some_and(|outcome| outcome.is_ok()), "the first is served");
    }
}

#[test]
fn who_dies_while_it_closes_has_closed() {
    let directory = Directory::new("closed");
    for round in 0..deaths_a_point() {
        let name = format!("closed-{round}");
        let semaphore = options(directory.path()).open(&name, 1).expect("a new one can be made");
        let permit = semaphore.try_acquire_owned().expect("it is free");
        let request = semaphore.acquire_owned();
        let mut thread = Running::start(move || request.wait());
        let mut task = Polled::new(semaphore.acquire_owned());
        assert!(task.poll().is_pending());
        let waiting = || semaphore.state().map(|state| state.waiting_acquirers).ok();
        assert!(eventually(DEADLINE, || waiting() == Some(2)), "the thread waits too");

        play("closes", &name, directory.path());

        let of_thread = thread.outcome(DEADLINE).expect("it is told").expect_err("it is closed");
        let of_task = task.outcome(DEADLINE).expect("it is told").expect_err("it is closed");
        assert_eq!((of_thread.kind(), of_task.kind()), (ErrorKind::Closed, ErrorKind::Closed));
        drop(permit);
        assert_eq!(semaphore.given_out().ok(), Some(0), "what is out comes back");
    }
}

#[test]
fn who_dies_while_it_removes_has_removed() {
    let directory = Directory::new("removed");
    for round in 0..deaths_a_point() {
        let name = format!("removed-{round}");
        let semaphore = options(directory.path()).open(&name, 1).expect("a new one can be made");
        let permit = semaphore.try_acquire_owned().expect("it is free");
        let request = semaphore.acquire_owned();
        let mut thread = Running::start(move || request.wait());
        let mut task = Polled::new(semaphore.acquire_owned());
        assert!(task.poll().is_pending());
        let waiting = || semaphore.state().map(|state| state.waiting_acquirers).ok();
        assert!(eventually(DEADLINE, || waiting() == Some(2)), "the thread waits too");

        play("removes", &name, directory.path());

        let of_thread = thread.outcome(DEADLINE).expect("it is told").expect_err("it is gone");
        let of_task = task.outcome(DEADLINE).expect("it is told").expect_err("it is gone");
        assert_eq!((of_thread.kind(), of_task.kind()), (ErrorKind::Gone, ErrorKind::Gone));
        // Its name is there still, and nobody who comes meets what it leads to.
        assert!(semaphore.path().exists());
        let of_name = || options(directory.path());
        let read = of_name().read(&name).expect_err("it is removed");
        assert_eq!(read.kind(), ErrorKind::NotFound);
        match round % 3 {
            0 => {
                let found = of_name().open_existing(&name).err().map(|error| error.kind());
                assert_eq!(found, Some(ErrorKind::NotFound));
            }
            1 => {
                let removed = of_name().remove(&name, Removal::IfIdle).err().map(|error| error.kind());
                assert_eq!(removed, Some(ErrorKind::NotFound));
            }
            _ => assert!(all_is_free(&of_name().open(&name, 1).expect("it is made anew"))),
        }
        drop(permit);
    }
}

#[test]
fn who_dies_before_it_has_the_lock_of_a_command_keeps_nothing() {
    dies_as_a_command("becomes a command and dies before it has the lock", "unlocked");
}

#[test]
fn who_dies_with_the_lock_of_a_command_keeps_nothing() {
    dies_as_a_command("becomes a command and dies with the lock", "locked");
}

fn dies_as_a_command(scene: &str, name: &str) {
    let directory = Directory::new(name);
    let semaphore = options(directory.path()).open(name, 1).expect("a new one can be made");
    for _ in 0..deaths_a_point() {
        play(scene, name, directory.path());

        assert!(all_is_free(&semaphore));
    }
}
