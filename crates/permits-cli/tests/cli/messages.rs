//! What is said when something is wrong: the value, the limit, and the way out.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;

use crate::place::{Place, Running, output, stderr, stdout};
use crate::strangers::{NOBODY, program_for_all};

#[test]
fn command_that_is_not_found_says_what_it_looks_like() {
    let place = Place::new();
    let script = place.dir().join("script");
    std::fs::write(&script, "#!/no/such/shell\n").expect("it can be written");
    std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).expect("it is ours");
    let script = script.to_str().expect("text");
    let cases: [(&[&str], &str); 6] = [
        (&[""], "is empty: give it after `--`"),
        (&["echo 'hi'"], r"`--shell 'echo '\''hi'\'''`"),
        (&["cd", "/tmp/a b"], "it is a builtin or keyword of the shell, run it with `--shell 'cd /tmp/a b'`"),
        (&["nonesuch"], "command `nonesuch` not found in PATH"),
        (&["./nonesuch"], "command `./nonesuch` not found\n"),
        (&[script], "the interpreter that it names after `#!`"),
    ];

    for (command, text) in cases {
        let output = place.output(&[&["run", "a", "--"], command].concat());
        assert_eq!(output.status.code(), Some(127), "{command:?}");
        let said = stderr(&output);
        assert!(said.contains(text) && !said.contains("os error"), "{command:?}: {said}");
    }
}

#[test]
fn way_out_quotes_a_name_that_a_shell_would_split() {
    let place = Place::new();
    assert_eq!(place.code(&["acquire", "--max", "2", "my app"]), 0);
    let cases: [(&[&str], &str); 4] = [
        (&["remove", "my app"], "`permits remove --force 'my app'`"),
        (&["run", "--max", "3", "my app", "--", "true"], "`permits set 'my app' N`"),
        (&["status", "no such"], "`permits set --create 'no such' N`"),
        (&["run", "my apq", "--", "true"], "`permits remove 'my apq'`"),
    ];

    for (args, text) in cases {
        let said = stderr(&place.output(args));
        assert!(said.contains(text), "{args:?}: {said}");
    }
}

#[test]
fn hook_that_is_no_command_is_refused_at_once() {
    let place = Place::new();

    for hook in ["terminate", "./none", "TERM"] {
        let output = place.output(&["run", "--on-lost", hook, "a", "--", "echo", "never"]);
        assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(64), ""), "{hook}");
        let said = stderr(&output);
        assert!(said.contains(&format!("--on-lost `{hook}` is not `term`, `kill` or `ignore`")), "{said}");
    }
    for hook in ["true", "/bin/true", "cd", "nonesuch; true"] {
        assert_eq!(place.code(&["run", "--on-lost", hook, "a", "--", "true"]), 0, "{hook}");
    }
}

#[test]
fn fifo_is_refused_to_a_make_that_does_not_know_it() {
    let place = Place::new();
    let make = place.dir().join("make");
    let of_version = |version: &str| {
        std::fs::write(&make, format!("#!/bin/sh\necho GNU Make {version}\n")).expect("it can be written");
        std::fs::set_permissions(&make, PermissionsExt::from_mode(0o755)).expect("it is ours");
        place.output(&["run", "--jobserver=fifo", "a", "--", make.to_str().expect("text")])
    };

    let old = of_version("4.3");
    assert_eq!(old.status.code(), Some(64));
    let said = stderr(&old);
    assert!(said.contains("make `4.3` does not support FIFOs") && said.contains("`--jobserver=pipe`"), "{said}");
    assert_eq!(stdout(&old), "");
    assert_eq!(stdout(&of_version("4.4.1")), "GNU Make 4.4.1\n");
}

#[test]
fn label_that_is_cut_is_told() {
    let place = Place::new();
    let label = "x".repeat(65);

    let said = stderr(&place.output(&["run", "--label", &label, "a", "--", "true"]));

    assert!(said.contains("--label has `65` bytes: only the first `64` are shown"), "{said}");
    assert_eq!(stderr(&place.output(&["run", "--label", &label[..64], "a", "--", "true"])), "");
}

#[test]
fn long_name_is_not_repeated_in_full() {
    let place = Place::new();

    let said = stderr(&place.output(&["status", &"x".repeat(5000)]));

    assert!(said.contains("it has `5000` bytes, at most `200` are allowed") && said.len() < 200, "{said}");
}

#[test]
fn long_name_leaves_the_numbers_on_the_screen() {
    let place = Place::new();
    let name = "x".repeat(200);
    assert_eq!(place.code(&["set", "--create", &name, "2"]), 0);

    let mut command = place.command("script");
    command.args(["-qec", r#""$PERMITS" list"#, "/dev/null"]);
    let mut terminal = Running::start(command);
    let row = terminal.line_with("xxx");

    assert!(row.contains("x…") && row.contains("open") && row.chars().count() < 130, "{row}");
    assert_eq!(terminal.end().code(), Some(0));
    assert!(stdout(&place.output(&["list"])).contains(&name));
}

#[test]
fn limits_of_the_system_are_told_with_the_way_out() {
    let place = Place::new();

    let script = r#"ulimit -f 1; exec "$PERMITS" run a -- true"#;
    let size = stderr(&output(place.command("bash").args(["-c", script])));
    let full = r#"mount -t tmpfs -o size=16k none "$0" && exec "$PERMITS" --dir "$0" run a -- true"#;
    let dir = tempfile::tempdir().expect("a temporary directory");
    let unshare = ["--map-root-user", "--mount", "sh", "-c", full];
    let space = stderr(&output(place.command("unshare").args(unshare).arg(dir.path())));
    let none = stderr(&place.output(&["--dir", "/proc", "run", "a", "--", "true"]));

    assert!(size.contains("`8.4` MB") && size.contains("`ulimit -f`"), "{size}");
    assert!(space.contains("`70` KiB") && space.contains("`--dir`"), "{space}");
    assert!(none.contains("look for the cause with `permits doctor`") || none.contains("`--dir`"), "{none}");
}

/// Of processes and threads; root has none.
#[test]
fn limit_of_processes_is_told_with_the_way_out() {
    if !permits_testbed::root() {
        return;
    }
    let (_bin, program) = program_for_all();
    let place = Place::new();
    std::fs::set_permissions(place.dir(), PermissionsExt::from_mode(0o1777)).expect("it is ours");
    assert_eq!(place.code(&["--mode", "666", "set", "--create", "a", "1"]), 0);

    for act in ["run a -- true", "release --wait 60 a"] {
        let script = format!(r#"ulimit -u 1; exec "$0" {act}"#);
        let mut command = place.command("bash");
        let output = output(command.args(["-c", &script]).arg(&program).uid(NOBODY).gid(NOBODY));

        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(125), "{act}: {said}");
        assert!(said.contains("`ulimit -u`, or that of the container"), "{act}: {said}");
    }
}

#[test]
fn repair_of_what_is_no_file_says_what_to_do() {
    let place = Place::new();
    let file = place.dir().join("a.sem");
    std::fs::create_dir(&file).expect("it can be made");

    let output = place.output(&["repair", "a"]);

    assert_eq!(output.status.code(), Some(125));
    let said = stderr(&output);
    assert!(said.contains(&format!("move `{}` away", file.display())) && !said.contains("permits repair"), "{said}");
}
