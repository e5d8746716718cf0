//! Tests that are left out because something is missing, and the table that lists them.

use crate::sys::at_exit;
use nix::fcntl::{Flock, FlockArg};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{File, read_to_string};
use std::io::{self, Read, Seek, Write as _};
use std::panic::Location;
use std::sync::{Mutex, Once, PoisonError};

/// Makes a failure of all that is left out.
const ALL: &str = "PERMITS_TEST_ALL";

/// Tests by what they need.
type Rows = BTreeMap<String, Vec<String>>;

static LEFT_OUT: Mutex<Rows> = Mutex::new(BTreeMap::new());

/// Notes that the calling test, or a part of it, is left out, for the table that is printed at the exit of the
/// test program: past the harness, which shows what a test prints only if it fails. Under `cargo test` the table has
/// what the test programs before it left out, too.
///
/// # Panics
///
/// If the environment has `PERMITS_TEST_ALL=1`, as that of CI has.
#[track_caller]
pub fn left_out(needs: &str) {
    assert!(std::env::var_os(ALL).is_none_or(|value| value != "1"), "left out, though {ALL}=1: it needs {needs}");
    static PRINTED: Once = Once::new();
    PRINTED.call_once(|| at_exit(print));
    let test = this_test();
    let mut all = LEFT_OUT.lock().unwrap_or_else(PoisonError::into_inner);
    let tests = all.entry(needs.to_owned()).or_default();
    if !tests.contains(&test) {
        tests.push(test);
    }
}

/// The test that runs in this thread.
#[track_caller]
pub(crate) fn this_test() -> String {
    // The harness names the thread of a test after it, unless all run in one.
    match std::thread::current().name() {
        Some(name) if name != "main" => name.to_owned(),
        _ => Location::caller().to_string(),
    }
}

extern "C" fn print() {
    let own = LEFT_OUT.lock().unwrap_or_else(PoisonError::into_inner);
    let text = match with_those_before(&own) {
        Ok(Some(all)) => table(&all, "in all test programs of this `cargo test` so far; "),
        // What cannot be added up is listed alone.
        Ok(None) | Err(_) => table(&own, ""),
    };
    // Nothing can be done about an error stream that is gone.
    let _ = io::stderr().write_all(text.as_bytes());
}

/// What all test programs of this run of `cargo test` have left out so far, this one included, so that the last table
/// has it all. They pass it on in a file beside them. Nothing if cargo has not started this program.
fn with_those_before(own: &Rows) -> io::Result<Option<Rows>> {
    let Some(run) = cargo(std::os::unix::process::parent_id()) else { return Ok(None) };
    let path = std::env::current_exe()?.with_file_name("left-out");
    let file = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
    let mut file = Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, errno)| errno)?;
    let mut before = String::new();
    file.read_to_string(&mut before)?;
    let is_running = |run: &str| {
        let pid = run.split(' ').next().and_then(|pid| pid.parse().ok());
        pid.and_then(cargo).is_some_and(|now| now == run)
    };
    let (lines, all) = join(&before, &run, own, is_running);
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(lines.as_bytes())?;
    Ok(Some(all))
}

/// A run of cargo: the process id, and when it was given out. Nothing if the process is another program.
fn cargo(pid: u32) -> Option<String> {
    let stat = read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields = stat.split_once("(cargo) ")?.1;
    Some(format!("{pid} {}", fields.split(' ').nth(19)?))
}

/// Adds rows to those of the same run, and drops the lines of runs that are over. A line has a test: its run, what it
/// needs, its name.
fn join(before: &str, run: &str, own: &Rows, is_running: impl Fn(&str) -> bool) -> (String, Rows) {
    let (mut lines, mut all) = (String::new(), own.clone());
    for line in before.lines() {
        let [of, needs, test] = line.split('\t').collect::<Vec<_>>()[..] else { continue };
        if of == run {
            all.entry(needs.to_owned()).or_default().push(test.to_owned());
        }
        if of == run || is_running(of) {
            let _ = writeln!(lines, "{line}");
        }
    }
    for (needs, tests) in own {
        for test in tests {
            let _ = writeln!(lines, "{run}\t{needs}\t{test}");
        }
    }
    (lines, all)
}

fn table(all: &Rows, whose: &str) -> String {
    let mut text = String::new();
    for (needs, tests) in all {
        let mut tests = tests.clone();
        tests.sort_unstable();
        let _ = writeln!(text, "left out: needs {needs}: {} of the tests", tests.len());
        for test in tests {
            let _ = writeln!(text, "    {test}");
        }
    }
    if !text.is_empty() {
        let _ = writeln!(text, "({whose}{ALL}=1 makes failures of them)\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_lists_the_tests_by_what_they_need() {
        let all = [("root", vec!["b::two", "a::one"]), ("the program `make`", vec!["c::three"])];
        let all = all.map(|(needs, tests)| (needs.to_owned(), tests.into_iter().map(str::to_owned).collect())).into();

        let expected = "left out: needs root: 2 of the tests\n    a::one\n    b::two\nleft out: needs the program `make`: \
                        1 of the tests\n    c::three\n(PERMITS_TEST_ALL=1 makes failures of them)\n\n";
        assert_eq!(table(&all, ""), expected);
        assert_eq!(table(&BTreeMap::new(), "in all; "), "");
    }

    #[test]
    fn table_has_what_earlier_programs_of_the_same_run_left_out() {
        let rows = |test: &str| Rows::from([("root".to_owned(), vec![test.to_owned()])]);
        let is_running = |run: &str| run == "8 1";

        let (first, _) = join("7 1\troot\told\n8 1\troot\tother\n", "9 1", &rows("a::one"), is_running);
        assert_eq!(first, "8 1\troot\tother\n9 1\troot\ta::one\n", "the run 7 is over");
        let (second, all) = join(&first, "9 1", &rows("b::two"), is_running);

        assert_eq!(second, format!("{first}9 1\troot\tb::two\n"));
        assert_eq!(all, Rows::from([("root".to_owned(), vec!["b::two".to_owned(), "a::one".to_owned()])]));
    }

    #[test]
    fn run_of_cargo_is_known_by_its_process_and_its_start() {
        let parent = std::os::unix::process::parent_id();
        let by_cargo = read_to_string(format!("/proc/{parent}/comm")).expect("it runs") == "cargo\n";

        assert_eq!(cargo(parent).is_some(), by_cargo);
        assert_eq!(cargo(std::process::id()), None, "this is no cargo");
    }
}
