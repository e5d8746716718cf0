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
  0-255  exit code of the command (run); 128+N if signal N killed it
  64     wrong arguments
  69     unavailable: the semaphore does not exist, is closed, was removed, or its file was replaced
  75     busy: no permit with --try, or --wait timed out (run -E changes the code); in use (remove)
  76     lost: the grant was revoked, or a newer run superseded this one
  77     permission denied
  78     wrong configuration: --max or --every differs from the stored value, more units than
         permits, another file format, unsafe or missing directory, unsuitable file system
  124    --max-hold expired, and the command was stopped
  125    permits itself failed: input or output error, damaged file
  126    the command cannot be executed
  127    the command was not found"
    };
}

const RUN_HELP: &str = concat!(
    "\
Examples:
  permits run --max 2 cargo -- cargo test      at most two at a time on this host
  permits run --try backup -- rsync -a /a /b   skip if the last backup still runs
  permits run --max 8 -u 4 --jobserver cpu -- make
                                               four of eight processors, shared by make and its children

",
    exit_codes!()
);

const LIST_HELP: &str = "\
Example, to remove semaphores that were not used for 30 days:
  permits list --idle 30d --names | xargs -rd '\\n' permits remove";

/// Counting semaphores for the shell: at most N commands at a time on one host.
///
/// Permits belong to processes: when a holder dies, however it dies, its permits come back. Waiters are
/// served in the order in which they arrived. There is no daemon.
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
    /// Use the semaphores in DIR [default: $PERMITS_DIR, or the directory that `permits doctor` names]
    #[arg(
        long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath,
        value_parser = OsStringValueParser::new().try_map(directory)
    )]
    pub(crate) dir: Option<PathBuf>,
    /// Permissions of a new semaphore: 600 for you, 660 for your group, 666 for all users [default: 600]
    #[arg(long, global = true, value_name = "OCTAL", value_parser = mode, allow_hyphen_values = true)]
    pub(crate) mode: Option<u32>,
    /// Print errors only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Report each step on stderr
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
}

/// What to do. The help of each is the doc of its arguments: a doc of the variant would hide all but the
/// first line.
#[derive(Debug, Subcommand)]
pub(crate) enum Act {
    Run(Box<Run>),
    Acquire(Acquire),
    Release(Release),
    Status(Status),
    List(List),
    Top(Top),
    Set(Set),
    Wait(Wait),
    Revoke(Revoke),
    #[command(visible_alias = "rm", alias = "delete")]
    Remove(Remove),
    Repair(Repair),
    Doctor(Doctor),
    Completions(Completions),
    Man(Man),
}

/// How long to wait for permits.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Patience {
    /// Exit 75 instead of waiting
    #[arg(short = 'n', long = "try", conflicts_with = "wait")]
    pub(crate) try_now: bool,
    /// Wait at most DURATION, then exit 75; `1.5`, `90s`, `5m`, `1h30m`; 0 means --try
    #[arg(short, long, value_name = "DURATION", value_parser = duration, allow_hyphen_values = true)]
    pub(crate) wait: Option<Duration>,
}

/// How many permits the semaphore has.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Size {
    /// Permits of the semaphore: a number, a percentage of the host's processors (`50%`), or `nproc`
    ///
    /// Creates the semaphore if it does not exist. If it exists with another number, `permits` exits 78, unless
    /// --resize is given. Without --max, the stored number holds, and a new semaphore gets the number of
    /// --create. With neither, `run` and `acquire` create a semaphore with 1 permit, so one command runs at a
    /// time; `release` creates none.
    #[arg(short, long, value_name = "N|N%|nproc", allow_hyphen_values = true)]
    pub(crate) max: Option<Number>,
    /// Permits of a new semaphore; an existing one keeps its number
    #[arg(long, value_name = "N|N%|nproc", conflicts_with = "max", allow_hyphen_values = true)]
    pub(crate) create: Option<Number>,
    /// Change the stored number of permits to --max
    #[arg(long, requires = "max")]
    pub(crate) resize: bool,
}

/// How far apart the starts of a semaphore are.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Spacing {
    /// Minimum time between two starts: `2s`, `500ms`, `1m30s`; from 1ms to 24h, 0 for none
    ///
    /// A start is one grant, of any number of permits. The first waiter starts first. The time is stored with
    /// the semaphore. If another time is stored, `permits` exits 78, unless --max and --resize are given;
    /// `permits set NAME --every DURATION` changes it. Without --every, the stored time holds.
    #[arg(long, value_name = "DURATION", value_parser = interval, allow_hyphen_values = true)]
    pub(crate) every: Option<Duration>,
}

