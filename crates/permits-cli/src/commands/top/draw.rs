//! The whole screen: where each panel goes, the title, the keys, and the boxes that ask.
//!
//! Three shapes: on a small terminal one list at a time; on a usual one all panels below each other; on a wide one the
//! semaphores and the waits on the left, and what belongs to the chosen one on the right.
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Clear, Padding, Paragraph, Wrap};

use super::app::{App, Dialog, Focus};
use super::{lists, pictures};
use crate::columns::{cut, width};

/// Rows that a panel takes besides its list: its title and the heading.
const FRAME: u16 = 2;
/// Columns that the histogram wants.
const WAITS: u16 = 34;
/// Rows that the histogram wants: title, eight classes, the rate.
const WAITS_ROWS: u16 = 10;

pub(crate) fn draw(frame: &mut Frame, app: &mut App) {
    let [title, body, keys] =
        Layout::vertical([Constraint::Length(1), Constraint::Fill(1), Constraint::Length(1)]).areas(frame.area());
    frame.render_widget(title_line(app, title.width.into()), title);
    if let Some(trouble) = &app.sample.trouble {
        say(frame, body, app.theme.bad(), &format!("! {trouble}"));
    } else if app.all.is_empty() {
        let directory = &app.sample.directory;
        let hint = format!("no semaphore in `{directory}` yet\n\npermits run --max 2 NAME -- COMMAND\ncreates one");
        say(frame, body, Style::new(), &hint);
    } else if body.width < 60 || body.height < 14 {
        draw_small(frame, body, app);
    } else if body.width >= 140 && body.height >= 24 {
        draw_wide(frame, body, app);
    } else {
        draw_usual(frame, body, app);
    }
    frame.render_widget(key_line(app, keys.width.into()), keys);
    match &app.dialog {
        Some(Dialog::Help) => help(frame, app),
        Some(Dialog::Confirm(act)) => ask(frame, app, &act.question()),
        None => {}
    }
}

fn draw_small(frame: &mut Frame, body: Rect, app: &mut App) {
    let [gauge, list] = Layout::vertical([Constraint::Length(2), Constraint::Fill(1)]).areas(body);
    pictures::gauge(frame, gauge, app);
    if unreadable(frame, list, app) && app.focus != Focus::Semaphores {
        return;
    }
    match app.focus {
        Focus::Semaphores => lists::semaphores(frame, list, app),
        Focus::Holders => lists::holders(frame, list, app),
        Focus::Queue => lists::queue(frame, list, app),
    }
}

fn draw_usual(frame: &mut Frame, body: Rect, app: &mut App) {
    let height = body.height;
    let wanted = rows(app.sample.semaphores.len());
    let list = wanted.clamp(3, (height / 3).max(5));
    let [list, gauge, rest] =
        Layout::vertical([Constraint::Length(list), Constraint::Length(3), Constraint::Fill(1)]).areas(body);
    lists::semaphores(frame, list, app);
    pictures::gauge(frame, gauge, app);
    if unreadable(frame, rest, app) {
        return;
    }
    let (holders, waiters) = app.reading().map_or((0, 0), |r| (rows(r.holders.len()), rows(r.waiters.len())));
    // Each gets half, or what the other one does not need.
    let below = waiters.clamp(7, WAITS_ROWS.max(waiters));
    let most = (rest.height / 2).max(rest.height.saturating_sub(below));
    let [above, below] =
        Layout::vertical([Constraint::Length(holders.clamp(3, most.max(3))), Constraint::Fill(1)]).areas(rest);
    lists::holders(frame, above, app);
    if rest.width < 76 {
        lists::queue(frame, below, app);
        return;
    }
    let [queue, waits] = Layout::horizontal([Constraint::Fill(1), Constraint::Length(WAITS)]).spacing(2).areas(below);
    lists::queue(frame, queue, app);
    pictures::waits(frame, waits, app);
}

fn draw_wide(frame: &mut Frame, body: Rect, app: &mut App) {
    let [left, right] = Layout::horizontal([Constraint::Percentage(42), Constraint::Fill(1)]).spacing(3).areas(body);
    let list = (rows(app.sample.semaphores.len()) + 1).min(left.height - WAITS_ROWS);
    let [list, waits] = Layout::vertical([Constraint::Length(list), Constraint::Length(WAITS_ROWS)]).areas(left);
    lists::semaphores(frame, list, app);
    pictures::waits(frame, waits, app);
    let [gauge, rest] = Layout::vertical([Constraint::Length(4), Constraint::Fill(1)]).areas(right);
    pictures::gauge(frame, gauge, app);
    if unreadable(frame, rest, app) {
        return;
    }
    let (holders, waiters) = app.reading().map_or((0, 0), |r| (rows(r.holders.len()), rows(r.waiters.len())));
    let most = (rest.height / 2).max(rest.height.saturating_sub(waiters + 1));
    let [holders, queue] =
        Layout::vertical([Constraint::Length((holders + 1).clamp(4, most)), Constraint::Fill(1)]).areas(rest);
    lists::holders(frame, holders, app);
    lists::queue(frame, queue, app);
}

