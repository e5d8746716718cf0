//! How a semaphore is made and opened: names, numbers of permits, and who comes at once.

use super::{assert_refused, open, set_mode, with_file};
use crate::actor::{Actor, Order};
use crate::boot::reboot;
use crate::look::{DEADLINE, state_of};
use crate::mount;
use crate::place::{Directory, NAME, file_in};
use permits_conformance::wait::{Running, eventually};
use permits_host::{ErrorKind, HolderId, HostSemaphore, Operation, Removal};
use permits_testbed::mounts;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Barrier};
use std::time::{Duration, SystemTime};

/// All that can go wrong while it is opened says of which semaphore and in doing what.
#[test]
fn errors_of_opening_have_the_name_and_the_operation() {
    let (empty, bad, insecure) = (Directory::new(), Directory::new(), Directory::new());
    set_mode(insecure.path(), 0o777);
    let (damaged, path) = with_file();
    File::create(path).expect("it can be emptied");
    let file = bad.path().join("file");
    fs::write(&file, "").expect("it is written");
    let at = |path: &Path| HostSemaphore::options().directory(path);

    let cases = [
        (at(empty.path()).open("a/b", 1), "a/b", ErrorKind::BadName),
        (at(empty.path()).open(NAME, 0), NAME, ErrorKind::BadMax),
        (at(empty.path()).open_existing(NAME), NAME, ErrorKind::NotFound),
        (at(insecure.path()).open(NAME, 1), NAME, ErrorKind::Insecure),
        (at(damaged.path()).open(NAME, 1), NAME, ErrorKind::Damaged),
        (at(&file).open(NAME, 1), NAME, ErrorKind::BadDirectory),
    ];
    for (outcome, name, kind) in cases {
        let error = outcome.expect_err("each is refused");
        assert_eq!((error.kind(), error.semaphore(), error.operation()), (kind, Some(name), Some(Operation::Open)));
        assert_eq!(error.to_string().matches(&format!("`{name}`")).count(), 1, "{error}");
    }
    let read = at(empty.path()).read(NAME).expect_err("there is none");
    assert_eq!((read.semaphore(), read.operation()), (Some(NAME), Some(Operation::Read)));
    let repaired = at(empty.path()).repair(NAME).expect_err("there is none");
    assert_eq!((repaired.semaphore(), repaired.operation()), (Some(NAME), Some(Operation::Repair)));
    let listed = at(&file).list().expect_err("it is no directory");
    assert_eq!((listed.semaphore(), listed.operation()), (None, Some(Operation::Read)));
}

/// A name, a path and an id are chosen by others, and a terminal shows what is said of them.
#[test]
fn errors_are_one_line_that_a_terminal_does_not_obey() {
    let directory = Directory::new();
    let hostile = "a\n\u{1b}[2J\u{9b}\u{202e}\u{2066}\u{2028}建";
    let path = directory.path().join(hostile);
    fs::write(&path, "").expect("it is written");

    let errors = [
        directory.options().open(hostile, 1).expect_err("it has control characters"),
        directory.options().open_existing("\u{202e}b建").expect_err("there is none"),
        HostSemaphore::options().directory(&path).open(NAME, 1).expect_err("it is no directory"),
        hostile.parse::<HolderId>().expect_err("it is no id"),
    ];

    for error in errors {
        let text = error.to_string();
        let acts = |c: char| c.is_control() || "\u{202e}\u{2066}\u{2028}".contains(c);
        assert!(!text.contains(acts) && text.contains("\\u{202e}") && text.contains('建'), "{text:?}");
    }
}

#[test]
fn bad_names_are_refused_with_the_rule() {
    let directory = Directory::new();
    let long = "x".repeat(201);
    let cases = [
        ("", "it is empty"),
        (".hidden", "a dot or a dash"),
        ("..", "a dot or a dash"),
        ("-n", "a dot or a dash"),
        ("a/b", "'/' in it: name the directory separately"),
        ("/tmp/x", "'/'"),
        ("a\0b", "'\\0'"),
        ("a\nb", "'\\n'"),
        ("a\u{1b}[31m", "'\\u{1b}'"),
        ("a\u{9b}", "'\\u{9b}'"),
        (long.as_str(), "`201` bytes, at most `200` are allowed"),
    ];
    for (name, why) in cases {
        let outcome = directory.options().open(name, 1);

        assert!(name.contains('/') || !outcome.as_ref().is_err_and(|error| error.to_string().contains("directory")));
        assert_refused(outcome, ErrorKind::BadName, &[why]);
    }
    assert_eq!(fs::read_dir(directory.path()).expect("it is ours").count(), 0);
}

