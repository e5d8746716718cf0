//! A grant that is over before its command, or is about to be.

use std::time::Duration;

pub(super) struct Loss {
    /// `was revoked`
    pub(super) why: String,
    /// How long the command may still take to end; nothing if that is not known.
    pub(super) left: Option<Duration>,
}
