//! `--max-hold` and `--on-lost`: the command is stopped, and the exit code says why.

use crate::place::{Place, Running, is_alive, shell_code, stderr};

#[test]
fn held_too_long_is_stopped_with_124() {
    let place = Place::new();

    let output = place.output(&["run", "--max-hold", "0.1", "a", "--", "sleep", "100"]);

    assert_eq!(output.status.code(), Some(124));
    assert!(stderr(&output).contains("stopping"), "{}", stderr(&output));
    assert_eq!(place.number("a", "given_out"), 0);
}

#[test]
fn held_too_long_is_killed_if_it_does_not_stop() {
    let place = Place::new();
    let deaf = "trap '' TERM; echo $$; while :; do sleep 0.1; done";
    let mut run = Running::start(place.permits(["run", "--max-hold", "0.1", "-k", "0.1", "a", "--", "sh", "-c", deaf]));
    let command: u32 = run.line().parse().expect("a process id");

    assert_eq!(run.end().code(), Some(124));

    assert!(!is_alive(command));
}

#[test]
fn signal_of_max_hold_is_chosen() {
    let place = Place::new();
    let script = "trap 'echo got it; exit 0' USR1; while :; do sleep 0.01; done";

    let mut run =
        Running::start(place.permits(["run", "--max-hold", "0.3", "--signal", "USR1", "a", "--", "sh", "-c", script]));

    assert_eq!(run.line(), "got it");
    assert_eq!(run.end().code(), Some(124));
}

#[test]
fn command_that_ends_in_time_is_left_alone() {
    let place = Place::new();

    assert_eq!(place.code(&["run", "--max-hold", "1h", "a", "--", "sh", "-c", "exit 3"]), 3);
}

/// Starts a run that reads lines, revokes it, and returns how it ended.
fn revoked(place: &Place, on_lost: &[&str], script: &str) -> (i32, Vec<String>) {
    let args = [&["run"], on_lost, &["a", "--", "bash", "-c", script]].concat();
    let mut run = Running::start(place.permits(args));
    assert_eq!(run.line(), "ready");
    let status = place.status("a");
    let grant = status["holders"][0]["grant"].as_str().expect("a grant").to_owned();

    assert_eq!(place.code(&["revoke", "a", &grant]), 0);

    let code = shell_code(run.end());
    (code, run.rest())
}

#[test]
fn revoked_command_is_ended_with_76() {
    let place = Place::new();

    let (code, printed) = revoked(
        &place,
        &[],
        "trap 'echo term; exit 0' TERM; echo ready; while read -t 5 line || [ $? -gt 128 ]; do :; done",
    );

    assert_eq!((code, printed), (76, vec!["term".to_owned()]));
    assert_eq!(place.number("a", "given_out"), 0);
}

#[test]
fn revoked_command_that_does_not_end_is_killed_after_the_grace() {
    let place = Place::new();

    let (code, _) = revoked(&place, &["--grace", "0.1"], "trap '' TERM; echo ready; while :; do sleep 0.05; done");

    assert_eq!(code, 76);
}

#[test]
fn revoked_command_is_killed_at_once_if_asked() {
    let place = Place::new();

    let (code, printed) =
        revoked(&place, &["--on-lost", "kill"], "trap 'echo term' TERM; echo ready; while :; do sleep 0.05; done");

    assert_eq!((code, printed), (76, vec![]));
}

#[test]
fn revoked_command_goes_on_if_asked() {
    let place = Place::new();
    let mut run = Running::start(place.permits([
        "run",
        "--json",
        "--on-lost",
        "ignore",
        "a",
        "--",
        "sh",
        "-c",
        "echo ready; read line; exit 5",
    ]));
    assert_eq!(run.line(), "ready");
    let status = place.status("a");
    let grant = status["holders"][0]["grant"].as_str().expect("a grant").to_owned();

    assert_eq!(place.code(&["revoke", "a", &grant]), 0);
    assert_eq!(place.code(&["revoke", "--wait", "0.2", "a", &grant]), 75, "it still holds");
    assert_eq!(place.number("a", "held"), 1);
    run.let_go();

    assert_eq!(run.end().code(), Some(5));
}

#[test]
fn revocation_runs_a_command_if_asked() {
    let place = Place::new();
    let hook = "echo hook for $PERMITS_NAME; kill -s USR1 $PERMITS_COMMAND_PID";
    let script = "trap 'echo bye; exit 0' USR1; echo ready; while read -t 5 line || [ $? -gt 128 ]; do :; done";

    let (code, printed) = revoked(&place, &["--on-lost", hook], script);

    assert_eq!((code, printed), (76, vec!["hook for a".to_owned(), "bye".to_owned()]));
}

#[test]
fn revocation_of_a_stranger_is_69() {
    let place = Place::new();
    let _holder = place.hold("a");
    let status = place.status("a");
    let grant = status["holders"][0]["grant"].as_str().expect("a grant").to_owned();
    let other = format!("{grant}9");

    assert_eq!(place.code(&["revoke", "a", &other]), 69);
}
