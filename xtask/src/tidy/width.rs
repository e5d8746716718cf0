//! Comments are no wider than code: rustfmt wraps the code, and leaves comments as they are.

use super::file::File;
use super::finding::Finding;
use std::error::Error;
use std::fs;
use std::path::Path;

/// Folders whose comments are not wrapped yet.
const NOT_WRAPPED: &[&str] = &["python"];

/// The wide comments of all files.
pub(crate) fn findings(root: &Path, files: &[File]) -> Result<Vec<Finding>, Box<dyn Error>> {
    let settings: toml::Table = fs::read_to_string(root.join("rustfmt.toml")).unwrap_or_default().parse()?;
    let set = settings.get("max_width").and_then(toml::Value::as_integer);
    // Without a setting, rustfmt's own.
    let max = usize::try_from(set.unwrap_or(100))?;
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| !NOT_WRAPPED.iter().any(|folder| file.path.starts_with(folder))) {
        for (at, line) in file.text.lines().enumerate() {
            let width = line.chars().count();
            if width > max && comment(line).is_some_and(can_be_wrapped) {
                let what = format!("line {}: a comment of {width} columns, where {max} are the most", at + 1);
                findings.push(Finding { file: file.path.clone(), what });
            }
        }
    }
    Ok(findings)
}

/// The text of a comment, on a line of its own or behind code. A quotation mark after the slashes says that
/// they may be those of a string.
fn comment(line: &str) -> Option<&str> {
    if let Some(text) = line.trim_start().strip_prefix("//") {
        return Some(text.trim_start_matches(['/', '!']).trim());
    }
    line.rsplit_once(" // ").map(|(_, text)| text).filter(|text| !text.contains('"'))
}

/// A row of a table is one line, and so are a link's definition and a word.
fn can_be_wrapped(text: &str) -> bool {
    let is_definition = text.starts_with('[') && text.contains("]: ");
    !text.starts_with('|') && !is_definition && text.contains(' ')
}

#[cfg(test)]
mod tests {
    use super::super::made_up::found;

    /// What is found in a file with this line where 40 columns are the most.
    fn found_in(line: &str) -> Vec<String> {
        found(&[("rustfmt.toml", "max_width = 40\n"), ("crates/a/src/lib.rs", &format!("\n{line}\n"))])
    }

    #[test]
    fn a_comment_that_is_wider_than_code_may_be_is_named() {
        for line in [
            "// Forty columns are all that there is, and",
            "    /// Forty columns are all there is, ööö",
            "//! - Forty columns are all there is, also",
            "fn f() {} // Forty columns are all there is",
            "/// let code = in_an_example(of_forty_, 1);",
        ] {
            let width = line.chars().count();
            let what = format!("line 2: a comment of {width} columns, where 40 are the most");
            assert_eq!(found_in(&format!("{line}\nfn g() {{}}")), [format!("crates/a/src/lib.rs: {what}")], "{line}");
        }
    }

    #[test]
    fn what_is_narrow_or_cannot_be_broken_is_as_it_should_be() {
        for line in [
            "/// Forty columns are enough for this öö",
            "/// <https://example.org/a/link/that/is/longer>",
            "/// [`link`]: https://example.org/that/is/longer",
            "/// | a table | has rows | and each is a line |",
            "const TEXT: &str = \"more // than forty columns\";",
        ] {
            assert_eq!(found_in(&format!("{line}\nfn g() {{}}")), Vec::<String>::new(), "{line}");
        }
    }

    #[test]
    fn without_a_setting_the_width_is_that_of_rustfmt() {
        let line = format!("// {}", "word ".repeat(20));

        assert_eq!(found(&[("crates/a/src/lib.rs", &line)]).len(), 1);
    }
}
