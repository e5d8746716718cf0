//! The lists: each a title on a rule, a heading, and rows; one row has the cursor.
use std::time::SystemTime;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use super::app::{App, Cursor, Focus};
use super::history::Past;
use super::pictures::rule;
use super::sample::{Reading, Semaphore};
use super::table::{self, Column};
use super::text::{age, rate};
use super::theme::Theme;
use crate::columns::cut;
use crate::people;
use crate::people::Who;
use crate::table::ranges;
use permits_host::Side;

const SEMAPHORES: [Column; 10] = [
    Column::left("NAME", 0, 32),
    Column::left("STATE", 1, 12),
    Column::right("FREE", 0),
    Column::right("MAX", 0),
    Column::right("HELD", 2),
    Column::right("LOOSE", 4),
    Column::right("WAIT", 0),
    Column::right("LONGEST", 3),
    Column::right("GRANTS/S", 5),
    Column::right("RECOVERED", 6),
];

const HOLDERS: [Column; 8] = [
    Column::left("GRANT", 1, 12),
    Column::right("PID", 0),
    Column::left("USER", 3, 12),
    Column::right("PERMITS", 2),
    Column::left("SLOTS", 5, 9),
    Column::right("HELD FOR", 1),
    Column::left("LABEL", 4, 16),
    Column::rest("COMMAND"),
];

const QUEUE: [Column; 8] = [
    Column::right("#", 0),
    Column::left("TO", 2, 8),
    Column::left("GRANT", 5, 12),
    Column::right("PID", 0),
    Column::left("USER", 4, 12),
    Column::right("PERMITS", 3),
    Column::right("WAITS", 1),
    Column::rest("COMMAND"),
];

pub(crate) fn semaphores(frame: &mut Frame, area: Rect, app: &mut App) {
    let rows: Vec<_> = app.sample.semaphores.iter().map(|s| semaphore_row(s, app.history.of(&s.name))).collect();
    let theme = app.theme;
    let styles = app.sample.semaphores.iter().map(|s| match &s.reading {
        Err(_) => theme.bad(),
        Ok(reading) if !reading.waiters.is_empty() => theme.wait(),
        Ok(reading) if reading.given_out() == 0 => theme.faint(),
        Ok(_) => Style::new(),
    });
    let styles: Vec<Style> = styles.collect();
    let title = match app.filter.as_str() {
        "" => format!("Semaphores {}", rows.len()),
        filter => format!("Semaphores {} of {} with /{filter}", rows.len(), app.all.len()),
    };
    let empty = "no name contains that; Esc shows all";
    let focused = app.focus == Focus::Semaphores;
    list(frame, area, theme, &title, empty, focused, &SEMAPHORES, &rows, &styles, &mut app.semaphores);
}

/// Row of a semaphore; also of the table that is printed where there is no terminal.
pub(crate) fn semaphore_row(semaphore: &Semaphore, past: Option<&Past>) -> [String; 10] {
    let name = semaphore.shown();
    let Ok(reading) = &semaphore.reading else {
        return std::array::from_fn(|i| match i {
            0 => name.clone(),
            1 => "unreadable".to_owned(),
            _ => "-".to_owned(),
        });
    };
    let rate = past.and_then(Past::rate).filter(|_| !reading.is_of_machines).map_or("-".to_owned(), rate);
    [
        name,
        state_word(reading).to_owned(),
        reading.free.to_string(),
        reading.max.to_string(),
        reading.held.to_string(),
        reading.loose.to_string(),
        reading.waiters.len().to_string(),
        past.and_then(|past| past.longest).map_or("-".to_owned(), age),
        rate,
        if reading.is_of_machines { "-".to_owned() } else { reading.recovered.to_string() },
    ]
}

pub(crate) const SEMAPHORE_COLUMNS: &[Column; 10] = &SEMAPHORES;

fn state_word(reading: &Reading) -> &'static str {
    match reading {
        r if r.closed => "closed",
        r if r.owed() > 0 => "shrinking",
        r if r.of_the_dead() > 0 => "holder dead",
        r if r.given_out() == 0 && r.waiters.is_empty() => "idle",
        r if r.given_out() == 0 => "waiting",
        r if r.free == 0 => "full",
        _ => "in use",
    }
}

