//! `permits run`: a command with a permit.
//!
//! The order of things, and why it is this one:
//!
//! 1. Signals are blocked before any thread starts (see `events`).
//! 2. The permits are taken, after a wait if need be (see `waiting`).
//! 3. The command takes its own lock on the permits between fork and exec (see `sys::prepare`). So there is
//!    no moment at which the command runs and neither it nor this program keeps the permits, whichever of the
//!    two is killed, and when.
//! 4. This program waits, forwards signals and watches the clock (see `child`). What ends programs is told to
//!    all that the command has started, too (see `family`).
//! 5. The permits are given back, and only then this program ends: a caller that waits for its end may count on them.
//!    If this program has to end before the command, since something fails, it gives nothing back: the command's
//!    lock keeps the permits until that has ended, too.

mod child;
mod command;
mod family;
mod grip;
mod jobserver;
#[cfg(feature = "etcd")]
mod leased;
mod loss;
#[cfg(feature = "etcd")]
mod machines;
mod nested;
mod report;

use std::os::unix::process::CommandExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use permits_host::{HostSemaphore, OwnedPermit, Supersede};

use self::command::{Job, cannot_start, check_hook, command, shown};
use self::grip::Grip;
use self::report::{Event, Reason, Report};
use crate::args::Run;
use crate::end::End;
use crate::events::Events;
use crate::failure::{Failure, code};
use crate::people::{Who, tame};
use crate::place::{self, Scene};
#[cfg(feature = "etcd")]
use crate::reach;
use crate::sys::{self, BeforeExec};
use crate::waiting::{Ungranted, Waiting};

pub(crate) fn run(scene: Scene<'_>, args: &Run) -> Result<End, Failure> {
    let mut report = Report::open(args)?;
    let ended = attempt(scene, args, &mut report);
    let (reason, code) = match &ended {
        Ok((end, reason)) => (*reason, end.code()),
        Err(failure) if failure.busy => (Reason::Timeout, failure.code),
        Err(failure) => (Reason::Failed, failure.code),
    };
    report.tell(Event::Done { reason, code });
    ended.map(|(end, _)| end)
}

fn attempt(scene: Scene<'_>, args: &Run, report: &mut Report) -> Result<(End, Reason), Failure> {
    check_hook(args)?;
    check_supersede(args)?;
    #[cfg(feature = "etcd")]
    if reach::is_of_machines(&args.name) {
        return machines::run(scene, args, report);
    }
    let units = place::count(args.units);
    let mut events = Events::open()?;
    let options = scene.labelled(args.label.as_ref()).command(shown(args)).numbered(true);
    loop {
        let semaphore = place::open(scene, &options, &args.name, &args.terms)?;
        let job = Job { scene, args, units };
        if let Some(ended) = attempt_in(&job, &semaphore, &mut events, report)? {
            return Ok(ended);
        }
    }
}

/// The same in a semaphore that was opened just now; nothing if it is removed already.
fn attempt_in(
    job: &Job<'_>,
    semaphore: &HostSemaphore,
    events: &mut Events,
    report: &mut Report,
) -> Result<Option<(End, Reason)>, Failure> {
    let &Job { scene, args, units } = job;
    if let Some(outer) = nested::outer_grant(job, semaphore, report)? {
        return child::supervise(job, events, report, Grip::Outer, &outer).map(Some);
    }

    if let Some(key) = &args.supersede {
        supersede(job, semaphore, key)?;
    }
    let began = Instant::now();
    let queued = |position| report.tell(Event::Waiting { name: &args.name, position });
    let permit = match Waiting::new(scene, semaphore, units, &args.patience).acquire(events, queued) {
        Ok(permit) => permit,
        Err(Ungranted::Gone(_)) => return Ok(None),
        Err(Ungranted::TooLate(failure)) => return Err(failure.with_code(args.conflict_exit_code)),
        Err(Ungranted::Signalled(signal)) => return Ok(Some((End::Signal(signal), Reason::Interrupted))),
        Err(Ungranted::Revoked(failure)) => {
            scene.notes.warn(&failure.text);
            return Ok(Some((End::Code(failure.code), Reason::Lost)));
        }
        Err(Ungranted::Failed(failure)) => return Err(failure),
    };
    let lacking = units as usize - permit.slots().len().min(units as usize);
    if lacking > 0 {
        let state = semaphore.state()?;
        if state.max_permits.max(state.given_out) <= HostSemaphore::MAX_SLOTS {
            // A command that finds no number would use what belongs to another one.
            let text =
                format!("`{lacking}` of the permits have no number: another process wrote false data into the file");
            return Err(Failure::new(code::FAILED, text));
        }
    }
    let grant = semaphore.id().to_string();
    scene.notes.verbose(|| format!("`{}`: grant {grant}, after {:.1?}", args.name, began.elapsed()));
    report.tell(Event::Granted {
        name: &args.name,
        grant: grant.clone(),
        units,
        slots: permit.slots().to_vec(),
        token: None,
        oldest_token: None,
        waited_seconds: began.elapsed().as_secs_f64(),
    });
    if args.exec {
        return become_command(job, semaphore, permit, &grant).map(Some);
    }
    child::supervise(job, events, report, Grip::Host { semaphore, permit }, &grant).map(Some)
}

/// A run that does not wait would replace the one that waits, and give up itself: then no run of the key is left.
/// The parser refuses `--try` alike.
fn check_supersede(args: &Run) -> Result<(), Failure> {
    if args.supersede.is_none() || args.patience.wait != Some(Duration::ZERO) {
        return Ok(());
    }
    let text =
        "`--supersede` cannot be used with `--wait 0`, which does not wait: give a longer time, or leave out `--wait`";
    Err(Failure::new(code::USAGE, text))
}

/// Asks those that came before with the same key to give up.
fn supersede(job: &Job<'_>, semaphore: &HostSemaphore, key: &str) -> Result<(), Failure> {
    let &Job { scene, args, .. } = job;
    let whom = if args.supersede_running { Supersede::WaitersAndHolders } else { Supersede::Waiters };
    let earlier = semaphore.supersede(key, whom)?;
    scene.notes.verbose(|| format!("`{}`: asked {earlier} with the key `{}` to give up", args.name, tame(key)));
    if args.supersede_running && earlier > 0 {
        let holders = semaphore.status()?.holders;
        let same =
            holders.iter().map(|holder| Who::from(&holder.who)).filter(|who| who.supersede_key.as_deref() == Some(key));
        for (grant, why) in same.filter_map(|who| Some((who.grant.clone(), who.unreachable()?))) {
            scene.notes.warn(&format!("{grant} of `{}` was not superseded: {why}", args.name));
        }
    }
    Ok(())
}

/// Executes the command in place of this program. Returns only if that fails.
fn become_command(
    job: &Job<'_>,
    semaphore: &HostSemaphore,
    permit: OwnedPermit,
    grant: &str,
) -> Result<(End, Reason), Failure> {
    let lock = semaphore.command_lock()?;
    let grip = Grip::Host { semaphore, permit };
    let mut command = command(job, grant, &grip);
    lock.set_command_pid(std::process::id());
    sys::prepare(&mut command, Some(Arc::new(lock)), BeforeExec::default());
    let error = command.exec();
    drop(grip);
    Err(cannot_start(job.args, &error))
}
