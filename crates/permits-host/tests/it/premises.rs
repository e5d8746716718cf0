//! What the crate takes for granted of its surroundings, and what it does where that is not so: other file systems, other boots, other roots,
//! commands that look at their own semaphore, and strangers who lock bytes.

use crate::actor::{Actor, DEADLINE, GO, NAME, lives, waiting};
use crate::place::Directory;
use crate::sys;
use permits_conformance::wait::{Running, always, eventually};
use permits_host::{AcquireOwned, Error, ErrorKind, HostSemaphore};
use std::fs::{self, File, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

/// Tells a process of its own what to do; its presence makes one.
const ROLE: &str = "PERMITS_TEST_ROLE";
const DIRECTORY: &str = "PERMITS_TEST_DIRECTORY";
/// For how long something is looked at that must not happen.
const WHILE: Duration = Duration::from_millis(300);
/// Longer than a watch takes to look for the file by its name once more.
const UNTIL_THE_NAME_IS_CHECKED: Duration = Duration::from_millis(1300);

// Where things are in a file of format 1.0; see `layout.rs`, which is private.
const ROOT_AT: u64 = 64 * 8;
const BOOT_AT: u64 = 2 * 8;
const FIRST_WAITER_AT: u64 = (512 + 4096 * 128 + 8) * 8;
/// The bytes that are locked; see `files.rs`.
const ATTACH_BYTE: i64 = 1 << 40;
const SEAT_BYTES: i64 = 1 << 41;

fn fresh(max: u32) -> (Directory, HostSemaphore) {
    let directory = Directory::new();
    let semaphore = directory.options().open(NAME, max).expect("a new one can be made");
    (directory, semaphore)
}

fn file_in(directory: &Directory) -> PathBuf {
    directory.path().join(format!("{NAME}.sem"))
}

fn kind<T>(outcome: Result<T, Error>) -> Option<ErrorKind> {
    outcome.err().map(|error| error.kind())
}

/// The number of the seat that an id names.
fn seat_in(id: &str) -> i64 {
    id.split_once('-').and_then(|(seat, _)| seat.parse().ok()).expect("an id starts with a number")
}

/// A process that is killed and reaped when the test is over.
struct Mortal(Child);

impl Drop for Mortal {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// This binary once more, to play a role: orders by lines, answers by lines that start with an `@`. What it started ends with its input.
struct Player {
    orders: Option<ChildStdin>,
    answers: Receiver<String>,
    process: Mortal,
}

impl Player {
    fn start(directory: &Path, role: &str) -> Player {
        Player::start_in("exec \"$@\"", directory, role)
    }

    /// Starts one in a mount namespace of its own, after a script has prepared it, which has the directory as `$directory` and ends in an
    /// exec of what it is given.
    fn start_in(script: &str, directory: &Path, role: &str) -> Player {
        let program = std::env::current_exe().expect("a test knows its binary");
        let mut command = Command::new("unshare");
        command.args(["--mount", "--", "sh", "-ec", script, "sh"]).arg(program).args(PLAY);
        command.env(ROLE, role).env(DIRECTORY, directory).env("directory", directory);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("there is `unshare`");
        let lines = BufReader::new(child.stdout.take().expect("it is piped"));
        let (report, answers) = channel();
        thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                if let Some(answer) = line.strip_prefix('@') {
                    // A test that is over does not listen.
                    let _ = report.send(answer.to_owned());
                }
            }
        });
        Player { orders: child.stdin.take(), answers, process: Mortal(child) }
    }

    fn hear(&mut self) -> String {
        self.answers.recv_timeout(DEADLINE).expect("a player answers")
    }

    fn asked(&mut self, order: &str) -> String {
        let orders = self.orders.as_mut().expect("it listens until it is dropped");
        writeln!(orders, "{order}").expect("a player listens");
        self.hear()
    }

    /// Kills the process that was started, and not what that has started.
    fn kill_and_reap(&mut self) {
        self.process.0.kill().expect("it is a child of ours");
        self.process.0.wait().expect("it is a child of ours");
    }
}

const PLAY: [&str; 4] = ["--exact", "premises::play", "--nocapture", "--test-threads=1"];

fn say(answer: impl std::fmt::Display) {
    println!("\n@{answer}");
}

