//! Made-up projects with one fault each, for the tests of the checks.

use super::findings;
use std::error::Error;
use std::fs;
use std::path::Path;

/// The table of a project with one package, as far down as its rows.
pub(crate) const TABLE: &str = "\
| crate | what | depends on | its tests also on |
|---|---|---|---|
| [`crates/a`](crates/a) | | nothing | nothing |

";

/// A project with these files, and a link to each in an ARCHITECTURE.md of its own, unless they have one.
pub(crate) fn project(files: &[(&str, &str)]) -> Result<tempfile::TempDir, Box<dyn Error>> {
    let root = tempfile::tempdir()?;
    let mut map = String::from(TABLE);
    let manifest = ("crates/a/Cargo.toml", "[package]\nname = \"a\"\n");
    for (path, text) in [&[manifest], files].concat() {
        if path == "ARCHITECTURE.md" {
            map = if text.contains("| crate |") { text.to_owned() } else { format!("{TABLE}{text}") };
            continue;
        }
        let file = root.path().join(path);
        fs::create_dir_all(file.parent().unwrap_or(Path::new("/")))?;
        fs::write(file, text)?;
        map += &format!("[`{path}`]({path})\n");
    }
    fs::write(root.path().join("ARCHITECTURE.md"), map)?;
    Ok(root)
}

pub(crate) fn found(files: &[(&str, &str)]) -> Vec<String> {
    let root = project(files).expect("it can be written");
    findings(root.path()).expect("it can be read").iter().map(ToString::to_string).collect()
}
