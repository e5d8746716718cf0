//! `man`: a page on stdout, on a terminal by man(1), or all pages in a directory.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::place::{Place, Running, stderr, stdout};

#[test]
fn page_is_printed() {
    let place = Place::new();

    for (args, title) in [
        (&["man"][..], ".TH permits 1"),
        (&["man", "run"], ".TH permits-run 1"),
        (&["man", "permits-top"], ".TH permits-top 1"),
    ] {
        let output = place.output(args);
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert!(stdout(&output).contains(title), "{args:?}: {}", stdout(&output));
    }
}

#[test]
fn help_and_page_of_a_command_say_more_than_its_first_line() {
    let place = Place::new();

    for args in [&["run", "--help"][..], &["help", "run"], &["man", "run"]] {
        let said = stdout(&place.output(args)).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains("The permit lasts as long as the command or"), "{args:?}: {said}");
    }
    let short = stdout(&place.output(&["run", "-h"]));
    assert!(!short.contains("The permit lasts as long as the command or"), "{short}");
}

#[test]
fn options_of_one_host_do_not_stand_among_those_for_machines() {
    let place = Place::new();

    for command in ["run", "acquire"] {
        let help = stdout(&place.output(&[command, "--help"]));
        let (before, after) = help.split_once("Options for machines").expect("the heading");
        let options = after.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
        assert!(before.contains("--max") && before.contains("--json") && before.contains("--label"), "{help}");
        assert!(after.contains("--ttl") && !options.clone().any(|line| line.contains("--json")), "{help}");
        assert!(!options.clone().any(|line| line.starts_with("-w") || line.starts_with("-x")), "{help}");
    }
}

#[test]
fn synopsis_has_the_dashes_before_the_command() {
    let place = Place::new();

    assert!(
        stdout(&place.output(&["man", "run"]))
            .contains("\n\\fBpermits run\\fR [OPTIONS] <NAME> [\\-\\- <COMMAND>...]\n")
    );
    assert!(stdout(&place.output(&["man", "status"])).contains("\n\\fBpermits status\\fR [OPTIONS] [NAME]...\n"));
}

#[test]
fn examples_and_exit_codes_keep_their_lines() {
    let place = Place::new();

    for (name, sections) in
        [("", &["\"EXIT STATUS\""][..]), ("run", &["EXAMPLES", "\"EXIT STATUS\""]), ("list", &["EXAMPLES"])]
    {
        let page = stdout(&place.output(&["man", name]));
        let unfilled: Vec<&str> =
            page.split(".SH ").filter_map(|section| section.split_once("\n.nf\n  ")).map(|(title, _)| title).collect();
        assert_eq!(unfilled, sections, "{name}: {page}");
        assert!(!page.contains("EXTRA"), "{name}: {page}");
    }
}

#[test]
fn text_after_the_help_fits_into_a_terminal_of_80_columns() {
    let place = Place::new();

    for args in [&["--help"][..], &["run", "--help"], &["list", "--help"]] {
        let said = stdout(&place.output(args));
        let at = said.find("\nExamples:\n").or_else(|| said.find("\nExit codes:\n")).expect("it stands at the end");
        // A manual page indents it by 7.
        let wide: Vec<&str> = said[at..].lines().filter(|line| line.len() > 73).collect();
        assert!(wide.is_empty(), "{args:?}: {wide:#?}");
    }
}

#[test]
fn page_of_nothing_is_refused_and_writes_nothing() {
    let place = Place::new();
    let there = || fs::read_dir(place.dir()).expect("it can be read").count();

    let output = place.output(&["man", "./pages"]);

    assert_eq!(output.status.code(), Some(64));
    let said = stderr(&output);
    assert!(said.contains("no page `./pages`") && said.contains("`run`") && said.contains("`--out DIR`"), "{said}");
    assert_eq!(there(), 0);
}

#[test]
fn all_pages_are_written() {
    let place = Place::new();
    let dir = place.dir().join("man");

    assert_eq!(place.code(&["man", "--out", dir.to_str().expect("text")]), 0);

    let page = |name: &str| fs::read_to_string(dir.join(name)).unwrap_or_default();
    assert!(page("permits.1").contains(".SH \"EXIT STATUS\"\n.nf\n  0"));
    assert!(page("permits-run.1").contains(r"\-\-max"));
}

#[test]
fn directory_that_cannot_be_made_is_named() {
    let place = Place::new();
    let file = place.dir().join("file");
    fs::write(&file, "").expect("it can be written");
    let dir = file.join("man");

    let output = place.output(&["man", "--out", dir.to_str().expect("text")]);

    assert_eq!(output.status.code(), Some(125));
    assert!(stderr(&output).contains(&format!("into `{}`", dir.display())), "{}", stderr(&output));
}

/// `permits man run` on a terminal, where man(1) is a script.
fn on_terminal(place: &Place, script: &str) -> Running {
    let bin = place.dir().join("bin");
    fs::create_dir_all(&bin).expect("it can be made");
    let man = bin.join("man");
    fs::write(&man, format!("#!/bin/sh\n{script}\n")).expect("it can be written");
    fs::set_permissions(&man, fs::Permissions::from_mode(0o755)).expect("it is ours");
    let mut command = place.command("script");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").expect("it is set"));
    command.args(["-qec", r#""$PERMITS" man run"#, "/dev/null"]).env("PATH", path).env("TMPDIR", place.dir());
    Running::start(command)
}

#[test]
fn page_that_a_killed_one_has_left_is_removed_by_the_next() {
    let place = Place::new();
    let pages = || {
        let entries = fs::read_dir(place.dir()).expect("it can be read").flatten();
        entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("permits-man-")).count()
    };
    on_terminal(&place, "kill -9 $PPID").end();
    assert_eq!(pages(), 1);

    assert_eq!(on_terminal(&place, "true").end().code(), Some(0));

    assert_eq!(pages(), 0);
}

#[test]
fn page_is_shown_on_a_terminal() {
    let place = Place::new();

    let script = r#"grep -q '^.TH permits-run 1' "$2" && echo "shown by $1 ${2##*/}""#;
    let mut terminal = on_terminal(&place, script);

    assert_eq!(terminal.line(), "shown by -l permits-run.1");
    assert_eq!(terminal.end().code(), Some(0));
    assert!(terminal.rest().is_empty());
}
