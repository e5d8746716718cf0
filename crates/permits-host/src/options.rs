//! Options for opening a semaphore.

use crate::doctor::{self, Finding};
use crate::error::{self, Error, ErrorKind, Operation};
use crate::process::attachment::Settings;
use crate::process::files::{self, Place, Terms};
use crate::process::remove;
use crate::protocol::book::MAX_PERMITS;
use crate::repair::{self, Repair};
use crate::semaphore::{HostSemaphore, interval_of};
use crate::status;
use permits::{Removal, State, Status};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::Duration;

/// Options for opening a semaphore. Each method documents its default.
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
    every: Option<Duration>,
}

/// Refuses a semaphore that stores another time between starts than the options give, if they give one.
fn spaced_so(stored: u32, wanted: Option<u32>) -> Result<(), Error> {
    match wanted {
        Some(wanted) if wanted != stored => {
            let text = |interval: u32| match Duration::from_millis(interval.into()) {
                // As it is given, in every unit.
                Duration::ZERO => "0".to_owned(),
                time => format!("{time:?}"),
            };
            let what = format!("its starts are `{}` apart, and not `{}`", text(stored), text(wanted));
            Err(Error::new(ErrorKind::IntervalDiffers, what))
        }
        _ => Ok(()),
    }
}

impl HostSemaphore {
    /// Opens a semaphore by its name, in the [default directory](crate::default_directory), or creates it if
    /// there is none.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::BadMax`] unless `1 <= max <= MAX_PERMITS`; [`ErrorKind::MaxDiffers`] if it has another
    /// number of permits; [`ErrorKind::BadName`]; [`ErrorKind::BadDirectory`]; and for the file:
    /// [`ErrorKind::Insecure`], [`ErrorKind::Denied`], [`ErrorKind::Damaged`], [`ErrorKind::ForeignFormat`],
    /// [`ErrorKind::BadFileSystem`], [`ErrorKind::Exhausted`].
    pub fn open(name: &str, max: u32) -> Result<HostSemaphore, Error> {
        Options::new().open(name, max)
    }

    /// Returns options for opening a semaphore: its directory, its users, its labels.
    pub fn options() -> Options {
        Options::new()
    }
}

impl Options {
    /// Returns the default options.
    pub fn new() -> Options {
        Options::default()
    }

    /// The directory of the file. Default: [`default_directory`](crate::default_directory). It is created,
    /// with mode 0700, if it does not exist and its parent does.
    ///
    /// It must belong to this user or to root, and no other user may be able to remove files from it. It may
    /// be a symbolic link that belongs to one of the two; the directories above it are not checked. All
    /// processes that share a semaphore name the same directory; a container must mount it from the host.
    /// This reads no environment variable: `PERMITS_DIR` is for the program `permits`.
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Options {
        self.directory = Some(directory.into());
        self
    }

    /// The permissions of a new file. Default: 0600, for this user alone. 0660 is for a group, 0666 for all
    /// users: a process that can write to the file can do anything with the semaphore, including damage it.
    ///
    /// Others get read and write permission, or none: modes such as 0644 are refused. A process that can read
    /// a file can lock bytes of it, and so keep all others out; so you must trust the users that can see a
    /// semaphore. Root can see it in any case.
    pub fn mode(mut self, mode: u32) -> Options {
        self.mode = Some(mode);
        self
    }

    /// Whether to change a semaphore that exists with another number of permits, or another time between
    /// [starts](Self::every), than these options give. Default: `false`, which makes the difference an error.
    pub fn resize(mut self, resize: bool) -> Options {
        self.resize = resize;
        self
    }

    /// The label of this handle, shown to others; 64 bytes of it are kept. Default: none.
    pub fn label(mut self, label: impl Into<OsString>) -> Options {
        self.label = label.into();
        self
    }

    /// What others are shown as this handle's command; 192 bytes of it are kept. Default: the arguments of
    /// this process.
    pub fn command(mut self, command: impl Into<OsString>) -> Options {
        self.command = Some(command.into());
        self
    }

    /// Whether the permits of this handle have numbers: see [`Guard::slots`](crate::Guard::slots). Default:
    /// `false`. Other handles may differ; no two permits have the same number.
    pub fn numbered(mut self, numbered: bool) -> Options {
        self.numbered = numbered;
        self
    }

