//! `permits revoke`: asks a holder or waiter to give up. Nothing is taken from it.

use std::time::{Duration, Instant};

use permits_host::{HolderId, HostSemaphore};

use crate::args::Revoke;
use crate::end::End;
use crate::failure::{Failure, code};
use crate::json::{self, Revoked};
use crate::out;
use crate::people::Who;
use crate::place::Scene;

/// Time between two looks at whether the holder has given up. There is nothing to sleep on: a grant is not an
/// event of the semaphore, which others may hold all the while.
const LOOK: Duration = Duration::from_millis(10);

pub(crate) fn run(scene: Scene<'_>, args: &Revoke) -> Result<End, Failure> {
    let outcome = ask(scene, &args.name, &args.grant, args.wait)?;
    if args.json {
        out::print(&json::line(Revoked { name: &args.name, grant: &args.grant, outcome: outcome.word() }))?;
    }
    outcome.end(&args.name, &args.grant)
}

/// What became of a revocation.
pub(super) enum Outcome {
    /// The holder or waiter was asked, and nothing was waited for.
    Asked,
    /// It has given up.
    Gone,
    /// It was asked, and has not given up in this time.
    Stays(Duration),
    /// No process is there to act on it; why, and what to do.
    Unreachable(String),
}

impl Outcome {
    fn word(&self) -> &'static str {
        match self {
            Outcome::Asked => "asked",
            Outcome::Gone => "gone",
            Outcome::Stays(_) => "stays",
            Outcome::Unreachable(_) => "unreachable",
        }
    }

    pub(super) fn end(self, name: &str, grant: &str) -> Result<End, Failure> {
        match self {
            Outcome::Asked | Outcome::Gone => Ok(End::Code(0)),
            Outcome::Stays(time) => {
                let text =
                    format!("{grant} was asked to give up, and still holds or waits for `{name}` after {time:?}");
                Err(Failure::new(code::BUSY, text))
            }
            Outcome::Unreachable(why) => {
                Err(Failure::new(code::UNAVAILABLE, format!("{grant} of `{name}` was not revoked: {why}")))
            }
        }
    }
}

/// Asks, and with a `patience` waits until the holder is gone.
pub(super) fn ask(scene: Scene<'_>, name: &str, grant: &str, patience: Option<Duration>) -> Result<Outcome, Failure> {
    let id: HolderId =
        grant.parse().map_err(|error: permits_host::Error| Failure::from(error).with_code(code::USAGE))?;
    let semaphore = scene.options().open_existing(name)?;
    // First, lest the status say of one that learns nothing of it that it was asked to give up.
    if let Some(why) = participant(&semaphore, id)?.and_then(|who| who.unreachable()) {
        return Ok(Outcome::Unreachable(why));
    }
    semaphore.revoke(id)?;
    scene.notes.verbose(|| format!("asked {grant} to give up `{name}`"));
    let Some(patience) = patience else { return Ok(Outcome::Asked) };
    let deadline = Instant::now().checked_add(patience);
    while let Some(who) = participant(&semaphore, id)? {
        if let Some(why) = who.unreachable() {
            return Ok(Outcome::Unreachable(why));
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Ok(Outcome::Stays(patience));
        }
        std::thread::sleep(LOOK);
    }
    Ok(Outcome::Gone)
}

fn participant(semaphore: &HostSemaphore, id: HolderId) -> Result<Option<Who>, Failure> {
    let status = semaphore.status()?;
    let holders = status.holders.iter().map(|holder| &holder.who);
    let mut all = holders.chain(status.waiters.iter().map(|waiter| &waiter.who));
    Ok(all.find(|who| who.id == id).map(Who::from))
}
