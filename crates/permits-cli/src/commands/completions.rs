//! `permits completions`.

use clap::CommandFactory;

use crate::args::{Args, Completions, Shell};
use crate::end::End;
use crate::failure::Failure;
use crate::out;

pub(crate) fn run(args: &Completions) -> Result<End, Failure> {
    let shell = match args.shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "permits", &mut script);
    out::print(&String::from_utf8_lossy(&script))?;
    Ok(End::Code(0))
}
