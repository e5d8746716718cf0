//! `run --supersede`: of those that wait with one key, the newest stays, and the others say why they went.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;

use permits_host::{HostSemaphore, Supersede};
use serde_json::Value;

use crate::place::{PERMITS, Place, Running, kill, output, stderr, stdout, until};

/// The other user.
const NOBODY: u32 = 65534;

/// A run with a key, whose stderr comes with its output.
fn keyed(place: &Place, options: &[&str], script: &str) -> Running {
    let mut command = place.command("sh");
    command.args(["-c", r#"exec "$PERMITS" run "$@" 2>&1"#, "sh"]).args(options).args(["a", "--", "sh", "-c", script]);
    Running::start(command)
}

fn waiters(place: &Place) -> Vec<Value> {
    place.status("a")["waiters"].as_array().expect("a list").clone()
}

#[test]
fn newer_waiter_supersedes_the_older_one_and_not_the_holder() {
    let place = Place::new();
    let mut holder = keyed(&place, &["--supersede", "k"], "echo held; read line; echo done");
    assert_eq!(holder.line(), "held");
    let mut older = keyed(&place, &["--supersede", "k"], "echo never");
    place.until_waiting("a", 1);
    let mut other = keyed(&place, &["--supersede", "other"], "echo other");
    place.until_waiting("a", 2);
    let mut without = Running::start(place.permits(["run", "a", "--", "echo", "without"]));
    place.until_waiting("a", 3);

    let mut newer = keyed(&place, &["--supersede", "k", "--label", "night"], "echo newer");

    assert_eq!(older.end().code(), Some(76));
    let said = older.rest();
    assert_eq!(said, [format!("permits: superseded by {} (night) while waiting for `a`", newer.pid())]);
    until("the newer one waits", || waiters(&place).iter().any(|waiter| waiter["pid"] == newer.pid()));
    assert_eq!(place.number("a", "waiting_acquirers"), 3);
    holder.let_go();
    assert_eq!(holder.rest(), ["done"]);
    assert_eq!([&mut other, &mut without, &mut newer].map(Running::line), ["other", "without", "newer"]);
}

#[test]
fn without_a_key_all_wait() {
    let place = Place::new();
    let mut holder = place.hold("a");
    let mut runs: Vec<Running> = (1..=3)
        .map(|number| {
            let run = Running::start(place.permits(["run", "a", "--", "true"]));
            place.until_waiting("a", number);
            run
        })
        .collect();

    holder.let_go();

    assert!(runs.iter_mut().all(|run| run.end().success()));
}

#[test]
fn running_command_is_superseded_on_demand() {
    let place = Place::new();
    let mut older = keyed(
        &place,
        &["--supersede", "k", "--label", "day"],
        "trap 'echo told; exit 3' TERM; echo held; while :; do sleep 0.05; done",
    );
    assert_eq!(older.line(), "held");

    let mut newer = keyed(&place, &["--supersede", "k", "--supersede-running", "--label", "night"], "echo newer");

    assert_eq!(newer.line(), "newer");
    assert_eq!(older.end().code(), Some(76));
    let said = older.rest();
    assert!(said.contains(&"told".to_owned()), "{said:?}");
    assert!(
        said.iter().any(|line| line.contains("was superseded by ") && line.contains("(night): stopping")),
        "{said:?}"
    );
}

/// It goes on when it is superseded, and the thread that watches for a revocation must go on as well.
#[test]
fn superseded_holder_is_ended_by_a_later_revocation() {
    let place = Place::new();
    let script = "trap 'echo told; exit 3' TERM; echo held; while :; do sleep 0.05; done";
    let mut older = keyed(&place, &["--supersede", "k"], script);
    assert_eq!(older.line(), "held");
    let threads = || std::fs::read_dir(format!("/proc/{}/task", older.pid())).expect("it runs").count();
    // The command is not a short one any more.
    until("it watches", || threads() > 1);
    let mut newer = keyed(&place, &["--supersede", "k"], "echo newer");
    place.until_waiting("a", 1);
    let holder = &place.status("a")["holders"][0];
    assert_eq!((&holder["pid"], &holder["revoked"]), (&older.pid().into(), &false.into()));

    assert_eq!(place.code(&["revoke", "a", holder["grant"].as_str().expect("text")]), 0);

    assert_eq!(older.end().code(), Some(76));
    assert!(older.rest().contains(&"told".to_owned()));
    assert_eq!(newer.line(), "newer");
}

#[test]
fn running_commands_of_other_keys_go_on() {
    let place = Place::new();
    assert_eq!(place.code(&["run", "--max", "3", "a", "--", "true"]), 0);
    let mut other = keyed(&place, &["--supersede", "other"], "echo held; read line; echo other");
    let mut without = keyed(&place, &[], "echo held; read line; echo without");
    assert_eq!([&mut other, &mut without].map(Running::line), ["held", "held"]);

    let newer = place.output(&["run", "--supersede", "k", "--supersede-running", "a", "--", "echo", "newer"]);

    assert_eq!(stdout(&newer), "newer\n");
    other.let_go();
    without.let_go();
    assert_eq!([other.rest(), without.rest()], [["other"], ["without"]]);
}

#[test]
fn of_twenty_at_once_exactly_one_waits_on() {
    let place = Place::new();
    let mut holder = place.hold("a");
    let start = place.dir().join("start");
    let mut runs: Vec<Running> = (0..20)
        .map(|_| {
            let mut command = place.command("sh");
            let text =
                r#"echo ready; while ! [ -e "$1" ]; do :; done; exec "$PERMITS" run --supersede k a -- echo ran"#;
            command.args(["-c", text, "sh"]).arg(&start);
            Running::start(command)
        })
        .collect();
    for run in &mut runs {
        assert_eq!(run.line(), "ready");
    }

    std::fs::write(&start, "").expect("the directory is ours");

    let mut codes = Vec::new();
    until("all but one have ended", || {
        codes = runs.iter_mut().map(|run| run.try_wait().expect("it is ours").map(|status| status.code())).collect();
        codes.iter().filter(|code| code.is_none()).count() <= 1
    });
    place.until_waiting("a", 1);
    let ended: Vec<_> = codes.iter().flatten().collect();
    assert_eq!(ended, [&Some(76); 19]);
    holder.let_go();
    let last = codes.iter().position(Option::is_none).expect("one is left");
    assert_eq!(runs[last].line(), "ran");
    assert!(runs[last].end().success());
}

#[test]
fn killed_superseder_leaves_the_semaphore_to_the_next() {
    let place = Place::new();
    let mut holder = place.hold("a");
    let mut first = keyed(&place, &["--supersede", "k"], "echo first");
    place.until_waiting("a", 1);
    let mut second = keyed(&place, &["--supersede", "k"], "echo second");
    assert_eq!(first.end().code(), Some(76));
    place.until_waiting("a", 1);

    second.signal("KILL");
    second.end();
    let mut third = keyed(&place, &["--supersede", "k"], "echo third");
    until("the third waits", || waiters(&place).iter().any(|waiter| waiter["pid"] == third.pid()));
    holder.let_go();

    assert_eq!(third.line(), "third");
}

#[test]
fn superseded_waiter_that_is_granted_while_stopped_runs_nothing() {
    let place = Place::new();
    for options in [&["--supersede", "k"][..], &["--supersede", "k", "--exec"]] {
        let mut holder = place.hold("a");
        let mut older = keyed(&place, options, "echo stale");
        place.until_waiting("a", 1);
        // Stopped, it is granted the permit before it can give up.
        kill(older.pid(), "STOP");
        let mut newer = keyed(&place, &["--supersede", "k", "--label", "night"], "echo newer");
        place.until_waiting("a", 2);
        holder.let_go();
        until("it is granted", || place.status("a")["holders"][0]["pid"] == older.pid());

        kill(older.pid(), "CONT");

        assert_eq!(older.end().code(), Some(76));
        let said = format!("permits: superseded by {} (night) while waiting for `a`", newer.pid());
        assert_eq!(older.rest(), [said]);
        assert_eq!(newer.line(), "newer");
        assert!(newer.end().success());
    }
}

/// It would use up a start of a semaphore that spaces them, for nothing.
#[test]
fn run_that_is_superseded_before_it_queues_takes_no_permit() {
    let place = Place::new();
    assert_eq!(place.code(&["set", "--create", "a", "1", "--every", "1h"]), 0);
    // It stops where it says that it has announced its key: nothing more goes into its stderr.
    let (mut seen, mut full) = UnixStream::pair().expect("a pair of sockets");
    full.set_nonblocking(true).expect("a socket");
    while full.write(b".").is_ok() {}
    full.set_nonblocking(false).expect("a socket");
    let mut command = place.permits(["run", "--verbose", "--supersede", "k", "a", "--", "echo", "stale"]);
    command.stderr(OwnedFd::from(full));
    let mut older = Running::start(command);
    let newer = HostSemaphore::options().directory(place.dir()).label("night").open_existing("a").expect("it is there");
    until("it has announced its key", || newer.supersede("k", Supersede::Waiters).expect("a good key") == 1);

    let mut said = String::new();
    seen.read_to_string(&mut said).expect("text");

    assert_eq!(older.end().code(), Some(76));
    let last = said.lines().last().expect("it says why");
    let superseded = format!("permits: superseded by {} (night) while waiting for `a`", std::process::id());
    assert_eq!((last, place.number("a", "granted_total")), (superseded.as_str(), 0));
}

#[test]
fn key_is_shown_by_status_and_top() {
    let place = Place::new();
    let mut holder = keyed(&place, &["--supersede", "deploy/web"], "echo held; read line");
    assert_eq!(holder.line(), "held");
    let _waiter = keyed(&place, &["--supersede", "deploy/db"], "true");
    place.until_waiting("a", 1);

    let top: Value = serde_json::from_slice(&place.output(&["top", "a", "--json"]).stdout).expect("JSON");

    for shown in [&place.status("a"), &top["semaphores"][0]] {
        let keys = [&shown["holders"][0]["supersede_key"], &shown["waiters"][0]["supersede_key"]];
        assert_eq!(keys, ["deploy/web", "deploy/db"]);
    }
    let table = stdout(&place.output(&["status", "a"]));
    assert!(["deploy/web", "deploy/db"].iter().all(|key| table.contains(&format!("(key `{key}`)"))), "{table}");
}

#[test]
fn what_cannot_be_a_key_is_refused_with_the_way_out() {
    let place = Place::new();
    let long = "k".repeat(65);
    for (args, parts) in [
        (vec!["--supersede", &long], vec!["`65` bytes", "at most `64` are allowed", "md5sum"]),
        (vec!["--supersede", ""], vec!["the key is empty"]),
        (vec!["--supersede", "a\nb"], vec!["control character"]),
        (vec!["--supersede", "k", "--try"], vec!["cannot be used with"]),
        (vec!["--supersede", "k", "--wait", "0"], vec!["`--wait 0`", "give a longer time"]),
        (vec!["--supersede-running"], vec!["--supersede <KEY>"]),
    ] {
        let output = output(place.permits(["run"]).args(args).args(["a", "--", "true"]));

        assert_eq!(output.status.code(), Some(64), "{}", stderr(&output));
        assert!(parts.iter().all(|part| stderr(&output).contains(part)), "{}", stderr(&output));
    }
    let key = &long[1..];
    assert_eq!(place.code(&["run", "--supersede", key, "a", "--", "true"]), 0);
}

/// The user has to be root to start processes of others.
#[test]
fn another_user_supersedes_and_is_superseded() {
    if !permits_testbed::root() {
        return;
    }
    let place = Place::new();
    // Where the program is, another user may not be let in.
    let program = place.dir().join("permits");
    std::fs::copy(PERMITS, &program).expect("there is room for a copy");
    let mode = |mode| std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(place.dir(), mode(0o1777)).expect("it is ours");
    assert_eq!(place.code(&["set", "--create", "--mode", "666", "a", "1"]), 0);
    let mut holder = place.hold("a");
    let other = |text: &str| {
        let mut command = place.command(&program);
        command.args(["run", "--supersede", "k", "a", "--", "echo", text]).uid(NOBODY).gid(NOBODY);
        Running::start(command)
    };

    let mut first = other("first");
    place.until_waiting("a", 1);
    assert_eq!((&waiters(&place)[0]["supersede_key"], &waiters(&place)[0]["uid"]), (&"k".into(), &NOBODY.into()));
    let mut second = keyed(&place, &["--supersede", "k"], "echo second");
    assert_eq!(first.end().code(), Some(76));
    place.until_waiting("a", 1);
    let mut third = other("third");
    assert_eq!(second.end().code(), Some(76));
    place.until_waiting("a", 1);
    holder.let_go();

    assert_eq!(third.line(), "third");
}
