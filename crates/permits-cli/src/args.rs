//! The arguments of the program, and nothing else: a program that makes completions and man pages can include
//! this file alone.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Parser, Subcommand, ValueEnum, ValueHint};
use nix::sys::signal::Signal;

/// Shown by `permits --help` and `permits run --help`; a macro, since `concat!` takes nothing but literals.
macro_rules! exit_codes {
    () => {
        "\
Exit codes:
  0-255  the command's own (run); 128+N when it died by signal N
  64     wrong arguments
  69     unavailable: no such semaphore, closed, removed, or its file was replaced
  75     busy: no permit with --try, or --wait ran out (run -E changes it); in use (remove)
  76     lost: the grant was revoked, or a newer run superseded this one
  77     no permission
  78     wrong configuration: --max or --every differs, more units than permits, another format,
         unsafe or missing directory, unsuitable file system
  124    --max-hold ran out and the command was stopped
  125    permits itself failed: input or output error, damaged file
  126    the command cannot be executed
  127    the command was not found"
    };
}

const RUN_HELP: &str = concat!(
    "\
Examples:
  permits run --max 2 cargo -- cargo test      two builds at a time on this host
  permits run --try backup -- rsync -a /a /b   skip this time if the last one still runs
  permits run --max 8 -u 4 --jobserver cpu -- make
                                               four of eight processors, shared by make and its children

",
    exit_codes!()
);

const LIST_HELP: &str = "\
Example, removes what was not used for thirty days:
  permits list --idle 30d --names | xargs -rd '\\n' permits remove";

/// Counting semaphores for the shell: at most N commands at a time on one host.
///
/// Permits belong to processes: when a holder dies, whatever kills it, its permits come back. Waiters are served in the
/// order in which they came. There is no daemon.
#[derive(Debug, Parser)]
#[command(name = "permits", version, after_help = exit_codes!(), max_term_width = 100)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) act: Act,
}

/// [`Args`] for `run` alone: building the other thirteen takes longer than anything else at the start, and
/// `run` is started often.
///
/// It decides nothing: what it cannot parse, help included, is left to [`Args`].
#[derive(Debug, Parser)]
#[command(name = "permits", disable_help_subcommand = true)]
struct RunAlone {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    act: RunAct,
}

#[derive(Debug, Subcommand)]
enum RunAct {
    Run(Box<Run>),
}

impl Args {
    /// The arguments of this process.
    pub(crate) fn of_process() -> Result<Args, clap::Error> {
        if std::env::args_os().any(|arg| arg == "run")
            && let Ok(RunAlone { common, act: RunAct::Run(run) }) = RunAlone::try_parse()
        {
            return Ok(Args { common, act: Act::Run(run) });
        }
        Args::try_parse()
    }
}

/// Options that every subcommand takes.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Common options")]
pub(crate) struct Common {
    /// Directory of the semaphores [default: $PERMITS_DIR, or the one that `permits doctor` names]
    #[arg(
        long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath,
        value_parser = OsStringValueParser::new().try_map(directory)
    )]
    pub(crate) dir: Option<PathBuf>,
    /// Permissions of a new semaphore, octal: 600 for oneself, 660 for the group, 666 for all [default: 600]
    #[arg(long, global = true, value_name = "OCTAL", value_parser = mode, allow_hyphen_values = true)]
    pub(crate) mode: Option<u32>,
    /// Say nothing but errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say on stderr what happens
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Act {
    /// Run a command with a permit, and give the permit back when the command ends
    Run(Box<Run>),
    /// Take permits that stay out until somebody releases them
    Acquire(Acquire),
    /// Give loose permits back; waits while none is out
    Release(Release),
    /// Show holders, waiters and counts
    Status(Status),
    /// List the semaphores
    List(List),
    /// Watch the semaphores live
    Top(Top),
    /// Change the number of permits, or the time between starts
    Set(Set),
    /// Wait until nothing is given out and nobody waits
    Wait(Wait),
    /// Ask a holder or waiter to give up
    Revoke(Revoke),
    /// Remove semaphores that nobody uses
    #[command(visible_alias = "rm", alias = "delete")]
    Remove(Remove),
    /// Check a semaphore, and mend what can be mended
    Repair(Repair),
    /// Examine directory, file system and kernel
    Doctor(Doctor),
    /// Print the completions of a shell
    Completions(Completions),
    /// Show a manual page, or write all of them into a directory
    Man(Man),
}

