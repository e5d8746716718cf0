//! Others, who have no right on a semaphore, in a directory where everybody may make files: whatever they put
//! at the names that the crate uses, each act of a user ends, and does what it does without them.
//!
//! The user is one without privileges, so the tests need root. What a stranger puts there is made by root and
//! given away, devices included, which a stranger could not make.

use crate::actor::{Actor, NOBODY, Order};
use crate::look::{DEADLINE, WHILE, lives, state_of};
use crate::place::{Directory, NAME, file_in, fresh};
use crate::{mount, sys};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use nix::unistd::mkfifo;
use permits_conformance::wait::{always, eventually};
use permits_host::{HostSemaphore, Level, Removal, Repair};
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

/// Who has no right on anything here.
const STRANGER: u32 = 12_345;
/// Generations whose bytes are locked in a stranger's file.
const GENERATIONS: i64 = 16;

/// What a stranger may put at a name.
#[derive(Clone, Copy, Debug)]
enum Thing {
    Pipe,
    LinkToNothing,
    LinkToTheStrangers,
    HardLink,
    Directory,
    Device,
    Socket,
    Locked,
    ForTheStranger,
    ForNobody,
}

const THINGS: [Thing; 10] = [
    Thing::Pipe,
    Thing::LinkToNothing,
    Thing::LinkToTheStrangers,
    Thing::HardLink,
    Thing::Directory,
    Thing::Device,
    Thing::Socket,
    Thing::Locked,
    Thing::ForTheStranger,
    Thing::ForNobody,
];

/// What keeps a thing as it is.
type Kept = Option<File>;

impl Thing {
    /// Puts it at a path, as a stranger would; what is returned keeps its locks.
    fn put_at(self, path: &Path) -> Kept {
        let theirs = path.with_file_name("of-a-stranger");
        if !theirs.exists() {
            fs::write(&theirs, "").expect("it can be made");
            chown(&theirs, Some(STRANGER), Some(STRANGER)).expect("root can give files away");
        }
        let mut mode = 0o666;
        let mut kept = None;
        match self {
            Thing::Pipe => mkfifo(path, Mode::S_IRWXU).expect("it can be made"),
            Thing::LinkToNothing => symlink("/nonexistent", path).expect("it can be made"),
            Thing::LinkToTheStrangers => symlink(&theirs, path).expect("it can be made"),
            Thing::HardLink => fs::hard_link(&theirs, path).expect("it can be made"),
            Thing::Directory => {
                fs::create_dir(path).expect("it can be made");
                mode = 0o777;
            }
            Thing::Device => mknod(path, SFlag::S_IFCHR, Mode::S_IRWXU, makedev(1, 3)).expect("root can make it"),
            Thing::Socket => drop(UnixListener::bind(path).expect("it can be made")),
            Thing::Locked => {
                let file = File::create(path).expect("it can be made");
                (0..GENERATIONS).for_each(|byte| sys::lock_byte(&file, byte));
                kept = Some(file);
            }
            Thing::ForTheStranger | Thing::ForNobody => {
                fs::write(path, "").expect("it can be made");
                mode = if matches!(self, Thing::ForNobody) { 0 } else { 0o600 };
            }
        }
        lchown(path, Some(STRANGER), Some(STRANGER)).expect("root can give things away");
        if !path.is_symlink() {
            fs::set_permissions(path, Permissions::from_mode(mode)).expect("root may");
        }
        kept
    }
}

/// A directory where everybody may make files.
fn of_all() -> Directory {
    let directory = Directory::new();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o1777)).expect("it is ours");
    directory
}

