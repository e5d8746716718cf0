//! One file a workload; its first lines say what it shows.

mod w1;
mod w10;
pub mod w2;
mod w2b;
mod w3;
mod w4;
mod w6;
mod w7;
mod w8;
mod w9;
mod w9_tasks;
mod w9_threads;

use crate::harness::Bench;

type Run = fn(&mut Bench) -> Result<(), String>;

pub const ALL: &[(&str, Run)] = &[
    ("w1", w1::run),
    ("w2", w2::run),
    ("w2b", w2b::run),
    ("w3", w3::run),
    ("w4", w4::run),
    ("w6", w6::run),
    ("w7", w7::run),
    ("w8", w8::run),
    ("w9", w9::run),
    ("w10", w10::run),
];
