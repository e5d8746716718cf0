//! What ARCHITECTURE.md says of files: a row for each, none for what is not there, and which stands on which.
//!
//! A layer block has the files of a package from the top down, a layer a line, by their modules; a folder
//! means all that is in it. A file may use what is in its own layer or below, and each has to be in one, but
//! for those that list their folder.
//!
//! ````text
//! ```layers crates/permits
//! verbs
//! request permit
//! ```
//! ````

use super::arrows::{Module, Package};
use super::cycles::name;
use super::finding::Finding;
use std::path::Path;

pub(crate) fn layers(map: &str, package: &Package) -> Vec<Finding> {
    let start = format!("```layers {}\n", package.folder.display());
    let Some((_, rest)) = map.split_once(&start) else { return Vec::new() };
    let block = rest.split("```").next().unwrap_or_default();
    let layers: Vec<Vec<Module>> = block
        .lines()
        .map(|line| line.split_whitespace().map(|word| word.split('/').map(str::to_owned).collect()).collect())
        .collect();
    let layer = |module: &Module| layers.iter().position(|layer| layer.iter().any(|it| module.starts_with(it)));
    let mut findings = Vec::new();
    for missing in layers.iter().flatten().filter(|it| !package.files.keys().any(|file| file.starts_with(it))) {
        let what = format!("a layer of `{}` has `{}`, which is not there", package.folder.display(), missing.join("/"));
        findings.push(Finding { file: "ARCHITECTURE.md".into(), what });
    }
    for (module, targets) in &package.arrows {
        let Some(own) = layer(module) else {
            // A folder's own file and the root only list what there is.
            let lists =
                module.is_empty() || package.files.keys().any(|it| it.len() > module.len() && it.starts_with(module));
            if !lists {
                let what = format!("it is in no layer of `{}` in ARCHITECTURE.md", package.folder.display());
                findings.push(Finding { file: package.files[module].clone(), what });
            }
            continue;
        };
        for target in targets.iter().filter(|target| layer(target).is_some_and(|other| other < own)) {
            let what = format!("an arrow upward: {} -> {}", name(module), name(target));
            findings.push(Finding { file: package.files[module].clone(), what });
        }
    }
    findings
}

pub(crate) fn files_without_a_row(map: &str, package: &Package) -> Vec<Finding> {
    let has_row = |file: &Path| {
        file.ancestors()
            .take_while(|folder| *folder != package.folder)
            .any(|path| map.contains(&format!("]({})", path.display())))
    };
    let files = package.files.values().filter(|file| !has_row(file));
    let what = "it has no row in ARCHITECTURE.md, and neither has its folder";
    files.map(|file| Finding { file: file.clone(), what: what.into() }).collect()
}

/// Links to files of the project that are not there.
pub(crate) fn stale_links(root: &Path, page: &str, text: &str) -> Vec<Finding> {
    let links = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#', ' ']).next());
    let ours = links.filter(|link| !link.is_empty() && !link.contains("://"));
    let stale = ours.filter(|link| !root.join(link).exists());
    stale.map(|link| Finding { file: page.into(), what: format!("it links to `{link}`, which is not there") }).collect()
}
