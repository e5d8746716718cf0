//! What was probably meant, where the arguments say something else: slips that the parser either takes for something
//! else, or refuses without the way out.

use std::error::Error;
use std::ffi::{OsStr, OsString};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, ValueEnum};

use crate::args::{Args, Jobserver};
use crate::people::{is_hidden, tame};
use crate::values::Number;

/// `--jobserver 4` reads as the option without a value, and `4` as the name of the semaphore.
///
/// A word that is a name is left alone: the option may stand in front of it.
pub(crate) fn misread(args: &[OsString]) -> Option<clap::Error> {
    let ours = || args.iter().take_while(|arg| *arg != "--");
    let words = ours().zip(ours().skip(1));
    let after = words.filter(|(option, _)| *option == "--jobserver").find_map(|(_, word)| word.to_str());
    let value = after.filter(|word| {
        <Jobserver as ValueEnum>::from_str(word, false).is_ok() || word.parse::<Number>().is_ok() || *word == "0"
    })?;
    let text = format!(
        "`{value}` after --jobserver is read as the name of the semaphore: choose a kind with `--jobserver=KIND`, and the \
         number of jobs with `--units` (for a semaphore of that name: `permits run {value} --jobserver -- COMMAND`)\n"
    );
    Some(clap::Error::raw(ErrorKind::InvalidValue, text))
}

/// What is wrong with a value names the value already, but no option. The parser's own words, as in `invalid value
/// '0' for '--units <K|K%|nproc>'`, would say the value twice.
pub(crate) fn say_the_value_once(error: &mut clap::Error) {
    let (ErrorKind::ValueValidation, Some(reason)) = (error.kind(), error.source()) else { return };
    let Some(ContextValue::String(arg)) = error.get(ContextKind::InvalidArg) else { return };
    // A value without an option has a name in brackets.
    let option = arg.split([' ', '=']).next().filter(|arg| arg.starts_with('-'));
    let option = option.map(|option| format!("{option}: ")).unwrap_or_default();
    let text = format!("{option}{reason}\n\nFor more information, try '--help'.\n");
    *error = clap::Error::raw(ErrorKind::ValueValidation, text);
}

/// Prints what the parser says. It repeats arguments as they are: where a terminal would obey one, none of it is
/// coloured and all of it is tamed.
pub(crate) fn print(error: &clap::Error, args: &[OsString]) {
    if !error.use_stderr() || !args.iter().any(|arg| arg.to_string_lossy().chars().any(is_hidden)) {
        // Help that cannot be printed is lost: stderr was the last place to say so.
        let _ = error.print();
        return;
    }
    let text = error.render().to_string();
    let lines: Vec<String> = text.lines().map(tame).collect();
    eprintln!("{}", lines.join("\n"));
}

/// The way out of what the parser has refused.
pub(crate) fn way_out(error: &clap::Error, args: &[OsString]) -> Option<String> {
    let has = |word: &str| args.iter().take_while(|arg| *arg != "--").any(|arg| arg == word);
    let (has_run, has_dashes) = (has("run"), args.iter().any(|arg| arg == "--"));
    match error.kind() {
        // With the dashes it is an option that does not exist.
        ErrorKind::UnknownArgument | ErrorKind::TooManyValues if has_run && !has_dashes => {
            Some(format!("Put the command after `--`: permits {}", with_dashes(error, args)))
        }
        ErrorKind::InvalidValue => without_value(error),
        ErrorKind::MissingRequiredArgument => missing(error, args),
        ErrorKind::InvalidUtf8 => {
            let others: Vec<String> =
                args.iter().filter(|arg| arg.to_str().is_none()).map(|arg| format!("`{}`", shown(arg))).collect();
            Some(format!(
                "{} is not UTF-8: only a command, --dir, --label, --shell and --on-lost may contain other bytes",
                others.join(", ")
            ))
        }
        _ => None,
    }
}

