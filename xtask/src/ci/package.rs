//! Is each published crate complete? Packs them as `cargo publish` would, looks at what is in
//! the packages, and builds each from its package alone, against the packages of the others.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use super::command::{command, packages};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Files that have to be in each package.
const WANTED: &[&str] = &["LICENSE-APACHE", "LICENSE-MIT", "README.md"];
/// What else may be: these, whatever lies in these folders, and what cargo adds by itself.
const FOLDERS: &[&str] = &["src/", "examples/"];
const BY_CARGO: &[&str] = &[".cargo_vcs_info.json", "Cargo.lock", "Cargo.toml", "Cargo.toml.orig"];

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    description: Option<String>,
    license: Option<String>,
    readme: Option<PathBuf>,
    keywords: Vec<String>,
    categories: Vec<String>,
    /// The registries that it may be published on: none at all for `publish = false`.
    publish: Option<Vec<String>>,
}

pub(crate) fn check(root: &Path) -> Result<()> {
    let packages: Vec<Package> = packages(root, &["--no-deps"])?;
    let published: Vec<_> =
        packages.iter().filter(|package| package.publish.as_ref().is_none_or(|on| !on.is_empty())).collect();
    let python = version(&fs::read_to_string(root.join("python/Cargo.toml"))?)?;
    let mut findings = Vec::new();
    for package in &published {
        let files = packed(root, &package.name)?;
        println!("{}: {} files", package.name, files.len());
        findings.extend(in_manifest(package));
        findings.extend(other_version(package, &python));
        findings.extend(in_files(&package.name, &files));
    }
    if !findings.is_empty() {
        return Err(findings.join("\n").into());
    }
    let names: String = published.iter().map(|package| format!(" -p {}", package.name)).collect();
    for package in &published {
        forget_unpacked(package)?;
    }
    command(root, &format!("cargo clean --quiet{names}"), &[])?;
    // Changes that are not committed yet are packed too: this is a look, not a release.
    command(root, &format!("cargo package --locked --allow-dirty{names}"), &[])
}

/// Removes what cargo has unpacked of an earlier package of the same version: it takes a package that has a version
/// for one that never changes. (So it does with what it has built, hence `cargo clean`.) Its registry of packages
/// that are not published has no host, so the name of its folder begins with the hyphen before the hash.
fn forget_unpacked(package: &Package) -> Result<()> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let sources = home.ok_or("neither CARGO_HOME nor HOME is set")?.join("registry/src");
    for registry in fs::read_dir(sources).into_iter().flatten() {
        let registry = registry?;
        let unpacked = registry.path().join(format!("{}-{}", package.name, package.version));
        if registry.file_name().to_string_lossy().starts_with('-') && unpacked.exists() {
            fs::remove_dir_all(unpacked)?;
        }
    }
    Ok(())
}

/// The files that would be in the package of a crate.
fn packed(root: &Path, name: &str) -> Result<Vec<String>> {
    let output = Command::new("cargo")
        .args(["package", "--list", "--allow-dirty", "-p", name])
        .current_dir(root)
        .output()
        .map_err(|why| format!("cannot run `cargo`: {why}"))?;
    if !output.status.success() {
        return Err(format!("{name}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
}

fn in_manifest(package: &Package) -> Vec<String> {
    let fields = [
        ("description", package.description.is_some()),
        ("license", package.license.is_some()),
        ("readme", package.readme.is_some()),
        ("keywords", !package.keywords.is_empty()),
        ("categories", !package.categories.is_empty()),
    ];
    let missing = fields.iter().filter(|(_, there)| !there);
    missing.map(|(field, _)| format!("{}: its manifest has no `{field}`", package.name)).collect()
}

/// The version of the Python package, which is a workspace of its own.
fn version(manifest: &str) -> Result<String> {
    let manifest: toml::Table = manifest.parse()?;
    let version = manifest.get("package").and_then(|package| package.get("version")?.as_str());
    Ok(version.ok_or("python/Cargo.toml has no `package.version`")?.to_owned())
}

fn other_version(package: &Package, python: &str) -> Option<String> {
    let Package { name, version, .. } = package;
    (version != python).then(|| format!("{name} is {version}, and the Python package {python}"))
}

fn in_files(name: &str, files: &[String]) -> Vec<String> {
    let missing = WANTED.iter().filter(|wanted| !files.iter().any(|file| file == *wanted));
    let missing = missing.map(|wanted| format!("{name}: its package has no `{wanted}`"));
    let known = |file: &&String| {
        FOLDERS.iter().any(|folder| file.starts_with(folder))
            || WANTED.contains(&file.as_str())
            || BY_CARGO.contains(&file.as_str())
    };
    let junk = files.iter().filter(|file| !known(file));
    missing.chain(junk.map(|file| format!("{name}: its package has `{file}`, which no user needs"))).collect()
}

#[cfg(test)]
mod tests {
    use super::{BY_CARGO, Package, WANTED, in_files, other_version, version};

    fn files(more: &[&str]) -> Vec<String> {
        BY_CARGO.iter().chain(WANTED).chain(more).map(|file| (*file).to_owned()).collect()
    }

    #[test]
    fn sources_examples_and_licences_are_all_that_a_package_has() {
        assert!(in_files("a", &files(&["src/lib.rs", "examples/b.rs"])).is_empty());
        assert_eq!(
            in_files("a", &files(&["src/lib.rs", "tests/it/main.rs"])),
            ["a: its package has `tests/it/main.rs`, which no user needs"]
        );
    }

    #[test]
    fn all_have_the_version_of_the_python_package() {
        let json = r#"{"name": "a", "version": "0.2.0", "keywords": [], "categories": []}"#;
        let package: Package = serde_json::from_str(json).expect("it is one");
        let python = version("[package]\nversion = '0.1.0'").expect("it has one");

        assert_eq!(other_version(&package, "0.2.0"), None);
        let what = "a is 0.2.0, and the Python package 0.1.0";
        assert_eq!(other_version(&package, &python).as_deref(), Some(what));
    }

    #[test]
    fn a_package_without_a_licence_is_named() {
        let files: Vec<String> = files(&["src/lib.rs"]).into_iter().filter(|file| file != "LICENSE-MIT").collect();

        assert_eq!(in_files("a", &files), ["a: its package has no `LICENSE-MIT`"]);
    }
}
