//! Which file of a package uses which: by its `use` lines, and by the paths in its code.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree};

/// A module that is a file, by its path from the crate's root; the root itself is empty.
pub(crate) type Module = Vec<String>;

/// The files of a package, and the arrows between them.
pub(crate) struct Package {
    /// From the project's root.
    pub(crate) folder: PathBuf,
    pub(crate) files: BTreeMap<Module, PathBuf>,
    pub(crate) arrows: BTreeMap<Module, BTreeSet<Module>>,
    /// What is imported from the crate's root, by whom.
    pub(crate) from_root: BTreeSet<(Module, String)>,
    /// Files that re-export all of another one, which it is: then no name says which file it is of.
    pub(crate) globs: BTreeSet<(Module, Module)>,
}

/// A file as it is parsed.
struct Source {
    /// Paths that start at the crate's root.
    uses: Vec<Vec<String>>,
    /// Names that are re-exported, and the paths that they stand for.
    reexports: Vec<(String, Vec<String>)>,
}

impl Package {
    pub(crate) fn read(root: &Path, folder: &Path) -> Result<Package, Box<dyn Error>> {
        let mut files = BTreeMap::new();
        list(&root.join(folder).join("src"), &mut Vec::new(), &mut files)?;
        let mut sources = BTreeMap::new();
        for (module, path) in &files {
            let parsed =
                syn::parse_file(&fs::read_to_string(path)?).map_err(|error| format!("{}: {error}", path.display()))?;
            sources.insert(module.clone(), Source::of(module, &files, &parsed));
        }
        let (mut arrows, mut from_root, mut globs) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
        for (module, source) in &sources {
            let mut targets = BTreeSet::new();
            for path in &source.uses {
                let (target, name) = resolve(&sources, path, 0);
                // A module of a file's own, and the file itself, are no arrows.
                if target == *module || target.is_empty() && name.is_none() {
                    continue;
                }
                match (target.is_empty(), name) {
                    (true, Some(name)) => drop(from_root.insert((module.clone(), name))),
                    _ => drop(targets.insert(target)),
                }
            }
            arrows.insert(module.clone(), targets);
            let paths = source.reexports.iter().filter_map(|(_, path)| path.strip_suffix(&["*".to_owned()]));
            let all_of = paths.map(|path| resolve(&sources, path, 0).0);
            globs.extend(all_of.filter(|target| target != module).map(|target| (module.clone(), target)));
        }
        for path in files.values_mut() {
            *path = path.strip_prefix(root)?.to_owned();
        }
        Ok(Package { folder: folder.to_owned(), files, arrows, from_root, globs })
    }
}

fn list(folder: &Path, module: &mut Module, files: &mut BTreeMap<Module, PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            module.push(name);
            list(&path, module, files)?;
            module.pop();
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let own = matches!(name.as_str(), "mod" | "lib" | "main");
            let whole = if own { module.clone() } else { [module.clone(), vec![name]].concat() };
            files.insert(whole, path);
        }
    }
    Ok(())
}

/// The file that a path leads to, and what is looked for in it.
fn resolve(sources: &BTreeMap<Module, Source>, path: &[String], depth: usize) -> (Module, Option<String>) {
    let length = (0..=path.len()).rev().find(|&length| sources.contains_key(&path[..length])).unwrap_or(0);
    let (module, name) = (path[..length].to_vec(), path.get(length));
    let Some(name) = name else { return (module, None) };
    let source = &sources[&module];
    match source.reexports.iter().find(|(exported, _)| exported == name) {
        // Deeper than any façade of façades is.
        Some((_, target)) if depth < 8 => resolve(sources, target, depth + 1),
        _ => (module, Some(name.clone())),
    }
}

impl Source {
    fn of(module: &Module, files: &BTreeMap<Module, PathBuf>, file: &syn::File) -> Source {
        let mut reader = Reader::new(module, module, files);
        reader.visit_file(file);
        let mut source = reader.source;
        // A name that is re-exported and used here too is an arrow of this file; one that is only re-exported is not.
        let used =
            source.reexports.iter().filter(|(name, _)| reader.names.contains(name)).map(|(_, path)| path.clone());
        let used: Vec<_> = used.collect();
        source.uses.extend(used);
        source
    }
}

struct Reader<'a> {
    /// Where it is: the file, or a module within it.
    module: &'a Module,
    file: &'a Module,
    files: &'a BTreeMap<Module, PathBuf>,
    source: Source,
    /// The names that stand in the code, but for those in `use` lines.
    names: BTreeSet<String>,
}