/// Not a test: a process with a role, if this is one.
#[test]
fn play() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let directory = PathBuf::from(std::env::var_os(DIRECTORY).expect("a player knows where"));
    let open_in = |directory: &Path| HostSemaphore::options().directory(directory).open(NAME, 1);
    if role != "command" {
        sys::die_with_parent();
    }
    match role.as_str() {
        "open" => {
            say(open_in(&directory).map_or_else(|error| format!("{:?}: {error}", error.kind()), |_| "open".into()))
        }
        "try" => {
            let outcome = open_in(&directory).and_then(|semaphore| semaphore.try_acquire_owned());
            say(outcome.map_or_else(|error| format!("{:?}", error.kind()), |_| "got it".into()));
        }
        "chdir" => {
            std::env::set_current_dir(&directory).expect("it is there");
            let semaphore = open_in(Path::new(".")).expect("it can be opened");
            std::env::set_current_dir("/").expect("it is there");
            say(look_and_wait(&semaphore));
        }
        "chroot" => {
            let semaphore = open_in(&directory).expect("it can be opened");
            std::os::unix::fs::chroot(directory.join("root")).expect("root may do this");
            say(look_and_wait(&semaphore));
        }
        "locked out" => {
            let semaphore = open_in(&directory.join("inner")).expect("it can be opened");
            fs::set_permissions(&directory, Permissions::from_mode(0o0)).expect("it is ours");
            let seen = fs::symlink_metadata(directory.join("inner")).map_err(|error| error.kind());
            assert_eq!(seen.err(), Some(std::io::ErrorKind::PermissionDenied), "it has no right to look any more");
            say(look_and_wait(&semaphore));
        }
        "wrapper" | "wrapper in place" => wrap(&directory, &role),
        "command" => {
            say("runs");
            for _ in std::io::stdin().lines() {
                let semaphore =
                    HostSemaphore::options().directory(&directory).open_existing(NAME).expect("it is there");
                let state = semaphore.state().expect("it can be looked at");
                let outcome = kind(semaphore.try_acquire_owned());
                say(format_args!("{} given out, {outcome:?}", state.given_out));
            }
        }
        _ => panic!("nobody plays `{role}`"),
    }
    sys::exit(0);
}

/// Uses a semaphore of which all permits are held, by which it looks for the name of the file.
fn look_and_wait(semaphore: &HostSemaphore) -> String {
    let state = semaphore.state().expect("it can be looked at");
    let tried = kind(semaphore.try_acquire_owned());
    let waited = kind(semaphore.acquire_owned().wait_timeout(UNTIL_THE_NAME_IS_CHECKED));
    format!("{} given out, {tried:?}, {waited:?}", state.given_out)
}

/// Has a command keep a permit, which looks at the same semaphore.
fn wrap(directory: &Path, role: &str) {
    let semaphore = HostSemaphore::options().directory(directory).open_existing(NAME).expect("it is there");
    let permit = semaphore.try_acquire_owned().expect("it is free");
    let lock = semaphore.command_lock().expect("it can be made");
    let mut command = Command::new(std::env::current_exe().expect("a test knows its binary"));
    command.args(PLAY).env(ROLE, "command");
    if role == "wrapper in place" {
        lock.take().expect("its owner lives");
        std::mem::forget(permit);
        let error = command.exec();
        panic!("it cannot be executed: {error}");
    }
    let mut child = sys::before_exec(&mut command, move || lock.take()).spawn().expect("it can be started");
    child.wait().expect("it is a child of ours");
}

// File systems and limits.

#[test]
fn a_layered_file_system_is_refused() {
    let directory = Directory::new();
    let layers = "mount -t tmpfs -o mode=700 tmpfs \"$directory\"; cd \"$directory\"; mkdir lower upper work; mkdir -m 700 seen; \
                  mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work overlay seen; mkdir -m 700 seen/inner; \
                  export PERMITS_TEST_DIRECTORY=\"$directory/seen/inner\"; exec \"$@\"";

    let answer = Player::start_in(layers, directory.path(), "open").hear();

    assert!(answer.starts_with("BadFileSystem: ") && answer.contains("overlayfs"), "{answer}");
}

#[test]
fn a_limit_on_the_size_of_files_is_an_error_and_no_signal() {
    let directory = Directory::new();

    let answer = Player::start_in("ulimit -f 1000; exec \"$@\"", directory.path(), "open").hear();

    assert!(answer.contains("cannot create semaphore"), "{answer}");
    assert_eq!(fs::read_dir(directory.path()).expect("it is ours").count(), 0, "nothing is left over");
}

