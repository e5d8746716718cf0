//! A make jobserver of the command's own: tokens in a FIFO or a pipe, one less than the permits that it has.
//!
//! A running job has one token for nothing and reads a byte for each further one, by the protocol at
//! <https://www.gnu.org/software/make/manual/html_node/POSIX-Jobserver.html>. A token that a killed job never
//! writes back is lost for this run only; the permits themselves are not tokens, and cannot be lost.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::sys::stat::Mode;
use tempfile::NamedTempFile;

use crate::args::Jobserver as Kind;
use crate::failure::{Failure, code};
use crate::leftovers;
use crate::sys;

/// Tokens that the command and its children share, for as long as this lives.
pub(super) struct Jobserver {
    jobs: u32,
    tokens: Tokens,
}

enum Tokens {
    /// Opened for both ways, so that the tokens stay in it while no job has it open.
    Fifo(NamedTempFile<File>),
    Pipe {
        read: File,
        write: File,
    },
}

/// How the names of FIFOs begin.
const FIFO: &str = "permits-jobserver-";

impl Jobserver {
    /// `program` is the command that it is for.
    pub(super) fn start(kind: Kind, jobs: u32, program: Option<&OsStr>) -> Result<Self, Failure> {
        let failed = |error: io::Error| Failure::system("cannot create a jobserver", &error);
        if kind == Kind::Fifo
            && let Some(make) = program.filter(|program| is_make(program))
            && let Some(version) = version_of(make).filter(|version| needs_pipe(version))
        {
            let text = format!(
                "make `{version}` does not support FIFOs, which came with `4.4`: use `--jobserver=pipe` or `--jobserver`"
            );
            return Err(Failure::new(code::USAGE, text));
        }
        let pipe = kind == Kind::Pipe
            || kind == Kind::Auto && version_of("make".as_ref()).is_some_and(|version| needs_pipe(&version));
        let (mut write, tokens) = if pipe {
            let (read, write) = sys::pipe().map_err(failed)?;
            (write.try_clone().map_err(failed)?, Tokens::Pipe { read, write })
        } else {
            let dir = fifo_directory(std::path::absolute(std::env::temp_dir()).map_err(failed)?);
            sweep(&dir);
            let fifo = make_fifo(&dir).map_err(|error| {
                let what =
                    format!("cannot create a jobserver in `{}` (`--jobserver=pipe` needs no file)", dir.display());
                Failure::system(&what, &error)
            })?;
            (fifo.as_file().try_clone().map_err(failed)?, Tokens::Fifo(fifo))
        };
        // A pipe takes 64 KiB before it blocks, or one page where the user has used up the limit on pipes.
        if jobs > 4096 {
            let text = format!("--jobserver takes at most `4096` permits, asked for `{jobs}`: give fewer --units");
            return Err(Failure::new(code::USAGE, text));
        }
        write.write_all(&vec![b'+'; jobs as usize - 1]).map_err(failed)?;
        Ok(Jobserver { jobs, tokens })
    }

    /// Tells the command, in the words of make, and of cargo, which prefers its own.
    pub(super) fn announce(&self, command: &mut Command) {
        let auth = match &self.tokens {
            Tokens::Fifo(fifo) => format!("fifo:{}", fifo.path().display()),
            Tokens::Pipe { read, write } => format!("{},{}", read.as_raw_fd(), write.as_raw_fd()),
        };
        let ours = format!("-j{} --jobserver-auth={auth}", self.jobs);
        let mut makeflags = without_jobs(std::env::var_os("MAKEFLAGS").unwrap_or_default().as_bytes());
        // The first word would be read as single letters if it had no dash; a space in front says that there
        // are none.
        makeflags.push(b' ');
        makeflags.extend(ours.as_bytes());
        let makeflags = OsString::from_vec(makeflags);
        command.env("CARGO_MAKEFLAGS", &ours).env("MAKEFLAGS", makeflags);
    }

    /// Descriptors that the command must have.
    pub(super) fn inherited(&self) -> Vec<RawFd> {
        match &self.tokens {
            Tokens::Fifo(_) => Vec::new(),
            Tokens::Pipe { read, write } => vec![read.as_raw_fd(), write.as_raw_fd()],
        }
    }
}

/// Where to make a FIFO: in the directory for temporary files, if its path can be said in MAKEFLAGS. It is
/// split at white space, and make expands `$` in it.
fn fifo_directory(temporary: PathBuf) -> PathBuf {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+,:@%=~".contains(byte);
    if temporary.as_os_str().as_bytes().iter().all(plain) { temporary } else { PathBuf::from("/tmp") }
}

/// Opened for both ways, so that the tokens stay in it while no job has it open. Its name tells who has made
/// it.
fn make_fifo(dir: &Path) -> io::Result<NamedTempFile<File>> {
    let prefix = format!("{FIFO}{}", leftovers::maker());
    tempfile::Builder::new().prefix(&prefix).make_in(dir, |path| {
        nix::unistd::mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR)?;
        let made = File::options().read(true).custom_flags(libc::O_PATH | libc::O_NOFOLLOW).open(path)?;
        open_fifo(&made, path)
    })
}

