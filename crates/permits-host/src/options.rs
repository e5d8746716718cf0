//! Where, for whom and as whom a semaphore is opened.

use crate::doctor::{self, Finding};
use crate::error::{self, Error, ErrorKind, Operation};
use crate::process::attachment::Settings;
use crate::process::files::{self, Place};
use crate::process::remove::{self, Removal};
use crate::protocol::book::MAX_PERMITS;
use crate::repair::{self, Repair};
use crate::semaphore::HostSemaphore;
use crate::status;
use permits::{State, Status};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// How to open a semaphore. Each method says what is done without it.
///
/// ```
/// # let directory = std::env::temp_dir().join(format!("permits-doc-options-{}", std::process::id()));
/// use permits_host::HostSemaphore;
///
/// let builds = HostSemaphore::options().directory(&directory).label("nightly").open("build", 2)?;
/// assert_eq!(builds.state()?.available_permits, 2);
/// # drop(builds);
/// # std::fs::remove_dir_all(directory).ok();
/// # Ok::<(), permits_host::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "nothing is opened before `open`"]
pub struct Options {
    directory: Option<PathBuf>,
    mode: Option<u32>,
    resize: bool,
    label: OsString,
    command: Option<OsString>,
    numbered: bool,
}

impl HostSemaphore {
    /// Opens a semaphore by its name, in the [default directory](crate::default_directory), and makes it if
    /// there is none.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::BadMax`] unless `1 <= max <= MAX_PERMITS`; [`ErrorKind::MaxDiffers`] if it has another
    /// number of permits; [`ErrorKind::BadName`]; [`ErrorKind::BadDirectory`]; and whatever is wrong with the
    /// file: [`ErrorKind::Insecure`], [`ErrorKind::Denied`], [`ErrorKind::Damaged`],
    /// [`ErrorKind::ForeignFormat`], [`ErrorKind::BadFileSystem`], [`ErrorKind::Exhausted`].
    pub fn open(name: &str, max: u32) -> Result<HostSemaphore, Error> {
        Options::new().open(name, max)
    }

    /// Where, for whom and as whom to open one.
    pub fn options() -> Options {
        Options::new()
    }
}

impl Options {
    /// All as it is done by default.
    pub fn new() -> Options {
        Options::default()
    }

    /// The directory of the file. Default: [`default_directory`](crate::default_directory). It is made, with
    /// mode 0700, if it is missing and its parent is there.
    ///
    /// It has to belong to this user or to root, and nobody else may be able to remove files from it. A
    /// symbolic link in its place is followed if it belongs to one of the two as well; the directories above
    /// it are not looked at. All who are to share a semaphore name the same directory; in a container it has
    /// to be mounted from the host. No environment variable is read: `PERMITS_DIR` is for the program
    /// `permits`.
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Options {
        self.directory = Some(directory.into());
        self
    }

    /// The permissions of the file, if it is made. Default: 0600, for this user alone. 0660 is for a group,
    /// 0666 for all: whoever may write to the file may do anything with the semaphore, damage it included.
    ///
    /// Others get both rights or none: modes such as 0644 are refused. Whoever may read a file may lock bytes
    /// of it, and so keep everybody out of it; so who is to see a semaphore has to be trusted with it, or be
    /// root.
    pub fn mode(mut self, mode: u32) -> Options {
        self.mode = Some(mode);
        self
    }

    /// What becomes of a semaphore that exists with another number of permits. Default, `false`: an error.
    /// `true`: it is resized.
    pub fn resize(mut self, resize: bool) -> Options {
        self.resize = resize;
        self
    }

    /// What others are shown as this handle's label; 64 bytes of it are kept. Default: none.
    pub fn label(mut self, label: impl Into<OsString>) -> Options {
        self.label = label.into();
        self
    }

    /// What others are shown as this handle's command; 224 bytes of it are kept. Default: the arguments of
    /// this process.
    pub fn command(mut self, command: impl Into<OsString>) -> Options {
        self.command = Some(command.into());
        self
    }

    /// Whether the permits of this handle have numbers: see [`Guard::slots`](crate::Guard::slots). Default:
    /// `false`. Other handles may do as they like; no two permits that have a number have the same.
    pub fn numbered(mut self, numbered: bool) -> Options {
        self.numbered = numbered;
        self
    }

