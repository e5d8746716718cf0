//! The exit codes that `--help` lists.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;

use crate::place::{Place, output, stderr};

#[test]
fn code_of_the_command_is_passed_on() {
    let place = Place::new();

    for code in [0, 1, 3, 75, 127, 255] {
        assert_eq!(place.code(&["run", "a", "--", "sh", "-c", &format!("exit {code}")]), code);
    }
}

#[test]
fn dies_by_the_signal_of_the_command() {
    let place = Place::new();

    for (name, number) in [("TERM", 15), ("INT", 2), ("KILL", 9), ("SEGV", 11), ("HUP", 1), ("USR1", 10), ("PIPE", 13)]
    {
        let output = place.output(&["run", "a", "--", "sh", "-c", &format!("kill -s {name} $$")]);

        assert_eq!(output.status.signal(), Some(number), "{name}: {:?}", output.status);
    }
}

#[test]
fn dies_by_a_real_time_signal_of_the_command() {
    let place = Place::new();

    let output = place.output(&["run", "a", "--", "bash", "-c", "kill -s RTMIN+3 $$"]);

    assert_eq!(output.status.signal(), Some(37));
}

#[test]
fn shells_see_128_and_the_signal() {
    let place = Place::new();

    let script = r#""$PERMITS" run a -- sh -c 'kill -s TERM $$'; exit $?"#;
    let output = output(place.command("sh").args(["-c", script]));

    assert_eq!(output.status.code(), Some(143));
}

