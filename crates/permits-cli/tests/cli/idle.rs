//! `list --idle`: what was not used for so long, and what is in use never; its names go to `remove`.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::place::{Place, output, stderr, stdout};

/// Words of the file: when the one before it was used, and in each seat, when it was used last.
const USED_BEFORE: u64 = 6;
const SEATS: u64 = 32;
const SEATS_AT: u64 = 512;
const SEAT_WORDS: u64 = 128;
const USED: u64 = 14;

/// Writes down that a semaphore was last used so many days ago.
fn age(place: &Place, name: &str, days: u64) {
    let time = SystemTime::now() - Duration::from_secs(days * 24 * 60 * 60);
    let nanoseconds = time.duration_since(UNIX_EPOCH).expect("it is after 1970").as_nanos() as u64;
    let file = File::options().write(true).open(place.dir().join(format!("{name}.sem"))).expect("it is there");
    for word in (0..SEATS).map(|seat| SEATS_AT + seat * SEAT_WORDS + USED).chain([USED_BEFORE]) {
        file.write_all_at(&nanoseconds.to_ne_bytes(), 8 * word).expect("it is ours");
    }
}

/// Semaphores of these names, each used once.
fn used(names: &[&str]) -> Place {
    let place = Place::new();
    for name in names {
        assert_eq!(place.code(&["run", name, "--", "true"]), 0);
    }
    place
}

fn names(place: &Place, idle: &str) -> Vec<String> {
    let output = place.output(&["list", "--idle", idle, "--names"]);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
    stdout(&output).lines().map(str::to_owned).collect()
}

#[test]
fn those_that_were_not_used_for_so_long_are_listed() {
    let place = used(&["fresh", "month", "week", "year"]);
    age(&place, "week", 7);
    age(&place, "month", 31);
    age(&place, "year", 365);

    assert_eq!(names(&place, "400d"), [""; 0]);
    assert_eq!(names(&place, "30d"), ["month", "year"]);
    assert_eq!(names(&place, "6d 12h"), ["month", "week", "year"]);
    assert_eq!(names(&place, "0"), ["fresh", "month", "week", "year"]);
    // To list them was no use.
    assert_eq!(names(&place, "30d"), ["month", "year"]);
}

#[test]
fn what_is_in_use_is_not_listed_however_old_it_is() {
    let place = used(&["held", "loose", "idle"]);
    let _holder = place.hold("held");
    assert_eq!(place.code(&["acquire", "loose"]), 0);
    for name in ["held", "loose", "idle"] {
        age(&place, name, 400);
    }

    assert_eq!(names(&place, "30d"), ["idle"]);
    assert_eq!(names(&place, "0"), ["idle"]);
}

#[test]
fn use_makes_it_fresh() {
    let place = used(&["a"]);
    age(&place, "a", 400);

    assert_eq!(place.code(&["run", "a", "--", "true"]), 0);

    assert_eq!(names(&place, "1h"), [""; 0]);
}

#[test]
fn table_and_json_tell_when_it_was_used() {
    let place = used(&["fresh", "old"]);
    age(&place, "old", 40);

    let table = stdout(&place.output(&["list", "--idle", "30d"]));
    let list: Value = serde_json::from_slice(&place.output(&["list", "--idle", "30d", "--json"]).stdout).expect("JSON");
    let status = stdout(&place.output(&["status", "old"]));

    let lines: Vec<&str> = table.lines().collect();
    assert!(lines.len() == 2 && lines[0].ends_with("IDLE") && lines[1].starts_with("old"), "{table}");
    assert!(lines[1].contains("1month 9days"), "{table}");
    assert!(status.contains(", last used 1month 9days"), "{status}");
    let semaphores = list["semaphores"].as_array().expect("a list");
    assert_eq!((semaphores.len(), &semaphores[0]["name"]), (1, &"old".into()));
    assert_eq!(semaphores[0]["last_used"], place.status("old")["last_used"]);
    assert!(place.status("old")["last_used"].as_str() < place.status("old")["created"].as_str());
    assert_eq!(stdout(&place.output(&["list", "--idle", "90d"])), "no semaphores\n");
}

#[test]
fn one_that_cannot_be_read_is_told_of_and_not_listed() {
    let place = used(&["broken", "old"]);
    age(&place, "old", 40);
    std::fs::write(place.dir().join("broken.sem"), "nonsense").expect("the directory is ours");

    let listed = place.output(&["list", "--idle", "30d", "--names"]);

    assert_eq!(stdout(&listed), "old\n");
    assert!(stderr(&listed).contains("`broken`"), "{}", stderr(&listed));
    for args in [&["list"][..], &["list", "--idle", "30d"], &["list", "--idle", "30d", "--json"]] {
        assert_eq!(place.code(args), listed.status.code().expect("it has ended by itself"), "{args:?}");
    }
    assert_eq!(listed.status.code(), Some(125));
    assert_eq!(stdout(&place.output(&["list", "--names"])), "broken\nold\n");
}

#[test]
fn the_idle_ones_are_removed_as_the_help_says() {
    let place = used(&["fresh", "pr 17", "pr-18"]);
    age(&place, "pr 17", 40);
    age(&place, "pr-18", 40);
    let help = stdout(&place.output(&["list", "--help"]));
    let recipe = help.lines().find(|line| line.contains("| xargs")).expect("the help has an example");
    let recipe = recipe.replace("permits ", "\"$PERMITS\" ");

    let cleaned = output(place.command("sh").args(["-c", &recipe]));

    assert!(cleaned.status.success(), "{recipe}: {}", stderr(&cleaned));
    assert_eq!(stdout(&place.output(&["list", "--names"])), "fresh\n");
    assert!(output(place.command("sh").args(["-c", &recipe])).status.success(), "nothing is left to remove");
}

#[test]
fn names_and_json_exclude_each_other() {
    let place = Place::new();
    for args in [&["list", "--names", "--json"][..], &["list", "--idle", "long"], &["list", "--idle", "-1d"]] {
        assert_eq!(place.code(args), 64, "{args:?}");
    }
    assert_eq!(stdout(&place.output(&["list", "--names"])), "");
}
