//! `acquire --while-pid`: a keeper holds permits as long as another process lives.

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::place::{Place, Running, is_alive, output, stderr, stdout, until};

/// A process to hold permits for.
struct Friend(Child);

impl Friend {
    fn new() -> Self {
        Friend(permits_testbed::start(Command::new("sleep").arg("1000").stdin(Stdio::null())))
    }

    fn pid(&self) -> String {
        self.0.id().to_string()
    }

    fn end(&mut self) {
        self.0.kill().and_then(|()| self.0.wait()).expect("it is our child");
    }
}

impl Drop for Friend {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn keeper_holds_as_long_as_the_process_lives() {
    let place = Place::new();
    let mut friend = Friend::new();

    let output = place.output(&["acquire", "--max", "3", "--units", "2", "--while-pid", &friend.pid(), "a"]);

    let status = place.status("a");
    assert_eq!(status["holders"][0]["grant"], stdout(&output).trim());
    assert_eq!((&status["held"], &status["loose"]), (&2.into(), &0.into()));
    friend.end();
    until("the permits come back", || place.number("a", "given_out") == 0);
    assert_eq!(place.number("a", "recovered_total"), 0, "they were given back, not found");
}

#[test]
fn keeper_ends_when_its_grant_is_released() {
    let place = Place::new();
    let friend = Friend::new();
    let output = place.output(&["acquire", "--json", "--while-pid", &friend.pid(), "a"]);
    let taken: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let keeper = taken["keeper_pid"].as_u64().expect("a process id") as u32;
    assert!(is_alive(keeper));

    assert_eq!(place.code(&["release", "--wait", "30", "--grant", taken["grant"].as_str().expect("a grant"), "a"]), 0);

    assert_eq!(place.number("a", "given_out"), 0);
    until("the keeper ends", || !is_alive(keeper));
}

#[test]
fn killed_keeper_gives_back() {
    let place = Place::new();
    let friend = Friend::new();
    let output = place.output(&["acquire", "--json", "--while-pid", &friend.pid(), "a"]);
    let taken: Value = serde_json::from_slice(&output.stdout).expect("JSON");

    crate::place::kill(taken["keeper_pid"].as_u64().expect("a process id") as u32, "KILL");

    assert_eq!(place.code(&["run", "--wait", "30", "a", "--", "true"]), 0);
}

#[test]
fn keeper_that_cannot_have_permits_says_so() {
    let place = Place::new();
    let friend = Friend::new();
    let _holder = place.hold("a");

    let output = place.output(&["acquire", "--try", "--while-pid", &friend.pid(), "a"]);

    assert_eq!(output.status.code(), Some(75), "{}", stderr(&output));
    assert_eq!(stdout(&output), "");
}

#[test]
fn keeper_that_waits_ends_with_its_caller_or_its_process() {
    let place = Place::new();
    let mut friend = Friend::new();
    let mut holder = place.hold("a");

    let mut called = Running::start(place.permits(["acquire", "--while-pid", &friend.pid(), "a"]));
    place.until_waiting("a", 1);
    called.signal("TERM");
    assert_eq!(called.end().signal(), Some(15));
    place.until_waiting("a", 0);

    let mut called = Running::start(place.permits(["acquire", "--while-pid", &friend.pid(), "a"]));
    place.until_waiting("a", 1);
    friend.end();
    assert_eq!(called.end().code(), Some(69));

    holder.let_go();
    holder.end();
    assert_eq!(place.number("a", "given_out"), 0);
}

#[test]
fn keeper_has_no_descriptors_of_its_caller() {
    let place = Place::new();
    let friend = Friend::new();
    let file = place.dir().join("lock");
    // 7 is the pipe whose end is waited for here.
    let script = r#"exec 7>&1 9>"$0"; "$PERMITS" acquire --json --while-pid "$1" a"#;

    let output = output(place.command("bash").args(["-c", script]).arg(&file).arg(friend.pid()));

    let taken: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let keeper = taken["keeper_pid"].as_u64().expect("a process id");
    let open = std::fs::read_dir(format!("/proc/{keeper}/fd")).expect("the keeper is ours");
    let targets: Vec<_> = open.flatten().filter_map(|fd| std::fs::read_link(fd.path()).ok()).collect();
    assert!(!targets.contains(&file), "{targets:?}");
    assert_eq!(place.number("a", "held"), 1);
}
