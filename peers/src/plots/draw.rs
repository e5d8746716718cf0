//! The two kinds of panel that all figures are made of, and their legend.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::table::figure;

pub type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub type Drawn = Result<(), String>;

const FONT: &str = "sans-serif";
const INK: RGBColor = RGBColor(40, 40, 40);
const PALE: RGBColor = RGBColor(222, 222, 222);

pub fn told(e: impl std::fmt::Display) -> String {
    format!("cannot draw: {e}")
}

/// One colour a peer, the same in every figure. Ours stand out; what is not named shares a grey.
pub fn colour(peer: &str) -> RGBColor {
    let named: &[(&str, RGBColor)] = &[
        ("permits x2", RGBColor(240, 130, 150)),
        ("permits-fair", RGBColor(255, 140, 0)),
        ("permits-host loose", RGBColor(255, 140, 0)),
        ("permits-host try", RGBColor(240, 130, 150)),
        ("permits", RGBColor(214, 20, 40)),
        ("floor", RGBColor(150, 150, 150)),
        ("crossbeam", RGBColor(31, 119, 180)),
        ("async-lock", RGBColor(44, 160, 44)),
        ("tokio mpsc", RGBColor(90, 20, 130)),
        ("tokio", RGBColor(168, 100, 209)),
        ("mea", RGBColor(140, 86, 75)),
        ("saa", RGBColor(227, 119, 194)),
        ("futures-intrusive-fair", RGBColor(90, 90, 20)),
        ("futures-intrusive", RGBColor(170, 170, 30)),
        ("java-fair", RGBColor(10, 70, 120)),
        ("java", RGBColor(20, 170, 190)),
        ("sem_t", RGBColor(20, 20, 20)),
        ("flume", RGBColor(0, 100, 80)),
        ("naive", RGBColor(120, 130, 200)),
        ("good", RGBColor(60, 60, 160)),
        ("std", RGBColor(190, 150, 110)),
        ("POSIX sem", RGBColor(20, 20, 20)),
        ("System V undo", RGBColor(31, 119, 180)),
        ("System V", RGBColor(20, 170, 190)),
        ("robust mutex", RGBColor(44, 160, 44)),
        ("flock", RGBColor(140, 86, 75)),
        ("OFD lock", RGBColor(227, 119, 194)),
        ("pipe", RGBColor(168, 100, 209)),
        ("eventfd", RGBColor(170, 170, 30)),
        ("GNU sem", RGBColor(120, 130, 200)),
        ("async-channel", RGBColor(110, 215, 150)),
        ("threading", RGBColor(31, 119, 180)),
        ("asyncio", RGBColor(20, 170, 190)),
        ("aiologic", RGBColor(44, 160, 44)),
        ("anyio", RGBColor(168, 100, 209)),
        ("queue", RGBColor(140, 86, 75)),
        ("8 threads, 1 permit", RGBColor(214, 20, 40)),
        ("8 threads, 2 permits", RGBColor(31, 119, 180)),
        ("32 threads, 1 permit", RGBColor(44, 160, 44)),
    ];
    named.iter().find(|(name, _)| peer.starts_with(name)).map_or(RGBColor(150, 150, 150), |(_, colour)| *colour)
}

/// The pair of ours in place of one is a peer of the one.
pub fn is_ours(peer: &str) -> bool {
    peer.starts_with("permits") && !peer.ends_with(" x2")
}

fn text(size: u32, at: Pos) -> TextStyle<'static> {
    (FONT, size).into_font().color(&INK).pos(at)
}

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
        d if d < 0.9 => &[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0],
        d if d < 2.5 => &[1.0, 2.0, 5.0],
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

