//! The stubs that are checked in are those of the description.

use std::fs;

#[test]
fn stubs_made_anew_are_those_that_are_checked_in() {
    let folder = tempfile::tempdir().expect("a place for them");

    let anew = permits_stubs::make(folder.path()).expect("the description is in order");

    let there = fs::read_to_string(permits_stubs::checked_in()).expect("they are checked in");
    assert!(anew == there, "they differ; `cargo run --manifest-path stubs/Cargo.toml` writes them anew");
}
