//! `permits set`: another number of permits.

use crate::args::Set;
use crate::end::End;
use crate::failure::Failure;
use crate::place::{self, Scene};

pub(crate) fn run(scene: Scene<'_>, args: &Set) -> Result<End, Failure> {
    let (options, max) = (scene.options(), place::total(args.max));
    let semaphore = if args.create {
        options.resize(true).open(&args.name, max)?
    } else {
        let semaphore = options.open_existing(&args.name)?;
        semaphore.set_max_permits(max)?;
        semaphore
    };
    scene.notes.verbose(|| match semaphore.state() {
        Ok(state) => format!("`{}` has {state}", args.name),
        Err(error) => error.to_string(),
    });
    Ok(End::Code(0))
}
