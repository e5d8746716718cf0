//! The arguments of the program, and nothing else: a program that makes completions and man pages can include
//! this file and `values` alone.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Parser, Subcommand, ValueEnum, ValueHint};

use crate::values::{
    Change, Number, OnLost, descriptor, directory, duration, exit_code, interval, lease, mode, on_lost,
    positive_duration, process, signal, supersede_key, top_interval,
};

/// Shown by `permits --help` and `permits run --help`; a macro, since `concat!` takes nothing but literals.
macro_rules! exit_codes {
    () => {
        "\
Exit codes:
  0-255  exit code of the command (run); 128+N if signal N killed it
  64     wrong arguments
  69     unavailable: no such semaphore or grant, closed, removed, its
         file was replaced, no process is left to act on a revocation
         (revoke), or no server of etcd answers
  75     busy: no permit with --try, or --wait timed out (run -E changes
         the code); in use (remove)
  76     lost: the grant was revoked, a newer run superseded this one,
         or a lease ended
  77     permission denied, by the file system or by etcd
  78     wrong configuration: --max or --every differs from the stored
         value, more units than permits, another file format, unsafe or
         missing directory, unsuitable file system
  124    --max-hold expired, and the command was stopped
  125    permits itself failed: input or output error, damaged file
  126    the command cannot be executed
  127    the command was not found"
    };
}

const RUN_HELP: &str = concat!(
    "\
Examples:
  permits run --max 2 cargo -- cargo test
         at most two at a time on this host
  permits run --try backup -- rsync -a /a /b
         skip it if the last backup still runs
  permits run --max 8 -u 4 --jobserver cpu -- make
         four of eight processors, shared by make and its children

",
    exit_codes!()
);

const LIST_HELP: &str = "\
Examples:
  permits list --idle 30d --names | xargs -rd '\\n' permits remove
         remove semaphores that were not used for 30 days";

/// Counting semaphores for the shell: at most N commands at a time on one host.
///
/// Permits belong to processes: when a holder dies, however it dies, its permits come back. Waiters are
/// served in the order in which they arrived. There is no daemon.
///
/// NAME is the name of a semaphore, a file in a directory. A holder is a command, or another process, that has
/// permits; a waiter is one that waits. GRANT is the id of a holder or waiter, such as `0-1`: `permits status`
/// shows it under HOLDER and WAITER, and `run` gives it to its command in PERMITS_GRANT.
///
/// NAME can also be the address of a semaphore of machines, on etcd: `etcd://10.0.0.1:2379/build`, or `@build`
/// with PERMITS_BACKEND=etcd://10.0.0.1:2379. A bare name always means this host.
#[derive(Debug, Parser)]
#[command(name = "permits", version, after_help = exit_codes!(), max_term_width = 100)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) act: Act,
}

/// [`Args`] for `run` alone: building the other fourteen takes longer than anything else at the start, and
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
    /// Print errors only, and nothing if permits are busy
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
    Check(Check),
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
    /// Permits of the semaphore: a number, a percentage of the host's processors (`50%`, `150%`), or `nproc`
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
    /// Change the stored number of permits to --max, and the stored time between starts to --every, if given
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

/// The semaphore that a command takes permits of: how it is made, or that it is not.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Terms {
    #[command(flatten)]
    pub(crate) size: Size,
    #[command(flatten)]
    pub(crate) spacing: Spacing,
    /// Exit 69 if the semaphore does not exist, instead of creating it
    #[arg(long, conflicts_with_all = ["max", "create"])]
    pub(crate) existing: bool,
}

/// How machines are reached, for a name that is an address.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Options for machines, with a NAME such as etcd://10.0.0.1:2379/build")]
pub(crate) struct Machines {
    /// Time after which permits come back from a machine that is gone, `1s` to `10m` [default: 15s]
    ///
    /// `permits` renews the lease five times in that time. Below 5s the loss of a leader of etcd can cost a lease.
    #[arg(long, value_name = "DURATION", value_parser = lease, allow_hyphen_values = true)]
    pub(crate) ttl: Option<Duration>,
    /// Exit 69 if no server answers for DURATION
    ///
    /// --on-engine-loss says whether that holds in the queue, too.
    #[arg(
        long, value_name = "DURATION", default_value = "5s", value_parser = positive_duration,
        allow_hyphen_values = true
    )]
    pub(crate) connect_timeout: Duration,
    /// While no server answers, wait on in the queue, or exit 69 after --connect-timeout [default: wait]
    ///
    /// When a server answers again, the wait has its place, or gets a new one if its lease has ended. Once the permits
    /// are there, --on-lost says what happens.
    #[arg(long, value_name = "wait|fail", hide_possible_values = true)]
    pub(crate) on_engine_loss: Option<EngineLoss>,
}

