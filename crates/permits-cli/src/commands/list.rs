//! `permits list`: the semaphores of the directory, a line each; all, or those that are idle.

use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

use permits_host::Status;

use crate::args::List;
use crate::end::End;
use crate::failure::Failure;
use crate::json::{self, Listed, Named, UsedCounts};
use crate::out;
use crate::people::{age, tame};
use crate::place::{self, Scene};
use crate::table;

pub(crate) fn run(scene: Scene<'_>, args: &List) -> Result<End, Failure> {
    let dir = scene.directory();
    let options = scene.options();
    let names = options.clone().list()?;
    let read =
        names.into_iter().map(|name| (name.clone(), place::status(&options, &name).map_err(Failure::from))).collect();
    show(scene, args, &dir, read)
}

/// Prints semaphores of a directory, or of a namespace.
pub(super) fn show(
    scene: Scene<'_>,
    args: &List,
    dir: &Path,
    mut read: Vec<(String, Result<Status, Failure>)>,
) -> Result<End, Failure> {
    let failures = read.iter().filter_map(|(name, status)| status.as_ref().err().map(|failure| (name, failure)));
    let mut codes = failures.map(|(name, failure)| place::code_among_others(dir, name, failure));
    let code = codes.find(|code| *code != 0).unwrap_or(0);
    if let Some(time) = args.idle {
        // Of one that cannot be read nothing is known, so it is on no list of those that may go.
        read.retain(|(_, status)| match status {
            Ok(status) => is_idle(status, time),
            Err(failure) => {
                scene.notes.error(failure);
                false
            }
        });
    }
    if args.json {
        let semaphores = read.iter().map(|(name, status)| {
            Named::of(name, status.as_ref().map(UsedCounts::of).map_err(|failure| failure.text.as_str()))
        });
        let semaphores = semaphores.collect();
        out::print(&json::line(Listed { dir: dir.display().to_string(), semaphores }))?;
    } else if args.names {
        // For programs they are exact, as they are used again.
        let shown = |name: &str| if std::io::stdout().is_terminal() { tame(name) } else { name.to_owned() };
        out::print(&read.iter().map(|(name, _)| shown(name) + "\n").collect::<String>())?;
    } else {
        out::print(&table::list(&read, args.idle.is_some()))?;
    }
    if !args.json {
        for failure in read.iter().filter_map(|(_, status)| status.as_ref().err()) {
            scene.notes.error(failure);
        }
    }
    Ok(End::Code(code))
}

/// Whether it is not in use, and was not used for `time`.
fn is_idle(status: &Status, time: Duration) -> bool {
    status.state.is_idle() && age(json::file_of(status).last_used) >= time
}
