//! Permits that a command keeps, even when the process that started it is killed.

use crate::crash::{Point, point};
use crate::error::{self, Error};
use crate::process::attachment::Attachment;
use crate::process::commands::{self, CommandsFile};
use crate::process::directory::c_string;
use crate::process::files::generation_byte;
use crate::process::sys;
use crate::protocol::layout::{self, seat};
use crate::semaphore::HostSemaphore;
use std::ffi::CString;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A lock that a command takes for itself between fork and exec, so that it keeps the permits of this
/// process.
///
/// The process of the command has the lock until it ends, whatever it executes, or until it closes the
/// descriptor that is left open for it. The processes that it starts do not have it, including daemons that
/// it leaves behind: it is a lock of the process (`fcntl(2)`, `F_SETLK`). It is on another file than the
/// semaphore's, since such a lock ends when its process closes *any* descriptor of the file.
///
/// As long as the process that made this lock or the command lives, permits stay held.
///
/// Before Linux 5.11 a process with several threads that replaces itself by a command loses the lock: fork
/// there.
pub struct CommandLock {
    attachment: Arc<Attachment>,
    file: CommandsFile,
    commands: CString,
    semaphore: CString,
}

impl HostSemaphore {
    /// Lets a command keep the permits of this handle; call it before the fork.
    ///
    /// # Errors
    ///
    /// Those of the commands' file, as for [`open`](Self::open).
    pub fn command_lock(&self) -> Result<CommandLock, Error> {
        self.shared.here().and_then(CommandLock::new).map_err(|error| error.with_semaphore(self.name()))
    }
}

impl CommandLock {
    pub(crate) fn new(attachment: &Arc<Attachment>) -> Result<CommandLock, Error> {
        let (place, seat) = (&attachment.place, attachment.seat);
        let failed =
            |error| error::system(format!("cannot open its commands' file in `{}`", place.directory.display()), error);
        let directory = place.find_directory()?.ok_or_else(|| error::gone(&place.name))?;
        if !place.is_current(&directory, attachment.file)? {
            // Nobody would look for a command's file there.
            return Err(error::gone(&place.name));
        }
        let semaphore = attachment.probe(&attachment.probe)?.metadata().map_err(failed)?;
        let told = attachment.store().word(layout::seat(seat, seat::COMMANDS_FILE));
        let file = commands::provide(&directory, &place.name, seat, told, &semaphore).map_err(failed)?;
        let path = place.directory.join(file.name(&place.name, seat));
        let commands = c_string(path.as_os_str()).map_err(failed)?;
        let semaphore = c_string(place.path.as_os_str()).map_err(failed)?;
        let lock = CommandLock { attachment: Arc::clone(attachment), file, commands, semaphore };
        // From now on nobody takes the seat for dead before it has asked for the command's lock.
        lock.set_command_pid(1);
        Ok(lock)
    }

    /// Takes the lock, for the process that calls this: in a child between fork and exec, where it makes only
    /// system calls; or in this process, right before it replaces itself by the command.
    ///
    /// # Errors
    ///
    /// If the lock cannot be taken, or if the process that made it died before that: then another process may
    /// have the permits by now, and you must not execute the command.
    /// An error of `pre_exec` that no parent is there to hear ends the child by an abort, with a message on
    /// stderr: a hook that finds its parent dead calls `_exit` instead.
    pub fn take(&self) -> io::Result<()> {
        point(Point::CommandForked);
        let (seat, generation) = (self.attachment.seat, self.attachment.generation);
        let fd = sys::open_for_good(&self.commands, |file| self.file.is(file))?;
        sys::try_lock_for_process(fd, i64::from(generation))?;
        point(Point::CommandLocked);
        // Whoever takes the permits back asks for the seat's own bytes first, and for this one then: if the
        // former are locked now, the latter will be found locked from here on. The byte of seat and
        // generation, as the seat may be somebody else's by now.
        let byte = generation_byte(seat, generation);
        if sys::is_byte_locked_at(&self.semaphore, self.attachment.file, byte)? {
            Ok(())
        } else {
            Err(io::Error::from_raw_os_error(libc::EOWNERDEAD))
        }
    }

    /// Records the process id of the command, in the process that made this lock; in a child it does nothing.
    /// `status` shows it, and waiters notice its end at once if this process was killed before.
    pub fn set_command_pid(&self, pid: u32) {
        if self.attachment.epoch != sys::epoch() {
            // The child does not have the memory; and whoever made this knows as well.
            return;
        }
        let word = layout::seat(self.attachment.seat, seat::COMMAND_PID);
        // SeqCst: before the command can take the lock, and after it for whoever asks; see
        // `Attachment::life`.
        self.attachment.store().word(word).store(u64::from(pid), Ordering::SeqCst);
    }
}

impl std::fmt::Debug for CommandLock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CommandLock").field("file", &self.commands).finish_non_exhaustive()
    }
}
