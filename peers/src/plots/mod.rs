//! Figures from a file of results, as SVG.

mod draw;
mod figure;
mod figures;
mod labels;
mod marks;
mod palette;
mod surface;

use std::fs;
use std::path::Path;

use crate::record;
use figure::Panel;

pub fn draw(from: &Path, dir: &Path) -> Result<(), String> {
    let rows = record::read(from)?;
    fs::create_dir_all(dir).map_err(|e| format!("cannot make `{}`: {e}", dir.display()))?;
    for figure in figures::all(&rows) {
        let path = dir.join(format!("{}.svg", figure.name));
        if figure.panels.iter().all(Panel::is_empty) {
            eprintln!("{}: no rows for it in `{}`", path.display(), from.display());
            continue;
        }
        figure.draw(&path)?;
        eprintln!("{}", path.display());
    }
    Ok(())
}
