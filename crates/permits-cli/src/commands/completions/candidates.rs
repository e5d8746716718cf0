//! What can stand at the cursor.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Arg, Command, CommandFactory};
use clap_complete::engine::{ArgValueCandidates, ArgValueCompleter, CompletionCandidate, complete};
use nix::sys::signal::Signal;
use permits_host::{Options, Participant, State};

use crate::args::Args;
use crate::people::{Who, is_hidden};
use crate::place::{self, Scene};

/// In place of directories, which the shell knows how to complete.
const DIRECTORIES: &str = ":directories";

/// A line for each candidate for the word of that index: the word as a whole, a tab, and what it is.
///
/// What cannot be found out has no candidates: a completion that prints errors would spoil the line that is written.
pub(super) fn of(scene: Scene<'_>, words: &[OsString], index: usize) -> String {
    let mut words: Vec<OsString> = words.iter().take(index + 1).cloned().collect();
    words.resize(index + 1, OsString::new());
    let source = Arc::new(Source { options: options(scene, &words), words: words.clone() });
    let mut command = described(&source);
    let found = complete(&mut command, words.clone(), index, None).unwrap_or_default();
    let is_option = |candidate: &CompletionCandidate| candidate.get_value().as_encoded_bytes().starts_with(b"-");
    // Who has not begun to write an option is shown options only where nothing else can stand, and those in full.
    let begun = words[index].as_encoded_bytes().starts_with(b"-");
    let others = found.iter().any(|candidate| !is_option(candidate));
    let is_shown = |candidate: &&CompletionCandidate| {
        begun || !is_option(candidate) || !others && candidate.get_value().as_encoded_bytes().starts_with(b"--")
    };
    let lines: String = found.iter().filter(is_shown).filter_map(line).collect();
    // No word that the parser knows, and yet the one that nearly always comes next.
    let has_command =
        words.iter().any(|word| word == "run") && !others && "--".starts_with(&*words[index].to_string_lossy());
    if has_command { format!("--\tThe command comes after it\n{lines}") } else { lines }
}

/// Nothing for a name that would be another one in the shell, or act on the terminal.
fn line(candidate: &CompletionCandidate) -> Option<String> {
    let value = candidate.get_value().to_str().filter(|value| !value.chars().any(is_hidden))?;
    let help = candidate.get_help().map(ToString::to_string).unwrap_or_default();
    Some(format!("{value}\t{}\n", help.lines().next().unwrap_or_default()))
}

/// Of the directory that the words name, if they do.
fn options(scene: Scene<'_>, words: &[OsString]) -> Options {
    let after =
        words.iter().zip(words.iter().skip(1)).find(|(option, _)| *option == "--dir").map(|(_, dir)| dir.clone());
    let within = || words.iter().find_map(|word| word.to_str()?.strip_prefix("--dir=").map(OsString::from));
    match after.or_else(within).filter(|dir| !dir.is_empty()) {
        Some(dir) => scene.options().directory(PathBuf::from(dir)),
        None => scene.options(),
    }
}

/// Where candidates come from that are no part of the program.
struct Source {
    options: Options,
    words: Vec<OsString>,
}

/// The arguments of the program, with the candidates for their values.
///
/// By the names of the values, so `args` need not know of it, and an argument that is added has them at once.
fn described(source: &Arc<Source>) -> Command {
    let mut command = Args::command();
    let names: Vec<String> = command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    command = command.mut_args(|arg| with_candidates(arg, source, &names));
    for name in &names {
        command = command.mut_subcommand(name, |command| command.mut_args(|arg| with_candidates(arg, source, &names)));
    }
    command
}

fn with_candidates(arg: Arg, source: &Arc<Source>, pages: &[String]) -> Arg {
    let Some(kind) = arg.get_value_names().and_then(|names| names.first()).map(ToString::to_string) else { return arg };
    let fixed = |words: &'static [&'static str]| {
        ArgValueCandidates::new(|| words.iter().map(CompletionCandidate::new).collect())
    };
    let source = Arc::clone(source);
    let candidates = match kind.as_str() {
        "NAME" => ArgValueCandidates::new(move || source.names()),
        "GRANT" => ArgValueCandidates::new(move || source.grants()),
        "SIGNAL" => ArgValueCandidates::new(signals),
        // Whatever has been written of it.
        "DIR" => return arg.add(ArgValueCompleter::new(|_: &OsStr| vec![CompletionCandidate::new(DIRECTORIES)])),
        "PAGE" => {
            let pages = pages.to_vec();
            ArgValueCandidates::new(move || pages.iter().map(CompletionCandidate::new).collect())
        }
        "OCTAL" => fixed(&["600", "660", "666"]),
        "N|N%|nproc" | "K|K%|nproc" | "N|N%|nproc|+N|-N" => fixed(&["nproc", "50%"]),
        "term|kill|ignore|COMMAND" => fixed(&["term", "kill", "ignore"]),
        _ => return arg,
    };
    arg.add(candidates)
}

fn signals() -> Vec<CompletionCandidate> {
    Signal::iterator().map(|signal| CompletionCandidate::new(signal.as_str().trim_start_matches("SIG"))).collect()
}

impl Source {
    fn names(&self) -> Vec<CompletionCandidate> {
        let names = self.options.clone().list().unwrap_or_default();
        let counts = |name: &str| {
            let State { max_permits, available_permits, waiting_acquirers, waiting_releasers, .. } =
                place::status(&self.options, name).ok()?.state;
            Some(format!(
                "{available_permits} of {max_permits} free, {} waiting",
                waiting_acquirers + waiting_releasers
            ))
        };
        let candidate = |name: &String| CompletionCandidate::new(name).help(counts(name).map(Into::into));
        names.iter().map(candidate).collect()
    }

    /// Those who hold or wait for the semaphore that the words name.
    fn grants(&self) -> Vec<CompletionCandidate> {
        let names = self.options.clone().list().unwrap_or_default();
        // The first word that is a name, after the command: it is one, or else there is nothing to offer.
        let is_name = |word: &OsStr| names.iter().any(|name| word == name.as_str());
        let name = self.words.iter().skip(2).rev().skip(1).rev().find(|word| is_name(word));
        let Some(status) = name.and_then(|name| place::status(&self.options, name.to_str()?).ok()) else {
            return Vec::new();
        };
        let candidate = |who: &Participant, does: &str| {
            let who = Who::from(who);
            let help = format!("{does}: {} of {}, {}", who.pid_text(), who.user, who.command);
            CompletionCandidate::new(who.grant).help(Some(help.into()))
        };
        let holders = status.holders.iter().map(|holder| candidate(&holder.who, "holds"));
        holders.chain(status.waiters.iter().map(|waiter| candidate(&waiter.who, "waits"))).collect()
    }
}
