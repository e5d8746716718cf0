//! Waiting: in order, and ended by time, signals and revocation without a trace.

use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use crate::place::{Place, Running, process_state, stdout, until};

#[test]
fn waiters_are_served_in_order() {
    let place = Place::new();
    let log = place.dir().join("order");
    let mut holder = place.hold("a");
    let mut waiters = Vec::new();
    for number in 1..=5 {
        let text = format!("echo {number} >> {}", log.display());
        waiters.push(Running::start(place.permits(["run", "a", "--", "sh", "-c", &text])));
        place.until_waiting("a", number);
    }

    holder.let_go();

    for waiter in &mut waiters {
        assert!(waiter.end().success());
    }
    assert_eq!(std::fs::read_to_string(log).expect("it was written"), "1\n2\n3\n4\n5\n");
}

#[test]
fn newcomer_does_not_pass_one_that_waits_for_many() {
    let place = Place::new();
    assert_eq!(place.code(&["run", "--max", "2", "a", "--", "true"]), 0);
    let mut holder = place.hold("a");
    let mut many = Running::start(place.permits(["run", "--units", "2", "a", "--", "echo", "many"]));
    place.until_waiting("a", 1);

    assert_eq!(place.number("a", "free"), 1);
    assert_eq!(place.code(&["run", "--try", "a", "--", "true"]), 75);
    holder.let_go();

    assert_eq!(many.line(), "many");
}

#[test]
fn signal_cancels_a_wait_at_once() {
    for (name, number) in [("INT", 2), ("TERM", 15), ("HUP", 1)] {
        let place = Place::new();
        let mut holder = place.hold("a");
        let mut first = Running::start(place.permits(["run", "a", "--", "echo", "never"]));
        place.until_waiting("a", 1);
        let mut second = Running::start(place.permits(["run", "a", "--", "echo", "second"]));
        place.until_waiting("a", 2);

        first.signal(name);

        assert_eq!(first.end().signal(), Some(number));
        assert_eq!(first.rest(), [""; 0]);
        assert_eq!(place.number("a", "waiting_acquirers"), 1);
        holder.let_go();
        assert_eq!(second.line(), "second");
    }
}

#[test]
fn harmless_signals_do_not_end_a_wait() {
    let place = Place::new();
    let mut holder = place.hold("a");
    let mut waiter = Running::start(place.permits(["run", "a", "--", "echo", "done"]));
    place.until_waiting("a", 1);

    for name in ["WINCH", "URG", "CONT", "CHLD"] {
        waiter.signal(name);
    }
    holder.let_go();

    assert_eq!(waiter.line(), "done");
}

#[test]
fn stopped_waiter_gives_up_its_place_and_queues_again() {
    let place = Place::new();
    let mut holder = place.hold("a");
    let mut waiter = Running::start(place.permits(["run", "a", "--", "echo", "stopped"]));
    let stopped = waiter.pid();
    place.until_waiting("a", 1);
    let mut other = Running::start(place.permits(["run", "a", "--", "sh", "-c", "echo other; read line"]));
    place.until_waiting("a", 2);

    crate::place::kill(stopped, "TSTP");
    until("the waiter stops", || process_state(stopped) == Some('T'));
    assert_eq!(place.number("a", "waiting_acquirers"), 1);
    holder.let_go();
    assert_eq!(other.line(), "other");
    crate::place::kill(stopped, "CONT");
    place.until_waiting("a", 1);
    other.let_go();

    assert_eq!(waiter.line(), "stopped");
}

#[test]
fn timeout_is_kept_and_leaves_no_trace() {
    let place = Place::new();
    let _holder = place.hold("a");
    let began = Instant::now();

    assert_eq!(place.code(&["run", "--wait", "0.2", "a", "--", "true"]), 75);

    assert!(began.elapsed() >= Duration::from_millis(200), "{:?}", began.elapsed());
    assert_eq!(place.number("a", "waiting_acquirers"), 0);
}

#[test]
fn release_waits_for_the_one_that_takes() {
    let place = Place::new();
    assert_eq!(place.code(&["run", "a", "--", "true"]), 0);
    let mut release = Running::start(place.permits(["release", "a"]));
    until("it waits", || place.number("a", "waiting_releasers") == 1);

    assert_eq!(place.code(&["acquire", "a"]), 0);

    assert!(release.end().success());
    assert_eq!(place.number("a", "given_out"), 0);
}

#[test]
fn release_of_many_waits_for_all() {
    let place = Place::new();
    assert_eq!(place.code(&["acquire", "--max", "3", "a"]), 0);
    let mut release = Running::start(place.permits(["release", "--units", "2", "a"]));
    until("it waits", || place.number("a", "waiting_releasers") == 1);
    assert_eq!(place.number("a", "loose"), 1);

    assert_eq!(place.code(&["acquire", "a"]), 0);

    assert!(release.end().success());
    assert_eq!(place.number("a", "loose"), 0);
}

#[test]
fn wait_ends_when_all_is_idle() {
    let place = Place::new();
    let mut holder = place.hold("a");
    let mut wait = Running::start(place.permits(["wait", "a"]));
    assert_eq!(place.code(&["wait", "--try", "a"]), 75);

    holder.let_go();

    assert!(wait.end().success());
    assert_eq!(place.code(&["wait", "--try", "a"]), 0);
}

#[test]
fn revoked_waiter_gives_up_with_76() {
    let place = Place::new();
    let _holder = place.hold("a");
    let mut waiter = Running::start(place.permits(["run", "a", "--", "echo", "never"]));
    place.until_waiting("a", 1);
    let status = place.status("a");
    let grant = status["waiters"][0]["grant"].as_str().expect("a grant");

    assert_eq!(place.code(&["revoke", "--wait", "30", "a", grant]), 0);

    assert_eq!(waiter.end().code(), Some(76));
    assert_eq!(place.number("a", "waiting_acquirers"), 0);
}

#[test]
fn number_of_permits_is_the_number_that_run() {
    let place = Place::new();
    assert_eq!(place.code(&["run", "--max", "2", "a", "--", "true"]), 0);
    let mut first = place.hold("a");
    let _second = place.hold("a");

    assert_eq!(place.code(&["run", "--try", "a", "--", "true"]), 75);
    first.let_go();

    assert_eq!(stdout(&place.output(&["run", "--wait", "30", "a", "--", "echo", "third"])), "third\n");
}
