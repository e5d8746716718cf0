//! Whatever dies: permits come back, and never does one run too many.

use std::io::Read;
use std::process::Stdio;

use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::place::{Place, Running, is_alive, kill, stderr, stdout, until};

#[test]
fn killed_wrapper_leaves_the_permit_with_the_command() {
    let place = Place::new();
    let mut run = Running::start(place.permits(["run", "a", "--", "sh", "-c", "echo $$; exec sleep 100"]));
    let command: u32 = run.line().parse().expect("a process id");

    run.signal("KILL");
    run.end();

    assert!(is_alive(command));
    assert_eq!(place.code(&["run", "--try", "a", "--", "true"]), 75, "no overlap");
    assert_eq!(place.number("a", "held"), 1);
    kill(command, "KILL");
    assert_eq!(place.code(&["run", "--wait", "30", "a", "--", "true"]), 0, "it comes back");
    assert_eq!(place.number("a", "given_out"), 0);
}

#[test]
fn waiter_follows_a_killed_wrapper_and_its_command() {
    let place = Place::new();
    let mut run = Running::start(place.permits(["run", "a", "--", "sh", "-c", "echo $$; exec sleep 100"]));
    let command: u32 = run.line().parse().expect("a process id");
    let mut waiter = Running::start(place.permits(["run", "a", "--", "echo", "next"]));
    place.until_waiting("a", 1);

    run.signal("KILL");
    run.end();
    assert!(is_alive(command));
    assert_eq!(place.number("a", "waiting_acquirers"), 1);
    kill(command, "KILL");

    assert_eq!(waiter.line(), "next");
}

/// As a debugger would: the child that the process forks next, before it does anything. It is stopped.
fn next_child(parent: Pid) -> Pid {
    loop {
        match waitpid(parent, Some(WaitPidFlag::__WALL)).expect("it is traced") {
            WaitStatus::PtraceEvent(_, _, libc::PTRACE_EVENT_FORK) => break,
            WaitStatus::Stopped(_, signal) => ptrace::cont(parent, signal).expect("it is stopped"),
            WaitStatus::PtraceEvent(..) => ptrace::cont(parent, None).expect("it is stopped"),
            other => panic!("it forks before {other:?}"),
        }
    }
    let child = Pid::from_raw(ptrace::getevent(parent).expect("it is stopped").try_into().expect("a process id"));
    waitpid(child, Some(WaitPidFlag::__WALL)).expect("it is traced");
    child
}

#[test]
fn command_of_a_wrapper_that_died_before_it_is_not_executed_and_says_nothing() {
    let place = Place::new();
    let mut holder = place.hold("a");
    let mut command = place.permits(["run", "a", "--", "echo", "never"]);
    let mut run = Running::start({
        command.stderr(Stdio::piped());
        command
    });
    let pid = Pid::from_raw(run.pid().cast_signed());
    place.until_waiting("a", 1);
    ptrace::seize(pid, Options::PTRACE_O_TRACEFORK).expect("its parent may trace it");
    holder.let_go();
    let child = next_child(pid);

    run.signal("KILL");
    until("it has ended", || matches!(waitpid(pid, Some(WaitPidFlag::__WALL)), Ok(WaitStatus::Signaled(..))));
    ptrace::cont(child, None).expect("it is stopped");
    let end = loop {
        match waitpid(child, Some(WaitPidFlag::__WALL)).expect("it is traced") {
            WaitStatus::Stopped(_, signal) => ptrace::cont(child, signal).expect("it is stopped"),
            end => break end,
        }
    };

    let mut said = String::new();
    run.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
    assert_eq!((end, said.as_str(), run.rest()), (WaitStatus::Exited(child, 1), "", vec![]));
    assert_eq!(place.code(&["run", "--try", "a", "--", "true"]), 0, "the permit is back");
}

#[test]
fn killed_command_gives_the_permit_back() {
    let place = Place::new();
    let mut run = Running::start(place.permits(["run", "a", "--", "sh", "-c", "echo $$; exec sleep 100"]));
    let command: u32 = run.line().parse().expect("a process id");

    kill(command, "KILL");

    run.end();
    assert_eq!(place.number("a", "given_out"), 0);
}

#[test]
fn command_executed_in_place_holds_until_it_ends() {
    let place = Place::new();
    let mut run = Running::start(place.permits(["run", "--exec", "a", "--", "sh", "-c", "echo $$; exec sleep 100"]));

    assert_eq!(run.line(), run.pid().to_string(), "no process in between");
    assert_eq!(place.code(&["run", "--try", "a", "--", "true"]), 75);
    run.signal("KILL");
    run.end();

    assert_eq!(place.code(&["run", "--wait", "30", "a", "--", "true"]), 0);
}

#[test]
fn daemon_left_behind_does_not_keep_the_permit() {
    let place = Place::new();

    for exec in [&[][..], &["--exec"]] {
        let start = "sleep 100 >/dev/null 2>&1 </dev/null & echo $!";
        let output = place.output(&[&["run"], exec, &["a", "--", "sh", "-c", start]].concat());
        let daemon: u32 = stdout(&output).trim().parse().expect("a process id");

        assert!(is_alive(daemon));
        assert_eq!(place.code(&["run", "--wait", "30", "a", "--", "true"]), 0);
        kill(daemon, "KILL");
    }
}

