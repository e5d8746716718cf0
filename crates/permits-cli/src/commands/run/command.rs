//! The command of a run: how it is made, how it is shown, and why it cannot be started.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{Command, Stdio};

use super::grip::Grip;
use crate::args::Run;
use crate::failure::{Failure, code, shortage};
use crate::place::Scene;
use crate::slips::quoted;
use crate::sys;
use crate::values::OnLost;

/// A run, at any reach.
#[derive(Clone, Copy)]
pub(super) struct Job<'a> {
    pub(super) scene: Scene<'a>,
    pub(super) args: &'a Run,
    pub(super) units: u32,
}

/// The command with its environment, not yet started.
pub(super) fn command(job: &Job<'_>, grant: &str, grip: &Grip<'_>) -> Command {
    let args = job.args;
    let mut command = match &args.shell {
        Some(text) => {
            let mut command = Command::new(shell());
            command.arg("-c").arg(text);
            command
        }
        None => {
            let mut command = Command::new(&args.command[0]);
            command.args(&args.command[1..]);
            command
        }
    };
    command.env("PERMITS_NAME", &args.name).env("PERMITS_GRANT", grant).env("PERMITS_UNITS", job.units.to_string());
    grip.tell(&mut command);
    if let Some(dir) = &job.scene.common.dir {
        // A nested run must mean the same semaphore, wherever it stands.
        command.env("PERMITS_DIR", std::path::absolute(dir).unwrap_or_else(|_| dir.clone()));
    }
    command
}

/// What `status` shows as the command.
pub(super) fn shown(args: &Run) -> OsString {
    match &args.shell {
        Some(text) => text.clone(),
        None => args.command.join(" ".as_ref()),
    }
}

pub(super) fn cannot_start(args: &Run, error: &std::io::Error) -> Failure {
    if let Some(error) = sys::lock_error(error) {
        let what = "the command could not lock its permits, and was not executed";
        return match error.raw_os_error() {
            Some(libc::EMFILE) => Failure::new(
                code::FAILED,
                format!("{what}: {error}; it needs a descriptor above `9`, raise the limit with `ulimit -n`"),
            ),
            _ => Failure::system(what, &error),
        };
    }
    let program = match &args.shell {
        Some(_) => shell(),
        None => args.command.first().cloned().unwrap_or_default(),
    };
    let shown = program.to_string_lossy();
    let (code, what) = match error.raw_os_error() {
        Some(libc::ENOENT) => {
            return Failure::new(code::NOT_FOUND, format!("command `{shown}` {}", not_found(args, &program)));
        }
        Some(libc::EAGAIN | libc::ENOMEM | libc::EMFILE | libc::ENFILE) => (code::FAILED, "cannot be started"),
        _ => (code::CANNOT_EXECUTE, "cannot be executed"),
    };
    Failure::new(code, format!("command `{shown}` {what}: {error}{}", shortage(error)))
}

/// Words of the shell that are no programs, or do nothing as such.
const BUILTINS: [&str; 18] = [
    ".", ":", "alias", "cd", "eval", "exec", "exit", "export", "for", "if", "read", "set", "source", "trap", "ulimit",
    "umask", "unset", "while",
];

/// Why a command that is not found is not, by what it looks like.
fn not_found(args: &Run, program: &OsStr) -> String {
    let line = || quoted(args.command.join(OsStr::new(" ")));
    let text = program.to_string_lossy();
    if text.is_empty() {
        return "is empty: give it after `--`, as in `permits run NAME -- make`".to_owned();
    }
    if args.shell.is_some() {
        return "not found: `--shell` runs $SHELL, or sh if SHELL is unset".to_owned();
    }
    if text.contains('/') && Path::new(program).exists() {
        return "not found: the file exists, but the interpreter that it names after `#!` (or its loader) does not"
            .to_owned();
    }
    if BUILTINS.contains(&&*text) {
        return format!("not found: it is a builtin or keyword of the shell, run it with `--shell {}`", line());
    }
    if text.contains(char::is_whitespace) {
        return format!("not found: run a shell command with `--shell {}`", line());
    }
    if text.contains('/') { "not found".to_owned() } else { "not found in PATH".to_owned() }
}

/// A command of `--on-lost` that is one word, and none that the shell knows, is a slip for `term`, `kill` or
/// `ignore`. It would be noticed when the grant is revoked, and the command then ends without what was to be
/// done.
pub(super) fn check_hook(args: &Run) -> Result<(), Failure> {
    let OnLost::Command(hook) = &args.on_lost else { return Ok(()) };
    let is_plain = |text: &&str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-+".contains(&byte));
    let Some(word) = hook.to_str().filter(is_plain) else { return Ok(()) };
    let mut sh = Command::new("sh");
    sh.args(["-c", r#"command -v -- "$0" >/dev/null 2>&1"#, word]).stdin(Stdio::null());
    match sh.status() {
        Ok(status) if !status.success() => Err(Failure::new(
            code::USAGE,
            format!("--on-lost `{word}` is not `term`, `kill` or `ignore`, and sh finds no command of that name"),
        )),
        // Without sh it cannot be known.
        _ => Ok(()),
    }
}

/// The shell of `--shell`.
fn shell() -> OsString {
    std::env::var_os("SHELL").filter(|shell| !shell.is_empty()).unwrap_or_else(|| "sh".into())
}
