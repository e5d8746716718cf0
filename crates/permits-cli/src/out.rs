//! Data on stdout, everything else on stderr.

use std::cell::Cell;
use std::io::{self, IsTerminal, Write};

use crate::args::Common;
use crate::columns::cut;
use crate::failure::{Failure, code};
use crate::people::tame;

/// Prints data. A reader that has gone away ends the program quietly, as it does others in a pipeline.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = anstream::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => Err(Failure::new(code::FAILED, format!("cannot write to stdout: {error}"))),
    }
}

/// What is said to people on stderr, by the wish of `-q` and `-v`.
pub(crate) struct Notes {
    loudness: Loudness,
    /// Whether the waiting line stands on the terminal and must be wiped before something else is said.
    waiting_line: Cell<bool>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Loudness {
    Quiet,
    Normal,
    Verbose,
}

impl Notes {
    pub(crate) fn new(common: &Common) -> Self {
        let loudness = match (common.quiet, common.verbose) {
            (true, _) => Loudness::Quiet,
            (false, true) => Loudness::Verbose,
            (false, false) => Loudness::Normal,
        };
        Notes { loudness, waiting_line: Cell::new(false) }
    }

    /// Said always, except that `-q` keeps back that it is [busy](Failure::busy).
    pub(crate) fn error(&self, failure: &Failure) {
        if !failure.busy || self.loudness != Loudness::Quiet {
            self.say(&failure.text);
        }
    }

    /// Said unless `-q`.
    pub(crate) fn warn(&self, text: &str) {
        if self.loudness >= Loudness::Normal {
            self.say(text);
        }
    }

    /// Said with `-v` only; the text is made only then.
    pub(crate) fn verbose(&self, text: impl FnOnce() -> String) {
        if self.loudness == Loudness::Verbose {
            self.say(&text());
        }
    }

    /// Whether a line that is written over and over can be shown.
    pub(crate) fn can_show_waiting(&self) -> bool {
        self.loudness >= Loudness::Normal
            && io::stderr().is_terminal()
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
    }

    /// Writes the waiting line over the one before, cut to the width of the terminal.
    pub(crate) fn show_waiting(&self, text: &str) {
        let width = crossterm::terminal::size().map_or(0, |(columns, _)| usize::from(columns));
        // A terminal may say 0 when it was never told its size.
        let width = if width == 0 { 80 } else { width.max(20) };
        // One column stays free: a terminal may wrap when the last one is written, and then the wipe misses
        // the first line.
        let text = tame(text);
        let line = cut(&text, width - 1);
        self.waiting_line.set(true);
        write_stderr(&format!("\r\x1b[K{line}"));
    }

    /// Wipes the waiting line, if it stands there.
    pub(crate) fn wipe_waiting(&self) {
        if self.waiting_line.replace(false) {
            write_stderr("\r\x1b[K");
        }
    }

    /// Tamed as a whole: an error of the library may name what others have named.
    fn say(&self, text: &str) {
        self.wipe_waiting();
        write_stderr(&format!("permits: {}\n", tame(text)));
    }
}

/// One write a line, so that lines of several programs do not mix. A stderr that is gone is no reason to fail.
fn write_stderr(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}
