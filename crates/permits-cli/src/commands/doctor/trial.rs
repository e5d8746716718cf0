//! A run, as any other: what it needs and does not get is found by trying, whatever it is.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use permits_host::Removal;

use crate::end::End;
use crate::leftovers;
use crate::neighbours;
use crate::place::Scene;

/// How the names of the semaphores of trials begin, and those of directories that are made for one.
const SEMAPHORE: &str = "doctor-";
const DIRECTORY: &str = ".permits-doctor-";

/// Runs this program with a new semaphore and a command that does nothing, and removes the semaphore.
///
/// A directory that is missing is not made, as doctor changes nothing: one beside it is made, and removed again.
pub(super) fn of_a_run(scene: Scene<'_>, dir: &Path) -> Result<(), String> {
    sweep(scene, dir);
    let unforeseen = nobody_has();
    // Not `exists`: a link that leads nowhere is not missing.
    let missing = dir.symlink_metadata().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound);
    let tried = if missing { beside(dir, &unforeseen) } else { dir.to_owned() };
    let name = format!("{SEMAPHORE}{unforeseen}");

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
    dir.with_file_name(format!("{DIRECTORY}{unforeseen}"))
}

/// Removes what trials have left that were killed.
fn sweep(scene: Scene<'_>, dir: &Path) {
    sweep_semaphores(scene, dir);
    let parent = dir.parent().unwrap_or(Path::new("/"));
    for left in leftovers::in_directory(parent, DIRECTORY) {
        sweep_semaphores(scene, &left);
        // It stays if anything else is in it.
        let _ = std::fs::remove_dir(left);
    }
}

fn sweep_semaphores(scene: Scene<'_>, dir: &Path) {
    let options = scene.options().directory(dir);
    let names = options.clone().list().unwrap_or_default();
    for name in names.iter().filter(|name| leftovers::is_left(name, SEMAPHORE)) {
        // One whose run lives on after its doctor is in use, and is left to the next.
        let _ = options.clone().remove(name, Removal::IfIdle);
    }
    // What belongs to a semaphore that is not there: its maker or its remover was killed.
    for path in leftovers::in_directory(dir, &format!(".{SEMAPHORE}")) {
        let semaphore = path.file_name().and_then(|name| name.to_str()?.split('.').nth(1));
        if semaphore.is_some_and(|name| !dir.join(neighbours::file_of(name)).exists()) {
            let _ = std::fs::remove_file(path);
        }
    }
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
    format!("{}{:08x}", leftovers::maker(), random & 0xffff_ffff)
}
