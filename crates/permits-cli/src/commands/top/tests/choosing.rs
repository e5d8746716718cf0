//! Which semaphores are shown, in which order, and that nothing need be changed.
use super::*;

fn many() -> App {
    let idle = |i| Semaphore { name: format!("job-{i:02}"), reading: Ok(reading(2, 0)) };
    let mut semaphores: Vec<Semaphore> = (1..=25).map(idle).collect();
    let waited = Reading { waiters: vec![waiter("2-1", 1, 5)], ..reading(1, 1) };
    semaphores.push(Semaphore { name: "GPU".to_owned(), reading: Ok(reading(4, 3)) });
    semaphores.push(Semaphore { name: "torn".to_owned(), reading: Err("`torn` is damaged".to_owned()) });
    semaphores.push(Semaphore { name: "zeta".to_owned(), reading: Ok(waited) });
    app(sample(semaphores, at(0)))
}

fn names(app: &App) -> Vec<&str> {
    app.sample.semaphores.iter().map(|semaphore| semaphore.name.as_str()).collect()
}

#[test]
fn busy_ones_come_first() {
    for (columns, rows) in [(60, 15), (80, 24), (160, 45)] {
        let lines = screen(&mut many(), columns, rows);

        let place = |text: &str| lines.iter().position(|line| line.contains(text)).expect(text);
        assert!(place("▸ zeta") < place("  GPU"), "{columns}x{rows}");
        assert!(place("  GPU") < place("  torn") && place("  torn") < place("  job-01"), "{columns}x{rows}");
    }
}

#[test]
fn order_by_name_is_a_key_away() {
    let mut app = many();

    press(&mut app, "s");
    let by_name = names(&app)[..2] == ["job-01", "job-02"] && names(&app)[27] == "zeta";
    let lines = screen(&mut app, 80, 24);
    press(&mut app, "s");

    assert!(by_name, "{:?}", names(&app));
    assert_has(&lines, "sorted by name");
    assert_eq!(names(&app)[0], "zeta");
}

#[test]
fn cursor_stays_when_the_order_changes() {
    let mut app = many();

    press(&mut app, "js");

    assert_eq!(app.chosen().map(|it| it.name.as_str()), Some("GPU"));
}

#[test]
fn filter_shows_the_names_that_have_it() {
    let mut app = many();

    press(&mut app, "/gp");
    let typing = screen(&mut app, 80, 24);
    app.on_key(KeyEvent::from(KeyCode::Enter));
    let kept = screen(&mut app, 80, 24);
    app.on_key(KeyEvent::from(KeyCode::Esc));

    assert_has(&typing, " /gp▏  Enter keep   Esc all");
    assert_has(&typing, "━━ Semaphores 1 of 28 with /gp ━");
    assert_has(&kept, "▸ GPU");
    assert!(!kept.iter().any(|line| line.contains("zeta")), "{kept:?}");
    assert_eq!(names(&app).len(), 28);
}

#[test]
fn letters_of_the_filter_are_no_other_keys() {
    let mut app = many();

    assert_eq!(press(&mut app, "/q+-r"), Next::Draw);
    let none = screen(&mut app, 80, 24);
    for _ in 0..4 {
        app.on_key(KeyEvent::from(KeyCode::Backspace));
    }

    assert_has(&none, "no name contains that");
    assert_eq!((app.filter.as_str(), names(&app).len()), ("", 28));
    app.on_key(KeyEvent::from(KeyCode::Esc));
    assert_eq!(press(&mut app, "q"), Next::Quit);
}

#[test]
fn filter_is_edited_as_a_line_of_the_shell() {
    let mut app = many();
    let control = |app: &mut App, letter| app.on_key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL));

    press(&mut app, "/gpx");
    control(&mut app, 'h');
    control(&mut app, 'a');
    assert_eq!(app.filter, "gp");
    control(&mut app, 'u');

    assert_eq!((app.filter.as_str(), app.is_typing, names(&app).len()), ("", true, 28));
}

#[test]
fn filter_outlasts_a_reading() {
    let mut app = many();
    press(&mut app, "/job-2");

    app.show(sample_of("job-20", reading(2, 1), at(1)));

    assert_eq!(names(&app), ["job-20"]);
    assert_eq!(app.on_key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)), Next::Quit);
}

#[test]
fn read_only_changes_nothing() {
    for key in ["+", "=", "-", "r", "\tr"] {
        let mut app = busy_app();
        app.read_only = true;

        assert_eq!(press(&mut app, key), Next::Draw, "{key}");

        assert!(app.dialog.is_none(), "{key}");
        assert_has(&screen(&mut app, 80, 24), "! read-only: start it without --read-only to resize and revoke");
    }
    let mut app = busy_app();
    app.read_only = true;
    let lines = screen(&mut app, 160, 45);
    assert!(!lines.last().expect("a line").contains("resize"), "{lines:?}");
}