/// Run a command with a permit, and return the permit when the command ends.
///
/// `permits` executes the command directly, without a shell, and exits with its exit code. The command
/// inherits stdin, stdout and stderr, and gets the signals that are sent to `permits`. HUP, INT, QUIT and
/// TERM also go to all processes that the command has started. The permit lasts as long as the command or
/// `permits` lives; daemons that the command leaves behind do not keep it, except with --tree. The
/// environment of the command has PERMITS_NAME, PERMITS_GRANT, PERMITS_UNITS, and PERMITS_SLOT, the number of
/// its permit.
///
/// With an address, permits are held under a lease. If it cannot be renewed, --on-lost ends the command before the
/// lease ends. PERMITS_TOKEN is the fencing token of the grant, a number that is greater than those of earlier
/// grants; no permit that was out when the command started has a token below PERMITS_TOKEN_OLDEST.
/// PERMITS_VALID_UNTIL says until when the lease was held at that time, in milliseconds of the clock since boot
/// (CLOCK_BOOTTIME). If KILL ends `permits`, it ends the command too, but not what the command has started, and the
/// permits come back when the lease ends.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = RUN_HELP)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) terms: Terms,
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
    /// What to do when the grant is revoked or its lease ends: `term`, `kill`, `ignore`, or run a shell command
    ///
    /// `term` sends TERM to the command and all processes that it has started, and KILL after --grace. `kill`
    /// sends them KILL at once. Both exit 76. `ignore` lets the command run on. Any other value is run with
    /// `sh -c`, with the command's process id in PERMITS_COMMAND_PID; `permits` waits until the command ends,
    /// and exits 76. With an address, TERM and the shell command come early enough that KILL ends the command before
    /// another machine can have the permit.
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
    /// Report events on descriptor FD, as JSON lines: nested, waiting, granted, started,
    /// lost, done
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
    // Last, since its heading would hold for all that follows.
    #[command(flatten)]
    pub(crate) machines: Machines,
}

/// Acquire permits that stay out until `permits release`.
///
/// The permits are loose: they outlive `permits` and its caller, until `permits release` returns them. With
/// --while-pid, a small background process holds them as long as process PID lives, and `permits` prints the
/// grant.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Acquire {
    #[command(flatten)]
    pub(crate) terms: Terms,
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
    // Last, since its heading would hold for all that follows.
    #[command(flatten)]
    pub(crate) machines: Machines,
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
    /// Ask the holder with this grant to give up, and wait until it has; at most 5s, or --wait
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
    /// Namespace on etcd, such as etcd://10.0.0.1:2379/team-a, or @ for that of PERMITS_BACKEND [default: this host]
    #[arg(value_name = "ADDRESS", conflicts_with = "idle")]
    pub(crate) namespace: Option<String>,
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

/// Check whether a grant still holds its permits.
///
/// For a command of `permits run`, before an act that must not overlap with that of another holder. It exits 0 if the
/// grant of the command holds its permits at that moment, and 76 if it has lost them. With an address the servers
/// decide, and the exit code is 69 if none answers: then it is not known.
///
/// The permits can be lost right after it. Where that must do no harm, what the permits protect has to compare
/// PERMITS_TOKEN.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Check {
    /// Exit 69 if no server answers for DURATION
    #[arg(
        long, value_name = "DURATION", default_value = "5s", value_parser = positive_duration,
        allow_hyphen_values = true
    )]
    pub(crate) connect_timeout: Duration,
    /// Print what was found, as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Name of the semaphore [default: $PERMITS_NAME]
    #[arg(value_name = "NAME", requires = "grant")]
    pub(crate) name: Option<String>,
    /// Grant of the holder, as `permits status` shows it [default: $PERMITS_GRANT]
    #[arg(value_name = "GRANT", allow_negative_numbers = true)]
    pub(crate) grant: Option<String>,
}

/// Ask a holder or waiter to give up.
///
/// It keeps its permits until it gives up: `run` stops its command (see `run --on-lost`), and the permits
/// come back when the command has ended. If no process is there to stop the command, because `run` was killed
/// or had --exec, `permits` exits 69 and names the process to kill.
///
/// With an address, its place on etcd is deleted at once: another machine can have the permits while the command
/// still ends.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Revoke {
    /// Wait until it has given up, at most DURATION, then exit 75
    #[arg(short, long, value_name = "DURATION", value_parser = duration, allow_hyphen_values = true)]
    pub(crate) wait: Option<Duration>,
    /// Print the outcome, as JSON
    #[arg(long)]
    pub(crate) json: bool,
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
///
/// With an address, what a dead machine has left counts until its lease ends. A holder of a semaphore that is removed
/// by force has lost its permits: its command ends as --on-lost says.
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
///
/// With the address of machines, ask each of its servers for its version, its state and its time to answer.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Doctor {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Namespace or semaphore on etcd, to look at its servers [default: this host]
    #[arg(value_name = "ADDRESS")]
    pub(crate) address: Option<String>,
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

/// What a wait does while no server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs, reason = "the help of --on-engine-loss tells them")]
pub(crate) enum EngineLoss {
    Wait,
    Fail,
}

/// How the jobserver is handed to the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs, reason = "the help of --jobserver tells them")]
pub(crate) enum Jobserver {
    Auto,
    Fifo,
    Pipe,
}
