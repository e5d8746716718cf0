//! How the program ends.

/// How a command ended that did what it was asked for, or was told to stop by a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With an exit code.
    Code(u8),
    /// By a signal, as the command of a run did, or as a signal told the program to while it waited.
    Signal(i32),
}
