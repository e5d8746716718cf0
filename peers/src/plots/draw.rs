//! The two kinds of panel that all figures are made of.

use std::ops::Range;

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::labels::spread;
use super::marks::Mark;
use super::palette::{GRID, INK, OTHER, OTHER_LABEL, PAGE, Tone, is_floor, is_ours, tone};
use super::surface::{Area, Drawn, told};
use crate::table::figure;

const FONT: &str = "sans-serif";
/// Sizes of type in pixels. A page of 840 pixels shows a figure as large as it is, so none is smaller than 11.
const TITLE: f64 = 13.0;
const TEXT: f64 = 12.0;
const SMALL: f64 = 11.0;
/// About as wide as a letter of a label is, at most.
const LETTER: i32 = 7;

fn text(pixels: f64, tone: Tone, horizontal: HPos) -> TextStyle<'static> {
    styled(pixels, tone, FontStyle::Normal, horizontal, VPos::Center)
}

fn styled(pixels: f64, tone: Tone, style: FontStyle, horizontal: HPos, vertical: VPos) -> TextStyle<'static> {
    // The library counts sizes from the top of the tallest letter to the foot of the deepest.
    (FONT, pixels * 1.24, style).into_font().color(&tone.rgb()).pos(Pos::new(horizontal, vertical))
}

/// The colour of a peer's name.
fn name_tone(peer: &str) -> Tone {
    let own = tone(peer);
    if own.rgb() == OTHER.rgb() { OTHER_LABEL } else { own }
}

/// A peer's name: ours in bold type.
fn name(peer: &str, horizontal: HPos) -> TextStyle<'static> {
    let style = if is_ours(peer) { FontStyle::Bold } else { FontStyle::Normal };
    styled(SMALL, name_tone(peer), style, horizontal, VPos::Center)
}

fn title(area: &Area<'_>, title: &str) -> Drawn {
    let style = styled(TITLE, INK, FontStyle::Bold, HPos::Left, VPos::Top);
    area.draw(&Text::new(title.to_owned(), (12, 10), style)).map_err(told)
}

/// What is above and below every panel's axes.
const ABOVE: i32 = 34;
const BELOW: i32 = 42;

/// A logarithmic axis whose ticks are given: the library's own puts them at powers of ten only.
struct LogAxis {
    range: Range<f64>,
    ticks: Vec<f64>,
}

impl Ranged for LogAxis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let part = (value / self.range.start).ln() / (self.range.end / self.range.start).ln();
        limit.0 + (part * f64::from(limit.1 - limit.0)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

/// Round values for a logarithmic axis: powers of ten, and more between them where there are few.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let decades = high.log10() - low.log10();
    let steps: &[f64] = match decades {
        d if d < 0.9 => &[1.0, 1.5, 2.0, 3.0, 5.0, 7.0],
        d if d < 1.2 => &[1.0, 2.0, 3.0, 5.0],
        d if d < 1.6 => &[1.0, 2.0, 5.0],
        d if d < 2.5 => &[1.0, 3.0],
        _ => &[1.0],
    };
    let mut at = Vec::new();
    for power in low.log10().floor() as i32..=high.log10().ceil() as i32 {
        for step in steps {
            let value = step * 10_f64.powi(power);
            if value >= low * 0.999 && value <= high * 1.001 {
                at.push(value);
            }
        }
    }
    at
}

/// Without the values that are so close to the one before that their figures would meet.
fn apart(ticks: Vec<f64>, low: f64, high: f64) -> Vec<f64> {
    const ROOM: f64 = 0.2;
    let mut kept: Vec<f64> = Vec::new();
    for tick in ticks {
        if kept.last().is_none_or(|last| (tick / last).ln() >= ROOM * (high / low).ln()) {
            kept.push(tick);
        }
    }
    kept
}

/// The range of the values on a logarithmic axis, with some room around.
fn bounds(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values
        .filter(|v| v.is_finite() && *v > 0.0)
        .fold((f64::INFINITY, 0.0_f64), |(low, high), v| (low.min(v), high.max(v)));
    if high == 0.0 {
        return (1.0, 10.0);
    }
    // Never less than a factor of three, or noise would look like a difference.
    let middle = (low * high).sqrt();
    (low.min(middle / 1.8) / 1.15, high.max(middle * 1.8) * 1.15)
}