#[test]
fn unusual_names_are_good() {
    let directory = Directory::new();
    let long = "x".repeat(200);
    let names = ["a b", "a.b", "ä€𝄞", "a-", "UPPER", "*?$(x)'\"", long.as_str()];
    for name in names {
        let semaphore = directory.options().open(name, 1).expect("it is made");

        assert!(semaphore.try_acquire_owned().is_ok());
    }
    let mut listed = names.map(str::to_owned);
    listed.sort_unstable();
    assert_eq!(directory.options().list().expect("it can be listed"), listed);
}

#[test]
fn a_bad_number_of_permits_makes_nothing() {
    let directory = Directory::new();
    let most = HostSemaphore::MAX_PERMITS;
    for max in [0, most + 1, u32::MAX] {
        let outcome = directory.options().open(NAME, max);

        assert_refused(outcome, ErrorKind::BadMax, &[&format!("`{max}`"), "`1`", &format!("`{most}`")]);
    }
    assert!(!file_in(&directory).exists());
}

#[test]
fn another_number_of_permits_is_refused_naming_both() {
    let (directory, _) = with_file();

    let outcome = directory.options().open(NAME, 5);

    assert_refused(outcome, ErrorKind::MaxDiffers, &["`3`", "`5`", NAME]);
    assert_eq!(directory.options().open_existing(NAME).expect("it is there").max_permits().expect("it can be read"), 3);
}

#[test]
fn another_number_of_permits_resizes_if_that_is_wanted() {
    let (directory, _) = with_file();
    let user = directory.options().open_existing(NAME).expect("it is there");

    let resized = directory.options().resize(true).open(NAME, 5).expect("it is resized");

    assert_eq!((user.max_permits().expect("it can be read"), resized.name()), (5, NAME));
}

#[test]
fn a_missing_semaphore_is_not_found_and_not_made() {
    let directory = Directory::new();

    let outcome = directory.options().open_existing(NAME);

    assert_refused(outcome, ErrorKind::NotFound, &[&format!("`{NAME}`"), "there is no semaphore of that name"]);
    assert!(!file_in(&directory).exists());
}

#[test]
fn who_makes_it_at_once_makes_one() {
    for _ in 0..50 {
        let directory = Arc::new(Directory::new());
        let start = Arc::new(Barrier::new(8));

        let all = [(); 8].map(|()| {
            let (directory, start) = (Arc::clone(&directory), Arc::clone(&start));
            Running::start(move || {
                start.wait();
                let semaphore = directory.options().open(NAME, 8).expect("each of them opens it");
                let permit = semaphore.try_acquire_owned().expect("there is one for each");
                (semaphore, permit)
            })
        });
        let all = all.map(|mut one| one.outcome(DEADLINE).expect("it ends"));

        let state = all[0].0.state().expect("it can be read");
        assert_eq!((state.max_permits, state.given_out), (8, 8));
        assert_eq!(fs::read_dir(directory.path()).expect("it is ours").count(), 1, "nothing is left over");
    }
}

#[test]
fn who_makes_it_at_once_with_other_numbers_is_refused() {
    for _ in 0..50 {
        let directory = Arc::new(Directory::new());
        let start = Arc::new(Barrier::new(8));

        let all = [1, 2, 3, 4, 5, 6, 7, 8].map(|max| {
            let (directory, start) = (Arc::clone(&directory), Arc::clone(&start));
            Running::start(move || {
                start.wait();
                directory.options().open(NAME, max).map_err(|error| error.kind())
            })
        });
        let all = all.map(|mut one| one.outcome(DEADLINE).expect("it ends"));

        let refused = all.iter().filter(|one| matches!(one, Err(ErrorKind::MaxDiffers))).count();
        let opened = all.into_iter().flatten().collect::<Vec<_>>();
        assert_eq!((opened.len(), refused), (1, 7));
    }
}

