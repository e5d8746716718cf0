//! `--jobserver`: make and cargo share the permits of the run.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use permits_testbed::program;

use crate::place::{Place, Running, kill, output, stderr, stdout, until};

/// Twelve targets that write when they begin and when they end.
const MAKEFILE: &str = "\
TARGETS = a b c d e f g h i j k l
all: $(TARGETS)
$(TARGETS):
\t@echo begin >>log; sleep 0.1; echo end >>log
.PHONY: all $(TARGETS)
sub:
\t@$(MAKE) all
";

/// The most that ran at once, by the log.
fn most(log: &str) -> usize {
    let running = log.lines().scan(0usize, |running, line| {
        *running = if line == "begin" { *running + 1 } else { *running - 1 };
        Some(*running)
    });
    running.max().unwrap_or(0)
}

#[test]
fn make_runs_as_many_jobs_as_permits() {
    if !program("make", "make") {
        return;
    }
    for target in ["all", "sub"] {
        let place = Place::new();
        std::fs::write(place.dir().join("Makefile"), MAKEFILE).expect("it can be written");
        let args = ["run", "--max", "8", "--units", "3", "--jobserver", "a", "--", "make", target];

        let output = output(place.permits(args).current_dir(place.dir()));

        assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""), "make {target}");
        let log = std::fs::read_to_string(place.dir().join("log")).expect("make has run");
        assert_eq!(log.lines().count(), 24);
        assert_eq!(most(&log), 3, "{log}");
    }
}

#[test]
fn one_unit_is_one_job() {
    if !program("make", "make") {
        return;
    }
    let place = Place::new();
    std::fs::write(place.dir().join("Makefile"), MAKEFILE).expect("it can be written");

    let output = output(place.permits(["run", "--jobserver", "a", "--", "make"]).current_dir(place.dir()));

    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
    assert_eq!(most(&std::fs::read_to_string(place.dir().join("log")).expect("make has run")), 1);
}

#[test]
fn fifo_holds_the_tokens_and_is_gone_afterwards() {
    let place = Place::new();
    let script = r#"set -- ${MAKEFLAGS##*fifo:}; echo "$1"; test -p "$1" && timeout 5 head -c 3 "$1"; echo; echo "$CARGO_MAKEFLAGS""#;

    let output = place.output(&["run", "--max", "4", "-u", "4", "--jobserver=fifo", "a", "--", "sh", "-c", script]);

    let printed = stdout(&output);
    let lines: Vec<_> = printed.lines().collect();
    assert_eq!(lines[1], "+++", "{}", stderr(&output));
    assert_eq!(lines[2], format!("-j4 --jobserver-auth=fifo:{}", lines[0]));
    assert!(!std::path::Path::new(lines[0]).exists());
}

#[test]
fn pipe_holds_the_tokens() {
    let place = Place::new();
    let script = r#"auth=${MAKEFLAGS##*auth=}; timeout 5 head -c 2 <&${auth%,*}"#;

    let output = place.output(&["run", "--max", "3", "-u", "3", "--jobserver=pipe", "a", "--", "bash", "-c", script]);

    assert_eq!(stdout(&output), "++", "{}", stderr(&output));
}

#[test]
fn flags_of_an_outer_make_are_kept_but_for_its_jobs() {
    let place = Place::new();
    for others in [&b"ks"[..], b"ks -I/tmp/\xe4"] {
        let mut command =
            place.permits(["run", "-m", "2", "-u", "2", "--jobserver=pipe", "a", "--", "printenv", "MAKEFLAGS"]);
        command.env("MAKEFLAGS", OsStr::from_bytes(&[others, b" -j8 --jobserver-auth=98,99 -- X=1"].concat()));

        let printed = output(&mut command).stdout;

        let expected = [others, b" -j2 --jobserver-auth="].concat();
        let printed_text = String::from_utf8_lossy(&printed);
        assert!(printed.starts_with(&expected) && !printed_text.contains("98,99"), "{printed_text}");
    }
}