/// The line with dashes before the first word that can be no name; an example if that word is an option.
fn with_dashes(error: &clap::Error, args: &[OsString]) -> String {
    // A name stands before it: `permits run make make`.
    let after_name = args.iter().position(|arg| arg == "run").map_or(0, |run| run + 2);
    let first = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(word)) if !word.starts_with('-') => {
            (after_name..args.len()).find(|&at| args[at] == word.as_str())
        }
        _ => None,
    };
    let Some(first) = first else { return "run --max 2 build -- make -j4".to_owned() };
    let mut words: Vec<String> = args.iter().map(quoted).collect();
    words.insert(first, "--".to_owned());
    words[1..].join(" ")
}

/// An option that has to have a value, and stands alone.
fn without_value(error: &clap::Error) -> Option<String> {
    match (error.get(ContextKind::InvalidArg), error.get(ContextKind::InvalidValue)) {
        (Some(ContextValue::String(arg)), Some(ContextValue::String(value))) if value.is_empty() => {
            let (option, kind) = arg.split_once(' ')?;
            let example = match kind.trim_matches(['<', '>']).split('|').next()? {
                "DURATION" => "5m",
                "N" | "K" => "2",
                "SIGNAL" => "TERM",
                "PID" => "$$",
                "GRANT" => "0-1",
                "OCTAL" => "660",
                "CODE" => "1",
                "DIR" => "/run/permits",
                _ => return None,
            };
            Some(format!("Give it a value, such as: {option} {example}"))
        }
        _ => None,
    }
}

/// What to write where something is missing, with an example.
fn missing(error: &clap::Error, args: &[OsString]) -> Option<String> {
    let Some(ContextValue::Strings(lacking)) = error.get(ContextKind::InvalidArg) else { return None };
    let lacks = |value: &str| lacking.iter().any(|it| it.contains(value));
    let commands = Args::command();
    let command = args.iter().find_map(|arg| commands.find_subcommand(arg))?.get_name();
    let mut parts = args.split(|arg| *arg == "--").map(|part| part.iter().map(quoted).collect::<Vec<_>>());
    let (written, after) = (parts.next()?.get(1..)?.join(" "), parts.next().unwrap_or_default().join(" "));
    let after = if after.is_empty() { "make -j4" } else { &after };
    Some(match command {
        "run" if lacks("<NAME>") => {
            format!("Name a semaphore, for instance `build`, before `--`: permits {written} build -- {after}")
        }
        "run" if lacks("<COMMAND>") => format!("Give a command after `--`: permits {written} -- {after}"),
        "set" if lacks("<N|") && !lacks("<NAME>") => {
            let every = match args.iter().any(|arg| arg == "--create") {
                true => String::new(),
                false => format!(", or a time between starts: permits {written} --every 2s"),
            };
            format!("Give a number of permits: permits {written} 4{every}")
        }
        "revoke" if lacks("<GRANT>") && !lacks("<NAME>") => {
            format!("Give the grant of a holder or waiter, as `permits status` shows it: permits {written} 0-1")
        }
        _ if lacks("--max <") => {
            "Give the number with --resize, too, as in `--max 4 --resize`; `permits set NAME --every DURATION` changes the \
             time between starts alone"
                .to_owned()
        }
        _ if lacks("--max-hold <") => {
            "--signal and --kill-after say how --max-hold stops the command: give that, too, as in `--max-hold 1h`".to_owned()
        }
        _ if lacks("--supersede <") => "Give the key, too, as in `--supersede KEY --supersede-running`".to_owned(),
        _ if lacks("<NAME>") => "Name a semaphore: `permits list` shows which there are".to_owned(),
        _ => return None,
    })
}

/// A word as a shell takes it.
pub(crate) fn quoted(word: impl AsRef<OsStr>) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+,:@%=".contains(byte);
    let word = word.as_ref().to_string_lossy();
    if !word.is_empty() && word.as_bytes().iter().all(plain) {
        return word.into_owned();
    }
    format!("'{}'", tame(&word).replace('\'', r"'\''"))
}

/// With escapes for what is not UTF-8.
fn shown(word: &OsStr) -> String {
    let chunks = word.as_encoded_bytes().utf8_chunks();
    chunks
        .map(|chunk| {
            let invalid: String = chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")).collect();
            tame(chunk.valid()) + &invalid
        })
        .collect()
}
