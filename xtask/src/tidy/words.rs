//! Prose for users avoids some words: those that hide who acts (a thread, a process, the caller), and phrases
//! that are out of use. The check reads the pages for users, doc comments, Python's docstrings, and the
//! strings of the crates, most of which are texts of errors. It does not read code: fenced, in backticks, or
//! in a test.

use super::arrows::is_left_out;
use super::file::File;
use super::finding::Finding;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Expr, Item, Token};

/// What it finds, in lower case. `is to` alone has right uses; in these phrases a plain verb is better.
const AVOIDED: &[&str] = &[
    "whoever",
    "whosoever",
    "somebody",
    "nobody",
    "anybody",
    "everybody",
    "shall",
    "mend",
    "mends",
    "mended",
    "in the place of",
    "for ever",
    "tell of",
    "tells of",
    "so many",
    "is to be",
    "are to be",
    "what is to",
    "that is to",
    "who is to",
    "which is to",
    "for want of",
    "else than",
    "that is none",
    "to be had",
];

/// Where one of them is right, as in a quotation: the file, and some words that begin in the same line.
const RIGHT: &[(&str, &str)] = &[];

/// Pages for users, and folders of such.
const PAGES: &[&str] = &[
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "crates/permits/README.md",
    "crates/permits/src/contract.md",
    "docs/comparison.md",
    "docs/guide",
    "docs/performance.md",
    "python/README.md",
    "python/permits",
];

/// Packages that are not read.
const LEFT_OUT: &[&str] = &["fuzz", "models", "peers", "stubs", "xtask"];

/// The words in all pages, and in the files of all packages.
pub(crate) fn findings(root: &Path, files: &[File]) -> Result<Vec<Finding>, Box<dyn Error>> {
    let mut findings = Vec::new();
    let mut used = vec![false; RIGHT.len()];
    let mut look = |path: &Path, prose: &Prose| {
        for (line, words) in prose.avoided() {
            let right = RIGHT.iter().position(|(file, around)| path == Path::new(file) && prose.has(line, around));
            match right {
                Some(at) => used[at] = true,
                None => findings.push(Finding { file: path.into(), what: format!("line {line}: avoid `{words}`") }),
            }
        }
    };
    for path in pages(root)? {
        let text = fs::read_to_string(root.join(&path))?;
        let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line));
        look(&path, &Prose::new(lines));
    }
    for file in files.iter().filter(|file| is_read(&file.path)) {
        look(&file.path, &Prose::new(docs(&file.text)));
        let mut strings = Strings::default();
        strings.visit_file(&file.tree);
        let mut seen = 0;
        for string in &strings.found {
            // They come in the order of the file, and two of them may be the same.
            seen += file.text[seen..].find(&string.token().to_string()).map_or(0, |at| at + 1);
            let line = file.text[..seen].matches('\n').count() + 1;
            look(&file.path, &Prose::new([(line, string.value().replace('`', "'").as_str())]));
        }
    }
    for ((file, around), used) in RIGHT.iter().zip(used) {
        if !used && root.join(file).exists() {
            let what = format!("`{around}` need not be kept in `words.rs` of xtask");
            findings.push(Finding { file: file.into(), what });
        }
    }
    Ok(findings)
}

fn is_read(path: &Path) -> bool {
    !path.iter().any(|part| part == "tests") && !LEFT_OUT.iter().any(|folder| path.starts_with(folder))
}

/// The pages of a project, those of its folders included.
fn pages(root: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut pages = Vec::new();
    for page in PAGES.iter().map(PathBuf::from).filter(|page| root.join(page).exists()) {
        if !root.join(&page).is_dir() {
            pages.push(page);
            continue;
        }
        for entry in fs::read_dir(root.join(&page))? {
            let file = page.join(entry?.file_name());
            if file.extension().is_some_and(|ending| ending == "md" || ending == "py" || ending == "pyi") {
                pages.push(file);
            }
        }
    }
    Ok(pages)
}

/// The text of the doc comments, with the numbers of their lines.
fn docs(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(at, line)| {
        let line = line.trim_start();
        (at + 1, line.strip_prefix("///").or_else(|| line.strip_prefix("//!")).unwrap_or_default())
    })
}

/// Lines of prose, put together, since a turn of three words may go over two of them.
struct Prose {
    /// In lower case, a blank between two lines, and a line's end where a paragraph ends.
    text: String,
    /// Where each line begins in it, and its number.
    starts: Vec<(usize, usize)>,
}

