//! What could go wrong in a directory, before it does.

use crate::error::ErrorKind;
use crate::process::files::{self, Place};
use crate::process::sys;
use std::fs::{self, File};
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

/// What could go wrong in a directory.
pub(crate) fn examine(directory: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |level, about: &str, text: String| findings.push(Finding { level, about: about.into(), text });
    let shown = directory.display();
    match fs::metadata(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let text = "is not there: whoever makes the first semaphore in it makes it, if its parent is there";
            find(Level::Good, "directory", format!("`{shown}` {text}"));
        }
        Err(error) => find(Level::Bad, "directory", format!("`{shown}` cannot be looked at: {error}")),
        Ok(found) => match files::check_directory(directory, &found) {
            Err(error) => find(Level::Bad, "directory", error.to_string()),
            Ok(()) => {
                let (owner, mode) = (found.uid(), found.mode() & 0o7777);
                find(Level::Good, "directory", format!("`{shown}`, of user `{owner}`, mode `{mode:o}`"));
                if !files::c_path(directory).is_ok_and(|path| sys::may_write(&path)) {
                    let text = "this user may not write to it, and can create no semaphores there";
                    find(Level::Bad, "directory", text.into());
                }
            }
        },
    }
    if let Ok(handle) = File::open(directory) {
        match sys::file_system(handle.as_fd()) {
            Ok(kind) => match files::foreign_file_system(kind) {
                None => find(Level::Good, "file system", format!("local (`{kind:#x}`)")),
                Some(name) => find(Level::Bad, "file system", format!("{name}: choose a local directory")),
            },
            Err(error) => find(Level::Warning, "file system", format!("it cannot be asked for: {error}")),
        }
    }
    if directory.starts_with("/dev/shm") {
        let text =
            "systemd removes a user's files in `/dev/shm` when the user logs out (RemoveIPC): choose another directory";
        find(Level::Warning, "directory", text.into());
    }
    if directory == files::default_directory() && directory.starts_with("/tmp") {
        let text = "services with PrivateTmp have another one, and old files may be tidied away: an administrator can make `/run/permits`";
        find(
            Level::Warning,
            "directory",
            format!("{text} (mode 1777, by tmpfiles.d(5)), which is used if no other is named"),
        );
    }
    match sys::pidfd(std::process::id()) {
        Ok(_) => find(Level::Good, "kernel", "it tells when a process ends (pidfd)".into()),
        Err(error) => {
            find(Level::Warning, "kernel", format!("no pidfd, so deaths are noticed later, within 250 ms: {error}"))
        }
    }
    let parent = directory.ancestors().find(|ancestor| ancestor.is_dir()).unwrap_or(Path::new("/"));
    match File::open(parent).map(|handle| sys::watch_closes(handle.as_fd())) {
        Ok(Ok(_)) => find(Level::Good, "kernel", "it tells when a file is let go (inotify)".into()),
        Ok(Err(error)) | Err(error) => {
            let why = match error.raw_os_error() {
                Some(libc::EMFILE) => ": see `/proc/sys/fs/inotify/max_user_instances`",
                _ => "",
            };
            let text = format!("no inotify, so deaths are noticed later, within 250 ms: {error}{why}");
            find(Level::Warning, "kernel", text);
        }
    }
    if files::boot() == [0, 0] {
        let text = "`/proc` cannot be read, so files of an earlier boot are not found out".to_owned();
        find(Level::Warning, "kernel", text);
    }
    let names = files::list(directory).unwrap_or_default();
    for name in names {
        match Place::new(directory, &name).and_then(|place| crate::status::read(&place)) {
            Ok(status) => {
                let dead = status.holders.iter().filter(|holder| !holder.who.alive).count();
                let text = format!(
                    "{}{}",
                    status.state,
                    if dead > 0 {
                        format!(" ({dead} holders are dead: the next who asks has theirs)")
                    } else {
                        String::new()
                    }
                );
                find(Level::Good, &format!("semaphore {name}"), text);
            }
            Err(error) => {
                // Somebody else's is no fault of the directory.
                let others = matches!(error.kind(), ErrorKind::Denied | ErrorKind::Insecure);
                let level = if others { Level::Warning } else { Level::Bad };
                find(level, &format!("semaphore {name}"), error.to_string());
            }
        }
    }
    findings
}
