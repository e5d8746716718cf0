//! Where a command works: which directory, which semaphore, and how it is opened.

use std::path::PathBuf;

use permits_host::{ErrorKind, HostSemaphore, Options, Status};

use crate::args::{Common, Number, Size};
use crate::failure::Failure;
use crate::out::Notes;

/// What every command is given besides its arguments: where it works, and to whom it talks.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub(crate) common: &'a Common,
    pub(crate) notes: &'a Notes,
}

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
    pub(crate) fn labelled(self, label: Option<&String>) -> Options {
        label.into_iter().fold(self.options(), Options::label)
    }
}

/// Opens the semaphore to take permits, or creates it: without `--max` and `--create` with one permit.
pub(crate) fn open(scene: Scene<'_>, options: &Options, name: &str, size: &Size) -> Result<HostSemaphore, Failure> {
    open_with(scene, options, name, size, Some(Number::Exactly(1)))
}

/// Opens the semaphore to give permits back. It is created only if its size is given: nobody has taken a permit of one that is not there,
/// so that a name with a typing error in it would wait for ever.
pub(crate) fn open_to_release(scene: Scene<'_>, name: &str, size: &Size) -> Result<HostSemaphore, Failure> {
    open_with(scene, &scene.options(), name, size, None)
}

/// With `--max` it has that number, or gets it. Otherwise the stored number holds, and a new one gets that of `--create`, or `default`.
fn open_with(
    scene: Scene<'_>,
    options: &Options,
    name: &str,
    size: &Size,
    default: Option<Number>,
) -> Result<HostSemaphore, Failure> {
    if let Some(max) = size.max {
        return Ok(options.clone().resize(size.resize).open(name, count(max))?);
    }
    let Some(new) = size.create.or(default).map(count) else { return Ok(options.clone().open_existing(name)?) };
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
                scene.notes.verbose(|| format!("created `{name}` with max `{new}`; `permits set {name} N` changes it"));
                return Ok(semaphore);
            }
        }
    }
}

/// The status of a semaphore, after what the dead held was taken back; of one that may only be read, as it stands in the file.
pub(crate) fn status(options: &Options, name: &str) -> Result<Status, permits_host::Error> {
    match options.clone().open_existing(name).and_then(|semaphore| semaphore.status()) {
        Err(error) if error.kind() == ErrorKind::Denied => options.clone().read(name),
        status => status,
    }
}

/// The number that is meant on this machine.
pub(crate) fn count(number: Number) -> u32 {
    match number {
        Number::Exactly(number) => number,
        Number::Percent(percent) => {
            let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
            u32::try_from(processors * u64::from(percent) / 100).unwrap_or(u32::MAX).max(1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::MOST;

    #[test]
    fn arguments_know_the_most_permits() {
        assert_eq!(MOST, HostSemaphore::MAX_PERMITS);
    }
}
