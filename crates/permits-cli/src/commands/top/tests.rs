//! The whole screen, drawn from made-up samples.
mod choosing;

use std::time::{Duration, SystemTime};

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::{Color, Modifier};

use super::app::{Act, App, Dialog, Focus, Next};
use super::draw::draw;
use super::made_up::{at, busy, busy_with_a_past, reading, sample, sample_of, waiter};
use super::sample::{Reading, Sample, Semaphore};
use super::theme::Theme;
use super::{history::History, plain};
use crate::columns::width;

fn app(sample: Sample) -> App {
    let mut app = App::new(Theme { colour: true }, Duration::from_secs(1));
    app.show(sample);
    app
}

fn busy_app() -> App {
    let mut app = App::new(Theme { colour: true }, Duration::from_secs(1));
    busy_with_a_past(|sample| app.show(sample));
    app
}

fn terminal(app: &mut App, columns: u16, rows: u16) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    terminal.draw(|frame| draw(frame, app)).unwrap();
    terminal
}

fn screen(app: &mut App, columns: u16, rows: u16) -> Vec<String> {
    let terminal = terminal(app, columns, rows);
    let buffer = terminal.backend().buffer();
    let line = |y| {
        let mut line = String::new();
        let mut x = 0;
        while x < columns {
            let symbol = buffer[(x, y)].symbol();
            line.push_str(symbol);
            // What is two columns wide hides the cell after it.
            x += u16::try_from(width(symbol)).unwrap().max(1);
        }
        line.trim_end().to_owned()
    };
    (0..rows).map(line).collect()
}

fn press(app: &mut App, keys: &str) -> Next {
    let mut next = Next::Draw;
    for c in keys.chars() {
        let code = if c == '\t' { KeyCode::Tab } else { KeyCode::Char(c) };
        next = app.on_key(KeyEvent::new(code, KeyModifiers::NONE));
    }
    next
}

#[track_caller]
fn assert_has(lines: &[String], text: &str) {
    assert!(lines.iter().any(|line| line.contains(text)), "no `{text}` in\n{}", lines.join("\n"));
}

#[test]
fn usual_size_shows_all_panels() {
    let lines = screen(&mut busy_app(), 80, 24);

    let expected = " permits top  /run/permits                                             every 1s
━━ Semaphores 5 ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━
  NAME       STATE    FREE  MAX  HELD  LOOSE  WAIT  LONGEST  GRANTS/S  RECOVERED
▸ build      full        0    6     5      1     5      49s       2.2          4
  hand-over  waiting     2    2     0      0     1      17s         0          0
  gpu        in use      1    4     3      0     0        -         0          1
  pytest     in use      9   16     7      0     0        -       2.8          0
  deploy     idle        1    1     0      0     0        -         0          0
── build ─────────────────────────────────────────────────── recovered 4 (+1) ──
███████████████████████████████████████████████████████████████████▓▓▓▓▓▓▓▓▓▓▓▓▓
█ 5 held  ▓ 1 loose  ░ 0 free  of 6  5 waiting, longest 49s";
    for (i, line) in expected.lines().enumerate() {
        assert_eq!(lines[i], line);
    }
    assert_has(&lines, "▸ 4-17   21877  perf            1  0         1h10m  nightly     [revoked] cargo");
    assert_has(&lines, "▸ 1  30791");
    assert_has(&lines, "── Waits ─── █ ended ▒ going on ──");
    assert_has(&lines, "q quit   ? help   Tab holders");
}

#[test]
fn small_size_shows_one_list_at_a_time() {
    let mut app = busy_app();

    let first = screen(&mut app, 40, 10);
    press(&mut app, "\t");
    let second = screen(&mut app, 40, 10);
    press(&mut app, "\t");
    let third = screen(&mut app, 40, 10);

    assert_has(&first, "▸ build");
    assert_has(&first, "build  █ 5  ▓ 1  ░ 0  of 6  5 waiting, …");
    assert_has(&second, "━━ Holders 4 ━");
    assert_has(&second, "9-4");
    assert_has(&third, "━━ Queue 5 ━");
    assert_has(&third, "▸ 1  30791    49s  cargo test -p parser");
}

