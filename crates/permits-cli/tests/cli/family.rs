//! What the command has started: told with it, and with `--tree` waited for. And what it has not started: neither.

use std::os::unix::process::ExitStatusExt;

use nix::sys::signal::Signal;
use permits_testbed::{limit_descriptors_of, signal_group};

use crate::place::{Guarded as Daemon, Place, Running, is_alive, kill, until};

/// The process id that the run prints next.
fn pid(run: &mut Running) -> u32 {
    let line = run.line();
    line.parse().unwrap_or_else(|_| panic!("no process id: {line}"))
}

/// Prints its process id and sleeps.
const SLEEPER: &str = "sh -c 'echo $$; exec sleep 1000'";
/// The same, and TERM does not end it.
const DEAF: &str = "sh -c 'trap \"\" TERM; echo $$; while :; do sleep 0.05; done'";

fn run(place: &Place, options: &[&str], script: &str) -> Running {
    Running::start(place.permits([&["run"], options, &["a", "--", "bash", "-c", script]].concat()))
}

/// A shell that has a child, and becomes a run. The child prints its process id.
fn run_with_an_earlier_child(place: &Place, options: &str, script: &str) -> Running {
    let mut shell = place.command("sh");
    let line = format!(r#"{SLEEPER} & exec "$PERMITS" run {options} a -- bash -c "$0""#);
    shell.args(["-c", &line, script]);
    Running::start(shell)
}

/// The two process ids and the word that such a run prints, in any order.
fn two_and_ready(run: &mut Running) -> Vec<Daemon> {
    let lines = [run.line(), run.line(), run.line()];
    let pids: Vec<_> = lines.iter().filter_map(|line| line.parse().ok().map(Daemon)).collect();
    assert_eq!(pids.len(), 2, "{lines:?}");
    pids
}

fn revoke(place: &Place) {
    let status = place.status("a");
    assert_eq!(place.code(&["revoke", "a", status["holders"][0]["grant"].as_str().expect("a grant")]), 0);
}

#[test]
fn term_reaches_children_and_pipelines() {
    let place = Place::new();
    let script = format!("exec 3>&1; {SLEEPER} & {{ {SLEEPER} >&3 | {SLEEPER} >&3; }} & echo $$; wait");
    let mut run = run(&place, &[], &script);
    let all: Vec<u32> = (0..4).map(|_| pid(&mut run)).collect();

    run.signal("TERM");

    assert_eq!(run.end().signal(), Some(15));
    until("all have ended", || !all.iter().any(|pid| is_alive(*pid)));
}

#[test]
fn nothing_works_on_after_max_hold() {
    let place = Place::new();
    let mut run = run(&place, &["--max-hold", "3"], &format!("{SLEEPER} & {SLEEPER} & wait"));
    let all = [pid(&mut run), pid(&mut run)];

    assert_eq!(run.end().code(), Some(124));

    assert!(!all.iter().any(|pid| is_alive(*pid)));
}

#[test]
fn child_that_ignores_the_signal_is_killed_before_the_permit_is_back() {
    let place = Place::new();
    // The shell ends by TERM at once, and what it has started does not.
    let mut run = run(&place, &["--grace", "0.2"], &format!("{DEAF} & wait"));
    let child = pid(&mut run);

    revoke(&place);

    assert_eq!(run.end().code(), Some(76));
    assert!(!is_alive(child));
    assert_eq!(place.number("a", "given_out"), 0);
}

#[test]
fn permit_is_held_while_a_revoked_child_cleans_up() {
    let place = Place::new();
    let slow = "bash -c 'trap \"echo cleaning; read line <&3; exit\" TERM; echo $$; while :; do sleep 0.05; done'";
    let mut run = run(&place, &["--grace", "1h"], &format!("exec 3<&0; {slow} & command=$!; wait"));
    pid(&mut run);

    revoke(&place);

    assert_eq!(run.line(), "cleaning");
    assert_eq!(place.number("a", "held"), 1);
    run.let_go();
    assert_eq!(run.end().code(), Some(76));
}

#[test]
fn program_with_a_group_of_its_own_is_told() {
    let place = Place::new();
    let mut run = run(&place, &[], &format!("timeout 1000 {SLEEPER}; echo never"));
    let child = pid(&mut run);
    let _child = Daemon(child);

    run.signal("TERM");

    assert_eq!(run.end().signal(), Some(15));
    until("it has ended", || !is_alive(child));
    assert!(run.rest().is_empty(), "the shell went on to its next command");
}

#[test]
fn command_that_makes_its_own_session_is_told_with_its_children() {
    let place = Place::new();
    let script = format!("{SLEEPER} & wait");
    let mut run = Running::start(place.permits(["run", "a", "--", "setsid", "--wait", "bash", "-c", &script]));
    let child = pid(&mut run);
    let _daemon = Daemon(child);

    run.signal("TERM");

    run.end();
    until("it has ended", || !is_alive(child));
}

#[test]
fn daemon_is_left_alone() {
    let place = Place::new();
    let mut run = run(&place, &["--max-hold", "3"], &format!("(setsid {SLEEPER} &); exec sleep 1000"));
    let daemon = Daemon(pid(&mut run));

    assert_eq!(run.end().code(), Some(124));

    assert!(is_alive(daemon.0));
}

#[test]
fn tree_holds_the_permit_while_a_daemon_lives() {
    let place = Place::new();
    let mut run = run(&place, &["--tree"], &format!("(setsid {SLEEPER} &); echo $$; read line; exit 3"));
    let mut pids = [pid(&mut run), pid(&mut run)];
    pids.sort_unstable();
    let [command, daemon] = pids;
    let daemon = Daemon(daemon);

    run.let_go();
    until("the command has ended", || !is_alive(command));

    assert_eq!(place.number("a", "held"), 1);
    assert_eq!(place.code(&["run", "--try", "a", "--", "true"]), 75);
    kill(daemon.0, "KILL");
    assert_eq!(run.end().code(), Some(3), "the exit code is the command's");
    assert_eq!(place.number("a", "given_out"), 0);
}

#[test]
fn tree_is_told_and_killed_as_a_whole() {
    let place = Place::new();
    let mut run = run(
        &place,
        &["--tree", "--max-hold", "3", "-k", "0.2"],
        &format!("(setsid {DEAF} &); (setsid {SLEEPER} &); exit 0"),
    );
    let all = [Daemon(pid(&mut run)), Daemon(pid(&mut run))];

    assert_eq!(run.end().code(), Some(124));

    assert!(!all.iter().any(|daemon| is_alive(daemon.0)));
}

#[test]
fn signals_reach_a_tree_whose_command_has_ended() {
    let place = Place::new();
    let mut run = run(&place, &["--tree"], &format!("(setsid {SLEEPER} &); exit 4"));
    let daemon = Daemon(pid(&mut run));

    run.signal("TERM");

    let end = run.end();
    assert!(end.code() == Some(4) || end.signal() == Some(15), "{end:?}");
    assert!(!is_alive(daemon.0));
}

#[test]
fn command_stays_in_the_group_of_its_caller() {
    let place = Place::new();
    let mut run = run(&place, &[], &format!("{SLEEPER} & wait"));
    let child = pid(&mut run);

    // As timeout(1) and CI systems do with what they have started.
    signal_group(run.pid(), Signal::SIGKILL as i32).expect("it lives");

    run.end();
    until("the child has ended, too", || !is_alive(child));
    until("the permit is back", || place.number("a", "given_out") == 0);
}

#[test]
fn earlier_child_of_the_same_process_is_not_told() {
    let place = Place::new();
    let mut run = run_with_an_earlier_child(&place, "", &format!("{SLEEPER} & echo ready; wait"));
    let pids = two_and_ready(&mut run);

    // Afterwards the permit is back only when all that were told have ended.
    revoke(&place);

    assert_eq!(run.end().code(), Some(76));
    assert_eq!(pids.iter().filter(|daemon| is_alive(daemon.0)).count(), 1, "the earlier one lives");
}

#[test]
fn earlier_child_is_no_part_of_a_tree() {
    let place = Place::new();
    let mut run = run_with_an_earlier_child(&place, "--tree", &format!("(setsid {SLEEPER} &); echo ready; read line"));
    let pids = two_and_ready(&mut run);

    run.signal("TERM");

    run.end();
    assert_eq!(pids.iter().filter(|daemon| is_alive(daemon.0)).count(), 1, "the earlier one lives");
    assert_eq!(place.number("a", "given_out"), 0);
}

#[test]
fn tree_does_not_wait_for_an_earlier_child() {
    let place = Place::new();
    let mut run = run_with_an_earlier_child(&place, "--tree", "exit 3");
    let earlier = Daemon(pid(&mut run));

    assert_eq!(run.end().code(), Some(3));

    assert!(is_alive(earlier.0));
    assert_eq!(place.number("a", "given_out"), 0);
}

#[test]
fn what_the_hook_has_started_is_not_told_and_not_waited_for() {
    let place = Place::new();
    // One whose parent ends at once, and one without the hook's environment, whose parent is seen to live.
    let hook = format!("({SLEEPER} &); env -i {SLEEPER} & echo $$; read line");
    let child = "bash -c 'trap \"echo told\" TERM; echo $$; while :; do sleep 0.05; done'";
    let mut run = run(&place, &["--tree", "--on-lost", &hook], &format!("{child} & wait"));
    let child = Daemon(pid(&mut run));
    let lives = |pids: &[Daemon]| pids.iter().filter(|daemon| is_alive(daemon.0)).count();

    revoke(&place);
    let theirs = [pid(&mut run), pid(&mut run), pid(&mut run)].map(Daemon);
    run.signal("TERM");
    assert_eq!(run.line(), "told");
    run.let_go();
    until("the hook has ended", || lives(&theirs) <= 2);
    run.signal("TERM");
    assert_eq!(run.line(), "told");
    kill(child.0, "KILL");

    assert_eq!(run.end().code(), Some(76));
    assert_eq!(lives(&theirs), 2);
    assert_eq!(place.number("a", "given_out"), 0);
}

#[test]
fn run_that_cannot_go_on_leaves_the_permit_to_the_command() {
    let place = Place::new();
    let mut run = run(&place, &[], "echo $$; read line");
    let command = Daemon(pid(&mut run));
    // poll(2) refuses to wait for more descriptors than a process may have.
    limit_descriptors_of(run.pid(), 2).expect("it lives");

    run.signal("CONT");

    assert_eq!(run.end().code(), Some(125));
    assert!(is_alive(command.0));
    assert_eq!(place.number("a", "given_out"), 1);
    run.let_go();
    until("the command has ended", || !is_alive(command.0));
    assert_eq!(place.number("a", "given_out"), 0);
}