#[test]
fn dead_waiter_does_not_stop_the_queue() {
    let place = Place::new();
    let mut holder = place.hold("a");
    let mut first = Running::start(place.permits(["run", "a", "--", "echo", "first"]));
    place.until_waiting("a", 1);
    let mut second = Running::start(place.permits(["run", "a", "--", "echo", "second"]));
    place.until_waiting("a", 2);

    first.signal("KILL");
    first.end();
    holder.let_go();

    assert_eq!(second.line(), "second");
}

#[test]
fn pdeathsig_ends_the_command_with_the_wrapper() {
    let place = Place::new();
    let mut run =
        Running::start(place.permits(["run", "--pdeathsig", "TERM", "a", "--", "sh", "-c", "echo $$; exec sleep 100"]));
    let command: u32 = run.line().parse().expect("a process id");

    run.signal("KILL");

    until("the command dies", || !is_alive(command));
    assert_eq!(place.code(&["run", "--wait", "30", "a", "--", "true"]), 0);
}

#[test]
fn loose_permits_outlive_everybody() {
    let place = Place::new();

    assert_eq!(place.code(&["acquire", "--max", "2", "a"]), 0);

    assert_eq!((place.number("a", "loose"), place.number("a", "held"), place.number("a", "free")), (1, 0, 1));
    assert_eq!(place.code(&["release", "a"]), 0);
    assert_eq!(place.number("a", "free"), 2);
}

#[test]
fn release_never_gives_back_what_is_held() {
    let place = Place::new();
    let _holder = place.hold("a");

    assert_eq!(place.code(&["release", "--try", "a"]), 75);

    assert_eq!(place.number("a", "held"), 1);
}

/// A run that was killed, the process id of its command, which holds on until this is dropped, and its grant.
fn unwatched(place: &Place, options: &[&str]) -> (Running, u32, String) {
    let args = [&["run"], options, &["a", "--", "sh", "-c", "echo $$; exec sleep 100"]].concat();
    let mut run = Running::start(place.permits(args));
    let command: u32 = run.line().parse().expect("a process id");
    // The run writes it down when the command has begun already.
    until("its process id is known", || place.status("a")["holders"][0]["command_pid"] == command);
    let grant = place.status("a")["holders"][0]["grant"].as_str().expect("text").to_owned();
    run.signal("KILL");
    run.end();
    (run, command, grant)
}

#[test]
fn revoke_of_a_command_that_no_run_watches_fails_and_says_what_ends_it() {
    let place = Place::new();
    let (_run, command, grant) = unwatched(&place, &[]);

    for args in
        [&["revoke", "a", &grant][..], &["revoke", "--wait", "30", "a", &grant], &["release", "a", "--grant", &grant]]
    {
        let output = place.output(args);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(69), "{args:?}: {said}");
        assert!(said.contains(&format!("{grant} of `a` was not revoked: its `permits run` was killed")), "{said}");
        assert!(said.contains(&format!("end the command with `kill {}`\n", command)), "{said}");
    }
    let json = stdout(&place.output(&["revoke", "--json", "a", &grant]));
    assert_eq!(json, format!("{{\"schema\":1,\"name\":\"a\",\"grant\":\"{grant}\",\"outcome\":\"unreachable\"}}\n"));
    let holder = place.status("a")["holders"][0].clone();
    let said = ["alive", "revocable", "revoked"].map(|field| holder[field].as_bool());
    assert_eq!(said, [true, false, false].map(Some));
    assert!(stdout(&place.output(&["status", "a"])).contains("(its `permits run` was killed)"));
    assert!(is_alive(command));
}

#[test]
fn revoke_of_an_executed_command_says_what_ends_it() {
    let place = Place::new();
    let mut run = Running::start(place.permits(["run", "--exec", "a", "--", "sh", "-c", "echo $$; exec sleep 100"]));
    assert_eq!(run.line(), run.pid().to_string());
    let grant = place.status("a")["holders"][0]["grant"].as_str().expect("text").to_owned();

    let output = place.output(&["revoke", "a", &grant]);

    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(69), "{said}");
    assert!(said.contains("--exec") && said.contains(&format!("`kill {}`", run.pid())), "{said}");
    assert!(!stdout(&place.output(&["status", "a"])).contains("was killed"));
}

#[test]
fn newer_run_says_that_it_cannot_replace_a_command_that_no_run_watches() {
    let place = Place::new();
    let (_run, command, grant) = unwatched(&place, &["--supersede", "key"]);

    let args = ["run", "--wait", "0.05", "--supersede", "key", "--supersede-running", "a", "--", "true"];
    let said = stderr(&place.output(&args));

    assert!(said.contains(&format!("{grant} of `a` was not superseded")), "{said}");
    assert!(said.contains(&format!("`kill {}`", command)), "{said}");
}

#[test]
fn revoke_waits_no_longer_for_a_run_that_is_killed_before_it_acts() {
    let place = Place::new();
    let mut run = Running::start(place.permits(["run", "a", "--", "sh", "-c", "echo $PERMITS_GRANT; exec sleep 1000"]));
    let grant = run.line();
    run.signal("STOP");
    let mut revoke = Running::start(place.permits(["revoke", "--wait", "3600", "a", &grant]));
    until("it is asked", || place.status("a")["holders"][0]["revoked"] == true);

    run.signal("KILL");

    assert_eq!(revoke.end().code(), Some(69));
}
