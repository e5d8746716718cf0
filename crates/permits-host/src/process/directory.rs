//! A directory that is used by its descriptor: what is done in it is done in the one that was looked at.

use crate::error::{self, Error, ErrorKind};
use crate::process::sys;
use std::ffi::{CStr, CString, OsStr, OsString};
use std::fs::{self, DirBuilder, File, Metadata, Permissions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A directory, for as long as one act takes: a program may close all its descriptors between two.
pub(crate) struct Directory {
    file: File,
    path: PathBuf,
}

impl Directory {
    /// Looks a directory up. It follows a symbolic link if it belongs to this user or to root: another user
    /// could change where the link leads. Nothing if there is none.
    pub(crate) fn find(path: &Path) -> Result<Option<Directory>, Error> {
        let failed = |error| failed("look at", path, error);
        // Without a slash at the end, which would follow any link.
        let plain = path.components().collect::<PathBuf>();
        let c_path = c_string(plain.as_os_str()).map_err(failed)?;
        let there = |outcome: io::Result<File>| match outcome {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(error)),
        };
        let Some(mut file) = there(sys::refer(&c_path, libc::O_NOFOLLOW))? else { return Ok(None) };
        let mut found = file.metadata().map_err(failed)?;
        if found.is_symlink() {
            let owner = found.uid();
            if owner != sys::user() && owner != 0 {
                let why = format!("it is a symbolic link of {}", stranger(owner, "point it elsewhere"));
                return Err(refused(path, ErrorKind::Insecure, &why));
            }
            let target = there(sys::refer(&c_path, 0))?;
            file = target.ok_or_else(|| {
                refused(path, ErrorKind::BadDirectory, "it is a symbolic link to a path that does not exist")
            })?;
            found = file.metadata().map_err(failed)?;
        }
        if !found.is_dir() {
            return Err(refused(path, ErrorKind::BadDirectory, "it is not a directory"));
        }
        Ok(Some(Directory { file, path: plain }))
    }

    /// Looks a directory up for use, and [checks](Self::check) it.
    pub(crate) fn find_sound(path: &Path) -> Result<Option<Directory>, Error> {
        let found = Directory::find(path)?;
        found.as_ref().map_or(Ok(()), Directory::check)?;
        Ok(found)
    }

    /// The same; one that is missing is made if `make`. If not, there is nothing if it could be made: that is
    /// as good as an empty one.
    pub(crate) fn find_or_make(path: &Path, make: bool) -> Result<Option<Directory>, Error> {
        // Twice: it may have been made meanwhile, by others or here.
        for _ in 0..2 {
            let found = Directory::find_sound(path)?;
            if found.is_some() {
                return Ok(found);
            }
            let parent = path.parent().unwrap_or(Path::new("/"));
            if matches!(fs::metadata(parent), Err(error) if error.kind() == io::ErrorKind::NotFound) {
                let (shown, parent) = (path.display(), parent.display());
                let why = format!("there is no directory `{shown}`, and its parent `{parent}` does not exist");
                return Err(Error::new(ErrorKind::BadDirectory, why));
            }
            if !make {
                return Ok(None);
            }
            self::make(path).map_err(|error| failed("make", path, error))?;
        }
        Err(failed("look at", path, io::Error::from_raw_os_error(libc::ENOENT)))
    }

    pub(crate) fn metadata(&self) -> Result<Metadata, Error> {
        self.file.metadata().map_err(|error| failed("look at", &self.path, error))
    }

    /// Checks that no other user can replace a file in it.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let found = self.metadata()?;
        let insecure = |why: String| Err(refused(&self.path, ErrorKind::Insecure, &why));
        let (owner, mode) = (found.uid(), found.permissions().mode());
        if owner != sys::user() && owner != 0 {
            return insecure(format!("it belongs to {}", stranger(owner, "put other files into it")));
        }
        if mode & 0o022 != 0 && mode & 0o1000 == 0 {
            let mode = mode & 0o7777;
            return insecure(format!(
                "other users can remove files from it (mode `{mode:o}`): `chmod +t` it, or `chmod go-w` it"
            ));
        }
        Ok(())
    }

    /// Whether all users may create files in it. Without an answer: yes.
    pub(crate) fn is_for_all(&self) -> bool {
        self.file.metadata().map_or(true, |found| found.permissions().mode() & 0o002 != 0)
    }

    /// The number of its inode.
    pub(crate) fn number(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.ino())
    }

    /// What has that name, without opening it: no link is followed, and no right on it is needed.
    pub(crate) fn look_at(&self, name: &OsStr) -> io::Result<Metadata> {
        sys::open_at(self.as_fd(), &c_string(name)?, libc::O_PATH | libc::O_NOFOLLOW, 0)?.metadata()
    }

    /// Opens a regular file, and nothing else that may have that name: that fails as the open of a symbolic link
    /// (`ELOOP`), a directory (`EISDIR`) or a socket (`ENXIO`) does.
    pub(crate) fn open(&self, name: &OsStr, write: bool) -> io::Result<File> {
        let access = if write { libc::O_RDWR } else { libc::O_RDONLY };
        sys::open_checked(Some(self.as_fd()), &c_string(name)?, access, |found| {
            let number = match found.file_type() {
                kind if kind.is_file() => return Ok(()),
                kind if kind.is_symlink() => libc::ELOOP,
                kind if kind.is_dir() => libc::EISDIR,
                _ => libc::ENXIO,
            };
            Err(io::Error::from_raw_os_error(number))
        })
    }

    /// The same; whatever else has that name is as good as nothing.
    pub(crate) fn open_regular(&self, name: &OsStr, write: bool) -> io::Result<File> {
        self.open(name, write).map_err(|error| match error.raw_os_error() {
            Some(libc::ELOOP | libc::EISDIR | libc::ENXIO) => io::ErrorKind::NotFound.into(),
            _ => error,
        })
    }

    /// Creates a file of an unused name.
    pub(crate) fn make(&self, name: &OsStr) -> io::Result<File> {
        let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL | sys::WARY;
        sys::open_at(self.as_fd(), &c_string(name)?, flags, 0o600)
    }

    /// Makes a file without a name, so that nothing is left of it if this process dies.
    pub(crate) fn make_unnamed(&self) -> io::Result<File> {
        sys::open_at(self.as_fd(), c".", libc::O_RDWR | libc::O_TMPFILE, 0o600)
    }

    /// Gives a file without a name an unused one.
    pub(crate) fn name(&self, file: &File, name: &OsStr) -> io::Result<()> {
        sys::link(file, self.as_fd(), &c_string(name)?)
    }

    pub(crate) fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        sys::rename(self.as_fd(), &c_string(from)?, &c_string(to)?, 0)
    }

    pub(crate) fn rename_unless_there(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        sys::rename(self.as_fd(), &c_string(from)?, &c_string(to)?, libc::RENAME_NOREPLACE)
    }

    pub(crate) fn remove(&self, name: &OsStr) -> io::Result<()> {
        sys::unlink(self.as_fd(), &c_string(name)?)
    }

    /// All names in it.
    pub(crate) fn names(&self) -> io::Result<Vec<OsString>> {
        sys::names(self.as_fd())
    }
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Makes a directory for this user alone, unless there is something of that name.
fn make(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        made => made?,
    }
    let plain = c_string(path.components().collect::<PathBuf>().as_os_str())?;
    // What another user has put there in between is refused by the next look.
    sys::refer(&plain, libc::O_NOFOLLOW | libc::O_DIRECTORY).map_or(Ok(()), |made| give_mode(&made, &plain))
}