// Boots.

/// What a process of another boot gets of a semaphore that is all held, and whether it is the same file after that.
fn from_another_boot(script: &str) {
    let (directory, semaphore) = fresh(1);
    let _permit = semaphore.try_acquire_owned().expect("it is free");
    let number = || fs::metadata(file_in(&directory)).expect("it is there").ino();
    let before = number();

    let answer = Player::start_in(script, directory.path(), "try").hear();

    assert_eq!((answer.as_str(), number()), ("NotNow", before));
    assert_eq!(
        kind(directory.options().open(NAME, 1).expect("it is there").try_acquire_owned()),
        Some(ErrorKind::NotNow)
    );
}

#[test]
fn a_file_in_use_is_not_replaced_by_who_sees_another_boot() {
    from_another_boot(
        "echo 11111111-2222-3333-4444-555555555555 > \"$directory/boot\"; \
         mount --bind \"$directory/boot\" /proc/sys/kernel/random/boot_id; exec \"$@\"",
    );
}

#[test]
fn a_file_in_use_is_not_replaced_by_who_sees_no_boot() {
    from_another_boot("mount -t proc -o subset=pid proc /proc; test ! -e /proc/sys; exec \"$@\"");
}

#[test]
fn a_file_that_a_command_alone_uses_is_not_replaced_by_who_sees_another_boot() {
    let (directory, semaphore) = fresh(1);
    let mut wrapper = Actor::start(&directory);
    wrapper.starts("run-command");
    drop(semaphore);
    wrapper.kill_and_reap();
    File::options()
        .write(true)
        .open(file_in(&directory))
        .expect("it is there")
        .write_all_at(&[7; 16], BOOT_AT)
        .expect("it is ours");

    let semaphore = directory.options().open(NAME, 1).expect("it is there");

    assert_eq!(kind(semaphore.try_acquire_owned()), Some(ErrorKind::NotNow));
}

#[test]
fn a_closed_semaphore_is_closed_after_a_reboot() {
    let (directory, semaphore) = fresh(1);
    semaphore.close().expect("it can be closed");
    drop(semaphore);
    let number = || fs::metadata(file_in(&directory)).expect("it is there").ino();
    let before = number();
    File::options()
        .write(true)
        .open(file_in(&directory))
        .expect("it is there")
        .write_all_at(&[7; 16], BOOT_AT)
        .expect("it is ours");

    let semaphore = directory.options().open_existing(NAME).expect("it is made anew");

    assert_eq!(kind(semaphore.try_acquire_owned()), Some(ErrorKind::Closed));
    // In memory no file outlasts a boot, and none is made anew.
    let in_memory =
        Command::new("stat").args(["-f", "-c", "%T"]).arg(directory.path()).output().expect("there is `stat`");
    assert_eq!(number() == before, in_memory.stdout.starts_with(b"tmpfs"));
}

// Names.

/// Everybody else goes on when a player uses a semaphore, of one permit that is held, whose file it cannot find any more.
fn tells_nobody_that_it_is_gone(directory: &Path, start: impl FnOnce() -> Player) {
    let semaphore = HostSemaphore::options().directory(directory).open(NAME, 1).expect("a new one can be made");
    let permit = semaphore.try_acquire_owned().expect("it is free");

    let answer = start().hear();

    assert_eq!(answer, "1 given out, Some(NotNow), Some(TimedOut)");
    assert_eq!(kind(semaphore.try_acquire_owned()), Some(ErrorKind::NotNow));
    drop(permit);
    let newcomer = HostSemaphore::options().directory(directory).open_existing(NAME).expect("it is there");
    assert_eq!(newcomer.try_acquire_owned().expect("it is free again").count(), 1);
}

#[test]
fn who_had_a_relative_directory_and_goes_elsewhere_tells_nobody_that_the_file_is_gone() {
    let directory = Directory::new();

    tells_nobody_that_it_is_gone(directory.path(), || Player::start(directory.path(), "chdir"));
}

#[test]
fn who_has_another_root_tells_nobody_that_the_file_is_gone() {
    let directory = Directory::new();
    fs::create_dir(directory.path().join("root")).expect("it is ours");

    tells_nobody_that_it_is_gone(directory.path(), || Player::start(directory.path(), "chroot"));
}