/// A row a peer, best at the top: the median as a dot with its figure, the rounds' extremes as a line.
pub fn dots(area: &Area<'_>, title: &str, axis: &str, dots: &[Dot]) -> Drawn {
    const ROW: f64 = 0.5;
    let shown: Vec<&Dot> = dots.iter().filter(|d| d.median > 0.0).collect();
    let (low, high) = bounds(shown.iter().flat_map(|d| [d.min, d.median, d.max]));
    // The figures stand to the right of the dots.
    let high = high * (high / low).powf(0.16);
    let axis_of = LogAxis { range: low..high, ticks: ticks(low, high) };
    let rows = shown.len() as f64;
    let longest = shown.iter().map(|d| d.label.len() as i32).max().unwrap_or(0);
    let labels = (7 * longest + 8).max(190);
    let mut chart = ChartBuilder::on(area)
        .caption(title, text(17, Pos::new(HPos::Left, VPos::Top)))
        .margin(8)
        .margin_left(labels)
        .margin_right(16)
        .x_label_area_size(42)
        .build_cartesian_2d(axis_of, -ROW..rows - ROW)
        .map_err(told)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .light_line_style(WHITE)
        .bold_line_style(PALE)
        .x_label_formatter(&|v| figure(*v))
        .label_style(text(12, Pos::new(HPos::Center, VPos::Top)))
        .x_desc(axis)
        .axis_desc_style(text(13, Pos::new(HPos::Center, VPos::Top)))
        .draw()
        .map_err(told)?;

    for (i, dot) in shown.iter().enumerate() {
        let y = rows - 1.0 - i as f64;
        let colour = colour(&dot.label);
        let width = if is_ours(&dot.label) { 3 } else { 1 };
        let line = [(dot.min, y), (dot.max, y)];
        chart.draw_series(LineSeries::new(line, colour.stroke_width(width))).map_err(told)?;
        let size = if is_ours(&dot.label) { 6 } else { 4 };
        chart.draw_series([Circle::new((dot.median, y), size, colour.filled())]).map_err(told)?;

        let beside = chart.backend_coord(&(dot.max, y));
        let beside = area_coord(area, beside);
        let value = text(12, Pos::new(HPos::Left, VPos::Center));
        area.draw(&Text::new(figure(dot.median), (beside.0 + 9, beside.1), value)).map_err(told)?;
        let mut label = text(13, Pos::new(HPos::Right, VPos::Center));
        if is_ours(&dot.label) {
            label = (FONT, 13, FontStyle::Bold).into_font().color(&colour).pos(Pos::new(HPos::Right, VPos::Center));
        }
        area.draw(&Text::new(dot.label.clone(), (labels - 8, beside.1), label)).map_err(told)?;
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

/// Both axes logarithmic, a line a peer; a tick below each value of x that was measured.
pub fn lines(area: &Area<'_>, title: &str, axes: (&str, &str), series: &[Series], names: &[(f64, &str)]) -> Drawn {
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
    let mut chart = ChartBuilder::on(area)
        .caption(title, text(17, Pos::new(HPos::Left, VPos::Top)))
        .margin(8)
        .margin_right(16)
        .x_label_area_size(42)
        .y_label_area_size(66)
        .build_cartesian_2d(
            LogAxis { range: first / room..last * room, ticks: xs.clone() },
            LogAxis { range: low..high, ticks: ticks(low, high) },
        )
        .map_err(told)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .bold_line_style(PALE)
        .x_label_formatter(&|v| x_name(*v))
        .y_label_formatter(&|v| figure(*v))
        .label_style(text(12, Pos::new(HPos::Center, VPos::Center)))
        .x_desc(axes.0)
        .y_desc(axes.1)
        .axis_desc_style(text(13, Pos::new(HPos::Center, VPos::Center)))
        .draw()
        .map_err(told)?;

    // Ours last, so that nothing lies over them.
    let (ours, others): (Vec<&Series>, Vec<&Series>) = series.iter().partition(|s| is_ours(&s.peer));
    for s in others.into_iter().chain(ours) {
        let colour = colour(&s.peer);
        let (width, size) = if is_ours(&s.peer) { (4, 5) } else { (1, 3) };
        let points = s.points.iter().copied();
        chart.draw_series(LineSeries::new(points.clone(), colour.stroke_width(width))).map_err(told)?;
        chart.draw_series(points.map(|p| Circle::new(p, size, colour.filled()))).map_err(told)?;
    }
    Ok(())
}

const LEGEND_COLUMN: i32 = 190;
const LEGEND_ROW: i32 = 20;

pub fn legend_height(peers: usize, width: u32) -> u32 {
    let columns = (width as i32 / LEGEND_COLUMN) as usize;
    (peers.div_ceil(columns) as i32 * LEGEND_ROW + 12) as u32
}

pub fn legend(area: &Area<'_>, peers: &[String]) -> Drawn {
    let columns = (area.dim_in_pixel().0 as i32 / LEGEND_COLUMN) as usize;
    for (i, peer) in peers.iter().enumerate() {
        let x = 20 + (i % columns) as i32 * LEGEND_COLUMN;
        let y = 10 + (i / columns) as i32 * LEGEND_ROW;
        let colour = colour(peer);
        let width = if is_ours(peer) { 4 } else { 2 };
        area.draw(&PathElement::new(vec![(x, y), (x + 22, y)], colour.stroke_width(width))).map_err(told)?;
        area.draw(&Circle::new((x + 11, y), if is_ours(peer) { 5 } else { 3 }, colour.filled())).map_err(told)?;
        let label = text(13, Pos::new(HPos::Left, VPos::Center));
        area.draw(&Text::new(peer.clone(), (x + 30, y), label)).map_err(told)?;
    }
    Ok(())
}
