//! `permits remove`: what nobody uses goes, what is in use stays unless it is forced, and whoever comes is served.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::thread;

use serde_json::Value;

use crate::place::{Place, Running, stderr, stdout, until};

fn is_empty(place: &Place) -> bool {
    std::fs::read_dir(place.dir()).expect("it is ours").count() == 0
}

#[test]
fn idle_ones_are_removed_and_nothing_is_left_of_them() {
    let place = Place::new();
    for name in ["pr-1", "pr-2", "pr-3"] {
        assert_eq!(place.code(&["run", "--max", "2", name, "--", "true"]), 0);
    }

    let output = place.output(&["remove", "pr-1", "pr-2"]);
    let told = place.output(&["-v", "remove", "pr-3"]);

    assert_eq!((output.status.code(), stdout(&output), stderr(&output)), (Some(0), String::new(), String::new()));
    assert_eq!(stderr(&told), "permits: removed `pr-3`\n");
    assert!(is_empty(&place));
}

#[test]
fn one_in_use_stays_and_the_others_go() {
    let place = Place::new();
    let mut holder = place.hold("a");
    let mut waiter = Running::start(place.permits(["run", "a", "--", "echo", "served"]));
    place.until_waiting("a", 1);
    assert_eq!(place.code(&["acquire", "b"]), 0);
    assert_eq!(place.code(&["run", "c", "--", "true"]), 0);

    let output = place.output(&["remove", "a", "none", "b", "c"]);

    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(75), "that of the first: {said}");
    assert!(
        said.contains(
            "`a`: it is in use: `1` held, `1` waiting to acquire; wait until it is idle with `permits wait a`"
        ),
        "{said}"
    );
    assert!(said.contains("`permits remove --force b`") && said.contains("`b`: it is in use: `1` loose"), "{said}");
    assert!(said.contains("`none`"), "{said}");
    assert!(!place.dir().join("c.sem").exists());
    holder.let_go();
    assert_eq!(waiter.line(), "served");
}

#[test]
fn by_force_it_tells_what_it_took_away_and_whoever_waits_exits_69() {
    let place = Place::new();
    let mut holder = place.hold("a");
    let mut waiter = Running::start(place.permits(["run", "a", "--", "echo", "never"]));
    place.until_waiting("a", 1);
    assert_eq!(place.code(&["acquire", "b"]), 0);

    let output = place.output(&["remove", "--force", "a"]);
    let json: Value =
        serde_json::from_slice(&place.output(&["remove", "--force", "--json", "b"]).stdout).expect("JSON");

    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stderr(&output), "permits: removed `a` while it was in use: `1` held, `1` waiting\n");
    assert_eq!((&json["name"], &json["held"], &json["loose"]), (&"b".into(), &0.into(), &1.into()));
    assert_eq!(waiter.end().code(), Some(69));
    assert_eq!(waiter.rest(), [""; 0]);
    // Its permit is of another semaphore than the next one.
    assert_eq!(place.code(&["run", "--try", "a", "--", "true"]), 0);
    holder.let_go();
    assert_eq!(holder.end().code(), Some(0));
}

#[test]
fn runs_that_come_while_it_is_removed_are_served() {
    const RUNS: usize = 40;
    let place = Place::new();
    let run = || (0..RUNS).map(|_| place.code(&["run", "a", "--", "true"])).collect::<Vec<_>>();
    let removed = thread::scope(|scope| {
        let runners = [scope.spawn(run), scope.spawn(run)];
        let mut codes = Vec::new();
        while !runners.iter().all(thread::ScopedJoinHandle::is_finished) {
            codes.push(place.code(&["remove", "a"]));
        }
        for runner in runners {
            assert_eq!(runner.join().expect("it ends"), [0; RUNS]);
        }
        codes
    });

    assert!(removed.contains(&0), "{removed:?}");
    assert!(removed.iter().all(|code| [0, 69, 75].contains(code)), "{removed:?}");
}

/// A run that was stopped between opening its semaphore and asking it for a permit, and the semaphore is removed.
fn is_served_though_it_was_removed(around: &[(&str, &str)]) {
    let place = Place::new();
    let (mut ours, mut theirs) = UnixStream::pair().expect("it can be made");
    // It says that it has made the semaphore, which waits for as long as nothing more fits in.
    theirs.set_nonblocking(true).expect("it is ours");
    while theirs.write(&[b'.'; 1000]).map_err(|error| error.kind()) != Err(ErrorKind::WouldBlock) {}
    while theirs.write(b".").map_err(|error| error.kind()) != Err(ErrorKind::WouldBlock) {}
    theirs.set_nonblocking(false).expect("it is ours");
    let mut command = place.permits(["-v", "run", "a", "--", "echo", "served"]);
    command.envs(around.iter().copied()).stderr(OwnedFd::from(theirs));
    let mut run = Running::start(command);
    until("it is made", || place.code(&["status", "a"]) == 0);

    let removed = place.code(&["remove", "a"]);
    ours.set_nonblocking(true).expect("it is ours");
    let mut said = Vec::new();
    until("it ends", || {
        // All that is there; what is missing comes later.
        let _ = ours.read_to_end(&mut said);
        run.try_wait().expect("it is our child").is_some()
    });

    let said = String::from_utf8_lossy(&said).trim_start_matches('.').to_owned();
    assert_eq!((removed, run.end().code(), run.rest()), (0, Some(0), vec!["served".to_owned()]), "{said}");
    assert_eq!(said.matches("created `a`").count(), 2, "it has made another one: {said}");
}

#[test]
fn run_whose_semaphore_is_removed_before_it_queues_is_served_by_the_next_one() {
    is_served_though_it_was_removed(&[]);
}

#[test]
fn run_inside_another_whose_semaphore_is_removed_before_it_queues_is_served_by_the_next_one() {
    is_served_though_it_was_removed(&[("PERMITS_NAME", "a"), ("PERMITS_GRANT", "7-1")]);
}

#[test]
fn run_works_after_the_file_was_deleted_by_hand() {
    let place = Place::new();
    let _holder = place.hold("a");
    std::fs::remove_file(place.dir().join("a.sem")).expect("it is ours");

    let output = place.output(&["run", "--max", "5", "a", "--", "echo", "works"]);

    assert_eq!((stdout(&output).as_str(), stderr(&output).as_str()), ("works\n", ""));
    assert_eq!(place.number("a", "max_permits"), 5);
}