#[test]
fn who_may_not_look_any_more_tells_nobody_that_the_file_is_gone() {
    let directory = Directory::new();
    // Root, but for the right to look everywhere.
    let script = "exec setpriv --bounding-set=-dac_override,-dac_read_search -- \"$@\"";

    tells_nobody_that_it_is_gone(&directory.path().join("inner"), || {
        Player::start_in(script, directory.path(), "locked out")
    });
}

#[test]
fn a_hard_link_that_is_made_later_blinds_nobody() {
    let (directory, semaphore) = fresh(1);
    let mut holder = Actor::start(&directory);
    holder.holds(1);
    fs::hard_link(file_in(&directory), directory.path().join("second-name")).expect("it is ours");

    let tried = kind(semaphore.try_acquire_owned());
    let request = semaphore.acquire_owned();
    let mut waiter = Running::start(move || request.wait().map(|permit| permit.count()));
    let queued = || semaphore.state().expect("it can be looked at").waiting_acquirers == 1;
    assert!(eventually(DEADLINE, queued), "it queues");
    holder.kill_and_reap();

    assert_eq!(tried, Some(ErrorKind::NotNow));
    assert_eq!(waiter.outcome(DEADLINE).expect("it is granted").expect("it is granted"), 1);
}

// Children after fork.

/// Whether a child after fork comes through something, and executes its program.
fn survives(act: impl FnMut() -> std::io::Result<()> + Send + Sync + 'static) -> bool {
    let status = sys::before_exec(&mut Command::new("true"), act).status().expect("there is `true`");
    status.success()
}

#[test]
fn a_child_that_tells_the_pid_of_the_command_touches_nothing() {
    let (_directory, semaphore) = fresh(1);
    let lock = semaphore.command_lock().expect("it can be made");

    let survived = survives(move || {
        lock.set_command_pid(std::process::id());
        Ok(())
    });

    assert!(survived);
}

