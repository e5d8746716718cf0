//! What panels are drawn on, and how that ends.

use plotters::coord::Shift;
use plotters::prelude::*;

pub type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub type Drawn = Result<(), String>;

pub fn told(e: impl std::fmt::Display) -> String {
    format!("cannot draw: {e}")
}
