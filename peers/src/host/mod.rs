//! Processes of one host: `permits-host` beside what the system has for the same purpose.

mod crew;
mod floor;
mod locks;
mod ours;
mod peer;
mod semaphores;
mod spinners;
mod sys;

mod alone;
mod crowd;
mod death;
mod hand_over;
mod long_queue;
pub mod program;

use crate::harness::Bench;
pub use crew::processor_time;
pub use spinners::Spinners;
pub use sys::clock_ns;

type Run = fn(&mut Bench) -> Result<(), String>;

pub const ALL: &[(&str, Run)] = &[
    ("h1", alone::run),
    ("h2", hand_over::run),
    ("h3", crowd::run),
    ("h4", death::run),
    ("h5", long_queue::run),
    ("h6", program::run),
];
