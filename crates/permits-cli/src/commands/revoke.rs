//! `permits revoke`: asks a holder or waiter to give up. Nothing is taken from it.

use std::time::{Duration, Instant};

use permits_host::{HolderId, HostSemaphore};

use crate::args::Revoke;
use crate::end::End;
use crate::failure::{Failure, code};
use crate::place::Scene;

/// Time between two looks at whether the holder has given up. There is nothing to sleep on: a grant is not an
/// event of the semaphore, which others may hold all the while.
const LOOK: Duration = Duration::from_millis(10);

pub(crate) fn run(scene: Scene<'_>, args: &Revoke) -> Result<End, Failure> {
    ask(scene, &args.name, &args.grant, args.wait)
}

/// Asks, and with a `patience` waits until the holder is gone.
pub(crate) fn ask(scene: Scene<'_>, name: &str, grant: &str, patience: Option<Duration>) -> Result<End, Failure> {
    let id: HolderId =
        grant.parse().map_err(|error: permits_host::Error| Failure::from(error).with_code(code::USAGE))?;
    let semaphore = scene.options().open_existing(name)?;
    semaphore.revoke(id)?;
    scene.notes.verbose(|| format!("asked {grant} to give up `{name}`"));
    let Some(patience) = patience else { return Ok(End::Code(0)) };
    let deadline = Instant::now().checked_add(patience);
    while takes_part(&semaphore, id)? {
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            let text =
                format!("{grant} was asked to give up, and still holds or waits for `{name}` after {patience:?}");
            return Err(Failure::new(code::BUSY, text));
        }
        std::thread::sleep(LOOK);
    }
    Ok(End::Code(0))
}

fn takes_part(semaphore: &HostSemaphore, id: HolderId) -> Result<bool, Failure> {
    let status = semaphore.status()?;
    Ok(status
        .holders
        .iter()
        .map(|holder| holder.who.id)
        .chain(status.waiters.iter().map(|waiter| waiter.who.id))
        .any(|other| other == id))
}
