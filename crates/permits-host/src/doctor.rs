//! Checks of a directory and the semaphores in it, for what could go wrong.

use crate::error::ErrorKind;
use crate::process::directory::Directory;
use crate::process::file_systems;
use crate::process::files::{self, Place};
use crate::process::sys;
use crate::status;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A finding: something that was checked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Finding {
    /// How good or bad it is.
    pub level: Level,
    /// What was checked.
    pub about: String,
    /// What was found, and what to do about it.
    pub text: String,
}

/// How good or bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// It works well.
    Good,
    /// It works, but not as well as it could.
    Warning,
    /// It does not work.
    Bad,
}

impl Finding {
    /// A finding of a program that makes checks of its own.
    pub fn new(level: Level, about: impl Into<String>, text: impl Into<String>) -> Finding {
        Finding { level, about: about.into(), text: text.into() }
    }
}

/// Checks a directory.
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

/// Whether the directory exists, can be trusted, and can be written to.
fn trust(directory: &Path) -> Vec<Finding> {
    let about = "directory";
    let shown = directory.display();
    let found = match Directory::find(directory) {
        Ok(Some(found)) => found,
        // The parent of a relative name has none.
        Ok(None) if directory.parent().is_some_and(|parent| parent != Path::new("") && !parent.exists()) => {
            let text = "is not there, and its parent does not exist either: create it with `mkdir -p`";
            return vec![Finding::new(Level::Bad, about, format!("`{shown}` {text}"))];
        }
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
        let text = "this user has no write permission, and can create no semaphores there";
        findings.push(Finding::new(Level::Bad, about, text));
    }
    findings
}

/// Whether the file system is one that the processes of a host share memory on; nothing if there is no
/// directory yet.
fn file_system(directory: &Path) -> Option<Finding> {
    let about = "file system";
    let handle = Directory::find(directory).ok()??;
    Some(match sys::file_system(handle.as_fd()) {
        Ok(kind) => match file_systems::foreign(kind) {
            None => Finding::new(Level::Good, about, format!("local (`{}`)", file_systems::local(kind))),
            Some(name) => Finding::new(Level::Bad, about, format!("{name}: choose a local directory")),
        },
        Err(error) => Finding::new(Level::Warning, about, format!("it cannot be determined: {error}")),
    })
}

/// Whether the files are deleted when the user logs out.
fn logout(directory: &Path) -> Option<Finding> {
    let text =
        "systemd removes a user's files in `/dev/shm` when the user logs out (RemoveIPC): choose another directory";
    directory.starts_with("/dev/shm").then(|| Finding::new(Level::Warning, "directory", text))
}

/// Whether services may have another directory of that name.
fn private_tmp(directory: &Path) -> Option<Finding> {
    let text = "services with PrivateTmp have another `/tmp`, and the system may delete old files there: an administrator can create \
                `/run/permits` (mode 1777, by tmpfiles.d(5)), which is used if no other is named";
    let by_default = directory == files::default_directory() && directory.starts_with("/tmp");
    by_default.then(|| Finding::new(Level::Warning, "directory", text))
}

/// Whether the kernel reports the end of a process.
fn ends_of_processes() -> Finding {
    match sys::pidfd(std::process::id()) {
        Ok(_) => Finding::new(Level::Good, "kernel", "it reports the end of a process (pidfd)"),
        Err(error) => {
            let text = format!("no pidfd, so deaths are noticed later, within 250 ms: {error}");
            Finding::new(Level::Warning, "kernel", text)
        }
    }
}

/// Whether the kernel reports the closing of a file.
fn closes_of_files(directory: &Path) -> Finding {
    let parent = directory.ancestors().find_map(|ancestor| Directory::find(ancestor).ok().flatten());
    let watched = match parent {
        Some(parent) => sys::watch_closes(parent.as_fd()),
        None => sys::refer(c"/", libc::O_DIRECTORY).and_then(|root| sys::watch_closes(root.as_fd())),
    };
    match watched {
        Ok(_) => Finding::new(Level::Good, "kernel", "it reports the closing of a file (inotify)"),
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

/// Whether files of an earlier boot are recognised.
fn boots() -> Option<Finding> {
    let text = "`/proc` cannot be read, so files of an earlier boot are not recognised";
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
                    "its mode is `{mode:03o}`: a user with read permission alone can lock it and keep all others out: \
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
