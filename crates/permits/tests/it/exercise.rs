//! The exercise that the crate grew from, run as the program that it is.

use std::env::consts::EXE_SUFFIX;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const NAME: &str = "count_semaphore";

/// Where cargo puts examples: next to `deps`, where this test is. A run that asked for this test alone has
/// not built them.
fn example() -> PathBuf {
    let this = std::env::current_exe().expect("a test is a program");
    let profile = this.parent().and_then(Path::parent).expect("`<target>/<profile>/deps/it-<hash>`");
    let program = profile.join("examples").join(format!("{NAME}{EXE_SUFFIX}"));
    if !program.exists() {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--package", "permits", "--example", NAME]);
        build.arg("--target-dir").arg(profile.parent().expect("`<target>`"));
        if profile.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().expect("cargo can be run").success());
    }
    program
}

/// One second, then three turns two seconds apart: five in all. Neither side can run ahead of the other.
#[test]
fn count_semaphore_prints_its_turns_in_five_seconds() {
    let program = example();
    let start = Instant::now();

    let output = Command::new(program).output().expect("the example can be run");

    let lasted = start.elapsed();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(output.stderr, b"");
    let text = String::from_utf8(output.stdout).expect("it prints words");
    assert_eq!(text, "acquiring\nreleasing\nacquiring\nreleasing\nacquiring\nreleasing\n");
    assert!(lasted >= Duration::from_secs(5) && lasted < Duration::from_secs(8), "it took {lasted:?}");
}
