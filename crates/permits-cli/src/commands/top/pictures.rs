//! The pictures: the bar of permits, the histogram of waits, the line of rates.
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::app::App;
use super::history::{CLASSES, Counts, Past};
use super::sample::Reading;
use super::text::{age, rate};
use super::theme::Theme;
use crate::columns::{cut, width};
use crate::spacing;

/// Title, bar, and its numbers, where there is room for all three; on two rows without the title.
pub(crate) fn gauge(frame: &mut Frame, area: Rect, app: &App) {
    let Some(semaphore) = app.chosen() else { return };
    let columns = usize::from(area.width);
    let mut lines = Vec::new();
    let past = app.history.of(&semaphore.name);
    if area.height > 2 {
        let mut right = String::new();
        if let (Ok(reading), Some(past)) = (&semaphore.reading, past) {
            right = format!("recovered {}", reading.recovered);
            if past.recovered > 0 {
                right.push_str(&format!(" (+{})", past.recovered));
            }
        }
        lines.push(rule(app.theme, &semaphore.shown(), &right, columns, false));
    }
    if let Ok(reading) = &semaphore.reading {
        lines.push(bar(app.theme, reading, columns));
        let name = (area.height <= 2).then(|| semaphore.shown());
        lines.push(numbers(app.theme, reading, past, name.as_deref(), columns));
    } else if area.height <= 2 {
        lines.push(Line::styled(cut(&semaphore.shown(), columns).into_owned(), app.theme.bad()));
    }
    frame.render_widget(Paragraph::new(lines), area);
}

fn bar(theme: Theme, reading: &Reading, columns: usize) -> Line<'static> {
    let whole = u64::from(reading.max.max(reading.given_out())).max(1);
    // One permit of many is seen: it gets at least one column.
    let part = |n: u32| (u64::from(n) * columns as u64 / whole).max(u64::from(n > 0)) as usize;
    let held = part(reading.held).min(columns);
    let loose = part(reading.loose).min(columns - held);
    let held = if reading.free > 0 { held.min(columns.saturating_sub(loose + 1)) } else { columns - loose };
    let free = columns - held - loose;
    Line::from(vec![
        Span::styled("█".repeat(held), theme.held()),
        Span::styled("▓".repeat(loose), theme.loose()),
        Span::styled("░".repeat(free), theme.free()),
    ])
}

fn numbers(theme: Theme, reading: &Reading, past: Option<&Past>, name: Option<&str>, columns: usize) -> Line<'static> {
    let mut parts = vec![
        (format!("█ {} held", reading.held), theme.held()),
        (format!("▓ {} loose", reading.loose), theme.loose()),
        (format!("░ {} free", reading.free), theme.free()),
        (format!("of {}", reading.max), Style::new()),
    ];
    if let Some(name) = name {
        // No room for the words: the help has the signs.
        let (held, loose, free) = (reading.held, reading.loose, reading.free);
        parts[0].0 = format!("█ {held}");
        parts[1].0 = format!("▓ {loose}");
        parts[2].0 = format!("░ {free}");
        parts.insert(0, (cut(name, columns / 3).into_owned(), theme.title()));
    }
    if reading.closed {
        parts.push(("! closed".to_owned(), theme.bad()));
    }
    if reading.owed() > 0 {
        parts.push((format!("! {} over the limit", reading.owed()), theme.bad()));
    }
    if reading.of_the_dead() > 0 {
        parts.push((format!("! {} of dead holders", reading.of_the_dead()), theme.bad()));
    }
    if !reading.waiters.is_empty() {
        let longest =
            past.and_then(|past| past.longest).map_or(String::new(), |time| format!(", longest {}", age(time)));
        parts.push((format!("{} waiting{longest}", reading.waiters.len()), theme.wait()));
    }
    if let Some(spaced) = spacing::text(reading.interval, reading.next_start) {
        parts.push((spaced, if reading.next_start.is_some() { theme.wait() } else { Style::new() }));
    }
    let mut spans = Vec::new();
    let mut used = 0;
    for (text, style) in parts {
        let gap = if spans.is_empty() { 0 } else { 2 };
        let room = columns.saturating_sub(used + gap);
        if room < 4 {
            break;
        }
        spans.push(Span::raw(" ".repeat(gap)));
        let text = cut(&text, room).into_owned();
        used += gap + width(&text);
        spans.push(Span::styled(text, style));
    }
    Line::from(spans)
}

