//! What went wrong, and the exit code that says so.

use std::error::Error;
use std::fmt;
use std::io;

use permits_host::{ErrorKind, Operation, Options};

use crate::similar;
use crate::slips::quoted;

/// Exit codes; the help of the program lists them.
pub(crate) mod code {
    /// Wrong arguments (`EX_USAGE`).
    pub(crate) const USAGE: u8 = 64;
    /// No such semaphore, closed, removed, or its file was replaced (`EX_UNAVAILABLE`).
    pub(crate) const UNAVAILABLE: u8 = 69;
    /// No permit with `--try`, or `--wait` ran out; in use, so not removed (`EX_TEMPFAIL`: trying again may help).
    pub(crate) const BUSY: u8 = 75;
    /// The grant was revoked (`EX_PROTOCOL`).
    pub(crate) const LOST: u8 = 76;
    /// No permission (`EX_NOPERM`).
    pub(crate) const DENIED: u8 = 77;
    /// Trying again does not help before the configuration has changed (`EX_CONFIG`).
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
    /// It could not be had in time: a script handles that by the exit code, so `-q` keeps the text back.
    pub(crate) busy: bool,
    /// The name of the semaphore that does not exist, if that is why.
    missing: Option<String>,
}

impl Failure {
    pub(crate) fn new(code: u8, text: impl Into<String>) -> Self {
        Failure { code, text: text.into(), busy: code == code::BUSY, missing: None }
    }

    /// The same with another exit code.
    pub(crate) fn with_code(self, code: u8) -> Self {
        Failure { code, ..self }
    }

    /// The same, with the name that was probably meant, if there is no semaphore of the name.
    pub(crate) fn with_what_was_meant(mut self, options: &Options) -> Self {
        if let Some(meant) = self.missing.take().and_then(|name| similar::meant(options, &name)) {
            self.text = format!("{}; did you mean `{meant}`?", self.text);
        }
        self
    }

    /// The system refused `what`.
    pub(crate) fn system(what: &str, error: &io::Error) -> Self {
        Failure::new(code::FAILED, format!("{what}: {error}{}", shortage(error)))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The fact is the library's; what to do about it with this program is said here, and nowhere else.
impl From<permits_host::Error> for Failure {
    fn from(error: permits_host::Error) -> Self {
        let cause = error.source().and_then(|source| source.downcast_ref::<io::Error>());
        // Sharing lets nobody remove what another user has made.
        let is_sharable = error.kind() != ErrorKind::Denied || error.operation() != Some(Operation::Remove);
        let hint = is_sharable.then(|| hint(error.kind(), error.semaphore().unwrap_or("NAME"))).flatten();
        // A fact that says what to choose needs no more than how.
        let hint = match error.to_string().contains(": choose another ") {
            true if error.kind() == ErrorKind::Insecure => {
                Some("`--dir` and PERMITS_DIR name the directory".to_owned())
            }
            _ => hint,
        };
        let text = match (cause.and_then(limit), hint) {
            (Some(limit), _) => format!("{error}; {limit}"),
            (None, Some(hint)) => format!("{error}; {hint}"),
            (None, None) => error.to_string(),
        };
        let missing = if error.kind() == ErrorKind::NotFound { error.semaphore().map(str::to_owned) } else { None };
        Failure { missing, ..Failure::new(exit_code(error.kind()), text) }
    }
}

#[cfg(feature = "etcd")]
impl Failure {
    /// The same of a semaphore of machines, which has no file and no directory.
    pub(crate) fn of_machines(error: permits_host::Error, address: &str) -> Self {
        let text = match hint_for_machines(error.kind(), address) {
            Some(hint) => format!("{error}; {hint}"),
            None => error.to_string(),
        };
        Failure::new(exit_code(error.kind()), text)
    }
}

/// What to do about a kind of error of a semaphore of machines.
#[cfg(feature = "etcd")]
fn hint_for_machines(kind: ErrorKind, address: &str) -> Option<String> {
    Some(match kind {
        ErrorKind::NotFound => format!("create it with `permits set --create {address} N`"),
        ErrorKind::TooMany => format!("ask for fewer with `--units`, or change the number with `permits set {address} N`"),
        ErrorKind::MaxDiffers => format!("change the number with `--resize` or `permits set {address} N`"),
        ErrorKind::Unreachable => format!("look at each server with `permits doctor {address}`"),
        ErrorKind::Denied => {
            "the user is that of the address or of ETCDCTL_USER, and the password that of PERMITS_PASSWORD or ETCDCTL_PASSWORD"
                .into()
        }
        ErrorKind::NoSuchHolder => format!("see the grants of holders and waiters with `permits status {address}`"),
        ErrorKind::InUse => {
            format!("wait until it is idle with `permits wait {address}`, or remove it anyway with `permits remove --force {address}`")
        }
        _ => return None,
    })
}

/// What to do about an error of the system, if it is a limit of this process that is reached.
pub(crate) fn shortage(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::EMFILE) => "; raise the limit with `ulimit -n`",
        Some(libc::EAGAIN) => "; raise the limit of processes with `ulimit -u`, or that of the container",
        _ => "",
    }
}