/// Run a command with a permit, and return the permit when the command ends.
///
/// `permits` executes the command directly, without a shell, and exits with its exit code. The command
/// inherits stdin, stdout and stderr, and gets the signals that are sent to `permits`. HUP, INT, QUIT and
/// TERM also go to all processes that the command has started. The permit lasts as long as the command or
/// `permits` lives; daemons that the command leaves behind do not keep it, except with --tree. The
/// environment of the command has PERMITS_NAME, PERMITS_GRANT, PERMITS_UNITS, and PERMITS_SLOT, the number of
/// its permit.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = RUN_HELP)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) size: Size,
    #[command(flatten)]
    pub(crate) spacing: Spacing,
    /// Permits to acquire at once: a number, a percentage of the processors that `permits` may use, or
    /// `nproc`
    #[arg(short, long, value_name = "K|K%|nproc", default_value = "1", allow_hyphen_values = true)]
    pub(crate) units: Number,
    #[command(flatten)]
    pub(crate) patience: Patience,
    /// Exit with CODE if busy or timed out
    #[arg(
        short = 'E', long, value_name = "CODE", default_value = "75", value_parser = exit_code, allow_hyphen_values = true
    )]
    pub(crate) conflict_exit_code: u8,
    /// Run STRING with `$SHELL -c` (or `sh -c`) instead of a command
    #[arg(short, long, value_name = "STRING", conflicts_with = "command")]
    pub(crate) shell: Option<OsString>,
    /// Replace `permits` by the command, as `exec` of a shell does
    ///
    /// The permit lasts as long as the command. No process forwards signals or enforces limits.
    #[arg(short = 'x', long, conflicts_with_all = ["max_hold", "on_lost", "jobserver", "pdeathsig", "reentrant"])]
    pub(crate) exec: bool,
    /// Keep the permit until all processes that the command has started have ended, daemons included
    ///
    /// Signals and --max-hold reach them, too. If KILL ends `permits`, the permit lasts as long as the
    /// command.
    #[arg(long, conflicts_with = "exec")]
    pub(crate) tree: bool,
    /// Stop the command and all processes that it has started after DURATION; exit 124
    #[arg(long, value_name = "DURATION", value_parser = positive_duration, allow_hyphen_values = true)]
    pub(crate) max_hold: Option<Duration>,
    /// Signal that --max-hold sends
    #[arg(
        long, value_name = "SIGNAL", default_value = "TERM", value_parser = signal, requires = "max_hold",
        allow_hyphen_values = true
    )]
    pub(crate) signal: i32,
    /// Kill the processes that are left DURATION after that signal
    #[arg(
        short, long, value_name = "DURATION", default_value = "10s", value_parser = duration, requires = "max_hold",
        allow_hyphen_values = true
    )]
    pub(crate) kill_after: Duration,
    /// What to do when the grant is revoked: `term`, `kill`, `ignore`, or run a shell command
    ///
    /// `term` sends TERM to the command and all processes that it has started, and KILL after --grace. `kill`
    /// sends them KILL at once. Both exit 76. `ignore` lets the command run on. Any other value is run with
    /// `sh -c`, with the command's process id in PERMITS_COMMAND_PID; `permits` waits until the command ends,
    /// and exits 76.
    #[arg(
        long, value_name = "term|kill|ignore|COMMAND", default_value = "term",
        value_parser = OsStringValueParser::new().try_map(on_lost)
    )]
    pub(crate) on_lost: OnLost,
    /// Time between TERM and KILL with --on-lost term
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration, allow_hyphen_values = true)]
    pub(crate) grace: Duration,
    /// Text that `status` shows for this holder, at most 64 bytes
    #[arg(long, value_name = "TEXT")]
    pub(crate) label: Option<OsString>,
    /// Report events on stderr, as JSON lines
    #[arg(long, conflicts_with = "report_fd")]
    pub(crate) json: bool,
    /// Report events on descriptor FD, as JSON lines: waiting, granted, nested, lost, done
    #[arg(long, value_name = "FD", value_parser = descriptor, allow_hyphen_values = true)]
    pub(crate) report_fd: Option<i32>,
    /// Give the command its own make jobserver, with as many jobs as --units
    ///
    /// Works for `make` without -j, `cargo` and `ninja`. `fifo` needs make 4.4 or ninja 1.13; `pipe` works
    /// with every make; `auto` uses `pipe` if the make in PATH is older than 4.4.
    #[arg(long, value_name = "KIND", num_args = 0..=1, require_equals = true, default_missing_value = "auto")]
    pub(crate) jobserver: Option<Jobserver>,
    /// Send SIGNAL to the command if `permits` is killed
    #[arg(long, value_name = "SIGNAL", value_parser = signal, allow_hyphen_values = true)]
    pub(crate) pdeathsig: Option<i32>,
    /// Inside a run of the same semaphore, share its permits instead of acquiring more
    #[arg(long)]
    pub(crate) reentrant: bool,
    /// Replace the runs that wait with the same KEY, at most 64 bytes: they exit 76
    ///
    /// Of the runs that wait for the semaphore with one key, the newest stays. Runs without a key all wait,
    /// in the order in which they arrived. A run that holds permits goes on, except with --supersede-running.
    #[arg(long, value_name = "KEY", conflicts_with = "try_now", value_parser = supersede_key)]
    pub(crate) supersede: Option<String>,
    /// Also replace runs with that KEY that hold permits; their --on-lost says how they end
    #[arg(long, requires = "supersede")]
    pub(crate) supersede_running: bool,
    /// Name of the semaphore
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Command and its arguments
    #[arg(last = true, required_unless_present = "shell", value_name = "COMMAND", value_hint = ValueHint::CommandName)]
    pub(crate) command: Vec<OsString>,
}