#[test]
fn wide_size_shows_all_in_two_columns() {
    let lines = screen(&mut busy_app(), 200, 60);

    assert_has(&lines, "━━ Semaphores 5 ━");
    assert!(lines.iter().any(|line| line.contains("Semaphores") && line.contains("── build ──")));
    assert_has(&lines, "cargo test --workspace --all-features -- --inclu");
    assert_has(&lines, "npm run build -- --mode production");
    assert_has(&lines, "≥1h");
}

#[test]
fn no_size_panics_or_overflows() {
    for columns in [1, 2, 7, 20, 40, 59, 60, 75, 76, 80, 139, 140, 200, 300] {
        for rows in [1, 2, 3, 5, 10, 15, 16, 24, 25, 26, 60] {
            let mut app = busy_app();
            for keys in ["", "\t", "\t", "r", "n?"] {
                press(&mut app, keys);
                let lines = screen(&mut app, columns, rows);
                assert!(lines.iter().all(|line| width(line) <= columns.into()), "{columns} x {rows}");
            }
        }
    }
}

#[test]
fn empty_directory_says_how_to_begin() {
    let lines = screen(&mut app(sample(vec![], at(0))), 80, 24);

    assert_has(&lines, "no semaphore in `/run/permits` yet");
    assert_has(&lines, "permits run --max 2 NAME -- COMMAND");
}

#[test]
fn directory_that_cannot_be_read_says_why() {
    let trouble = Some("others may write to `/run/permits`: take that right away".to_owned());

    let lines = screen(&mut app(Sample { trouble, ..sample(vec![], at(0)) }), 40, 10);

    assert_has(&lines, "! others may write to");
}

#[test]
fn semaphore_that_cannot_be_read_leaves_the_others() {
    let broken = Semaphore { name: "a".to_owned(), reading: Err("`a` is damaged: run `permits repair a`".to_owned()) };
    let sound = Semaphore { name: "b".to_owned(), reading: Ok(reading(2, 1)) };

    let mut app = app(sample(vec![broken, sound], at(0)));
    let first = screen(&mut app, 80, 24);
    press(&mut app, "j");
    let second = screen(&mut app, 80, 24);

    assert_has(&first, "▸ b     in use");
    assert_has(&first, "make -C kernel all");
    assert_has(&second, "▸ a     unreadable");
    assert_has(&second, "! `a` is damaged: run `permits repair a`");
}

#[test]
fn thousand_waiters_scroll() {
    let waiters = (1..=1000).map(|i| waiter(&format!("{i}-1"), i, 2000 - u64::from(i))).collect();
    let mut app = app(sample_of("build", Reading { waiters, ..reading(1, 1) }, at(0)));

    press(&mut app, "\t\t");
    let top = screen(&mut app, 80, 24);
    press(&mut app, "G");
    let bottom = screen(&mut app, 80, 24);
    press(&mut app, "k");
    let above = screen(&mut app, 80, 24);

    assert_has(&top, "━━ Queue 1000 ━");
    assert_has(&top, "▸    1  4001  33m19s  pytest");
    assert_has(&bottom, "▸ 1000  5000  16m40s  pytest");
    assert_has(&bottom, "–1000 ━━");
    assert_has(&above, "▸  999");
    assert_has(&above, "  1000  5000");
}

#[test]
fn waits_are_counted_in_classes() {
    let waiters = vec![waiter("2-1", 1, 5), waiter("3-1", 2, 5), waiter("4-1", 3, 30)];
    let mut app = app(sample_of("build", Reading { waiters, ..reading(1, 1) }, at(0)));

    let lines = screen(&mut app, 80, 24);

    assert_has(&lines, "<10s ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒ +2");
    assert_has(&lines, "<1m ▒▒▒▒▒▒▒▒▒▒▒▒             +1");
}