fn rows(entries: usize) -> u16 {
    u16::try_from(entries.max(1)).unwrap_or(u16::MAX - FRAME).saturating_add(FRAME)
}

/// Says why the chosen semaphore could not be read, in place of its panels.
fn unreadable(frame: &mut Frame, area: Rect, app: &App) -> bool {
    let Some(Err(why)) = app.chosen().map(|semaphore| &semaphore.reading) else { return false };
    say(frame, area, app.theme.bad(), &format!("! {why}"));
    true
}

fn say(frame: &mut Frame, area: Rect, style: Style, text: &str) {
    let block = Block::new().padding(Padding::uniform(1));
    frame.render_widget(Paragraph::new(text).style(style).wrap(Wrap { trim: true }).block(block), area);
}

fn title_line(app: &App, columns: usize) -> Line<'static> {
    let every = match app.paused {
        true => "PAUSED ".to_owned(),
        false => format!("every {} ", humantime::format_duration(app.interval)),
    };
    let room = columns.saturating_sub(width(&every) + 2);
    let left = cut(&format!(" permits top  {}", app.sample.directory), room).into_owned();
    let space = " ".repeat(columns.saturating_sub(width(&left) + width(&every)));
    Line::from(vec![Span::raw(left), Span::raw(space), Span::raw(every)]).style(app.theme.cursor())
}

fn key_line(app: &App, columns: usize) -> Line<'static> {
    if app.is_typing {
        return Line::from(format!(" /{}▏  Enter keep   Esc all", cut(&app.filter, columns.saturating_sub(26))));
    }
    let text = match &app.message {
        Some(Ok(done)) => return Line::styled(cut(&format!(" {done}"), columns).into_owned(), app.theme.title()),
        Some(Err(why)) => return Line::styled(cut(&format!(" ! {why}"), columns).into_owned(), app.theme.bad()),
        None => [
            ("q", "quit"),
            ("?", "help"),
            ("Tab", app.focus.next().word()),
            ("p", if app.paused { "resume" } else { "pause" }),
        ],
    };
    let more = [("+ -", "resize"), ("r", "revoke"), ("/", "filter"), ("s", "sort"), ("↑ ↓", "choose")];
    let more = more.into_iter().filter(|(key, _)| !(app.read_only && matches!(*key, "+ -" | "r")));
    let mut spans = Vec::new();
    let mut used = 0;
    for (key, does) in text.into_iter().chain(more) {
        used += width(key) + width(does) + 4;
        if used > columns {
            break;
        }
        spans.extend([Span::raw(" "), Span::styled(key, app.theme.title()), Span::raw(format!(" {does}  "))]);
    }
    Line::from(spans)
}

fn help(frame: &mut Frame, app: &App) {
    // Short enough for 40 columns.
    let keys = [
        ("↑ ↓ j k", "choose a row"),
        ("Tab ← →", "go to another list"),
        ("/  s", "filter by name; sort"),
        ("+ -", "resize by one permit"),
        ("r", "revoke the chosen one"),
        ("p  Space", "pause; read now"),
        ("q Esc ^C", "quit"),
        ("", ""),
        ("█ held", "returns with its owner"),
        ("▓ loose", "has no owner"),
        ("░ free", "can be acquired"),
    ];
    let lines: Vec<Line> = keys
        .iter()
        .map(|(key, does)| Line::from(vec![Span::styled(format!("{key:<10}"), app.theme.title()), Span::raw(*does)]))
        .collect();
    popup(frame, app, " Keys ", "any key: back", Paragraph::new(lines), 40, keys.len());
}

fn ask(frame: &mut Frame, app: &App, question: &str) {
    let columns = usize::from(frame.area().width.min(64)).saturating_sub(6).max(1);
    // Words wrap earlier than letters would: one line more for each paragraph of several lines.
    let height: usize = question.lines().map(|l| width(l).div_ceil(columns).max(1) + width(l) / columns / 2).sum();
    let paragraph = Paragraph::new(question).wrap(Wrap { trim: false });
    popup(frame, app, " Sure? ", "y: do it   any other key: no", paragraph, 64, height);
}

fn popup(frame: &mut Frame, app: &App, title: &str, keys: &str, text: Paragraph, columns: u16, rows: usize) {
    let rows = u16::try_from(rows).unwrap_or(u16::MAX).saturating_add(2);
    let area = frame.area().centered(Constraint::Length(columns), Constraint::Length(rows)).intersection(frame.area());
    let block = Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(app.theme.wait())
        .title(Span::styled(title.to_owned(), app.theme.title()))
        .title_bottom(Line::from(format!(" {keys} ")).right_aligned())
        .padding(Padding::horizontal(2));
    frame.render_widget(Clear, area);
    frame.render_widget(text.block(block), area);
}
