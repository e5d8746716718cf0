//! Marks for lines that share a grey: each has one of its own at its points, and beside its name.

use plotters::prelude::*;

use super::palette::PAGE;
use super::surface::{Area, Drawn, told};

/// What the points of a line are drawn as.
#[derive(Clone, Copy)]
pub enum Mark {
    Dot,
    Ring,
    Square,
    Frame,
    Triangle,
    Cross,
    Diamond,
    Bar,
}

/// More lines than these share marks, in the same order.
const ALL: [Mark; 8] =
    [Mark::Ring, Mark::Square, Mark::Triangle, Mark::Cross, Mark::Frame, Mark::Diamond, Mark::Bar, Mark::Dot];

impl Mark {
    /// Of the `n`th of the lines that share a colour.
    pub fn of(n: usize) -> Mark {
        ALL[n % ALL.len()]
    }

    /// Draws it around a place of the panel.
    pub fn draw(self, area: &Area<'_>, (x, y): (i32, i32), size: i32, colour: RGBColor) -> Drawn {
        let (full, page) = (colour.filled(), PAGE.rgb().filled());
        let corners = [(x - size, y - size), (x + size, y + size)];
        let drawn = match self {
            Mark::Dot => area.draw(&Circle::new((x, y), size, full)),
            Mark::Ring => {
                area.draw(&Circle::new((x, y), size, page)).map_err(told)?;
                area.draw(&Circle::new((x, y), size, colour.stroke_width(1)))
            }
            Mark::Square => area.draw(&Rectangle::new(corners, full)),
            Mark::Frame => {
                area.draw(&Rectangle::new(corners, page)).map_err(told)?;
                area.draw(&Rectangle::new(corners, colour.stroke_width(1)))
            }
            Mark::Triangle => area
                .draw(&Polygon::new(vec![(x, y - size - 1), (x + size + 1, y + size), (x - size - 1, y + size)], full)),
            Mark::Diamond => {
                let size = size + 1;
                area.draw(&Polygon::new(vec![(x, y - size), (x + size, y), (x, y + size), (x - size, y)], full))
            }
            Mark::Cross => {
                let [from, to] = corners;
                area.draw(&PathElement::new(vec![from, to], colour.stroke_width(2))).map_err(told)?;
                area.draw(&PathElement::new(vec![(from.0, to.1), (to.0, from.1)], colour.stroke_width(2)))
            }
            Mark::Bar => area.draw(&Rectangle::new([(x - 1, y - size - 1), (x + 1, y + size + 1)], full)),
        };
        drawn.map_err(told)
    }
}