/// In a process of its own: all that a user can do with a semaphore of one permit, and what came of it.
pub(crate) fn do_all(directory: &Path) -> String {
    let options = || HostSemaphore::options().directory(directory);
    let mut answers = Vec::new();
    let mut note = |act: &str, answer: String| answers.push(format!("{act} {answer}"));
    let kind = |error: permits_host::Error| format!("{:?}", error.kind());
    note("lists", options().list().map_or_else(kind, |names| names.contains(&NAME.to_owned()).to_string()));
    note("reads", options().read(NAME).map_or_else(kind, |status| status.state.max_permits.to_string()));
    let bad = |findings: Vec<permits_host::Finding>| {
        let bad = findings.iter().filter(|found| found.level == Level::Bad && found.about.starts_with("semaphore"));
        bad.count().to_string()
    };
    note("examines", bad(options().examine()));
    let opened = options().open(NAME, 1);
    note("opens", opened.as_ref().map_or_else(|error| format!("{:?}", error.kind()), |_| "well".into()));
    if let Ok(semaphore) = opened {
        // What a dead command had is to be had.
        let waited = semaphore.acquire_owned().wait_timeout(DEADLINE / 2);
        note("waits", waited.as_ref().map_or_else(|error| format!("{:?}", error.kind()), |_| "well".into()));
        drop(waited);
        let permit = semaphore.try_acquire_owned();
        note("tries", permit.as_ref().map_or_else(|error| format!("{:?}", error.kind()), |_| "well".into()));
        let ran = semaphore.command_lock().map_err(kind).and_then(|lock| {
            let mut command = Command::new("true");
            let status = permits_testbed::before_exec(&mut command, move || lock.take()).status();
            status.map_err(|error| error.to_string()).map(|status| status.success())
        });
        note("runs", ran.map_or_else(|error| error, |ran| ran.to_string()));
        note("looks", semaphore.status().map_or_else(kind, |status| status.state.given_out.to_string()));
        drop((permit, semaphore));
    }
    let repaired = options().repair(NAME);
    note("repairs", repaired.map_or_else(kind, |repair| matches!(repair, Repair::Sound).to_string()));
    answers.join(", ")
}

/// What `do_all` says where nobody disturbs.
const ALL_WELL: &str =
    "lists true, reads 1, examines 0, opens well, waits well, tries well, runs true, looks 1, repairs true";

fn all_by_nobody(directory: &Directory) -> String {
    Actor::of_nobody(directory.path()).asked(Order::DoAll)
}

/// The names in a directory that are no stranger's.
fn files_of_nobody(directory: &Directory) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory.path()).expect("it is ours").flatten();
    let ours = entries.filter(|entry| entry.metadata().is_ok_and(|found| found.uid() == NOBODY));
    ours.map(|entry| entry.path()).collect()
}

/// A wrapper and its command have run, and were killed.
fn run_and_die(directory: &Directory) {
    let mut wrapper = Actor::of_nobody(directory.path());
    assert_eq!(wrapper.asked(Order::Open(1)), "open");
    let command = wrapper.starts(Order::RunCommand);
    wrapper.kill_and_reap();
    sys::signal(command, libc::SIGKILL);
    assert!(eventually(DEADLINE, || !lives(command)), "it ends");
}

#[test]
fn things_of_strangers_at_guessable_names_hinder_no_act() {
    if !permits_testbed::root() {
        return;
    }
    for thing in THINGS {
        let directory = of_all();
        let mut kept = Vec::new();
        for seat in 0..4 {
            for name in [format!(".{NAME}.cmd.{seat}"), format!(".{NAME}.cmd.{seat}.00000000")] {
                kept.push(thing.put_at(&directory.path().join(name)));
            }
        }

        run_and_die(&directory);

        assert_eq!(all_by_nobody(&directory), ALL_WELL, "beside {thing:?}");
        drop(kept);
    }
}

#[test]
fn things_of_strangers_in_the_place_of_a_commands_file_hinder_no_act() {
    if !permits_testbed::root() {
        return;
    }
    for thing in THINGS {
        let directory = of_all();
        run_and_die(&directory);
        // It was removed, by who tidies old files away, and a stranger was there first.
        let replaced = files_of_nobody(&directory).into_iter().filter(|path| *path != file_in(&directory));
        let kept = replaced.map(|path| {
            fs::remove_file(&path).expect("root may");
            thing.put_at(&path)
        });
        let kept = kept.collect::<Vec<_>>();
        assert_eq!(kept.len(), 1, "one seat has had a command");

        assert_eq!(all_by_nobody(&directory), ALL_WELL, "with {thing:?}");
    }
}

#[test]
fn things_of_strangers_in_the_semaphores_place_are_refused() {
    if !permits_testbed::root() {
        return;
    }
    for thing in THINGS {
        let directory = of_all();
        let path = file_in(&directory);
        let kept = thing.put_at(&path);
        let before = fs::symlink_metadata(&path).expect("it is there").ino();

        let answer = all_by_nobody(&directory);

        let kind = match thing {
            Thing::ForTheStranger | Thing::ForNobody => "Denied",
            _ => "Insecure",
        };
        let expected = format!("lists true, reads {kind}, examines 0, opens {kind}, repairs {kind}");
        assert_eq!(answer, expected, "for {thing:?}");
        assert_eq!(fs::symlink_metadata(&path).expect("it is there").ino(), before, "for {thing:?}");
        drop(kept);
    }
}

