//! Wrong arguments: 64, and a text that names the value and the way out.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::place::{Place, output, stderr};

#[test]
fn wrong_arguments_are_64_and_named() {
    let place = Place::new();
    let cases: &[(&[&str], &str)] = &[
        (&[], "Usage"),
        (&["fly"], "fly"),
        (&["run"], "NAME"),
        (&["run", "a"], "COMMAND"),
        (&["run", "a", "true"], "true"),
        (&["run", "--max", "0", "a", "--", "true"], "at least `1`"),
        (&["run", "--max", "x", "a", "--", "true"], "`50%`"),
        (&["run", "--max", "-1", "a", "--", "true"], "`-1` is not a number of permits"),
        (&["run", "--max", "99999999999", "a", "--", "true"], "`99999999999` is too large: the maximum is `4194303`"),
        (&["run", "--max", "4194304", "a", "--", "true"], "`4194304` is too large: the maximum is `4194303`"),
        (&["run", "--max", "99999999999%", "a", "--", "true"], "`99999999999%` is too large"),
        (&["run", "--create", "-1", "a", "--", "true"], "`-1`"),
        (&["run", "--units", "-1", "a", "--", "true"], "`-1`"),
        (&["run", "--wait", "-5m", "a", "--", "true"], "`-5m` is not a duration"),
        (&["run", "--max-hold", "-1", "a", "--", "true"], "`-1` is not a duration"),
        (&["run", "--max-hold", "1", "--kill-after", "-1", "a", "--", "true"], "`-1` is not a duration"),
        (&["run", "--max-hold", "1", "--signal", "-9", "a", "--", "true"], "`-9` is not a signal"),
        (&["run", "--pdeathsig", "-9", "a", "--", "true"], "`-9` is not a signal"),
        (&["run", "--grace", "-1", "a", "--", "true"], "`-1` is not a duration"),
        (&["run", "-E", "-1", "a", "--", "true"], "`-1` is not"),
        (&["run", "--report-fd", "-1", "a", "--", "true"], "`-1` is not"),
        (&["--mode", "-1", "run", "a", "--", "true"], "`-1` is not a mode"),
        (&["status", "--watch", "--interval", "-1"], "`-1` is not a duration"),
        (&["top", "--interval", "-1"], "`-1` is not a duration"),
        (&["revoke", "--wait", "-1", "a", "0-1"], "`-1` is not a duration"),
        (&["wait", "--wait", "-1", "a"], "`-1` is not a duration"),
        (&["release", "--wait", "-1", "a"], "`-1` is not a duration"),
        (&["run", "--units", "0", "a", "--", "true"], "`0`"),
        (&["run", "--wait", "soon", "a", "--", "true"], "`soon`"),
        (
            &["run", "--wait", "5x", "a", "--", "true"],
            "`5x` is not a duration: give seconds from 0, or `90s`, `5m`, `1h30m`, `30d`\n",
        ),
        (&["run", "--wait", "inf", "a", "--", "true"], "`inf`"),
        (&["run", "--try", "--wait", "1", "a", "--", "true"], "--wait"),
        (&["run", "--resize", "a", "--", "true"], "--max"),
        (&["run", "--max-hold", "0", "a", "--", "true"], "`0`"),
        (&["run", "--max-hold", "1", "--signal", "LOUD", "a", "--", "true"], "`LOUD`"),
        (&["run", "--exec", "--max-hold", "1", "a", "--", "true"], "--max-hold"),
        (&["run", "--on-lost", "", "a", "--", "true"], "`term`"),
        (&["run", "--shell", "true", "a", "--", "true"], "--shell"),
        (&["run", "-E", "256", "a", "--", "true"], "256"),
        (&["run", "--report-fd", "77", "a", "--", "true"], "`77`"),
        (&["run", "--jobserver=loud", "a", "--", "true"], "loud"),
        (&["run", "-q", "-v", "a", "--", "true"], "--quiet"),
        (&["--mode", "999", "run", "a", "--", "true"], "`999`"),
        (&["--mode", "644", "run", "a", "--", "true"], "`644` lets other users read and not write"),
        (&["--mode", "664", "run", "a", "--", "true"], "give `600`, `660` or `666`"),
        (&["--mode", "777", "run", "a", "--", "true"], "`777`"),
        (&["run", "", "--", "true"], ""),
        (&["run", "a/b", "--", "true"], "`--dir a b`"),
        (&["run", "a\nb", "--", "true"], "'\\n' in it, and control characters are not allowed"),
        (&["run", ".a", "--", "true"], ".a"),
        (&["set", "a", "0"], "at least `1`"),
        (&["set", "a", "+0"], "at least `1`"),
        (&["set", "a", "+50%"], "`+50%` cannot be relative"),
        (&["set", "--create", "a", "+1"], "without a sign"),
        (&["run", "--wait", "5M", "a", "--", "true"], "`5M` would be in months: give minutes as `5m`"),
        (&["run", "--wait", "1h5M", "a", "--", "true"], "give minutes as `1h5m`"),
        (&["run", "--wait", "3651d", "a", "--", "true"], "`3651d` is too long: the maximum is `3650d`"),
        (&["run", "--wait", "99999999999999999999d", "a", "--", "true"], "is too long: the maximum is `3650d`"),
        (&["run", "--wait", "315360001", "a", "--", "true"], "`315360001` is too long"),
        (&["run", "--jobserver", "4", "--", "true"], "`4` after --jobserver is read as the name of the semaphore"),
        (&["run", "--jobserver", "4", "js", "--", "true"], "the number of jobs with `--units`"),
        (&["run", "--jobserver", "fifo", "--", "true"], "choose a kind with `--jobserver=KIND`"),
        (&["run", "-E", "abc", "a", "--", "true"], "`abc` is not an exit code: give a number from 0 to 255"),
        (&["run", "--report-fd", "abc", "a", "--", "true"], "`abc` is not a descriptor: give a number from 1"),
        (&["--dir", "", "list"], "omit --dir to use the default"),
        (&["build", "--", "echo", "a b"], "Run a command with `run`: permits run build -- echo 'a b'"),
        (&["-q", "build", "--max", "2", "--", "make"], "permits -q run build --max 2 -- make"),
        (&["set", "a", "4194304"], "`4194304` is too large: the maximum is `4194303`"),
        (&["acquire", "--while-pid", "0", "a"], "0"),
        (&["acquire", "--while-pid", "-1", "a"], "`-1` is not a process id"),
        (&["acquire", "--while-pid", "2147483647", "a"], "`2147483647`"),
        (&["completions", "tcsh"], "tcsh"),
    ];

    for (args, named) in cases {
        let output = place.output(args);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(64), "{args:?}: {said}");
        assert!(said.contains(named), "{args:?} does not name {named}: {said}");
        assert!(output.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn what_is_missing_is_told_with_an_example() {
    let place = Place::new();
    let cases: [(&[&str], &str); 17] = [
        (
            &["run", "--", "make", "-j4"],
            "Name a semaphore, for instance `build`, before `--`: permits run build -- make -j4",
        ),
        (&["run", "--max", "2"], "permits run --max 2 build -- make -j4"),
        (&["run", "build"], "Give a command after `--`: permits run build -- make -j4"),
        (&["-q", "run", "my build", "--"], "permits -q run 'my build' -- make -j4"),
        (&["set", "api"], "permits set api 4, or a time between starts: permits set api --every 2s"),
        (&["set", "--create", "api"], "Give a number of permits: permits set --create api 4"),
        (&["revoke", "a"], "Give the grant of a holder or waiter, as `permits status` shows it: permits revoke a 0-1"),
        (&["acquire"], "Name a semaphore: `permits list` shows which there are"),
        (&["run", "--max", "2", "build", "make"], "Put the command after `--`: permits run --max 2 build -- make"),
        (&["run", "a b", "make", "-j4"], "Put the command after `--`: permits run 'a b' -- make -j4"),
        (&["run", "make", "make", "make"], "Put the command after `--`: permits run make -- make make"),
        (&["list", "--idle"], "Give it a value, such as: --idle 5m"),
        (&["run", "--max"], "Give it a value, such as: --max 2"),
        (
            &["run", "--kill-after", "5", "a", "--", "true"],
            "--signal and --kill-after say how --max-hold stops the command: give that, too, as in `--max-hold 1h`",
        ),
        (
            &["run", "--resize", "--every", "5s", "a", "--", "true"],
            "Give the number with --resize, too, as in `--max 4 --resize`; `permits set NAME --every DURATION` changes the \
             time between starts alone",
        ),
        (
            &["run", "--supersede-running", "a", "--", "true"],
            "Give the key, too, as in `--supersede KEY --supersede-running`",
        ),
        (&["run", "--shell", "true", "a", "--", "true"], "For more information, try '--help'."),
    ];

    for (args, last) in cases {
        let said = stderr(&place.output(args));
        assert!(said.ends_with(&format!("{last}\n")), "{args:?}: {said}");
    }
}

#[test]
fn mistyped_option_leads_to_the_line_with_the_one_that_exists() {
    let place = Place::new();
    let cases: [(&[&str], &str); 16] = [
        (&["run", "--mx", "2", "x", "--", "true"], "Did you mean `--max`? permits run --max 2 x -- true"),
        (&["run", "--mx=2", "x", "--", "true"], "Did you mean `--max`? permits run --max=2 x -- true"),
        (
            &["-q", "run", "--Max", "2", "a b", "--", "make"],
            "Did you mean `--max`? permits -q run --max 2 'a b' -- make",
        ),
        (&["run", "-j4", "x", "--", "make"], "Did you mean `--max`? permits run --max=4 x -- make"),
        (&["run", "--timeout", "5", "x", "--", "mx"], "Did you mean `--wait`? permits run --wait 5 x -- mx"),
        (&["run", "--nonblock", "x", "--", "true"], "Did you mean `--try`? permits run --try x -- true"),
        (&["run", "-c", "echo hi", "x"], "Did you mean `--shell`? permits run --shell 'echo hi' x"),
        (&["status", "--jsn"], "Did you mean `--json`? permits status --json"),
        (&["--dri", "/x", "list"], "Did you mean `--dir`? permits --dir /x list"),
        (&["--max", "2", "run", "x", "--", "true"], "Write `--max` after `run`: permits run --max …"),
        (&["run", "--id", "x", "--", "true"], "Write the name of the semaphore without an option: permits run build"),
        (&["rn", "x", "--", "true"], "Did you mean `run`? permits run x -- true"),
        (&["lint", "--", "make"], "Run a command with `run`: permits run lint -- make"),
        (&["statsu", "x"], "Did you mean `status`? permits status x"),
        (&["ls"], "Did you mean `list`? permits list"),
        (&["status", "--max", "2", "x"], "For more information, try '--help'."),
    ];

    for (args, last) in cases {
        let output = place.output(args);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(64), "{args:?}");
        assert!(said.ends_with(&format!("{last}\n")), "{args:?}: {said}");
        assert!(!said.contains("tip:") && !said.contains("max-hold"), "{args:?}: {said}");
    }
}

#[test]
fn wrong_value_is_said_once_and_with_its_option() {
    let place = Place::new();
    let cases: [(&[&str], &str); 4] = [
        (&["release", "--units", "0", "x"], "error: --units: `0` is not a number of permits: give at least `1`\n"),
        (
            &["run", "-E", "900", "x", "--", "true"],
            "error: --conflict-exit-code: `900` is not an exit code: give a number from 0 to 255\n",
        ),
        (
            &["--mode=999", "list"],
            "error: --mode: `999` is not a mode for a semaphore: give octal digits from 600 to 666, such as `660`\n",
        ),
        (
            &["set", "x", "+a"],
            "error: `+a` is not a number of permits: give a number from 1, `nproc`, a percentage of the processors, such as \
             `50%`, or a change, such as `+1` or `-1`\n",
        ),
    ];

    for (args, first) in cases {
        let said = stderr(&place.output(args));
        assert!(said.starts_with(first), "{args:?}: {said}");
    }
}

#[test]
fn only_a_slash_in_a_name_leads_to_the_directory() {
    let place = Place::new();

    for name in ["", ".a", "a\nb", &"x".repeat(201)] {
        let said = stderr(&place.output(&["run", name, "--", "true"]));
        assert!(!said.contains("--dir") && !said.contains("directory"), "{name:?}: {said}");
    }
    let said = stderr(&place.output(&["run", "/tmp/ci/build", "--", "true"]));
    assert!(said.contains("`--dir /tmp/ci build`"), "{said}");
}

#[test]
fn revoke_of_no_grant_is_refused() {
    let place = Place::new();
    assert_eq!(place.code(&["run", "a", "--", "true"]), 0);

    let output = place.output(&["revoke", "a", "nonsense"]);

    assert_eq!(output.status.code(), Some(64));
    assert!(stderr(&output).contains("nonsense"));
}

#[test]
fn durations_are_seconds_or_units() {
    let place = Place::new();

    for time in ["0", "1.5", "90s", "0.5s", "5m", "1h30m", "1h 30m", "10ms"] {
        assert_eq!(place.code(&["run", "--wait", time, "a", "--", "true"]), 0, "{time}");
    }
}

#[test]
fn jobserver_may_stand_in_front_of_a_name() {
    let place = Place::new();

    assert_eq!(place.code(&["run", "--jobserver", "build", "--", "true"]), 0);
    assert_eq!(place.code(&["run", "4", "--jobserver", "--", "true"]), 0);
    assert_eq!(place.code(&["run", "a", "--", "echo", "--jobserver", "4"]), 0);
}

#[test]
fn what_is_not_utf_8_is_shown() {
    let place = Place::new();

    let output = output(&mut place.permits([OsStr::new("status"), OsStr::from_bytes(b"b\xffd\x1b")]));

    assert_eq!(output.status.code(), Some(64));
    let said = stderr(&output);
    assert!(said.contains("`b\\xffd\u{fffd}` is not UTF-8"), "{said}");
}

#[test]
fn wrong_arguments_cannot_act_on_a_terminal() {
    let place = Place::new();

    for args in [
        &["run", "--max", "\x1b[31mX\u{202e}", "a", "--", "true"][..],
        &["\x1b[2J", "--", "true"],
        &["man", "--out", "x", "run", "\x1b]0;x\x07"],
    ] {
        let output = place.output(args);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(64), "{args:?}");
        assert!(!said.chars().any(|c| c.is_control() && c != '\n' || c == '\u{202e}'), "{args:?}: {said:?}");
        assert!(said.contains("Usage") || said.contains("--help"), "{args:?}: {said}");
    }
}

#[test]
fn signals_have_names_and_numbers() {
    let place = Place::new();

    for signal in ["TERM", "term", "SIGTERM", "15", "usr1", "40"] {
        assert_eq!(place.code(&["run", "--max-hold", "1h", "--signal", signal, "a", "--", "true"]), 0, "{signal}");
    }
}

#[test]
fn option_comes_before_environment() {
    let place = Place::new();
    let other = place.dir().join("other");
    std::fs::create_dir(&other).expect("it can be made");

    assert_eq!(place.code(&["--dir", other.to_str().expect("text"), "run", "a", "--", "true"]), 0);

    assert_eq!(place.code(&["status", "a"]), 69, "it is not in $PERMITS_DIR");
    assert_eq!(place.code(&["status", "a", "--dir", other.to_str().expect("text")]), 0);
}
