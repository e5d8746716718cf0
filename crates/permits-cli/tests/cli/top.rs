//! `top`: on a terminal that script(1) makes, and without one.

use nix::sys::termios::{LocalFlags, tcgetattr};

use crate::place::{Guarded, Place, Running, is_alive, kill, stdout, until};

/// `top` on a terminal, and its process, which has left the group of script.
fn on_terminal(place: &Place) -> (Running, Guarded) {
    on_terminal_with(place, "")
}

fn on_terminal_with(place: &Place, options: &str) -> (Running, Guarded) {
    let mut command = place.command("script");
    let line = format!(r#"stty cols 100 rows 30; echo pid $$; exec "$PERMITS" top --interval 100ms {options}"#);
    command.args(["-qec", &line, "/dev/null"]);
    command.env("TERM", "xterm");
    let mut terminal = Running::start(command);
    let line = terminal.line_with("pid ");
    let pid = line.split_whitespace().last().and_then(|pid| pid.parse().ok()).expect("a process id");
    let guarded = Guarded(pid);
    // In raw mode it has the terminal, and takes keys.
    until("the screen is there", || {
        let line = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        line.trim() == "permits" && is_raw(pid)
    });
    (terminal, guarded)
}

/// Whether the terminal of a process has been taken: it does not echo.
fn is_raw(pid: u32) -> bool {
    let Ok(tty) = std::fs::File::open(format!("/proc/{pid}/fd/0")) else { return false };
    tcgetattr(tty).is_ok_and(|modes| !modes.local_flags.contains(LocalFlags::ECHO))
}

#[test]
fn quits_by_its_key() {
    let place = Place::new();
    let (mut terminal, _top) = on_terminal(&place);

    terminal.write("q");

    assert_eq!(terminal.end().code(), Some(0));
}

#[test]
fn dies_by_the_signal_that_came() {
    let place = Place::new();
    let (mut terminal, top) = on_terminal(&place);

    kill(top.0, "TERM");

    assert_eq!(terminal.end().code(), Some(143));
    assert!(terminal.rest().concat().contains("\x1b[?1049l"), "it leaves the other screen");
}

#[test]
fn ends_when_the_terminal_is_gone() {
    let place = Place::new();
    let (terminal, top) = on_terminal(&place);

    terminal.signal("KILL");

    until("it has ended", || !is_alive(top.0));
}

#[test]
fn ends_when_the_terminal_is_gone_within_a_sequence() {
    let place = Place::new();
    let (mut terminal, top) = on_terminal(&place);

    terminal.write("\x1b[");
    terminal.signal("KILL");

    until("it has ended", || !is_alive(top.0));
}

#[test]
fn key_resizes_the_semaphore() {
    let place = Place::new();
    assert_eq!(place.code(&["run", "--max", "2", "a", "--", "true"]), 0);
    let (mut terminal, _top) = on_terminal(&place);

    terminal.write("+");

    until("it has one more", || place.number("a", "max_permits") == 3);
    terminal.write("q");
    terminal.end();
}

#[test]
fn keys_change_nothing_where_it_is_read_only() {
    let place = Place::new();
    assert_eq!(place.code(&["run", "--max", "2", "a", "--", "true"]), 0);
    let (mut terminal, _top) = on_terminal_with(&place, "--read-only");

    terminal.write("+-q");

    assert_eq!(terminal.end().code(), Some(0));
    assert_eq!(place.number("a", "max_permits"), 2);
}

#[test]
fn filter_finds_the_semaphore_that_keys_act_on() {
    let place = Place::new();
    for name in ["a", "b", "c"] {
        assert_eq!(place.code(&["set", "--create", name, "2"]), 0);
    }
    let (mut terminal, _top) = on_terminal(&place);

    terminal.write("/c\r+");

    until("it has one more", || place.number("c", "max_permits") == 3);
    assert_eq!((place.number("a", "max_permits"), place.number("b", "max_permits")), (2, 2));
    terminal.write("q");
    terminal.end();
}

#[test]
fn key_revokes_the_holder_after_a_question() {
    let place = Place::new();
    let mut holder = place.hold("a");
    let (mut terminal, _top) = on_terminal(&place);

    terminal.write("ry");

    assert_eq!(holder.end().code(), Some(76));
    terminal.write("q");
    terminal.end();
}

#[test]
fn without_a_terminal_it_prints_once() {
    let place = Place::new();
    assert_eq!(place.code(&["run", "--max", "2", "a", "--", "true"]), 0);

    let table = stdout(&place.output(&["top"]));
    let json = stdout(&place.output(&["top", "--json"]));

    assert!(table.starts_with("NAME  STATE"), "{table}");
    let json: serde_json::Value = serde_json::from_str(&json).expect("one object");
    assert_eq!((json["schema"].as_u64(), json["semaphores"][0]["max_permits"].as_u64()), (Some(1), Some(2)));
}

#[test]
fn semaphore_that_is_missing_is_an_error() {
    let place = Place::new();

    assert_eq!(place.code(&["top", "nosuch"]), 69);
}
