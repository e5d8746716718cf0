//! What is in the file and how it changes: pure, and all that the models of `tests/loom.rs` see.
//!
//! It stands on `crate::sync` and `crate::crash` alone, which the models bring with them.

pub(crate) mod acts;
pub(crate) mod book;
pub(crate) mod last_use;
pub(crate) mod layout;
pub(crate) mod numbers;
pub(crate) mod seat;
pub(crate) mod supersede;
pub(crate) mod turn;
pub(crate) mod tx;
pub(crate) mod waiter;