    /// The minimum time between two starts. A start is one grant, of one permit or several. The time is
    /// stored with the semaphore, in whole milliseconds, rounded up. It ranges from 1 ms to a day; zero means
    /// that starts are not spaced.
    ///
    /// Default: the stored time holds, and a new semaphore does not space its starts. If the semaphore stores
    /// another time, opening it fails ([`ErrorKind::IntervalDiffers`]), unless [`resize`](Self::resize) is
    /// set; [`HostSemaphore::set_interval`] changes the time.
    ///
    /// Before the next start is allowed, a try fails ([`ErrorKind::NotNow`]), and the first waiter waits,
    /// however many permits are free. C3 and C8 hold with this exception: a request that fits may have to
    /// wait for the time as well. Other calls do not: permits come back and loose permits are released as
    /// usual, and 0 permits are granted at once (C7). The clock counts from boot and runs while the host is
    /// suspended; a new boot starts anew.
    ///
    /// The time lies between two grants, and not between what the processes do after them. A process that takes
    /// its grant and then dies, or returns its permit unused, has used its start. A waiter that dies or gives up
    /// before it takes its grant has not, unless another request was granted since. The start before that is the
    /// last one again then, and the next may come when the time since it, to the millisecond, is as long as is
    /// set. If processes in a time namespace that shifts the clock since boot (`time_namespaces(7)`) and others
    /// use one semaphore, their starts are not spaced.
    ///
    /// ```
    /// # let directory = std::env::temp_dir().join(format!("permits-doc-every-{}", std::process::id()));
    /// use permits_host::{ErrorKind, HostSemaphore};
    /// use std::time::Duration;
    ///
    /// let api = HostSemaphore::options().directory(&directory).every(Duration::from_secs(60)).open("api", 3)?;
    /// let first = api.try_acquire()?;
    /// let too_soon = api.try_acquire().unwrap_err();
    /// assert_eq!((too_soon.kind(), api.available_permits()?), (ErrorKind::NotNow, 2));
    /// # drop(first);
    /// # std::fs::remove_dir_all(directory).ok();
    /// # Ok::<(), permits_host::Error>(())
    /// ```
    pub fn every(mut self, interval: Duration) -> Options {
        self.every = Some(interval);
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
            mode: self.mode.unwrap_or(0o600),
            label: self.label.clone().into_vec(),
            command: command.into_vec(),
            numbered: self.numbered,
        }
    }

    /// Opens the semaphore, or creates it with `max` permits if there is none.
    ///
    /// # Errors
    ///
    /// See [`HostSemaphore::open`]; [`ErrorKind::Insecure`] for a [mode](Self::mode) that lets others read
    /// alone, or that denies the owner reading or writing; [`ErrorKind::BadInterval`] and
    /// [`ErrorKind::IntervalDiffers`]: see [`every`](Self::every).
    pub fn open(self, name: &str, max: u32) -> Result<HostSemaphore, Error> {
        self.open_or_make(name, max).map_err(error::during(name, Operation::Open))
    }

    fn open_or_make(&self, name: &str, max: u32) -> Result<HostSemaphore, Error> {
        if !(1..=MAX_PERMITS).contains(&max) {
            return Err(error::bad_max(name, i64::from(max)));
        }
        let interval = self.every.map(interval_of).transpose()?;
        let terms = Terms { max, interval: interval.unwrap_or(0), closed: false };
        let settings = self.settings();
        files::check_mode(settings.mode)?;
        let place = self.place(name)?;
        loop {
            let semaphore = HostSemaphore::attach(place.clone(), Some(terms), settings.clone())?;
            let (stored, spaced) = semaphore.shared.here()?.look(|tx| Ok((tx.book.max, tx.book.interval)))?;
            if !self.resize {
                if stored != max {
                    let what = format!("it has `{stored}` permits, and not `{max}`");
                    return Err(Error::new(ErrorKind::MaxDiffers, what));
                }
                return spaced_so(spaced, interval).map(|()| semaphore);
            }
            let resized = if stored == max { Ok(()) } else { semaphore.set_max_permits(max) };
            let spaced_anew = resized.and_then(|()| match self.every {
                Some(every) if interval != Some(spaced) => semaphore.set_interval(every),
                _ => Ok(()),
            });
            match spaced_anew {
                // Removed just now.
                Err(error) if error.kind() == ErrorKind::Gone => {}
                changed => return changed.map(|()| semaphore),
            }
        }
    }

    /// Opens one that exists, whatever number of permits it has. It makes and changes nothing, the directory
    /// included.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] if there is none; [`ErrorKind::IntervalDiffers`] if it stores another time
    /// between [starts](Self::every) than these options give; see [`HostSemaphore::open`].
    pub fn open_existing(self, name: &str) -> Result<HostSemaphore, Error> {
        self.open_as_it_is(name).map_err(error::during(name, Operation::Open))
    }

    fn open_as_it_is(&self, name: &str) -> Result<HostSemaphore, Error> {
        let interval = self.every.map(interval_of).transpose()?;
        let semaphore = HostSemaphore::attach(self.place(name)?, None, self.settings())?;
        if interval.is_some() {
            spaced_so(semaphore.shared.here()?.look(|tx| Ok(tx.book.interval))?, interval)?;
        }
        Ok(semaphore)
    }

    /// Reads the status without taking part and without changing anything: it shows dead holders with their
    /// permits.
    ///
    /// # Errors
    ///
    /// See [`open_existing`](Self::open_existing). Read permission is enough; root has it, and the users of
    /// the semaphore: see [`mode`](Self::mode).
    pub fn read(self, name: &str) -> Result<Status, Error> {
        self.place(name).and_then(|place| status::read(&place)).map_err(error::during(name, Operation::Read))
    }

    /// Returns the names of all semaphores in the directory, sorted; none if the directory does not exist.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::BadDirectory`] if it is not a directory, [`ErrorKind::Insecure`] if others could tamper
    /// with it, [`ErrorKind::Denied`] without permission to read it.
    pub fn list(self) -> Result<Vec<String>, Error> {
        let names = files::list(&self.directory.unwrap_or_else(files::default_directory));
        names.map_err(|error| error.with_operation(Operation::Read))
    }

    /// Checks a semaphore, and repairs it if it can.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Damaged`] if it is damaged and in use: then stop the processes that use it first.
    pub fn repair(self, name: &str) -> Result<Repair, Error> {
        self.place(name).and_then(|place| repair::repair(&place)).map_err(error::during(name, Operation::Repair))
    }

    /// Removes a semaphore, as [`HostSemaphore::remove`] does. It also removes one of an earlier boot.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] if there is none; see [`HostSemaphore::remove`] and [`HostSemaphore::open`].
    pub fn remove(self, name: &str, removal: Removal) -> Result<State, Error> {
        let settings = self.settings();
        let removed = self.place(name).and_then(|place| remove::remove(&place, &settings, removal));
        removed.map_err(error::during(name, Operation::Remove))
    }

    /// Checks the directory, the file system and the kernel for what could go wrong.
    #[must_use]
    pub fn examine(self) -> Vec<Finding> {
        doctor::examine(&self.directory.unwrap_or_else(files::default_directory))
    }
}
