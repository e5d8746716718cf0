//! How a keeper goes to the background, and what ends it there.

use std::fs::File;
use std::io::Write;

use crate::args::Acquire;
use crate::json::{self, Taken};
use crate::sys;

/// Leaves the caller's terminal, directory and process group, and tells it the grant.
pub(super) fn detach(
    args: &Acquire,
    permits: u32,
    slots: Vec<u32>,
    grant: String,
    mut answer: File,
) -> std::io::Result<()> {
    sys::set_pdeathsig(0)?;
    nix::unistd::setsid()?;
    std::env::set_current_dir("/")?;
    sys::detach_stdio()?;
    let text = if args.json {
        let keeper_pid = Some(std::process::id());
        json::line(Taken { name: &args.name, permits, slots, grant: Some(grant), keeper_pid })
    } else {
        format!("{grant}\n")
    };
    answer.write_all(text.as_bytes())
}

/// Whether a signal ends a keeper.
pub(super) fn is_ending(signal: i32) -> bool {
    !sys::is_harmless(signal) && signal != libc::SIGTSTP && !sys::is_ignored(signal)
}
