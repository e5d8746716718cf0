//! `permits release`: gives loose permits back, and waits while there are none.

use std::time::Duration;

use permits_host::Side;

use crate::end::End;

use super::revoke;
use crate::args::{Common, Release};
use crate::events::Events;
use crate::failure::Failure;
use crate::out::Notes;
use crate::place;
use crate::waiting::{Ended, Waiting, revoked};

/// How long `--grant` waits for the holder without `--wait`. Keepers need milliseconds; a command needs its own time.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) fn run(common: &Common, args: &Release, notes: &Notes) -> Result<End, Failure> {
    if let Some(grant) = &args.grant {
        let patience = if args.patience.try_now { Duration::ZERO } else { args.patience.wait.unwrap_or(PATIENCE) };
        return revoke::ask(common, &args.name, grant, Some(patience), notes);
    }
    let units = place::count(args.units);
    let mut events = Events::open()?;
    let semaphore = place::open(&place::options(common), &args.name, &args.size, notes)?;
    let wait =
        Waiting { semaphore: &semaphore, side: Side::Release, units, patience: &args.patience, notes, extra: None };
    match wait.run(&mut events, || semaphore.release_many_owned(units), |_| ())? {
        Ended::Granted(()) => {}
        Ended::TooLate(failure) => return Err(failure),
        Ended::Signalled(signal) => return Ok(End::Signal(signal)),
        Ended::Revoked | Ended::Extra => return Err(revoked(&args.name)),
    }
    notes.verbose(|| format!("gave `{}` of `{}` back", units, args.name));
    Ok(End::Code(0))
}
