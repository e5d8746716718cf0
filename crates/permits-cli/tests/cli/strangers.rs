//! What others write about themselves is shown to people and to programs, and must not act on a terminal or
//! pretend to be something else.

use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

use nix::sys::stat::Mode;
use serde_json::Value;
use unicode_width::UnicodeWidthStr;

use crate::place::{PERMITS, Place, Running, output, stderr, stdout, until};

/// Two users who share nothing.
pub(crate) const NOBODY: u32 = 65_534;
const STRANGER: u32 = 12_345;

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

/// Every command that is about all semaphores.
const ABOUT_ALL: [&[&str]; 8] = [
    &["list"],
    &["list", "--json"],
    &["list", "--idle", "0"],
    &["status"],
    &["status", "--json"],
    &["top"],
    &["top", "--json"],
    &["doctor"],
];

/// Makes something at a path, which is given to another user then.
type Make = fn(&Path);

/// What another user may put at the name of a semaphore's file; the last is a semaphore that all may use.
const JUNK: [(&str, Make); 6] = [
    ("a FIFO", |path| nix::unistd::mkfifo(path, Mode::S_IRWXU).expect("it can be made")),
    ("a directory", |path| std::fs::create_dir(path).expect("it can be made")),
    ("a link", |path| symlink("/etc/passwd", path).expect("it can be made")),
    ("an empty file", |path| std::fs::write(path, "").expect("it can be made")),
    ("nonsense of mode 666", |path| {
        std::fs::write(path, "nonsense").expect("it can be made");
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o666)).expect("it is ours");
    }),
    ("a semaphore of mode 666", |path| {
        let mut make = std::process::Command::new(PERMITS);
        make.arg("--dir").arg(path.parent().expect("it has one"));
        let made = make.args(["--mode", "666", "set", "--create", "junk", "1"]).status().expect("it is started");
        assert!(made.success());
    }),
];

/// The program, for users who may not be let in where it is.
pub(crate) fn program_for_all() -> (tempfile::TempDir, PathBuf) {
    let bin = tempfile::tempdir().expect("a temporary directory");
    let program = bin.path().join("permits");
    std::fs::copy(PERMITS, &program).expect("there is room for a copy");
    std::fs::set_permissions(bin.path(), PermissionsExt::from_mode(0o755)).expect("it is ours");
    (bin, program)
}

/// As any user can who may write to the file, or where `fs.protected_hardlinks` is 0.
#[test]
fn second_name_that_a_stranger_gives_a_semaphore_changes_no_exit_code() {
    if !permits_testbed::root() {
        return;
    }
    let (_bin, program) = program_for_all();
    let place = Place::new();
    std::fs::set_permissions(place.dir(), PermissionsExt::from_mode(0o1777)).expect("it is ours");
    assert_eq!(place.code(&["--mode", "666", "set", "--create", "ours", "2"]), 0);
    let [file, second] = ["ours.sem", "junk.sem"].map(|name| place.dir().join(name));
    std::fs::hard_link(file, second).expect("root may");
    let by_nobody = |args: &[&str]| output(place.command(&program).args(args).uid(NOBODY).gid(NOBODY));

    for args in ABOUT_ALL {
        let output = by_nobody(args);
        let (said, told) = (stdout(&output), stderr(&output));
        assert_eq!(output.status.code(), Some(0), "{args:?}: {said}{told}");
        assert!(said.contains("ours") || args == ["doctor"], "{args:?}: {said}{told}");
        let is_told = |text: &str| text.contains("junk") && text.contains("several names (hard links)");
        assert!(is_told(&said) || is_told(&told), "{args:?}: {said}{told}");
    }
    assert_eq!(by_nobody(&["run", "--try", "ours", "--", "true"]).status.code(), Some(0));
    for args in [&["run", "--try", "junk", "--", "true"][..], &["status", "junk"]] {
        let output = by_nobody(args);
        assert_eq!(output.status.code(), Some(78), "{args:?}");
        assert!(stderr(&output).contains("choose another name"), "{}", stderr(&output));
    }
}

/// The user has to be root to start processes of others.
#[test]
fn what_a_stranger_has_put_there_changes_no_exit_code() {
    if !permits_testbed::root() {
        return;
    }
    let (_bin, program) = program_for_all();
    for (junk, make) in JUNK {
        let place = Place::new();
        std::fs::set_permissions(place.dir(), PermissionsExt::from_mode(0o1777)).expect("it is ours");
        let path = place.dir().join("junk.sem");
        make(&path);
        lchown(&path, Some(STRANGER), Some(STRANGER)).expect("root can give things away");
        let by_nobody = |args: &[&str]| output(place.command(&program).args(args).uid(NOBODY).gid(NOBODY));
        assert!(by_nobody(&["set", "--create", "own", "2"]).status.success());

        for args in ABOUT_ALL {
            let output = by_nobody(args);
            let (said, told) = (stdout(&output), stderr(&output));
            assert_eq!(output.status.code(), Some(0), "{args:?} beside {junk}: {said}{told}");
            assert!(said.contains("own") || args == ["doctor"], "{args:?} beside {junk}: {said}{told}");
            let is_told = |text: &str| text.contains("junk") && text.contains(&format!("`{STRANGER}`"));
            assert!(is_told(&said) || is_told(&told), "{args:?} beside {junk}: {said}{told}");
        }

        std::fs::write(place.dir().join("broken.sem"), "nonsense").expect("the directory is ours");
        chown(place.dir().join("broken.sem"), Some(NOBODY), Some(NOBODY)).expect("root can give files away");
        for args in ABOUT_ALL {
            let code = if args == ["doctor"] { 78 } else { 125 };
            assert_eq!(by_nobody(args).status.code(), Some(code), "{args:?} with a damaged one, beside {junk}");
        }
    }
}
