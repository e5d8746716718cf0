//! `permits repair`: checks a semaphore, and mends what can be mended.

use permits_host::Repair as Outcome;

use crate::args::{Common, Repair};
use crate::end::End;
use crate::failure::Failure;
use crate::json::{self, Repaired};
use crate::{out, place};

pub(crate) fn run(common: &Common, args: &Repair) -> Result<End, Failure> {
    let outcome = place::options(common).repair(&args.name)?;
    let (word, text) = match &outcome {
        Outcome::Sound => ("sound", format!("`{}` is sound", args.name)),
        Outcome::Recounted { before, after } => {
            ("recounted", format!("`{}` was recounted\nbefore: {before}\nafter:  {after}", args.name))
        }
        Outcome::SetAside { as_path } => (
            "set-aside",
            format!(
                "`{}` was beyond repair and is now {}; the next user creates it anew",
                args.name,
                as_path.display()
            ),
        ),
        other => ("other", format!("`{}`: {other:?}", args.name)),
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
