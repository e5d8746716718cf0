//! Directories that are missing, cannot be used, or are somebody else's.

use super::{assert_refused, open, set_mode, with_file};
use crate::actor::NOBODY;
use crate::place::{Directory, NAME};
use permits_host::{ErrorKind, HostSemaphore};
use permits_testbed::root;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};

#[test]
fn a_missing_directory_is_made_for_this_user_alone() {
    let directory = Directory::new();
    let path = directory.path().join("new");

    HostSemaphore::options().directory(&path).open(NAME, 1).expect("it is made");

    assert_eq!(fs::metadata(path).expect("it is there").permissions().mode() & 0o7777, 0o700);
}

#[test]
fn a_directory_whose_parent_is_missing_is_bad_and_the_parent_is_named() {
    let directory = Directory::new();
    let path = directory.path().join("missing/new");
    let options = || HostSemaphore::options().directory(&path);
    let (shown, parent) =
        (format!("`{}`", path.display()), format!("`{}`", directory.path().join("missing").display()));

    for outcome in [options().open(NAME, 1), options().open_existing(NAME)] {
        assert_refused(outcome, ErrorKind::BadDirectory, &[&shown, &parent, "does not exist"]);
    }
    let error = options().repair(NAME).expect_err("there is none");
    assert_eq!(error.kind(), ErrorKind::BadDirectory, "{error}");
    assert_eq!(options().list().expect("there are none"), Vec::<String>::new());
}

#[test]
fn a_directory_that_takes_no_files_is_bad() {
    // Others have no permission on it.
    if !permits_testbed::root() {
        return;
    }

    let opened = HostSemaphore::options().directory("/proc").open(NAME, 1);

    assert_refused(opened, ErrorKind::BadDirectory, &["`/proc`", "no file can be created in it"]);
}

#[test]
fn looking_makes_no_directory() {
    let directory = Directory::new();
    let path = directory.path().join("new");
    let options = || HostSemaphore::options().directory(&path);

    assert_refused(options().open_existing(NAME), ErrorKind::NotFound, &[&format!("`{}`", path.display())]);
    assert_eq!(options().read(NAME).expect_err("there is none").kind(), ErrorKind::NotFound);
    assert_eq!(options().repair(NAME).expect_err("there is none").kind(), ErrorKind::NotFound);
    assert_eq!(options().list().expect("there are none"), Vec::<String>::new());

    assert!(!path.exists());
}

#[test]
fn a_file_in_the_directorys_place_is_a_bad_directory_for_every_call() {
    let directory = Directory::new();
    let file = directory.path().join("file");
    fs::write(&file, "").expect("it is written");

    for path in [file.clone(), file.join("below")] {
        let options = || HostSemaphore::options().directory(&path);
        let shown = format!("`{}", path.display());
        assert_refused(options().open(NAME, 1), ErrorKind::BadDirectory, &[&shown]);
        assert_refused(options().open_existing(NAME), ErrorKind::BadDirectory, &[&shown]);
        let others = [options().read(NAME).map(drop), options().repair(NAME).map(drop), options().list().map(drop)];
        for outcome in others {
            let error = outcome.expect_err("it is no directory");
            assert_eq!(error.kind(), ErrorKind::BadDirectory, "{error}");
            assert!(error.to_string().contains(&shown), "{error}");
        }
    }
}

#[test]
fn a_link_to_nothing_in_the_directorys_place_is_a_bad_directory_for_every_call() {
    let directory = Directory::new();
    let link = directory.path().join("link");
    symlink(directory.path().join("missing"), &link).expect("it can be made");
    let options = || HostSemaphore::options().directory(&link);

    let outcomes = [
        options().open(NAME, 1).map(drop),
        options().open_existing(NAME).map(drop),
        options().read(NAME).map(drop),
        options().repair(NAME).map(drop),
        options().list().map(drop),
    ];

    for outcome in outcomes {
        let error = outcome.expect_err("it leads nowhere");
        assert_eq!(error.kind(), ErrorKind::BadDirectory, "{error}");
        assert!(error.to_string().contains("a symbolic link to a path that does not exist"), "{error}");
    }
    assert_eq!(fs::read_dir(directory.path()).expect("it is ours").count(), 1, "nothing was made");
}

#[test]
fn an_insecure_directory_is_refused_by_every_call_that_acts_in_it() {
    let (directory, _) = with_file();
    set_mode(directory.path(), 0o777);

    for outcome in [directory.options().list().map(drop), directory.options().repair(NAME).map(drop)] {
        let error = outcome.expect_err("others may remove files");
        assert_eq!(error.kind(), ErrorKind::Insecure, "{error}");
    }
}

#[test]
fn a_directory_that_others_may_remove_files_from_is_refused() {
    let directory = Directory::new();
    for mode in [0o777, 0o770, 0o702] {
        set_mode(directory.path(), mode);

        assert_refused(open(&directory), ErrorKind::Insecure, &[&format!("mode `{mode:o}`"), "`chmod +t` it"]);
    }
}

#[test]
fn a_sticky_directory_is_used() {
    let directory = Directory::new();

    set_mode(directory.path(), 0o1777);

    assert!(open(&directory).expect("it is opened").try_acquire_owned().is_ok());
}

#[test]
fn another_users_directory_is_refused() {
    if !root() {
        return;
    }
    let directory = Directory::new();

    chown(directory.path(), Some(NOBODY), Some(NOBODY)).expect("root can give directories away");

    assert_refused(open(&directory), ErrorKind::Insecure, &[&format!("belongs to user `{NOBODY}`")]);
}

#[test]
fn a_link_to_a_good_directory_is_followed() {
    let (directory, _) = with_file();
    let link = directory.path().join("link");
    symlink(directory.path(), &link).expect("it can be made");

    let semaphore = HostSemaphore::options().directory(link).open_existing(NAME).expect("it is opened");

    assert_eq!(semaphore.max_permits().expect("it can be read"), 3);
}

#[test]
fn a_link_to_a_bad_directory_is_refused() {
    let directory = Directory::new();
    set_mode(directory.path(), 0o777);
    let place = Directory::new();
    let link = place.path().join("link");
    symlink(directory.path(), &link).expect("it can be made");

    let outcome = HostSemaphore::options().directory(link).open(NAME, 1);

    assert_refused(outcome, ErrorKind::Insecure, &["other users can remove files"]);
}
