//! Processes of one host: `permits-host` beside what the system has for the same purpose.

mod crew;
mod floor;
mod locks;
mod ours;
mod peer;
mod semaphores;
mod sys;

mod h1;
mod h2;
mod h3;
mod h4;
mod h5;
mod h6;

use crate::harness::Bench;

type Run = fn(&mut Bench) -> Result<(), String>;

pub const ALL: &[(&str, Run)] =
    &[("h1", h1::run), ("h2", h2::run), ("h3", h3::run), ("h4", h4::run), ("h5", h5::run), ("h6", h6::run)];
