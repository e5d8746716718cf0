//! Is the house as ARCHITECTURE.md says? No cycles between files, no arrow upward, no row for what is not
//! there, no file without a row. Beyond that, no two tests of one name, no kind of error that nothing
//! makes, no comment that is wider than code, and no word in prose for users that hides who acts.

mod arrows;
mod crates;
mod cycles;
mod doubles;
mod file;
mod finding;
mod kinds;
#[cfg(test)]
mod made_up;
mod map;
mod width;
mod words;

use arrows::Package;
use file::File;
use finding::Finding;
use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

/// Where packages are: every folder below `crates`, and these.
const PACKAGES: &[&str] = &["python", "peers", "fuzz", "models/etcd", "stubs", "xtask"];

/// Prints all findings; fails if there are any.
pub(crate) fn run(root: &Path) -> Result<(), Box<dyn Error>> {
    let findings = findings(root)?;
    for finding in &findings {
        println!("{finding}");
    }
    if findings.is_empty() { Ok(()) } else { Err(format!("{} findings", findings.len()).into()) }
}

/// All that is not as it should be in a project.
pub(crate) fn findings(root: &Path) -> Result<Vec<Finding>, Box<dyn Error>> {
    let map = fs::read_to_string(root.join("ARCHITECTURE.md"))?;
    let mut findings = Vec::new();
    let mut found: BTreeMap<String, Package> = BTreeMap::new();
    let mut every = Vec::new();
    for folder in packages(root)? {
        let package = Package::read(root, &folder)?;
        findings.extend(cycles::findings(&package));
        findings.extend(cycles::from_root(&package));
        findings.extend(cycles::globs(&package));
        findings.extend(map::layers(&map, &package));
        if folder.starts_with("crates") || folder.ends_with("python") {
            findings.extend(map::files_without_a_row(&map, &package));
        }
        let files = File::below(root, &folder)?;
        findings.extend(doubles::findings(&files));
        every.extend(files);
        found.insert(folder.display().to_string(), package);
    }
    findings.extend(kinds::findings(&every));
    findings.extend(width::findings(root, &every)?);
    findings.extend(words::findings(root, &every)?);
    findings.extend(crates::findings(root, &map, found.keys())?);
    for page in ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md"] {
        let text = fs::read_to_string(root.join(page)).unwrap_or_default();
        findings.extend(map::stale_links(root, page, &text));
    }
    findings.sort();
    Ok(findings)
}

/// The folders that have a `src`, from the root.
fn packages(root: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut folders: Vec<PathBuf> = PACKAGES.iter().map(PathBuf::from).collect();
    if let Ok(entries) = fs::read_dir(root.join("crates")) {
        for entry in entries {
            folders.push(Path::new("crates").join(entry?.file_name()));
        }
    }
    folders.retain(|folder| root.join(folder).join("src").is_dir());
    folders.sort();
    Ok(folders)
}

#[cfg(test)]
mod tests {
    use super::made_up::found;
    use super::{Path, findings};

    #[test]
    fn files_in_a_line_are_no_cycle() {
        let none: Vec<String> = Vec::new();
        let line = [
            ("crates/a/src/lib.rs", "mod one; mod two;"),
            ("crates/a/src/one.rs", "use crate::two::Two;"),
            ("crates/a/src/two.rs", "pub struct Two;"),
        ];

        assert_eq!(found(&line), none);
    }

    #[test]
    fn two_files_that_use_each_other_are_a_cycle() {
        let pair = [
            ("crates/a/src/lib.rs", "mod one; mod two;"),
            ("crates/a/src/one.rs", "use crate::two::Two;"),
            ("crates/a/src/two.rs", "use super::one::{self, One as Uno};"),
        ];

        assert_eq!(found(&pair), ["crates/a/src/one.rs: a cycle: one -> two -> one"]);
    }

    #[test]
    fn a_cycle_by_a_path_in_the_code_is_found_too() {
        let three = [
            ("crates/a/src/lib.rs", "mod one; mod two; mod three;"),
            ("crates/a/src/one.rs", "fn f() { crate::two::g() }"),
            ("crates/a/src/two.rs", "fn g(_: crate::three::Three) {}"),
            ("crates/a/src/three.rs", "use crate::{one, two as other};"),
        ];

        let found = found(&three);
        assert!(found.contains(&"crates/a/src/three.rs: a cycle: three -> two -> three".to_owned()), "{found:?}");
    }

    #[test]
    fn a_reexport_leads_to_the_file_that_it_is_of() {
        let facade = [
            ("crates/a/src/lib.rs", "mod f; mod user;"),
            ("crates/a/src/f/mod.rs", "mod inner; pub(crate) use inner::Inner;"),
            ("crates/a/src/f/inner.rs", "use crate::user::User;"),
            ("crates/a/src/user.rs", "use crate::f::Inner;"),
        ];

        assert_eq!(found(&facade), ["crates/a/src/f/inner.rs: a cycle: f::inner -> user -> f::inner"]);
    }

