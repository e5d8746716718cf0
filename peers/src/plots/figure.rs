//! A figure: panels, and how they are laid out and drawn.

use std::path::Path;

use plotters::prelude::*;

use super::draw::{self, Area, Dot, Drawn, Series, dots, legend, legend_height, lines, told};
use crate::record::Row;

/// Some panels in columns, and one legend for those that are made of lines.
pub(super) struct Figure {
    pub(super) name: &'static str,
    pub(super) columns: usize,
    /// Of a panel.
    pub(super) width: u32,
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
            Panel::Dots { dots, .. } => 96 + 22 * dots.len() as u32,
            Panel::Lines { .. } => 380,
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
        let width = self.width * columns as u32;
        let rows: Vec<u32> =
            shown.chunks(columns).map(|row| row.iter().map(|p| p.height()).max().unwrap_or(0)).collect();
        let peers = self.peers();
        let foot = if peers.is_empty() { 0 } else { legend_height(peers.len(), width) };
        let height = rows.iter().sum::<u32>() + foot;

        let root = SVGBackend::new(path, (width, height)).into_drawing_area();
        root.fill(&WHITE).map_err(told)?;
        let mut rest = root.clone();
        for (row, height) in shown.chunks(columns).zip(&rows) {
            let (area, below) = rest.split_vertically(*height);
            for (panel, place) in row.iter().zip(area.split_evenly((1, columns))) {
                panel.draw(&place)?;
            }
            rest = below;
        }
        legend(&rest, &peers)?;
        root.present().map_err(told)
    }

    /// Those with a line somewhere: ours first.
    fn peers(&self) -> Vec<String> {
        let mut peers: Vec<String> = Vec::new();
        for panel in &self.panels {
            if let Panel::Lines { series, .. } = panel {
                for s in series {
                    if !peers.contains(&s.peer) {
                        peers.push(s.peer.clone());
                    }
                }
            }
        }
        peers.sort_by_key(|p| !draw::is_ours(p));
        peers
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
