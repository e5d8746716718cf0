//! What zsh and fish make of a line, by their scripts of `completions`, in the shells themselves.

use permits_testbed::program;

use crate::place::{Place, Running, output, stderr, stdout};

/// Semaphores, a file and a folder to complete.
fn furnished() -> Place {
    let place = Place::new();
    for name in ["build", "bulk", "my name", "host:gate"] {
        assert_eq!(place.code(&["set", "--create", name, "2"]), 0, "{name}");
    }
    std::fs::write(place.dir().join("notes"), "").expect("it can be written");
    std::fs::create_dir(place.dir().join("below")).expect("it can be made");
    place
}

/// The candidates for the end of a line, and what fish shows beside each.
fn offered_by_fish(place: &Place, line: &str) -> Vec<String> {
    let script = "set PATH (path dirname $PERMITS) $PATH; permits completions fish | source; complete -C $argv[1]";
    let output = output(place.command("fish").args(["--no-config", "-c", script, line]));
    assert_eq!(stderr(&output), "", "{line}");
    stdout(&output).lines().map(str::to_owned).collect()
}

#[test]
fn fish_offers_what_can_stand_there() {
    if !program("fish", "fish") {
        return;
    }
    let place = furnished();
    let dir = place.dir().display();
    let offered = |line: &str| offered_by_fish(&place, line);

    assert_eq!(offered("permits status bu"), ["build\t2 of 2 free, 0 waiting", "bulk\t2 of 2 free, 0 waiting"]);
    assert_eq!(offered("permits status 'my"), ["my name\t2 of 2 free, 0 waiting"]);
    assert_eq!(offered("permits status \"my na"), ["my name\t2 of 2 free, 0 waiting"]);
    assert_eq!(offered("permits status host:ga"), ["host:gate\t2 of 2 free, 0 waiting"]);
    assert_eq!(offered("permits run --jobserver=f"), ["--jobserver=fifo"]);
    assert_eq!(offered(&format!("permits --dir {dir}/be")), [format!("{dir}/below/")]);
    assert_eq!(offered(&format!("permits --dir={dir}/be")), [format!("--dir={dir}/below/")]);
    assert_eq!(offered(&format!("permits run build -- cat {dir}/not")), [format!("{dir}/notes")]);
    assert!(offered("permits run build -- prin").iter().any(|word| word.starts_with("printf\t")));
}

/// zsh on a terminal. In place of the program it has a function that prints the words it was given.
fn zsh(place: &Place) -> Running {
    let start = r#"PATH=${PERMITS%/*}:$PATH PS1='> '
        autoload -Uz compinit; compinit -u -D; eval "$(command permits completions zsh)"
        permits() { print -r -- "words: ${(j:|:)@}" }
        print ready"#;
    std::fs::write(place.dir().join(".zshrc"), start).expect("it can be written");
    let mut command = place.command("script");
    command.args(["-qec", "exec zsh -d -i", "/dev/null"]).env("ZDOTDIR", place.dir()).env("TERM", "dumb");
    let mut zsh = Running::start(command);
    zsh.line_with("ready");
    zsh
}

#[test]
fn zsh_completes_what_can_stand_there() {
    if !program("zsh", "zsh") {
        return;
    }
    let place = furnished();
    let dir = place.dir().display();
    let mut zsh = zsh(&place);

    // The slash that it adds to a directory it takes away again at the end of a word.
    for (typed, words) in [
        ("status bui\t".to_owned(), "status|build".to_owned()),
        ("status my\t".to_owned(), "status|my name".to_owned()),
        ("status \"my\t".to_owned(), "status|my name".to_owned()),
        ("status 'my\t".to_owned(), "status|my name".to_owned()),
        ("status host\t".to_owned(), "status|host:gate".to_owned()),
        ("run --jobserver=f\tx".to_owned(), "run|--jobserver=fifo|x".to_owned()),
        (format!("--dir {dir}/be\t"), format!("--dir|{dir}/below")),
        (format!("--dir={dir}/be\t"), format!("--dir={dir}/below")),
        (format!("run bui\t-- cat {dir}/not\t"), format!("run|build|--|cat|{dir}/notes")),
    ] {
        zsh.write(&format!("permits {typed}\n"));
        assert_eq!(zsh.line_with("words: "), format!("words: {words}"), "{typed:?}");
    }
    // Twice: once to complete what they have in common, and once for the list.
    zsh.write("permits status b\t\t");
    assert!(zsh.line_with("build  bulk").contains("-- 2 of 2 free, 0 waiting"));
}
