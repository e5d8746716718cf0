//! `permits completions`: a script for each shell, and what the scripts ask for.
//!
//! The scripts know how their shell splits, quotes and shows words, and leave a command after `--` to the shell's own
//! completion of that command. What can stand at the cursor they ask this program for, each time: so the names of
//! semaphores and holders are those of that moment, and a script need not be made anew for each version.

mod candidates;

use crate::args::{Completions, Shell};
use crate::end::End;
use crate::failure::Failure;
use crate::out;
use crate::place::Scene;

pub(crate) fn run(scene: Scene<'_>, args: &Completions) -> Result<End, Failure> {
    if let Some(word) = args.word {
        out::print(&candidates::of(scene, &args.words, word))?;
        return Ok(End::Code(0));
    }
    out::print(match args.shell {
        Shell::Bash => include_str!("permits.bash"),
        Shell::Zsh => include_str!("permits.zsh"),
        Shell::Fish => include_str!("permits.fish"),
    })?;
    Ok(End::Code(0))
}