pub(crate) fn holders(frame: &mut Frame, area: Rect, app: &mut App) {
    let Some(reading) = app.reading() else { return };
    let theme = app.theme;
    let now = app.sample.taken;
    let rows: Vec<_> = reading
        .holders
        .iter()
        .map(|h| {
            let who = &h.who;
            let since = since(h.since, now);
            [
                who.grant.clone(),
                who.pid_text(),
                who.user.clone(),
                h.permits.to_string(),
                ranges(&h.slots),
                since,
                who.label.clone(),
                command(who),
            ]
        })
        .collect();
    let styles: Vec<Style> = reading.holders.iter().map(|h| who_style(theme, &h.who)).collect();
    let title = format!("Holders {}", rows.len());
    let empty = if reading.loose > 0 { "no holders; loose permits have no owner" } else { "no holders" };
    let focused = app.focus == Focus::Holders;
    list(frame, area, theme, &title, empty, focused, &HOLDERS, &rows, &styles, &mut app.holders);
}

pub(crate) fn queue(frame: &mut Frame, area: Rect, app: &mut App) {
    let Some(reading) = app.reading() else { return };
    let theme = app.theme;
    let now = app.sample.taken;
    let releasers = reading.waiting(Side::Release);
    let rows: Vec<_> = reading
        .waiters
        .iter()
        .map(|w| {
            let who = &w.who;
            let place = w.position.to_string();
            let to = if releasers > 0 { people::side(w.side).to_owned() } else { String::new() };
            let (permits, since) = (w.permits.to_string(), since(w.since, now));
            [place, to, who.grant.clone(), who.pid_text(), who.user.clone(), permits, since, command(who)]
        })
        .collect();
    let styles: Vec<Style> = reading.waiters.iter().map(|w| who_style(theme, &w.who)).collect();
    let mut title = format!("Queue {}", rows.len());
    if releasers > 0 {
        title.push_str(&format!(", {releasers} to release"));
    }
    let focused = app.focus == Focus::Queue;
    list(frame, area, theme, &title, "no waiters", focused, &QUEUE, &rows, &styles, &mut app.queue);
}

#[expect(
    clippy::too_many_arguments,
    reason = "three lists differ in all of these, and a struct would only rename them"
)]
fn list<const N: usize>(
    frame: &mut Frame,
    area: Rect,
    theme: Theme,
    title: &str,
    empty: &str,
    focused: bool,
    columns: &[Column; N],
    rows: &[[String; N]],
    styles: &[Style],
    cursor: &mut Cursor,
) {
    let room = usize::from(area.width);
    let height = usize::from(area.height).saturating_sub(2);
    let window = cursor.window(rows.len(), height);
    let hidden = rows.len() - window.len();
    let more = if hidden > 0 { format!("{}–{}", window.start + 1, window.end) } else { String::new() };
    let mut lines = vec![rule(theme, title, &more, room, focused)];
    if rows.is_empty() {
        lines.push(Line::styled(format!("  {}", cut(empty, room.saturating_sub(2))), theme.faint()));
    } else {
        // Two columns on the left are for the mark of the row.
        let texts = table::lines(columns, rows, room.saturating_sub(2));
        lines.push(Line::styled(format!("  {}", texts[0]), theme.faint()));
        for row in window {
            let here = row == cursor.row;
            let mark = if here { "▸ " } else { "  " };
            let text = cut(&texts[row + 1], room.saturating_sub(2)).into_owned();
            let mut line = Line::styled(format!("{mark}{text}"), styles[row]);
            if here && focused {
                line.push_span(" ".repeat(room.saturating_sub(line.width())));
                line.style = line.style.patch(theme.cursor());
            }
            lines.push(line);
        }
    }
    frame.render_widget(Paragraph::new(lines), area);
}

fn since(then: SystemTime, now: SystemTime) -> String {
    // A clock that was set back makes a time in the future; it is shown as no time at all.
    age(now.duration_since(then).unwrap_or_default())
}

fn command(who: &Who) -> String {
    match (who.alive, who.revoked) {
        (false, _) => format!("[dead] {}", who.command),
        (true, true) => format!("[revoked] {}", who.command),
        (true, false) => who.command.clone(),
    }
}

fn who_style(theme: Theme, who: &Who) -> Style {
    match (who.alive, who.revoked) {
        (false, _) => theme.bad(),
        (true, true) => theme.wait(),
        (true, false) => Style::new(),
    }
}
