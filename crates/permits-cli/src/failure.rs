//! What went wrong, and the exit code that says so.

use std::fmt;
use std::io;

use permits_host::ErrorKind;

/// Exit codes; the help of the program lists them.
pub(crate) mod code {
    /// Wrong arguments (`EX_USAGE`).
    pub(crate) const USAGE: u8 = 64;
    /// No such semaphore, closed, or its file was replaced (`EX_UNAVAILABLE`).
    pub(crate) const UNAVAILABLE: u8 = 69;
    /// No permit with `--try`, or `--wait` ran out (`EX_TEMPFAIL`: trying again may help).
    pub(crate) const BUSY: u8 = 75;
    /// The grant was revoked (`EX_PROTOCOL`).
    pub(crate) const LOST: u8 = 76;
    /// No permission (`EX_NOPERM`).
    pub(crate) const DENIED: u8 = 77;
    /// Trying again does not help before somebody changes something (`EX_CONFIG`).
    pub(crate) const CONFIG: u8 = 78;
    /// `--max-hold` ran out, as timeout(1) has it.
    pub(crate) const HELD_TOO_LONG: u8 = 124;
    /// This program failed, as timeout(1) and env(1) have it.
    pub(crate) const FAILED: u8 = 125;
    /// The command cannot be executed, as shells have it.
    pub(crate) const CANNOT_EXECUTE: u8 = 126;
    /// The command was not found, as shells have it.
    pub(crate) const NOT_FOUND: u8 = 127;
}

/// Why the program ends without having done what it was asked for.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: u8,
    pub(crate) text: String,
    /// It was not to be had in time: a script foresees it by the exit code, so `-q` keeps the text back.
    pub(crate) busy: bool,
}

impl Failure {
    pub(crate) fn new(code: u8, text: impl Into<String>) -> Self {
        Failure { code, text: text.into(), busy: code == code::BUSY }
    }

    /// The same with another exit code.
    pub(crate) fn with_code(self, code: u8) -> Self {
        Failure { code, ..self }
    }

    /// The system refused `what`.
    pub(crate) fn system(what: &str, error: &io::Error) -> Self {
        Failure::new(code::FAILED, format!("{what}: {error}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<permits_host::Error> for Failure {
    fn from(error: permits_host::Error) -> Self {
        let code = match error.kind() {
            ErrorKind::NotNow | ErrorKind::TimedOut => code::BUSY,
            ErrorKind::Closed | ErrorKind::NotFound | ErrorKind::NoSuchHolder | ErrorKind::Gone => code::UNAVAILABLE,
            ErrorKind::BadName | ErrorKind::BadMax => code::USAGE,
            ErrorKind::Denied => code::DENIED,
            ErrorKind::TooMany
            | ErrorKind::MaxDiffers
            | ErrorKind::Insecure
            | ErrorKind::ForeignFormat
            | ErrorKind::BadFileSystem => code::CONFIG,
            // Damaged, Exhausted, System, and whatever the library adds.
            _ => code::FAILED,
        };
        Failure::new(code, error.to_string())
    }
}
