//! `completions`: what bash offers at the cursor, and what all shells ask for.

use crate::place::{Place, Running, output, stderr, stdout, until};

/// What bash would offer for the last word of a line, by the script, split as bash splits it.
pub(crate) fn offered(place: &Place, before: &str, line: &str) -> Vec<String> {
    // bash splits at `=` and `:` too, and each of these is a word of its own.
    let mut words: Vec<String> = Vec::new();
    let mut is_new = true;
    for c in line.chars() {
        match c {
            ' ' => is_new = true,
            '=' | ':' => {
                words.push(c.to_string());
                is_new = true;
            }
            c if is_new => {
                words.push(c.to_string());
                is_new = false;
            }
            c => words.last_mut().expect("one has begun").push(c),
        }
    }
    if is_new {
        words.push(String::new());
    }
    let script = format!(
        r#"PATH=${{PERMITS%/*}}:$PATH; {before}; eval "$(permits completions bash)"; compopt() {{ :; }}
        COMP_LINE=$0 COMP_POINT=${{#0}} COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _permits; printf '%s\n' "${{COMPREPLY[@]}}""#
    );
    let output = output(place.command("bash").args(["--norc", "-c", &script, line]).args(words));
    assert_eq!(stderr(&output), "", "{line}");
    stdout(&output).lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

fn create(place: &Place, names: &[&str]) {
    for name in names {
        assert_eq!(place.code(&["set", "--create", name, "2"]), 0, "{name}");
    }
}

#[test]
fn names_are_offered_wherever_one_can_stand() {
    let place = Place::new();
    create(&place, &["build", "bulk", "my name", "host:gate", "link"]);

    for command in ["run", "acquire", "release", "status", "top", "set", "wait", "check", "revoke", "remove", "repair"]
    {
        assert_eq!(offered(&place, ":", &format!("permits {command} bu")), ["build", "bulk"], "{command}");
    }
    assert_eq!(offered(&place, ":", "permits status my"), [r"my\ name"]);
    assert_eq!(offered(&place, ":", "permits status host:ga"), ["gate"]);
    assert_eq!(offered(&place, ":", "permits status build bul"), ["bulk"]);
}

#[test]
fn name_is_completed_behind_an_open_quote() {
    let place = Place::new();
    create(&place, &["my name", "it's", "a$b`c", "q\"\\r"]);
    let offered = |word: &str| offered(&place, ":", &format!("permits status {word}"));

    // bash puts in what is offered as it stands, and then the end of the quote.
    assert_eq!([offered("\"my"), offered("'my"), offered(r"m\y")], [["my name"], ["my name"], [r"my\ name"]]);
    assert_eq!([offered("\"it"), offered("'it"), offered("\"it's")], [["it's"], [r"it'\''s"], ["it's"]]);
    assert_eq!([offered("\"a"), offered("'a"), offered(r#""a\$"#)], [[r"a\$b\`c"], ["a$b`c"], [r"a\$b\`c"]]);
    assert_eq!([offered("\"q"), offered("'q")], [[r#"q\"\\r"#], [r#"q"\r"#]]);
    // A word that has ended is the word within its quotes.
    assert_eq!(offered("'my name' it"), [r"it\'s"]);
}

#[test]
fn no_name_stands_for_directories() {
    let place = Place::new();
    std::fs::create_dir(place.dir().join("below")).expect("it can be made");
    let asked = |words: &[&str]| {
        let args = [&["completions", "bash", "--word", "2", "--", "permits"], words].concat();
        stdout(&place.output(&args))
    };
    let marker = asked(&["--dir", ""]).split('\t').next().expect("a word").to_owned();

    for shell in ["bash", "zsh", "fish"] {
        let script = stdout(&place.output(&["completions", shell]));
        assert!(script.contains(&format!("{marker} ")) || script.contains(&format!("{marker}'")), "{shell}");
    }
    let refused = place.output(&["set", "--create", "--", &marker, "2"]);
    assert_eq!(refused.status.code(), Some(64), "`{marker}` is no name: {}", stderr(&refused));
    // What has been a marker, too.
    create(&place, &[":directories", "a:directories"]);
    assert_eq!(offered(&place, ":", "permits status "), [":directories", "a:directories"]);
}

/// A byte of the file that a process locks while it opens the semaphore.
fn lock_attach_byte(file: &std::fs::File) {
    let lock = libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 1 << 40,
        l_len: 1,
        l_pid: 0,
    };
    nix::fcntl::fcntl(file, nix::fcntl::FcntlArg::F_OFD_SETLK(&lock)).expect("no process opens it");
}

#[test]
fn completion_waits_for_no_process_that_opens_the_semaphore() {
    let place = Place::new();
    let _holder = place.hold("a");
    let grant = place.status("a")["holders"][0]["grant"].as_str().expect("text").to_owned();
    let file = std::fs::File::options().read(true).write(true).open(place.dir().join("a.sem")).expect("it is ours");
    lock_attach_byte(&file);

    let asked = |words: &[&str]| {
        let word = (words.len() - 1).to_string();
        stdout(&place.output(&[&["completions", "bash", "--word", &word, "--"], words].concat()))
    };

    // A process that opens it would wait, and find nothing.
    assert_eq!(asked(&["permits", "status", ""]), "a\t0 of 1 free, 0 waiting\n");
    let grants = asked(&["permits", "revoke", "a", ""]);
    assert!(grants.starts_with(&format!("{grant}\tholds: ")), "{grants}");
}

#[test]
fn name_that_would_act_on_the_terminal_is_not_offered() {
    let place = Place::new();
    create(&place, &["b\u{202e}\u{200b}c", "b\u{2066}d", "be"]);

    for shell in ["bash", "zsh", "fish"] {
        let said = stdout(&place.output(&["completions", shell, "--word", "2", "--", "permits", "status", ""]));
        assert_eq!(said, "be\t2 of 2 free, 0 waiting\n", "{shell}");
    }
}

#[test]
fn help_of_a_candidate_has_no_hidden_characters() {
    let place = Place::new();
    let hostile = "x\x1b[2J\u{202e}\u{200b}y";
    let mut command = place.permits(["run", "a", "--", "sh", "-c", "echo held; read line", hostile]);
    command.env("LC_ALL", "C.UTF-8");
    let mut holder = Running::start(command);
    assert_eq!(holder.line(), "held");

    let said = stdout(&place.output(&["completions", "fish", "--word", "3", "--", "permits", "revoke", "a", ""]));

    let hidden = |c: char| c.is_control() && !matches!(c, '\n' | '\t') || "\u{202e}\u{200b}".contains(c);
    assert!(said.contains("\tholds: ") && said.contains("[2J") && !said.contains(hidden), "{said:?}");
}

#[test]
fn names_are_those_of_the_directory_in_the_line() {
    let place = Place::new();
    let other = Place::new();
    create(&other, &["else"]);

    let dir = other.dir().display();
    assert_eq!(offered(&place, ":", &format!("permits --dir {dir} status el")), ["else"]);
    assert_eq!(offered(&place, ":", &format!("permits status --dir={dir} el")), ["else"]);
    assert_eq!(offered(&place, ":", "permits status el"), [""; 0]);
}

#[test]
fn holders_and_waiters_are_offered_to_revoke() {
    let place = Place::new();
    let _holder = place.hold("a");
    let holder = place.status("a")["holders"][0]["grant"].as_str().expect("text").to_owned();

    for line in ["permits revoke a ", "permits revoke --wait 1 a ", "permits release a --grant "] {
        assert_eq!(offered(&place, ":", line), [&*holder], "{line}");
    }
}

#[test]
fn dead_holder_is_not_offered_to_revoke() {
    let place = Place::new();
    let mut holder = place.hold("a");
    let asked = || stdout(&place.output(&["completions", "fish", "--word", "3", "--", "permits", "revoke", "a", ""]));
    assert!(asked().contains("\tholds: "));

    permits_testbed::signal_group(holder.pid(), libc::SIGKILL).expect("it is ours");
    holder.end();

    until("no holder is offered", || !asked().contains("holds"));
}

#[test]
fn values_of_options_are_offered() {
    let place = Place::new();
    std::fs::create_dir(place.dir().join("below")).expect("it can be made");
    let dir = place.dir().display().to_string();

    assert_eq!(offered(&place, ":", "permits run --max-hold 1 --signal TE"), ["TERM"]);
    assert_eq!(offered(&place, ":", "permits run --jobserver=f"), ["fifo"]);
    assert_eq!(offered(&place, ":", "permits run --jobserver="), ["auto", "fifo", "pipe"]);
    assert_eq!(offered(&place, ":", "permits run --on-lost i"), ["ignore"]);
    assert_eq!(offered(&place, ":", "permits man rev"), ["revoke"]);
    assert_eq!(offered(&place, ":", &format!("permits --dir {dir}/be")), [format!("{dir}/below")]);
    assert_eq!(offered(&place, ":", &format!("permits --dir={dir}/be")), [format!("{dir}/below")]);
}

#[test]
fn no_word_is_a_stray_dash() {
    let place = Place::new();
    create(&place, &["a"]);

    for line in ["permits revoke a ", "permits run a ", "permits run a -", "permits status ", "permits "] {
        let offered = offered(&place, ":", line);
        assert!(!offered.is_empty() && !offered.iter().any(|word| word == "-"), "{line}: {offered:?}");
    }
    assert_eq!(offered(&place, ":", "permits run a ")[0], "--");
}

#[test]
fn command_after_the_dashes_is_left_to_the_shell() {
    let place = Place::new();
    std::fs::write(place.dir().join("notes"), "").expect("it can be written");
    let file = place.dir().join("not").display().to_string();

    let by_the_shell = r#"_command_offset() { COMPREPLY=("${COMP_WORDS[@]:$1}"); }"#;
    assert_eq!(offered(&place, by_the_shell, "permits run a -- git log --one"), ["git", "log", "--one"]);
    assert_eq!(offered(&place, by_the_shell, "permits run --jobserver=auto a -- mak"), ["mak"]);
    // Without bash-completion it is what bash knows by itself.
    assert!(offered(&place, ":", "permits run a -- prin").contains(&"printf".to_owned()));
    assert_eq!(offered(&place, ":", &format!("permits run a -- cat {file}")), [format!("{file}es")]);
}

#[test]
fn scripts_of_other_shells_ask_for_the_same() {
    let place = Place::new();
    create(&place, &["build"]);

    for shell in ["zsh", "fish"] {
        let script = stdout(&place.output(&["completions", shell]));
        assert!(script.contains(&format!("completions {shell} --word")), "{script}");
        let said = stdout(&place.output(&["completions", shell, "--word", "2", "--", "permits", "status", "bu"]));
        assert_eq!(said, "build\t2 of 2 free, 0 waiting\n");
    }
}

#[test]
fn completion_never_prints_an_error() {
    let place = Place::new();

    for words in [&["permits"][..], &["permits", "fly", "x"], &["permits", "--dir", "/proc/none", "status", ""], &[]] {
        let args = [&["completions", "bash", "--word", "4", "--"], words].concat();
        let output = place.output(&args);
        assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""), "{words:?}");
    }
}
