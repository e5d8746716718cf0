//! An option or a subcommand that does not exist: the one that was probably meant, and the line with it.

use std::ffi::{OsStr, OsString};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, CommandFactory};

use crate::args::Args;
use crate::slips::quoted;

/// What users of flock, sem, lockf and the like write, where the option has another name here. Those that differ in
/// a letter or two need no line.
const ELSEWHERE: [(&str, &str); 19] = [
    ("--jobs", "--max"),
    ("-j", "--max"),
    ("-M", "--max"),
    ("-N", "--max"),
    ("--limit", "--max"),
    ("--count", "--max"),
    ("--permits", "--units"),
    ("--nonblock", "--try"),
    ("--non-block", "--try"),
    ("--nonblocking", "--try"),
    ("--nb", "--try"),
    ("--no-wait", "--try"),
    ("--nowait", "--try"),
    ("--timeout", "--wait"),
    ("-t", "--wait"),
    ("--command", "--shell"),
    ("-c", "--shell"),
    ("--no-fork", "--exec"),
    ("-F", "--exec"),
];

/// The same of subcommands.
const SUBCOMMANDS_ELSEWHERE: [(&str, &str); 4] =
    [("ls", "list"), ("ps", "status"), ("show", "status"), ("unlock", "release")];

/// What names the semaphore elsewhere.
const NAMING: [&str; 3] = ["--name", "--id", "--lockfile"];

/// The option that does not exist, if that is the error.
fn unknown(error: &clap::Error) -> Option<&str> {
    match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::UnknownArgument, Some(ContextValue::String(word))) if word.starts_with('-') => Some(word),
        _ => None,
    }
}

/// The guesses of the parser, since ours come with the whole line.
///
/// Its guess goes by the letters that two words share: from `--mx` to `--max-hold`. Its other tip is to write
/// `-- --mx`, but after the dashes comes the command, and no name begins with a dash.
pub(crate) fn leave_out_guesses(error: &mut clap::Error, args: &[OsString]) {
    if error.kind() == ErrorKind::InvalidSubcommand {
        error.remove(ContextKind::SuggestedSubcommand);
    }
    if unknown(error).is_none() {
        return;
    }
    error.remove(ContextKind::SuggestedArg);
    error.remove(ContextKind::Suggested);
    // It had the option that was guessed.
    let mut program = Args::command();
    program.build();
    let usage = match subcommand(args).and_then(|name| program.find_subcommand_mut(name)) {
        Some(command) => command.render_usage(),
        None => program.render_usage(),
    };
    error.insert(ContextKind::Usage, ContextValue::StyledStr(usage));
}

/// What was probably meant by the option or subcommand, if it is near to one that exists.
pub(crate) fn way_out(error: &clap::Error, args: &[OsString]) -> Option<String> {
    option(error, args).or_else(|| name_first(error, args))
}

/// `permits build -- make`, or `permits rn build -- make`: the name of a semaphore, or a subcommand with a slip in it.
fn name_first(error: &clap::Error, args: &[OsString]) -> Option<String> {
    let Some(ContextValue::String(name)) = error.get(ContextKind::InvalidSubcommand) else { return None };
    let at = args.iter().position(|arg| arg == name.as_str())?;
    let has_dashes = args.iter().any(|arg| arg == "--");
    // A command comes after `run` alone: `permits lint -- make` does not mean `list`.
    let meant = nearest_subcommand(name).filter(|meant| !has_dashes || meant == "run");
    if meant.is_none() && !has_dashes {
        return None;
    }
    let (before, after) = (&args[..at], &args[at + usize::from(meant.is_some())..]);
    let subcommand = meant.as_deref().unwrap_or("run");
    let words = before.iter().skip(1).map(OsString::as_os_str).chain([OsStr::new(subcommand)]);
    let words: Vec<String> = words.chain(after.iter().map(OsString::as_os_str)).map(quoted).collect();
    let line = words.join(" ");
    Some(match meant {
        Some(meant) => format!("Did you mean `{meant}`? permits {line}"),
        None => format!("Run a command with `run`: permits {line}"),
    })
}

fn option(error: &clap::Error, args: &[OsString]) -> Option<String> {
    let word = unknown(error)?;
    let mut program = Args::command();
    program.build();
    let Some(command) = subcommand(args).and_then(|name| program.find_subcommand(name)) else {
        let known = options(&program);
        return match nearest(word, &known) {
            Some(meant) => Some(did_you_mean(meant, args, word)),
            None => after_subcommand(&program, word, args),
        };
    };
    if NAMING.contains(&word) && command.get_positionals().any(|arg| arg.get_id() == "name") {
        return Some(format!(
            "Write the name of the semaphore without an option: permits {} build",
            command.get_name()
        ));
    }
    nearest(word, &options(command)).map(|meant| did_you_mean(meant, args, word))
}

/// `permits --max 2 run`: the option is one of the subcommand.
fn after_subcommand(program: &Command, word: &str, args: &[OsString]) -> Option<String> {
    let is_known = |command: &&Command| options(command).iter().any(|option| option == word);
    let words = || ours(args).filter_map(|arg| arg.to_str());
    let name = words().find_map(|arg| program.find_subcommand(arg)).filter(is_known)?.get_name();
    Some(format!("Write `{word}` after `{name}`: permits {name} {word} …"))
}