/// How long to wait for permits.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Patience {
    /// Do not wait: exit 75 if it cannot be had now
    #[arg(short = 'n', long = "try", conflicts_with = "wait")]
    pub(crate) try_now: bool,
    /// Wait at most so long, then exit 75; `1.5`, `90s`, `5m`, `1h30m`; 0 is --try
    #[arg(short, long, value_name = "DURATION", value_parser = duration, allow_hyphen_values = true)]
    pub(crate) wait: Option<Duration>,
}

/// How many permits the semaphore has.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Size {
    /// Permits of the semaphore: a number, a percentage of the host's processors (`50%`), or `nproc`
    ///
    /// Creates the semaphore if there is none. If there is one with another number, that is an error (exit 78)
    /// unless --resize is given. Without --max the stored number holds, and a new semaphore has that of --create.
    /// With neither, `run` and `acquire` create one with 1 permit: it excludes; `release` creates none.
    #[arg(short, long, value_name = "N|N%|nproc", allow_hyphen_values = true)]
    pub(crate) max: Option<Number>,
    /// Permits of the semaphore if there is none yet; the stored number holds otherwise
    #[arg(long, value_name = "N|N%|nproc", conflicts_with = "max", allow_hyphen_values = true)]
    pub(crate) create: Option<Number>,
    /// Change the stored number of permits to --max
    #[arg(long, requires = "max")]
    pub(crate) resize: bool,
}

/// How far apart the starts of a semaphore are.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Spacing {
    /// Time between two starts at least: `2s`, `500ms`, `1m30s`; from 1ms to 24h, 0 for none
    ///
    /// A start is a grant, of however many permits, to whichever command waits first. The time is stored with
    /// the semaphore. If it stores another one, that is an error (exit 78) unless --max and --resize are
    /// given; `permits set NAME --every DURATION` changes it. Without --every the stored time holds.
    #[arg(long, value_name = "DURATION", value_parser = interval, allow_hyphen_values = true)]
    pub(crate) every: Option<Duration>,
}