#[test]
fn too_few_descriptors_are_125_and_the_limit_is_named() {
    let place = Place::new();

    // From too few to open the semaphore, to too few for the lock of the command.
    for limit in [5, 6, 8, 10] {
        let script = format!(r#"ulimit -n {limit}; "$PERMITS" run a -- true"#);
        let output = output(place.command("sh").args(["-c", &script]));

        assert_eq!(output.status.code(), Some(125), "{limit}: {}", stderr(&output));
        assert!(stderr(&output).contains("`ulimit -n`"), "{limit}: {}", stderr(&output));
    }
}

#[test]
fn missing_command_is_127() {
    let place = Place::new();

    let output = place.output(&["run", "a", "--", "no-such-command"]);

    assert_eq!(output.status.code(), Some(127));
    assert!(stderr(&output).contains("`no-such-command` not found"), "{}", stderr(&output));
    assert_eq!(place.number("a", "given_out"), 0);
}

#[test]
fn file_that_is_no_program_is_126() {
    let place = Place::new();
    let file = place.dir().join("text");
    std::fs::write(&file, "text").expect("it can be written");
    let file = file.to_str().expect("the path is text");

    assert_eq!(place.code(&["run", "a", "--", file]), 126);
    assert_eq!(place.code(&["run", "a", "--", "/"]), 126);
    assert_eq!(place.code(&["run", "--exec", "a", "--", file]), 126);
    assert_eq!(place.number("a", "given_out"), 0);
}

#[test]
fn busy_is_75_or_what_is_asked_for() {
    let place = Place::new();
    let _holder = place.hold("a");

    assert_eq!(place.code(&["run", "--try", "a", "--", "true"]), 75);
    assert_eq!(place.code(&["run", "--wait", "0", "a", "--", "true"]), 75);
    assert_eq!(place.code(&["run", "--wait", "0.05", "a", "--", "true"]), 75);
    assert_eq!(place.code(&["run", "--try", "-E", "9", "a", "--", "true"]), 9);
    assert_eq!(place.code(&["acquire", "--try", "a"]), 75);
    assert_eq!(place.code(&["release", "--try", "a"]), 75);
    assert_eq!(place.code(&["release", "--wait", "0.05", "a"]), 75);
    assert_eq!(place.code(&["wait", "--wait", "0.05", "a"]), 75);
}

#[test]
fn busy_says_why_unless_quiet() {
    let place = Place::new();
    let _holder = place.hold("a");

    let said = stderr(&place.output(&["run", "--try", "a", "--", "true"]));
    let quiet = stderr(&place.output(&["-q", "run", "--try", "a", "--", "true"]));

    assert!(said.contains("asked for `1`, `a` has `0` of `1` free; held by "), "{said}");
    assert_eq!(quiet, "");
}

#[test]
fn missing_semaphore_is_69() {
    let place = Place::new();

    for args in [
        &["status", "none"][..],
        &["set", "none", "2"],
        &["wait", "none"],
        &["revoke", "none", "0-1"],
        &["repair", "none"],
        &["remove", "none"],
        &["remove", "--force", "none"],
        &["release", "none"],
        &["release", "--units", "2", "none"],
        &["release", "--grant", "0-1", "none"],
        &["top", "none"],
    ] {
        let output = place.output(args);
        assert_eq!(output.status.code(), Some(69), "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains("`permits set --create none N`"), "{args:?}: {}", stderr(&output));
    }
    assert_eq!(std::fs::read_dir(place.dir()).expect("it is ours").count(), 0, "none of them makes one");
}

#[test]
fn commands_that_look_make_no_directory() {
    let place = Place::new();
    let dir = place.dir().join("new");
    let dir = dir.to_str().expect("text");

    for args in [&["status", "none"][..], &["set", "none", "2"], &["wait", "none"], &["release", "none"], &["list"]] {
        place.output(&[&["--dir", dir][..], args].concat());
        assert!(!place.dir().join("new").exists(), "{args:?}");
    }
}

#[test]
fn directory_that_is_none_is_78_for_every_command() {
    let place = Place::new();
    std::fs::write(place.dir().join("file"), "text").expect("it is ours");
    let file = place.dir().join("file");
    let commands: [&[&str]; 11] = [
        &["run", "a", "--", "true"],
        &["acquire", "a"],
        &["release", "a"],
        &["status"],
        &["status", "a"],
        &["list"],
        &["top"],
        &["set", "--create", "a", "2"],
        &["wait", "a"],
        &["repair", "a"],
        &["remove", "a"],
    ];

    for dir in [file.clone(), file.join("below")] {
        for args in commands {
            let output = place.output(&[&["--dir", dir.to_str().expect("text")], args].concat());
            let said = stderr(&output);
            assert_eq!(output.status.code(), Some(78), "{args:?}: {said}");
            assert!(said.contains("`--dir` or PERMITS_DIR"), "{args:?}: {said}");
        }
    }
}

#[test]
fn directory_without_a_parent_is_78_and_says_how_to_make_it() {
    let place = Place::new();
    let dir = place.dir().join("missing/new");

    for args in [&["run", "build", "--", "true"][..], &["set", "--create", "build", "2"], &["status", "build"]] {
        let output = place.output(&[&["--dir", dir.to_str().expect("text")], args].concat());
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(78), "{args:?}: {said}");
        assert!(said.contains("--dir") && said.contains("`mkdir -p`"), "{args:?}: {said}");
        assert!(!said.contains("permits set --create"), "{args:?}: {said}");
    }
}

#[test]
fn more_units_than_permits_is_78() {
    let place = Place::new();

    let output = place.output(&["run", "--max", "2", "--units", "3", "a", "--", "true"]);

    assert_eq!(output.status.code(), Some(78));
    assert!(stderr(&output).contains("`3`") && stderr(&output).contains("`2`"), "{}", stderr(&output));
    assert!(stderr(&output).contains("`--units`") && stderr(&output).contains("`permits set a N`"));
}

#[test]
fn directory_that_others_may_write_is_78() {
    let place = Place::new();
    let open = place.dir().join("open");
    std::fs::create_dir(&open).expect("it can be made");
    std::fs::set_permissions(&open, PermissionsExt::from_mode(0o777)).expect("it is ours");

    let output = place.output(&["--dir", open.to_str().expect("text"), "run", "a", "--", "true"]);

    assert_eq!(output.status.code(), Some(78), "{}", stderr(&output));
}

#[test]
fn damaged_file_is_125_and_repair_sets_it_aside() {
    let place = Place::new();
    assert_eq!(place.code(&["run", "a", "--", "true"]), 0);
    let status = place.status("a");
    let path = status["path"].as_str().expect("a path");
    let length = std::fs::metadata(path).expect("it is there").len();
    std::fs::write(path, vec![0x5a; length as usize]).expect("it is ours");

    let output = place.output(&["run", "a", "--", "true"]);
    assert_eq!(output.status.code(), Some(125), "{}", stderr(&output));

    assert_eq!(place.code(&["repair", "a"]), 0);
    assert_eq!(place.code(&["run", "a", "--", "true"]), 0);
}

#[test]
fn full_stdout_is_125_and_closed_stdout_is_quiet() {
    let place = Place::new();

    let full = output(place.command("sh").args(["-c", r#""$PERMITS" man >/dev/full"#]));
    let closed = output(place.command("bash").args(["-c", r#""$PERMITS" man | true; exit ${PIPESTATUS[0]}"#]));

    assert_eq!(full.status.code(), Some(125));
    assert!(stderr(&full).contains("stdout"));
    assert_eq!((closed.status.code(), stderr(&closed)), (Some(0), String::new()));
}

#[test]
fn help_lists_the_codes() {
    let place = Place::new();

    for args in [&["--help"][..], &["run", "--help"]] {
        let output = place.output(args);
        let help = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success());
        for code in ["64", "69", "75", "76", "77", "78", "124", "125", "126", "127", "128+N"] {
            assert!(help.contains(code), "{args:?} does not tell {code}");
        }
    }
}

#[test]
fn errors_name_the_command_that_helps() {
    let place = Place::new();
    assert_eq!(place.code(&["run", "--max", "5", "a", "--", "true"]), 0);
    assert_eq!(place.code(&["run", "broken", "--", "true"]), 0);
    let path = place.status("broken")["path"].as_str().expect("a path").to_owned();
    std::fs::write(path, "nonsense").expect("it is ours");

    let cases: [(&[&str], &str); 5] = [
        (&["status", "nosuch"], "; create it with `permits set --create nosuch N`"),
        (&["run", "--max", "6", "a", "--", "true"], "; change the number with `--resize` or `permits set a N`"),
        (&["revoke", "a", "7-3"], "; see the grants of holders and waiters with `permits status a`"),
        (&["revoke", "a", "seven"], "; see the grants of holders and waiters with `permits status NAME`"),
        (&["status", "broken"], "; repair it with `permits repair broken`"),
    ];
    for (args, hint) in cases {
        let text = stderr(&place.output(args));
        assert!(text.contains(hint), "{args:?}: {text}");
    }
}
