//! Signals reach the command, and none leaves it orphaned.

use std::os::unix::process::ExitStatusExt;

use crate::place::{Place, Running, is_alive, process_state, until};

/// All that can be caught and mean something to a command.
const FORWARDED: [&str; 16] = [
    "HUP", "INT", "QUIT", "ABRT", "USR1", "USR2", "ALRM", "TERM", "CONT", "TSTP", "URG", "VTALRM", "PROF", "WINCH",
    "IO", "PWR",
];

#[test]
fn every_signal_reaches_the_command() {
    let place = Place::new();
    let traps: Vec<_> = FORWARDED
        .into_iter()
        .chain(["RTMIN", "RTMIN+5", "RTMAX"])
        .map(|name| format!("trap 'echo got {name}' {name}"))
        .collect();
    // `read` is interrupted by a trap at once, where `sleep` would have to end first; it never gets input here.
    let script = format!("{}; echo ready; while read -t 5 line || [ $? -gt 128 ]; do :; done", traps.join("; "));
    let mut run = Running::start(place.permits(["run", "a", "--", "bash", "-c", &script]));
    assert_eq!(run.line(), "ready");

    for (name, number) in
        FORWARDED.iter().map(|name| (*name, *name)).chain([("RTMIN", "34"), ("RTMIN+5", "39"), ("RTMAX", "64")])
    {
        run.signal(number);
        assert_eq!(run.line(), format!("got {name}"));
    }
}

#[test]
fn guide_lists_the_signals_that_are_passed_on() {
    let guide = include_str!("../../../../docs/guide/shell.md");
    let row = guide.lines().find(|line| line.contains("it is passed on:")).expect("a row about signals");
    let words: Vec<&str> = row.split(|c: char| !c.is_ascii_alphanumeric()).collect();

    let missing: Vec<_> = FORWARDED.into_iter().filter(|name| !words.contains(name)).collect();

    assert!(missing.is_empty() && row.contains("real-time"), "{missing:?} in {row}");
}

#[test]
fn command_is_not_orphaned_by_term() {
    let place = Place::new();
    let mut run = Running::start(place.permits(["run", "a", "--", "sh", "-c", "echo $$; exec sleep 100"]));
    let command: u32 = run.line().parse().expect("a process id");

    run.signal("TERM");

    assert_eq!(run.end().signal(), Some(15));
    assert!(!is_alive(command));
    assert_eq!(place.number("a", "given_out"), 0);
    assert_eq!(place.number("a", "recovered_total"), 0, "the permit was given back, not found");
}

#[test]
fn permit_is_kept_while_the_command_handles_a_signal() {
    let place = Place::new();
    let mut run = Running::start(place.permits([
        "run",
        "a",
        "--",
        "bash",
        "-c",
        "trap 'echo busy; read; exit 7' TERM; echo ready; while read -t 5 || [ $? -gt 128 ]; do :; done",
    ]));
    assert_eq!(run.line(), "ready");

    run.signal("TERM");

    assert_eq!(run.line(), "busy");
    assert_eq!(place.number("a", "given_out"), 1);
    run.let_go();
    assert_eq!(run.end().code(), Some(7));
    assert_eq!(place.number("a", "given_out"), 0);
}

#[test]
fn stopped_command_stops_the_wrapper_and_continues_with_it() {
    // Each with a run of its own: the wrapper passes on that it was continued, at a time that cannot be seen.
    for stopped in 0..2 {
        let place = Place::new();
        let mut run = Running::start(place.permits(["run", "a", "--", "sh", "-c", "echo $$; read line; echo on"]));
        let pids = [run.pid(), run.line().parse().expect("a process id")];

        crate::place::kill(pids[stopped], "TSTP");
        until("both stop", || pids.iter().all(|pid| process_state(*pid) == Some('T')));
        assert_eq!(place.number("a", "given_out"), 1, "a stopped holder holds");
        // As fg does, for the job.
        for pid in &pids {
            crate::place::kill(*pid, "CONT");
        }
        until("both go on", || pids.iter().all(|pid| process_state(*pid) != Some('T')));

        run.let_go();
        assert_eq!(run.line(), "on");
        assert!(run.end().success());
    }
}

#[test]
fn stop_of_the_command_alone_does_not_stop_the_wrapper() {
    let place = Place::new();
    let mut run = Running::start(place.permits(["run", "a", "--", "sh", "-c", "echo $$; read line"]));
    let command: u32 = run.line().parse().expect("a process id");

    crate::place::kill(command, "STOP");
    until("the command stops", || process_state(command) == Some('T'));
    crate::place::kill(command, "CONT");
    run.let_go();

    assert!(run.end().success());
}

#[test]
fn background_job_of_a_script_ignores_interrupts_as_ever() {
    let place = Place::new();
    // Without job control a shell starts background jobs with INT ignored.
    let script = r#""$PERMITS" run a -- true; "$PERMITS" acquire a; "$PERMITS" run a -- echo ran & echo $!; wait"#;
    let mut command = place.command("sh");
    command.args(["-c", script]);
    let mut shell = Running::start(command);
    let waiting: u32 = shell.line().parse().expect("a process id");
    place.until_waiting("a", 1);

    crate::place::kill(waiting, "INT");
    assert_eq!(place.code(&["release", "a"]), 0);

    assert_eq!(shell.line(), "ran");
}
