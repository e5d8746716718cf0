//! What could go wrong with a directory and the semaphores in it, before it does.

use crate::error::ErrorKind;
use crate::process::directory::Directory;
use crate::process::files::{self, Place};
use crate::process::sys;
use crate::status;
use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Something that was looked at.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Finding {
    /// How it stands.
    pub level: Level,
    /// What was looked at.
    pub about: String,
    /// What was found, and what to do about it.
    pub text: String,
}

/// How something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// As it should be.
    Good,
    /// It works, and not as well as it could.
    Warning,
    /// It does not work.
    Bad,
}

impl Finding {
    /// One that was made elsewhere, to be told with these.
    pub fn new(level: Level, about: impl Into<String>, text: impl Into<String>) -> Finding {
        Finding { level, about: about.into(), text: text.into() }
    }
}

/// What could go wrong in a directory.
pub(crate) fn examine(directory: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(trust(directory));
    findings.extend(file_system(directory));
    findings.extend(logout(directory));
    findings.extend(private_tmp(directory));
    findings.push(ends_of_processes());
    findings.push(closes_of_files(directory));
    findings.extend(boots());
    findings.extend(semaphores(directory));
    findings
}

/// Whether the directory is there, can be trusted, and can be written to.
fn trust(directory: &Path) -> Vec<Finding> {
    let about = "directory";
    let shown = directory.display();
    let found = match Directory::find(directory) {
        Ok(Some(found)) => found,
        Ok(None) => {
            let text = "is not there: the first semaphore makes it";
            return vec![Finding::new(Level::Good, about, format!("`{shown}` {text}"))];
        }
        Err(error) => return vec![Finding::new(Level::Bad, about, error.to_string())],
    };
    let looked_at = match found.check().and_then(|()| found.metadata()) {
        Ok(looked_at) => looked_at,
        Err(error) => return vec![Finding::new(Level::Bad, about, error.to_string())],
    };
    let (owner, mode) = (looked_at.uid(), looked_at.mode() & 0o7777);
    let mut findings = vec![Finding::new(Level::Good, about, format!("`{shown}`, of user `{owner}`, mode `{mode:o}`"))];
    if !sys::may_write(found.as_fd()) {
        let text = "this user may not write to it, and can create no semaphores there";
        findings.push(Finding::new(Level::Bad, about, text));
    }
    let links = fs::read_to_string("/proc/sys/fs/protected_hardlinks");
    if found.is_for_all() && links.is_ok_and(|value| value.trim() == "0") {
        let text = "anybody may give the files in it second names, with which they are refused: an administrator can set the \
                    sysctl `fs.protected_hardlinks` to 1";
        findings.push(Finding::new(Level::Warning, about, text));
    }
    findings
}

/// Whether the file system is one that the processes of a host share memory on; nothing if there is no
/// directory yet.
fn file_system(directory: &Path) -> Option<Finding> {
    let about = "file system";
    let handle = Directory::find(directory).ok()??;
    Some(match sys::file_system(handle.as_fd()) {
        Ok(kind) => match files::foreign_file_system(kind) {
            None => Finding::new(Level::Good, about, format!("local (`{kind:#x}`)")),
            Some(name) => Finding::new(Level::Bad, about, format!("{name}: choose a local directory")),
        },
        Err(error) => Finding::new(Level::Warning, about, format!("it cannot be asked for: {error}")),
    })
}

/// Whether the files go when the user does.
fn logout(directory: &Path) -> Option<Finding> {
    let text =
        "systemd removes a user's files in `/dev/shm` when the user logs out (RemoveIPC): choose another directory";
    directory.starts_with("/dev/shm").then(|| Finding::new(Level::Warning, "directory", text))
}

/// Whether services may have another directory of that name.
fn private_tmp(directory: &Path) -> Option<Finding> {
    let text = "services with PrivateTmp have another one, and old files may be tidied away: an administrator can make \
                `/run/permits` (mode 1777, by tmpfiles.d(5)), which is used if no other is named";
    let by_default = directory == files::default_directory() && directory.starts_with("/tmp");
    by_default.then(|| Finding::new(Level::Warning, "directory", text))
}

/// Whether the kernel tells when a process has ended.
fn ends_of_processes() -> Finding {
    match sys::pidfd(std::process::id()) {
        Ok(_) => Finding::new(Level::Good, "kernel", "it tells when a process ends (pidfd)"),
        Err(error) => {
            let text = format!("no pidfd, so deaths are noticed later, within 250 ms: {error}");
            Finding::new(Level::Warning, "kernel", text)
        }
    }
}

/// Whether the kernel tells when a file was let go.
fn closes_of_files(directory: &Path) -> Finding {
    let parent = directory.ancestors().find_map(|ancestor| Directory::find(ancestor).ok().flatten());
    let watched = match parent {
        Some(parent) => sys::watch_closes(parent.as_fd()),
        None => sys::refer(c"/", libc::O_DIRECTORY).and_then(|root| sys::watch_closes(root.as_fd())),
    };
    match watched {
        Ok(_) => Finding::new(Level::Good, "kernel", "it tells when a file is let go (inotify)"),
        Err(error) => {
            let why = match error.raw_os_error() {
                Some(libc::EMFILE) => ": see `/proc/sys/fs/inotify/max_user_instances`",
                _ => "",
            };
            let text = format!("no inotify, so deaths are noticed later, within 250 ms: {error}{why}");
            Finding::new(Level::Warning, "kernel", text)
        }
    }
}

/// Whether files of an earlier boot are known for what they are.
fn boots() -> Option<Finding> {
    let text = "`/proc` cannot be read, so files of an earlier boot are not found out";
    (files::boot() == [0, 0]).then(|| Finding::new(Level::Warning, "kernel", text))
}

/// How the semaphores of the directory stand. Those that are sound are counted, lest they hide the others.
fn semaphores(directory: &Path) -> Vec<Finding> {
    let names = files::list_to_look(directory).unwrap_or_default();
    let (sound, mut findings): (Vec<_>, Vec<_>) =
        names.iter().map(|name| semaphore(directory, name)).partition(|finding| finding.level == Level::Good);
    if !sound.is_empty() {
        let text = if sound.len() == 1 { "`1` is sound".to_owned() } else { format!("`{}` are sound", sound.len()) };
        findings.insert(0, Finding::new(Level::Good, "semaphores", text));
    }
    findings
}

fn semaphore(directory: &Path, name: &str) -> Finding {
    let about = format!("semaphore {name}");
    match Place::new(directory, name).and_then(|place| status::read(&place)) {
        Ok(status) => {
            let mode = status.file.as_ref().map_or(0, |file| file.mode);
            if files::readers_alone(mode) != 0 {
                let text = format!(
                    "its mode is `{mode:03o}`: who may read it and not write to it can lock it and keep everybody out: \
                     `chmod` it to `600`, `660` or `666`"
                );
                return Finding::new(Level::Warning, about, text);
            }
            Finding::new(Level::Good, about, status.state.to_string())
        }
        Err(error) => {
            // Somebody else's is no fault of the directory.
            let others = matches!(error.kind(), ErrorKind::Denied | ErrorKind::Insecure);
            Finding::new(if others { Level::Warning } else { Level::Bad }, about, error.to_string())
        }
    }
}
