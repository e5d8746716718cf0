//! `permits set`: another number of permits, or another time between starts.

use permits_host::{ErrorKind, HostSemaphore, Options};

use crate::args::Set;
use crate::end::End;
use crate::failure::{Failure, code};
use crate::place::{self, Scene};
use crate::values::{Change, MOST};

/// What is said of a change of what is not there.
pub(super) const CREATE_WITH_A_SIGN: &str =
    "--create needs a number of permits, not a change of it: give a number without a sign";

pub(crate) fn run(scene: Scene<'_>, args: &Set) -> Result<End, Failure> {
    let options = scene.options();
    let semaphore = match args.max {
        Some(Change::To(max)) if args.create => {
            let options = args.every.into_iter().fold(options, Options::every);
            place::making(scene, &args.name, || Ok(options.resize(true).open(&args.name, place::total(max))?))?
        }
        _ if args.create => {
            return Err(Failure::new(code::USAGE, CREATE_WITH_A_SIGN));
        }
        change => {
            let semaphore = options.open_existing(&args.name)?;
            change.map(|change| set(&semaphore, change)).transpose()?;
            args.every.map(|every| semaphore.set_interval(every)).transpose()?;
            semaphore
        }
    };
    scene.notes.verbose(|| match semaphore.state() {
        Ok(state) => format!("`{}` has {state}", args.name),
        Err(error) => error.to_string(),
    });
    Ok(End::Code(0))
}

fn set(semaphore: &HostSemaphore, change: Change) -> Result<(), Failure> {
    let (sign, by, changed) = match change {
        Change::To(max) => return Ok(semaphore.set_max_permits(place::total(max))?),
        Change::Grow(by) => ('+', by, semaphore.grow(by)),
        Change::Shrink(by) => ('-', by, semaphore.shrink(by)),
    };
    match changed {
        Err(error) if error.kind() == ErrorKind::BadMax => {
            let (name, has) = (semaphore.name(), semaphore.state()?.max_permits);
            let text = format!(
                "semaphore `{name}` has `{has}` permits: `{sign}{by}` would leave the range from `1` to `{MOST}`"
            );
            Err(Failure::new(code::USAGE, text))
        }
        changed => Ok(changed?),
    }
}
