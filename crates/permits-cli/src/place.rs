//! Where a command works: which directory, which semaphore, and how it is opened.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;
use permits_host::{ErrorKind, HostSemaphore, Options, Status};

use crate::args::{Common, Size, Terms};
use crate::failure::{Failure, code};
use crate::neighbours;
use crate::out::Notes;
use crate::sharing;
use crate::similar;
use crate::slips::quoted;
use crate::values::Number;

/// What every command is given besides its arguments: where it works, and to whom it talks.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub(crate) common: &'a Common,
    pub(crate) notes: &'a Notes,
}

/// Bytes of a label that a semaphore keeps.
const LONGEST_LABEL: usize = 64;

impl Scene<'_> {
    /// The directory of the semaphores: `--dir`, then `PERMITS_DIR`, then the library's default.
    pub(crate) fn directory(self) -> PathBuf {
        self.chosen_directory().unwrap_or_else(permits_host::default_directory)
    }

    fn chosen_directory(self) -> Option<PathBuf> {
        let set = |dir: &PathBuf| !dir.as_os_str().is_empty();
        self.common.dir.clone().or_else(|| std::env::var_os("PERMITS_DIR").map(PathBuf::from)).filter(set)
    }

    /// Options of the library for these arguments.
    pub(crate) fn options(self) -> Options {
        let options = self.chosen_directory().into_iter().fold(Options::new(), Options::directory);
        self.common.mode.into_iter().fold(options, Options::mode)
    }

    /// [`options`](Self::options) with what this process calls itself, if it does.
    pub(crate) fn labelled(self, label: Option<&OsString>) -> Options {
        if let Some(length) = label.map(|label| label.len()).filter(|length| *length > LONGEST_LABEL) {
            self.notes.warn(&format!("--label has `{length}` bytes: only the first `{LONGEST_LABEL}` are shown"));
        }
        label.into_iter().fold(self.options(), Options::label)
    }
}

/// Opens the semaphore to take permits, or creates it, unless it is to exist: without `--max` and `--create` with
/// one permit.
pub(crate) fn open(scene: Scene<'_>, options: &Options, name: &str, terms: &Terms) -> Result<HostSemaphore, Failure> {
    let options = terms.spacing.every.into_iter().fold(options.clone(), Options::every);
    if terms.existing {
        return Ok(options.open_existing(name)?);
    }
    making(scene, name, || open_with(scene, &options, name, &terms.size, Some(Number::Exactly(1))))
}

/// Opens the semaphore to release permits. It is created only if its size is given: no process has acquired a
/// permit of a semaphore that does not exist, so a mistyped name would wait without end.
pub(crate) fn open_to_release(scene: Scene<'_>, name: &str, size: &Size) -> Result<HostSemaphore, Failure> {
    making(scene, name, || open_with(scene, &scene.options(), name, size, None))
}

/// Opens a semaphore, or makes it. That another user counts apart, or cannot use it, is said when it is made.
pub(crate) fn making(
    scene: Scene<'_>,
    name: &str,
    open: impl FnOnce() -> Result<HostSemaphore, Failure>,
) -> Result<HostSemaphore, Failure> {
    // Who chose the directory has decided which users share it.
    let dir = scene.directory();
    let apart = if scene.chosen_directory().is_none() { neighbours::news(&dir, name) } else { None };
    let alone = sharing::news(&dir, name, scene.common.mode);
    let semaphore = open()?;
    for news in [apart, alone].into_iter().flatten() {
        scene.notes.warn(&news);
    }
    Ok(semaphore)
}

/// With `--max` it has that number, or gets it. Otherwise the stored number holds, and a new one gets that of
/// `--create`, or `default`.
fn open_with(
    scene: Scene<'_>,
    options: &Options,
    name: &str,
    size: &Size,
    default: Option<Number>,
) -> Result<HostSemaphore, Failure> {
    if let Some(max) = size.max {
        return Ok(options.clone().resize(size.resize).open(name, total(max))?);
    }
    let Some(new) = size.create.or(default).map(total) else { return Ok(options.clone().open_existing(name)?) };
    loop {
        match options.clone().open_existing(name) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            opened => return Ok(opened?),
        }
        match options.clone().open(name, new) {
            // Another process created it in between, with another number: that number holds.
            Err(error) if error.kind() == ErrorKind::MaxDiffers => {}
            opened => {
                let semaphore = opened?;
                let meant = if size.create.is_none() { similar::meant(options, name) } else { None };
                match meant {
                    // Its number was given nowhere: perhaps it is another one's name with a slip.
                    Some(meant) => scene.notes.warn(&format!(
                        "created `{name}` with `{new}` permit; did you mean `{meant}`? then remove the new one with \
                         `permits remove {}`, and give --existing to create none",
                        quoted(name)
                    )),
                    None => scene.notes.verbose(|| {
                        format!("created `{name}` with max `{new}`; change it with `permits set {} N`", quoted(name))
                    }),
                }
                return Ok(semaphore);
            }
        }
    }
}