    #[test]
    fn tests_may_use_what_they_like_and_so_may_docs() {
        let none: Vec<String> = Vec::new();
        let tested = [
            ("crates/a/src/lib.rs", "mod one; mod two;"),
            ("crates/a/src/one.rs", "use crate::two::Two; #[cfg(doc)] use crate::three::Three;"),
            ("crates/a/src/two.rs", "#[cfg(test)] mod tests { use crate::one::One; }"),
        ];

        assert_eq!(found(&tested), none);
    }

    #[test]
    fn a_reexport_of_all_of_another_file_is_named() {
        let globs = [
            ("crates/a/src/lib.rs", "mod f;"),
            (
                "crates/a/src/f/mod.rs",
                "mod inner; mod own { pub struct At; } pub use inner::*; pub(crate) use self::own::*;",
            ),
            (
                "crates/a/src/f/inner.rs",
                "pub struct Inner; pub enum It { A } pub use self::It::*; pub use std::fmt::*;",
            ),
        ];

        let what = "it re-exports all of f::inner: the names have to be given";
        assert_eq!(found(&globs), [format!("crates/a/src/f/mod.rs: {what}")]);
    }

    #[test]
    fn all_that_is_taken_from_the_root_is_named_too() {
        let root = [("crates/a/src/lib.rs", "mod one; pub struct At;"), ("crates/a/src/one.rs", "use crate::*;")];

        assert_eq!(found(&root), ["crates/a/src/one.rs: it imports `*` from the root of its crate"]);
    }

    #[test]
    fn what_is_taken_from_the_root_is_named() {
        let root = [("crates/a/src/lib.rs", "mod one; pub struct At;"), ("crates/a/src/one.rs", "use crate::At;")];

        assert_eq!(found(&root), ["crates/a/src/one.rs: it imports `At` from the root of its crate"]);
    }

    #[test]
    fn a_child_that_its_parent_calls_by_name_is_used_by_it() {
        let family = [
            ("crates/a/src/lib.rs", "mod f;"),
            ("crates/a/src/f/mod.rs", "mod inner; pub struct At; fn g() { inner::h() }"),
            ("crates/a/src/f/inner.rs", "use super::At; pub fn h() {}"),
        ];

        assert_eq!(found(&family), ["crates/a/src/f/mod.rs: a cycle: f -> f::inner -> f"]);
    }

    #[test]
    fn a_reexport_that_is_used_too_is_an_arrow() {
        let facade = [
            ("crates/a/src/lib.rs", "mod f;"),
            ("crates/a/src/f/mod.rs", "mod inner; pub use inner::Inner; pub struct At; impl From<Inner> for At {}"),
            ("crates/a/src/f/inner.rs", "use super::At; pub struct Inner;"),
        ];

        assert_eq!(found(&facade), ["crates/a/src/f/mod.rs: a cycle: f -> f::inner -> f"]);
    }

    #[test]
    fn a_path_in_a_macro_is_found_too() {
        let pair = [
            ("crates/a/src/lib.rs", "mod one; mod two;"),
            ("crates/a/src/one.rs", "fn f() { assert!(crate::two::g()) }"),
            ("crates/a/src/two.rs", "use crate::one::f;"),
        ];

        assert_eq!(found(&pair), ["crates/a/src/one.rs: a cycle: one -> two -> one"]);
    }

    #[test]
    fn a_file_in_no_layer_and_a_layer_without_a_file_are_named() {
        let layered = [
            ("crates/a/src/lib.rs", "mod low;"),
            ("crates/a/src/low.rs", ""),
            ("ARCHITECTURE.md", "[`src`](crates/a/src)\n```layers crates/a\nhigh\n```\n"),
        ];

        assert_eq!(
            found(&layered),
            [
                "ARCHITECTURE.md: a layer of `crates/a` has `high`, which is not there",
                "crates/a/src/low.rs: it is in no layer of `crates/a` in ARCHITECTURE.md",
            ]
        );
    }

    #[test]
    fn a_file_may_not_use_what_stands_above_it() {
        let layered = [
            ("crates/a/src/lib.rs", "mod high; mod low;"),
            ("crates/a/src/high.rs", ""),
            ("crates/a/src/low.rs", "use crate::high::High;"),
            ("ARCHITECTURE.md", "[`src`](crates/a/src)\n```layers crates/a\nhigh\nlow\n```\n"),
        ];

        assert_eq!(found(&layered), ["crates/a/src/low.rs: an arrow upward: low -> high"]);
    }

    #[test]
    fn a_file_without_a_row_and_a_row_without_a_file_are_named() {
        let stale = [("crates/a/src/lib.rs", ""), ("ARCHITECTURE.md", "[`gone`](crates/a/src/gone.rs)\n")];

        assert_eq!(
            found(&stale),
            [
                "ARCHITECTURE.md: it links to `crates/a/src/gone.rs`, which is not there",
                "crates/a/src/lib.rs: it has no row in ARCHITECTURE.md, and neither has its folder",
            ]
        );
    }

    #[test]
    fn this_project_is_tidy() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace");

        let found: Vec<String> = findings(root).expect("it can be read").iter().map(ToString::to_string).collect();

        assert!(found.is_empty(), "see `cargo xtask tidy`:\n{}", found.join("\n"));
    }
}