pub struct Dot {
    pub label: String,
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

pub fn dots_height(dots: usize) -> u32 {
    ABOVE as u32 + BELOW as u32 + 16 + 19 * dots as u32
}

/// A row a peer, best at the top: the median as a dot with its figure, the rounds' extremes as a line.
pub fn dots(area: &Area<'_>, heading: &str, axis: &str, dots: &[Dot]) -> Drawn {
    const ROW: f64 = 0.5;
    let shown: Vec<&Dot> = dots.iter().filter(|d| d.median > 0.0).collect();
    let (low, high) = bounds(shown.iter().flat_map(|d| [d.min, d.median, d.max]));
    // The figures stand to the right of the dots.
    let high = high * (high / low).powf(0.24);
    let axis_of = LogAxis { range: low..high, ticks: apart(ticks(low, high), low, high) };
    let rows = shown.len() as f64;
    let longest = shown.iter().map(|d| d.label.len() as i32).max().unwrap_or(0);
    let labels = (LETTER * longest + 16).clamp(110, 222);
    let mut chart = ChartBuilder::on(area)
        .margin(8)
        .margin_top(ABOVE)
        .margin_left(labels)
        .margin_right(16)
        .x_label_area_size(BELOW)
        .build_cartesian_2d(axis_of, -ROW..rows - ROW)
        .map_err(told)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .max_light_lines(0)
        .light_line_style(GRID.rgb())
        .bold_line_style(GRID.rgb())
        .axis_style(OTHER.rgb())
        .x_label_formatter(&|v| figure(*v))
        .label_style(styled(SMALL, INK, FontStyle::Normal, HPos::Center, VPos::Top))
        .draw()
        .map_err(told)?;
    title(area, heading)?;
    // The axis is shorter than what it is of may be: both end at the same place.
    let (right, foot) = area_coord(area, chart.backend_coord(&(high, -ROW)));
    area.draw(&Text::new(axis.to_owned(), (right, foot + 34), text(TEXT, INK, HPos::Right))).map_err(told)?;

    for (i, dot) in shown.iter().enumerate() {
        let y = rows - 1.0 - i as f64;
        let colour = tone(&dot.label).rgb();
        let (width, size) = if is_ours(&dot.label) { (3, 5) } else { (2, 4) };
        let line = [(dot.min, y), (dot.max, y)];
        chart.draw_series(LineSeries::new(line, colour.stroke_width(width))).map_err(told)?;
        // A floor is no competitor: an empty dot.
        if is_floor(&dot.label) {
            chart.draw_series([Circle::new((dot.median, y), size, PAGE.rgb().filled())]).map_err(told)?;
            chart.draw_series([Circle::new((dot.median, y), size, colour.stroke_width(2))]).map_err(told)?;
        } else {
            chart.draw_series([Circle::new((dot.median, y), size, colour.filled())]).map_err(told)?;
        }
        let end = area_coord(area, chart.backend_coord(&(dot.max.max(dot.median), y)));
        area.draw(&Text::new(figure(dot.median), (end.0 + 9, end.1), text(SMALL, INK, HPos::Left))).map_err(told)?;
        area.draw(&Text::new(dot.label.clone(), (labels - 8, end.1), name(&dot.label, HPos::Right))).map_err(told)?;
    }
    Ok(())
}

/// A chart tells places in the whole picture; what is drawn beside it goes by the panel's own corner.
fn area_coord(area: &Area<'_>, at: (i32, i32)) -> (i32, i32) {
    let (xs, ys) = area.get_pixel_range();
    (at.0 - xs.start, at.1 - ys.start)
}

pub struct Series {
    pub peer: String,
    pub points: Vec<(f64, f64)>,
}

/// Between a line's end and its label.
const LEADER: i32 = 22;
/// Half of the width of a mark, and what one takes in front of a name.
const MARK: i32 = 3;
const MARK_ROOM: i32 = 12;

/// Both axes logarithmic, a line a peer, its name at its end; a tick below each value of x that was measured.
pub fn lines(area: &Area<'_>, heading: &str, axes: (&str, &str), series: &[Series], names: &[(f64, &str)]) -> Drawn {
    let all = || series.iter().flat_map(|s| s.points.iter().copied());
    let mut xs: Vec<f64> = all().map(|p| p.0).collect();
    xs.sort_by(f64::total_cmp);
    xs.dedup();
    let (Some(first), Some(last)) = (xs.first(), xs.last()) else { return Ok(()) };
    let room = (last / first).powf(0.04).max(1.1);
    let (low, high) = bounds(all().map(|p| p.1));
    let x_name = |v: f64| match names.iter().find(|(x, _)| (x / v - 1.0).abs() < 1e-9) {
        Some((_, name)) => name.to_string(),
        None => figure(v),
    };
    let longest = series.iter().map(|s| s.peer.len() as i32).max().unwrap_or(0);
    let mut chart = ChartBuilder::on(area)
        .margin(8)
        .margin_top(ABOVE)
        .margin_right(LETTER * longest + LEADER + MARK_ROOM)
        .x_label_area_size(BELOW)
        .y_label_area_size(58)
        .build_cartesian_2d(
            LogAxis { range: first / room..last * room, ticks: xs.clone() },
            LogAxis { range: low..high, ticks: ticks(low, high) },
        )
        .map_err(told)?;
    chart
        .configure_mesh()
        .max_light_lines(0)
        .light_line_style(GRID.rgb())
        .bold_line_style(GRID.rgb())
        .axis_style(OTHER.rgb())
        .x_label_formatter(&|v| x_name(*v))
        .y_label_formatter(&|v| figure(*v))
        .label_style(text(SMALL, INK, HPos::Center))
        .x_desc(axes.0)
        .y_desc(axes.1)
        .axis_desc_style(text(TEXT, INK, HPos::Center))
        .draw()
        .map_err(told)?;
    title(area, heading)?;

    // Greys first and ours last, so that nothing covers them.
    let mut in_order: Vec<&Series> = series.iter().collect();
    in_order.sort_by_key(|s| (is_ours(&s.peer), tone(&s.peer).rgb() != OTHER.rgb()));
    for s in &in_order {
        let colour = tone(&s.peer).rgb();
        let (width, size) = match tone(&s.peer).rgb() == OTHER.rgb() {
            _ if is_ours(&s.peer) => (3, 4),
            true => (1, 2),
            false => (2, 3),
        };
        let points = s.points.iter().copied();
        if is_floor(&s.peer) {
            let dashes = DashedLineSeries::new(points, 6, 4, colour.stroke_width(width));
            chart.draw_series(dashes).map_err(told)?;
        } else {
            chart.draw_series(LineSeries::new(points.clone(), colour.stroke_width(width))).map_err(told)?;
            let (mark, size) = mark(series, &s.peer).map_or((Mark::Dot, size), |mark| (mark, MARK));
            for point in points {
                mark.draw(area, area_coord(area, chart.backend_coord(&point)), size, colour)?;
            }
        }
    }

    let ends: Vec<(i32, i32)> =
        series.iter().filter_map(|s| s.points.last()).map(|end| area_coord(area, chart.backend_coord(end))).collect();
    let (right, bottom) = area_coord(area, chart.backend_coord(&(last * room, low)));
    let wanted: Vec<f64> = ends.iter().map(|end| f64::from(end.1)).collect();
    let places = spread(&wanted, SMALL + 2.0, f64::from(ABOVE), f64::from(bottom));
    for ((s, end), place) in series.iter().zip(ends).zip(places) {
        let y = place.round() as i32;
        let leader = vec![(end.0 + 5, end.1), (right, end.1), (right + LEADER - 6, y)];
        area.draw(&PathElement::new(leader, OTHER.rgb().mix(0.5).stroke_width(1))).map_err(told)?;
        let mut at = right + LEADER - 3;
        if let Some(mark) = mark(series, &s.peer) {
            mark.draw(area, (at + MARK + 1, y), MARK, tone(&s.peer).rgb())?;
            at += MARK_ROOM;
        }
        area.draw(&Text::new(s.peer.clone(), (at, y), name(&s.peer, HPos::Left))).map_err(told)?;
    }
    Ok(())
}

/// The mark of a line that shares its colour with others of the panel; nothing if its colour, or its dashes, tell it.
fn mark(series: &[Series], peer: &str) -> Option<Mark> {
    let is_grey = |peer: &str| tone(peer).rgb() == OTHER.rgb() && !is_floor(peer);
    let mut greys = series.iter().map(|s| &*s.peer).filter(|peer| is_grey(peer));
    greys.position(|other| other == peer).map(Mark::of)
}