/// Acquire permits that stay out until `permits release`.
///
/// The permits are loose: they outlive `permits` and its caller, until `permits release` returns them. With
/// --while-pid, a small background process holds them as long as process PID lives, and `permits` prints the
/// grant.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Acquire {
    #[command(flatten)]
    pub(crate) size: Size,
    #[command(flatten)]
    pub(crate) spacing: Spacing,
    /// Permits to acquire at once: a number, a percentage of the processors that `permits` may use, or
    /// `nproc`
    #[arg(short, long, value_name = "K|K%|nproc", default_value = "1", allow_hyphen_values = true)]
    pub(crate) units: Number,
    #[command(flatten)]
    pub(crate) patience: Patience,
    /// Hold the permits in the background while process PID lives, and print the grant
    #[arg(long, value_name = "PID", value_parser = process, allow_hyphen_values = true)]
    pub(crate) while_pid: Option<i32>,
    /// Text that `status` shows for this holder, at most 64 bytes
    #[arg(long, value_name = "TEXT")]
    pub(crate) label: Option<OsString>,
    /// Print what was acquired, as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Name of the semaphore
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

/// Release loose permits; wait while there are too few.
///
/// If the semaphore does not exist, `permits` exits 69, unless --max or --create gives its number of permits.
///
/// Only a permit that was acquired can be released: a `release` that comes too early waits for the `acquire`.
/// It never releases permits that a process holds (by `run` or `acquire --while-pid`), except with --grant.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Release {
    #[command(flatten)]
    pub(crate) size: Size,
    /// Permits to release at once: a number, a percentage of the processors that `permits` may use, or
    /// `nproc`
    #[arg(short, long, value_name = "K|K%|nproc", default_value = "1", allow_hyphen_values = true)]
    pub(crate) units: Number,
    #[command(flatten)]
    pub(crate) patience: Patience,
    /// Ask the holder GRANT to give up, and wait until it has; at most 5s, or --wait
    #[arg(long, value_name = "GRANT", conflicts_with_all = ["units", "max", "create"], allow_hyphen_values = true)]
    pub(crate) grant: Option<String>,
    /// Name of the semaphore
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

/// Show counts, holders and waiters.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Status {
    /// Print one line of JSON for each semaphore
    #[arg(long)]
    pub(crate) json: bool,
    /// Print again every --interval, until interrupted
    #[arg(long)]
    pub(crate) watch: bool,
    /// Time between two readings with --watch
    #[arg(
        long, value_name = "DURATION", default_value = "1s", value_parser = positive_duration,
        allow_hyphen_values = true
    )]
    pub(crate) interval: Duration,
    /// Names of semaphores [default: all]
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
}

/// List semaphores.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = LIST_HELP)]
pub(crate) struct List {
    /// List only semaphores that are not in use and were not used for DURATION; `12h`, `30d`
    ///
    /// A semaphore is in use while permits are out or processes wait. Listing, reading and resizing do not
    /// count as use.
    #[arg(long, value_name = "DURATION", value_parser = duration, allow_hyphen_values = true)]
    pub(crate) idle: Option<Duration>,
    /// Print names only, one on each line
    #[arg(long, conflicts_with = "json")]
    pub(crate) names: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Watch semaphores live.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Top {
    /// Print JSON lines instead of a screen
    #[arg(long)]
    pub(crate) json: bool,
    /// Without a terminal, print again every --interval
    #[arg(long)]
    pub(crate) watch: bool,
    /// Time between two readings
    #[arg(
        long, value_name = "DURATION", default_value = "1s", value_parser = top_interval, allow_hyphen_values = true
    )]
    pub(crate) interval: Duration,
    /// Disable the keys that resize and revoke
    #[arg(long)]
    pub(crate) read_only: bool,
    /// Names of semaphores [default: all]
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
}

