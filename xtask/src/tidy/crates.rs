//! Arrows between packages are those of the table in ARCHITECTURE.md.

use super::finding::Finding;
use std::error::Error;
use std::fs;
use std::path::{Component, Path, PathBuf};

pub(crate) fn findings<'a>(
    root: &Path,
    map: &str,
    folders: impl Iterator<Item = &'a String>,
) -> Result<Vec<Finding>, Box<dyn Error>> {
    let mut findings = Vec::new();
    for folder in folders {
        let file = Path::new(folder).join("Cargo.toml");
        let manifest: toml::Table = fs::read_to_string(root.join(&file))?.parse()?;
        let row = map.lines().find(|line| line.starts_with(&format!("| [`{folder}`]")));
        let Some(allowed) = row.and_then(|row| row.trim_end_matches([' ', '|']).rsplit('|').next()) else {
            findings.push(Finding { file, what: "its package has no row in the table of ARCHITECTURE.md".into() });
            continue;
        };
        for path in paths(&manifest) {
            let target = normal(&Path::new(folder).join(path));
            let name = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if !allowed.contains(&format!("`{name}`")) {
                let what = format!(
                    "it depends on `{}`, which its row in the table of ARCHITECTURE.md does not say",
                    target.display()
                );
                findings.push(Finding { file: file.clone(), what });
            }
        }
    }
    Ok(findings)
}

/// The paths of what a package is built with; what its tests are built with is their own business.
fn paths(manifest: &toml::Table) -> Vec<String> {
    let mut tables: Vec<&toml::Table> =
        manifest.get("dependencies").and_then(toml::Value::as_table).into_iter().collect();
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    for target in targets.into_iter().flat_map(toml::Table::values) {
        tables.extend(target.get("dependencies").and_then(toml::Value::as_table));
    }
    let entries = tables.into_iter().flat_map(toml::Table::values);
    entries.filter_map(|entry| Some(entry.get("path")?.as_str()?.to_owned())).collect()
}

/// Without `..`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(normal.pop()),
            part => normal.push(part),
        }
    }
    normal
}
