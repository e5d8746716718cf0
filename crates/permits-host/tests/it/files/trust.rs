//! Who may have made a file, and who may open it: links, owners and modes.

use super::{assert_refused, by_nobody, open, set_mode, with_file};
use crate::actor::{Actor, NOBODY, Order};
use crate::mount;
use crate::place::{Directory, NAME, file_in};
use permits_host::{ErrorKind, Removal};
use permits_testbed::root;
use std::fs;
use std::os::unix::fs::{chown, symlink};

#[test]
fn a_symbolic_link_is_not_followed() {
    let (directory, path) = with_file();
    let elsewhere = directory.path().join("elsewhere");
    fs::rename(&path, &elsewhere).expect("it can be moved");

    symlink(elsewhere, &path).expect("it can be made");

    assert_refused(
        open(&directory),
        ErrorKind::Insecure,
        &[&format!("`{}`", path.display()), "symbolic link: remove it"],
    );
}

#[test]
fn nothing_is_made_at_the_end_of_a_dangling_symbolic_link() {
    let directory = Directory::new();
    let elsewhere = directory.path().join("elsewhere");

    symlink(&elsewhere, file_in(&directory)).expect("it can be made");

    assert_refused(open(&directory), ErrorKind::Insecure, &["symbolic link"]);
    assert!(!elsewhere.exists());
}

/// By another one, the commands of holders would be looked for by names that they do not have, and be taken for
/// dead.
#[test]
fn a_file_with_several_names_is_used_by_the_one_that_it_was_created_by() {
    let (directory, path) = with_file();
    let other = Directory::new();
    let seconds = [directory.path().join("second.sem"), other.path().join(format!("{NAME}.sem"))];
    seconds.iter().for_each(|second| fs::hard_link(&path, second).expect("they are in one file system"));
    let permit = open(&directory).expect("it is opened").try_acquire_many_owned(2).expect("they are free");

    let by_others = [directory.options().open("second", 3), open(&other)];
    let read_by_others = [directory.options().read("second"), other.options().read(NAME)];

    let why = ["several names (hard links), and was not created by this one", "choose another name"];
    by_others.into_iter().for_each(|outcome| assert_refused(outcome, ErrorKind::Insecure, &why));
    read_by_others.into_iter().for_each(|outcome| assert_refused(outcome, ErrorKind::Insecure, &why));
    assert_eq!(directory.options().read(NAME).expect("it can be read").state.given_out, 2);
    drop(permit);
    directory.options().remove(NAME, Removal::IfIdle).expect("it is idle");
    assert!(!path.exists() && seconds.iter().all(|second| second.exists()));
}

/// One that was moved, or copied, has no other name.
#[test]
fn a_file_with_one_name_is_used_by_that() {
    let (directory, path) = with_file();
    let second = directory.path().join("second.sem");
    fs::hard_link(&path, &second).expect("it can be made");

    fs::remove_file(&path).expect("it is ours");

    assert!(directory.options().open("second", 3).expect("it is opened").try_acquire_owned().is_ok());
}

#[test]
fn a_strangers_file_is_refused_where_everybody_may_make_files() {
    if !root() {
        return;
    }
    let (directory, path) = with_file();
    set_mode(directory.path(), 0o1777);

    chown(path, Some(NOBODY), Some(NOBODY)).expect("root can give files away");

    let stranger = format!("user `{NOBODY}` created it");
    assert_refused(open(&directory), ErrorKind::Insecure, &[&stranger, "choose another name, or a directory"]);
}

#[test]
fn a_members_file_is_used_in_a_groups_directory() {
    if !root() {
        return;
    }
    let (directory, path) = with_file();
    set_mode(directory.path(), 0o1770);

    chown(path, Some(NOBODY), Some(NOBODY)).expect("root can give files away");

    assert!(open(&directory).expect("it is opened").try_acquire_owned().is_ok());
}

#[test]
fn another_users_file_of_mode_0600_is_denied() {
    if !root() {
        return;
    }
    let (directory, path) = with_file();
    set_mode(directory.path(), 0o755);

    let answer = by_nobody(&directory, Order::Open(3));

    assert!(answer.starts_with("Denied: ") && answer.contains(&format!("`{}`", path.display())), "{answer}");
}

#[test]
fn a_file_of_mode_0_is_denied_to_its_owner() {
    if !root() {
        return;
    }
    let (directory, path) = with_file();
    chown(directory.path(), Some(NOBODY), Some(NOBODY)).expect("root can give directories away");
    chown(&path, Some(NOBODY), Some(NOBODY)).expect("root can give files away");
    set_mode(&path, 0);

    let answer = by_nobody(&directory, Order::Open(3));

    assert!(answer.starts_with("Denied: "), "{answer}");
}

#[test]
fn a_file_of_mode_0400_is_denied_to_who_takes_part_and_not_to_who_reads() {
    if !root() {
        return;
    }
    let (directory, path) = with_file();
    let semaphore = open(&directory).expect("it is opened");
    let _permit = semaphore.try_acquire_many_owned(2).expect("they are free");
    set_mode(directory.path(), 0o755);
    set_mode(&path, 0o444);

    let answers = [Order::Open(3), Order::Read].map(|order| by_nobody(&directory, order));

    assert!(answers[0].starts_with("Denied: "), "{}", answers[0]);
    assert_eq!(answers[1], "2 of 3");
}

/// Through a /proc of another PID namespace, the descriptors of a process lead to the files of another one.
#[test]
fn a_proc_that_leads_to_another_file_is_not_believed() {
    if !permits_testbed::mounts() {
        return;
    }
    let (directory, _) = with_file();
    let semaphore = open(&directory).expect("it is opened");
    let _all = semaphore.try_acquire_many_owned(3).expect("they are free");
    let other = directory.options().open("other", 3).expect("a new one can be made");
    let theirs = other.path().to_owned();

    let mut comer = Actor::start_in(directory.path(), move || {
        mount::tmpfs("/proc", "")?;
        fs::create_dir_all("/proc/thread-self/fd")?;
        (3..100).try_for_each(|number| symlink(&theirs, format!("/proc/thread-self/fd/{number}")))
    });

    assert_eq!(comer.asked(Order::Open(3)), "open");
    assert_eq!(comer.asked(Order::Try(1)), "NotNow");
}