/// Waits by how long they took, or take already.
pub(crate) fn waits(frame: &mut Frame, area: Rect, app: &App) {
    let nothing = Past::default();
    let past = app.chosen().and_then(|s| app.history.of(&s.name)).unwrap_or(&nothing);
    let columns = usize::from(area.width);
    let theme = app.theme;
    let mut lines = vec![rule(theme, "Waits", "█ ended ▒ going on", columns, false)];
    let room = usize::from(area.height).saturating_sub(1);
    let with_rate = room >= 4;
    let classes = classes(past, room.saturating_sub(usize::from(with_rate)));
    let numbers = |i: usize| match (classes.ended[i], classes.going_on[i]) {
        (0, 0) => String::new(),
        (ended, 0) => ended.to_string(),
        (0, going_on) => format!("+{going_on}"),
        (ended, going_on) => format!("{ended}+{going_on}"),
    };
    let widest = (0..CLASSES.len()).map(|i| width(&numbers(i))).max().unwrap_or(0);
    let most = (0..CLASSES.len()).map(|i| classes.ended[i] + classes.going_on[i]).max().unwrap_or(0).max(1);
    let bars = columns.saturating_sub(7 + widest + 1);
    for (i, class) in CLASSES.iter().enumerate().take(classes.to).skip(classes.from) {
        let part = |n: u32| (u64::from(n) * bars as u64).div_ceil(u64::from(most)) as usize;
        let all = part(classes.ended[i] + classes.going_on[i]);
        let ended = part(classes.ended[i]).min(all.saturating_sub(usize::from(classes.going_on[i] > 0)));
        lines.push(Line::from(vec![
            Span::styled(format!("{class:>6} "), theme.faint()),
            Span::styled("█".repeat(ended), theme.held()),
            Span::styled("▒".repeat(all - ended), theme.wait()),
            Span::raw(format!("{:>room$}", numbers(i), room = columns.saturating_sub(7 + all))),
        ]));
    }
    if with_rate {
        lines.push(rates(theme, past, columns));
    }
    frame.render_widget(Paragraph::new(lines), area);
}

struct Classes {
    ended: Counts,
    going_on: Counts,
    from: usize,
    to: usize,
}

/// The classes that fit into `room` rows: those in use first; what is left out is counted in the shortest
/// that is shown.
fn classes(past: &Past, room: usize) -> Classes {
    let (mut ended, mut going_on) = (past.ended, past.going_on);
    let used = |i: &usize| ended[*i] + going_on[*i] > 0;
    let lowest = (0..CLASSES.len()).find(used).unwrap_or(2);
    let highest = (0..CLASSES.len()).rfind(used).unwrap_or(2);
    let to = (lowest + room).max(highest + 1).min(CLASSES.len());
    let from = to.saturating_sub(room);
    for i in 0..from {
        ended[from.min(CLASSES.len() - 1)] += std::mem::take(&mut ended[i]);
        going_on[from.min(CLASSES.len() - 1)] += std::mem::take(&mut going_on[i]);
    }
    Classes { ended, going_on, from, to }
}

fn rates(theme: Theme, past: &Past, columns: usize) -> Line<'static> {
    const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let number = past.rate().map_or("grants/s -".to_owned(), |now| format!("grants/s {}", rate(now)));
    let room = columns.saturating_sub(width(&number) + 3);
    let most = past.rates.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let line: String = past
        .rates
        .iter()
        .skip(past.rates.len().saturating_sub(room))
        .map(|rate| LEVELS[((rate / most * 7.0).round() as usize).min(7)])
        .collect();
    Line::from(vec![Span::raw(format!(" {number}  ")), Span::styled(line, theme.free())])
}

/// `── title ─────── right ──`
pub(crate) fn rule(theme: Theme, title: &str, right: &str, columns: usize, focused: bool) -> Line<'static> {
    let title = cut(title, columns.saturating_sub(8)).into_owned();
    let mark = if focused { "━━" } else { "──" };
    let right = if width(&title) + width(right) + 10 > columns || right.is_empty() {
        String::new()
    } else {
        format!(" {right} ")
    };
    let line = if focused { "━" } else { "─" };
    let middle = columns.saturating_sub(2 + 2 + width(&title) + width(&right) + if right.is_empty() { 0 } else { 2 });
    let style = if focused { Style::new() } else { theme.faint() };
    let end = if right.is_empty() { String::new() } else { line.repeat(2) };
    Line::from(vec![
        Span::styled(mark, style),
        Span::styled(format!(" {title} "), theme.title()),
        Span::styled(line.repeat(middle), style),
        Span::raw(right),
        Span::styled(end, style),
    ])
}