#[test]
fn a_child_that_asks_for_its_parents_position_touches_nothing() {
    let (_directory, semaphore) = fresh(1);
    let _permit = semaphore.try_acquire_owned().expect("it is free");
    let mut request = semaphore.acquire_owned();
    assert!(Pin::new(&mut request).poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!(request.position(), Some(1));

    let survived = survives(move || match request.position() {
        None => Ok(()),
        Some(_) => Err(std::io::Error::from_raw_os_error(libc::EINVAL)),
    });

    assert!(survived);
}

// Commands.

#[test]
fn a_late_command_does_not_take_the_next_owners_lock_for_its_wrappers() {
    let (directory, semaphore) = fresh(1);
    let mut wrapper = Actor::start(&directory);
    assert_eq!(wrapper.asked("run-command-late"), "forked");
    let seat = seat_in(&semaphore.status().expect("it can be read").holders[0].who.id.to_string());
    wrapper.kill_and_reap();
    let _permit = semaphore.try_acquire_owned().expect("its permit is free again");
    let next = directory.options().open_existing(NAME).expect("it is there");
    assert_eq!(seat_in(&next.id().to_string()), seat, "the seat has another owner");

    fs::write(directory.path().join(GO), "").expect("it can be made");

    assert_eq!(wrapper.hear(), "owner dead");
    assert!(wrapper.is_silent_for_good(), "it would have told that it was executed");
}

#[test]
fn a_command_that_looks_at_its_own_semaphore_keeps_its_permit() {
    let (directory, semaphore) = fresh(1);
    let mut player = Player::start(directory.path(), "wrapper");
    assert_eq!(player.hear(), "runs");
    player.kill_and_reap();

    let looks = [(); 3].map(|()| player.asked("look"));

    assert_eq!(looks.each_ref().map(String::as_str), ["1 given out, Some(NotNow)"; 3]);
    assert_eq!(kind(semaphore.try_acquire_owned()), Some(ErrorKind::NotNow));
}

#[test]
fn a_command_in_its_wrappers_place_that_looks_at_its_own_semaphore_keeps_its_permit() {
    let (directory, semaphore) = fresh(1);
    let mut player = Player::start(directory.path(), "wrapper in place");
    assert_eq!(player.hear(), "runs");

    let looks = [(); 3].map(|()| player.asked("look"));

    assert_eq!(looks.each_ref().map(String::as_str), ["1 given out, Some(NotNow)"; 3]);
    assert_eq!(kind(semaphore.try_acquire_owned()), Some(ErrorKind::NotNow));
}

/// A command that goes on when its handle has left, in the first seat of a semaphore of one permit.
fn outliving_command(directory: &Directory) -> Mortal {
    let semaphore = directory.options().open(NAME, 1).expect("a new one can be made");
    let lock = semaphore.command_lock().expect("it can be made");
    let mut command = Command::new("sleep");
    sys::before_exec(command.arg("1000"), move || lock.take());
    Mortal(command.spawn().expect("there is `sleep`"))
}

#[test]
fn who_has_the_seat_of_a_command_that_outlives_its_handle_can_run_a_command() {
    let directory = Directory::new();
    let _outliving = outliving_command(&directory);
    let mut wrapper = Actor::start(&directory);

    let command = wrapper.starts("run-command");

    let semaphore = directory.options().open_existing(NAME).expect("it is there");
    let holder = semaphore.status().expect("it can be read").holders[0].who.id.to_string();
    assert_eq!(seat_in(&holder), 0, "it has the seat of the other");
    wrapper.kill_and_reap();
    assert!(always(WHILE, || kind(semaphore.try_acquire_owned()) == Some(ErrorKind::NotNow)), "its command keeps it");
    assert!(lives(command));
}

#[test]
fn a_command_that_outlives_its_handle_keeps_nothing_of_the_seats_next_owner() {
    let directory = Directory::new();
    let mut outliving = outliving_command(&directory);
    let mut wrapper = Actor::start(&directory);
    let command = wrapper.starts("run-command");
    let semaphore = directory.options().open_existing(NAME).expect("it is there");

    wrapper.kill_and_reap();
    sys::signal(command, libc::SIGKILL);

    assert!(eventually(DEADLINE, || semaphore.try_acquire_owned().is_ok()));
    assert!(outliving.0.try_wait().expect("it is a child of ours").is_none(), "the other one lives");
}

#[test]
fn a_command_that_looks_at_its_own_semaphore_keeps_its_permit_beside_one_that_outlives_its_handle() {
    let directory = Directory::new();
    let _outliving = outliving_command(&directory);
    // In the seat that the other one had.
    let mut player = Player::start(directory.path(), "wrapper");
    assert_eq!(player.hear(), "runs");
    player.kill_and_reap();

    let looks = [(); 3].map(|()| player.asked("look"));

    assert_eq!(looks.each_ref().map(String::as_str), ["1 given out, Some(NotNow)"; 3]);
}

#[test]
fn a_file_beyond_repair_is_not_set_aside_beside_a_running_command() {
    let (directory, semaphore) = fresh(1);
    let mut wrapper = Actor::start(&directory);
    let command = wrapper.starts("run-command");
    drop(semaphore);
    wrapper.kill_and_reap();
    let file = File::options().write(true).open(file_in(&directory)).expect("it is there");
    file.write_all_at(&[0xff; 8], ROOT_AT).expect("it is ours");

    let error = directory.options().repair(NAME).expect_err("it is in use");

    assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
    assert!(error.to_string().contains("in use"), "{error}");
    assert!(file_in(&directory).exists() && lives(command));
}

#[test]
fn the_other_waiter_of_a_killed_wrapper_leaves_the_queue_while_its_command_lives() {
    let (directory, semaphore) = fresh(2);
    let mut wrapper = Actor::start(&directory);
    let command = wrapper.starts("run-command");
    wrapper.waits(2, &semaphore);
    wrapper.kill_and_reap();

    let permit = semaphore.acquire_owned().wait_timeout(DEADLINE).expect("one is free");

    assert_eq!((permit.count(), semaphore.given_out().expect("it can be read")), (1, 2));
    assert!(lives(command));
}

// Strangers' locks.

#[test]
fn a_readers_shared_lock_keeps_nobody_alive() {
    let (directory, semaphore) = fresh(1);
    let mut holder = Actor::start(&directory);
    holder.holds(1);
    let seat = seat_in(&semaphore.status().expect("it can be read").holders[0].who.id.to_string());
    holder.kill_and_reap();
    let reader = File::open(file_in(&directory)).expect("it can be read");

    sys::share_byte(&reader, SEAT_BYTES + seat);

    assert_eq!(semaphore.try_acquire_owned().expect("its holder is dead").count(), 1);
}

#[test]
fn a_repair_that_is_stopped_holds_up_an_open_for_no_longer_than_its_limit() {
    let (directory, _semaphore) = fresh(1);
    let repair = File::options().read(true).write(true).open(file_in(&directory)).expect("it is there");
    sys::lock_byte(&repair, ATTACH_BYTE);
    let options = directory.options();
    let start = Instant::now();

    let mut opens = Running::start(move || (options.open(NAME, 1).map(drop), start.elapsed()));

    let (outcome, after) = opens.outcome(DEADLINE).expect("it ends");
    let error = outcome.expect_err("the byte is locked");
    assert_eq!(error.kind(), ErrorKind::Exhausted, "{error}");
    assert!(error.to_string().contains("opening or repairing it, and seems to be stopped"), "{error}");
    assert!(after >= Duration::from_secs(10), "it is patient, but gave up after {after:?}");
}

#[test]
fn an_open_goes_on_when_a_repair_does() {
    let (directory, _semaphore) = fresh(1);
    let repair = File::options().read(true).write(true).open(file_in(&directory)).expect("it is there");
    sys::lock_byte(&repair, ATTACH_BYTE);
    let options = directory.options();
    let mut opens = Running::start(move || options.open(NAME, 1).map(drop));
    assert!(opens.outcome(WHILE).is_none(), "it waits");

    drop(repair);

    opens.outcome(DEADLINE).expect("it ends").expect("it is opened");
}

// What others write or do.

/// The request that a waker drops when it is cloned.
static DROPPED_BY_CLONE: Mutex<Option<AcquireOwned>> = Mutex::new(None);

static CLONE_DROPS: std::task::RawWakerVTable = std::task::RawWakerVTable::new(
    |data| {
        let request = DROPPED_BY_CLONE.lock().expect("nobody panics with it").take();
        drop(request);
        std::task::RawWaker::new(data, &CLONE_DROPS)
    },
    |_| {},
    |_| {},
    |_| {},
);

#[test]
fn the_clone_of_a_waker_may_drop_another_request() {
    let (_directory, semaphore) = fresh(1);
    let _permit = semaphore.try_acquire_owned().expect("it is free");
    let mut other = semaphore.acquire_owned();
    assert!(Pin::new(&mut other).poll(&mut Context::from_waker(Waker::noop())).is_pending());
    *DROPPED_BY_CLONE.lock().expect("nobody panics with it") = Some(other);
    let mut request = semaphore.acquire_owned();

    let mut polls = Running::start(move || {
        let waker = sys::waker_with_clone(&CLONE_DROPS);
        let is_pending = Pin::new(&mut request).poll(&mut Context::from_waker(&waker)).is_pending();
        (is_pending, request)
    });

    let (is_pending, request) = polls.outcome(DEADLINE).expect("it does not hang");
    assert!(is_pending);
    assert_eq!((waiting(&semaphore), request.position()), (1, Some(1)), "the other has left the queue");
}

/// A request that a damaged file calls granted, for as many units as nobody can have.
fn granted_beyond_all_bounds() -> (Directory, HostSemaphore, AcquireOwned) {
    const GRANTED: u64 = 2 << 16;
    let (directory, semaphore) = fresh(1);
    semaphore.try_acquire_owned().expect("it is free").forget();
    let mut request = semaphore.acquire_owned();
    assert!(Pin::new(&mut request).poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let file = File::options().read(true).write(true).open(file_in(&directory)).expect("it is there");
    let mut who = [0; 8];
    file.read_exact_at(&mut who, FIRST_WAITER_AT).expect("it is as long as that");
    let who = u64::from_ne_bytes(who) & !0xffff_0000 | GRANTED;
    file.write_all_at(&who.to_ne_bytes(), FIRST_WAITER_AT).expect("it is ours");
    file.write_all_at(&0x8000_0000_u64.to_ne_bytes(), FIRST_WAITER_AT + 8).expect("it is ours");
    (directory, semaphore, request)
}

#[test]
fn units_beyond_all_bounds_end_in_an_error() {
    let (_directory, _semaphore, mut request) = granted_beyond_all_bounds();

    let outcome = Pin::new(&mut request).poll(&mut Context::from_waker(Waker::noop()));

    let Poll::Ready(outcome) = outcome else { panic!("it is not queued any more") };
    assert_eq!(kind(outcome), Some(ErrorKind::Damaged));
}

#[test]
fn a_request_for_units_beyond_all_bounds_can_be_dropped() {
    let (_directory, semaphore, request) = granted_beyond_all_bounds();

    let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(request)));

    assert!(dropped.is_ok());
    assert!(semaphore.try_acquire_owned().is_err(), "the only permit is loose");
}

