//! Removes a semaphore: no process is granted anything in its file any more, and its name is free.
//!
//! All of it is done with the attach byte locked alone, so no process attaches meanwhile. First a commit says
//! that the file is gone, unless it is in use; from there on no process is granted anything in it. Then the
//! file loses its name; from there on a process that opens the name creates a new one. A process that waited
//! for the byte finds that the file is not the one of its name any more, and looks again.
//!
//! If this process dies between the two, the next process that attaches finds by its name a file that says
//! that it is gone, and finishes the removal. So no name leads to a file that grants nothing.

use crate::crash::{Point, point};
use crate::error::{self, Error, ErrorKind};
use crate::process::attachment::{Attachment, Settings, TRIES};
use crate::process::descriptor::Descriptor;
use crate::process::directory::Directory;
use crate::process::enter::readings;
use crate::process::files::{ATTACH_BYTE, Place};
use crate::process::life::Suspects;
use crate::process::sys::{self, LockKind};
use crate::protocol::tx::Outcome;
use permits::{Removal, State};
use std::fs::File;

/// Removes the semaphore of that name, whichever file it is.
pub(crate) fn remove(place: &Place, settings: &Settings, removal: Removal) -> Result<State, Error> {
    for _ in 0..TRIES {
        let attachment = Attachment::open(place, None, settings)?;
        let removed = attachment.remove(removal);
        attachment.dismiss();
        match removed {
            // Somebody else was faster, and there may be another one of that name.
            Err(error) if error.kind() == ErrorKind::Gone => {}
            removed => return removed,
        }
    }
    Err(error::gone(&place.name))
}

impl Attachment {
    /// Removes the semaphore if its file is the one of its name; what was given out, and how many waited.
    pub(crate) fn remove(&self, removal: Removal) -> Result<State, Error> {
        let place = &self.place;
        let gone = || error::gone(&place.name);
        let directory = place.directory_to_use(false)?.ok_or_else(gone)?;
        let file = place.open_file(&directory, true)?.ok_or_else(gone)?;
        // It may be open for as long as another process is stopped that has the attach byte.
        let file = Descriptor::new(file).map_err(|error| self.failed("look at", error))?;
        if file.identity() != self.file {
            return Err(gone());
        }
        place.lock_attach(&file, LockKind::Exclusive)?;
        let removed = self.remove_alone(&directory, &file, removal);
        sys::unlock(&file, ATTACH_BYTE).map_err(|error| self.failed("unlock", error))?;
        removed
    }

    /// The same, while no process attaches.
    fn remove_alone(&self, directory: &Directory, file: &File, removal: Removal) -> Result<State, Error> {
        if !self.place.is_current(directory, self.file)? {
            return Err(error::gone(&self.place.name));
        }
        self.place.check_removable(directory, file)?;
        self.reap(Suspects::AllWhoTakePart)?;
        let decided = self.act_then(
            |tx, wakes| {
                let state = readings(tx)?;
                if tx.book.gone {
                    // Whoever began to remove it has died.
                    return Ok(Outcome::Keep(Ok(state)));
                }
                if removal == Removal::IfIdle && !state.is_idle() {
                    return Ok(Outcome::Keep(Err(state)));
                }
                tx.book.gone = true;
                tx.serve(wakes)?;
                Ok(Outcome::Commit(Ok(state)))
            },
            |decided| {
                if decided.is_ok() {
                    point(Point::Removed);
                }
            },
        )?;
        let state = decided.map_err(|state| error::in_use(&state))?;
        if let Err(error) = self.place.unlink(directory) {
            // What could be foreseen was: see `check_removable`. The file keeps its name, so it is not gone.
            self.act(|tx, _| {
                tx.book.gone = false;
                Ok(Outcome::Commit(()))
            })?;
            return Err(error);
        }
        Ok(state)
    }
}