/// A process that has closed its descriptors looks for the file anew, which has lost its name to another thing.
#[test]
fn things_of_strangers_in_the_place_of_a_file_in_use_are_not_taken_for_it() {
    if !permits_testbed::root() {
        return;
    }
    for thing in THINGS {
        let directory = of_all();
        let path = file_in(&directory);
        let [mut holder, mut actor] = [(); 2].map(|()| Actor::of_nobody(directory.path()));
        assert_eq!(holder.asked(Order::Open(1)), "open");
        holder.holds(1);
        assert_eq!(actor.asked(Order::Open(1)), "open");
        assert_eq!(actor.asked(Order::CloseDescriptors), "closed");
        fs::remove_file(&path).expect("root may");
        let kept = thing.put_at(&path);

        assert_eq!(actor.asked(Order::Try(1)), "Gone", "with {thing:?}");

        drop(kept);
    }
}

/// Puts a pipe at a path, with a writer that waits for a reader; whether it waits still after an act.
fn leaves_a_pipe_alone(path: &Path, act: impl FnOnce()) -> bool {
    mkfifo(path, Mode::S_IRWXU).expect("it can be made");
    let mut writer = permits_testbed::start(Command::new("sh").args(["-c", "echo > \"$0\""]).arg(path));
    assert!(eventually(DEADLINE, || state_of(writer.id()) == Some('S')), "it waits");

    act();

    let waits = always(WHILE, || writer.try_wait().expect("it is a child of ours").is_none());
    writer.kill().expect("it is a child of ours");
    writer.wait().expect("it is a child of ours");
    waits
}

/// How an actor is started that has a `/proc`, and one that has none.
const WITH_AND_WITHOUT_PROC: [(&str, Prepare); 2] =
    [("with /proc", || Ok(())), ("without /proc", || mount::tmpfs("/proc", ""))];
type Prepare = fn() -> io::Result<()>;

#[test]
fn a_pipe_in_the_place_of_a_file_in_use_is_not_even_opened() {
    if !permits_testbed::mounts() {
        return;
    }
    for (case, prepare) in WITH_AND_WITHOUT_PROC {
        let (directory, semaphore) = fresh(1);
        let _permit = semaphore.try_acquire_owned().expect("it is free");
        let mut actor = Actor::start_in(directory.path(), prepare);
        assert_eq!(actor.asked(Order::Open(1)), "open");
        assert_eq!(actor.asked(Order::CloseDescriptors), "closed");
        fs::remove_file(file_in(&directory)).expect("it is ours");

        let waits = leaves_a_pipe_alone(&file_in(&directory), || assert_eq!(actor.asked(Order::Try(1)), "Gone"));

        assert!(waits, "{case}");
    }
}

#[test]
fn a_pipe_in_the_semaphores_place_is_not_even_opened() {
    if !permits_testbed::mounts() {
        return;
    }
    for (case, prepare) in WITH_AND_WITHOUT_PROC {
        let directory = Directory::new();
        let mut actor = Actor::start_in(directory.path(), prepare);

        let waits = leaves_a_pipe_alone(&file_in(&directory), || {
            let answer = actor.asked(Order::Open(1));
            assert!(answer.starts_with("Damaged: "), "{answer}");
        });

        assert!(waits, "{case}");
    }
}

#[test]
fn things_of_strangers_do_not_keep_a_damaged_file_in_its_place() {
    if !permits_testbed::root() {
        return;
    }
    for thing in THINGS {
        let directory = of_all();
        run_and_die(&directory);
        let path = file_in(&directory);
        File::options().write(true).open(&path).expect("it is there").set_len(0).expect("root may");
        let mut names: Vec<String> = (1..100).map(|number| format!("{NAME}.damaged-{number}")).collect();
        names.extend((0..4).flat_map(|seat| [format!(".{NAME}.cmd.{seat}"), format!(".{NAME}.cmd.{seat}.00000000")]));
        let paths = names.iter().map(|name| directory.path().join(name)).filter(|path| !path.exists());
        let kept = paths.map(|path| thing.put_at(&path)).collect::<Vec<_>>();

        let answer = all_by_nobody(&directory);

        assert_eq!(answer, "lists true, reads Damaged, examines 1, opens Damaged, repairs false", "beside {thing:?}");
        assert!(!path.exists(), "it was set aside, beside {thing:?}");
        let left = files_of_nobody(&directory);
        assert_eq!(left.len(), 1, "it alone is left of the user's, beside {thing:?}: {left:?}");
        drop(kept);
    }
}

