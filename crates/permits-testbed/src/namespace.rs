//! Namespaces of a process's own, with root's rights or, by a user namespace, without them.

use crate::{before_exec, left_out};
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use nix::unistd::{getegid, geteuid};
use std::fs;
use std::io;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

/// Moves the calling process into a mount namespace of its own, in which it may mount, and is root. Mounts are seen
/// by it and its children alone, and go with them.
///
/// # Errors
///
/// If that is refused, or the process has several threads: it is for the time between fork and exec, see
/// [`before_exec`].
pub fn enter_mount_namespace() -> io::Result<()> {
    enter(CloneFlags::CLONE_NEWNS)?;
    let none = None::<&str>;
    Ok(mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?)
}

/// Puts the children that the calling process forks from now on into a PID namespace, of which the first is the init.
///
/// # Errors
///
/// As [`enter_mount_namespace`].
pub fn enter_pid_namespace() -> io::Result<()> {
    enter(CloneFlags::CLONE_NEWPID)
}

/// Moves the calling process into a time namespace of its own, in which the host has been up for longer, as if it had
/// been suspended for that time: the clock since boot counts that, and no other clock does.
///
/// # Errors
///
/// As [`enter_mount_namespace`].
pub fn enter_time_namespace(suspended: Duration) -> io::Result<()> {
    // nix has no name for it.
    let flag = CloneFlags::from_bits_retain(libc::CLONE_NEWTIME);
    enter(flag)?;
    fs::write("/proc/self/timens_offsets", format!("boottime {} 0", suspended.as_secs()))?;
    // Its children are in it, and it is itself when it goes there.
    Ok(setns(fs::File::open("/proc/self/ns/time_for_children")?, flag)?)
}

fn enter(flags: CloneFlags) -> io::Result<()> {
    match unshare(flags) {
        // Without privileges it has to be in a user namespace.
        Err(Errno::EPERM) => enter_alone(flags),
        outcome => Ok(outcome?),
    }
}

/// Moves the calling process into a user namespace of its own, in which it is root and the only user.
///
/// # Errors
///
/// As [`enter_mount_namespace`].
pub fn enter_user_namespace() -> io::Result<()> {
    enter_alone(CloneFlags::empty())
}

fn enter_alone(flags: CloneFlags) -> io::Result<()> {
    let (user, group) = (geteuid(), getegid());
    unshare(flags | CloneFlags::CLONE_NEWUSER)?;
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("0 {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("0 {group} 1"))
}

/// Whether a process can have a mount namespace of its own, and mount in it.
pub fn mounts() -> bool {
    static REFUSED: OnceLock<Option<String>> = OnceLock::new();
    let act = || {
        enter_mount_namespace()?;
        // Where user namespaces are restricted, it may have one, and no rights in it.
        Ok(mount(None::<&str>, "/proc", Some("tmpfs"), MsFlags::empty(), None::<&str>)?)
    };
    allowed("a mount namespace", REFUSED.get_or_init(|| refused(act)))
}

/// Whether a process can have its children in a PID namespace.
pub fn pid_namespaces() -> bool {
    static REFUSED: OnceLock<Option<String>> = OnceLock::new();
    allowed("a PID namespace", REFUSED.get_or_init(|| refused(enter_pid_namespace)))
}

/// Whether a process can have a user namespace of its own.
pub fn user_namespaces() -> bool {
    static REFUSED: OnceLock<Option<String>> = OnceLock::new();
    allowed("a user namespace", REFUSED.get_or_init(|| refused(enter_user_namespace)))
}

/// Whether a process can have a time namespace of its own.
pub fn time_namespaces() -> bool {
    static REFUSED: OnceLock<Option<String>> = OnceLock::new();
    let act = || enter_time_namespace(Duration::from_secs(1));
    allowed("a time namespace", REFUSED.get_or_init(|| refused(act)))
}

fn allowed(what: &str, refused: &Option<String>) -> bool {
    if let Some(error) = refused {
        left_out(&format!("{what}, which is refused here: {error}"));
    }
    refused.is_none()
}

/// Tries something in a child of this process; the error, if it fails.
fn refused(act: fn() -> io::Result<()>) -> Option<String> {
    // Any program will do; this one is there, and ends at once if all it does is list its tests.
    let program = std::env::current_exe().expect("a test knows its binary");
    let mut command = Command::new(program);
    command.arg("--list").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match before_exec(&mut command, act).status() {
        Ok(status) => (!status.success()).then(|| format!("the test program does not run there: {status}")),
        Err(error) => Some(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_is_told_with_the_error() {
        assert_eq!(refused(|| Ok(())), None);
        assert_eq!(refused(|| Err(Errno::EPERM.into())), Some("Operation not permitted (os error 1)".into()));
    }
}
