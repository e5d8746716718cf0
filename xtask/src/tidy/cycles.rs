//! No file may use, by whatever way round, itself.

use super::arrows::{Module, Package};
use super::finding::Finding;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The shortest cycle through each file that is in one, each cycle once.
pub(crate) fn findings(package: &Package) -> Vec<Finding> {
    let mut seen = BTreeSet::new();
    let mut findings = Vec::new();
    for start in package.files.keys() {
        let Some(cycle) = shortest(package, start) else { continue };
        let members: BTreeSet<_> = cycle.iter().cloned().collect();
        if seen.insert(members) {
            let shown: Vec<String> = cycle.iter().map(name).collect();
            findings
                .push(Finding { file: package.files[start].clone(), what: format!("a cycle: {}", shown.join(" -> ")) });
        }
    }
    findings
}

/// Imports from the root, which uses all.
pub(crate) fn from_root(package: &Package) -> Vec<Finding> {
    let what = |name: &str| format!("it imports `{name}` from the root of its crate");
    let imports = package.from_root.iter();
    imports.map(|(module, name)| Finding { file: package.files[module].clone(), what: what(name) }).collect()
}

/// Re-exports of whatever a file has: what is used through one leads to no file, and so would hide a cycle.
pub(crate) fn globs(package: &Package) -> Vec<Finding> {
    let what = |target: &Module| format!("it re-exports all of {}: the names have to be given", name(target));
    let globs = package.globs.iter();
    globs.map(|(module, target)| Finding { file: package.files[module].clone(), what: what(target) }).collect()
}

pub(crate) fn name(module: &Module) -> String {
    if module.is_empty() { "the root".to_owned() } else { module.join("::") }
}

/// The shortest way from a file back to itself.
fn shortest(package: &Package, start: &Module) -> Option<Vec<Module>> {
    let mut came_from: BTreeMap<&Module, &Module> = BTreeMap::new();
    let mut next = VecDeque::from([start]);
    while let Some(module) = next.pop_front() {
        for target in package.arrows.get(module)? {
            if target == start {
                let mut way = vec![start.clone()];
                let mut at = module;
                while at != start {
                    way.insert(0, at.clone());
                    at = came_from[at];
                }
                way.insert(0, start.clone());
                return Some(way);
            }
            if package.arrows.contains_key(target) && !came_from.contains_key(target) {
                came_from.insert(target, module);
                next.push_back(target);
            }
        }
    }
    None
}
