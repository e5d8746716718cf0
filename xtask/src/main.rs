//! Chores of the project, run with `cargo xtask CHORE`.

mod ci;
mod fresh;
mod mutants;
mod python;
mod servers;
mod tidy;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

const HELP: &str = "\
usage: cargo xtask ci [--list | STEP...]
       cargo xtask fresh [--install | -- COMMAND]
       cargo xtask mutants [NAME]
       cargo xtask python [--python PATH]... [-- PYTEST-ARGUMENTS]
       cargo xtask servers [start [NODES]]
       cargo xtask tidy

  ci        runs all that has to pass before a change lands, or the steps that are named
  fresh     makes a minimal Debian with gcc, git and this Rust toolchain, and runs the first command and the tests of
            README.md there, as a user, and the tests as root; with --install also the installation, or
            another command instead. Needs root
  mutants   breaks a copy of `permits` and `permits-host` in one place after another and checks that a loom model
            fails each time; with NAME, only those of that package, or whose description contains it
  python    builds the wheel and tests it on every CPython 3.9 or newer of this machine, or on those that are named;
            on the newest also its types
  servers   gets the servers that tests start, etcd in two versions, into target/engines; with start, starts
            a cluster of NODES servers (1) on free ports of this machine, until its input ends
  tidy      checks that files and packages stand on each other as ARCHITECTURE.md says, without cycles, and that each file
            has a row there; that no two tests of a binary have one name, that each kind of error can come, and that
            no comment is wider than code";

fn main() -> ExitCode {
    match chore() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn chore() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("xtask lies in the workspace")?;
    let args: Vec<_> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["ci", ..] => ci::run(root, &args[1..]),
        ["fresh", args @ ..] => fresh::run(root, args),
        ["mutants"] => mutants::run(root, None),
        ["mutants", name] => mutants::run(root, Some(name)),
        ["python", ..] => python::run(root, &python::Options::parse(&args[1..])?),
        ["servers", args @ ..] => servers::run(root, args),
        ["tidy"] => tidy::run(root),
        ["help" | "-h" | "--help"] => {
            println!("{HELP}");
            Ok(())
        }
        _ => Err(HELP.into()),
    }
}
