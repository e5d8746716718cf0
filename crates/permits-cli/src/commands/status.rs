//! `permits status`: everything about some semaphores, once or again and again.

use std::io::IsTerminal;
use std::thread;

use permits_host::{ErrorKind, Options};

use crate::args::Status;
use crate::end::End;
use crate::failure::Failure;
use crate::json;
use crate::out;
use crate::place::{self, Scene};
use crate::reach;
use crate::table;

pub(crate) fn run(scene: Scene<'_>, args: &Status) -> Result<End, Failure> {
    let options = scene.options();
    loop {
        let (text, code) = show(scene, &options, args)?;
        // A screen is redrawn in place; a file or a pipe gets one reading after the other.
        let redraw = args.watch && !args.json && std::io::stdout().is_terminal();
        out::print(&if redraw { format!("\x1b[H\x1b[J{text}") } else { text })?;
        if !args.watch {
            return Ok(End::Code(code));
        }
        thread::sleep(args.interval);
    }
}

/// The text, and the exit code: that of the first one that cannot be read.
fn show(scene: Scene<'_>, options: &Options, args: &Status) -> Result<(String, u8), Failure> {
    let (mut texts, mut code) = (Vec::new(), 0);
    if args.names.is_empty() {
        let names = options.clone().list()?;
        if names.is_empty() && !args.json {
            texts.push(table::NONE.to_owned());
        }
        for name in names {
            match place::status(options, &name) {
                Ok(status) => texts.push(one(&status, args.json)),
                // Deleted since it was listed.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                // One that cannot be read does not hide the others.
                Err(error) => {
                    let failure = Failure::from(error);
                    scene.notes.error(&failure);
                    code = if code == 0 { place::code_among_others(&scene.directory(), &name, &failure) } else { code };
                }
            }
        }
    } else {
        for name in &args.names {
            let status = match reach::is_of_machines(name) {
                true => reach::status(name),
                false => place::status(options, name).map_err(Failure::from),
            };
            match status {
                Ok(status) => texts.push(one(&status, args.json)),
                Err(failure) if args.names.len() == 1 => return Err(failure),
                // One that cannot be read does not hide those that were named beside it.
                Err(failure) => {
                    let failure = failure.with_what_was_meant(options);
                    scene.notes.error(&failure);
                    code = if code == 0 { failure.code } else { code };
                }
            }
        }
    }
    Ok((texts.join(if args.json { "" } else { "\n" }), code))
}

fn one(status: &permits_host::Status, json: bool) -> String {
    if json { json::line(json::StatusLine::of(status)) } else { table::status(status) }
}
