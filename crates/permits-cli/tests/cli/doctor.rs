//! `doctor`: bad where a run fails, and nothing is left of it.

use std::ffi::OsStr;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use serde_json::Value;

use crate::place::{Place, Running, output, stderr, stdout, until};

#[test]
fn doctor_finds_a_good_directory_good_and_a_bad_one_bad() {
    let place = Place::new();

    let good = place.output(&["doctor"]);
    let json: Value = serde_json::from_slice(&place.output(&["doctor", "--json"]).stdout).expect("JSON");
    let open = place.dir().join("open");
    std::fs::create_dir(&open).expect("it can be made");
    std::fs::set_permissions(&open, PermissionsExt::from_mode(0o777)).expect("it is ours");
    let bad = place.output(&["doctor", "--json", "--dir", open.to_str().expect("text")]);

    assert_eq!(good.status.code(), Some(0), "{}", stdout(&good));
    assert!(stdout(&good).contains(place.dir().to_str().expect("text")));
    assert_eq!((&json["schema"], &json["good"]), (&1.into(), &true.into()));
    assert_eq!(bad.status.code(), Some(78), "{}", stdout(&bad));
    let said = stdout(&place.output(&["doctor", "--dir", open.to_str().expect("text")]));
    for advice in ["`chmod +t`", "choose another directory"] {
        assert_eq!(said.matches(advice).count(), 1, "{advice}: {said}");
    }
    let missing = stdout(&place.output(&["doctor", "--dir", place.dir().join("none/new").to_str().expect("text")]));
    assert!(missing.contains("its parent does not exist") && !missing.contains("makes it"), "{missing}");
}