/// The status of a semaphore, after what the dead held was taken back; of one that may only be read, as it
/// stands in the file.
pub(crate) fn status(options: &Options, name: &str) -> Result<Status, permits_host::Error> {
    match options.clone().open_existing(name).and_then(|semaphore| semaphore.status()) {
        Err(error) if error.kind() == ErrorKind::Denied => options.clone().read(name),
        status => status,
    }
}

/// The exit code if all semaphores of a directory should be shown, and this one cannot be: 0 for one that was
/// removed since the directory was read, and for what another user has put there, whatever it is: no user
/// decides how the commands of another one end.
pub(crate) fn code_among_others(directory: &Path, name: &str, failure: &Failure) -> u8 {
    let is_no_fault = matches!(failure.code, code::DENIED | code::UNAVAILABLE) || is_strangers(directory, name);
    if is_no_fault { 0 } else { failure.code }
}

/// Whether another user than root has made what has the name of a semaphore's file, where all users can make
/// files: it may be a second name of the file of any user.
fn is_strangers(directory: &Path, name: &str) -> bool {
    let is_for_all = fs::metadata(directory).is_ok_and(|found| found.mode() & 0o002 != 0);
    let file = fs::symlink_metadata(directory.join(neighbours::file_of(name)));
    let is_strangers = |found: fs::Metadata| {
        let is_others = found.uid() != 0 && found.uid() != geteuid().as_raw();
        is_others || (found.is_file() && found.nlink() > 1)
    };
    is_for_all && file.is_ok_and(is_strangers)
}

/// How many permits to ask for: a share is of the processors that this process may use, by its affinity and
/// its quota.
pub(crate) fn count(number: Number) -> u32 {
    share(number, processors_for_us)
}

/// How many permits a semaphore has: a share is of the processors of the host. A semaphore is the host's, so
/// the number must not depend on who asks; else the same words of two callers would be a conflict.
pub(crate) fn total(number: Number) -> u32 {
    share(number, processors_of_the_host)
}

fn share(number: Number, processors: fn() -> u64) -> u32 {
    match number {
        Number::Exactly(number) => number,
        Number::Percent(percent) => u32::try_from(processors() * u64::from(percent) / 100).unwrap_or(u32::MAX).max(1),
    }
}

fn processors_for_us() -> u64 {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64
}

fn processors_of_the_host() -> u64 {
    let online = std::fs::read_to_string("/sys/devices/system/cpu/online").ok();
    // Without /sys there is no number but our own.
    online.and_then(|text| in_ranges(text.trim())).unwrap_or_else(processors_for_us)
}

/// How many numbers are in `0-3,8`.
fn in_ranges(text: &str) -> Option<u64> {
    let of_range = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
        Some(last.checked_sub(first)? + 1)
    };
    text.split(',').map(of_range).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::{LONGEST_KEY, MOST, interval};
    use std::time::Duration;

    #[test]
    fn arguments_know_the_limits_of_the_library() {
        assert_eq!(MOST, HostSemaphore::MAX_PERMITS);
        assert_eq!(LONGEST_KEY, HostSemaphore::MAX_KEY);
    }

    #[test]
    fn arguments_know_the_least_and_the_most_between_starts() {
        let directory = tempfile::tempdir().unwrap();
        let open = |every| Options::new().directory(directory.path()).every(every).resize(true).open("a", 1);
        let nanosecond = Duration::from_nanos(1);

        for (text, beyond) in
            [("1ms", Duration::from_millis(1) - nanosecond), ("24h", Duration::from_secs(24 * 60 * 60) + nanosecond)]
        {
            let limit = interval(text).unwrap();
            assert_eq!(open(limit).unwrap().interval().unwrap(), Some(limit));
            assert_eq!(open(beyond).unwrap_err().kind(), ErrorKind::BadInterval);
        }
        assert!(interval("0.9ms").is_err() && interval("86400.1").is_err());
        assert_eq!(open(interval("0").unwrap()).unwrap().interval().unwrap(), None);
    }

    #[test]
    fn one_that_has_gone_or_may_not_be_read_is_no_failure_of_a_list() {
        let directory = tempfile::tempdir().unwrap();
        let code = |code| code_among_others(directory.path(), "a", &Failure::new(code, ""));

        assert_eq!([code(code::DENIED), code(code::UNAVAILABLE)], [0, 0]);
        assert_eq!([code(code::FAILED), code(code::CONFIG)], [code::FAILED, code::CONFIG]);
    }

    #[test]
    fn processors_are_counted_in_ranges() {
        assert_eq!([in_ranges("0"), in_ranges("0-3"), in_ranges("0-3,8,10-11")], [Some(1), Some(4), Some(7)]);
        assert_eq!([in_ranges(""), in_ranges("3-0"), in_ranges("a")], [None; 3]);
    }
}
