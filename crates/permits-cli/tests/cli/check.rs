//! `permits check`: whether the grant of a command is still held, as the command asks it.

use std::process::Command;

use serde_json::Value;

use crate::place::{Place, Running, output, shell_code, stderr, stdout};

/// Ends with the exit code of `check`, each time after a line was read.
const CHECKS: &str = r#"while read line; do "$PERMITS" check --json; echo "code $?"; done"#;

/// What a command that checks itself was told: the exit code, and the JSON.
fn asked(run: &mut Running) -> (i32, Value) {
    run.write("again\n");
    let said = run.line();
    let code = run.line_with("code ");
    let code = code.strip_prefix("code ").and_then(|code| code.parse().ok()).expect("a number");
    (code, serde_json::from_str(&said).unwrap_or_else(|why| panic!("{why}: {said}")))
}

/// Its ends are quiet: a command that is asked to give up would be ended by `run`.
fn checking(mut run: Command) -> Running {
    run.args(["--", "sh", "-c", CHECKS]);
    Running::start(run)
}

#[test]
fn command_of_a_host_learns_that_its_grant_is_held() {
    let place = Place::new();
    let mut run = checking(place.permits(["run", "--max", "3", "-u", "2", "a"]));

    let (code, said) = asked(&mut run);

    assert_eq!((code, said["held"].as_bool(), said["name"].as_str()), (0, Some(true), Some("a")), "{said}");
    assert_eq!((&said["grant"], &said["token"]), (&place.status("a")["holders"][0]["grant"], &Value::Null));
    drop(run.stdin.take());
    assert_eq!(run.end().code(), Some(0));
}

#[test]
fn grant_is_lost_with_its_semaphore() {
    let place = Place::new();
    let mut run = checking(place.permits(["run", "a"]));
    assert_eq!(asked(&mut run).0, 0);

    assert_eq!(place.code(&["remove", "--force", "a"]), 0);
    let (without, said) = asked(&mut run);
    // Another one of that name has other grants.
    assert_eq!(place.code(&["set", "--create", "a", "1"]), 0);
    let (with_another, _) = asked(&mut run);

    assert_eq!((without, said["held"].as_bool(), with_another), (76, Some(false), 76), "{said}");
}

#[test]
fn grant_of_another_process_is_named() {
    let place = Place::new();
    let process = Running::start(place.command("cat"));
    let pid = process.pid().to_string();
    let grant = stdout(&place.output(&["acquire", "--while-pid", &pid, "a"])).trim_end().to_owned();

    let held = place.output(&["check", "-v", "a", &grant]);
    assert_eq!(place.code(&["release", "--grant", &grant, "a"]), 0);
    let lost = place.output(&["check", "a", &grant]);
    let gone = place.output(&["check", "none", &grant]);

    assert_eq!((held.status.code(), stderr(&held)), (Some(0), format!("permits: the grant {grant} of `a` is held\n")));
    assert_eq!(lost.status.code(), Some(76));
    assert_eq!(stderr(&lost), format!("permits: the grant {grant} of `a` is lost: no holder has this grant\n"));
    assert_eq!(gone.status.code(), Some(76), "{}", stderr(&gone));
}

#[test]
fn outside_of_a_run_it_says_what_to_give() {
    let place = Place::new();
    for (args, variables, part) in [
        (&["check"][..], &[][..], "PERMITS_NAME and PERMITS_GRANT are not set"),
        (&["check"], &[("PERMITS_NAME", "a")], "are not set"),
        (&["check", "a"], &[], "GRANT"),
        (&["check", "a", "x"], &[], "`x`"),
        (
            &["check"],
            &[("PERMITS_NAME", "a"), ("PERMITS_GRANT", "0-1"), ("PERMITS_UNITS", "x")],
            "PERMITS_UNITS is `x`",
        ),
    ] {
        let mut command = place.permits(args);
        for variable in ["PERMITS_NAME", "PERMITS_GRANT", "PERMITS_UNITS"] {
            command.env_remove(variable);
        }
        let said = output(command.envs(variables.iter().copied()));
        assert_eq!(shell_code(said.status), 64, "{args:?}: {}", stderr(&said));
        assert!(stderr(&said).contains(part), "{args:?}: {}", stderr(&said));
    }
}

#[cfg(feature = "etcd")]
mod on_machines {
    use permits_testbed::etcd::{Engine, Etcd};

    use super::{asked, checking};
    use crate::machines::{Machines, QUICK, held};
    use crate::place::{output, shell_code, stderr, stdout};

    #[test]
    fn command_learns_that_its_grant_was_taken_away() {
        let Some(machines) = Machines::new() else { return };
        let args = ["run", "--max", "2", "-u", "2", "--on-lost", "ignore", &machines.address];
        let mut run = checking(machines.permits(&args));
        let (code, said) = asked(&mut run);
        let holder = machines.status()["holders"][0].clone();

        let grant = holder["grant"].as_str().expect("a text");
        assert_eq!(machines.said(&["revoke", &machines.address, grant]).0, 0);
        let (lost, told) = asked(&mut run);

        assert_eq!((code, said["held"].as_bool(), &said["token"]), (0, Some(true), &holder["token"]), "{said}");
        assert_eq!((lost, told["held"].as_bool(), &told["grant"]), (76, Some(false), &holder["grant"]), "{told}");
    }

    #[test]
    fn other_token_is_that_of_another_grant_and_all_permits_count() {
        let Some(machines) = Machines::new() else { return };
        let mut run = machines.hold(&["--max", "1"], "echo $PERMITS_TOKEN $PERMITS_GRANT; read line");
        held(&mut run);
        let line = run.line();
        let (token, grant) = line.split_once(' ').expect("two words");
        let check = |token: &str, units: &str| {
            let mut command = machines.permits(&["check"]);
            command.envs([("PERMITS_NAME", machines.address.as_str()), ("PERMITS_GRANT", grant)]);
            let said = output(command.env("PERMITS_TOKEN", token).env("PERMITS_UNITS", units));
            (shell_code(said.status), stderr(&said))
        };

        assert_eq!(check(token, "1"), (0, String::new()));
        let (code, why) = check("128", "1");
        let (less, fewer) = check(token, "2");
        assert_eq!((code, less), (76, 76), "{why}{fewer}");
        assert!(why.contains("it has another token, so it is a later grant"), "{why}");
        assert!(fewer.contains("a part of its permits was taken away"), "{fewer}");
    }

    #[test]
    fn without_a_server_it_is_not_known() {
        let Some(program) = Engine::Current.program() else { return };
        let mut server = Etcd::start(&program, 1, &QUICK);
        let machines = Machines::on(&server.endpoints()[0]);
        let mut run = machines.hold(&["--max", "1", "--on-lost", "ignore"], "echo $PERMITS_GRANT; read line");
        held(&mut run);
        let grant = run.line();

        server.servers()[0].kill();
        let (code, _, why) = machines.said(&["check", "--connect-timeout", "0.5", &machines.address, &grant]);

        assert_eq!(code, 69, "{why}");
        assert!(why.contains("no server answered within 500ms"), "{why}");
    }

    #[test]
    fn run_of_this_host_within_one_of_machines_has_no_token() {
        let Some(machines) = Machines::new() else { return };
        let script = r#""$PERMITS" run a -- sh -c 'env | grep -E "^PERMITS_(TOKEN|VALID)"; "$PERMITS" check'"#;

        let said = output(&mut machines.permits(&["run", &machines.address, "--", "sh", "-c", script]));

        assert_eq!((shell_code(said.status), stdout(&said)), (0, String::new()), "{}", stderr(&said));
    }
}
