//! What can stand at the cursor.

use std::ffi::{OsStr, OsString};
use std::iter;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use clap::{Arg, Command, CommandFactory};
use clap_complete::engine::{ArgValueCandidates, ArgValueCompleter, CompletionCandidate, complete};
use nix::sys::signal::Signal;
use permits_host::{Options, Participant, State, Status};

use crate::args::Args;
use crate::people::{Who, is_hidden};
use crate::place::Scene;
use crate::reach;

/// In place of directories, which the shell knows how to complete. No semaphore's name has a slash in it.
const DIRECTORIES: &str = "/directories";

/// What is not read in this time is left out: the line that is written waits for its completion.
const PATIENCE: Duration = Duration::from_secs(1);

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
        "ADDRESS" => fixed(&["@", "etcd://"]),
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
    /// The names in the directory; those that can be read in time say how they stand.
    fn names(&self) -> Vec<CompletionCandidate> {
        if let Some(begun) = self.words.last().and_then(|word| word.to_str()).filter(|word| reach::is_of_machines(word))
        {
            let begun = begun.to_owned();
            let found = in_time(PATIENCE, move || reach::beginning_with(&begun, PATIENCE));
            return found.into_iter().map(CompletionCandidate::new).collect();
        }
        let names = self.list();
        let (options, read) = (self.options.clone(), names.clone());
        let statuses = in_time(PATIENCE, move || read.into_iter().map(move |name| options.clone().read(&name).ok()));
        let counts = |status: Status| {
            let State { max_permits, available_permits, waiting_acquirers, waiting_releasers, .. } = status.state;
            let waiting = waiting_acquirers + waiting_releasers;
            format!("{available_permits} of {max_permits} free, {waiting} waiting")
        };
        let helps = statuses.into_iter().map(|status| status.map(counts)).chain(iter::repeat(None));
        let candidate = |(name, help): (_, Option<String>)| CompletionCandidate::new(name).help(help.map(Into::into));
        names.into_iter().zip(helps).map(candidate).collect()
    }

    /// Those who hold or wait for the semaphore that the words name.
    fn grants(&self) -> Vec<CompletionCandidate> {
        let names = self.list();
        // The first word that is a name, after the command: it is one, or else there is nothing to offer.
        let is_of_machines = |word: &OsStr| word.to_str().is_some_and(reach::is_of_machines);
        let is_name = |word: &OsStr| names.iter().any(|name| word == name.as_str()) || is_of_machines(word);
        let name = self.words.iter().skip(2).rev().skip(1).rev().find(|word| is_name(word));
        let Some(name) = name.and_then(|name| name.to_str()).map(str::to_owned) else { return Vec::new() };
        let options = self.options.clone();
        let read = move || match reach::is_of_machines(&name) {
            true => reach::status_if_any(&name, PATIENCE).ok().flatten(),
            false => options.read(&name).ok(),
        };
        let Some(status) = in_time(PATIENCE, read).pop() else { return Vec::new() };
        let candidate = |who: &Participant, does: &str| {
            let who = Who::from(who);
            let help = format!("{does}: {} of {}, {}", who.pid_text(), who.user, who.command);
            CompletionCandidate::new(who.grant).help(Some(help.into()))
        };
        let holders = status.holders.iter().map(|holder| (&holder.who, "holds"));
        let all = holders.chain(status.waiters.iter().map(|waiter| (&waiter.who, "waits")));
        // What the dead hold is there until another process takes it back: nothing of theirs can be revoked.
        all.filter(|(who, _)| who.alive).map(|(who, does)| candidate(who, does)).collect()
    }

    fn list(&self) -> Vec<String> {
        let options = self.options.clone();
        in_time(PATIENCE, move || options.list()).pop().unwrap_or_default()
    }
}

/// What `read` finds within that time. It is read by another thread, which ends with this program if it is
/// stuck, as on a file system that does not answer.
fn in_time<T: Send + 'static, Found>(patience: Duration, read: impl FnOnce() -> Found + Send + 'static) -> Vec<T>
where
    Found: IntoIterator<Item = T>,
{
    let end = Instant::now() + patience;
    let (sender, found) = channel();
    let find = move || {
        // Nobody listens to what comes too late.
        let _ = read().into_iter().take_while(|_| Instant::now() < end).try_for_each(|one| sender.send(one));
    };
    // Without a thread nothing is found.
    let _ = thread::Builder::new().spawn(find);
    iter::from_fn(|| found.recv_timeout(end.saturating_duration_since(Instant::now())).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_come_in_time_is_left_out() {
        let (keep, silent) = channel::<u32>();
        let stuck = Duration::from_secs(20);
        let began = Instant::now();

        let late = iter::from_fn(move || silent.recv_timeout(stuck).ok());
        let found = in_time(Duration::from_millis(50), move || [1, 2].into_iter().chain(late));

        assert_eq!((found, began.elapsed() < stuck), (vec![1, 2], true));
        drop(keep);
    }
}