impl Prose {
    fn new<'a>(lines: impl IntoIterator<Item = (usize, &'a str)>) -> Prose {
        let mut prose = Prose { text: String::new(), starts: Vec::new() };
        let mut is_code = false;
        for (number, line) in lines {
            let is_fence = line.trim_start().starts_with("```");
            is_code ^= is_fence;
            prose.starts.push((prose.text.len(), number));
            if is_code || is_fence || line.trim().is_empty() {
                prose.text.push('\n');
                continue;
            }
            prose.text.push(' ');
            // What stands in backticks is code: every second part.
            let outside = line.trim().split('`').step_by(2).collect::<Vec<_>>().join("`");
            prose.text += &outside.to_lowercase();
        }
        prose
    }

    /// The words that are avoided, and in which line each begins.
    fn avoided(&self) -> Vec<(usize, &'static str)> {
        let mut all = Vec::new();
        for words in AVOIDED {
            for (at, _) in self.text.match_indices(words) {
                let before = self.text[..at].chars().next_back();
                let after = self.text[at + words.len()..].chars().next();
                let is_letter = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
                // "That is to say" is another turn.
                if !is_letter(before) && !is_letter(after) && !self.text[at..].starts_with("that is to say") {
                    all.push((self.line(at), *words));
                }
            }
        }
        all.sort_unstable();
        all
    }

    fn line(&self, at: usize) -> usize {
        let next = self.starts.partition_point(|(start, _)| *start <= at);
        self.starts[next - 1].1
    }

    /// Whether these words begin in this line.
    fn has(&self, line: usize, around: &str) -> bool {
        self.text.match_indices(&around.to_lowercase()).any(|(at, _)| self.line(at) == line)
    }
}

/// The strings of a file that are no attributes, and not in its tests.
#[derive(Default)]
struct Strings {
    found: Vec<syn::LitStr>,
}

impl<'ast> Visit<'ast> for Strings {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes: &[syn::Attribute] = match item {
            Item::Mod(item) => &item.attrs,
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            _ => &[],
        };
        if !is_left_out(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_lit_str(&mut self, text: &'ast syn::LitStr) {
        self.found.push(text.clone());
    }

    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}

    fn visit_macro(&mut self, it: &'ast syn::Macro) {
        if let Ok(arguments) = it.parse_body_with(Punctuated::<Expr, Token![,]>::parse_terminated) {
            arguments.iter().for_each(|argument| self.visit_expr(argument));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::made_up::found;
    use super::{AVOIDED, Prose};

    const NONE: &[&str] = &[];

    fn found_in_page(page: &str) -> Vec<String> {
        found(&[("crates/a/src/lib.rs", ""), ("README.md", page)])
    }

    fn found_in_code(code: &str) -> Vec<String> {
        found(&[("crates/a/src/lib.rs", code)])
    }

    #[test]
    fn each_word_is_found_in_a_page() {
        for words in AVOIDED {
            let found = found_in_page(&format!("# A page\n\nHere {words} stands.\n"));

            assert!(found.contains(&format!("README.md: line 3: avoid `{words}`")), "{words}: {found:?}");
        }
    }

    #[test]
    fn a_turn_is_found_over_two_lines_and_at_the_start_of_a_sentence() {
        assert_eq!(found_in_page("It waits for\never.\n"), ["README.md: line 1: avoid `for ever`"]);
        assert_eq!(found_in_page("Nobody waits.\n"), ["README.md: line 1: avoid `nobody`"]);
    }

    #[test]
    fn parts_of_words_and_other_turns_are_as_they_should_be() {
        let page = "We recommend it, that is to say: marshall it.\nThe next is to the left.\n\nIt waits for\n\never.\n";

        assert_eq!(found_in_page(page), NONE);
    }

    #[test]
    fn code_is_not_prose() {
        let page = "The user `nobody`:\n\n```sh\nid nobody    # for ever\n```\n";
        assert_eq!(found_in_page(page), NONE);

        let docs = "/// The user `nobody`.\n///\n/// ```\n/// nobody();\n/// ```\npub fn f() {}\n// For nobody.\n";
        assert_eq!(found_in_code(docs), NONE);
    }

    #[test]
    fn docs_strings_and_stubs_are_read() {
        let at = |line: usize| [format!("crates/a/src/lib.rs: line {line}: avoid `nobody`")];

        assert_eq!(found_in_code("//! A file.\n//! For nobody."), at(2));
        assert_eq!(found_in_code("\n/// For nobody.\nfn f() {}"), at(2));
        assert_eq!(found_in_code("\nfn f() { g(\"nobody has `x`\") }"), at(2));
        let twice = [at(1), at(2)].concat();
        assert_eq!(found_in_code("fn f() { g(\"nobody\") }\nfn h() { g(\"nobody\") }"), twice);
        assert_eq!(found_in_code("\nfn f() { write!(f, \"`{x}`: nobody has it\", x = y) }"), at(2));
        assert_eq!(found_in_code("#[cfg(test)]\nmod tests { fn f() { g(\"nobody\") } }"), NONE);

        let stub = ("python/permits/__init__.pyi", "def f() -> None:\n    \"\"\"For nobody.\"\"\"\n");
        let found = found(&[("crates/a/src/lib.rs", ""), stub]);
        assert_eq!(found, ["python/permits/__init__.pyi: line 2: avoid `nobody`"]);
    }

    #[test]
    fn words_around_are_looked_for_in_their_line() {
        let prose = Prose::new([(7, "He said"), (8, "\"Nobody is perfect\".")]);

        assert!(prose.has(8, "\"nobody is perfect\""));
        assert!(!prose.has(7, "nobody is perfect"));
    }
}
