//! The fuzzer's function on stable Rust: over the corpus, over what it once found, and over random bytes.

use permits_conformance::Dice;
use permits_conformance::wait::Running;
use std::path::Path;
use std::time::Duration;

/// One run takes some milliseconds: what takes this long hangs.
const PATIENCE: Duration = Duration::from_secs(30);
const RANDOM_RUNS: u32 = 3_000;
const LONGEST: u32 = 200;

/// Runs it, and tells the bytes if it panics or hangs.
fn run(name: &str, bytes: Vec<u8>) {
    let shown = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut run = Running::start(move || std::panic::catch_unwind(|| permits_fuzz::run(&bytes)).is_ok());
    assert_eq!(run.outcome(PATIENCE), Some(true), "{name} panics or hangs: {shown}");
}

fn replay(folder: &str) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let files = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = files.map(|file| file.expect("the folder can be read").path()).collect::<Vec<_>>();
    for path in &paths {
        run(&path.display().to_string(), std::fs::read(path).expect("the file can be read"));
    }
    paths.len()
}

#[test]
fn the_corpus_is_survived() {
    assert!(replay("corpus/pages") > 0, "there is a corpus");
}

#[test]
fn random_nonsense_is_survived() {
    let mut dice = Dice::seeded(0x7065_726d);

    for number in 0..RANDOM_RUNS {
        let length = 1 + dice.below(LONGEST) as usize;
        let bytes = (0..length).map(|_| dice.below(256) as u8).collect();
        run(&format!("run {number}"), bytes);
    }
}