/// What to do about a limit that a semaphore's file, or its lock, has reached.
fn limit(error: &io::Error) -> Option<&'static str> {
    Some(match error.raw_os_error()? {
        libc::EMFILE => "raise the limit with `ulimit -n`",
        libc::EAGAIN => "raise the limit of processes with `ulimit -u`, or that of the container",
        libc::ENOSPC | libc::EDQUOT => {
            "a semaphore takes `70` KiB, and more with many users: choose another file system with `--dir` or PERMITS_DIR"
        }
        libc::EFBIG => "a semaphore's file is `8.4` MB long, most of it a hole: raise the limit with `ulimit -f`",
        _ => return None,
    })
}

/// The exit code for each kind of error of the library.
fn exit_code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::NotNow | ErrorKind::TimedOut | ErrorKind::InUse => code::BUSY,
        ErrorKind::Closed | ErrorKind::NotFound | ErrorKind::NoSuchHolder | ErrorKind::Gone => code::UNAVAILABLE,
        ErrorKind::BadName | ErrorKind::BadMax | ErrorKind::BadInterval => code::USAGE,
        ErrorKind::Denied => code::DENIED,
        ErrorKind::TooMany
        | ErrorKind::MaxDiffers
        | ErrorKind::IntervalDiffers
        | ErrorKind::Insecure
        | ErrorKind::ForeignFormat
        | ErrorKind::BadFileSystem
        | ErrorKind::BadDirectory => code::CONFIG,
        ErrorKind::Unreachable => code::UNAVAILABLE,
        ErrorKind::Lost => code::LOST,
        ErrorKind::Damaged | ErrorKind::Exhausted | ErrorKind::NotOurs | ErrorKind::System => code::FAILED,
        // A kind that the library adds. The table in the tests has to name it.
        _ => code::FAILED,
    }
}

