//! `permits list`: the semaphores of the directory, a line each.

use permits_host::Status;

use crate::args::List;
use crate::end::End;
use crate::failure::Failure;
use crate::json::{self, Counts, Listed, Named};
use crate::out;
use crate::place::{self, Scene};
use crate::table;

pub(crate) fn run(scene: Scene<'_>, args: &List) -> Result<End, Failure> {
    let dir = scene.directory();
    let options = scene.options();
    let names = options.clone().list()?;
    let read: Vec<(String, Result<Status, Failure>)> =
        names.into_iter().map(|name| (name.clone(), place::status(&options, &name).map_err(Failure::from))).collect();
    if args.json {
        let semaphores = read.iter().map(|(name, status)| {
            Named::of(name, status.as_ref().map(Counts::of).map_err(|failure| failure.text.as_str()))
        });
        let semaphores = semaphores.collect();
        out::print(&json::line(Listed { dir: dir.display().to_string(), semaphores }))?;
    } else {
        out::print(&table::list(&read))?;
        for failure in read.iter().filter_map(|(_, status)| status.as_ref().err()) {
            scene.notes.error(failure);
        }
    }
    let failures = read.iter().filter_map(|(_, status)| status.as_ref().err());
    Ok(End::Code(failures.map(Failure::code_among_others).find(|code| *code != 0).unwrap_or(0)))
}
