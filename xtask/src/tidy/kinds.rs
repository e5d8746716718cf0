//! Each `ErrorKind` is made somewhere: users match on what can come, and a kind that never comes is a promise
//! without a body.

use super::arrows::{flatten, is_left_out};
use super::file::File;
use super::finding::Finding;
use std::collections::BTreeSet;
use std::path::PathBuf;
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{BinOp, Expr, Item, Token};

/// Packages that test, compare or break the others, and whose users are this project alone.
const TESTERS: &[&str] = &["crates/permits-conformance", "fuzz", "models", "peers", "stubs", "xtask"];

/// The kinds that no file makes, in the files of all packages.
pub(crate) fn findings(files: &[File]) -> Vec<Finding> {
    let mut kinds = Kinds::default();
    for file in files {
        let tests = TESTERS.iter().any(|folder| file.path.starts_with(folder));
        if tests || !file.path.iter().any(|part| part == "src") {
            continue;
        }
        let before = kinds.all.len();
        kinds.is_foreign = false;
        kinds.visit_file(&file.tree);
        if kinds.all.len() > before {
            kinds.file.clone_from(&file.path);
        }
    }
    let not_made = kinds.all.iter().filter(|kind| !kinds.made.contains(*kind));
    let whats = not_made.map(|kind| format!("no code makes an `ErrorKind::{kind}`"));
    whats.map(|what| Finding { file: kinds.file.clone(), what }).collect()
}

#[derive(Default)]
struct Kinds {
    /// The file of the enum.
    file: PathBuf,
    all: BTreeSet<String>,
    made: BTreeSet<String>,
    /// Whether `ErrorKind` is another crate's in this file.
    is_foreign: bool,
}

impl<'ast> Visit<'ast> for Kinds {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes: &[syn::Attribute] = match item {
            Item::Mod(item) => &item.attrs,
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            Item::Enum(item) if item.ident == "ErrorKind" => {
                self.all.extend(item.variants.iter().map(|variant| variant.ident.to_string()));
                return;
            }
            _ => &[],
        };
        if !is_left_out(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let mut names = Vec::new();
        flatten(&item.tree, &mut Vec::new(), &mut names);
        let foreign = |path: &[String]| {
            path.last().is_some_and(|name| name == "ErrorKind") && matches!(path[0].as_str(), "std" | "core" | "clap")
        };
        self.is_foreign |= names.iter().any(|(name, path)| name == "ErrorKind" && foreign(path));
    }

    fn visit_expr_path(&mut self, path: &'ast syn::ExprPath) {
        let parts: Vec<String> = path.path.segments.iter().map(|part| part.ident.to_string()).collect();
        match parts.as_slice() {
            [.., module, name, _] if name == "ErrorKind" && module == "io" => {}
            [.., name, kind] if name == "ErrorKind" && !(self.is_foreign && parts.len() == 2) => {
                self.made.insert(kind.clone());
            }
            _ => {}
        }
    }

    /// To match or to compare is not to make.
    fn visit_pat(&mut self, _: &'ast syn::Pat) {}

    fn visit_expr_binary(&mut self, expr: &'ast syn::ExprBinary) {
        if !matches!(expr.op, BinOp::Eq(_) | BinOp::Ne(_)) {
            visit::visit_expr_binary(self, expr);
        }
    }

    /// In macros that take expressions; `matches!` takes a pattern, and those that assert compare.
    fn visit_macro(&mut self, it: &'ast syn::Macro) {
        let name = it.path.segments.last().map(|part| part.ident.to_string()).unwrap_or_default();
        if name == "matches" || name.contains("assert") {
            return;
        }
        if let Ok(arguments) = it.parse_body_with(Punctuated::<Expr, Token![,]>::parse_terminated) {
            arguments.iter().for_each(|argument| self.visit_expr(argument));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::made_up::found;
    use super::{File, Kinds, Visit};
    use std::path::Path;

    const NONE: &[&str] = &[];

    /// What is found where a file has the kinds `Closed` and `Gone`, and a third this code.
    fn found_with(code: &str) -> Vec<String> {
        found(&[
            ("crates/a/src/lib.rs", "mod error; mod closed; mod user;"),
            ("crates/a/src/error.rs", "pub enum ErrorKind { Closed, Gone }"),
            ("crates/a/src/closed.rs", "fn f() -> ErrorKind { ErrorKind::Closed }"),
            ("crates/a/src/user.rs", code),
        ])
    }

    #[test]
    fn a_kind_that_is_only_matched_compared_or_tested_is_named() {
        let gone = ["crates/a/src/error.rs: no code makes an `ErrorKind::Gone`"];

        assert_eq!(found_with(""), gone);
        assert_eq!(found_with("fn g(kind: ErrorKind) -> u8 { match kind { ErrorKind::Gone => 1, _ => 0 } }"), gone);
        assert_eq!(found_with("fn g(kind: ErrorKind) -> bool { kind == ErrorKind::Gone }"), gone);
        assert_eq!(found_with("fn g(kind: ErrorKind) -> bool { matches!(kind, ErrorKind::Gone) }"), gone);
        assert_eq!(found_with("#[cfg(test)] mod tests { fn g() -> ErrorKind { ErrorKind::Gone } }"), gone);
        assert_eq!(found_with("fn g() -> std::io::ErrorKind { std::io::ErrorKind::Gone }"), gone);
        assert_eq!(found_with("use std::io::{self, ErrorKind}; fn g() { h(ErrorKind::Gone) }"), gone);
    }

    #[test]
    fn a_kind_that_is_made_in_whatever_way_is_as_it_should_be() {
        assert_eq!(found_with("fn g() { refuse(ErrorKind::Gone, \"it is gone\") }"), NONE);
        assert_eq!(found_with("fn g() { let kind = if a == b { error::ErrorKind::Gone } else { h() }; }"), NONE);
        assert_eq!(found_with("fn g() { vec![(1, ErrorKind::Gone)] }"), NONE);
    }

    /// Under another name they would all pass.
    #[test]
    fn the_kinds_of_this_project_are_seen() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace");
        let mut kinds = Kinds::default();

        let files = File::below(root, Path::new("crates/permits/src")).expect("it can be read");
        files.iter().for_each(|file| kinds.visit_file(&file.tree));

        assert!(["Closed", "Unreachable"].iter().all(|kind| kinds.all.contains(*kind)), "{:?}", kinds.all);
    }
}
