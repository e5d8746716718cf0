//! Commands that the steps run.

use std::error::Error;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::Deserialize;
use serde::de::DeserializeOwned;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Runs a command line, whose words are separated by spaces, in the root of the project.
pub(crate) fn command(root: &Path, line: &str, variables: &[(&str, &str)]) -> Result<()> {
    let set: String = variables.iter().map(|(name, value)| format!("{name}='{value}' ")).collect();
    println!("$ {set}{line}");
    let mut words = line.split(' ');
    let program = words.next().unwrap_or_default();
    let status = Command::new(program).args(words).envs(variables.iter().copied()).current_dir(root).status();
    let status = status.map_err(|why| format!("cannot run `{program}`: {why}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{line}`: {status}").into()) }
}

/// The packages that `cargo metadata` lists for the workspace in a folder, with what is wanted of each.
pub(crate) fn packages<P: DeserializeOwned>(folder: &Path, args: &[&str]) -> Result<Vec<P>> {
    #[derive(Deserialize)]
    struct Metadata<P> {
        packages: Vec<P>,
    }
    let mut cargo = Command::new("cargo");
    cargo.args(["metadata", "--locked", "--format-version", "1"]).args(args).current_dir(folder);
    let output = cargo.stderr(Stdio::inherit()).output().map_err(|why| format!("cannot run `cargo`: {why}"))?;
    if !output.status.success() {
        return Err(format!("`cargo metadata` in {}: {}", folder.display(), output.status).into());
    }
    let Metadata { packages } = serde_json::from_slice(&output.stdout)?;
    Ok(packages)
}