#[test]
fn without_colour_every_cell_keeps_its_sign() {
    let mut app = busy_app();
    let coloured = screen(&mut app, 100, 30);
    app.theme.colour = false;

    let terminal = terminal(&mut app, 100, 30);

    assert!(terminal.backend().buffer().content.iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
    assert_eq!(screen(&mut app, 100, 30), coloured);
}

#[test]
fn row_with_the_keys_is_reversed_and_marked() {
    let mut app = busy_app();

    let terminal = terminal(&mut app, 80, 24);

    let cell = &terminal.backend().buffer()[(0, 3)];
    assert_eq!(cell.symbol(), "▸");
    assert!(cell.modifier.contains(Modifier::REVERSED));
    assert!(terminal.backend().buffer()[(79, 3)].modifier.contains(Modifier::REVERSED));
}

#[test]
fn wide_characters_are_not_cut_in_half() {
    let mut reading = reading(1, 1);
    reading.holders[0].who.command = "建てる".repeat(40);
    let mut app = app(sample_of("名前", reading, at(0)));

    let lines = screen(&mut app, 80, 24);

    assert_has(&lines, "▸ 名前");
    assert_has(&lines, "建てる建てる");
    assert!(lines.iter().any(|line| line.ends_with('…')), "{lines:?}");
}

#[test]
fn shrink_that_is_owed_is_told() {
    let owed = Reading { max: 2, free: 0, ..reading(3, 3) };

    let lines = screen(&mut app(sample_of("build", owed, at(0))), 80, 24);

    assert_has(&lines, "shrinking");
    assert_has(&lines, "! 1 over the limit");
}

#[test]
fn starts_that_are_spaced_are_told() {
    let spaced = Reading {
        interval: Some(Duration::from_secs(2)),
        next_start: Some(Duration::from_millis(1150)),
        ..reading(3, 1)
    };

    let lines = screen(&mut app(sample_of("build", spaced, at(0))), 80, 24);

    assert_has(&lines, "starts 2s apart, next in 1.2 s");
}

#[test]
fn permits_of_the_dead_are_told() {
    let mut reading = reading(2, 2);
    reading.holders[1].who.alive = false;

    let lines = screen(&mut app(sample_of("build", reading, at(0))), 80, 24);

    assert_has(&lines, "holder dead");
    assert_has(&lines, "! 1 of dead holders");
    assert_has(&lines, "[dead] make -C kernel all");
}

#[test]
fn growing_is_done_at_once() {
    let mut app = busy_app();

    let next = press(&mut app, "+");

    assert_eq!(next, Next::Do(Act::SetMax { name: "build".to_owned(), from: 6, to: 7, given_out: 6 }));
}

#[test]
fn shrinking_below_what_is_out_is_asked_first() {
    let mut app = busy_app();

    assert_eq!(press(&mut app, "-"), Next::Draw);
    assert_has(&screen(&mut app, 80, 24), "Shrink `build` from 6 to 5?");
    let act = Act::SetMax { name: "build".to_owned(), from: 6, to: 5, given_out: 6 };
    assert_eq!(press(&mut app, "y"), Next::Do(act));
}

#[test]
fn shrinking_what_is_free_is_not_asked() {
    let mut app = app(sample_of("build", reading(3, 1), at(0)));

    let next = press(&mut app, "-");

    assert!(matches!(next, Next::Do(Act::SetMax { from: 3, to: 2, .. })));
}

#[test]
fn last_permit_stays() {
    let mut app = app(sample_of("build", reading(1, 0), at(0)));

    assert_eq!(press(&mut app, "-"), Next::Draw);
    assert_has(&screen(&mut app, 80, 24), "! `build` has `1` permit, which is the minimum");
}

#[test]
fn revoke_asks_and_names_whom() {
    let mut app = busy_app();

    press(&mut app, "\tjr");
    let lines = screen(&mut app, 80, 24);
    let next = press(&mut app, "y");

    assert_has(&lines, "Revoke 9-4 of `build`?");
    assert_has(&lines, "pid 30112 of web, which holds 2 permits");
    assert!(matches!(next, Next::Do(Act::Revoke { grant, .. }) if grant == "9-4"));
}

#[test]
fn revoke_of_a_command_that_no_run_watches_is_refused_with_the_way_out() {
    let mut unwatched = reading(1, 1);
    unwatched.holders[0].who.revocable = false;
    unwatched.holders[0].who.command_pid = Some(4711);
    let mut app = app(sample_of("build", unwatched, at(0)));

    press(&mut app, "\tr");

    assert!(app.dialog.is_none());
    let Some(Err(said)) = &app.message else { panic!("{:?}", app.message) };
    assert!(said.contains("`permits run` was killed") && said.contains("`kill 4711`"), "{said}");
}

#[test]
fn revoke_in_the_queue_is_for_the_waiter() {
    let mut app = busy_app();

    press(&mut app, "\t\tr");

    assert!(matches!(&app.dialog, Some(Dialog::Confirm(Act::Revoke { grant, .. })) if grant == "12-3"));
}

#[test]
fn any_other_key_changes_nothing() {
    for key in [KeyCode::Enter, KeyCode::Esc, KeyCode::Char('q'), KeyCode::Char('Y'), KeyCode::Char(' ')] {
        let mut app = busy_app();
        press(&mut app, "\tr");

        assert_eq!(app.on_key(KeyEvent::from(key)), Next::Draw);

        assert!(app.dialog.is_none());
        assert_has(&screen(&mut app, 80, 24), "nothing was changed");
    }
}

#[test]
fn question_fits_the_small_size() {
    let mut app = busy_app();

    press(&mut app, "\tr");
    let lines = screen(&mut app, 40, 10);

    assert_has(&lines, "Revoke 4-17 of `build`?");
    assert_has(&lines, "y: do it");
}

#[test]
fn cursor_stays_with_its_holder() {
    let mut app = busy_app();
    press(&mut app, "\tjj");
    let mut later = busy(9);
    let Ok(reading) = &mut later.semaphores[0].reading else { unreachable!("made up as readable") };
    reading.holders.remove(0);

    app.show(later);

    assert_eq!(app.holders.row, 1);
    assert_has(&screen(&mut app, 80, 24), "▸ 2-31");
}

#[test]
fn cursor_stays_inside_when_all_leave() {
    let mut app = busy_app();
    press(&mut app, "\tG");

    app.show(sample_of("build", reading(6, 0), at(20_000)));

    assert_eq!(app.holders.row, 0);
    assert_has(&screen(&mut app, 80, 24), "no holders");
    press(&mut app, "r");
    assert_has(&screen(&mut app, 80, 24), "! there is no holder or waiter to revoke");
}

#[test]
fn quit_has_its_keys() {
    for (code, modifiers) in [
        (KeyCode::Char('q'), KeyModifiers::NONE),
        (KeyCode::Esc, KeyModifiers::NONE),
        (KeyCode::Char('c'), KeyModifiers::CONTROL),
    ] {
        assert_eq!(busy_app().on_key(KeyEvent::new(code, modifiers)), Next::Quit);
    }
}

#[test]
fn interrupt_quits_out_of_a_question() {
    let mut app = busy_app();
    press(&mut app, "\tr");

    assert_eq!(app.on_key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)), Next::Quit);
}

