//! `permits run`: a command with a permit.
//!
//! The order of things, and why it is this one:
//!
//! 1. Signals are blocked before any thread starts (see `events`).
//! 2. The permits are taken, after a wait if need be (see `waiting`).
//! 3. The command takes its own lock on the permits between fork and exec (see `sys::prepare`). So there is no moment at which the
//!    command runs and neither it nor this program keeps the permits, whoever is killed when.
//! 4. This program waits, forwards signals and watches the clock (see `child`).
//! 5. The permits are given back, and only then this program ends: who waits for its end may count on them.

mod child;
mod command;
mod jobserver;
mod nested;
mod report;

use std::os::unix::process::CommandExt;
use std::sync::Arc;
use std::time::Instant;

use permits_host::{OwnedPermit, Side};

use self::command::{Job, cannot_start, command, shown};
use self::report::{Event, Reason, Report};
use crate::args::{Common, Run};
use crate::end::End;
use crate::events::Events;
use crate::failure::{Failure, code};
use crate::out::Notes;
use crate::place;
use crate::sys::{self, BeforeExec};
use crate::waiting::{Ended, Waiting};

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
    let job = Job { args, common, notes, semaphore: &semaphore, units };
    if let Some(outer) = nested::outer_grant(&job)? {
        return child::supervise(&job, &mut events, report, None, &outer);
    }

    let wait =
        Waiting { semaphore: &semaphore, side: Side::Acquire, units, patience: &args.patience, notes, extra: None };
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
        return become_command(&job, permit, &grant);
    }
    child::supervise(&job, &mut events, report, Some(permit), &grant)
}

/// Executes the command in place of this program. Returns only if that fails.
fn become_command(job: &Job<'_>, permit: OwnedPermit, grant: &str) -> Result<(End, Reason), Failure> {
    let lock = job.semaphore.command_lock()?;
    let mut command = command(job, grant);
    lock.set_command_pid(std::process::id());
    sys::prepare(&mut command, Some(Arc::new(lock)), BeforeExec::default());
    let error = command.exec();
    drop(permit);
    Err(cannot_start(job.args, &error))
}

/// The exit code by which shells show a death by signal.
fn shown_by_shells(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(u8::MAX)
}
