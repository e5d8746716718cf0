//! Tests that are left out for want of something, and the table that tells which.

use crate::sys::at_exit;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::panic::Location;
use std::sync::{Mutex, Once, PoisonError};

/// Makes a failure of all that is left out.
const ALL: &str = "PERMITS_TEST_ALL";

/// Tests by what they need.
static LEFT_OUT: Mutex<BTreeMap<String, Vec<String>>> = Mutex::new(BTreeMap::new());

/// Notes that the calling test, or a part of it, is left out, for the table that is printed at the exit of the
/// test program: past the harness, which shows what a test prints only if it fails.
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
    let all = LEFT_OUT.lock().unwrap_or_else(PoisonError::into_inner);
    // Nothing can be done about an error stream that is gone.
    let _ = std::io::stderr().write_all(table(&all).as_bytes());
}

fn table(all: &BTreeMap<String, Vec<String>>) -> String {
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
        let _ = writeln!(text, "({ALL}=1 makes failures of them)\n");
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
        assert_eq!(table(&all), expected);
        assert_eq!(table(&BTreeMap::new()), "");
    }
}