/// Run a command with a permit, and give the permit back when the command ends.
///
/// The command is executed directly, without a shell. It gets stdin, stdout, stderr and the signals of this
/// program, and its exit code is passed on. HUP, INT, QUIT and TERM are passed on to all that the command has
/// started, too. The permit lasts as long as the command or this program lives; daemons that the command
/// leaves behind do not keep it, but for --tree. The command finds PERMITS_NAME, PERMITS_GRANT,
/// PERMITS_UNITS, and PERMITS_SLOT, the number of its permit, in its environment.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = RUN_HELP)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) size: Size,
    #[command(flatten)]
    pub(crate) spacing: Spacing,
    /// Permits to take at once: a number, a percentage of the processors that this program may use, or
    /// `nproc`
    #[arg(short, long, value_name = "K|K%|nproc", default_value = "1", allow_hyphen_values = true)]
    pub(crate) units: Number,
    #[command(flatten)]
    pub(crate) patience: Patience,
    /// Exit code when busy or timed out
    #[arg(
        short = 'E', long, value_name = "CODE", default_value = "75", value_parser = exit_code, allow_hyphen_values = true
    )]
    pub(crate) conflict_exit_code: u8,
    /// Run STRING by $SHELL (or sh) -c, in place of a command
    #[arg(short, long, value_name = "STRING", conflicts_with = "command")]
    pub(crate) shell: Option<OsString>,
    /// Become the command: nobody forwards signals or enforces limits, the permit lasts as long as the command
    #[arg(short = 'x', long, conflicts_with_all = ["max_hold", "on_lost", "jobserver", "pdeathsig", "reentrant"])]
    pub(crate) exec: bool,
    /// The permit lasts until all that the command has started has ended, daemons included
    ///
    /// Signals and --max-hold reach them, too. When this program is killed by KILL, it lasts as long as the
    /// command.
    #[arg(long, conflicts_with = "exec")]
    pub(crate) tree: bool,
    /// Stop the command, and all that it has started, when it has run so long; exit 124
    #[arg(long, value_name = "DURATION", value_parser = positive_duration, allow_hyphen_values = true)]
    pub(crate) max_hold: Option<Duration>,
    /// Signal for --max-hold
    #[arg(
        long, value_name = "SIGNAL", default_value = "TERM", value_parser = signal, requires = "max_hold",
        allow_hyphen_values = true
    )]
    pub(crate) signal: i32,
    /// Kill what is left of them so long after that signal
    #[arg(
        short, long, value_name = "DURATION", default_value = "10s", value_parser = duration, requires = "max_hold",
        allow_hyphen_values = true
    )]
    pub(crate) kill_after: Duration,
    /// What to do when the grant is revoked: `term`, `kill`, `ignore`, or a shell command to run
    ///
    /// `term` sends TERM, and KILL after --grace; `kill` sends KILL, to all that the command has started,
    /// too; both exit 76. `ignore` goes on. Anything else is run by sh -c with PERMITS_COMMAND_PID set to the
    /// command's process, which is then waited for; exit 76.
    #[arg(
        long, value_name = "term|kill|ignore|COMMAND", default_value = "term",
        value_parser = OsStringValueParser::new().try_map(on_lost)
    )]
    pub(crate) on_lost: OnLost,
    /// Time between TERM and KILL of --on-lost term
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration, allow_hyphen_values = true)]
    pub(crate) grace: Duration,
    /// Text that `status` shows beside this holder, at most 64 bytes
    #[arg(long, value_name = "TEXT")]
    pub(crate) label: Option<OsString>,
    /// Report events on stderr as lines of JSON
    #[arg(long, conflicts_with = "report_fd")]
    pub(crate) json: bool,
    /// Report events as lines of JSON on an open descriptor: waiting, granted, lost, done
    #[arg(long, value_name = "FD", value_parser = descriptor, allow_hyphen_values = true)]
    pub(crate) report_fd: Option<i32>,
    /// Give the command a private make jobserver with as many jobs as --units
    ///
    /// Run `make` without -j, `cargo` or `ninja` in it. `fifo` needs make 4.4 or ninja 1.13, `pipe` works
    /// with every make; `auto` takes `pipe` if the make in PATH is older than 4.4.
    #[arg(long, value_name = "KIND", num_args = 0..=1, require_equals = true, default_missing_value = "auto")]
    pub(crate) jobserver: Option<Jobserver>,
    /// Signal the command when this program is killed
    #[arg(long, value_name = "SIGNAL", value_parser = signal, allow_hyphen_values = true)]
    pub(crate) pdeathsig: Option<i32>,
    /// Inside a run of the same semaphore: share its permits, take none
    #[arg(long)]
    pub(crate) reentrant: bool,
    /// Replace the runs that wait for this semaphore with the same key, at most 64 bytes: they exit 76
    ///
    /// Of those that wait with one key, the newest stays. Without it all wait, in the order in which they came.
    /// A run that holds its permits goes on, but for --supersede-running.
    #[arg(long, value_name = "KEY", conflicts_with = "try_now", value_parser = supersede_key)]
    pub(crate) supersede: Option<String>,
    /// Replace the runs that hold permits with that key, too: see --on-lost
    #[arg(long, requires = "supersede")]
    pub(crate) supersede_running: bool,
    /// Name of the semaphore
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Command and its arguments
    #[arg(last = true, required_unless_present = "shell", value_name = "COMMAND", value_hint = ValueHint::CommandName)]
    pub(crate) command: Vec<OsString>,
}

/// Take permits that stay out until somebody releases them.
///
/// The permits are loose: they outlive this program and whoever calls it, until `permits release` gives them back. With
/// --while-pid they are held by a small process in the background as long as that process lives; its grant is printed.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Acquire {
    #[command(flatten)]
    pub(crate) size: Size,
    #[command(flatten)]
    pub(crate) spacing: Spacing,
    /// Permits to take at once: a number, a percentage of the processors that this program may use, or
    /// `nproc`
    #[arg(short, long, value_name = "K|K%|nproc", default_value = "1", allow_hyphen_values = true)]
    pub(crate) units: Number,
    #[command(flatten)]
    pub(crate) patience: Patience,
    /// Hold the permits in the background as long as this process lives, and print the grant
    #[arg(long, value_name = "PID", value_parser = process, allow_hyphen_values = true)]
    pub(crate) while_pid: Option<i32>,
    /// Text that `status` shows beside this holder, at most 64 bytes
    #[arg(long, value_name = "TEXT")]
    pub(crate) label: Option<OsString>,
    /// Print what was taken as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Name of the semaphore
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

