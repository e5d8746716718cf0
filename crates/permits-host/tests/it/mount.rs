//! Mounts, in a namespace of their own.

use nix::mount::MsFlags;
use std::io;
use std::path::Path;

const NONE: Option<&str> = None;

/// A new file system in memory.
pub(crate) fn tmpfs(at: impl AsRef<Path>, options: &str) -> io::Result<()> {
    Ok(nix::mount::mount(NONE, at.as_ref(), Some("tmpfs"), MsFlags::empty(), Some(options))?)
}

/// What is at a path, at another one too.
pub(crate) fn bind(what: &Path, at: impl AsRef<Path>) -> io::Result<()> {
    Ok(nix::mount::mount(Some(what), at.as_ref(), NONE, MsFlags::MS_BIND, NONE)?)
}

/// Layers, as containers have them: `lower`, `upper` and `work` of a directory, at another one.
pub(crate) fn overlay(layers: &Path, at: &Path) -> io::Result<()> {
    let layer = |name: &str| format!("{name}dir={}", layers.join(name).display());
    let options = ["lower", "upper", "work"].map(layer).join(",");
    Ok(nix::mount::mount(NONE, at, Some("overlay"), MsFlags::empty(), Some(options.as_str()))?)
}
