//! The messages of etcd, as a program has made them for `permits-etcd`.
#![allow(clippy::all, dead_code, reason = "it calls more than the floors do")]

include!("../../../crates/permits-etcd/src/engine/stubs.rs");
