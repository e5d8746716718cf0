//! Files, directories and names that are not as they should be: each gives an error that says what is wrong
//! and what to do (C21).

use crate::actor::{Actor, NOBODY, Order};
use crate::format::{FORMAT_AT, ROOT_AT};
use crate::look::DEADLINE;
use crate::mount;
use crate::place::{Directory, NAME, file_in, fresh, overwrite};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use nix::unistd::mkfifo;
use permits::blocking::block_on;
use permits::limit::{Limit, Wait};
use permits_conformance::Dice;
use permits_conformance::wait::{Polled, Running};
use permits_host::{Error, ErrorKind, HolderId, HostSemaphore, Operation};
use permits_testbed::{mounts, root};
use std::fs::{self, File};
use std::os::unix::fs::{DirBuilderExt, FileExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Barrier};

fn open(directory: &Directory) -> Result<HostSemaphore, Error> {
    let options = directory.options();
    Running::start(move || options.open(NAME, 3)).outcome(DEADLINE).expect("opening ends, whatever there is")
}

/// A sound file that nobody has open.
fn with_file() -> (Directory, PathBuf) {
    let directory = Directory::new();
    drop(open(&directory).expect("a new one can be made"));
    let path = file_in(&directory);
    (directory, path)
}

/// What opening it comes to, which is an error of that kind whose text says all of that.
#[track_caller]
fn assert_refused(outcome: Result<HostSemaphore, Error>, kind: ErrorKind, says: &[&str]) {
    let error = outcome.expect_err("it is refused");
    assert_eq!(error.kind(), kind, "{error}");
    for part in says {
        assert!(error.to_string().contains(part), "`{part}` is missing in: {error}");
    }
}

#[track_caller]
fn assert_damaged(directory: &Directory, why: &str) {
    let way_out = format!("semaphore `{NAME}`: it is damaged: ");
    assert_refused(open(directory), ErrorKind::Damaged, &[&format!("`{NAME}`"), why, &way_out]);
    let read = directory.options().read(NAME).expect_err("it cannot be read either");
    assert_eq!(read.kind(), ErrorKind::Damaged, "{read}");
}

#[test]
fn an_empty_file_is_damaged() {
    let (directory, path) = with_file();

    File::create(path).expect("it can be emptied");

    assert_damaged(&directory, "too short");
}

#[test]
fn a_truncated_file_is_damaged_wherever_it_ends() {
    let (directory, path) = with_file();
    let length = fs::metadata(&path).expect("it is there").len();
    let file = File::options().write(true).open(path).expect("it is ours");

    let powers = (0..).map(|power| 1u64 << power).take_while(|&power| power < length).collect::<Vec<_>>();
    assert!(powers.len() > 20, "{powers:?}");
    for shorter in powers.into_iter().rev().chain([0]) {
        file.set_len(shorter).expect("it can be cut");

        let why = if shorter < 40 { "too short".into() } else { format!("`{shorter}` bytes instead of `{length}`") };
        assert_damaged(&directory, &why);
    }
}

#[test]
fn a_file_that_lacks_one_byte_is_damaged() {
    let (directory, path) = with_file();
    let length = fs::metadata(&path).expect("it is there").len();

    File::options().write(true).open(path).expect("it is ours").set_len(length - 1).expect("it can be cut");

    assert_damaged(&directory, &format!("`{}` bytes instead of `{length}`", length - 1));
}

#[test]
fn a_file_that_is_too_long_is_damaged() {
    let (directory, path) = with_file();
    let length = fs::metadata(&path).expect("it is there").len();

    File::options().write(true).open(path).expect("it is ours").set_len(length + 1).expect("it can grow");

    assert_damaged(&directory, &format!("`{}` bytes instead of `{length}`", length + 1));
}

#[test]
fn a_file_that_starts_as_another_is_damaged() {
    let (directory, path) = with_file();

    File::options().write(true).open(path).expect("it is ours").write_all_at(b"PERMITS\r", 0).expect("it is written");

    assert_damaged(&directory, "does not start like a semaphore's file");
}

#[test]
fn a_file_of_random_bytes_is_damaged() {
    let (directory, path) = with_file();
    let mut dice = Dice::seeded(21);

    for length in [40, 4096, 8_392_704] {
        let bytes: Vec<u8> = (0..length / 8).flat_map(|_| dice.roll().to_ne_bytes()).collect();
        fs::write(&path, bytes).expect("it is written");

        assert_damaged(&directory, "does not start like a semaphore's file");
    }
}

