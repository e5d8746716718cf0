//! Has every dependency a licence that deny.toml allows, and does it come from the registry?
//!
//! `cargo deny check` asks more: it looks at other systems and for advisories. It is a program to build for
//! minutes, and this takes a second.

use std::error::Error;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use spdx::{Expression, ParseMode};

use super::command::packages;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The workspaces, each with a lock file of its own.
const WORKSPACES: &[&str] = &[".", "fuzz", "models/etcd", "peers", "python", "stubs"];

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    /// None for those of this project.
    source: Option<String>,
}

pub(crate) fn check(root: &Path) -> Result<()> {
    let allowed = Allowed::read(&fs::read_to_string(root.join("deny.toml"))?)?;
    let mut findings = Vec::new();
    for workspace in WORKSPACES {
        let folder = root.join(workspace);
        let packages: Vec<Package> = packages(&folder, &["--filter-platform", "x86_64-unknown-linux-gnu"])?;
        let others = packages.iter().filter(|package| package.source.is_some());
        let found: Vec<_> = others.clone().filter_map(|package| allowed.finding(package)).collect();
        println!("{:11} {} dependencies, {} findings", workspace, others.count(), found.len());
        findings.extend(found.into_iter().map(|what| format!("{workspace}/Cargo.lock: {what}")));
    }
    if findings.is_empty() { Ok(()) } else { Err(findings.join("\n").into()) }
}

/// Licences, as deny.toml has them.
struct Allowed(Vec<Expression>);

impl Allowed {
    fn read(deny: &str) -> Result<Allowed> {
        let deny: toml::Table = deny.parse()?;
        let list = deny.get("licenses").and_then(|licenses| licenses.get("allow")?.as_array());
        let names = list.ok_or("deny.toml has no list `licenses.allow`")?.iter().filter_map(toml::Value::as_str);
        Ok(Allowed(names.map(Expression::parse).collect::<std::result::Result<_, _>>()?))
    }

    /// What is wrong with a package, if anything is.
    fn finding(&self, package: &Package) -> Option<String> {
        let Package { name, version, license, source } = package;
        if !source.as_deref().unwrap_or_default().starts_with("registry+") {
            return Some(format!("`{name}` {version} comes from `{}`, not from the registry", source.as_deref()?));
        }
        let Some(license) = license else { return Some(format!("`{name}` {version} names no licence")) };
        // Some old manifests write `MIT/Apache-2.0`.
        let expression = match Expression::parse_mode(license, ParseMode::LAX) {
            Ok(expression) => expression,
            Err(why) => return Some(format!("`{name}` {version} has the licence `{license}`: {}", why.reason)),
        };
        let is_allowed = |asked: &spdx::LicenseReq| {
            let mut ours = self.0.iter().flat_map(Expression::requirements);
            ours.any(|ours| ours.req == *asked)
        };
        let fine = expression.evaluate(is_allowed);
        (!fine).then(|| format!("`{name}` {version} has the licence `{license}`, which deny.toml does not allow"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Allowed, Package};

    fn found(license: Option<&str>, source: &str) -> Option<String> {
        let allowed = Allowed::read("[licenses]\nallow = ['MIT', 'Apache-2.0', 'Unicode-3.0']").expect("it is a list");
        allowed.finding(&Package {
            name: "a".into(),
            version: "1.0.0".into(),
            license: license.map(str::to_owned),
            source: Some(source.into()),
        })
    }

    #[test]
    fn one_of_several_licences_is_enough_where_there_is_a_choice() {
        for license in ["MIT", "MIT/Apache-2.0", "Unlicense OR MIT", "(MIT OR GPL-3.0) AND Unicode-3.0"] {
            assert_eq!(found(Some(license), "registry+x"), None, "{license}");
        }
    }

    #[test]
    fn a_licence_that_is_not_allowed_is_named() {
        for license in ["GPL-3.0-only", "MIT AND Zlib", "Apache-2.0 WITH LLVM-exception"] {
            let what = format!("`a` 1.0.0 has the licence `{license}`, which deny.toml does not allow");
            assert_eq!(found(Some(license), "registry+x"), Some(what));
        }
        assert_eq!(found(None, "registry+x").as_deref(), Some("`a` 1.0.0 names no licence"));
        let unknown = found(Some("My own"), "registry+x").expect("nothing that is known");
        assert!(unknown.starts_with("`a` 1.0.0 has the licence `My own`: "), "{unknown}");
    }

    #[test]
    fn a_dependency_from_elsewhere_is_named() {
        let what = "`a` 1.0.0 comes from `git+x`, not from the registry";
        assert_eq!(found(Some("MIT"), "git+x").as_deref(), Some(what));
    }
}
