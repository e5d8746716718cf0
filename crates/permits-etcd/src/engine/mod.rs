//! The reach proper: all that happens on the thread of a connection.

mod ask;
pub(crate) mod base;
pub(crate) mod caller;
mod clock;
pub(crate) mod core;
mod fence;
mod give;
pub(crate) mod grant;
mod guard;
pub(crate) mod keys;
mod lane;
pub(crate) mod link;
pub(crate) mod loose;
pub(crate) mod names;
pub(crate) mod ops;
pub(crate) mod release;
pub(crate) mod remove;
mod renew;
pub(crate) mod resize;
pub(crate) mod room;
pub(crate) mod rpc;
mod seat;
pub(crate) mod servers;
mod session;
#[allow(
    clippy::all,
    clippy::pedantic,
    clippy::allow_attributes_without_reason,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "made by a program"
)]
#[rustfmt::skip]
pub(crate) mod stubs;
pub(crate) mod view;
pub(crate) mod wait;
mod waiter;
mod watch;
