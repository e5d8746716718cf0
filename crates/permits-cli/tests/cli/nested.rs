//! A run inside a run of the same semaphore.

use crate::place::{Place, Running, stderr, stdout};

#[test]
fn nested_run_that_may_wait_for_ever_is_warned_of() {
    let place = Place::new();

    let output = place.output(&["run", "a", "--", "sh", "-c", r#""$PERMITS" run --max-hold 1h --wait 1h a -- true & sleep 0.1; kill $!; timeout 0.2 "$PERMITS" run a -- true"#]);

    assert!(stderr(&output).contains("inside another"), "{}", stderr(&output));
}

#[test]
fn warning_and_report_of_a_nested_run_tell_the_process_of_the_outer_one() {
    let place = Place::new();
    let inner = r#"echo $PPID $PERMITS_GRANT; exec "$PERMITS" run --report-fd 1 a -- true 2>&1"#;
    let mut run = Running::start(place.permits(["run", "a", "--", "sh", "-c", inner]));

    let outer = run.line();
    let warning = run.line();
    let event: serde_json::Value = serde_json::from_str(&run.line()).expect("JSON");

    let (pid, grant) = outer.split_once(' ').expect("two words");
    assert_eq!(pid, run.pid().to_string());
    assert!(warning.contains(&format!("inside another, process `{pid}` with grant {grant},")), "{warning}");
    assert_eq!((&event["event"], &event["name"], &event["grant"]), (&"nested".into(), &"a".into(), &grant.into()));
    assert_eq!((&event["pid"], &event["pid_namespace"]), (&run.pid().into(), &serde_json::Value::Null));
}

#[test]
fn nested_run_with_enough_permits_is_not_warned_of() {
    let place = Place::new();

    let output = place.output(&["run", "--max", "2", "a", "--", "sh", "-c", r#""$PERMITS" run a -- echo inner"#]);

    assert_eq!((stdout(&output).as_str(), stderr(&output).as_str()), ("inner\n", ""));
}

/// It is a command that keeps a permit by a lock, has looked at the locks of others, and executes another program.
#[test]
fn a_command_that_looks_and_is_executed_anew_keeps_its_permit() {
    let place = Place::new();
    let inner = r#"exec "$PERMITS" run --exec a -- sh -c 'echo $PERMITS_SLOT; "$PERMITS" status a --json'"#;

    let output = place.output(&["run", "--exec", "--max", "2", "a", "--", "sh", "-c", inner]);

    let printed = stdout(&output);
    let (slot, status) = printed.split_once('\n').expect("two lines");
    let status: serde_json::Value = serde_json::from_str(status).expect("JSON");
    assert_eq!((slot, &status["held"], &status["recovered_total"]), ("1", &2.into(), &0.into()), "{status}");
}

#[test]
fn reentrant_run_shares_the_outer_grant() {
    let place = Place::new();
    let inner = r#"echo $PERMITS_GRANT; exec "$PERMITS" run --reentrant a -- sh -c 'echo $PERMITS_GRANT; "$PERMITS" status a --json; exit 6'"#;

    let output = place.output(&["run", "a", "--", "sh", "-c", inner]);

    let printed = stdout(&output);
    let mut lines = printed.lines();
    assert_eq!(lines.next(), lines.next());
    assert!(lines.next().expect("the status").contains(r#""held":1"#));
    assert_eq!(output.status.code(), Some(6));
}

#[test]
fn reentrant_run_cannot_have_more_than_the_outer_one() {
    let place = Place::new();
    let inner = r#"exec "$PERMITS" run --reentrant --units 2 a -- echo never"#;

    let output = place.output(&["run", "--max", "3", "a", "--", "sh", "-c", inner]);

    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(78), ""));
    assert!(stderr(&output).contains("`2`") && stderr(&output).contains("`1`"), "{}", stderr(&output));
}

#[test]
fn reentrant_run_without_an_outer_one_takes_its_own() {
    let place = Place::new();

    let output = place.output(&["run", "--reentrant", "a", "--", "sh", "-c", r#""$PERMITS" status a --json"#]);

    assert!(stdout(&output).contains(r#""held":1"#), "{}", stdout(&output));
}

#[test]
fn nested_run_means_the_directory_of_the_outer_one() {
    let place = Place::new();
    let other = place.dir().join("other");
    std::fs::create_dir(&other).expect("it can be made");

    let inner = r#""$PERMITS" run --reentrant a -- echo shared"#;
    let output = place.output(&["--dir", other.to_str().expect("text"), "run", "a", "--", "sh", "-c", inner]);

    assert_eq!(stdout(&output), "shared\n", "{}", stderr(&output));
    assert_eq!(place.code(&["status", "a"]), 69);
}
