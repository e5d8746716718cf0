//! A make jobserver of the command's own: tokens in a FIFO or a pipe, one less than the permits that it has.
//!
//! A running job has one token for nothing and reads a byte for each further one, by the protocol at
//! <https://www.gnu.org/software/make/manual/html_node/POSIX-Jobserver.html>. A token that a killed job never writes back is lost
//! for this run only; the permits themselves are not tokens, and cannot be lost.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsRawFd, RawFd};
use std::process::{Command, Stdio};

use nix::sys::stat::Mode;
use tempfile::TempDir;

use crate::args::Jobserver as Kind;
use crate::failure::{Failure, code};
use crate::sys;

/// Tokens that the command and its children share, for as long as this lives.
pub(super) struct Jobserver {
    jobs: u32,
    tokens: Tokens,
}

enum Tokens {
    /// Opened for both ways, so that the tokens stay in it while no job has it open.
    Fifo {
        _open: File,
        dir: TempDir,
    },
    Pipe {
        read: File,
        write: File,
    },
}

const FIFO: &str = "jobserver";

impl Jobserver {
    pub(super) fn start(kind: Kind, jobs: u32) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::system("cannot make a jobserver", &error);
        let pipe = kind == Kind::Pipe || kind == Kind::Auto && make_needs_pipe();
        let (mut write, tokens) = if pipe {
            let (read, write) = sys::pipe().map_err(failed)?;
            (write.try_clone().map_err(failed)?, Tokens::Pipe { read, write })
        } else {
            let dir = tempfile::Builder::new().prefix("permits-").tempdir().map_err(failed)?;
            let path = dir.path().join(FIFO);
            nix::unistd::mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR).map_err(|errno| failed(errno.into()))?;
            let open = File::options().read(true).write(true).open(&path).map_err(failed)?;
            (open.try_clone().map_err(failed)?, Tokens::Fifo { _open: open, dir })
        };
        // A pipe takes 64 KiB before it blocks, or one page where the user has used up the limit on pipes.
        if jobs > 4096 {
            let text = format!("--jobserver is for at most `4096` permits, asked for `{jobs}`: give fewer --units");
            return Err(Failure::new(code::USAGE, text));
        }
        write.write_all(&vec![b'+'; jobs as usize - 1]).map_err(failed)?;
        Ok(Jobserver { jobs, tokens })
    }

    /// Tells the command, in the words of make, and of cargo, which prefers its own.
    pub(super) fn announce(&self, command: &mut Command) {
        let auth = match &self.tokens {
            Tokens::Fifo { dir, .. } => format!("fifo:{}", dir.path().join(FIFO).display()),
            Tokens::Pipe { read, write } => format!("{},{}", read.as_raw_fd(), write.as_raw_fd()),
        };
        let ours = format!("-j{} --jobserver-auth={auth}", self.jobs);
        let makeflags = match std::env::var("MAKEFLAGS").map(|flags| without_jobs(&flags)) {
            Ok(others) if !others.is_empty() => format!("{others} {ours}"),
            // The first word would be read as single letters if it had no dash; a space in front says that there are none.
            _ => format!(" {ours}"),
        };
        command.env("CARGO_MAKEFLAGS", &ours).env("MAKEFLAGS", makeflags);
    }

    /// Descriptors that the command must have.
    pub(super) fn inherited(&self) -> Vec<RawFd> {
        match &self.tokens {
            Tokens::Fifo { .. } => Vec::new(),
            Tokens::Pipe { read, write } => vec![read.as_raw_fd(), write.as_raw_fd()],
        }
    }
}

/// The flags without what an outer make says about its own jobs.
fn without_jobs(flags: &str) -> String {
    // After ` -- ` come definitions of variables, which may contain anything; ours would be one of them there. make passes
    // its variables on in the environment as well.
    let flags = flags.split_once(" -- ").map_or(flags, |(flags, _)| flags);
    let is_jobs = |word: &&str| word.starts_with("-j") || word.starts_with("--jobserver");
    flags.split_whitespace().filter(|word| !is_jobs(word)).collect::<Vec<_>>().join(" ")
}

/// Whether the make in PATH is older than 4.4, and knows no FIFO. Without any make, what there is (ninja, cargo) knows it.
fn make_needs_pipe() -> bool {
    let Ok(output) = Command::new("make").arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).output() else {
        return false;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let Some(version) = text.strip_prefix("GNU Make ").and_then(|rest| rest.split_whitespace().next()) else {
        return true;
    };
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) < (4, 4)
}
