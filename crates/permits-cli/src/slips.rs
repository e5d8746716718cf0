//! What was probably meant, where the arguments say something else: slips that the parser either takes for something
//! else, or refuses without the way out.

use std::ffi::{OsStr, OsString};

use clap::ValueEnum;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::args::Jobserver;
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
    let (has_run, has_dashes) = (args.iter().any(|arg| arg == "run"), args.iter().any(|arg| arg == "--"));
    match error.kind() {
        ErrorKind::UnknownArgument | ErrorKind::TooManyValues if has_run => {
            Some("Put the command after `--`: permits run --max 2 build -- make -j4".to_owned())
        }
        ErrorKind::InvalidSubcommand if has_dashes => {
            let Some(ContextValue::String(name)) = error.get(ContextKind::InvalidSubcommand) else { return None };
            let at = args.iter().position(|arg| arg == name.as_str())?;
            let (before, after) = args.split_at(at);
            let words = before.iter().skip(1).map(OsString::as_os_str).chain([OsStr::new("run")]);
            let words: Vec<String> = words.chain(after.iter().map(OsString::as_os_str)).map(quoted).collect();
            Some(format!("Run a command with `run`: permits {}", words.join(" ")))
        }
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

/// A word as a shell takes it.
pub(crate) fn quoted(word: &OsStr) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+,:@%=".contains(byte);
    let word = word.to_string_lossy();
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
