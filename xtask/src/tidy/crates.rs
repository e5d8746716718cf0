//! Arrows between packages are those of the table in ARCHITECTURE.md, and no others.

use super::finding::Finding;
use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::{Component, Path, PathBuf};

pub(crate) fn findings<'a>(
    root: &Path,
    map: &str,
    folders: impl Iterator<Item = &'a String>,
) -> Result<Vec<Finding>, Box<dyn Error>> {
    let workspace = fs::read_to_string(root.join("Cargo.toml")).unwrap_or_default().parse()?;
    let mut findings = Vec::new();
    for folder in folders {
        let file = Path::new(folder).join("Cargo.toml");
        let row = map.lines().find(|line| line.starts_with(&format!("| [`{folder}`]")));
        let cells: Vec<&str> = row.unwrap_or_default().split('|').collect();
        let &[_, _, _, built_with, tested_with, _] = cells.as_slice() else {
            findings.push(Finding { file, what: "its package has no row in the table of ARCHITECTURE.md".into() });
            continue;
        };
        let manifest = Manifest::read(root, folder, &workspace)?;
        let built = manifest.targets(&["dependencies", "build-dependencies"]);
        let tested = &manifest.targets(&["dev-dependencies"]) - &built;
        for (who, targets, cell) in [("it depends", &built, built_with), ("its tests depend", &tested, tested_with)] {
            let allowed: BTreeSet<String> = cell.split('`').skip(1).step_by(2).map(str::to_owned).collect();
            let table = "its row in the table of ARCHITECTURE.md";
            let too_many = (targets - &allowed).into_iter();
            let whats = too_many.map(|target| format!("{who} on `{target}`, which {table} does not say"));
            let too_few = (&allowed - targets).into_iter();
            let whats = whats.chain(too_few.map(|target| format!("{table} says that {who} on `{target}`")));
            findings.extend(whats.map(|what| Finding { file: file.clone(), what }));
        }
    }
    Ok(findings)
}

struct Manifest {
    folder: PathBuf,
    own: toml::Table,
    /// What `workspace = true` means, and the folder that its paths start from.
    workspace: toml::Table,
    workspace_folder: PathBuf,
}

impl Manifest {
    fn read(root: &Path, folder: &str, workspace: &toml::Table) -> Result<Manifest, Box<dyn Error>> {
        let own: toml::Table = fs::read_to_string(root.join(folder).join("Cargo.toml"))?.parse()?;
        let alone = own.contains_key("workspace");
        let (workspace, workspace_folder) =
            if alone { (own.clone(), PathBuf::from(folder)) } else { (workspace.clone(), PathBuf::new()) };
        Ok(Manifest { folder: folder.into(), own, workspace, workspace_folder })
    }

    /// The packages of the project that some kinds of dependencies lead to, by the names of their folders.
    /// Those that are not of the project have no path.
    fn targets(&self, kinds: &[&str]) -> BTreeSet<String> {
        let per_system = self.own.get("target").and_then(toml::Value::as_table);
        let mut tables: Vec<&toml::Table> =
            per_system.into_iter().flat_map(toml::Table::values).filter_map(toml::Value::as_table).collect();
        tables.push(&self.own);
        let of_kind = |table: &&'_ toml::Table| -> Vec<(String, toml::Value)> {
            let entries = kinds.iter().filter_map(|kind| table.get(*kind)?.as_table());
            entries.flatten().map(|(name, entry)| (name.clone(), entry.clone())).collect()
        };
        let paths = tables.iter().flat_map(of_kind).filter_map(|(name, entry)| self.path(&name, &entry));
        // A package that its own tests use with another set of features is no arrow.
        let others = paths.filter(|path| *path != self.folder);
        others.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect()
    }

    fn path(&self, name: &str, entry: &toml::Value) -> Option<PathBuf> {
        if entry.get("workspace").is_some() {
            let entry = self.workspace.get("workspace")?.get("dependencies")?.get(name)?;
            return Some(normal(&self.workspace_folder.join(entry.get("path")?.as_str()?)));
        }
        Some(normal(&self.folder.join(entry.get("path")?.as_str()?)))
    }
}

/// Without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(normal.pop()),
            part => normal.push(part),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::super::made_up::found;

    const HEAD: &str = "| crate | what | depends on | its tests also on |\n|---|---|---|---|\n";

    /// What is found in a package `crates/a` with a manifest and these last two cells of its row.
    fn found_with(manifest: &str, cells: &str) -> Vec<String> {
        let map = format!("{HEAD}| [`crates/a`](crates/a) | | {cells} |\n");
        found(&[
            ("crates/a/src/lib.rs", ""),
            ("crates/a/Cargo.toml", manifest),
            ("Cargo.toml", "[workspace.dependencies]\nb = { path = \"crates/b\" }\nserde = \"1\"\n"),
            ("ARCHITECTURE.md", &format!("{map}[`src`](crates/a/src)\n")),
        ])
    }

    #[test]
    fn a_dependency_that_the_table_does_not_have_is_an_arrow_too_many() {
        let what = "crates/a/Cargo.toml: it depends on `b`, which its row in the table of ARCHITECTURE.md does not say";
        for manifest in [
            "dependencies = { b = { path = \"../b\" } }",
            "dependencies = { b = { workspace = true }, serde = { workspace = true } }",
            "dependencies.b.workspace = true",
            "dependencies = { other = { package = \"b\", path = \"../b\" } }",
            "build-dependencies = { b = { path = \"../b\" } }",
            "[target.'cfg(unix)'.dependencies]\nb.workspace = true",
        ] {
            assert_eq!(found_with(manifest, "nothing | nothing"), [what], "{manifest}");
            assert!(found_with(manifest, "`b` | nothing").is_empty(), "{manifest}");
        }
    }

    #[test]
    fn a_dependency_of_tests_has_a_cell_of_its_own() {
        let tests = "dev-dependencies = { b = { workspace = true }, a = { path = \".\" } }";

        let what = "its tests depend on `b`, which its row in the table of ARCHITECTURE.md does not say";
        assert_eq!(found_with(tests, "nothing | nothing"), [format!("crates/a/Cargo.toml: {what}")]);
        assert!(found_with(tests, "nothing | `b`").is_empty());
    }

    #[test]
    fn an_arrow_of_the_table_that_no_manifest_has_is_named() {
        let what = "its row in the table of ARCHITECTURE.md says that it depends on `b`";

        assert_eq!(found_with("", "`b` | nothing"), [format!("crates/a/Cargo.toml: {what}")]);
    }

    #[test]
    fn a_package_that_is_a_workspace_of_its_own_resolves_by_itself() {
        let alone = "dependencies.c.workspace = true\n[workspace.dependencies]\nc = { path = \"../c\" }";

        assert!(found_with(alone, "`c` | nothing").is_empty());
    }
}
