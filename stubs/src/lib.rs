//! Makes `crates/permits-etcd/src/engine/stubs.rs` from `proto/etcd.proto`. The result is checked in, so that a build
//! of `permits-etcd` needs none of this.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

/// The description of the interface.
const PROTO: &str = "etcd.proto";

/// The file that is checked in.
#[must_use]
pub fn checked_in() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/permits-etcd/src/engine/stubs.rs")
}

/// Writes the stubs into `folder`, which exists, and returns their text.
///
/// # Errors
///
/// If the description is wrong, or `folder` cannot be written to.
pub fn make(folder: &Path) -> Result<String, Box<dyn Error>> {
    let descriptions = protox::compile([PROTO], [Path::new(env!("CARGO_MANIFEST_DIR")).join("proto")])?;
    // Keys and values are compared, kept in maps and printed: as `Vec<u8>`, which all of that takes.
    tonic_prost_build::configure().build_server(false).out_dir(folder).compile_fds(descriptions)?;
    Ok(fs::read_to_string(folder.join("etcdserverpb.rs"))?)
}
