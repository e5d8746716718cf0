//! A directory that is used by its descriptor: what is done in it is done in the one that was looked at.

use crate::error::{self, Error, ErrorKind};
use crate::process::sys;
use std::ffi::{CString, OsStr, OsString};
use std::fs::{self, DirBuilder, File, Metadata, Permissions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
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
    // The umask of this process may have taken some of that away. By the path, as no descriptor that can be
    // had then changes it; so only then.
    let found = fs::symlink_metadata(path)?;
    if found.is_dir() && found.permissions().mode() & 0o7777 != 0o700 {
        fs::set_permissions(path, Permissions::from_mode(0o700))?;
    }
    Ok(())
}

pub(crate) fn failed(act: &str, path: &Path, error: io::Error) -> Error {
    let what = format!("cannot {act} directory `{}`", path.display());
    match error.raw_os_error() {
        // It was removed just now, or links lead in a circle.
        Some(libc::ENOENT | libc::ELOOP) => Error::new(ErrorKind::BadDirectory, what).with_source(error),
        _ => error::system(what, error),
    }
}

fn refused(path: &Path, kind: ErrorKind, why: &str) -> Error {
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
