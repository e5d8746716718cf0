//! Permits that a command keeps, also when the process that started it is killed.

use crate::crash::{Point, point};
use crate::error::{self, Error};
use crate::process::attachment::Attachment;
use crate::process::files::{c_path, generation_byte};
use crate::process::sys;
use crate::protocol::layout::{self, seat};
use crate::semaphore::HostSemaphore;
use std::ffi::CString;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The lock that a command takes for itself, between fork and exec.
///
/// Its process has the lock until it ends, whatever it executes, or until it closes the descriptor that is left open for it. The
/// processes that it starts do not have it, daemons that it leaves behind included: it is a lock of the process (`fcntl(2)`, `F_SETLK`), on
/// another file than the semaphore's, as such a lock goes when its process closes *any* descriptor of the file.
///
/// As long as the process that made this or the command lives, permits stay held.
///
/// Before Linux 5.11 a process with several threads that executes a command in its own place loses the lock: fork there.
pub struct CommandLock {
    attachment: Arc<Attachment>,
    commands: CString,
    semaphore: CString,
}

impl HostSemaphore {
    /// Lets a command keep what this handle holds; to be made before the fork.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with the commands' file, as with [`open`](Self::open).
    pub fn command_lock(&self) -> Result<CommandLock, Error> {
        self.shared.here().and_then(CommandLock::new).map_err(|error| error.with_semaphore(self.name()))
    }
}

impl CommandLock {
    pub(crate) fn new(attachment: &Arc<Attachment>) -> Result<CommandLock, Error> {
        let place = &attachment.place;
        let path = place.commands_file(attachment.seat);
        let failed = |error| error::system(format!("cannot open `{}`", path.display()), error);
        // Its contents do not matter; whoever may use the semaphore has to be able to lock it.
        let mode = fs::metadata(&place.path).map_or(0o600, |found| found.mode() & 0o777);
        let mut options = OpenOptions::new();
        options.read(true).write(true).custom_flags(libc::O_NOFOLLOW | libc::O_NOCTTY);
        // Not both at once: where fs.protected_regular is set, the kernel refuses to make a file that is there, of another user.
        let file = loop {
            match options.open(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                other => break other.map_err(failed)?,
            }
            match options.clone().create_new(true).mode(mode).open(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                other => break other.map_err(failed)?,
            }
        };
        if file.metadata().is_ok_and(|found| found.uid() == sys::user()) {
            // The mode that it was asked for, whatever the umask of this process is.
            let _ = file.set_permissions(fs::Permissions::from_mode(mode));
        }
        if sys::lockers(&file).is_ok_and(|lockers| lockers.contains(&std::process::id().cast_signed())) {
            // This process is itself a command that keeps permits by a lock in this file: closing any descriptor of it would drop that.
            std::mem::forget(file);
        }
        let (commands, semaphore) = (c_path(&path).map_err(failed)?, c_path(&place.path).map_err(failed)?);
        let lock = CommandLock { attachment: Arc::clone(attachment), commands, semaphore };
        // From now on nobody takes the seat for dead before it has asked for the command's lock.
        lock.set_command_pid(1);
        Ok(lock)
    }

    /// Takes the lock, for the process that calls this: in a child between fork and exec, where it does nothing but system calls; or in
    /// this process, right before it executes the command in its own place.
    ///
    /// # Errors
    ///
    /// If the lock cannot be had, or if the process that made this has died before it was: then the permits may be somebody else's by
    /// now, and the command must not be executed.
    pub fn take(&self) -> io::Result<()> {
        point(Point::CommandForked);
        let (seat, generation) = (self.attachment.seat, self.attachment.generation);
        let fd = sys::open_for_good(&self.commands)?;
        sys::try_lock_for_process(fd, i64::from(generation))?;
        point(Point::CommandLocked);
        // Whoever takes the permits back asks for the seat's own bytes first, and for this one then: if the former are locked now, the
        // latter will be found locked from here on. The byte of seat and generation, as the seat may be somebody else's by now.
        if sys::is_byte_locked_at(&self.semaphore, generation_byte(seat, generation))? {
            Ok(())
        } else {
            Err(io::Error::from_raw_os_error(libc::EOWNERDEAD))
        }
    }

    /// Tells who the command is, in the process that made this; in a child it does nothing. It is for `status`, and so that its end is noticed at once when this process was killed before.
    pub fn set_command_pid(&self, pid: u32) {
        if self.attachment.epoch != sys::epoch() {
            // The child does not have the memory; and whoever made this knows as well.
            return;
        }
        let word = layout::seat(self.attachment.seat, seat::COMMAND_PID);
        // SeqCst: before the command can take the lock, and after it for whoever asks; see `Attachment::life`.
        self.attachment.store().word(word).store(u64::from(pid), Ordering::SeqCst);
    }
}

impl std::fmt::Debug for CommandLock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CommandLock").field("file", &self.commands).finish_non_exhaustive()
    }
}
