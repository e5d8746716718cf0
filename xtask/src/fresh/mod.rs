//! Do the README's commands work on a machine that has nothing? A minimal Debian with gcc, git and the Rust
//! toolchain is entered in namespaces of its own, without a network, and they are run there: as a user, and the
//! tests as root too.

mod image;
mod inside;
mod readme;

use image::Workshop;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::geteuid;
use readme::{Commands, Part};
use std::error::Error;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// The command of this program that is the first process in there.
const INSIDE: &str = "--inside";

pub(crate) fn run(root: &Path, args: &[&str]) -> Result<(), Box<dyn Error>> {
    let part = match args {
        [INSIDE, args @ ..] => return inside::run(args),
        [] => Part::Commands,
        ["--install"] => Part::Installation,
        ["--", command @ ..] if !command.is_empty() => Part::Other(command.join(" ")),
        _ => return Err("`cargo xtask fresh` takes `--install`, a command after `--`, or nothing".into()),
    };
    if !geteuid().is_root() {
        return Err(
            "`cargo xtask fresh` needs root: debootstrap makes devices, and a user of its own is changed to".into()
        );
    }
    let commands = Commands::of(&std::fs::read_to_string(root.join("README.md"))?)?;
    // All mounts from here on are in a namespace that ends with this process, however it ends.
    unshare(CloneFlags::CLONE_NEWNS)?;
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
    let workshop = Workshop::make(root)?;

    // The next process that this one starts is the first of the new namespaces, and all others in them end with it.
    unshare(CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWIPC | CloneFlags::CLONE_NEWUTS | CloneFlags::CLONE_NEWNET)?;
    let mut first = Command::new(std::env::current_exe()?);
    first.args(["fresh", INSIDE]).args(workshop.paths()).args(commands.steps(&part)).stdin(Stdio::null());
    let status = first.status()?;
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(()),
        (_, Some(signal)) => Err(format!("the machine was ended by signal {signal}").into()),
        _ => Err("the README's commands do not work on a fresh machine".into()),
    }
}