impl<'a> Reader<'a> {
    fn new(module: &'a Module, file: &'a Module, files: &'a BTreeMap<Module, PathBuf>) -> Reader<'a> {
        let source = Source { uses: Vec::new(), reexports: Vec::new() };
        Reader { module, file, files, source, names: BTreeSet::new() }
    }

    /// A path from the crate's root, if it is one of this crate's.
    fn rooted(&self, path: &[String]) -> Option<Vec<String>> {
        let mut base = match path.first()?.as_str() {
            "crate" => return Some(path[1..].to_vec()),
            "self" => return Some([self.module.clone(), path[1..].to_vec()].concat()),
            "super" => self.module.clone(),
            // A module of this file's own, by its name alone.
            child => {
                let child = [self.file.clone(), vec![child.to_owned()]].concat();
                return self.files.contains_key(&child).then(|| [child, path[1..].to_vec()].concat());
            }
        };
        let ups = path.iter().take_while(|part| *part == "super").count();
        for _ in 0..ups {
            base.pop()?;
        }
        Some([base, path[ups..].to_vec()].concat())
    }
}

/// The names that a `use` line brings, each with the path that it stands for; `*` for a glob.
pub(super) fn flatten(tree: &UseTree, path: &mut Vec<String>, into: &mut Vec<(String, Vec<String>)>) {
    match tree {
        UseTree::Path(part) => {
            path.push(part.ident.to_string());
            flatten(&part.tree, path, into);
            path.pop();
        }
        UseTree::Name(name) if name.ident == "self" => {
            into.push((path.last().cloned().unwrap_or_default(), path.clone()));
        }
        UseTree::Name(name) => {
            let whole = [path.clone(), vec![name.ident.to_string()]].concat();
            into.push((name.ident.to_string(), whole));
        }
        UseTree::Rename(name) => {
            let whole = [path.clone(), vec![name.ident.to_string()]].concat();
            into.push((name.rename.to_string(), whole));
        }
        UseTree::Glob(_) => into.push(("*".to_owned(), [path.clone(), vec!["*".to_owned()]].concat())),
        UseTree::Group(group) => group.items.iter().for_each(|tree| flatten(tree, path, into)),
    }
}

/// Is it there for tests or for the documentation alone?
pub(super) fn is_left_out(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let text = attribute.meta.require_list().map(|list| list.tokens.to_string()).unwrap_or_default();
        attribute.path().is_ident("cfg")
            && (matches!(text.as_str(), "test" | "doc" | "doctest")
                || text.starts_with("all (test")
                || text.starts_with("all(test"))
    })
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes: &[Attribute] = match item {
            Item::Mod(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            _ => &[],
        };
        if !is_left_out(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let mut names = Vec::new();
        flatten(&item.tree, &mut Vec::new(), &mut names);
        let is_private = matches!(item.vis, syn::Visibility::Inherited);
        for (name, path) in names {
            // `pub use inner::Inner` means a module of this file.
            let inner = path.first().is_some_and(|part| !matches!(part.as_str(), "crate" | "super" | "self"));
            let path = match self.rooted(&path) {
                Some(path) => path,
                None if inner && !is_private => [self.module.clone(), path].concat(),
                None => continue,
            };
            if is_private {
                self.source.uses.push(path);
            } else {
                self.source.reexports.push((name, path));
            }
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.names.extend(parts.first().cloned());
        if parts.len() > 1
            && let Some(path) = self.rooted(&parts)
        {
            self.source.uses.push(path);
        }
        visit::visit_path(self, path);
    }

    /// What a macro is given is not parsed: in it, every path that names this crate counts.
    fn visit_macro(&mut self, it: &'ast syn::Macro) {
        let text = it.tokens.to_string();
        let words: Vec<&str> = text.split_whitespace().collect();
        for (at, _) in words.iter().enumerate().filter(|(_, word)| matches!(**word, "crate" | "super")) {
            let mut path = vec![words[at].to_owned()];
            let mut rest = words[at + 1..].iter();
            while rest.next() == Some(&"::")
                && let Some(part) = rest.next()
                && part.chars().all(|c| c.is_alphanumeric() || c == '_')
            {
                path.push((*part).to_owned());
            }
            self.source.uses.extend(self.rooted(&path));
        }
        visit::visit_macro(self, it);
    }

    /// `pub(in …)` and `pub(super)` say who may see a thing, and use nothing.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    /// A file's modules in itself have `super` for the file.
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let Some((_, items)) = &item.content else { return };
        let inner = [self.module.clone(), vec![item.ident.to_string()]].concat();
        let mut reader = Reader::new(&inner, self.file, self.files);
        items.iter().for_each(|item| reader.visit_item(item));
        self.source.uses.append(&mut reader.source.uses);
        self.names.append(&mut reader.names);
    }
}
