//! No two tests of one binary have the same name, so that a name on its own, in a report or on a page, means
//! one of them.
//!
//! Tests that a macro names are not seen.

use super::file::File;
use super::finding::Finding;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use syn::visit::{self, Visit};

/// The files of a package's tests by their binary: all of `src`, and each file or folder of `tests`.
fn binaries(files: &[File]) -> BTreeMap<PathBuf, Vec<&File>> {
    let mut binaries: BTreeMap<PathBuf, Vec<&File>> = BTreeMap::new();
    for file in files {
        let parts: Vec<_> = file.path.iter().collect();
        let Some(at) = parts.iter().position(|part| *part == "src" || *part == "tests") else { continue };
        // `tests/loom.rs` and the files in `tests/loom` are one binary.
        let length = if parts[at] == "src" { at + 1 } else { at + 2 };
        let binary: PathBuf = parts.iter().take(length).collect();
        binaries.entry(binary.with_extension("")).or_default().push(file);
    }
    binaries
}

/// What is doubled in the files of one package.
pub(crate) fn findings(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (binary, files) in binaries(files) {
        let mut tests: BTreeMap<String, &Path> = BTreeMap::new();
        for file in files {
            let mut names = Names(Vec::new());
            names.visit_file(&file.tree);
            for name in names.0 {
                if let Some(first) = tests.insert(name.clone(), &file.path) {
                    let (first, binary) = (first.display(), binary.display());
                    let what = format!("a test `{name}` is in `{first}` too, and both are of `{binary}`");
                    findings.push(Finding { file: file.path.clone(), what });
                }
            }
        }
    }
    findings
}

/// The names of functions with an attribute `test`, such as `#[tokio::test]`.
struct Names(Vec<String>);

impl<'ast> Visit<'ast> for Names {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        let last = |attribute: &syn::Attribute| attribute.path().segments.last().map(|part| part.ident.to_string());
        if item.attrs.iter().any(|attribute| last(attribute).is_some_and(|name| name == "test")) {
            self.0.push(item.sig.ident.to_string());
        }
        visit::visit_item_fn(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::super::made_up::found;

    #[test]
    fn two_tests_of_one_name_in_one_binary_are_named() {
        let doubled = [
            ("crates/a/src/lib.rs", "mod b { #[test] fn works() {} } mod c { #[test] fn works() {} }"),
            ("crates/a/tests/it/one.rs", "#[test] fn it_is() {}"),
            ("crates/a/tests/it/two.rs", "#[cfg(unix)] mod tests { #[tokio::test] async fn it_is() {} }"),
            ("crates/a/tests/loom/lease.rs", "#[test] fn it_ends() {}"),
            ("crates/a/tests/loom.rs", "mod lease; #[test] fn it_ends() {}"),
        ];

        let found = found(&doubled);

        assert_eq!(
            found,
            [
                "crates/a/src/lib.rs: a test `works` is in `crates/a/src/lib.rs` too, and both are of `crates/a/src`",
                "crates/a/tests/it/two.rs: a test `it_is` is in `crates/a/tests/it/one.rs` too, and both are of \
                 `crates/a/tests/it`",
                "crates/a/tests/loom.rs: a test `it_ends` is in `crates/a/tests/loom/lease.rs` too, and both are of \
                 `crates/a/tests/loom`",
            ]
        );
    }

    #[test]
    fn a_name_in_another_binary_and_one_of_no_test_are_free() {
        let free = [
            ("crates/a/src/lib.rs", "#[test] fn works() {} mod b { fn works() {} }"),
            ("crates/a/tests/it.rs", "#[test] fn works() {}"),
            ("crates/a/tests/storm.rs", "#[test] fn works() {}"),
        ];

        assert_eq!(found(&free), Vec::<String>::new());
    }
}
