//! `permits remove`: removes unused semaphores, with their files or their keys.

use permits_host::{Error, ErrorKind, Removal, State};

use crate::args::Remove;
use crate::end::End;
use crate::failure::Failure;
use crate::json::{self, Removed};
use crate::out;
use crate::people::tame;
use crate::place::Scene;
use crate::reach;
use crate::sharing;

/// Each is tried, whatever became of those before; the exit code is that of the first that is still there.
pub(crate) fn run(scene: Scene<'_>, args: &Remove) -> Result<End, Failure> {
    let removal = if args.force { Removal::Force } else { Removal::IfIdle };
    let mut end = 0;
    for name in &args.names {
        let removed = match reach::is_of_machines(name) {
            true => reach::remove(name, removal),
            false => scene.options().remove(name, removal).map_err(|error| refused(scene, name, error)),
        };
        match removed {
            Ok(state) => tell(scene, args, name, &state)?,
            Err(failure) => {
                scene.notes.error(&failure);
                end = if end == 0 { failure.code } else { end };
            }
        }
    }
    Ok(End::Code(end))
}

fn refused(scene: Scene<'_>, name: &str, error: Error) -> Failure {
    let denied = error.kind() == ErrorKind::Denied;
    let mut failure = Failure::from(error).with_what_was_meant(&scene.options());
    if let Some(way) = denied.then(|| sharing::who_may_remove(&scene.directory(), name)).flatten() {
        failure.text = format!("{}; {way}", failure.text);
    }
    failure
}

fn tell(scene: Scene<'_>, args: &Remove, name: &str, state: &State) -> Result<(), Failure> {
    let State { given_out, loose, waiting_acquirers, waiting_releasers, .. } = *state;
    if args.json {
        let held = given_out - loose;
        return out::print(&json::line(Removed { name, held, loose, waiting_acquirers, waiting_releasers }));
    }
    match taken_away(state) {
        Some(text) => scene.notes.warn(&format!("removed `{}` while it was in use: {text}", tame(name))),
        None => scene.notes.verbose(|| format!("removed `{}`", tame(name))),
    }
    Ok(())
}

/// `2 held, 1 loose, 1 waiting`; nothing if it was idle.
fn taken_away(state: &State) -> Option<String> {
    let counts = [
        (state.given_out - state.loose, "held"),
        (state.loose, "loose"),
        (state.waiting_acquirers + state.waiting_releasers, "waiting"),
    ];
    let counts = counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("`{count}` {what}"));
    let counts: Vec<String> = counts.collect();
    (!counts.is_empty()).then(|| counts.join(", "))
}
