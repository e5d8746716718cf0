//! What is printed for people and for programs.

use serde_json::Value;

use crate::place::{Place, Running, output, stderr, stdout};

#[test]
fn status_tells_holders_and_waiters() {
    let place = Place::new();
    let mut holder =
        Running::start(place.permits(["run", "--label", "nightly", "a", "--", "sh", "-c", "echo $$; read line"]));
    let command: u64 = holder.line().parse().expect("a process id");
    let _waiter = Running::start(place.permits(["run", "a", "--", "sh", "-c", "echo never"]));
    place.until_waiting("a", 1);

    let status = place.status("a");

    assert_eq!((&status["schema"], &status["name"]), (&1.into(), &"a".into()));
    let counts = ["max_permits", "free", "given_out", "held", "loose", "waiting_acquirers", "waiting_releasers"];
    assert_eq!(counts.map(|field| status[field].as_u64()), [1, 0, 1, 1, 0, 1, 0].map(Some));
    let one = &status["holders"][0];
    assert_eq!((&one["permits"], &one["label"], &one["alive"]), (&1.into(), &"nightly".into(), &true.into()));
    assert_eq!((&one["pid"], &one["command_pid"]), (&u64::from(holder.pid()).into(), &command.into()));
    assert!(one["command"].as_str().expect("text").contains("read line"));
    assert!(one["held_seconds"].as_f64().expect("a number") >= 0.0);
    let two = &status["waiters"][0];
    assert_eq!((&two["position"], &two["side"], &two["permits"]), (&1.into(), &"acquire".into(), &1.into()));
    assert!(two["command"].as_str().expect("text").contains("echo never"));

    let table = stdout(&place.output(&["status", "a"]));
    assert!(table.contains("nightly") && table.contains(&command.to_string()) && table.contains("acquire"), "{table}");
    assert!(table.contains("0 of 1 permits free"), "{table}");
}

#[test]
fn top_tells_the_same_as_status() {
    let place = Place::new();
    assert_eq!(place.code(&["acquire", "--max", "3", "a"]), 0);
    let _holder = place.hold("a");
    let _waiter = Running::start(place.permits(["run", "--units", "2", "a", "--", "echo", "never"]));
    place.until_waiting("a", 1);

    let mut status = place.status("a");
    let top: Value = serde_json::from_slice(&place.output(&["top", "--json", "a"]).stdout).expect("JSON");

    let mut top = top["semaphores"][0].clone();
    top.as_object_mut().expect("an object").remove("grants_per_second").expect("it is there, if only as null");
    let object = status.as_object_mut().expect("an object");
    for field in ["schema", "path", "format", "created", "last_used", "mode", "owner_uid"] {
        object.remove(field).expect(field);
    }
    for (list, field) in [("holders", "held_seconds"), ("waiters", "waiting_seconds")] {
        object[list][0].as_object_mut().expect("an object").remove(field).expect(field);
    }
    assert_eq!(top, status);
}

#[test]
fn list_tells_all_semaphores() {
    let place = Place::new();
    assert_eq!(place.code(&["run", "--max", "3", "b", "--", "true"]), 0);
    assert_eq!(place.code(&["acquire", "a"]), 0);

    let list: Value = serde_json::from_slice(&place.output(&["list", "--json"]).stdout).expect("JSON");
    let table = stdout(&place.output(&["list"]));

    assert_eq!((&list["schema"], list["dir"].as_str()), (&1.into(), place.dir().to_str()));
    let rows = list["semaphores"].as_array().expect("a list");
    assert_eq!(
        (rows.len(), &rows[0]["name"], &rows[0]["loose"], &rows[1]["free"]),
        (2, &"a".into(), &1.into(), &3.into())
    );
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[0].starts_with("NAME") && lines[1].starts_with('a') && lines[2].starts_with('b'), "{table}");
}

#[test]
fn list_of_nothing() {
    let place = Place::new();
    let missing = place.dir().join("missing");
    let missing = missing.to_str().expect("text");

    assert_eq!(stdout(&place.output(&["list"])), "no semaphores\n");
    assert_eq!(stdout(&place.output(&["list", "--dir", missing])), "no semaphores\n");
    assert_eq!(stdout(&place.output(&["status"])), "no semaphores\n");
    assert_eq!(stdout(&place.output(&["status", "--dir", missing])), "no semaphores\n");
    assert_eq!(stdout(&place.output(&["status", "--json"])), "");
}