#[test]
fn another_major_version_is_refused_naming_both() {
    let (directory, path) = with_file();
    let file = File::options().read(true).write(true).open(&path).expect("it is ours");
    let mut format = [0; 8];
    file.read_exact_at(&mut format, FORMAT_AT).expect("it has a second word");
    let format = u64::from_ne_bytes(format);
    assert_eq!(format & 0xffff_ffff, 3 << 16, "this is format 3.0");

    file.write_all_at(&(format & !0xffff_ffff | 7 << 16 | 5).to_ne_bytes(), FORMAT_AT).expect("it is written");

    let path = format!("`{}`", path.display());
    assert_refused(
        open(&directory),
        ErrorKind::ForeignFormat,
        &["format `7.5`", "format `3.0`", "same version", &path],
    );
}

#[test]
fn a_newer_minor_version_is_used() {
    let (directory, path) = with_file();
    let file = File::options().write(true).open(path).expect("it is ours");

    // The lowest byte of the word, in either order of bytes.
    let minor = if cfg!(target_endian = "little") { FORMAT_AT } else { FORMAT_AT + 7 };
    file.write_all_at(&[3], minor).expect("it is written");

    assert!(open(&directory).expect("it is opened").try_acquire_owned().is_ok());
}

#[test]
fn other_sizes_are_a_foreign_format() {
    let (directory, path) = with_file();
    let file = File::options().read(true).write(true).open(path).expect("it is ours");
    let mut format = [0; 8];
    file.read_exact_at(&mut format, FORMAT_AT).expect("it has a second word");

    let format = u64::from_ne_bytes(format) & 0xffff_ffff | 8192 << 32;
    file.write_all_at(&format.to_ne_bytes(), FORMAT_AT).expect("it is written");

    assert_refused(open(&directory), ErrorKind::ForeignFormat, &[&format!("`{NAME}`"), "same version"]);
}

#[test]
fn a_directory_in_its_place_is_damaged() {
    let directory = Directory::new();

    fs::create_dir(file_in(&directory)).expect("it can be made");

    assert_refused(open(&directory), ErrorKind::Damaged, &["it is a directory"]);
}

#[test]
fn a_pipe_in_its_place_is_damaged_and_not_waited_for() {
    let directory = Directory::new();

    mkfifo(&file_in(&directory), Mode::S_IRWXU).expect("it can be made");

    assert_refused(open(&directory), ErrorKind::Damaged, &["not a regular file"]);
    let read = directory.options().read(NAME).expect_err("it cannot be read either");
    assert_eq!(read.kind(), ErrorKind::Damaged, "{read}");
}

#[test]
fn a_device_in_its_place_is_damaged() {
    if !root() {
        return;
    }
    let directory = Directory::new();

    mknod(&file_in(&directory), SFlag::S_IFCHR, Mode::S_IRUSR | Mode::S_IWUSR, makedev(1, 3))
        .expect("root can make it");

    assert_refused(open(&directory), ErrorKind::Damaged, &["not a regular file"]);
}

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

#[test]
fn a_hard_link_is_refused() {
    let (directory, path) = with_file();

    fs::hard_link(&path, directory.path().join("second")).expect("it can be made");

    assert_refused(open(&directory), ErrorKind::Insecure, &["a second name (a hard link): remove one of them"]);
}

#[test]
fn a_strangers_file_is_refused_where_everybody_may_make_files() {
    if !root() {
        return;
    }
    let (directory, path) = with_file();
    set_mode(directory.path(), 0o1777);

    chown(path, Some(NOBODY), Some(NOBODY)).expect("root can give files away");

    let stranger = format!("user `{NOBODY}` made it");
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

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
}