/// Change the number of permits, or the time between starts.
///
/// Added permits serve waiters at once. If more permits are out than the new number, they are removed as they
/// come back. `+1` adds one permit, `-1` removes one.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Set {
    /// Name of the semaphore
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// New number of permits: a number, a percentage of the host's processors, or `nproc`; `+N` adds N, `-N`
    /// removes N
    #[arg(value_name = "N|N%|nproc|+N|-N", required_unless_present = "every", allow_negative_numbers = true)]
    pub(crate) max: Option<Change>,
    /// New minimum time between two starts: `2s`, `500ms`, `1m30s`; from 1ms to 24h, 0 for none
    ///
    /// It also holds for the commands that wait for the next start now.
    #[arg(long, value_name = "DURATION", value_parser = interval, allow_hyphen_values = true)]
    pub(crate) every: Option<Duration>,
    /// Create the semaphore if it does not exist
    #[arg(long, requires = "max")]
    pub(crate) create: bool,
}

/// Wait until a semaphore is idle: no permit is out, no process waits.
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
/// It keeps its permits until it gives up: `run` stops its command (see `run --on-lost`), and the permits
/// come back when the command has ended.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Revoke {
    /// Wait until it has given up, at most DURATION, then exit 75
    #[arg(short, long, value_name = "DURATION", value_parser = duration, allow_hyphen_values = true)]
    pub(crate) wait: Option<Duration>,
    /// Name of the semaphore
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Grant of the holder or waiter, as `permits status` shows it
    #[arg(value_name = "GRANT", allow_negative_numbers = true)]
    pub(crate) grant: String,
}

/// Remove unused semaphores.
///
/// A semaphore in use stays, and the exit code is 75: permits are held or loose, or a process waits. Permits
/// of dead holders do not count. A process that opens the semaphore at the same moment either uses it, so
/// that it stays, or creates a new one.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Remove {
    /// Also remove semaphores in use: waiters exit 69, and held or loose permits no longer count for new
    /// callers
    #[arg(short, long)]
    pub(crate) force: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Names of semaphores
    #[arg(value_name = "NAME", required = true)]
    pub(crate) names: Vec<String>,
}

/// Check a semaphore, and repair it if possible.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Repair {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Name of the semaphore
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

/// Check directory, file system and kernel, and try a run.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Doctor {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Print completions for a shell.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Completions {
    /// Shell that reads them
    pub(crate) shell: Shell,
    /// Print the candidates for the word of that index, as the scripts ask for them
    #[arg(long, value_name = "INDEX", hide = true)]
    pub(crate) word: Option<usize>,
    /// The words of the line, the program first
    #[arg(last = true, hide = true, requires = "word")]
    pub(crate) words: Vec<OsString>,
}

/// Show a manual page, or write all pages into a directory.
///
/// On a terminal, man(1) shows the page. Elsewhere, `permits` prints its source, in roff.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Man {
    /// Write permits.1, permits-run.1 and so on into DIR; create DIR if it is missing
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, conflicts_with = "page")]
    pub(crate) out: Option<PathBuf>,
    /// Page of a subcommand, such as `run` [default: the page of the program]
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

/// The most permits that a semaphore has. A copy, since this file stands alone; the tests of `place` compare
/// it.
pub(crate) const MOST: u32 = 4_194_303;

/// The most bytes of a key of `--supersede`. A copy likewise.
pub(crate) const LONGEST_KEY: usize = 64;

/// A number of permits, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Number {
    /// That number.
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
            Ok(0) => Err(format!("`{text}` is not a number of permits: give at least `1`")),
            Ok(number) if percent => Ok(Number::Percent(number)),
            Ok(number) if number <= MOST => Ok(Number::Exactly(number)),
            Err(_) if !all_digits => Err(format!(
                "`{text}` is not a number of permits: give a number from 1, `nproc`, or a percentage like `50%`"
            )),
            _ => Err(format!("`{text}` is too large: the maximum is `{MOST}`")),
        }
    }
}

/// Another number of permits, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// That number.
    To(Number),
    /// More by that number.
    Grow(u32),
    /// Fewer by that number.
    Shrink(u32),
}

