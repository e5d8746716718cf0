//! How many permits: created, differing, changed.

use std::process::Command;

use nix::errno::Errno;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::{Pid, SysconfVar, sysconf};
use permits_testbed::before_exec;

use crate::place::{Place, Running, output, stderr, stdout, until};

#[test]
fn missing_max_makes_a_mutex_and_says_so() {
    let place = Place::new();

    let output = place.output(&["-v", "run", "a", "--", "true"]);

    assert_eq!(place.number("a", "max_permits"), 1);
    assert!(stderr(&output).contains("created `a` with max `1`"), "{}", stderr(&output));
}

#[test]
fn missing_max_takes_what_is_stored() {
    let place = Place::new();
    assert_eq!(place.code(&["run", "--max", "5", "a", "--", "true"]), 0);

    assert_eq!(place.code(&["run", "--units", "5", "a", "--", "true"]), 0);
}

#[test]
fn different_max_is_an_error_that_shows_both() {
    let place = Place::new();
    assert_eq!(place.code(&["run", "--max", "5", "a", "--", "true"]), 0);

    let output = place.output(&["run", "--max", "6", "a", "--", "echo", "never"]);

    assert_eq!(output.status.code(), Some(78));
    assert!(stderr(&output).contains("`5`") && stderr(&output).contains("`6`"), "{}", stderr(&output));
    assert!(stderr(&output).contains("--resize"), "{}", stderr(&output));
    assert_eq!(stdout(&output), "");
    assert_eq!(place.number("a", "max_permits"), 5);
}

#[test]
fn resize_changes_the_stored_number() {
    let place = Place::new();
    assert_eq!(place.code(&["run", "--max", "5", "a", "--", "true"]), 0);

    assert_eq!(place.code(&["run", "--max", "6", "--resize", "a", "--", "true"]), 0);

    assert_eq!(place.number("a", "max_permits"), 6);
}

#[test]
fn create_counts_for_a_new_one_only() {
    let place = Place::new();

    assert_eq!(place.code(&["run", "--create", "3", "a", "--", "true"]), 0);
    assert_eq!(place.number("a", "max_permits"), 3);
    assert_eq!(place.code(&["run", "--create", "4", "a", "--", "true"]), 0);
    assert_eq!(place.number("a", "max_permits"), 3);
    assert_eq!(place.code(&["run", "--create", "4", "--max", "3", "a", "--", "true"]), 64);
}

#[test]
fn release_creates_if_asked() {
    let place = Place::new();

    assert_eq!(place.code(&["release", "--try", "--max", "2", "a"]), 75);
    assert_eq!(place.code(&["release", "--try", "--create", "3", "b"]), 75);

    assert_eq!((place.number("a", "max_permits"), place.number("b", "max_permits")), (2, 3));
}

#[test]
fn set_creates_if_asked() {
    let place = Place::new();

    assert_eq!(place.code(&["set", "a", "4"]), 69);
    assert_eq!(place.code(&["set", "--create", "a", "4"]), 0);
    assert_eq!(place.code(&["set", "--create", "a", "5"]), 0);

    assert_eq!(place.number("a", "max_permits"), 5);
}

#[test]
fn units_are_counted_by_processors_too() {
    let place = Place::new();

    let script = "echo $PERMITS_UNITS; nproc";
    let output = place.output(&["run", "--max", "nproc", "--units", "nproc", "a", "--", "sh", "-c", script]);

    let printed = stdout(&output);
    let lines: Vec<_> = printed.lines().collect();
    assert_eq!(lines[0], lines[1], "{}", stderr(&output));
}

#[test]
fn processors_are_counted() {
    let place = Place::new();
    let online = sysconf(SysconfVar::_NPROCESSORS_ONLN).expect("the kernel knows").expect("it has a number");
    let processors = u64::try_from(online).expect("it is positive");

    for (max, expected) in [("nproc", processors), ("100%", processors), ("200%", 2 * processors), ("1%", 1)] {
        assert_eq!(place.code(&["run", "--max", max, "--resize", "a", "--", "true"]), 0);
        assert_eq!(place.number("a", "max_permits"), expected.max(1), "{max}");
    }
}

