//! `permits repair`: checks a semaphore, and repairs it if possible.

use permits_host::{ErrorKind, Repair as Outcome};

use crate::args::Repair;
use crate::end::End;
use crate::failure::{Failure, code};
use crate::json::{self, Repaired};
use crate::out;
use crate::people::tame;
use crate::place::Scene;

pub(crate) fn run(scene: Scene<'_>, args: &Repair) -> Result<End, Failure> {
    let outcome = scene.options().repair(&args.name).map_err(|error| refused(scene, &args.name, error))?;
    let name = tame(&args.name);
    let (word, text) = match &outcome {
        Outcome::Sound => ("sound", format!("`{name}` is sound")),
        Outcome::Recounted { before, after } => {
            ("recounted", format!("`{name}` was recounted\nbefore: {before}\nafter:  {after}"))
        }
        Outcome::SetAside { as_path } => (
            "set-aside",
            format!(
                "`{name}` was beyond repair: its file is now {}, and the next process that opens it creates a new one",
                tame(&as_path.to_string_lossy())
            ),
        ),
        other => ("other", format!("`{name}`: {other:?}")),
    };
    if args.json {
        let set_aside = match &outcome {
            Outcome::SetAside { as_path } => Some(as_path.display().to_string()),
            _ => None,
        };
        out::print(&json::line(Repaired { name: &args.name, outcome: word, set_aside }))?;
    } else {
        out::print(&(text + "\n"))?;
    }
    Ok(End::Code(0))
}

/// Whatever else advises `repair`, this does not.
fn refused(scene: Scene<'_>, name: &str, error: permits_host::Error) -> Failure {
    if error.kind() != ErrorKind::Damaged {
        return error.into();
    }
    let file = scene.directory().join(format!("{name}.sem"));
    let way = match file.symlink_metadata() {
        Ok(found) if !found.is_file() => {
            format!(": move `{}` away, and the next process that opens it creates the semaphore", file.display())
        }
        _ => String::new(),
    };
    Failure::new(code::FAILED, format!("{error}{way}"))
}