#[test]
fn things_of_strangers_in_the_directorys_place_are_refused() {
    if !permits_testbed::root() {
        return;
    }
    for thing in THINGS {
        let parent = of_all();
        let path = parent.path().join("semaphores");
        let kept = thing.put_at(&path);

        let answer = Actor::of_nobody(&path).asked(Order::DoAll);

        let (kind, reads) = match thing {
            // It may be read, by who has named it.
            Thing::Directory => ("Insecure", "NotFound"),
            Thing::LinkToNothing | Thing::LinkToTheStrangers => ("Insecure", "Insecure"),
            _ => ("BadDirectory", "BadDirectory"),
        };
        let expected = format!("lists {kind}, reads {reads}, examines 0, opens {kind}, repairs {kind}");
        assert_eq!(answer, expected, "for {thing:?}");
        drop(kept);
    }
}

#[test]
fn a_strangers_directory_in_the_place_of_the_default_one_is_not_even_looked_at() {
    if !permits_testbed::root() {
        return;
    }
    // Nobody has named it, who would know whose it is.
    let prepare = || {
        mount::tmpfs("/run", "")?;
        fs::create_dir("/run/permits")?;
        fs::set_permissions("/run/permits", Permissions::from_mode(0o1777))?;
        chown("/run/permits", Some(STRANGER), None)
    };

    let answer = Actor::start_in(Path::new("/run/permits"), prepare).asked(Order::DoAll);

    assert_eq!(answer, "lists Insecure, reads Insecure, examines 0, opens Insecure, repairs Insecure");
}

#[test]
fn a_strangers_link_to_a_good_directory_is_not_followed() {
    if !permits_testbed::root() {
        return;
    }
    let parent = of_all();
    let good = parent.path().join("good");
    fs::create_dir(&good).expect("it can be made");
    fs::set_permissions(&good, Permissions::from_mode(0o700)).expect("it is ours");
    chown(&good, Some(NOBODY), Some(NOBODY)).expect("root can give directories away");
    let link = parent.path().join("link");
    symlink(&good, &link).expect("it can be made");
    lchown(&link, Some(STRANGER), Some(STRANGER)).expect("root can give links away");

    let answers = [link.clone(), link.join("")].map(|path| Actor::of_nobody(&path).asked(Order::Open(1)));

    for answer in answers {
        assert!(answer.starts_with("Insecure: ") && answer.contains("a symbolic link of user `12345`"), "{answer}");
    }
    assert_eq!(fs::read_dir(&good).expect("it is there").count(), 0, "nothing was made");
}

#[test]
fn a_second_name_that_a_stranger_gives_a_commands_file_does_not_free_its_permits() {
    if !permits_testbed::root() {
        return;
    }
    let directory = of_all();
    let mut wrapper = Actor::of_nobody(directory.path());
    assert_eq!(wrapper.asked(Order::Open(1)), "open");
    let command = wrapper.starts(Order::RunCommand);
    for path in files_of_nobody(&directory).into_iter().filter(|path| *path != file_in(&directory)) {
        // As where `fs.protected_hardlinks` is 0.
        fs::hard_link(&path, path.with_extension("second")).expect("root may");
    }

    wrapper.kill_and_reap();

    assert_eq!(Actor::of_nobody(directory.path()).asked(Order::Try(1)), "NotNow");
    assert!(lives(command));
}

/// As where `fs.protected_hardlinks` is 0, or where all may write to the file.
#[test]
fn names_that_a_stranger_gives_the_semaphores_file_hinder_no_act() {
    if !permits_testbed::root() {
        return;
    }
    for owner in [NOBODY, 0] {
        let directory = of_all();
        drop(directory.options().mode(0o666).open(NAME, 1).expect("it can be made"));
        chown(file_in(&directory), Some(owner), None).expect("root may");
        for name in ["other.sem", "link"] {
            let link = directory.path().join(name);
            fs::hard_link(file_in(&directory), &link).expect("root may");
        }

        assert_eq!(all_by_nobody(&directory), ALL_WELL, "with a file of user {owner}");
    }
}

/// Root removes what root has left.
#[test]
fn new_files_of_strangers_stay_where_they_are() {
    if !permits_testbed::root() {
        return;
    }
    let directory = of_all();
    let put = |number: &str, owner: u32| {
        let path = directory.path().join(format!(".{NAME}.{number}.new"));
        let file = File::create(&path).expect("it can be made");
        file.set_modified(SystemTime::now() - Duration::from_secs(3600)).expect("it is ours");
        chown(&path, Some(owner), None).expect("root may");
        path
    };
    let (theirs, ours) = (put("0123456789abcdef", STRANGER), put("fedcba9876543210", 0));
    drop(directory.options().open(NAME, 1).expect("it can be made"));

    directory.options().remove(NAME, Removal::Force).expect("it is there");

    assert_eq!((theirs.exists(), ours.exists()), (true, false));
}