#[test]
fn set_grows_and_serves_waiters_at_once() {
    let place = Place::new();
    let _holder = place.hold("a");
    let mut waiter = Running::start(place.permits(["run", "a", "--", "echo", "served"]));
    place.until_waiting("a", 1);

    assert_eq!(place.code(&["set", "a", "2"]), 0);

    assert_eq!(waiter.line(), "served");
}

#[test]
fn set_shrinks_as_permits_come_back() {
    let place = Place::new();
    assert_eq!(place.code(&["run", "--max", "2", "a", "--", "true"]), 0);
    let mut first = place.hold("a");
    let mut second = place.hold("a");

    assert_eq!(place.code(&["set", "a", "1"]), 0);

    assert_eq!((place.number("a", "given_out"), place.number("a", "free")), (2, 0));
    first.let_go();
    until("one comes back", || place.number("a", "given_out") == 1);
    assert_eq!(place.code(&["run", "--try", "a", "--", "true"]), 75);
    second.let_go();
    assert_eq!(place.code(&["run", "--wait", "30", "a", "--", "true"]), 0);
}

#[test]
fn mode_is_that_of_a_new_file() {
    let place = Place::new();

    assert_eq!(place.code(&["run", "a", "--", "true"]), 0);
    assert_eq!(place.code(&["--mode", "660", "run", "b", "--", "true"]), 0);

    assert_eq!(place.status("a")["mode"], "0600");
    assert_eq!(place.status("b")["mode"], "0660");
}

/// Lets a command use one of the processors that this process may use.
fn on_one_processor(command: &mut Command) -> &mut Command {
    before_exec(command, || {
        let this = Pid::from_raw(0);
        let allowed = sched_getaffinity(this)?;
        let first = (0..CpuSet::count()).find(|&processor| allowed.is_set(processor) == Ok(true));
        let mut one = CpuSet::new();
        one.set(first.ok_or(Errno::EINVAL)?)?;
        Ok(sched_setaffinity(this, &one)?)
    })
}

#[test]
fn processors_of_the_host_are_counted_whoever_asks() {
    let place = Place::new();

    for max in ["nproc", "50%", "200%"] {
        let restricted =
            || output(on_one_processor(&mut place.permits(["run", "--max", max, max, "--", "true"]))).status.code();
        // One of them makes it, and the same words are no conflict.
        let codes = [restricted(), Some(place.code(&["run", "--max", max, max, "--", "true"])), restricted()];
        assert_eq!(codes, [Some(0); 3], "{max}");
    }
    let mut units = place.permits(["run", "--units", "nproc", "nproc", "--", "sh", "-c", "echo $PERMITS_UNITS"]);
    assert_eq!(stdout(&output(on_one_processor(&mut units))), "1\n", "units are what it may use");
}

#[test]
fn set_with_a_sign_is_relative() {
    let place = Place::new();
    assert_eq!(place.code(&["set", "--create", "a", "2"]), 0);

    assert_eq!(place.code(&["set", "a", "+3"]), 0);
    assert_eq!(place.number("a", "max_permits"), 5);
    assert_eq!(place.code(&["set", "a", "-1"]), 0);
    assert_eq!(place.number("a", "max_permits"), 4);

    for (change, text) in [("-4", "has `4` permits: `-4` would leave the range"), ("+4194303", "from `1` to `4194303`")]
    {
        let output = place.output(&["set", "a", change]);
        assert_eq!(output.status.code(), Some(64), "{change}");
        assert!(stderr(&output).contains(text), "{}", stderr(&output));
        assert_eq!(place.number("a", "max_permits"), 4);
    }
}
