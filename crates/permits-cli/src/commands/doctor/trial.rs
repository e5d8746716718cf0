//! A run, as any other: what it needs and does not get is found by trying, whatever it is.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use permits_host::Removal;

use crate::end::End;
use crate::place::Scene;

/// Runs this program with a new semaphore and a command that does nothing, and removes the semaphore.
///
/// A directory that is missing is not made, as doctor changes nothing: one beside it is made, and removed again.
pub(super) fn of_a_run(scene: Scene<'_>, dir: &Path) -> Result<(), String> {
    let unforeseen = nobody_has();
    // Not `exists`: a link that leads nowhere is not missing.
    let missing = dir.symlink_metadata().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound);
    let tried = if missing { beside(dir, &unforeseen) } else { dir.to_owned() };
    let name = format!("doctor-{unforeseen}");

    let this = this_program();
    let mut run = Command::new(&this);
    run.arg("--dir").arg(&tried);
    if let Some(mode) = scene.common.mode {
        run.arg("--mode").arg(format!("{mode:o}"));
    }
    run.args(["run", "--max", "1", &name, "--"]).arg(&this).arg("--version");
    let ran = run.stdin(Stdio::null()).stdout(Stdio::null()).output();
    // What the run has not made is not there to be removed.
    let _ = scene.options().directory(&tried).remove(&name, Removal::Force);
    if missing {
        let _ = std::fs::remove_dir(&tried);
    }
    match ran {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.trim_start_matches("permits: ").trim_end();
            // Nobody knows the names that were made up here.
            let said = said.replace(&*tried.to_string_lossy(), &dir.to_string_lossy()).replace(&name, "NAME");
            Err(format!("`permits run` exits `{}`: {said}", End::from(output.status).code()))
        }
        Err(error) => Err(format!("`permits` cannot be started: {error}")),
    }
}

/// A path in the same directory, of nothing.
fn beside(dir: &Path, unforeseen: &str) -> PathBuf {
    dir.with_file_name(format!(".permits-doctor-{unforeseen}"))
}

/// Without `/proc` it is the name that it was called by, which may do.
fn this_program() -> PathBuf {
    let link = PathBuf::from("/proc/self/exe");
    if link.exists() { link } else { std::env::args_os().next().unwrap_or_else(|| "permits".into()).into() }
}

/// A number that neither another process nor an earlier one has.
fn nobody_has() -> String {
    use std::hash::BuildHasher;
    let random = std::collections::hash_map::RandomState::new().hash_one(std::process::id());
    format!("{}-{:08x}", std::process::id(), random & 0xffff_ffff)
}
