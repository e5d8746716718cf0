//! A run inside a run of the same semaphore, which can wait for itself without end.

use permits_host::{ErrorKind, HostSemaphore};

use super::command::Job;
use super::report::{Event, Report};
use crate::failure::{Failure, code};
use crate::people::Who;

/// The grant of the run around this one, if this run shares it (`--reentrant`). Warns, and
/// reports, if this run may wait for the outer one.
///
/// Only the innermost run is known: the environment has one name. A chain of several names can still close a
/// circle.
pub(super) fn outer_grant(
    job: &Job<'_>,
    semaphore: &HostSemaphore,
    report: &mut Report,
) -> Result<Option<String>, Failure> {
    let args = job.args;
    let variable = |name| std::env::var(name).ok();
    let outer = variable("PERMITS_NAME").filter(|name| *name == args.name).and(variable("PERMITS_GRANT"));
    let Some(grant) = outer else {
        return Ok(None);
    };
    let status = match semaphore.status() {
        // It was removed just now, with all that was held in it. Who asks for permits next finds that, too.
        Err(error) if error.kind() == ErrorKind::Gone => return Ok(None),
        status => status?,
    };
    // A grant that is not held any more was inherited from a run that is over, or belongs to another
    // directory.
    let Some(holder) = status.holders.iter().find(|holder| holder.who.id.to_string() == grant && holder.who.alive)
    else {
        return Ok(None);
    };
    if args.reentrant {
        if holder.permits < job.units {
            let text = format!(
                "asked for `{}` permits of `{}`, but the outer run has `{}`: give the outer run more with --units",
                job.units, args.name, holder.permits
            );
            return Err(Failure::new(code::CONFIG, text));
        }
        return Ok(Some(grant));
    }
    let waits = !args.patience.try_now && args.patience.wait.is_none();
    if waits && status.state.available_permits < job.units {
        let outer = Who::from(&holder.who);
        job.scene.notes.warn(&format!(
            "this run of `{}` is inside another, process `{}` with grant {grant}, and may wait for it without end: use \
             --reentrant or --wait",
            args.name,
            outer.own_pid_text()
        ));
        report.tell(Event::Nested { name: &args.name, grant, pid: outer.pid, pid_namespace: outer.pid_namespace });
    }
    Ok(None)
}
