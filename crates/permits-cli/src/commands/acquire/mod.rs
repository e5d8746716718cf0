//! `permits acquire`: permits that nobody owns, or that a keeper in the background owns.

mod keeper;

use permits_host::Side;

use crate::args::{Acquire, Common};
use crate::end::End;
use crate::events::Events;
use crate::failure::Failure;
use crate::json::{self, Taken};
use crate::out::{self, Notes};
use crate::place;
use crate::waiting::{Ended, Waiting, revoked};

pub(crate) fn run(common: &Common, args: &Acquire, notes: &Notes) -> Result<End, Failure> {
    if let Some(pid) = args.while_pid {
        return keeper::start(common, args, pid, notes);
    }
    let units = place::count(args.units);
    let mut events = Events::open()?;
    let mut options = place::options(common);
    if let Some(label) = &args.label {
        options = options.label(label);
    }
    let semaphore = place::open(&options, &args.name, &args.size, notes)?;
    let wait =
        Waiting { semaphore: &semaphore, side: Side::Acquire, units, patience: &args.patience, notes, extra: None };
    match wait.run(&mut events, || semaphore.acquire_many_owned(units), |_| ())? {
        Ended::Granted(permit) => permit.forget(),
        Ended::TooLate(failure) => return Err(failure),
        Ended::Signalled(signal) => return Ok(End::Signal(signal)),
        Ended::Revoked | Ended::Extra => return Err(revoked(&args.name)),
    }
    notes.verbose(|| format!("took `{}` of `{}`, until `permits release {}`", units, args.name, args.name));
    if args.json {
        out::print(&json::line(Taken { name: &args.name, permits: units, grant: None, keeper_pid: None }))?;
    }
    Ok(End::Code(0))
}