// The dead.

#[test]
fn a_try_to_release_finds_a_dead_releaser_at_the_head() {
    let (directory, semaphore) = fresh(3);
    let mut releaser = Actor::start(&directory);
    releaser.told("release 2");
    assert!(eventually(DEADLINE, || waiting(&semaphore) == 1), "it queues");
    releaser.kill_and_reap();
    semaphore.try_acquire_owned().expect("it is free").forget();

    let outcome = semaphore.try_release();

    outcome.expect("nobody who lives is before it");
}

#[test]
fn a_release_without_patience_finds_a_dead_releaser_at_the_head() {
    let (directory, semaphore) = fresh(3);
    let mut releaser = Actor::start(&directory);
    releaser.told("release 2");
    assert!(eventually(DEADLINE, || waiting(&semaphore) == 1), "it queues");
    releaser.kill_and_reap();
    semaphore.try_acquire_owned().expect("it is free").forget();

    let outcome = semaphore.release_owned().wait_timeout(Duration::ZERO);

    outcome.expect("nobody who lives is before it");
}

#[test]
fn a_wait_that_is_too_short_to_be_watched_finds_a_death() {
    let (directory, semaphore) = fresh(1);
    let mut holder = Actor::start(&directory);
    holder.holds(1);
    holder.kill_and_reap();

    let outcome = semaphore.acquire_owned().wait_timeout(Duration::from_micros(100));

    assert_eq!(outcome.expect("its holder is dead").count(), 1);
}