/// What `permits doctor` and `permits run` do after a line of shell: their codes, and the last line of the former.
fn both(place: &Place, before: &str) -> (Option<i32>, Option<i32>, String) {
    let shell = |act: &str| {
        let script = format!(r#"{before}; exec "$PERMITS" {act}"#);
        output(place.command("unshare").args(["--map-root-user", "--mount", "bash", "-c", &script]))
    };
    let (doctor, run) = (shell("doctor"), shell("run a -- true"));
    let said = stdout(&doctor);
    let last = said.lines().last().unwrap_or_default().to_owned();
    assert!(
        doctor.status.code() == Some(0) || said.contains("bad      trial: `permits run` exits"),
        "{said}{}",
        stderr(&doctor)
    );
    (doctor.status.code(), run.status.code(), last)
}

#[test]
fn doctor_names_the_file_system() {
    if !permits_testbed::mounts() {
        return;
    }
    let place = Place::new();
    let said_on = |kind: &str| {
        let script = format!(r#"mount -t {kind} none "$PERMITS_DIR" && exec "$PERMITS" doctor"#);
        stdout(&output(place.command("unshare").args(["--map-root-user", "--mount", "bash", "-c", &script])))
    };

    for kind in ["tmpfs", "ramfs"] {
        let said = said_on(kind);
        assert!(said.contains(&format!("file system: local (`{kind}`)")), "{said}");
    }
}

#[test]
fn doctor_finds_a_relative_directory_good_that_the_first_semaphore_makes() {
    let place = Place::new();
    let mut doctor = place.permits(["doctor", "--dir", "new"]);

    let said = doctor.current_dir(place.dir()).output().expect("it starts");

    assert_eq!(said.status.code(), Some(0), "{}", stdout(&said));
}

#[test]
fn doctor_fails_where_a_run_does() {
    let bad = "verdict: bad, `permits run` fails here".to_owned();
    let cases = [
        ("mount -t tmpfs -o size=16k none \"$PERMITS_DIR\"; chmod 700 \"$PERMITS_DIR\"", 125),
        ("mount -t tmpfs -o size=16k none \"$PERMITS_DIR\"; export PERMITS_DIR=\"$PERMITS_DIR/new\"", 125),
        ("mount -t tmpfs -o ro none \"$PERMITS_DIR\"; export PERMITS_DIR=\"$PERMITS_DIR/new\"", 77),
        ("export PERMITS_DIR=\"$PERMITS_DIR/none/new\"", 78),
        ("ulimit -n 10", 125),
        ("ulimit -n 7", 125),
    ];
    for (before, code) in cases {
        assert_eq!(both(&Place::new(), before), (Some(78), Some(code), bad.clone()), "{before}");
    }

    let good = "verdict: good, `permits run` works here".to_owned();
    for before in ["ulimit -n 12", "export PERMITS_DIR=\"$PERMITS_DIR/new\"", "mount -t tmpfs none /proc"] {
        let (doctor, run, last) = both(&Place::new(), before);
        assert_eq!((doctor, run), (Some(0), Some(0)), "{before}");
        assert!(last.starts_with(&good), "{before}: {last}");
    }
}

#[test]
fn doctor_leaves_nothing() {
    let place = Place::new();
    let there = || std::fs::read_dir(place.dir()).expect("it can be read").count();

    assert_eq!(place.code(&["doctor"]), 0);
    assert_eq!(there(), 0);
    assert_eq!(place.code(&["--dir", place.dir().join("new").to_str().expect("text"), "doctor"]), 0);
    assert_eq!(there(), 0);
}

/// Kills a doctor as soon as it has made something in a directory, until one has left it there.
fn kill_in_a_trial(place: &Place, dir: &Path, there: &dyn Fn() -> Vec<String>) {
    let began = there();
    until("a doctor is killed in the middle", || {
        let mut doctor = Running::start(place.permits([OsStr::new("--dir"), dir.as_os_str(), OsStr::new("doctor")]));
        until("it makes something, or ends", || {
            there() != began || doctor.try_wait().expect("it is our child").is_some()
        });
        // The group, with the run that it has started.
        let _ = permits_testbed::signal_group(doctor.pid(), libc::SIGKILL);
        doctor.end();
        there() != began
    });
}

fn names_in(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).expect("it can be read").flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    names
}

#[test]
fn doctor_removes_what_a_killed_one_has_left() {
    let place = Place::new();
    // One that a process which lives might use, and one that is no doctor's.
    for name in [&format!("doctor-{}-1-x", std::process::id()), "doctor-x"] {
        assert_eq!(place.code(&["set", "--create", name, "1"]), 0);
    }
    let there = || names_in(place.dir());
    let before = there();

    for dir in [place.dir().to_owned(), place.dir().join("missing")] {
        kill_in_a_trial(&place, &dir, &there);
        // As it leaves them if it is killed while it makes the file, or removes it.
        for name in there().iter().filter(|name| !before.contains(name)) {
            let Some(name) = name.strip_suffix(".sem") else { continue };
            for rest in ["0123456789abcdef.new", "cmd.0.01234567"] {
                std::fs::write(place.dir().join(format!(".{name}0.{rest}")), "").expect("it can be written");
            }
        }
        assert_eq!(place.code(&["--dir", dir.to_str().expect("text"), "doctor"]), 0);
        assert_eq!(there(), before, "{}", dir.display());
    }
}

#[test]
fn doctor_leaves_alone_what_the_run_of_a_killed_one_uses() {
    let place = Place::new();
    let mut killed = std::process::Command::new("true").spawn().expect("it is started");
    killed.wait().expect("it is our child");
    let namespace = std::fs::metadata("/proc/self/ns/pid").expect("there is a /proc").ino();
    let name = format!("doctor-{}-{namespace}-x", killed.id());
    let _holder = place.hold(&name);
    let before = names_in(place.dir());
    assert!(before.iter().any(|file| file.starts_with(&format!(".{name}."))), "its command keeps it: {before:?}");

    assert_eq!(place.code(&["doctor"]), 0);

    assert_eq!(names_in(place.dir()), before);
}

#[test]
fn sound_semaphores_do_not_hide_the_verdict() {
    let place = Place::new();
    for name in 0..30 {
        assert_eq!(place.code(&["set", "--create", &format!("s{name}"), "2"]), 0);
    }
    std::fs::write(place.dir().join("torn.sem"), "nonsense").expect("it can be written");

    let output = place.output(&["doctor"]);

    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(78));
    assert!(said.contains("good     semaphores: `30` are sound\n") && !said.contains("s17"), "{said}");
    assert!(said.contains("bad      semaphore torn: "), "{said}");
    assert!(said.ends_with("\nverdict: bad, although `permits run` works here with a new semaphore\n"), "{said}");
}
