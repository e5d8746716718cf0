//! The command of a run: how it is made, how it is shown, and why it cannot be started.

use std::ffi::OsString;
use std::process::Command;

use permits_host::{HostSemaphore, OwnedPermit};

use crate::args::Run;
use crate::failure::{Failure, code, shortage};
use crate::place::Scene;
use crate::sys;

/// A run, once its semaphore is open.
pub(super) struct Job<'a> {
    pub(super) scene: Scene<'a>,
    pub(super) args: &'a Run,
    pub(super) semaphore: &'a HostSemaphore,
    pub(super) units: u32,
}

/// The command with its environment, not yet started. Without a permit it shares that of the run around it,
/// numbers included.
pub(super) fn command(job: &Job<'_>, grant: &str, permit: Option<&OwnedPermit>) -> Command {
    let args = job.args;
    let mut command = match &args.shell {
        Some(text) => {
            let shell = std::env::var_os("SHELL").filter(|shell| !shell.is_empty()).unwrap_or_else(|| "sh".into());
            let mut command = Command::new(shell);
            command.arg("-c").arg(text);
            command
        }
        None => {
            let mut command = Command::new(&args.command[0]);
            command.args(&args.command[1..]);
            command
        }
    };
    command.env("PERMITS_NAME", &args.name).env("PERMITS_GRANT", grant).env("PERMITS_UNITS", job.units.to_string());
    if let Some(permit) = permit {
        let slots: Vec<String> = permit.slots().iter().map(u32::to_string).collect();
        match slots.first() {
            Some(first) => command.env("PERMITS_SLOT", first).env("PERMITS_SLOTS", slots.join(",")),
            // Not those of a run around this one.
            None => command.env_remove("PERMITS_SLOT").env_remove("PERMITS_SLOTS"),
        };
    }
    if let Some(dir) = &job.scene.common.dir {
        // A nested run must mean the same semaphore, wherever it stands.
        command.env("PERMITS_DIR", std::path::absolute(dir).unwrap_or_else(|_| dir.clone()));
    }
    command
}

/// What `status` shows as the command.
pub(super) fn shown(args: &Run) -> OsString {
    match &args.shell {
        Some(text) => text.clone(),
        None => args.command.join(" ".as_ref()),
    }
}

pub(super) fn cannot_start(args: &Run, error: &std::io::Error) -> Failure {
    if let Some(error) = sys::lock_error(error) {
        let what = "the command could not take its lock on the permits, and was not executed";
        return match error.raw_os_error() {
            Some(libc::EMFILE) => Failure::new(
                code::FAILED,
                format!("{what}: it needs a descriptor above `9`: raise `ulimit -n`: {error}"),
            ),
            _ => Failure::system(what, &error),
        };
    }
    let (code, what) = match error.raw_os_error() {
        Some(libc::ENOENT) => (code::NOT_FOUND, "not found"),
        Some(libc::EAGAIN | libc::ENOMEM | libc::EMFILE | libc::ENFILE) => (code::FAILED, "cannot be started"),
        _ => (code::CANNOT_EXECUTE, "cannot be executed"),
    };
    let program = args.command.first().map_or_else(|| "the shell".into(), |program| program.to_string_lossy());
    Failure::new(code, format!("command `{program}` {what}: {error}{}", shortage(error)))
}