#[test]
fn short_waits_on_patrol_find_a_death() {
    /// More short waits than it takes until the watch makes its rounds, which meet no such wait twice.
    const FOR_A_PATROL: u32 = 20;
    const MOST: u32 = 1000;
    let (directory, semaphore) = fresh(1);
    let mut holder = Actor::start(&directory);
    holder.holds(1);
    let counts = Arc::new((AtomicU32::new(0), AtomicBool::new(false)));
    let told = Arc::clone(&counts);
    // How many waits begin after the death, the one that is granted included.
    let mut waits = Running::start(move || {
        let (in_vain, dead) = &*told;
        let mut after = 0;
        loop {
            after += u32::from(dead.load(Ordering::SeqCst));
            let outcome = semaphore.acquire_owned().wait_timeout(Duration::from_micros(500));
            if outcome.is_ok() || after == MOST {
                return after;
            }
            in_vain.fetch_add(1, Ordering::SeqCst);
        }
    });
    assert!(eventually(DEADLINE, || counts.0.load(Ordering::SeqCst) >= FOR_A_PATROL), "it waits in vain");

    holder.kill_and_reap();
    counts.1.store(true, Ordering::SeqCst);

    let after = waits.outcome(DEADLINE).expect("it ends");
    assert!(after <= 1, "`{after}` waits began after the death");
}

// Rest.

/// How often the threads of a process have gone to sleep.
fn switches_of(pid: u32) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("it lives");
    let status = |task: fs::DirEntry| fs::read_to_string(task.path().join("status")).unwrap_or_default();
    let count = |text: String| {
        let line = text.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).unwrap_or("0");
        line.trim().parse::<u64>().expect("it is a number")
    };
    tasks.flatten().map(status).map(count).sum()
}

#[test]
fn the_watches_of_the_two_sides_do_not_wake_each_other_for_ever() {
    let (directory, semaphore) = fresh(1);
    let _permit = semaphore.try_acquire_owned().expect("it is free");
    let [mut acquirer, mut releaser] = [(); 2].map(|()| Actor::start(&directory));
    acquirer.waits(1, &semaphore);
    releaser.told("release 1");
    assert!(eventually(DEADLINE, || waiting(&semaphore) == 2), "both queue");
    let count = || [acquirer.pid(), releaser.pid()].map(switches_of);

    let before = count();
    // It is the time itself that is measured.
    thread::sleep(Duration::from_secs(2));
    let after = count();

    let woken = [after[0] - before[0], after[1] - before[1]];
    println!("woken {woken:?} times in two seconds");
    // The looks after a hint at the start, and one a second.
    assert!(woken.iter().all(|&woken| woken <= 50), "woken {woken:?} times in two seconds");
}
