//! Directories that users share: what their creators and their other users are told.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;

use crate::place::{PERMITS, Place, output, stderr};

/// A user and a group with no rights of their own.
const NOBODY: u32 = 65534;

/// A directory of that mode.
fn directory(place: &Place, mode: u32) -> PathBuf {
    let dir = place.dir().join("shared");
    std::fs::create_dir(&dir).expect("it can be made");
    std::fs::set_permissions(&dir, Permissions::from_mode(mode)).expect("it is ours");
    dir
}

#[test]
fn creator_in_a_shared_directory_is_told_once_that_others_cannot_use_it() {
    for args in [&["run", "a", "--", "true"][..], &["acquire", "a"], &["set", "--create", "a", "2"]] {
        let place = Place::new();
        let dir = directory(&place, 0o1777);
        let args = [&["--dir", dir.to_str().expect("text")], args].concat();

        let said = [(); 2].map(|()| stderr(&said_by(&place, &args)));

        let file = dir.join("a.sem");
        assert!(said[0].contains("created `a` for you alone"), "{args:?}: {said:?}");
        let way = match nix::unistd::geteuid().is_root() {
            true => format!("`chmod 666 {}`, or give `--mode 666` when creating one", file.display()),
            false => "only a directory of root".to_owned(),
        };
        assert!(said[0].contains(&way), "{said:?}");
        assert_eq!((said[0].lines().count(), said[1].as_str()), (1, ""), "{args:?}");
    }
}

/// Of `permits`, without waiting for a permit.
fn said_by(place: &Place, args: &[&str]) -> std::process::Output {
    if args.contains(&"acquire") { place.output(&[args, &["--create", "2"]].concat()) } else { place.output(args) }
}

#[test]
fn creator_who_wants_it_alone_or_shares_nothing_is_told_nothing() {
    for (mode, args) in [(0o1777, &["--mode", "600"][..]), (0o1777, &["--quiet"]), (0o700, &[]), (0o755, &[])] {
        let place = Place::new();
        let dir = directory(&place, mode);
        let args = [&["--dir", dir.to_str().expect("text")], args, &["run", "a", "--", "true"]].concat();

        let output = place.output(&args);

        assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""), "{mode:o} {args:?}");
    }
}

/// The user has to be root to start processes of others.
#[test]
fn user_whose_semaphore_others_refuse_is_told_whatever_its_mode() {
    if !permits_testbed::root() {
        return;
    }
    let place = Place::new();
    std::fs::set_permissions(place.dir(), Permissions::from_mode(0o755)).expect("it is ours");
    let program = place.dir().join("permits");
    std::fs::copy(PERMITS, &program).expect("there is room for a copy");
    let dir = directory(&place, 0o1777);
    let dir = dir.to_str().expect("text");

    for (mode, name) in [(&[][..], "a"), (&["--mode", "666"], "b")] {
        let args = [&["--dir", dir], mode, &["run", name, "--", "true"]].concat();
        let said = stderr(&output(place.command(&program).args(args).uid(NOBODY).gid(NOBODY)));

        assert!(said.contains(&format!("root runs `permits remove {name}`")) && said.lines().count() == 1, "{said}");
    }
    let refused = stderr(&place.output(&["--dir", dir, "run", "b", "--", "true"]));
    assert_eq!(refused.matches("choose another").count(), 1, "{refused}");
    assert!(refused.contains("`--dir` and PERMITS_DIR"), "{refused}");
    assert_eq!(stderr(&place.output(&["--dir", dir, "--mode", "666", "run", "c", "--", "true"])), "");
}

/// The user has to be root to give a directory to a group, and to start processes of others.
#[test]
fn members_of_a_group_are_told_what_they_cannot_do() {
    if !permits_testbed::root() {
        return;
    }
    let place = Place::new();
    std::fs::set_permissions(place.dir(), Permissions::from_mode(0o755)).expect("it is ours");
    // Where the program is, another user may not be let in.
    let program = place.dir().join("permits");
    std::fs::copy(PERMITS, &program).expect("there is room for a copy");
    let dir = directory(&place, 0o700);
    std::os::unix::fs::chown(&dir, None, Some(NOBODY)).expect("root may");
    std::fs::set_permissions(&dir, Permissions::from_mode(0o3770)).expect("it is ours");
    let dir = dir.to_str().expect("text");

    let alone = stderr(&place.output(&["--dir", dir, "set", "--create", "a", "2"]));
    let shared = stderr(&place.output(&["--dir", dir, "--mode", "660", "set", "--create", "b", "2"]));
    let mut remove = place.command(&program);
    let removed = output(remove.args(["--dir", dir, "remove", "b"]).uid(NOBODY).gid(NOBODY));

    assert!(alone.contains(&format!("`chmod 660 {dir}/a.sem`")) && alone.contains("`--mode 660`"), "{alone}");
    assert_eq!(shared, "");
    let said = stderr(&removed);
    assert_eq!(removed.status.code(), Some(77), "{said}");
    assert!(said.ends_with("; the user `root` can: ask for `permits remove b`\n"), "{said}");
}
