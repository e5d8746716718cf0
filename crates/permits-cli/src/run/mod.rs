//! `permits run`: a command with a permit.
//!
//! The order of things, and why it is this one:
//!
//! 1. Signals are blocked before any thread starts (see `events`).
//! 2. The permits are taken, after a wait if need be (see `queue`).
//! 3. The command takes its own lock on the permits between fork and exec (see `sys::prepare`). So there is no moment at which the
//!    command runs and neither it nor this program keeps the permits, whoever is killed when.
//! 4. This program waits, forwards signals and watches the clock (see `child`).
//! 5. The permits are given back, and only then this program ends: who waits for its end may count on them.

mod child;
mod jobserver;
mod nested;

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use permits_host::{HostSemaphore, OwnedPermit, Side};

use crate::End;
use crate::args::{Common, Run};
use crate::events::Events;
use crate::failure::{Failure, code};
use crate::out::Notes;
use crate::place;
use crate::queue::{Ended, Wait};
use crate::report::{Event, Reason, Report};
use crate::sys::{self, BeforeExec};

/// What an act of this run needs to know.
struct Scene<'a> {
    args: &'a Run,
    common: &'a Common,
    notes: &'a Notes,
    semaphore: &'a HostSemaphore,
    units: u32,
}

pub(crate) fn run(common: &Common, args: &Run, notes: &Notes) -> Result<End, Failure> {
    let mut report = Report::open(args)?;
    let ended = attempt(common, args, notes, &mut report);
    let (reason, code) = match &ended {
        Ok((End::Code(code), reason)) => (*reason, *code),
        Ok((End::Signal(signal), reason)) => (*reason, shown_by_shells(*signal)),
        Err(failure) => (Reason::Failed, failure.code),
    };
    report.tell(Event::Done { reason, code });
    ended.map(|(end, _)| end)
}

fn attempt(common: &Common, args: &Run, notes: &Notes, report: &mut Report) -> Result<(End, Reason), Failure> {
    let units = place::count(args.units);
    let mut events = Events::open()?;
    let mut options = place::options(common).command(shown(args));
    if let Some(label) = &args.label {
        options = options.label(label);
    }
    let semaphore = place::open(&options, &args.name, &args.size, notes)?;
    let scene = Scene { args, common, notes, semaphore: &semaphore, units };
    if let Some(outer) = nested::outer_grant(&scene)? {
        return child::supervise(&scene, &mut events, report, None, &outer);
    }

    let wait = Wait { semaphore: &semaphore, side: Side::Acquire, units, patience: &args.patience, notes, extra: None };
    let began = Instant::now();
    let waiting = |position| report.tell(Event::Waiting { name: &args.name, position });
    let permit = match wait.run(&mut events, || semaphore.acquire_many_owned(units), waiting)? {
        Ended::Granted(permit) => permit,
        Ended::TooLate(failure) => {
            notes.error(&failure);
            return Ok((End::Code(args.conflict_exit_code), Reason::Timeout));
        }
        Ended::Signalled(signal) => return Ok((End::Signal(signal), Reason::Interrupted)),
        Ended::Revoked | Ended::Extra => {
            notes.warn(&format!("revoked while it waited for `{}`", args.name));
            return Ok((End::Code(code::LOST), Reason::Lost));
        }
    };
    let grant = semaphore.id().to_string();
    notes.verbose(|| format!("`{}`: grant {grant}, after {:.1?}", args.name, began.elapsed()));
    report.tell(Event::Granted {
        name: &args.name,
        grant: grant.clone(),
        units,
        waited_seconds: began.elapsed().as_secs_f64(),
    });
    if args.exec {
        return become_command(&scene, permit, &grant);
    }
    child::supervise(&scene, &mut events, report, Some(permit), &grant)
}

/// Executes the command in place of this program. Returns only if that fails.
fn become_command(scene: &Scene<'_>, permit: OwnedPermit, grant: &str) -> Result<(End, Reason), Failure> {
    let lock = scene.semaphore.command_lock()?;
    let mut command = command(scene, grant);
    lock.set_command_pid(std::process::id());
    sys::prepare(&mut command, Some(Arc::new(lock)), BeforeExec::default());
    let error = command.exec();
    drop(permit);
    Err(cannot_start(scene.args, &error))
}

/// The command with its environment, not yet started.
fn command(scene: &Scene<'_>, grant: &str) -> Command {
    let args = scene.args;
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
    command.env("PERMITS_NAME", &args.name).env("PERMITS_GRANT", grant).env("PERMITS_UNITS", scene.units.to_string());
    if let Some(dir) = &scene.common.dir {
        // A nested run must mean the same semaphore, wherever it stands.
        command.env("PERMITS_DIR", std::path::absolute(dir).unwrap_or_else(|_| dir.clone()));
    }
    command
}

/// What `status` shows as the command.
fn shown(args: &Run) -> OsString {
    match &args.shell {
        Some(text) => text.clone(),
        None => args.command.join(" ".as_ref()),
    }
}

fn cannot_start(args: &Run, error: &std::io::Error) -> Failure {
    if let Some(error) = sys::lock_error(error) {
        return Failure::system("the command could not take its lock on the permits, and was not executed", &error);
    }
    let (code, what) = match error.raw_os_error() {
        Some(libc::ENOENT) => (code::NOT_FOUND, "not found"),
        Some(libc::EAGAIN | libc::ENOMEM | libc::EMFILE | libc::ENFILE) => (code::FAILED, "cannot be started"),
        _ => (code::CANNOT_EXECUTE, "cannot be executed"),
    };
    let program = args.command.first().map_or_else(|| "the shell".into(), |program| program.to_string_lossy());
    Failure::new(code, format!("command `{program}` {what}: {error}"))
}

/// The exit code by which shells show a death by signal.
fn shown_by_shells(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(u8::MAX)
}