/// Opens a FIFO that this process has just made, and gives it its mode, whatever the umask of this process
/// is. By a descriptor: another user may have put something else at the path by now, where the directory
/// allows that.
fn open_fifo(made: &File, path: &Path) -> io::Result<File> {
    let found = made.metadata()?;
    let is_ours = found.uid() == nix::unistd::geteuid().as_raw() && found.mode() & 0o077 == 0;
    if !(found.file_type().is_fifo() && is_ours) {
        // Then a FIFO of another name is made.
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let mode = Permissions::from_mode(0o600);
    let mut both_ways = File::options();
    both_ways.read(true).write(true);
    // A descriptor that needs no right on the file changes its mode through /proc alone.
    let link = format!("/proc/self/fd/{}", made.as_raw_fd());
    match std::fs::set_permissions(&link, mode.clone()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        outcome => return outcome.and_then(|()| both_ways.open(link)),
    }
    let file = both_ways.custom_flags(libc::O_NOFOLLOW).open(path)?;
    let opened = file.metadata()?;
    if (opened.dev(), opened.ino()) != (found.dev(), found.ino()) {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    file.set_permissions(mode)?;
    Ok(file)
}

/// Removes FIFOs of runs that were killed: those of this user that no process has open. The tokens in such a
/// FIFO are gone, so it is of no use to a command that lives on either.
fn sweep(dir: &Path) {
    for path in leftovers::in_directory(dir, FIFO) {
        let is_fifo = path.symlink_metadata().is_ok_and(|found| found.file_type().is_fifo());
        if is_fifo && nobody_reads(&path) {
            // Another run may have been faster.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// A FIFO that no process has open for reading cannot be opened for writing alone without waiting.
fn nobody_reads(fifo: &Path) -> bool {
    let opened = File::options().write(true).custom_flags(libc::O_NONBLOCK | libc::O_NOFOLLOW).open(fifo);
    opened.is_err_and(|error| error.raw_os_error() == Some(libc::ENXIO))
}

/// The flags without what an outer make says about its own jobs.
fn without_jobs(flags: &[u8]) -> Vec<u8> {
    // After ` -- ` come definitions of variables, which may contain anything; ours would be one of them
    // there. make passes its variables on in the environment as well.
    let end = flags.windows(4).position(|four| four == b" -- ").unwrap_or(flags.len());
    let is_jobs = |word: &&[u8]| word.starts_with(b"-j") || word.starts_with(b"--jobserver");
    let words = flags[..end].split(u8::is_ascii_whitespace).filter(|word| !word.is_empty() && !is_jobs(word));
    words.collect::<Vec<_>>().join(&b' ')
}

/// Whether a program is make, by its name.
fn is_make(program: &OsStr) -> bool {
    let name = Path::new(program).file_name();
    name.is_some_and(|name| name == "make" || name == "gmake")
}

/// What a make says of its version; empty if it says something else, as those that are not GNU's do. Nothing
/// if there is no such program.
fn version_of(make: &OsStr) -> Option<String> {
    let output = Command::new(make).arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text.strip_prefix("GNU Make ").and_then(|rest| rest.split_whitespace().next());
    Some(version.unwrap_or_default().to_owned())
}

/// Whether it is older than 4.4, and knows no FIFO. Without any make, what there is (ninja, cargo) knows it.
fn needs_pipe(version: &str) -> bool {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) < (4, 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifo_that_was_made_gets_its_mode_and_no_other_file_does() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("made");
        let refer = || File::options().read(true).custom_flags(libc::O_PATH | libc::O_NOFOLLOW).open(&path);
        let make = |path: &Path| {
            nix::unistd::mkfifo(path, Mode::S_IRUSR).expect("it can be made");
            std::fs::set_permissions(path, Permissions::from_mode(0o400)).expect("it is ours");
        };
        let mode = |path: &Path| std::fs::metadata(path).expect("it is there").mode() & 0o777;
        make(&path);
        let made = refer().expect("it is there");
        let moved = dir.path().join("moved");
        std::fs::rename(&path, &moved).expect("it is ours");
        make(&path);

        let opened = open_fifo(&made, &path).expect("it is ours").metadata().expect("it is open");

        assert_eq!(opened.ino(), std::fs::metadata(&moved).expect("it is there").ino());
        assert_eq!((mode(&moved), mode(&path)), (0o600, 0o400));
        std::fs::set_permissions(&path, Permissions::from_mode(0o640)).expect("it is ours");
        assert!(open_fifo(&refer().expect("it is there"), &path).is_err(), "others may read it");
        std::fs::remove_file(&path).expect("it is ours");
        std::fs::write(&path, "").expect("it can be written");
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("it is ours");
        assert!(open_fifo(&refer().expect("it is there"), &path).is_err(), "it is no FIFO");
    }
}