/// Gives a directory that this process has just made the mode that it was made with: the umask may have taken
/// some of that away, and the parent have added to it. By a descriptor, since the path may lead to another
/// one by now.
fn give_mode(made: &File, path: &CStr) -> io::Result<()> {
    let found = made.metadata()?;
    let mode = found.permissions().mode() & 0o7777;
    // No umask gives others a right: then it is another directory.
    if found.uid() != sys::user() || mode & 0o077 != 0 || mode == 0o700 {
        return Ok(());
    }
    let wanted = Permissions::from_mode(0o700);
    // A descriptor that needs no right on the directory changes the mode through /proc alone.
    match fs::set_permissions(format!("/proc/thread-self/fd/{}", made.as_raw_fd()), wanted.clone()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        outcome => return outcome,
    }
    let is_made = |other: &Metadata| {
        let same = (other.dev(), other.ino()) == (found.dev(), found.ino());
        if same { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
    };
    sys::open_checked(None, path, libc::O_RDONLY | libc::O_DIRECTORY, is_made)?.set_permissions(wanted)
}

pub(crate) fn failed(act: &str, path: &Path, error: io::Error) -> Error {
    let what = format!("cannot {act} directory `{}`", path.display());
    match error.raw_os_error() {
        // It was removed just now, or links lead in a circle.
        Some(libc::ENOENT | libc::ELOOP) => Error::new(ErrorKind::BadDirectory, what).with_source(error),
        _ => error::system(what, error),
    }
}

pub(crate) fn refused(path: &Path, kind: ErrorKind, why: &str) -> Error {
    Error::new(kind, format!("directory `{}` cannot be used: {why}", path.display()))
}

/// Says who another user is, and what he could do.
fn stranger(user: u32, could: &str) -> String {
    if sys::is_mapped(user) {
        return format!("user `{user}`, who could {could}");
    }
    format!(
        "a user without a number in this user namespace, and `{user}` stands for all of these, root of the host among many \
         others: use one that belongs to the user who started the container"
    )
}

pub(crate) fn c_string(text: &OsStr) -> io::Result<CString> {
    CString::new(text.as_bytes()).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))
}

#[cfg(all(test, not(permits_loom)))]
mod tests {
    use super::*;

    #[test]
    fn mode_is_given_to_the_directory_that_was_made_and_to_no_other() {
        let parent = std::env::temp_dir().join(format!("permits-host-mode-{}", std::process::id()));
        let of = |name: &str| parent.join(name);
        let set = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
        let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o7777;
        for name in ["made", "other"] {
            fs::create_dir_all(of(name)).expect("it can be made");
            set(&of(name), 0o500);
        }
        let path = c_string(of("made").as_os_str()).expect("it has no zero");
        let made = sys::refer(&path, libc::O_NOFOLLOW | libc::O_DIRECTORY).expect("it is there");
        fs::rename(of("made"), of("moved")).expect("it is ours");
        fs::rename(of("other"), of("made")).expect("it is ours");

        give_mode(&made, &path).expect("it is ours");

        assert_eq!((mode(&of("moved")), mode(&of("made"))), (0o700, 0o500));
        // One that others may enter is none that was made just now.
        set(&of("moved"), 0o750);
        give_mode(&made, &path).expect("nothing is done");
        assert_eq!(mode(&of("moved")), 0o750);
        set(&of("made"), 0o700);
        fs::remove_dir_all(parent).expect("it is ours");
    }
}
