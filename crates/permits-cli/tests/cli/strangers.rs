//! What others write about themselves is shown to people and to programs, and must not act on a terminal or
//! pretend to be something else.

use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::Value;
use unicode_width::UnicodeWidthStr;

use crate::place::{Place, Running, stderr, stdout, until};

/// Clears a terminal, ends the line, turns the direction of writing, and hides a word between marks of no width.
const HOSTILE: &str = "\u{301}rm\x1b[2J\nx \u{202e}txt\u{2066}.exe\u{2069}\u{200b}\u{61c}\u{feff} 建てる";

/// A holder with a hostile label, and with a hostile command, whose very first character is a combining mark.
fn hostile_holder(place: &Place) -> Running {
    let bin = place.dir().join("bin");
    std::fs::create_dir(&bin).expect("the directory of the test is ours");
    let program = "\u{301}sh";
    symlink("/bin/sh", bin.join(program)).expect("the directory is ours");
    let path = std::env::var("PATH").expect("there is a PATH");
    let wide = format!("{HOSTILE}{}", "建".repeat(40));
    let mut command =
        place.permits(["run", "--label", HOSTILE, "a", "--", program, "-c", "echo held; read line", &wide]);
    command.env("PATH", format!("{}:{path}", bin.display()));
    let mut holder = Running::start(command);
    assert_eq!(holder.line(), "held");
    holder
}

#[track_caller]
fn assert_harmless(text: &str) {
    let bad = |c: char| (c.is_control() && c != '\n') || "\u{202e}\u{2066}\u{2069}\u{200b}\u{61c}\u{feff}".contains(c);
    let found: Vec<char> = text.chars().filter(|c| bad(*c)).collect();
    assert!(found.is_empty(), "{found:?} in {text:?}");
}

#[test]
fn label_is_harmless_and_alike_in_every_output() {
    let place = Place::new();
    let _holder = hostile_holder(&place);

    let table = stdout(&place.output(&["status", "a"]));
    let status: Value = serde_json::from_slice(&place.output(&["status", "a", "--json"]).stdout).expect("JSON");
    let top: Value = serde_json::from_slice(&place.output(&["top", "a", "--json"]).stdout).expect("JSON");

    assert_harmless(&table);
    let (one, other) = (&status["holders"][0], &top["semaphores"][0]["holders"][0]);
    for field in ["label", "command", "user"] {
        assert_eq!(one[field], other[field], "{field}");
        let text = one[field].as_str().expect("text");
        assert_harmless(text);
        assert!(!text.contains('\n'), "{text:?}");
    }
    let label = one["label"].as_str().expect("text");
    assert!(label.starts_with("\u{25cc}\u{301}rm"), "the mark has a base of its own: {label:?}");
    assert!(table.contains(label), "{label:?} in {table:?}");
}

#[test]
fn waiting_line_is_harmless_and_fits_the_terminal() {
    let place = Place::new();
    let mut holder = hostile_holder(&place);
    let copy = tempfile::tempdir().expect("a temporary directory");
    let shown = copy.path().join("shown");
    let mut command = place.command("script");
    command.args(["-qefc", r#"stty cols 120; exec "$PERMITS" run a -- true"#]).arg(&shown).env("TERM", "xterm");
    let mut terminal = Running::start(command);
    place.until_waiting("a", 1);
    let read = || String::from_utf8_lossy(&std::fs::read(&shown).unwrap_or_default()).into_owned();
    until("the line is shown", || read().contains("position 1"));

    holder.let_go();
    terminal.end();

    let text = read();
    for line in text.split("\r\x1b[K").filter(|line| line.contains("waiting for")) {
        assert_harmless(line);
        assert!(!line.contains('\n'), "{line:?}");
        assert!(line.contains("(\u{25cc}\u{301}sh"), "the mark does not change our bracket: {line:?}");
        assert!(
            line.contains("建") && line.ends_with('…') && line.width() <= 119,
            "{} columns in {line:?}",
            line.width()
        );
    }
}

#[test]
fn name_of_a_semaphore_is_harmless_and_exact_for_programs() {
    let place = Place::new();
    let name = "b\u{202e}\u{200b}c";
    assert_eq!(place.code(&["run", name, "--", "true"]), 0);

    // doctor names those that are not sound.
    let file = place.dir().join(format!("{name}.sem"));
    std::fs::set_permissions(file, PermissionsExt::from_mode(0o644)).expect("it is ours");

    for args in [&["list"][..], &["status"], &["status", name], &["top"], &["doctor"], &["repair", name]] {
        let text = stdout(&place.output(args));
        assert_harmless(&text);
        assert!(text.contains("b\u{fffd}\u{fffd}c"), "{args:?}: {text:?}");
    }
    assert_harmless(&stderr(&place.output(&["status", "no\u{202e}such"])));
    for args in [&["list", "--json"][..], &["status", "--json"], &["top", "--json"]] {
        let text = stdout(&place.output(args));
        assert_harmless(&text);
        let value: Value = serde_json::from_str(&text).expect("JSON");
        let one = if value["name"].is_null() { &value["semaphores"][0] } else { &value };
        assert_eq!(one["name"], name, "{args:?}");
    }
}
