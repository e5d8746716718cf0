//! Starts that are spaced apart.

use crate::place::{Place, Running, output, stderr, stdout};
use std::time::{Duration, SystemTime};

/// A semaphore of three permits whose starts are an hour apart, and one has been.
fn started() -> Place {
    let place = Place::new();
    assert_eq!(place.code(&["run", "--max", "3", "--every", "1h", "a", "--", "true"]), 0);
    place
}

#[test]
fn list_shows_the_time_between_starts_if_there_is_one() {
    let place = Place::new();
    assert_eq!(place.code(&["set", "--create", "plain", "2"]), 0);
    let list = || stdout(&place.output(&["list"]));
    assert!(!list().contains("EVERY"), "{}", list());

    assert_eq!(place.code(&["set", "--create", "api", "2", "--every", "1500ms"]), 0);

    let words =
        |line: &str| line.split("  ").filter(|word| !word.is_empty()).map(|word| word.trim().to_owned()).collect();
    let rows: Vec<Vec<String>> = list().lines().map(words).collect();
    assert_eq!(
        rows.iter().map(|row| row.last().map(String::as_str)).collect::<Vec<_>>(),
        [Some("EVERY"), Some("1s 500ms"), Some("-")]
    );
}

#[test]
fn a_crowd_starts_one_after_the_other() {
    const INTERVAL: Duration = Duration::from_millis(150);
    let place = Place::new();
    let before = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970");
    let run = || Running::start(place.permits(["run", "--max", "9", "--every", "150ms", "a", "--", "date", "+%s%N"]));

    let mut crowd: Vec<Running> = (0..6).map(|_| run()).collect();
    let time = |run: &mut Running| Duration::from_nanos(run.line().parse().expect("it is a time"));
    let mut starts: Vec<Duration> = crowd.iter_mut().map(time).collect();

    starts.sort_unstable();
    for (number, start) in (0..).zip(starts) {
        assert!(start >= before + number * INTERVAL, "start `{number}` came `{:?}` after all began", start - before);
    }
    assert!(crowd.iter_mut().all(|run| run.end().success()));
}

#[test]
fn before_the_time_a_try_and_a_short_wait_exit_75_and_say_when() {
    let place = started();

    for (options, how) in [(["-q", "--try"], ""), (["-v", "--try"], "not now"), (["-v", "--wait=0.05"], "timed out")] {
        let output = output(&mut place.permits(["run"].into_iter().chain(options).chain(["a", "--", "echo", "never"])));

        assert_eq!((output.status.code(), stdout(&output)), (Some(75), String::new()));
        let said = stderr(&output);
        assert!(said.contains(how) && (how.is_empty() || said.contains("`a` has `3` of `3` free")), "{said}");
        assert_eq!(said.contains("starts 1h apart, next in 3"), !how.is_empty(), "{said}");
    }
}

#[test]
fn who_waits_for_the_time_says_so() {
    let place = started();

    let output = place.output(&["-v", "run", "--wait", "0.05", "a", "--", "true"]);

    let said = stderr(&output);
    assert!(said.contains("waiting for `a`, position 1, 0 s; starts 1h apart, next in 3"), "{said}");
}

#[test]
fn another_interval_is_an_error_that_shows_both() {
    let place = started();

    for (every, max) in [("2s", &["--max", "3"][..]), ("2s", &[]), ("0", &[])] {
        let args = [&["run"][..], max, &["--every", every, "a", "--", "echo", "never"]].concat();
        let output = place.output(&args);

        assert_eq!((output.status.code(), stdout(&output)), (Some(78), String::new()));
        let said = stderr(&output);
        assert!(said.contains(&format!("starts are `3600s` apart, and not `{every}`")), "{said}");
        assert!(said.contains("change the time between starts with `permits set a --every DURATION`"), "{said}");
    }
}

#[test]
fn set_and_resize_change_the_interval() {
    let place = started();
    let interval = || place.status("a")["interval_seconds"].clone();
    assert_eq!(interval(), 3600.0);

    assert_eq!(place.code(&["set", "a", "--every", "0"]), 0);
    assert!(interval().is_null());
    assert_eq!(place.code(&["run", "--try", "--every", "0", "a", "--", "true"]), 0);
    assert_eq!(place.code(&["set", "a", "4", "--every", "1.5"]), 0);
    assert_eq!((interval(), place.number("a", "max_permits")), (1.5.into(), 4));
    assert_eq!(place.code(&["run", "--max", "5", "--every", "2m", "--resize", "a", "--", "true"]), 0);
    assert_eq!((interval(), place.number("a", "max_permits")), (120.0.into(), 5));
    assert_eq!(place.code(&["set", "--create", "b", "2", "--every", "1ms"]), 0);
    assert_eq!(place.status("b")["interval_seconds"], 0.001);

    assert_eq!(place.code(&["set", "a"]), 64);
    assert_eq!(place.code(&["set", "--create", "c", "--every", "1s"]), 64);
}

#[test]
fn an_interval_out_of_range_is_refused_naming_the_limit() {
    let place = Place::new();

    for (text, limit) in [("0.5ms", "`1ms`"), ("25h", "`24h`"), ("-1", "from 0")] {
        let output = place.output(&["run", "--every", text, "a", "--", "true"]);

        assert_eq!(output.status.code(), Some(64));
        assert!(stderr(&output).contains(limit), "{}", stderr(&output));
    }
}

#[test]
fn the_interval_and_the_next_start_are_shown() {
    let place = started();

    let shown = stdout(&place.output(&["status", "a"]));
    assert!(shown.contains("\nstarts 1h apart, next in 3"), "{shown}");
    let rest = place.status("a")["next_start_seconds"].as_f64().expect("it is too soon");
    assert!((3000.0..=3600.0).contains(&rest), "{rest}");
    for command in [&["list", "--json"][..], &["top", "--json"]] {
        let shown = stdout(&place.output(command));
        assert!(shown.contains("\"interval_seconds\":3600.0,\"next_start_seconds\":3"), "{shown}");
    }
    place.hold("b");
    assert!(!stdout(&place.output(&["status", "b"])).contains("apart"));
    assert!(place.status("b")["next_start_seconds"].is_null());
}

#[test]
fn all_but_starts_goes_on() {
    let place = Place::new();

    assert_eq!(place.code(&["acquire", "--max", "3", "--every", "1h", "a"]), 0);
    assert_eq!(place.code(&["acquire", "--try", "a"]), 75);
    assert_eq!(place.code(&["release", "a"]), 0);
    assert_eq!(place.code(&["wait", "a"]), 0);

    let inner = format!("{} run --try --reentrant b -- echo inner", crate::place::PERMITS);
    let outer = place.output(&["run", "--max", "2", "--every", "1h", "--jobserver", "b", "-s", &inner]);
    assert_eq!((stdout(&outer).as_str(), outer.status.code()), ("inner\n", Some(0)), "{}", stderr(&outer));
    assert_eq!(place.number("b", "granted_total"), 1);
}

#[test]
fn a_keeper_waits_for_the_time_as_well() {
    let place = started();
    let pid = std::process::id().to_string();

    let refused = place.output(&["acquire", "--try", "--while-pid", &pid, "a"]);
    assert_eq!((refused.status.code(), stdout(&refused)), (Some(75), String::new()));
    let mut keeper = Running::start(place.permits(["acquire", "--every", "1h", "--while-pid", &pid, "a"]));
    place.until_waiting("a", 1);

    assert_eq!(place.code(&["set", "a", "--every", "1ms"]), 0);

    let grant = keeper.line();
    assert_eq!(place.code(&["revoke", "--wait", "30", "a", &grant]), 0);
}
