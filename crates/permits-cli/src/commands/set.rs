//! `permits set`: another number of permits.

use crate::args::{Common, Set};
use crate::end::End;
use crate::failure::Failure;
use crate::out::Notes;
use crate::place;

pub(crate) fn run(common: &Common, args: &Set, notes: &Notes) -> Result<End, Failure> {
    let (options, max) = (place::options(common), place::count(args.max));
    let semaphore = if args.create {
        options.resize(true).open(&args.name, max)?
    } else {
        let semaphore = options.open_existing(&args.name)?;
        semaphore.set_max_permits(max)?;
        semaphore
    };
    notes.verbose(|| match semaphore.state() {
        Ok(state) => format!("`{}` has {state}", args.name),
        Err(error) => error.to_string(),
    });
    Ok(End::Code(0))
}
