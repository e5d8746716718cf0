//! Whatever dies: permits come back, and never does one run too many.

use crate::place::{Place, Running, is_alive, kill, stdout, until};

#[test]
fn killed_wrapper_leaves_the_permit_with_the_command() {
    let place = Place::new();
    let mut run = Running::start(place.permits(["run", "a", "--", "sh", "-c", "echo $$; exec sleep 100"]));
    let command: u32 = run.line().parse().expect("a process id");

    run.signal("KILL");
    run.end();

    assert!(is_alive(command));
    assert_eq!(place.code(&["run", "--try", "a", "--", "true"]), 75, "no overlap");
    assert_eq!(place.number("a", "held"), 1);
    kill(command, "KILL");
    assert_eq!(place.code(&["run", "--wait", "30", "a", "--", "true"]), 0, "it comes back");
    assert_eq!(place.number("a", "given_out"), 0);
}

#[test]
fn waiter_follows_a_killed_wrapper_and_its_command() {
    let place = Place::new();
    let mut run = Running::start(place.permits(["run", "a", "--", "sh", "-c", "echo $$; exec sleep 100"]));
    let command: u32 = run.line().parse().expect("a process id");
    let mut waiter = Running::start(place.permits(["run", "a", "--", "echo", "next"]));
    place.until_waiting("a", 1);

    run.signal("KILL");
    run.end();
    assert!(is_alive(command));
    assert_eq!(place.number("a", "waiting_acquirers"), 1);
    kill(command, "KILL");

    assert_eq!(waiter.line(), "next");
}

#[test]
fn killed_command_gives_the_permit_back() {
    let place = Place::new();
    let mut run = Running::start(place.permits(["run", "a", "--", "sh", "-c", "echo $$; exec sleep 100"]));
    let command: u32 = run.line().parse().expect("a process id");

    kill(command, "KILL");

    run.end();
    assert_eq!(place.number("a", "given_out"), 0);
}

#[test]
fn command_executed_in_place_holds_until_it_ends() {
    let place = Place::new();
    let mut run = Running::start(place.permits(["run", "--exec", "a", "--", "sh", "-c", "echo $$; exec sleep 100"]));

    assert_eq!(run.line(), run.pid().to_string(), "no process in between");
    assert_eq!(place.code(&["run", "--try", "a", "--", "true"]), 75);
    run.signal("KILL");
    run.end();

    assert_eq!(place.code(&["run", "--wait", "30", "a", "--", "true"]), 0);
}

#[test]
fn daemon_left_behind_does_not_keep_the_permit() {
    let place = Place::new();

    for exec in [&[][..], &["--exec"]] {
        let start = "sleep 100 >/dev/null 2>&1 </dev/null & echo $!";
        let output = place.output(&[&["run"], exec, &["a", "--", "sh", "-c", start]].concat());
        let daemon: u32 = stdout(&output).trim().parse().expect("a process id");

        assert!(is_alive(daemon));
        assert_eq!(place.code(&["run", "--wait", "30", "a", "--", "true"]), 0);
        kill(daemon, "KILL");
    }
}

#[test]
fn dead_waiter_does_not_stop_the_queue() {
    let place = Place::new();
    let mut holder = place.hold("a");
    let mut first = Running::start(place.permits(["run", "a", "--", "echo", "first"]));
    place.until_waiting("a", 1);
    let mut second = Running::start(place.permits(["run", "a", "--", "echo", "second"]));
    place.until_waiting("a", 2);

    first.signal("KILL");
    first.end();
    holder.let_go();

    assert_eq!(second.line(), "second");
}

#[test]
fn pdeathsig_ends_the_command_with_the_wrapper() {
    let place = Place::new();
    let mut run =
        Running::start(place.permits(["run", "--pdeathsig", "TERM", "a", "--", "sh", "-c", "echo $$; exec sleep 100"]));
    let command: u32 = run.line().parse().expect("a process id");

    run.signal("KILL");

    until("the command dies", || !is_alive(command));
    assert_eq!(place.code(&["run", "--wait", "30", "a", "--", "true"]), 0);
}

#[test]
fn loose_permits_outlive_everybody() {
    let place = Place::new();

    assert_eq!(place.code(&["acquire", "--max", "2", "a"]), 0);

    assert_eq!((place.number("a", "loose"), place.number("a", "held"), place.number("a", "free")), (1, 0, 1));
    assert_eq!(place.code(&["release", "a"]), 0);
    assert_eq!(place.number("a", "free"), 2);
}

#[test]
fn release_never_gives_back_what_is_held() {
    let place = Place::new();
    let _holder = place.hold("a");

    assert_eq!(place.code(&["release", "--try", "a"]), 75);

    assert_eq!(place.number("a", "held"), 1);
}
