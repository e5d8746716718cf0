//! The program as its users see it: started as a process, and judged by what it prints, how it ends and what it leaves.

mod arguments;
mod background;
mod check;
#[cfg(feature = "etcd")]
mod completed_machines;
mod completions;
mod death;
mod doctor;
mod exercise;
mod exit_codes;
mod family;
mod idle;
mod jobserver;
#[cfg(feature = "etcd")]
mod leases;
mod limits;
#[cfg(feature = "etcd")]
mod machines;
mod manual;
mod messages;
mod names;
mod nested;
mod output;
mod peers;
mod place;
mod queue;
mod remove;
#[cfg(feature = "etcd")]
mod removed_machines;
mod report;
#[cfg(feature = "etcd")]
mod secured_machines;
mod sharing;
mod shells;
mod signals;
mod size;
mod spacing;
mod strangers;
mod streams;
mod supersede;
mod surroundings;
mod terminal;
mod top;