/// The subcommand that was probably meant by one that does not exist.
fn nearest_subcommand(name: &str) -> Option<String> {
    if let Some((_, ours)) = SUBCOMMANDS_ELSEWHERE.iter().find(|(other, _)| *other == name) {
        return Some((*ours).to_owned());
    }
    let program = Args::command();
    let names: Vec<&str> = program.get_subcommands().map(Command::get_name).collect();
    near(name, &names).map(str::to_owned)
}

/// The words before the dashes.
fn ours(args: &[OsString]) -> impl Iterator<Item = &OsString> {
    args.iter().skip(1).take_while(|arg| *arg != "--")
}

/// The subcommand, unless the unknown option stands before it.
fn subcommand(args: &[OsString]) -> Option<&str> {
    let program = Args::command();
    let takes_value = |word: &OsStr| word == "--dir" || word == "--mode";
    let mut words = ours(args);
    while let Some(word) = words.next() {
        let text = word.to_str()?;
        if takes_value(word) {
            words.next();
        } else if program.find_subcommand(text).is_some() {
            return Some(text);
        } else if !["-q", "-v", "--quiet", "--verbose"].contains(&text) && !text.starts_with("--dir=") {
            return None;
        }
    }
    None
}

/// `--max`, `-m` and so on.
fn options(command: &Command) -> Vec<String> {
    let shown = command.get_arguments().filter(|arg| !arg.is_hide_set());
    shown
        .flat_map(|arg| {
            let long = arg.get_long().map(|long| format!("--{long}"));
            long.into_iter().chain(arg.get_short().map(|short| format!("-{short}")))
        })
        .collect()
}

fn nearest<'a>(word: &'a str, known: &'a [String]) -> Option<&'a str> {
    let exists = |option: &&str| known.iter().any(|it| it == option);
    let elsewhere = ELSEWHERE.iter().find(|(other, _)| *other == word).map(|&(_, ours)| ours);
    if let Some(ours) = elsewhere.filter(exists) {
        return Some(ours);
    }
    // A short one is one letter, and all are near to it.
    let known: Vec<&str> = known.iter().map(String::as_str).filter(|option| option.starts_with("--")).collect();
    if word.starts_with("--") { near(word, &known) } else { None }
}

/// The word with the fewest slips: at most one for each three letters, and one for fewer. Or else the only word that
/// has all of it.
fn near<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let plain = |word: &str| word.trim_start_matches('-').to_ascii_lowercase();
    let written = plain(word);
    let most = (written.chars().count() / 3).max(1);
    let slips = |known: &&str| strsim::damerau_levenshtein(&plain(known), &written);
    let known = || known.iter().copied();
    let fewest = known().min_by_key(slips).filter(|option| slips(option) <= most && written.len() > 1);
    let mut parts = known().filter(|option| plain(option).contains(&written) && written.len() > 3);
    fewest.or_else(|| parts.next().filter(|first| parts.all(|other| other.starts_with(first))))
}

/// The whole line with the option, where it can be put in without more ado.
fn did_you_mean(meant: &str, args: &[OsString], word: &str) -> String {
    let dashes = args.iter().position(|arg| arg == "--").unwrap_or(args.len());
    let corrected = |arg: &OsString| {
        let text = arg.to_str()?;
        match text.strip_prefix(word)? {
            "" => Some(meant.to_owned()),
            value if value.starts_with('=') => Some(format!("{meant}{}", quoted(value))),
            value if !word.starts_with("--") && meant.starts_with("--") => Some(format!("{meant}={}", quoted(value))),
            _ => None,
        }
    };
    let Some(at) = args.iter().take(dashes).position(|arg| corrected(arg).is_some()) else {
        return format!("Did you mean `{meant}`?");
    };
    let words = args.iter().enumerate().skip(1).map(|(index, arg)| match index == at {
        true => corrected(arg).unwrap_or_default(),
        false => quoted(arg),
    });
    format!("Did you mean `{meant}`? permits {}", words.collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_option_is_found() {
        let mut program = Args::command();
        program.build();
        let run = options(program.find_subcommand("run").expect("it is one"));
        let near = |word| nearest(word, &run);

        for (word, meant) in [
            ("--mx", "--max"),
            ("--mxa", "--max"),
            ("--Max", "--max"),
            ("--unit", "--units"),
            ("--tyr", "--try"),
            ("--wiat", "--wait"),
            ("--super", "--supersede"),
            ("--hold", "--max-hold"),
            ("--exit-code", "--conflict-exit-code"),
            ("--timeout", "--wait"),
            ("-j", "--max"),
            ("-M", "--max"),
            ("-N", "--max"),
            ("-M", "--max"),
        ] {
            assert_eq!(near(word), Some(meant), "{word}");
        }
        for word in ["--colour", "--x", "-z", "--priority", "--background"] {
            assert_eq!(near(word), None, "{word}");
        }
        assert_eq!(nearest_subcommand("rn").as_deref(), Some("run"));
        assert_eq!(nearest_subcommand("build"), None);
    }
}
