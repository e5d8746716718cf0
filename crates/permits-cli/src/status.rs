//! `permits status`: everything about some semaphores, once or again and again.

use std::io::IsTerminal;
use std::thread;

use permits_host::{ErrorKind, Options};

use crate::End;
use crate::args::{Common, Status};
use crate::failure::Failure;
use crate::json;
use crate::out::{self, Notes};
use crate::{place, table};

pub(crate) fn run(common: &Common, args: &Status, notes: &Notes) -> Result<End, Failure> {
    let options = place::options(common);
    loop {
        let text = show(&options, args, notes)?;
        // A screen is redrawn in place; a file or a pipe gets one reading after the other.
        let redraw = args.watch && !args.json && std::io::stdout().is_terminal();
        out::print(&if redraw { format!("\x1b[H\x1b[J{text}") } else { text })?;
        if !args.watch {
            return Ok(End::Code(0));
        }
        thread::sleep(args.interval);
    }
}

fn show(options: &Options, args: &Status, notes: &Notes) -> Result<String, Failure> {
    let mut texts = Vec::new();
    if args.names.is_empty() {
        for name in options.clone().list()? {
            match place::status(options, &name) {
                Ok(status) => texts.push(one(&status, args.json)),
                // Deleted since it was listed.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                // One that cannot be read keeps nobody from seeing the others.
                Err(error) => notes.warn(&error.to_string()),
            }
        }
    } else {
        for name in &args.names {
            texts.push(one(&place::status(options, name)?, args.json));
        }
    }
    Ok(texts.join(if args.json { "" } else { "\n" }))
}

fn one(status: &permits_host::Status, json: bool) -> String {
    if json { json::line(json::StatusLine::of(status)) } else { table::status(status) }
}
