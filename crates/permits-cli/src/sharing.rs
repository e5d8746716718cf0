//! Directories that users share: a semaphore in it that is for its creator alone, and who may remove one.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::{Gid, Group, User, geteuid};

use crate::people::{tame, user};
use crate::slips::quoted;

/// What there is to say before a semaphore is made with that `--mode`, if it is.
pub(crate) fn news(dir: &Path, name: &str, mode: Option<u32>) -> Option<String> {
    let file = dir.join(format!("{name}.sem"));
    // A directory that is missing is made for this user alone.
    let found = if file.exists() { return None } else { dir.metadata().ok()? };
    let wanted = mode_for(&found)?;
    if mode.is_some_and(|mode| mode & 0o066 == 0) {
        return None;
    }
    let dir = tame(&dir.to_string_lossy());
    let way = if found.uid() != 0 {
        format!("users share only a directory of root, and this one belongs to `{}`", user(found.uid()))
    } else if wanted == 0o666 && !geteuid().is_root() {
        // Where all may make files, one of a user who is not root is refused, as any could have made it.
        let name = quoted(name);
        format!("to share one, root runs `permits remove {name}` and `permits --mode 666 set --create {name} N` there")
    } else if mode.is_none() {
        format!("to share it, `chmod {wanted:o} {}`, or give `--mode {wanted:o}` when creating one", quoted(&file))
    } else {
        return None;
    };
    Some(format!("created `{}` for you alone, and other users may use `{dir}`: {way}", tame(name)))
}

/// Which users may remove a semaphore that this user may not, and how to ask one; nothing if it cannot be seen.
pub(crate) fn who_may_remove(dir: &Path, name: &str) -> Option<String> {
    let (found, file) = (dir.metadata().ok()?, dir.join(format!("{name}.sem")).symlink_metadata().ok()?);
    // Of a directory with this bit each user removes their own files, and its owner all.
    let is_sticky = found.mode() & 0o1000 != 0;
    let mut owners: Vec<u32> = is_sticky.then_some(file.uid()).into_iter().chain([found.uid(), 0]).collect();
    owners.dedup();
    let owners: Vec<String> = owners.into_iter().map(|uid| format!("`{}`", user(uid))).collect();
    Some(format!("the user {} can: ask for `permits remove {}`", owners.join(" or "), quoted(name)))
}

/// The mode that shares a semaphore with those who may create some in the directory; nothing if others may not.
fn mode_for(directory: &Metadata) -> Option<u32> {
    match directory.mode() {
        mode if mode & 0o002 != 0 => Some(0o666),
        mode if mode & 0o020 != 0 && has_others(directory.gid()) => Some(0o660),
        _ => None,
    }
}

/// Whether a group has members besides this user, as far as that can be known: users whose first group it is are not
/// listed. A group of the user's own name is the user's alone, unless it lists others.
fn has_others(gid: u32) -> bool {
    let ours = User::from_uid(geteuid()).ok().flatten().map(|user| user.name);
    match (Group::from_gid(Gid::from_raw(gid)), ours) {
        (Ok(Some(group)), Some(ours)) => group.name != ours || group.mem.iter().any(|member| *member != ours),
        _ => true,
    }
}