#[test]
fn pause_is_shown_and_ends_with_a_reading() {
    let mut app = busy_app();

    assert_eq!(press(&mut app, "p"), Next::Draw);
    assert_has(&screen(&mut app, 80, 24), "PAUSED");
    assert_eq!(press(&mut app, "p"), Next::Refresh);
}

#[test]
fn help_lists_the_keys() {
    let mut app = busy_app();

    press(&mut app, "?");
    let lines = screen(&mut app, 80, 24);
    press(&mut app, "x");

    assert_has(&lines, "revoke the chosen one");
    assert_eq!(app.focus, Focus::Semaphores);
    assert!(app.dialog.is_none());
}

#[test]
fn json_is_one_line_with_a_schema() {
    let mut out = Vec::new();
    let sample = busy(0);

    plain::json(&mut out, &sample, &History::default()).unwrap();

    let text = String::from_utf8(out).unwrap();
    assert_eq!(text.matches('\n').count(), 1);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["schema"], 1);
    assert_eq!(value["semaphores"][0]["name"], "build");
    assert_eq!(value["semaphores"][0]["holders"][1]["grant"], "9-4");
    assert_eq!(value["semaphores"][0]["waiters"][0]["side"], "acquire");
    assert_eq!(value["semaphores"][3]["waiters"][0]["side"], "release");
    assert!(value["semaphores"][0]["grants_per_second"].is_null());
}

#[test]
fn table_keeps_data_and_trouble_apart() {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let broken = Semaphore { name: "a".to_owned(), reading: Err("`a` is damaged".to_owned()) };
    let sound = Semaphore { name: "b".to_owned(), reading: Ok(reading(2, 1)) };

    plain::table(&mut out, &mut err, &sample(vec![broken, sound], SystemTime::now()), &History::default()).unwrap();

    let out = String::from_utf8(out).unwrap();
    assert!(out.starts_with("NAME  STATE"), "{out}");
    assert!(out.contains("b     in use"), "{out}");
    assert_eq!(String::from_utf8(err).unwrap(), "permits: `a` is damaged\n");
}
