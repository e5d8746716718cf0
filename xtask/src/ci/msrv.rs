//! Does the oldest Rust that the manifests promise build everything, tests included? Where that toolchain is
//! not installed, the lint `incompatible_msrv` of the step `clippy` is all there is.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::command::command;

pub(crate) fn check(root: &Path) -> Result<(), Box<dyn Error>> {
    let oldest = oldest(&fs::read_to_string(root.join("Cargo.toml"))?)?;
    let mut probe = Command::new("rustup");
    probe.args(["run", &oldest, "cargo", "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    if !probe.status().is_ok_and(|status| status.success()) {
        println!("left out: Rust {oldest} is not installed (rustup toolchain install {oldest} --profile minimal)");
        return Ok(());
    }
    let check = format!("rustup run {oldest} cargo check --locked --all-targets --target-dir target/msrv");
    command(root, &format!("{check} --workspace"), &[])?;
    let without_python = [("PYO3_NO_PYTHON", "1"), ("PYO3_BUILD_EXTENSION_MODULE", "1")];
    command(root, &format!("{check} --manifest-path python/Cargo.toml"), &without_python)
}

fn oldest(manifest: &str) -> Result<String, Box<dyn Error>> {
    let manifest: toml::Table = manifest.parse()?;
    let package = manifest.get("workspace").and_then(|workspace| workspace.get("package"));
    let version = package.and_then(|package| package.get("rust-version")?.as_str());
    Ok(version.ok_or("Cargo.toml has no `workspace.package.rust-version`")?.to_owned())
}