impl FromStr for Change {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let exactly = |digits: &str| match digits.parse()? {
            Number::Exactly(number) => Ok(number),
            Number::Percent(_) => Err(format!("`{text}` cannot be relative: give a number from 1 after `+` or `-`")),
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
        Some("") => Err("the value is empty: give `term`, `kill`, `ignore` or a command".to_owned()),
        _ => Ok(OnLost::Command(text)),
    }
}

/// What the library takes for a key, with the way out at the shell.
fn supersede_key(text: &str) -> Result<String, String> {
    match text.len() {
        0 => Err("the key is empty: give a text that the runs share of which only the newest counts".to_owned()),
        1..=LONGEST_KEY if text.chars().any(char::is_control) => {
            Err(format!("{text:?} has a control character in it: give a key without"))
        }
        1..=LONGEST_KEY => Ok(text.to_owned()),
        long => Err(format!(
            "`{text}` has `{long}` bytes, at most `{LONGEST_KEY}` are allowed: give a shorter key, such as the first field of \
             `printf %s KEY | md5sum`"
        )),
    }
}

/// A longer time than ten years is a slip, in a unit or in a digit.
const LONGEST: Duration = Duration::from_secs(3650 * 86_400);

/// Seconds with or without a fraction, or numbers with units.
fn duration(text: &str) -> Result<Duration, String> {
    let none = || format!("`{text}` is not a duration: give seconds from 0, or `90s`, `5m`, `1h30m`");
    let too_long = || format!("`{text}` is too long: the maximum is `3650d`");
    if let Ok(seconds) = text.strip_suffix('s').unwrap_or(text).parse::<f64>() {
        return match seconds {
            seconds if seconds.is_finite() && seconds > LONGEST.as_secs_f64() => Err(too_long()),
            seconds => Duration::try_from_secs_f64(seconds).map_err(|_| none()),
        };
    }
    if text.contains('M') {
        // To humantime it is a month. In a limit on a wait that is never meant.
        return Err(format!("`{text}` would be in months: give minutes as `{}`", text.replace('M', "m")));
    }
    match humantime::parse_duration(text) {
        Ok(time) if time > LONGEST => Err(too_long()),
        Ok(time) => Ok(time),
        Err(humantime::DurationError::NumberOverflow) => Err(too_long()),
        Err(error) => Err(format!("{} ({error})", none())),
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
            Err(format!("`{text}` is too short: the minimum is `1ms`, and `0` means no spacing"))
        }
        time if time > LONGEST_INTERVAL => Err(format!("`{text}` is too long: the maximum is `24h`")),
        time => Ok(time),
    }
}

/// Each reading costs the holders a little, so not without a pause.
fn top_interval(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        time if time < Duration::from_millis(100) => Err(format!("`{text}` is too short: the minimum is `100ms`")),
        time => Ok(time),
    }
}

fn positive_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err(format!("`{text}` is too short: give more than `0`")),
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
        .ok_or_else(|| format!("`{text}` is not a signal: give a name like `TERM` or a number from 1 to 64"))
}

fn mode(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text, 8) {
        // The class of users is shifted over itself: may read, and not write.
        Ok(mode) if mode & 0o044 & !((mode & 0o022) << 1) != 0 => Err(format!(
            "`{text}` lets other users read and not write, and a user who can read a semaphore can lock it and keep all \
             others out: give `600`, `660` or `666`"
        )),
        Ok(mode) if mode & !0o666 == 0 && mode & 0o600 == 0o600 => Ok(mode),
        _ => Err(format!("`{text}` is not a mode for a semaphore: give octal digits from 600 to 666, such as `660`")),
    }
}

/// A process id.
fn process(text: &str) -> Result<i32, String> {
    match text.parse() {
        Ok(pid @ 1..) => Ok(pid),
        _ => Err(format!("`{text}` is not a process id: give a number from 1, such as `$$` of this shell")),
    }
}

fn directory(text: OsString) -> Result<PathBuf, String> {
    if text.is_empty() {
        Err("the path is empty: omit --dir to use the default directory".to_owned())
    } else {
        Ok(text.into())
    }
}

fn exit_code(text: &str) -> Result<u8, String> {
    text.parse().map_err(|_| format!("`{text}` is not an exit code: give a number from 0 to 255"))
}

/// An open descriptor that is not stdin.
fn descriptor(text: &str) -> Result<i32, String> {
    match text.parse() {
        Ok(number @ 1..) => Ok(number),
        _ => Err(format!("`{text}` is not a descriptor: give a number from 1, such as `3` with `3>events`")),
    }
}
