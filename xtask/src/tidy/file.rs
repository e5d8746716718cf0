//! A file in Rust, read and parsed once for all checks.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) struct File {
    /// From the project's root.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    pub(crate) tree: syn::File,
}

impl File {
    /// All below a folder, in order; those of its tests, benches and examples too.
    pub(crate) fn below(root: &Path, folder: &Path) -> Result<Vec<File>, Box<dyn Error>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(root.join(folder))? {
            let path = folder.join(entry?.file_name());
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if root.join(&path).is_dir() {
                if name != "target" && !name.starts_with('.') {
                    files.extend(File::below(root, &path)?);
                }
            } else if name.ends_with(".rs") {
                let text = fs::read_to_string(root.join(&path))?;
                let tree = syn::parse_file(&text).map_err(|error| format!("{}: {error}", path.display()))?;
                files.push(File { path, text, tree });
            }
        }
        files.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(files)
    }
}
