//! Runs on machines whose lease ends, or whose grant is taken away: the command ends first.

use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use permits_testbed::etcd::{Engine, Etcd};

use crate::machines::{Machines, QUICK, held};
use crate::place::{Running, is_alive, until};

/// A server of its own, and a name on it.
struct Alone {
    etcd: Etcd,
    machines: Machines,
}

#[track_caller]
fn server_alone() -> Option<Alone> {
    let etcd = Etcd::start(&Engine::Current.program()?, 1, &QUICK);
    let machines = Machines::on(&etcd.endpoints()[0]);
    Some(Alone { etcd, machines })
}

/// Until when a command that holds a lease of 4 s must have ended, once no server answers.
const LEASE: Duration = Duration::from_secs(4);

#[test]
fn killed_wrapper_takes_its_command_along_and_its_permit_comes_back() {
    let Some(machines) = Machines::new() else { return };
    let mut run = machines.hold(&["--max", "1", "--ttl", "4s", "--grace", "0.5"], "exec sleep 100");
    let command = held(&mut run);

    run.signal("KILL");

    assert_eq!(run.end().signal(), Some(9));
    until("its command has ended", || !is_alive(command));
    let mut next = machines.hold(&["--ttl", "4s", "--grace", "0.5"], "true");
    held(&mut next);
    assert!(next.end().success());
}

#[test]
fn command_gets_term_before_its_lease_ends() {
    let Some(Alone { mut etcd, machines }) = server_alone() else { return };
    let command = "trap 'echo told; exit 0' TERM; echo held $$; while :; do sleep 0.05; done";
    let run = r#"exec "$PERMITS" run --ttl 4s --grace 0.9 "$1" -- sh -c "$2" 2>&1"#;
    let mut sh = machines.place.command("sh");
    sh.args(["-c", run, "sh", &machines.address, command]);
    let mut run = Running::start(sh);
    held(&mut run);
    let cut = Instant::now();

    etcd.servers()[0].kill();

    // Not once it has ended: as much is left as the command may take.
    run.line_with("could not be renewed, and its lease ends in");
    run.line_with("told");
    assert!(cut.elapsed() < LEASE, "{:?}", cut.elapsed());
    assert_eq!(run.end().code(), Some(76));
}

#[test]
fn command_that_ignores_term_is_killed_with_all_that_it_has_started_before_its_lease_ends() {
    let script = "trap '' TERM; sleep 100 & echo $!; wait; sleep 100";
    let Some(Alone { mut etcd, machines }) = server_alone() else { return };
    let mut run = machines.hold(&["--ttl", "4s", "--grace", "0.9"], script);
    let command = held(&mut run);
    let other: u32 = run.line().parse().expect("a process id");
    let cut = Instant::now();

    // It does not answer, and does not refuse either.
    permits_testbed::signal(etcd.servers()[0].pid(), Signal::SIGSTOP as i32).expect("it runs");

    until("both have ended", || !is_alive(command) && !is_alive(other));
    assert!(cut.elapsed() < LEASE, "{:?}", cut.elapsed());
    assert_eq!(run.end().code(), Some(76));
}

#[test]
fn command_goes_on_where_a_loss_is_ignored() {
    let options = ["--on-lost", "ignore", "--connect-timeout", "1s", "--report-fd", "1"];
    let Some(Alone { mut etcd, machines }) = server_alone() else { return };
    let mut run = machines.hold(&[&["--ttl", "4s"], &options[..]].concat(), "read line; exit 7");
    let granted = run.line_with("granted");
    run.line_with("held");

    etcd.servers()[0].kill();

    run.line_with("\"event\":\"lost\"");
    assert!(granted.contains("\"token\":"), "{granted}");
    run.let_go();
    assert_eq!(run.end().code(), Some(7));
}

#[test]
fn run_outlives_a_server_that_comes_back_in_time() {
    let Some(program) = Engine::Current.program() else { return };
    let mut server = Etcd::start(&program, 3, &QUICK);
    let machines = Machines::on(&server.endpoints().join(","));
    let mut run = machines.hold(&["--max", "1", "--ttl", "4s", "--grace", "0.5"], "read line; exit 7");
    held(&mut run);

    server.servers()[0].kill();

    // Longer than its lease would last without renewal.
    let end = Instant::now() + Duration::from_secs(5);
    until("the lease would have ended", || {
        assert!(run.try_wait().expect("it is our child").is_none(), "it has ended");
        Instant::now() > end
    });
    run.let_go();
    assert_eq!(run.end().code(), Some(7));
}

#[test]
fn revoked_run_is_told_and_ends_with_76() {
    let Some(machines) = Machines::new() else { return };
    let script = "trap 'echo told; exit 0' TERM; while :; do sleep 0.05; done";
    let mut run = machines.hold(&["--max", "1"], script);
    held(&mut run);
    let grant = machines.status()["holders"][0]["grant"].as_str().expect("a text").to_owned();

    let (code, said, why) = machines.said(&["revoke", "--json", &machines.address, &grant]);

    assert_eq!((code, said.contains("\"outcome\":\"gone\"")), (0, true), "{said}{why}");
    assert_eq!(run.line(), "told");
    assert_eq!(run.end().code(), Some(76));
    assert_eq!(machines.number("given_out"), 0);
    assert_eq!(machines.said(&["revoke", &machines.address, &grant]).0, 69);
}

/// A run that waits behind a holder at a server that is killed then.
fn waiter_without_a_server(options: &[&str]) -> Option<(Etcd, Running)> {
    let Alone { mut etcd, machines } = server_alone()?;
    let mut holder = machines.hold(&["--max", "1", "--ttl", "4s", "--on-lost", "kill"], "read line");
    held(&mut holder);
    let options = [&["--ttl", "4s", "--on-lost", "kill", "--connect-timeout", "0.5"], options].concat();
    let args = [r#"exec "$PERMITS" run "$@" 2>&1"#, "sh"];
    let mut sh = machines.place.command("sh");
    sh.arg("-c").args(args).args(&options).arg(&machines.address).args(["--", "echo", "granted"]);
    let waiter = Running::start(sh);
    until("it waits", || machines.number("waiting_acquirers") == 1);
    etcd.servers()[0].kill();
    Some((etcd, waiter))
}

#[test]
fn wait_ends_with_69_where_the_loss_of_all_servers_fails_it() {
    let Some((_etcd, mut waiter)) = waiter_without_a_server(&["--on-engine-loss", "fail"]) else { return };

    assert!(waiter.line().contains("no server answered within 500ms"));
    assert_eq!(waiter.end().code(), Some(69));
}

#[test]
fn wait_goes_on_while_no_server_answers() {
    let Some((mut etcd, mut waiter)) = waiter_without_a_server(&[]) else { return };

    assert!(waiter.line().contains("waiting until a server answers"));
    etcd.servers()[0].restart();

    // The holder was killed as it went out of sight, and could not give its permit back.
    assert_eq!(waiter.line_with("granted"), "granted");
    assert_eq!(waiter.end().code(), Some(0));
}