/// Give loose permits back; waits while none is out.
///
/// A semaphore that does not exist is an error (exit 69), unless --max or --create says how many permits it has.
///
/// A permit that nobody took cannot be given back: the caller that comes too early waits for the one that
/// takes. Permits that a process holds (by `run`, or `acquire --while-pid`) are never given back by this,
/// except with --grant.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Release {
    #[command(flatten)]
    pub(crate) size: Size,
    /// Permits to give back at once: a number, a percentage of the processors that this program may use, or
    /// `nproc`
    #[arg(short, long, value_name = "K|K%|nproc", default_value = "1", allow_hyphen_values = true)]
    pub(crate) units: Number,
    #[command(flatten)]
    pub(crate) patience: Patience,
    /// Ask this holder to give up, and wait until it has (at most 5s, or --wait)
    #[arg(long, value_name = "GRANT", conflicts_with_all = ["units", "max", "create"], allow_hyphen_values = true)]
    pub(crate) grant: Option<String>,
    /// Name of the semaphore
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

/// Show holders, waiters and counts.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Status {
    /// One line of JSON a semaphore
    #[arg(long)]
    pub(crate) json: bool,
    /// Show it again every --interval, until interrupted
    #[arg(long)]
    pub(crate) watch: bool,
    /// Time between two readings of --watch
    #[arg(
        long, value_name = "DURATION", default_value = "1s", value_parser = positive_duration,
        allow_hyphen_values = true
    )]
    pub(crate) interval: Duration,
    /// Names of semaphores [default: all]
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
}

/// List the semaphores.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = LIST_HELP)]
pub(crate) struct List {
    /// Only those that are not in use and have not been used for so long; `12h`, `30d`
    ///
    /// A semaphore is in use while permits are out or waited for. To list, read or resize it is no use.
    #[arg(long, value_name = "DURATION", value_parser = duration, allow_hyphen_values = true)]
    pub(crate) idle: Option<Duration>,
    /// Print names alone, a line each
    #[arg(long, conflicts_with = "json")]
    pub(crate) names: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Watch the semaphores live.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Top {
    /// Lines of JSON, in place of the screen
    #[arg(long)]
    pub(crate) json: bool,
    /// Without a terminal: print again every --interval
    #[arg(long)]
    pub(crate) watch: bool,
    /// Time between two readings
    #[arg(
        long, value_name = "DURATION", default_value = "1s", value_parser = top_interval, allow_hyphen_values = true
    )]
    pub(crate) interval: Duration,
    /// Keys that resize or revoke do nothing
    #[arg(long)]
    pub(crate) read_only: bool,
    /// Names of semaphores [default: all]
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
}

/// Change the number of permits, or the time between starts.
///
/// Growing serves waiters at once. Shrinking below what is given out takes effect as permits come back. `+1` is one
/// more, and `-1` one less.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Set {
    /// Name of the semaphore
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// New number of permits: a number, a percentage of the host's processors, or `nproc`; `+N` or `-N`: so many more
    /// or less
    #[arg(value_name = "N|N%|nproc|+N|-N", required_unless_present = "every", allow_negative_numbers = true)]
    pub(crate) max: Option<Change>,
    /// New time between two starts at least: `2s`, `500ms`, `1m30s`; from 1ms to 24h, 0 for none
    ///
    /// A waiter that waits for the time of the next start waits for the new time.
    #[arg(long, value_name = "DURATION", value_parser = interval, allow_hyphen_values = true)]
    pub(crate) every: Option<Duration>,
    /// Create the semaphore if there is none
    #[arg(long, requires = "max")]
    pub(crate) create: bool,
}

/// Wait until nothing is given out and nobody waits.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Wait {
    #[command(flatten)]
    pub(crate) patience: Patience,
    /// Name of the semaphore
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

/// Ask a holder or waiter to give up.
///
/// It is told, and nothing is taken from it: `run` stops its command (see `run --on-lost`), and the permits
/// come back when the command has ended.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Revoke {
    /// Wait until it has given up, at most so long, then exit 75
    #[arg(short, long, value_name = "DURATION", value_parser = duration, allow_hyphen_values = true)]
    pub(crate) wait: Option<Duration>,
    /// Name of the semaphore
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Grant of the holder, as `permits status` shows it
    #[arg(value_name = "GRANT", allow_negative_numbers = true)]
    pub(crate) grant: String,
}

/// Remove semaphores that nobody uses.
///
/// One in use stays, and the exit code is 75: permits are held or loose, or somebody waits. What the dead held does not
/// count. Whoever comes at the same moment takes part in it, so that it stays, or makes a new one.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Remove {
    /// One in use too: those who wait are told (exit 69), and what is held or loose counts for nobody who comes
    #[arg(short, long)]
    pub(crate) force: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Names of semaphores
    #[arg(value_name = "NAME", required = true)]
    pub(crate) names: Vec<String>,
}

