//! A figure: panels, and how they are laid out and drawn.

use std::fs;
use std::path::Path;

use plotters::prelude::*;

use super::draw::{Dot, Series, dots, dots_height, lines};
use super::palette::{PAGE, style_sheet};
use super::surface::{Area, Drawn, told};
use crate::record::Row;

/// As wide as the column of text on the pages that show it: what is wider is made smaller there, type as well.
const PAGE_WIDTH: u32 = 840;

/// Some panels in columns.
pub(super) struct Figure {
    pub(super) name: &'static str,
    pub(super) columns: usize,
    pub(super) panels: Vec<Panel>,
}

pub(super) enum Panel {
    Dots { title: String, axis: &'static str, dots: Vec<Dot> },
    Lines { title: String, axes: (&'static str, &'static str), series: Vec<Series>, names: Vec<(f64, &'static str)> },
}

impl Panel {
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Panel::Dots { dots, .. } => dots.is_empty(),
            Panel::Lines { series, .. } => series.is_empty(),
        }
    }

    fn height(&self) -> u32 {
        match self {
            Panel::Dots { dots, .. } => dots_height(dots.len()),
            Panel::Lines { .. } => 310,
        }
    }

    pub(super) fn draw(&self, area: &Area<'_>) -> Drawn {
        match self {
            Panel::Dots { title, axis, dots: of } => dots(area, title, axis, of),
            Panel::Lines { title, axes, series, names } => lines(area, title, *axes, series, names),
        }
    }
}

impl Figure {
    pub(super) fn draw(&self, path: &Path) -> Drawn {
        let shown: Vec<&Panel> = self.panels.iter().filter(|p| !p.is_empty()).collect();
        let columns = self.columns.min(shown.len());
        let rows: Vec<u32> =
            shown.chunks(columns).map(|row| row.iter().map(|p| p.height()).max().unwrap_or(0)).collect();
        let size = (PAGE_WIDTH, rows.iter().sum());

        let mut picture = String::new();
        {
            let root = SVGBackend::with_string(&mut picture, size).into_drawing_area();
            root.fill(&PAGE.rgb()).map_err(told)?;
            let mut rest = root.clone();
            for (row, height) in shown.chunks(columns).zip(&rows) {
                let (area, below) = rest.split_vertically(*height);
                for (panel, place) in row.iter().zip(area.split_evenly((1, columns))) {
                    panel.draw(&place)?;
                }
                rest = below;
            }
            root.present().map_err(told)?;
        }
        let head = picture.find('\n').ok_or("the picture has no head")? + 1;
        picture.insert_str(head, &style_sheet());
        fs::write(path, picture).map_err(|e| format!("cannot write `{}`: {e}", path.display()))
    }
}

/// The value of `key` in parameters such as `threads=1:1 on=two cores capacity=16`.
pub(super) fn parameter<'a>(row: &'a Row, key: &str) -> Option<&'a str> {
    let start = row.parameters.split(' ').scan(0, |at, word| {
        let here = *at;
        *at += word.len() + 1;
        Some((here, word))
    });
    let mut found = None;
    for (at, word) in start {
        match (found, word.split_once('=')) {
            (None, Some((name, _))) if name == key => found = Some((at + key.len() + 1, row.parameters.len())),
            (Some((from, _)), Some(_)) => return Some(&row.parameters[from..at - 1]),
            _ => {}
        }
    }
    found.map(|(from, to)| &row.parameters[from..to])
}
