//! Other users of the host, who count apart from this one: each in a default directory of their own.
//!
//! Where two of them run `--max 1 gpu`, two run at a time, and nothing fails. So the program says so when a user makes
//! such a semaphore, and `doctor` says it always.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

use crate::people::{tame, user};
use crate::slips::quoted;

/// Another user's default directory.
#[derive(Debug)]
pub(crate) struct Neighbour {
    user: String,
    dir: PathBuf,
    /// The files in it; nothing if this user may not see them.
    files: Option<Vec<String>>,
}

/// The other users, if `dir` is the default one of this user alone.
pub(crate) fn of(dir: &Path) -> Vec<Neighbour> {
    let ours = geteuid().as_raw();
    if dir != permits_host::default_directory() || uid_of(dir) != Some(ours) {
        return Vec::new();
    }
    dir.parent().map_or(Vec::new(), |parent| beside(parent, ours))
}

fn beside(parent: &Path, ours: u32) -> Vec<Neighbour> {
    let Ok(entries) = fs::read_dir(parent) else { return Vec::new() };
    let neighbour = |dir: PathBuf| {
        let uid = uid_of(&dir).filter(|uid| *uid != ours)?;
        // Anybody may make one of any name in /tmp.
        let found = fs::symlink_metadata(&dir).ok()?;
        (found.is_dir() && found.uid() == uid).then(|| Neighbour { user: user(uid), files: files(&dir), dir })
    };
    let mut all: Vec<Neighbour> = entries.flatten().filter_map(|entry| neighbour(entry.path())).collect();
    all.sort_by(|a, b| a.dir.cmp(&b.dir));
    all
}

/// The number in `permits-1000`. No default directory is called `permits-+1000` or `permits-01000`, which
/// parse, too.
fn uid_of(dir: &Path) -> Option<u32> {
    let digits = dir.file_name()?.to_str()?.strip_prefix("permits-")?;
    digits.parse().ok().filter(|uid: &u32| uid.to_string() == digits)
}

fn files(dir: &Path) -> Option<Vec<String>> {
    let entries = fs::read_dir(dir).ok()?.flatten();
    Some(entries.filter_map(|entry| entry.file_name().into_string().ok()).collect())
}

/// What there is to say before a semaphore is made in a directory, if it is.
///
/// Once for each name that another user has as well. Names that this user may not see count when the first semaphore is
/// made: to say it for each would be noise.
pub(crate) fn news(dir: &Path, name: &str) -> Option<String> {
    if dir.join(file_of(name)).exists() {
        return None;
    }
    let is_first = !files(dir).is_some_and(|files| files.iter().any(|file| file.ends_with(".sem")));
    of(dir).iter().find_map(|neighbour| neighbour.news(name, is_first))
}

/// The name of a semaphore's file.
pub(crate) fn file_of(name: &str) -> String {
    format!("{name}.sem")
}

/// How users share a semaphore.
fn way(name: &str) -> String {
    format!(
        "to share one, root runs `install -d -m 1777 /run/permits` and `permits --mode 666 set --create {} N`",
        quoted(name)
    )
}

impl Neighbour {
    fn news(&self, name: &str, is_first: bool) -> Option<String> {
        let (user, dir, name) = (&self.user, tame(&self.dir.to_string_lossy()), tame(name));
        match &self.files {
            Some(files) if files.contains(&file_of(&name)) => Some(format!(
                "user `{user}` has another `{name}`, in `{dir}`, and the two count separately; {}",
                way(&name)
            )),
            None if is_first => Some(format!(
                "user `{user}` has semaphores in `{dir}`, and each user counts separately; {}",
                way(&name)
            )),
            _ => None,
        }
    }
}

/// The same for all names; nothing without neighbours.
pub(crate) fn summary(dir: &Path) -> Option<String> {
    let neighbours = of(dir);
    if neighbours.is_empty() {
        return None;
    }
    let shown = |it: &Neighbour| format!("`{}` in `{}`", it.user, tame(&it.dir.to_string_lossy()));
    let shown: Vec<String> = neighbours.iter().map(shown).collect();
    Some(format!("other users count separately, {}; {}", shown.join(", "), way("NAME")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Directories of this user, seen by another one.
    fn street() -> (tempfile::TempDir, u32, PathBuf) {
        let street = tempfile::tempdir().expect("a temporary directory");
        let theirs = geteuid().as_raw();
        let dir = street.path().join(format!("permits-{theirs}"));
        fs::create_dir(&dir).expect("it can be made");
        (street, theirs + 1, dir)
    }

    #[test]
    fn neighbour_with_the_same_name_is_told() {
        let (street, ours, dir) = street();
        fs::write(dir.join("gpu.sem"), "").expect("it can be written");

        let neighbours = beside(street.path(), ours);

        let [neighbour] = &neighbours[..] else { panic!("{neighbours:?}") };
        let text = neighbour.news("gpu", false).expect("there is one of that name");
        for part in
            [&*dir.to_string_lossy(), "another `gpu`", "count separately", "permits --mode 666 set --create gpu N"]
        {
            assert!(text.contains(part), "`{part}` is missing in: {text}");
        }
        assert_eq!(neighbour.news("other", true), None);
    }

    #[test]
    fn neighbour_who_cannot_be_seen_is_told_once() {
        let unseen = Neighbour { user: "web".to_owned(), dir: "/tmp/permits-1000".into(), files: None };

        assert!(unseen.news("gpu", true).is_some_and(|text| text.contains("each user counts separately")));
        assert_eq!(unseen.news("gpu", false), None);
    }

    #[test]
    fn only_directories_of_the_user_in_their_name_count() {
        let (street, ours, dir) = street();
        let make = |name: &str| fs::create_dir(street.path().join(name)).expect("it can be made");
        make("permits-4294967294");
        make("permits-x");
        for sign in ["+", "0", "00", "+0", "-"] {
            make(&format!("permits-{sign}{}", ours - 1));
        }
        make(&format!("permits-{ours}"));
        fs::write(street.path().join("permits-7"), "").expect("it can be written");

        let neighbours = beside(street.path(), ours);

        assert_eq!(neighbours.iter().map(|it| &it.dir).collect::<Vec<_>>(), [&dir]);
    }
}