/// Check a semaphore, and mend what can be mended.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Repair {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Name of the semaphore
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

/// Examine directory, file system and kernel.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Doctor {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Print the completions of a shell.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Completions {
    /// Shell to complete in
    pub(crate) shell: Shell,
    /// Print what can stand at the word of that index, as the scripts ask for it
    #[arg(long, value_name = "INDEX", hide = true)]
    pub(crate) word: Option<usize>,
    /// The words of the line, the program first
    #[arg(last = true, hide = true, requires = "word")]
    pub(crate) words: Vec<OsString>,
}

/// Show a manual page, or write all of them into a directory.
///
/// On a terminal man(1) shows it. Elsewhere its source is printed, in roff.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Man {
    /// Write permits.1, permits-run.1 and so on into DIR, and make DIR if it is missing
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, conflicts_with = "page")]
    pub(crate) out: Option<PathBuf>,
    /// Subcommand whose page it is, such as `run` [default: the page of the program]
    #[arg(value_name = "PAGE")]
    pub(crate) page: Option<String>,
}

/// Shells that have completions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs, reason = "the names say it, and clap would show the docs as help")]
pub(crate) enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// How the jobserver is handed to the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs, reason = "the help of --jobserver tells them")]
pub(crate) enum Jobserver {
    Auto,
    Fifo,
    Pipe,
}

/// The most permits that a semaphore has. A copy, since this file stands alone; the tests of `place` compare it.
pub(crate) const MOST: u32 = 4_194_303;

/// The most bytes of a key of `--supersede`. A copy likewise.
pub(crate) const LONGEST_KEY: usize = 64;

/// A number of permits, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Number {
    /// So many.
    Exactly(u32),
    /// Percent of processors, rounded down, at least one permit.
    Percent(u32),
}

impl FromStr for Number {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "nproc" {
            return Ok(Number::Percent(100));
        }
        let (digits, percent) = text.strip_suffix('%').map_or((text, false), |digits| (digits, true));
        let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        match digits.parse::<u32>() {
            Ok(0) => Err(format!("`{text}` is no number of permits, at least 1 is needed")),
            Ok(number) if percent => Ok(Number::Percent(number)),
            Ok(number) if number <= MOST => Ok(Number::Exactly(number)),
            Err(_) if !all_digits => {
                Err(format!("`{text}` is neither a number from 1, nor a percentage like `50%`, nor `nproc`"))
            }
            _ => Err(format!("`{text}` is too large, `{MOST}` is the most")),
        }
    }
}

/// Another number of permits, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// That number.
    To(Number),
    /// So many more.
    Grow(u32),
    /// So many less.
    Shrink(u32),
}

impl FromStr for Change {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let exactly = |digits: &str| match digits.parse()? {
            Number::Exactly(number) => Ok(number),
            Number::Percent(_) => Err(format!("`{text}` cannot be relative: after `+` or `-` comes a number from 1")),
        };
        match text.as_bytes() {
            [b'+', ..] => exactly(&text[1..]).map(Change::Grow),
            [b'-', ..] => exactly(&text[1..]).map(Change::Shrink),
            _ => text.parse().map(Change::To),
        }
    }
}

/// What to do when the grant is revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OnLost {
    /// TERM, and KILL after the grace.
    Term,
    /// KILL.
    Kill,
    /// Nothing.
    Ignore,
    /// A command for sh.
    Command(OsString),
}

fn on_lost(text: OsString) -> Result<OnLost, String> {
    match text.to_str() {
        Some("term") => Ok(OnLost::Term),
        Some("kill") => Ok(OnLost::Kill),
        Some("ignore") => Ok(OnLost::Ignore),
        Some("") => Err("nothing is said; give `term`, `kill`, `ignore` or a command".to_owned()),
        _ => Ok(OnLost::Command(text)),
    }
}

/// What the library takes for a key, with the way out at the shell.
fn supersede_key(text: &str) -> Result<String, String> {
    match text.len() {
        0 => Err("it is empty, give a text that the runs have in common of which the newest is wanted".to_owned()),
        1..=LONGEST_KEY if text.chars().any(char::is_control) => {
            Err(format!("{text:?} has a control character in it, give a text without"))
        }
        1..=LONGEST_KEY => Ok(text.to_owned()),
        long => Err(format!(
            "`{text}` has `{long}` bytes, `{LONGEST_KEY}` are the most, give a shorter one, such as the first field of \
             `printf %s KEY | md5sum`"
        )),
    }
}

