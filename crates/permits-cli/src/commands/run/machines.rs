//! A run on machines: its permits are held under a lease, which a thread of this program renews.
//!
//! The lease has a deadline by the clock of this host. The command has to end before it: another machine can have
//! the permits from then on. So a lease that could not be renewed counts as lost when as much of it is left as the
//! command may take to end: `--grace` after TERM, and a moment for KILL (see `leased`).

use std::time::{Duration, Instant};

use super::child;
use super::command::{Job, shown};
use super::grip::Grip;
use super::leased::Leased;
use super::report::{Event, Reason, Report};
use crate::args::Run;
use crate::commands::machines::{self, Asking, unless_removed};
use crate::end::End;
use crate::events::Events;
use crate::failure::{Failure, code};
use crate::place::{self, Scene};
use crate::reach::Machines;
use crate::values::OnLost;
use crate::waiting::Ungranted;

/// What a lease has to last beyond the grace: the renewals of half of it may fail before the command is told.
const SPARE: Duration = Duration::from_secs(1);

pub(super) fn run(scene: Scene<'_>, args: &Run, report: &mut Report) -> Result<(End, Reason), Failure> {
    let units = place::count(args.units);
    let mut events = Events::open()?;
    let label = args.label.as_ref().map(|label| label.to_string_lossy().into_owned());
    let command = shown(args).to_string_lossy().into_owned();
    let machines = Machines::connect_as(&args.name, &args.machines, label.as_deref(), Some(command))?;
    check_grace(args, machines.ttl(&args.machines))?;
    let job = Job { scene, args, units };
    let began = Instant::now();
    let ask = || -> Result<_, Ungranted> {
        let semaphore = machines::open(&machines, &args.terms)?;
        let queued = |position| report.tell(Event::Waiting { name: &args.name, position });
        let asking = Asking::new(scene, &args.name, &semaphore, units, &args.patience).on_engine_loss(&args.machines);
        let permit = asking.acquire(&mut events, queued)?;
        let oldest = semaphore.oldest_token().wait().map_err(|error| Failure::of_machines(error, &args.name))?;
        // Its own, if its lease has ended since.
        let oldest = oldest.unwrap_or(permit.token());
        Ok((permit, oldest))
    };
    let asked = unless_removed(ask);
    let (permit, oldest) = match asked {
        Ok(granted) => granted,
        Err(ungranted) => {
            // A place in the queue must not stay until the lease ends.
            let _ = machines.etcd.disconnect().wait();
            return match ungranted {
                Ungranted::TooLate(failure) => Err(failure.with_code(args.conflict_exit_code)),
                Ungranted::Signalled(signal) => Ok((End::Signal(signal), Reason::Interrupted)),
                Ungranted::Revoked(failure) => {
                    scene.notes.warn(&failure.text);
                    Ok((End::Code(failure.code), Reason::Lost))
                }
                Ungranted::Gone(failure) | Ungranted::Failed(failure) => Err(failure),
            };
        }
    };
    let grant = permit.holder().map(|id| id.to_string()).unwrap_or_default();
    scene
        .notes
        .verbose(|| format!("`{}`: grant {grant}, token {}, after {:.1?}", args.name, permit.token(), began.elapsed()));
    report.tell(Event::Granted {
        name: &args.name,
        grant: grant.clone(),
        units,
        slots: Vec::new(),
        token: Some(permit.token().get()),
        oldest_token: Some(oldest.get()),
        waited_seconds: began.elapsed().as_secs_f64(),
    });
    let leased = Leased::new(machines, permit, oldest, &args.on_lost, args.grace);
    child::supervise(&job, &mut events, report, Grip::Leased(Box::new(leased)), &grant)
}

/// A command that takes its grace has to end before the lease does, whichever renewal was the last.
fn check_grace(args: &Run, ttl: Duration) -> Result<(), Failure> {
    let is_needed = matches!(args.on_lost, OnLost::Term | OnLost::Command(_));
    if !is_needed || args.grace + SPARE < ttl / 2 {
        return Ok(());
    }
    let most = (ttl / 2).saturating_sub(SPARE);
    let way_out = match most {
        Duration::ZERO => "give a longer --ttl".to_owned(),
        most => format!("give a --grace below `{most:?}`, or a longer --ttl"),
    };
    let text = format!(
        "--grace `{:?}` is too long for a lease of `{ttl:?}`, as the command has to end before the lease does: {way_out}",
        args.grace
    );
    Err(Failure::new(code::USAGE, text))
}
