//! Events for programs: `--report-fd` and `--json`.

use serde_json::Value;

use crate::place::{Place, Running, output, stderr, stdout};

fn events(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

fn names(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["event"].as_str().expect("an event")).collect()
}

#[test]
fn report_tells_all_events() {
    let place = Place::new();
    let script =
        r#""$PERMITS" run --max 3 --units 2 --report-fd 3 a -- sh -c 'echo out; exit 4' 3>"$PERMITS_DIR/report""#;

    let output = output(place.command("sh").args(["-c", script]));

    let report = events(&std::fs::read_to_string(place.dir().join("report")).expect("it was written"));
    assert_eq!((stdout(&output).as_str(), output.status.code()), ("out\n", Some(4)));
    assert_eq!(names(&report), ["granted", "started", "done"]);
    assert!(report.iter().all(|event| event["schema"] == 1));
    assert_eq!((&report[0]["name"], &report[0]["units"]), (&"a".into(), &2.into()));
    assert_eq!((&report[2]["reason"], &report[2]["code"]), (&"exit".into(), &4.into()));
}

#[test]
fn report_is_not_inherited_by_the_command() {
    let place = Place::new();
    let script = r#""$PERMITS" run --report-fd 9 a -- sh -c 'test ! -e /proc/self/fd/9' 9>"$PERMITS_DIR/report""#;

    let output = output(place.command("sh").args(["-c", script]));

    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn report_tells_waiting_with_the_position() {
    let place = Place::new();
    let mut holder = place.hold("a");
    let mut command = place.permits(["run", "--report-fd", "1", "a", "--", "true"]);
    command.env("LC_ALL", "C");
    let mut waiter = Running::start(command);

    let waiting: Value = serde_json::from_str(&waiter.line()).expect("JSON");
    assert_eq!((&waiting["event"], &waiting["position"]), (&"waiting".into(), &1.into()));
    holder.let_go();

    waiter.end();
    assert_eq!(names(&events(&waiter.rest().join("\n"))), ["granted", "started", "done"]);
}

#[test]
fn json_reports_on_stderr() {
    let place = Place::new();
    let _holder = place.hold("a");

    let cases: [(&[&str], &str, u64); 3] = [
        (&["-q", "run", "--json", "--try", "a", "--", "true"], "timeout", 75),
        (&["-q", "run", "--json", "--try", "-E", "3", "a", "--", "true"], "timeout", 3),
        (&["-q", "run", "--json", "--max-hold", "0.05", "b", "--", "sleep", "100"], "max-hold", 124),
    ];
    for (args, reason, code) in cases {
        let report = events(&stderr(&place.output(args)));
        let done = report.last().expect("an event");
        assert_eq!((&done["reason"], &done["code"]), (&reason.into(), &code.into()), "{args:?}");
    }
    let signal = events(&stderr(&place.output(&["-q", "run", "--json", "b", "--", "sh", "-c", "kill -s KILL $$"])));
    assert_eq!((&signal[2]["reason"], &signal[2]["code"]), (&"signal".into(), &137.into()));
}

#[test]
fn reader_that_went_away_does_not_stop_the_command() {
    let place = Place::new();
    let script = r#"{ "$PERMITS" run --report-fd 3 a -- sh -c 'sleep 0.1; exit 5' 3>&1 >&2; echo $? >"$PERMITS_DIR/code"; } | true"#;

    output(place.command("sh").args(["-c", script]));

    assert_eq!(std::fs::read_to_string(place.dir().join("code")).expect("it was written"), "5\n");
}