/// A longer time than ten years is a slip, in a unit or in a digit.
const LONGEST: Duration = Duration::from_secs(3650 * 86_400);

/// Seconds with or without a fraction, or numbers with units.
fn duration(text: &str) -> Result<Duration, String> {
    let none = || format!("`{text}` is no length of time, give seconds from 0, or `90s`, `5m`, `1h30m`");
    let too_long = || format!("`{text}` is too long, `3650d` is the most");
    if let Ok(seconds) = text.strip_suffix('s').unwrap_or(text).parse::<f64>() {
        return match seconds {
            seconds if seconds.is_finite() && seconds > LONGEST.as_secs_f64() => Err(too_long()),
            seconds => Duration::try_from_secs_f64(seconds).map_err(|_| none()),
        };
    }
    if text.contains('M') {
        // To humantime it is a month. In a limit on a wait that is never meant.
        return Err(format!("`{text}` would be in months, minutes are `{}`", text.replace('M', "m")));
    }
    match humantime::parse_duration(text) {
        Ok(time) if time > LONGEST => Err(too_long()),
        Ok(time) => Ok(time),
        Err(humantime::DurationError::NumberOverflow) => Err(too_long()),
        Err(error) => Err(format!("{}: {error}", none())),
    }
}

/// The least that is none.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(1);
const LONGEST_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// A time between two starts. Copies of the library's limits, since this file stands alone; the tests of
/// `place` compare them.
pub(crate) fn interval(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        time if !time.is_zero() && time < SHORTEST_INTERVAL => {
            Err(format!("`{text}` is too short, `1ms` is the least, and `0` leaves starts unspaced"))
        }
        time if time > LONGEST_INTERVAL => Err(format!("`{text}` is too long, `24h` is the most")),
        time => Ok(time),
    }
}

/// Each reading costs the holders a little, so not without a pause.
fn top_interval(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        time if time < Duration::from_millis(100) => Err(format!("`{text}` is too short, give `100ms` or more")),
        time => Ok(time),
    }
}

fn positive_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err(format!("`{text}` is no time at all, give more than 0")),
        time => Ok(time),
    }
}

/// `TERM`, `SIGTERM`, `term` or `15`.
fn signal(text: &str) -> Result<i32, String> {
    let upper = text.to_ascii_uppercase();
    let by_name = Signal::from_str(&if upper.starts_with("SIG") { upper } else { format!("SIG{upper}") });
    let by_number = || text.parse().ok().filter(|number| (1..=64).contains(number));
    by_name
        .ok()
        .map(|signal| signal as i32)
        .or_else(by_number)
        .ok_or_else(|| format!("`{text}` is no signal, give a name like `TERM` or a number from 1 to 64"))
}

fn mode(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text, 8) {
        // The class of users is shifted over itself: may read, and not write.
        Ok(mode) if mode & 0o044 & !((mode & 0o022) << 1) != 0 => Err(format!(
            "`{text}` lets others read and not write, and who may read a semaphore can lock it and keep everybody out: give \
             `600`, `660` or `666`"
        )),
        Ok(mode) if mode & !0o666 == 0 && mode & 0o600 == 0o600 => Ok(mode),
        _ => Err(format!("`{text}` is no mode for a semaphore, give octal digits from 600 to 666, such as `660`")),
    }
}

/// A process id.
fn process(text: &str) -> Result<i32, String> {
    match text.parse() {
        Ok(pid @ 1..) => Ok(pid),
        _ => Err(format!("`{text}` is no process id: it is a number from 1, such as `$$` of this shell")),
    }
}

fn directory(text: OsString) -> Result<PathBuf, String> {
    if text.is_empty() {
        Err("it names no directory: leave --dir out for the default".to_owned())
    } else {
        Ok(text.into())
    }
}

fn exit_code(text: &str) -> Result<u8, String> {
    text.parse().map_err(|_| format!("`{text}` is no exit code, give a number from 0 to 255"))
}

/// An open descriptor that is not stdin.
fn descriptor(text: &str) -> Result<i32, String> {
    match text.parse() {
        Ok(number @ 1..) => Ok(number),
        _ => Err(format!("`{text}` is no descriptor, give a number from 1, such as `3` with `3>events`")),
    }
}
