//! One file a workload; its first lines say what it shows. The numbers are those of the record and of
//! `--only`; there is no w5.

mod bound;
mod busy;
mod crowd;
pub mod crowd_cell;
mod hand_over;
mod large_request;
mod long_queue;
mod not_getting_it;
mod producers_consumers;
mod producers_consumers_tasks;
mod producers_consumers_threads;
mod sizes;
mod tasks;
mod uncontended;
mod units;

use crate::harness::Bench;

type Run = fn(&mut Bench) -> Result<(), String>;

pub const ALL: &[(&str, Run)] = &[
    ("w1", uncontended::run),
    ("w2", crowd::run),
    ("w2b", bound::run),
    ("w3", hand_over::run),
    ("w4", tasks::run),
    ("w6", long_queue::run),
    ("w7", large_request::run),
    ("w8", sizes::run),
    ("w9", producers_consumers::run),
    ("w10", not_getting_it::run),
    ("busy", busy::run),
];
