//! `permits check`: whether a grant still holds its permits, for a script before an act that must not overlap with that
//! of another holder.
//!
//! It is an answer of one moment, by those who decide: the file of the semaphore, or the servers. What the command was
//! told as it started is not asked for time, since leases are renewed, and revoked.

use permits_host::{Error, ErrorKind, HolderId, Status};

use crate::args::Check;
use crate::end::End;
use crate::failure::{Failure, code};
use crate::json::{self, Checked};
use crate::out;
use crate::place::Scene;
use crate::reach;

/// A grant, as the environment of a command tells it, or the arguments.
struct Grant {
    name: String,
    id: HolderId,
    /// How many permits it has, if that is known.
    units: Option<u32>,
    /// Its fencing token, if it has one that is known.
    token: Option<u64>,
}

pub(crate) fn run(scene: Scene<'_>, args: &Check) -> Result<End, Failure> {
    let grant = match (&args.name, &args.grant) {
        (Some(name), Some(id)) => Grant { name: name.clone(), id: parsed(id)?, units: None, token: None },
        _ => of_the_run_around()?,
    };
    let lost = match read(scene, args, &grant.name)? {
        Some(status) => is_lost(&grant, &status),
        None => Some("the semaphore does not exist any more"),
    };
    let Grant { name, id, token, .. } = &grant;
    if args.json {
        out::print(&json::line(Checked { name, grant: &id.to_string(), token: *token, held: lost.is_none() }))?;
    }
    match lost {
        Some(why) => Err(Failure::new(code::LOST, format!("the grant {id} of `{name}` is lost: {why}"))),
        None => {
            scene.notes.verbose(|| format!("the grant {id} of `{name}` is held"));
            Ok(End::Code(0))
        }
    }
}

/// What `run` has told its command.
fn of_the_run_around() -> Result<Grant, Failure> {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let (Some(name), Some(id)) = (variable("PERMITS_NAME"), variable("PERMITS_GRANT")) else {
        let text = "PERMITS_NAME and PERMITS_GRANT are not set, as they are in a command of `permits run`: give the name and \
                    the grant, as in `permits check build 0-1`";
        return Err(Failure::new(code::USAGE, text));
    };
    let number = |name| -> Result<Option<u64>, Failure> {
        let Some(text) = variable(name) else { return Ok(None) };
        let wrong =
            |_| Failure::new(code::USAGE, format!("{name} is `{text}`, which `permits run` never sets: unset it"));
        text.parse().map(Some).map_err(wrong)
    };
    let units = number("PERMITS_UNITS")?.map(|units| u32::try_from(units).unwrap_or(u32::MAX));
    // On a host it would be that of a run further out.
    let token = if reach::is_of_machines(&name) { number("PERMITS_TOKEN")? } else { None };
    Ok(Grant { name, id: parsed(&id)?, units, token })
}

fn parsed(grant: &str) -> Result<HolderId, Failure> {
    grant.parse().map_err(|error: Error| Failure::from(error).with_code(code::USAGE))
}

/// Who holds and waits; nothing if the semaphore is gone.
fn read(scene: Scene<'_>, args: &Check, name: &str) -> Result<Option<Status>, Failure> {
    if reach::is_of_machines(name) {
        return reach::status_if_any(name, args.connect_timeout);
    }
    match scene.options().read(name) {
        Ok(status) => Ok(Some(status)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Gone) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Why it is lost, if it is.
fn is_lost(grant: &Grant, status: &Status) -> Option<&'static str> {
    let Some(holder) = status.holders.iter().find(|holder| holder.who.id == grant.id) else {
        return Some("no holder has this grant");
    };
    let is_of_it = |token: u64| holder.token.is_none_or(|own| own.get() == token);
    if !holder.who.alive {
        Some("its holder has died")
    } else if !grant.token.is_none_or(is_of_it) {
        Some("it has another token, so it is a later grant")
    } else if holder.permits < grant.units.unwrap_or(1) {
        Some("a part of its permits was taken away")
    } else {
        None
    }
}
