//! Do the README's commands work on a machine that has nothing? A minimal Debian with gcc, git and the Rust
//! toolchain is entered in namespaces of its own, without a network, and they are run there: as a user, and the
//! tests as root too.

mod image;
mod inside;
mod readme;

use image::Workshop;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::geteuid;
use readme::{Commands, Part};
use std::error::Error;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// The command of this program that goes into the namespaces, and the one that is the first process in there.
const APART: &str = "--apart";
const INSIDE: &str = "--inside";

pub(crate) fn run(root: &Path, args: &[&str]) -> Result<(), Box<dyn Error>> {
    let part = match args {
        [APART, args @ ..] => return apart(args),
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
    let workshop = Workshop::make(root)?;
    // This process stays where it is: it has the workshop to clear, and perhaps further steps of CI to run.
    let mut apart = Command::new(std::env::current_exe()?);
    apart.args(["fresh", APART]).args(workshop.paths()).args(commands.steps(&part)).stdin(Stdio::null());
    if apart.status()?.success() { Ok(()) } else { Err("the README's commands do not work on a fresh machine".into()) }
}

/// Enters the namespaces, and runs the first process in there, which takes the arguments.
fn apart(args: &[&str]) -> Result<(), Box<dyn Error>> {
    set_pdeathsig(Signal::SIGKILL)?;
    // All mounts from here on are in a namespace that ends with this process, however it ends.
    unshare(CloneFlags::CLONE_NEWNS)?;
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
    // The next process that this one starts is the first of the new namespaces, and all others in them end with it.
    unshare(CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWIPC | CloneFlags::CLONE_NEWUTS | CloneFlags::CLONE_NEWNET)?;
    let status = Command::new(std::env::current_exe()?).args(["fresh", INSIDE]).args(args).status()?;
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(()),
        (_, Some(signal)) => Err(format!("the machine was ended by signal {signal}").into()),
        // It has said why.
        _ => Err("fresh: a command failed".into()),
    }
}