#[test]
fn cargo_builds_under_it() {
    let place = Place::new();
    let source = place.dir().join("src");
    std::fs::create_dir(&source).expect("it can be made");
    std::fs::write(source.join("main.rs"), "fn main() {}").expect("it can be written");
    std::fs::write(place.dir().join("Cargo.toml"), "[package]\nname = \"a\"\nedition = \"2024\"\n").expect("as above");
    // The build script sees how many jobs cargo has been given, by the jobserver that cargo passes on.
    std::fs::write(
        place.dir().join("build.rs"),
        r#"fn main() { println!("cargo::warning=flags {}", std::env::var("CARGO_MAKEFLAGS").unwrap()); }"#,
    )
    .expect("as above");
    for kind in ["fifo", "pipe"] {
        let kind = format!("--jobserver={kind}");
        let script = "echo \"ours $CARGO_MAKEFLAGS\" >&2; exec cargo build --offline";
        let mut command = place.permits(["run", "-m", "2", "-u", "2", &kind, "a", "--", "sh", "-c", script]);
        command.current_dir(place.dir()).env("CARGO_TARGET_DIR", place.dir().join("target")).env_remove("HOME");
        for variable in ["CARGO_HOME", "RUSTUP_HOME", "HOME"] {
            if let Some(value) = std::env::var_os(variable) {
                command.env(variable, value);
            }
        }
        // Built again by the other kind.
        let _ = std::fs::remove_dir_all(place.dir().join("target"));

        let output = output(&mut command);

        let said = stderr(&output);
        let auth = |word: &str| {
            let line = said.lines().find(|line| line.contains(word)).unwrap_or_else(|| panic!("no {word} in {said}"));
            line.rsplit_once("--jobserver-auth=").map(|(_, auth)| auth.to_owned())
        };
        assert!(output.status.success(), "{said}");
        assert_eq!(auth("ours "), auth("flags "), "cargo made a jobserver of its own: {said}");
    }
}

/// Prints the path of the FIFO, as a program finds it that splits MAKEFLAGS at white space.
const PRINT_FIFO: &str = "set -- ${MAKEFLAGS##*fifo:}; echo \"$1\"";

fn fifo_run(place: &Place, temporary: &Path, script: &str) -> Running {
    let mut command = place.permits(["run", "-m", "2", "-u", "2", "--jobserver=fifo", "a", "--", "sh", "-c", script]);
    command.env("TMPDIR", temporary);
    Running::start(command)
}

#[test]
fn fifo_has_a_path_that_makeflags_can_say() {
    let place = Place::new();
    for name in ["plain", "with space", "with$dollar"] {
        let temporary = place.dir().join(name);
        std::fs::create_dir(&temporary).expect("it can be made");

        let mut run = fifo_run(&place, &temporary, &format!("{PRINT_FIFO}; test -p \"$1\" && echo found"));

        let fifo = run.line();
        assert_eq!(run.line(), "found", "{fifo}");
        assert_eq!(Path::new(&fifo).starts_with(&temporary), name == "plain", "{fifo}");
    }
}

#[test]
fn fifo_of_a_killed_run_is_removed_by_the_next() {
    let place = Place::new();
    let temporary = tempfile::tempdir().expect("a temporary directory");
    let mut killed = fifo_run(&place, temporary.path(), &format!("{PRINT_FIFO}; echo $$; exec sleep 1000"));
    let (left, command) = (killed.line(), killed.line());
    killed.signal("KILL");
    kill(command.parse().expect("a process id"), "KILL");
    killed.end();
    until("the permits are back", || place.number("a", "given_out") == 0);
    assert!(Path::new(&left).exists());
    // A pipe of that name which another program reads.
    let name = left.rsplit_once('-').expect("its name has parts").0;
    let read = PathBuf::from(format!("{name}-read"));
    nix::unistd::mkfifo(&read, nix::sys::stat::Mode::S_IRWXU).expect("it can be made");
    let _reader = std::fs::File::options().read(true).write(true).open(&read).expect("it is ours");

    let mut next = fifo_run(&place, temporary.path(), &format!("{PRINT_FIFO}; read line"));

    let fifo = next.line();
    let found = [&left, &fifo, &read.display().to_string()].map(|path| Path::new(path).exists());
    assert_eq!(found, [false, true, true]);
    next.let_go();
    assert!(next.end().success());
    assert!(!Path::new(&fifo).exists());
}
