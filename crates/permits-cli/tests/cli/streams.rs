//! The command has the streams and the environment of its caller, and a few words more.

use std::io::Write;
use std::process::Stdio;

use permits_testbed::start;

use crate::place::{Place, finish, output, stderr, stdout};

#[test]
fn streams_are_passed_through() {
    let place = Place::new();
    let mut command = place.permits(["run", "a", "--", "sh", "-c", "cat; echo to stderr >&2"]);
    let mut child = start(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()));
    let bytes: Vec<u8> = (0..200_000u32).map(|number| (number % 251) as u8).collect();
    let mut stdin = child.stdin.take().expect("a pipe");
    let sent = bytes.clone();
    let writer = std::thread::spawn(move || stdin.write_all(&sent));

    let output = finish(child);

    writer.join().expect("no panic").expect("all is read");
    assert!(output.stdout == bytes, "what went in did not come out");
    assert_eq!(stderr(&output), "to stderr\n");
}

#[test]
fn command_is_executed_without_a_shell() {
    let place = Place::new();

    let output = place.output(&["run", "a", "--", "printf", "[%s]", "$HOME", "a b", "", "*", "--try"]);

    assert_eq!(stdout(&output), "[$HOME][a b][][*][--try]");
}

#[test]
fn shell_is_asked_for() {
    let place = Place::new();

    let output = place.output(&["run", "--shell", "echo one | cat; exit 4", "a"]);

    assert_eq!((stdout(&output).as_str(), output.status.code()), ("one\n", Some(4)));
}

#[test]
fn environment_tells_name_grant_and_units() {
    let place = Place::new();
    let text = "echo $PERMITS_NAME $PERMITS_UNITS; $PERMITS status a --json";

    for exec in [&[][..], &["--exec"]] {
        let args = [&["run", "--max", "3", "--units", "2"], exec, &["a", "--", "sh", "-c", text]].concat();
        let output = place.output(&args);

        let printed = stdout(&output);
        let (words, status) = printed.split_once('\n').expect("two lines");
        let status: serde_json::Value = serde_json::from_str(status).expect("JSON");
        assert_eq!(words, "a 2", "{}", stderr(&output));
        assert_eq!(status["holders"][0]["permits"], 2);
        assert_eq!(status["held"], 2);
    }
}

#[test]
fn environment_tells_the_numbers_of_the_permits() {
    let place = Place::new();
    let holder = place.output(&["acquire", "--max", "4", "a"]);
    assert!(holder.status.success(), "{}", stderr(&holder));
    let text = "echo $PERMITS_SLOT $PERMITS_SLOTS; $PERMITS status a --json";

    for exec in [&[][..], &["--exec"]] {
        let args = [&["run", "--units", "2"], exec, &["a", "--", "sh", "-c", text]].concat();
        let output = place.output(&args);

        let printed = stdout(&output);
        let (words, status) = printed.split_once('\n').expect("two lines");
        let status: serde_json::Value = serde_json::from_str(status).expect("JSON");
        assert_eq!(words, "0 0,1", "loose permits have no number: {}", stderr(&output));
        assert_eq!(status["holders"][0]["slots"], serde_json::json!([0, 1]));
    }
}

#[test]
fn a_shared_permit_keeps_its_number() {
    let place = Place::new();
    let inner = "\"$PERMITS\" run --reentrant a -- sh -c 'echo $PERMITS_SLOTS'; \"$PERMITS\" run b -- sh -c 'echo $PERMITS_SLOTS'";

    let output = place.output(&["run", "--max", "3", "--units", "3", "a", "--", "sh", "-c", inner]);

    assert_eq!(stdout(&output), "0,1,2\n0\n", "{}", stderr(&output));
}

#[test]
fn environment_grant_is_the_one_in_status() {
    let place = Place::new();

    let output = place.output(&["run", "a", "--", "sh", "-c", "echo $PERMITS_GRANT; $PERMITS status a --json"]);

    let printed = stdout(&output);
    let (grant, status) = printed.split_once('\n').expect("two lines");
    let status: serde_json::Value = serde_json::from_str(status).expect("JSON");
    assert_eq!(status["holders"][0]["grant"], grant);
}

/// What a command prints with permits, and without.
fn with_and_without(place: &Place, command: &[&str]) -> [String; 2] {
    let with = place.output(&[&["run", "a", "--"], command].concat());
    let without = output(place.command(command[0]).args(&command[1..]));
    [stdout(&with), stdout(&without)]
}

#[test]
fn command_gets_no_descriptor_but_that_of_its_lock() {
    let place = Place::new();

    let [with, without] = with_and_without(&place, &["ls", "/proc/self/fd"]);

    assert_eq!(with.lines().count(), without.lines().count() + 1, "{with}");
}

#[test]
fn command_starts_with_the_signals_of_its_caller() {
    let place = Place::new();

    let [with, without] = with_and_without(&place, &["grep", "^Sig[BI]", "/proc/self/status"]);

    assert_eq!(with, without);
}

#[test]
fn ignored_hangup_stays_ignored() {
    let place = Place::new();

    let [with, without] = [r#""$PERMITS" run a -- "#, ""].map(|prefix| {
        let script = format!("trap '' HUP; {prefix} grep ^SigI /proc/self/status");
        stdout(&output(place.command("sh").args(["-c", &script])))
    });

    assert!(with.ends_with("1\n"), "{with}");
    assert_eq!(with, without);
}

#[test]
fn working_directory_is_kept() {
    let place = Place::new();

    let output = output(place.permits(["run", "a", "--", "pwd", "-P"]).current_dir("/usr"));

    assert_eq!(stdout(&output), "/usr\n");
}