/// What another user's process says to opening or reading the semaphore of a directory.
fn by_nobody(directory: &Directory, order: Order) -> String {
    Actor::of_nobody(directory.path()).asked(order)
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

#[test]
fn bad_names_are_refused_with_the_rule() {
    let directory = Directory::new();
    let long = "x".repeat(201);
    let cases = [
        ("", "it is empty"),
        (".hidden", "a dot or a dash"),
        ("..", "a dot or a dash"),
        ("-n", "a dot or a dash"),
        ("a/b", "'/': name the directory separately"),
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

#[test]
fn a_full_file_system_loses_nothing() {
    if !mounts() {
        return;
    }
    let directory = Directory::new();
    let path = directory.path().to_owned();
    let mut actor = Actor::start_in(directory.path(), move || mount::tmpfs(&path, "size=1m,mode=700"));

    actor.told(Order::Fill);

    assert_eq!(actor.hear_within(10 * DEADLINE), "all is well");
}

/// In a small file system: what becomes of a creation, more seats and more waiters when it is full, and after
/// room was made.
pub(crate) fn fill_and_recover(directory: &Path) -> String {
    let open = || HostSemaphore::options().directory(directory).open(NAME, 1);
    let stuffing = directory.join("stuffing");
    let stuff = || {
        let file = File::options().append(true).create(true).open(&stuffing).expect("a name needs no room");
        while std::io::Write::write_all(&mut &file, &[1; 4096]).is_ok() {}
    };

    stuff();
    let error = open().expect_err("there is no room for it");
    assert_eq!(error.kind(), ErrorKind::Exhausted, "{error}");
    assert_eq!(fs::read_dir(directory).expect("it is ours").count(), 1, "nothing is left over");

    fs::remove_file(&stuffing).expect("it is ours");
    let semaphore = open().expect("there is room again");
    let permit = semaphore.try_acquire_owned().expect("it is free");
    stuff();

    let mut handles = Vec::new();
    let error = loop {
        match open() {
            Ok(handle) => handles.push(handle),
            Err(error) => break error,
        }
        assert!(handles.len() < 4096, "some seat has no room");
    };
    assert_eq!((error.kind(), handles.len()), (ErrorKind::Exhausted, 31), "{error}");
    let mut waiting = Vec::new();
    let error = loop {
        let mut task = Polled::new(semaphore.acquire_owned());
        match task.poll() {
            std::task::Poll::Pending => waiting.push(task),
            std::task::Poll::Ready(outcome) => break outcome.expect_err("the permit is held"),
        }
        assert!(waiting.len() < 65_535, "some waiter has no room");
    };
    assert_eq!((error.kind(), waiting.len()), (ErrorKind::Exhausted, 511), "{error}");

    fs::remove_file(&stuffing).expect("it is ours");
    handles.push(open().expect("there is room again"));
    let mut late = Polled::new(handles[31].acquire_owned());
    assert!(late.poll().is_pending());
    drop(permit);
    for mut task in waiting {
        drop(task.outcome(DEADLINE).expect("it is granted").expect("it is granted"));
    }
    drop(late.outcome(DEADLINE).expect("it is granted").expect("it is granted"));
    let state = semaphore.state().expect("it can be read");
    assert_eq!((state.available_permits, state.waiting_acquirers), (1, 0));
    "all is well".into()
}

#[test]
fn a_layered_file_system_is_refused() {
    if !mounts() {
        return;
    }
    let directory = Directory::new();
    let path = directory.path().to_owned();
    let inner = path.join("seen/inner");
    let prepare = move || {
        mount::tmpfs(&path, "mode=700")?;
        let private = |name: &str| fs::DirBuilder::new().mode(0o700).create(path.join(name));
        ["lower", "upper", "work", "seen"].into_iter().try_for_each(private)?;
        mount::overlay(&path, &path.join("seen"))?;
        private("seen/inner")
    };

    let answer = Actor::start_in(&inner, prepare).asked(Order::Open(1));

    assert!(answer.starts_with("BadFileSystem: ") && answer.contains("overlayfs"), "{answer}");
}

#[test]
fn a_limit_on_the_size_of_files_is_an_error_and_no_signal() {
    let directory = Directory::new();
    let limit = || Ok(setrlimit(Resource::RLIMIT_FSIZE, 512_000, 512_000)?);

    let answer = Actor::start_after(directory.path(), limit).asked(Order::Open(1));

    assert!(answer.contains("cannot create its file"), "{answer}");
    assert_eq!(fs::read_dir(directory.path()).expect("it is ours").count(), 0, "nothing is left over");
}

#[test]
fn a_wait_that_ran_out_of_time_has_timed_out_though_the_file_is_damaged() {
    let (directory, semaphore) = fresh(1);
    let told = Limit::acquire(&semaphore).timed_out();
    overwrite(&directory, ROOT_AT, &[0xff; 8]);

    let error = block_on(told);

    assert_eq!((error.kind(), error.semaphore(), error.stuck()), (ErrorKind::TimedOut, Some(NAME), None));
    assert!(error.to_string().contains("it is damaged"), "{error}");
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
