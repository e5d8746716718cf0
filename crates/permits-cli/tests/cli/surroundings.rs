//! What surrounds the program: its umask and its limits, no `/proc`, users without numbers, texts in any
//! bytes.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;

use nix::mount::{MsFlags, mount};
use nix::unistd::geteuid;
use permits_testbed::{before_exec, enter_mount_namespace, enter_user_namespace, mounts, user_namespaces};

use crate::place::{PERMITS, Place, output, stderr, stdout};

#[test]
fn umask_takes_nothing_from_what_is_made() {
    for umask in ["022", "177", "277", "777"] {
        let place = Place::new();
        let dir = place.dir().join("new");
        let script = r#"umask "$1"; exec "$PERMITS" --dir "$0" run --jobserver=fifo a -- sh -c 'stat -c %a "${MAKEFLAGS##*fifo:}"'"#;

        let output = output(place.command("sh").args(["-c", script]).arg(&dir).arg(umask));

        assert_eq!((stdout(&output).as_str(), stderr(&output).as_str()), ("600\n", ""), "umask {umask}");
        let mode = |path: &Path| std::fs::metadata(path).expect("it is there").mode() & 0o777;
        let entries = std::fs::read_dir(&dir).expect("it is there").flatten();
        let mut files: Vec<_> = entries.map(|entry| (entry.file_name(), mode(&entry.path()))).collect();
        files.sort();
        let [(of_command, 0o600), (semaphore, 0o600)] = &files[..] else { panic!("{files:?} by umask {umask}") };
        assert!(of_command.as_bytes().starts_with(b".a.cmd.0.") && semaphore == "a.sem", "{files:?}");
        assert_eq!(mode(&dir), 0o700, "umask {umask}");
    }
}

#[test]
fn label_and_hook_may_be_in_any_bytes() {
    let place = Place::new();
    let latin = OsStr::from_bytes(b"arbeit-\xe4");
    let mut command = place.permits(["run", "--label"]);
    command.arg(latin).arg("--on-lost").arg(latin).args(["a", "--", "sh", "-c", "\"$PERMITS\" status --json a"]);

    let output = output(&mut command);

    assert_eq!(stderr(&output), "");
    let status: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(status["holders"][0]["label"], "arbeit-\u{fffd}");
}

#[test]
fn semaphore_is_made_and_used_without_proc() {
    if !mounts() {
        return;
    }
    let place = Place::new();
    let mut command =
        place.permits(["run", "--max", "2", "a", "--", PERMITS, "run", "--try", "a", "--", "echo", "both"]);
    before_exec(&mut command, || {
        enter_mount_namespace()?;
        Ok(mount(None::<&str>, "/proc", Some("tmpfs"), MsFlags::empty(), None::<&str>)?)
    });

    let output = output(&mut command);

    assert_eq!(stdout(&output), "both\n", "{}", stderr(&output));
}

#[test]
fn umask_takes_nothing_without_proc() {
    if !mounts() {
        return;
    }
    for umask in ["022", "177", "277", "777"] {
        let place = Place::new();
        let dir = place.dir().join("new");
        let script = r#"mount -t tmpfs none /proc; umask "$1"
            exec "$PERMITS" --dir "$0" run --jobserver=fifo a -- sh -c 'stat -c %a "${MAKEFLAGS##*fifo:}"'"#;
        let mut command = place.command("sh");
        before_exec(command.args(["-c", script]).arg(&dir).arg(umask), enter_mount_namespace);

        let output = output(&mut command);

        assert_eq!((stdout(&output).as_str(), stderr(&output).as_str()), ("600\n", ""), "umask {umask}");
        assert_eq!(std::fs::metadata(&dir).expect("it is there").mode() & 0o777, 0o700, "umask {umask}");
    }
}

#[test]
fn directory_of_a_user_without_a_number_is_refused_with_the_way_out() {
    if !user_namespaces() {
        return;
    }
    let place = Place::new();
    let dir = if geteuid().is_root() {
        chown(place.dir(), Some(12345), None).expect("root can give directories away");
        place.dir()
    } else {
        // Root has no number in a namespace of another user.
        Path::new("/")
    };
    let mut command = place.permits(["run", "a", "--", "true"]);
    before_exec(command.env("PERMITS_DIR", dir), enter_user_namespace);

    let output = output(&mut command);

    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(78), "{said}");
    for part in ["without a number in this user namespace", "the user who started the container", "`--dir`"] {
        assert!(said.contains(part), "`{part}` is missing in: {said}");
    }
}

#[test]
fn too_few_descriptors_say_so() {
    let place = Place::new();
    assert_eq!(place.code(&["run", "a", "--", "true"]), 0);
    let mut said = Vec::new();
    for limit in 4..8 {
        let script = r#"ulimit -n "$0"; exec "$PERMITS" run a -- true"#;
        let output = output(place.command("bash").args(["-c", script]).arg(limit.to_string()));
        assert_eq!(output.status.code(), Some(125), "{limit}: {}", stderr(&output));
        said.push(stderr(&output));
    }

    assert!(said.iter().all(|text| text.contains("Too many open files") && text.contains("`ulimit -n`")), "{said:?}");
}