#[test]
fn one_that_cannot_be_read_does_not_hide_the_others() {
    let place = Place::new();
    assert_eq!(place.code(&["run", "good", "--", "true"]), 0);
    assert_eq!(place.code(&["run", "bad", "--", "true"]), 0);
    let path = place.status("bad")["path"].as_str().expect("a path").to_owned();
    std::fs::write(path, "nonsense").expect("it is ours");

    let list: Value = serde_json::from_slice(&place.output(&["list", "--json"]).stdout).expect("JSON");
    let status = place.output(&["status", "--json"]);

    assert!(list["semaphores"][0]["error"].is_string() && list["semaphores"][1]["free"] == 1, "{list}");
    assert!(stdout(&status).contains("good") && !stderr(&status).is_empty());
    for args in [&["list"][..], &["list", "--json"], &["status"], &["top"], &["top", "--json"], &["top", "bad"]] {
        assert_eq!(place.code(args), 125, "{args:?}");
    }
}

#[test]
fn directory_that_cannot_be_read_has_one_code() {
    let place = Place::new();
    let dir = place.dir().join("file");
    std::fs::write(&dir, "").expect("it can be written");

    for args in [&["list"][..], &["status"], &["top"], &["top", "--json"]] {
        assert_eq!(place.code(&[&["--dir", dir.to_str().expect("text")], args].concat()), 78, "{args:?}");
    }
}

#[test]
fn watch_repeats() {
    let place = Place::new();
    assert_eq!(place.code(&["run", "a", "--", "true"]), 0);
    let mut watch = Running::start(place.permits(["status", "a", "--json", "--watch", "--interval", "10ms"]));

    for _ in 0..3 {
        let line: Value = serde_json::from_str(&watch.line()).expect("JSON");
        assert_eq!(line["name"], "a");
    }
}

#[test]
fn nothing_is_coloured_without_a_terminal() {
    let place = Place::new();
    assert_eq!(place.code(&["run", "a", "--", "true"]), 0);

    for args in [&["status"][..], &["list"], &["--help"], &["fly"], &["status", "a"]] {
        let output = place.output(args);
        assert!(!output.stdout.contains(&0x1b) && !output.stderr.contains(&0x1b), "{args:?}");
    }
}

#[test]
fn no_color_wins_over_colour() {
    let place = Place::new();
    assert_eq!(place.code(&["run", "a", "--", "true"]), 0);

    for args in [&["status"][..], &["list"]] {
        let forced = output(place.permits(args).env("CLICOLOR_FORCE", "1"));
        let plain = output(place.permits(args).env("NO_COLOR", "1").env("TERM", "xterm-256color"));
        assert!(forced.stdout.contains(&0x1b), "{args:?}");
        assert!(!plain.stdout.contains(&0x1b), "{args:?}");
        assert_eq!(
            stdout(&forced).replace("\x1b[1m", "").replace("\x1b[0m", ""),
            stdout(&plain),
            "colour only repeats"
        );
    }
}

#[test]
fn labels_cannot_move_the_cursor() {
    let place = Place::new();
    let mut holder = Running::start(place.permits([
        "run",
        "--label",
        "x\x1b[2Jy\nz",
        "a",
        "--",
        "sh",
        "-c",
        "echo held; read line",
    ]));
    assert_eq!(holder.line(), "held");

    let table = stdout(&place.output(&["status", "a"]));

    let row = table.lines().last().expect("a row");
    assert!(!table.contains('\x1b') && row.contains("[2Jy") && row.contains("held"), "{table}");
}

#[test]
fn repair_of_a_sound_one_says_so() {
    let place = Place::new();
    assert_eq!(place.code(&["run", "a", "--", "true"]), 0);

    assert_eq!(stdout(&place.output(&["repair", "a"])), "`a` is sound\n");
    let json: Value = serde_json::from_slice(&place.output(&["repair", "--json", "a"]).stdout).expect("JSON");
    assert_eq!(json["outcome"], "sound");
}

#[test]
fn status_of_one_that_is_missing_does_not_hide_another() {
    let place = Place::new();
    assert_eq!(place.code(&["set", "--create", "there", "2"]), 0);

    let both = place.output(&["status", "gone", "there"]);

    assert_eq!(both.status.code(), Some(69));
    assert!(stdout(&both).contains("there") && stderr(&both).contains("gone"), "{both:?}");
    assert_eq!(place.output(&["status", "gone"]).status.code(), Some(69));
}
