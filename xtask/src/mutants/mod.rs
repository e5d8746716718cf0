//! Do the models see what they are there to see? Breaks a copy of a crate, one line at a time, and runs the
//! loom models that have to fail.

mod host;
mod mutant;
mod permits;

use mutant::Mutant;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// The packages with models, and what is broken in each.
const PACKAGES: &[(&str, &[&[Mutant]])] = &[("permits", &[permits::MUTANTS]), ("permits-host", host::MUTANTS)];

/// Runs all mutants, or those of the package `only`, or those whose name contains it; fails if one of them survives.
pub(crate) fn run(root: &Path, only: Option<&str>) -> Result<(), Box<dyn Error>> {
    let copy = root.join("target/mutants");
    let chosen: Vec<_> = PACKAGES
        .iter()
        .flat_map(|(package, groups)| groups.iter().copied().flatten().map(move |mutant| (*package, mutant)))
        .filter(|(package, mutant)| only.is_none_or(|only| *package == only || mutant.name.contains(only)))
        .collect();
    if chosen.is_empty() {
        return Err(format!("no package and no mutant's name is or contains `{}`", only.unwrap_or_default()).into());
    }
    let mut survivors = 0;
    for (package, mutant) in &chosen {
        set_up(root, &copy)?;
        let file = copy.join("crates").join(package).join("src").join(mutant.file);
        let whole = fs::read_to_string(&file)?;
        if whole.matches(mutant.from).count() != 1 {
            return Err(
                format!("mutant `{}` no longer finds its place in {package}, {}", mutant.name, mutant.file).into()
            );
        }
        fs::write(&file, whole.replace(mutant.from, mutant.to))?;
        let verdict = match models_fail(&copy, package, mutant)? {
            true => "caught",
            false => {
                survivors += 1;
                "SURVIVED"
            }
        };
        println!("{verdict:8}  {package}: {}  ({})", mutant.name, mutant.model);
    }
    println!("{} mutants, {survivors} survived", chosen.len());
    if survivors > 0 { Err("the models do not see everything".into()) } else { Ok(()) }
}

fn set_up(root: &Path, copy: &Path) -> Result<(), Box<dyn Error>> {
    for (name, _) in PACKAGES {
        let (from, to) = (root.join("crates").join(name), copy.join("crates").join(name));
        mirror(&from.join("src"), &to.join("src"))?;
        fs::create_dir_all(to.join("tests"))?;
        put(&to.join("tests/loom.rs"), &fs::read(from.join("tests/loom.rs"))?)?;
        if from.join("tests/loom").is_dir() {
            mirror(&from.join("tests/loom"), &to.join("tests/loom"))?;
        }
        // The package alone, without the other tests that the manifest names, and what they need.
        let manifest = fs::read_to_string(from.join("Cargo.toml"))?;
        let (manifest, _) = manifest.split_once("\n[dev-dependencies]").unwrap_or((&manifest, ""));
        let is_test = |table: &&str| table.starts_with("[[test]]");
        let tables: Vec<_> = manifest.split("\n\n").filter(|table| !is_test(table)).collect();
        put(&to.join("Cargo.toml"), tables.join("\n\n").as_bytes())?;
    }
    fs::copy(root.join("Cargo.lock"), copy.join("Cargo.lock"))?;
    let workspace = fs::read_to_string(root.join("Cargo.toml"))?;
    let ours = |line: &&str| !line.starts_with("members") && !line.starts_with("default-members");
    let mut workspace: Vec<_> = workspace.lines().filter(ours).collect();
    workspace.insert(1, r#"members = ["crates/*"]"#);
    put(&copy.join("Cargo.toml"), workspace.join("\n").as_bytes())
}

/// Makes a folder the same as another.
fn mirror(from: &Path, to: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(to)? {
        let entry = entry?;
        match (from.join(entry.file_name()).exists(), entry.file_type()?.is_dir()) {
            (true, _) => {}
            (false, true) => fs::remove_dir_all(entry.path())?,
            (false, false) => fs::remove_file(entry.path())?,
        }
    }
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            mirror(&entry.path(), &target)?;
        } else {
            put(&target, &fs::read(entry.path())?)?;
        }
    }
    Ok(())
}

/// Writes a file unless it is the same already: what is newer than it was is built again.
fn put(path: &Path, content: &[u8]) -> Result<(), Box<dyn Error>> {
    if fs::read(path).is_ok_and(|old| old == content) {
        return Ok(());
    }
    Ok(fs::write(path, content)?)
}

/// A model that fails to build has not failed: that is an error.
fn models_fail(copy: &Path, package: &str, mutant: &Mutant) -> Result<bool, Box<dyn Error>> {
    let cargo = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO"));
        command
            .current_dir(copy)
            .env("RUSTFLAGS", "--cfg permits_loom -Awarnings")
            .env("CARGO_TARGET_DIR", copy.join("target"));
        command.env("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true");
        // A mutant is built to be run once, and for a moment: as fast as can be, and no more of it than has changed.
        command.env("CARGO_PROFILE_RELEASE_LTO", "off").env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
        command.env("CARGO_INCREMENTAL", "1");
        command.args(["test", "--quiet", "--release", "--package", package, "--test", "loom"]).args(args);
        command.stdout(Stdio::null()).stderr(Stdio::null()).status()
    };
    if !cargo(&["--no-run"])?.success() {
        return Err(format!("mutant `{}` does not build", mutant.name).into());
    }
    Ok(!cargo(&["--", mutant.model])?.success())
}

#[cfg(test)]
mod tests {
    use super::{PACKAGES, Path, fs};

    #[test]
    fn each_mutant_finds_its_place_once() {
        let crates =
            Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace").join("crates");
        for (package, groups) in PACKAGES {
            for mutant in groups.iter().copied().flatten() {
                let file = crates.join(package).join("src").join(mutant.file);
                let whole = fs::read_to_string(&file).expect("it can be read");

                assert_eq!(whole.matches(mutant.from).count(), 1, "`{}` in {}", mutant.name, file.display());
                assert_ne!(mutant.from, mutant.to, "`{}` breaks nothing", mutant.name);
            }
        }
    }
}
