//! Machines: `permits-etcd` beside the writes that it makes, and beside other locks on etcd.
//!
//! Each workload starts servers of its own, on free ports of the loopback device, with their data in the temporary
//! directory. All that is measured in milliseconds is interleaved, turn by turn: see [`Bench::interleaved`].

mod client;
mod cluster;
mod go;
mod metrics;
mod ours;
mod stubs;
mod waiter;

mod batch;
mod crowd;
mod hand_over;
mod many_pairs;
mod pair;
mod program;

use crate::harness::Bench;
pub use cluster::version;
pub use go::version as go_version;
pub use waiter::{Waiter, serve};

type Run = fn(&mut Bench) -> Result<(), String>;

pub const ALL: &[(&str, Run)] = &[
    ("m1", pair::run),
    ("m2", batch::run),
    ("m3", hand_over::run),
    ("m4", crowd::run),
    ("m5", many_pairs::run),
    ("m6", program::run),
];