    fn place(&self, name: &str) -> Result<Place, Error> {
        Place::new(&self.directory.clone().unwrap_or_else(files::default_directory), name)
    }

    fn settings(&self) -> Settings {
        let command = self.command.clone().unwrap_or_else(|| {
            let arguments: Vec<OsString> = std::env::args_os().collect();
            arguments.join(std::ffi::OsStr::new(" "))
        });
        Settings {
            mode: self.mode.unwrap_or(0o600) & 0o777,
            label: self.label.clone().into_vec(),
            command: command.into_vec(),
            numbered: self.numbered,
        }
    }

    /// Opens it, and makes it with `max` permits if there is none.
    ///
    /// # Errors
    ///
    /// See [`HostSemaphore::open`]; and [`ErrorKind::Insecure`] for a [mode](Self::mode) that lets others
    /// read alone.
    pub fn open(self, name: &str, max: u32) -> Result<HostSemaphore, Error> {
        self.open_or_make(name, max).map_err(error::during(name, Operation::Open))
    }

    fn open_or_make(&self, name: &str, max: u32) -> Result<HostSemaphore, Error> {
        if !(1..=MAX_PERMITS).contains(&max) {
            return Err(error::bad_max(name, i64::from(max)));
        }
        let settings = self.settings();
        files::check_mode(settings.mode)?;
        let place = self.place(name)?;
        let stored = loop {
            let semaphore = HostSemaphore::attach(place.clone(), Some(max), settings.clone())?;
            let stored = semaphore.shared.here()?.look(|tx| Ok(tx.book.max))?;
            if stored == max {
                return Ok(semaphore);
            }
            if !self.resize {
                break stored;
            }
            match semaphore.set_max_permits(max) {
                // Removed just now.
                Err(error) if error.kind() == ErrorKind::Gone => {}
                resized => return resized.map(|()| semaphore),
            }
        };
        Err(Error::new(ErrorKind::MaxDiffers, format!("it has `{stored}` permits, and not `{max}`")))
    }

    /// Opens one that exists, whatever number of permits it has. It makes nothing, the directory included.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] if there is none; see [`HostSemaphore::open`].
    pub fn open_existing(self, name: &str) -> Result<HostSemaphore, Error> {
        let opened = self.place(name).and_then(|place| HostSemaphore::attach(place, None, self.settings()));
        opened.map_err(error::during(name, Operation::Open))
    }

    /// Reads how things stand, without taking part: what the dead hold is shown with them, and nothing is changed.
    ///
    /// # Errors
    ///
    /// See [`open_existing`](Self::open_existing). The right to read the file is enough, which root has, and
    /// otherwise who may use it: see [`mode`](Self::mode).
    pub fn read(self, name: &str) -> Result<Status, Error> {
        self.place(name).and_then(|place| status::read(&place)).map_err(error::during(name, Operation::Read))
    }

    /// The names of all semaphores in the directory, sorted; none if there is no such directory.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::BadDirectory`] if it is no directory, [`ErrorKind::Insecure`] if others could tamper with it,
    /// [`ErrorKind::Denied`] if it may not be read.
    pub fn list(self) -> Result<Vec<String>, Error> {
        let names = files::list(&self.directory.unwrap_or_else(files::default_directory));
        names.map_err(|error| error.with_operation(Operation::Read))
    }

    /// Checks a semaphore, and mends what can be mended.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Damaged`] if it is damaged and in use: then whoever uses it has to be stopped first.
    pub fn repair(self, name: &str) -> Result<Repair, Error> {
        self.place(name).and_then(|place| repair::repair(&place)).map_err(error::during(name, Operation::Repair))
    }

    /// Removes a semaphore, as [`HostSemaphore::remove`] does. One of an earlier boot is removed as well.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] if there is none; see [`HostSemaphore::remove`] and [`HostSemaphore::open`].
    pub fn remove(self, name: &str, removal: Removal) -> Result<State, Error> {
        let settings = self.settings();
        let removed = self.place(name).and_then(|place| remove::remove(&place, &settings, removal));
        removed.map_err(error::during(name, Operation::Remove))
    }

    /// Looks at directory, file system and kernel: what could go wrong here.
    #[must_use]
    pub fn examine(self) -> Vec<Finding> {
        doctor::examine(&self.directory.unwrap_or_else(files::default_directory))
    }
}