/// What to do about a kind of error with this program, if there is something.
///
/// `N` stands as in the help, for a number of permits. The name is quoted as a shell takes it: `permits remove a b`
/// would remove two others.
fn hint(kind: ErrorKind, plain: &str) -> Option<String> {
    let name = quoted(plain);
    Some(match kind {
        ErrorKind::NotFound => {
            format!("create it with `permits set --create {name} N`, or see which there are with `permits list`")
        }
        ErrorKind::BadName => {
            let (dir, name) = plain.rsplit_once('/')?;
            let (dir, name) = (if dir.is_empty() { "/" } else { dir }, if name.is_empty() { "NAME" } else { name });
            format!("write `--dir {} {}`", quoted(dir), quoted(name))
        }
        ErrorKind::TooMany => {
            format!("ask for fewer with `--units`, or change the number with `permits set {name} N`")
        }
        ErrorKind::BadMax => format!("give another number with `--max` or `permits set {name} N`"),
        ErrorKind::MaxDiffers => format!("change the number with `--resize` or `permits set {name} N`"),
        ErrorKind::BadInterval | ErrorKind::IntervalDiffers => {
            format!("change the time between starts with `permits set {name} --every DURATION`")
        }
        ErrorKind::Damaged => format!("repair it with `permits repair {name}`"),
        ErrorKind::BadFileSystem | ErrorKind::Insecure => "choose another directory with `--dir` or PERMITS_DIR".into(),
        ErrorKind::BadDirectory => {
            "choose another directory with `--dir` or PERMITS_DIR, or create one with `mkdir -p`".into()
        }
        ErrorKind::InUse => {
            format!("wait until it is idle with `permits wait {name}`, or remove it anyway with `permits remove --force {name}`")
        }
        ErrorKind::Denied => {
            "choose another directory with `--dir` or PERMITS_DIR; if another user has created the semaphore, that user \
             can share it, by `chmod 660` on its file, or by `--mode 660` when creating it (666 for all users)"
                .into()
        }
        ErrorKind::System => "look for the cause with `permits doctor`".into(),
        ErrorKind::NoSuchHolder => format!("see the grants of holders and waiters with `permits status {name}`"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_exit_code_and_hint() {
        // Every kind that the library has, in its order.
        let kinds = [
            (ErrorKind::Closed, 69, None),
            (ErrorKind::TooMany, 78, Some("--units")),
            (ErrorKind::NotNow, 75, None),
            (ErrorKind::TimedOut, 75, None),
            (ErrorKind::BadMax, 64, Some("--max")),
            (ErrorKind::MaxDiffers, 78, Some("--resize")),
            (ErrorKind::BadInterval, 64, Some("--every")),
            (ErrorKind::IntervalDiffers, 78, Some("--every")),
            (ErrorKind::BadName, 64, None),
            (ErrorKind::NotFound, 69, Some("permits set --create")),
            (ErrorKind::NoSuchHolder, 69, Some("permits status")),
            (ErrorKind::Insecure, 78, Some("--dir")),
            (ErrorKind::Denied, 77, Some("--mode 660")),
            (ErrorKind::Damaged, 125, Some("permits repair")),
            (ErrorKind::ForeignFormat, 78, None),
            (ErrorKind::BadFileSystem, 78, Some("--dir")),
            (ErrorKind::BadDirectory, 78, Some("mkdir -p")),
            (ErrorKind::Gone, 69, None),
            (ErrorKind::InUse, 75, Some("permits remove --force")),
            (ErrorKind::Exhausted, 125, None),
            (ErrorKind::NotOurs, 125, None),
            (ErrorKind::Unreachable, 69, None),
            (ErrorKind::Lost, 76, None),
            (ErrorKind::System, 125, Some("permits doctor")),
        ];
        for (kind, code, word) in kinds {
            assert_eq!(exit_code(kind), code, "{kind:?}");
            let hint = hint(kind, "build");
            assert_eq!(hint.is_some(), word.is_some(), "{kind:?}");
            assert!(word.is_none_or(|word| hint.is_some_and(|hint| hint.contains(word))), "{kind:?}");
        }
        let names_it = |name| hint(ErrorKind::BadName, name).is_some_and(|hint| hint.contains("--dir"));
        assert!(names_it("a/b") && names_it("/") && !names_it("a\nb") && !names_it(""));
        assert!(hint(ErrorKind::BadName, "a/").is_some_and(|hint| hint.ends_with("`--dir a NAME`")));
        assert!(hint(ErrorKind::BadName, "a b/c").is_some_and(|hint| hint.ends_with("`--dir 'a b' c`")));
    }

    #[test]
    fn only_busy_is_kept_back_by_quiet() {
        assert!(Failure::new(code::BUSY, "").busy);
        assert!(Failure::new(code::BUSY, "").with_code(3).busy);
        assert!(!Failure::new(code::FAILED, "").with_code(code::BUSY).busy);
    }
}
