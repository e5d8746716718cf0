//! How the program ends.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// How a command ended that did what it was asked for, or that a signal ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With an exit code.
    Code(u8),
    /// By a signal, as the command of a run did, or as a signal told the program to while it waited.
    Signal(i32),
}

impl End {
    /// The exit code as a shell shows it: 128+N for signal N.
    pub(crate) fn code(self) -> u8 {
        match self {
            End::Code(code) => code,
            End::Signal(signal) => u8::try_from(128 + signal).unwrap_or(u8::MAX),
        }
    }
}

impl From<ExitStatus> for End {
    fn from(status: ExitStatus) -> Self {
        match status.code() {
            Some(code) => End::Code(code.to_le_bytes()[0]),
            None => End::Signal(status.signal().unwrap_or(libc::SIGKILL)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn end_of_a_child_is_shown_as_shells_do() {
        let end = |wait_status| End::from(ExitStatus::from_raw(wait_status));

        assert_eq!((end(0), end(0).code()), (End::Code(0), 0));
        assert_eq!((end(200 << 8), end(200 << 8).code()), (End::Code(200), 200));
        assert_eq!((end(libc::SIGTERM), end(libc::SIGTERM).code()), (End::Signal(libc::SIGTERM), 143));
    }
}