#[test]
fn who_dies_while_making_it_leaves_nothing() {
    let directory = Directory::new();
    let mut actor = Actor::start(&directory);

    actor.told(Order::DieWhileCreating);
    assert!(actor.is_silent_for_good(), "it would have told that it lives");

    assert_eq!(fs::read_dir(directory.path()).expect("it is ours").count(), 0, "nothing is left over");
    assert!(open(&directory).expect("it is made").try_acquire_owned().is_ok());
}

/// Where no file can be made without a name, as without /proc, a half-made one of a process that seems to be dead
/// is removed.
#[test]
fn who_is_stopped_until_its_new_file_is_removed_makes_another_one() {
    if !mounts() {
        return;
    }
    let directory = Directory::new();
    let new_files = || {
        let names = fs::read_dir(directory.path()).expect("it is ours").flatten().map(|entry| entry.path());
        names.filter(|path| path.extension().is_some_and(|end| end == "new")).collect::<Vec<_>>()
    };
    let mut maker = Actor::start_in(directory.path(), || mount::tmpfs("/proc", ""));
    maker.told(Order::StopWhileCreating);
    assert!(eventually(DEADLINE, || state_of(maker.pid()) == Some('T')), "it stops");
    let left = new_files();
    assert_eq!(left.len(), 1, "it has made one: {left:?}");

    let file = File::options().write(true).open(&left[0]).expect("it is ours");
    file.set_modified(SystemTime::now() - Duration::from_secs(61)).expect("it is ours");
    drop(open(&directory).expect("it is made"));
    directory.options().remove(NAME, Removal::IfIdle).expect("it is idle");
    assert_eq!(new_files(), Vec::<PathBuf>::new(), "the maker seems to be dead");
    maker.resume();

    assert_eq!(maker.hear(), "open");
    assert_eq!((new_files(), maker.asked(Order::Try(1))), (Vec::new(), "got 1".to_owned()));
    assert_eq!(open(&directory).expect("it is the same").available_permits().expect("it can be read"), 2);
}

#[test]
fn a_semaphore_can_be_made_without_proc() {
    if !mounts() {
        return;
    }
    let directory = Directory::new();

    let mut actor = Actor::start_in(directory.path(), || mount::tmpfs("/proc", ""));

    assert_eq!(actor.asked(Order::Open(1)), "open");
    assert_eq!(actor.asked(Order::Try(1)), "got 1");
    let names = fs::read_dir(directory.path()).expect("it is there").flatten().map(|entry| entry.file_name());
    assert_eq!(names.collect::<Vec<_>>(), [format!("{NAME}.sem").as_str()], "nothing else is left behind");
}

#[test]
fn new_files_of_the_killed_are_removed_with_the_semaphore_or_when_it_is_made_anew() {
    let of_us = |number: &str| format!(".{NAME}.{number}.new");
    let (young, others) = (of_us("0123456789abcdef"), [".other.0123456789abcdef.new", ".shared.x.new", "shared.new"]);
    let make_anew: fn(&Directory) = |directory| {
        reboot(directory);
        drop(open(directory).expect("it is made anew"));
    };
    let remove: fn(&Directory) = |directory| {
        directory.options().remove(NAME, Removal::Force).expect("it is there");
    };
    for act in [make_anew, remove] {
        let (directory, _) = with_file();
        let put = |name: &str, age: u64| {
            let file = File::create(directory.path().join(name)).expect("it can be made");
            file.set_modified(SystemTime::now() - Duration::from_secs(age)).expect("it is ours");
        };
        put(&young, 0);
        [of_us("fedcba9876543210"), of_us("ffffffffffffffff")].iter().for_each(|left| put(left, 3600));
        others.iter().for_each(|other| put(other, 3600));

        act(&directory);

        let there: Vec<_> = fs::read_dir(directory.path()).expect("it is ours").flatten().collect();
        let mut there: Vec<_> = there.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        there.retain(|name| name.ends_with(".new"));
        there.sort_unstable();
        let mut expected = [&[&*young][..], &others].concat();
        expected.sort_unstable();
        assert_eq!(there, expected);
    }
}
