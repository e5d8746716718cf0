//! Chores of the project, run with `cargo xtask CHORE`.

mod mutants;

use std::error::Error;
use std::path::Path;

const HELP: &str = "\
usage: cargo xtask mutants [NAME]

  mutants   breaks a copy of `permits` in one place after another and checks that a loom model fails each time;
            with NAME, only those whose description contains it";

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("xtask lies in the workspace")?;
    let args: Vec<_> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["mutants"] => mutants::run(root, None),
        ["mutants", name] => mutants::run(root, Some(name)),
        ["help" | "-h" | "--help"] => {
            println!("{HELP}");
            Ok(())
        }
        _ => Err(HELP.into()),
    }
}
