//! `permits remove` with addresses: as on a host, what is in use stays unless it is forced.

use serde_json::Value;

use crate::machines::{Machines, held};
use crate::place::{Running, until};

#[test]
fn idle_one_is_removed_and_the_next_run_creates_it_anew() {
    let Some(machines) = Machines::new() else { return };
    let address = machines.address.as_str();
    assert_eq!(machines.said(&["run", "--max", "2", address, "--", "true"]).0, 0);
    assert_eq!(machines.place.code(&["set", "--create", "here", "3"]), 0);

    let removed = machines.said(&["remove", "-v", address, "here"]);
    let again = machines.said(&["remove", address]);
    let status = machines.said(&["status", address]);

    assert_eq!(removed, (0, String::new(), format!("permits: removed `{address}`\npermits: removed `here`\n")));
    assert_eq!((again.0, status.0), (69, 69), "{}{}", again.2, status.2);
    assert_eq!(machines.said(&["run", "--max", "5", address, "--", "true"]).0, 0);
    assert_eq!(machines.number("max_permits"), 5);
}

#[test]
fn one_in_use_stays_unless_it_is_forced() {
    let Some(machines) = Machines::new() else { return };
    let address = machines.address.as_str();
    let mut holder = machines.hold(&["--max", "1"], "trap 'echo told; exit 0' TERM; while :; do sleep 0.05; done");
    held(&mut holder);
    let mut waiter = machines.hold(&["--report-fd", "1"], "true");
    waiter.line_with("waiting");
    until("it waits", || machines.number("waiting_acquirers") == 1);

    let (stays, _, why) = machines.said(&["remove", address]);
    let (code, said, forced) = machines.said(&["remove", "--force", "--json", address]);

    assert_eq!(stays, 75, "{why}");
    assert!(
        why.contains("`1` held, `1` waiting to acquire") && why.contains(&format!("remove --force {address}")),
        "{why}"
    );
    assert_eq!(code, 0, "{forced}");
    let told: Value = serde_json::from_str(&said).expect("it prints JSON");
    assert_eq!((&told["held"], &told["waiting_acquirers"], &told["name"]), (&1.into(), &1.into(), &address.into()));
    assert_eq!(waiter.end().code(), Some(69));
    assert_eq!(waiter.rest().iter().filter(|line| line.starts_with("held")).count(), 0);
    assert_eq!(holder.line(), "told");
    assert_eq!(holder.end().code(), Some(76));
    let mut next = machines.hold(&["--try", "--max", "1"], "true");
    held(&mut next);
    assert!(next.end().success());
}

/// Each either finds it or creates it.
#[test]
fn runs_that_come_while_it_is_removed_are_all_served() {
    let Some(machines) = Machines::new() else { return };
    let address = machines.address.as_str();
    let script = r#"for i in 1 2 3 4 5 6 7 8; do "$PERMITS" run --max 1 "$0" -- true || exit $?; done; echo served"#;
    let mut runs: Vec<Running> = (0..2)
        .map(|_| {
            let mut sh = machines.place.command("sh");
            sh.args(["-c", script, address]);
            Running::start(sh)
        })
        .collect();

    while runs.iter_mut().any(|run| run.try_wait().expect("it is our child").is_none()) {
        let (code, _, why) = machines.said(&["remove", "-q", address]);
        assert!(matches!(code, 0 | 69 | 75), "{code}: {why}");
    }

    for mut run in runs {
        assert_eq!((run.end().code(), run.line()), (Some(0), "served".to_owned()));
    }
}
