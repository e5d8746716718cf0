//! `permits release`: releases loose permits, and waits while there are too few.

use std::time::Duration;

use super::revoke;
use crate::args::Release;
use crate::end::End;
use crate::events::Events;
use crate::failure::Failure;
use crate::place::{self, Scene};
use crate::waiting::Waiting;

/// How long `--grant` waits for the holder without `--wait`. Keepers need milliseconds; a command needs its own time.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) fn run(scene: Scene<'_>, args: &Release) -> Result<End, Failure> {
    if let Some(grant) = &args.grant {
        let patience = if args.patience.try_now { Duration::ZERO } else { args.patience.wait.unwrap_or(PATIENCE) };
        return revoke::ask(scene, &args.name, grant, Some(patience))?.end(&args.name, grant);
    }
    let units = place::count(args.units);
    let mut events = Events::open()?;
    let semaphore = place::open_to_release(scene, &args.name, &args.size)?;
    if let Err(ungranted) = Waiting::new(scene, &semaphore, units, &args.patience).release(&mut events) {
        return ungranted.end();
    }
    scene.notes.verbose(|| format!("released `{}` of `{}`", units, args.name));
    Ok(End::Code(0))
}
