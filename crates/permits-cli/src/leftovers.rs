//! What this program makes for a moment, and what is left of it when the program is killed.
//!
//! The name of such a thing says which process has made it, and the next run of the same command removes what
//! the dead have left. A number is that process only in its PID namespace, and a directory may be shared by
//! several, so the name has the namespace as well.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::unistd::{Pid, geteuid};

/// What the name of a thing goes on with after its prefix: `4711-4026531836-`.
pub(crate) fn maker() -> String {
    format!("{}-{}-", std::process::id(), namespace().unwrap_or(0))
}

/// Whether a name begins with a prefix, and with [`maker`] of a process that has ended.
pub(crate) fn is_left(name: &str, prefix: &str) -> bool {
    let maker = || {
        let (pid, rest) = name.strip_prefix(prefix)?.split_once('-')?;
        let (within, _) = rest.split_once('-')?;
        let number: i32 = pid.parse().ok()?;
        // `+7` parses, too.
        (number.to_string() == pid && within == namespace()?.to_string()).then(|| Pid::from_raw(number))
    };
    maker().is_some_and(|pid| nix::sys::signal::kill(pid, None) == Err(Errno::ESRCH))
}

/// What this user's processes that have ended left in a directory.
pub(crate) fn in_directory(dir: &Path, prefix: &str) -> Vec<PathBuf> {
    let user = geteuid().as_raw();
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let is_left = |name: &OsStr| name.to_str().is_some_and(|name| is_left(name, prefix));
    let ours = entries.filter(|entry| is_left(&entry.file_name()) && entry.metadata().is_ok_and(|it| it.uid() == user));
    ours.map(|entry| entry.path()).collect()
}

/// The inode of our PID namespace; nothing without a `/proc`, where no process can be told from another one.
fn namespace() -> Option<u64> {
    fs::metadata("/proc/self/ns/pid").ok().map(|found| found.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_dead_process_of_this_namespace_has_made_is_left() {
        let mut child = std::process::Command::new("true").spawn().expect("it is started");
        child.wait().expect("it is our child");
        let (dead, here) = (child.id(), namespace().expect("there is a /proc"));

        assert!(is_left(&format!("a-{dead}-{here}-x"), "a-"));
        assert!(!is_left(&format!("a-{}x", maker()), "a-"), "this process lives");
        for name in [
            format!("a-{dead}-{}-x", here + 1),
            format!("a-+{dead}-{here}-x"),
            format!("a-0{dead}-{here}-x"),
            format!("a-{dead}-{here}"),
            format!("b-{dead}-{here}-x"),
            format!("a--{dead}-{here}-x"),
        ] {
            assert!(!is_left(&name, "a-"), "{name}");
        }
    }
    #[test]
    fn what_another_user_has_left_is_not_ours() {
        if !permits_testbed::root() {
            return;
        }
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut child = std::process::Command::new("true").spawn().expect("it is started");
        child.wait().expect("it is our child");
        let of = |rest: &str| dir.path().join(format!("a-{}-{}-{rest}", child.id(), namespace().expect("a /proc")));
        for rest in ["ours", "theirs"] {
            fs::write(of(rest), "").expect("it can be written");
        }
        std::os::unix::fs::chown(of("theirs"), Some(12_345), None).expect("root may");

        assert_eq!(in_directory(dir.path(), "a-"), [of("ours")]);
    }
}
