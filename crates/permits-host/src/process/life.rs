//! Whether a participant is alive, and taking back the permits of the dead.
//!
//! # Which participants are alive
//!
//! A handle locks one byte of the file, by a lock of its *open file description* (`fcntl(2)`, `F_OFD_SETLK`),
//! maps the file through that description, and closes the descriptor. The mapping alone keeps the description
//! and the lock now. So the lock is there exactly as long as the memory of this process:
//!
//! | what happens | the mapping, and the lock |
//! |---|---|
//! | the process ends, in whatever way | goes; the kernel sees to it |
//! | it is stopped, or sleeps for a year | stays |
//! | it is a zombie | gone |
//! | it closes all descriptors (`close_range`, `closefrom`) | stays: none of them matters |
//! | it forks | stays with the parent alone (`MADV_DONTFORK`): the child is another participant |
//! | it executes another program | goes |
//! | it is in another PID namespace | is seen all the same: process ids do not matter |
//!
//! A process that cannot lock the byte knows that its owner lives. No process ids, start times or ages are
//! compared, ever.

use crate::crash::{Point, point};
use crate::error::{self, Error, ErrorKind};
use crate::process::attachment::{Attachment, Probe};
use crate::process::commands::CommandsFile;
use crate::process::descriptor::Descriptor;
use crate::process::directory::c_string;
use crate::process::files::byte_of;
use crate::process::sys;
use crate::protocol::layout::{self, seat, waiter};
use crate::protocol::seat::SeatWord;
use crate::protocol::tx::Outcome;
use crate::protocol::waiter::{Stage, Who};
use crate::sync::locked;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// How often numbers are looked for before the dead are; and after, when only nonsense in the file is left as
/// a reason to find none.
const FEW_LOOKS: u32 = 200;
const MANY_LOOKS: u32 = 5000;

/// Whether the process that took a seat, or its command, is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    Lives,
    /// The process has ended; the command that it ran goes on, and keeps the permits.
    CommandLives,
    Dead,
}

/// Whose death matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Suspects {
    /// The seats that hold permits, or have some set aside, and the first in line: no waiter gets past these.
    InTheWay,
    /// And all who wait: they are counted.
    AllWhoTakePart,
}

impl Attachment {
    /// The file, through a description that has no locks.
    pub(crate) fn probe(&self, probe: &Probe) -> Result<Arc<Descriptor>, Error> {
        let mut probe = locked(&probe.0);
        // The program may have closed all its descriptors, and opened other files by the same numbers.
        if let Some(file) = &*probe
            && self.is_ours(file)
        {
            return Ok(Arc::clone(file));
        }
        // Whom to trust was asked when it was opened first: now it is that file or it is not.
        let file = c_string(self.place.path.as_os_str())
            .and_then(|path| sys::open_known(&path, self.file))
            .and_then(Descriptor::new);
        match file {
            Ok(file) => Ok(Arc::clone(probe.insert(Arc::new(file)))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(self.lost(error)),
            Err(error) => Err(self.failed("open", error)),
        }
    }

    /// Why the file is not found by its path.
    fn lost(&self, error: io::Error) -> Error {
        if sys::root() == self.root {
            return error::gone(&self.place.name);
        }
        let what = "the program has closed the descriptors of its file, and has another root directory since, where the file cannot \
                    be opened again: whether other processes are alive cannot be asked without one";
        Error::new(ErrorKind::System, what).with_semaphore(&self.place.name).with_source(error)
    }

    /// Closes the process's probe, on a thread that has the process's descriptors.
    pub(crate) fn close_probe(&self) {
        drop(locked(&self.probe.0).take());
    }

    /// Finds out whether the file has lost its last name, and if so tells all processes that have it open: no
    /// new process can find it.
    ///
    /// That its name cannot be found by this process says nothing: it may have another root, or not the right
    /// to look.
    pub(crate) fn notice_gone(&self, probe: &Probe) -> Result<bool, Error> {
        let gone = match self.probe(probe) {
            Ok(file) => file.metadata().is_ok_and(|found| found.nlink() == 0),
            // It had a descriptor before, and lost it; what it could say of the others is not known.
            Err(error) if error.kind() == ErrorKind::Gone => return Ok(true),
            Err(_) => false,
        };
        if gone {
            self.declare_gone()?;
        }
        Ok(gone)
    }

    pub(super) fn is_ours(&self, file: &Descriptor) -> bool {
        file.identity() == self.file && file.is_open()
    }

    /// Whether the owner of a seat lives.
    pub(crate) fn life(&self, number: usize, probe: &Probe) -> Result<Life, Error> {
        if number == self.seat {
            return Ok(Life::Lives);
        }
        let probe = self.probe(probe)?;
        let generation = self.peek_status(number).generation;
        if sys::is_locked(&probe, byte_of(number)).map_err(|error| self.failed("ask for a lock of", error))? {
            return Ok(Life::Lives);
        }
        // After the byte of the wrapper, never before: a command takes its lock while the wrapper has its
        // own.
        if self.command_keeps(number, generation)? {
            return Ok(Life::CommandLives);
        }
        // What was asked has been about our file if it still is.
        Ok(if self.is_ours(&probe) { Life::Dead } else { Life::Lives })
    }

    /// Whether a command keeps a seat whose own process has ended: it has locked the byte of the generation
    /// in the seat's commands' file.
    pub(super) fn command_keeps(&self, number: usize, generation: u32) -> Result<bool, Error> {
        // SeqCst: written before the command is there; see `CommandLock`.
        if self.store().word(layout::seat(number, seat::COMMAND_PID)).load(Ordering::SeqCst) == 0 {
            return Ok(false);
        }
        // After its own word, which is written after it.
        let told = self.store().word(layout::seat(number, seat::COMMANDS_FILE)).load(Ordering::SeqCst);
        self.place.command_lives(self.file, number, CommandsFile(told), generation)
    }

    /// Asks whether the owners of these seats live, and takes back what the dead held; whether any is dead.
    /// `living` is told of the others.
    pub(crate) fn recover_dead(
        &self,
        suspects: Vec<(usize, u32)>,
        probe: &Probe,
        mut living: impl FnMut((usize, u32), Life),
    ) -> Result<bool, Error> {
        let mut dead = Vec::new();
        let asked = suspects.into_iter().try_for_each(|(number, generation)| {
            match self.life(number, probe)? {
                Life::Dead => dead.push((number, generation)),
                life => {
                    if life == Life::CommandLives {
                        self.remove_waiters(number, generation)?;
                    }
                    living((number, generation), life);
                }
            }
            Ok(())
        });
        self.recover(&dead)?;
        asked.map(|()| !dead.is_empty())
    }

    /// Removes the waiters of dead owners, seats with their generations, and takes back what these held. Nothing
    /// happens to a seat if it was done, or the seat has another owner by now.
    pub(crate) fn recover(&self, dead: &[(usize, u32)]) -> Result<(), Error> {
        // All waiters, before a permit comes back: it would be granted to one of them that is the first.
        for &(number, generation) in dead {
            point(Point::FoundDead);
            self.wake_for(number);
            self.remove_waiters(number, generation)?;
        }
        dead.iter().try_for_each(|&(number, generation)| self.vacate(number, generation))
    }

    /// Takes back what the owner of a seat held.
    fn vacate(&self, number: usize, generation: u32) -> Result<(), Error> {
        let due = SeatWord { taken: true, generation };
        self.act_then(
            |tx, wakes| {
                if tx.status(number)? != due {
                    return Ok(Outcome::Keep(0));
                }
                let held = tx.vacate(number, wakes)?;
                tx.book.recovered = tx.book.recovered.saturating_add(held);
                Ok(Outcome::Commit(held))
            },
            |&held| {
                point(Point::Recovered);
                if held > 0 {
                    self.store().note_use(number, sys::now());
                }
            },
        )?;
        Ok(())
    }

    /// Removes the waiters of a seat whose process has ended; what they were granted is held by the seat.
    pub(crate) fn remove_waiters(&self, number: usize, generation: u32) -> Result<(), Error> {
        let due = SeatWord { taken: true, generation };
        for waiter in self.waiters_of(number)? {
            self.act_then(
                |tx, wakes| {
                    if tx.status(number)? != due || !tx.remove_dead_waiter(number, waiter, wakes)? {
                        return Ok(Outcome::Keep(false));
                    }
                    Ok(Outcome::Commit(true))
                },
                |&removed| {
                    point(Point::WaiterRemoved);
                    if removed {
                        self.store().note_use(number, sys::now());
                    }
                },
            )?;
        }
        Ok(())
    }

    /// The waiters of a seat. If its owner is dead, there will be no more.
    fn waiters_of(&self, number: usize) -> Result<Vec<u16>, Error> {
        // All that the dead have committed is made once a state has been looked at; the table itself is
        // looked at piece by piece, as a busy semaphore never stands still for all of it.
        let used = self.look(|tx| Ok(tx.book.waiters_used))?;
        let store = self.store();
        Ok((1..=used)
            .filter(|&waiter| {
                let who = Who::unpack(store.peek(layout::waiter(usize::from(waiter), waiter::WHO)));
                who.is_ok_and(|who| who.seat == number && who.stage != Stage::Free)
            })
            .collect())
    }

    /// Numbers for `n` permits that this seat has been granted, in ascending order.
    pub(crate) fn take_numbers(&self, n: u32) -> Vec<u32> {
        let (store, owner, n) = (self.store(), self.owner(), n as usize);
        let (mut taken, may_have_more) = store.take_numbers(owner, n, FEW_LOOKS);
        if taken.len() < n && may_have_more {
            // One of the dead who is not buried yet may have a number whose permit he had just handed over.
            // If that is not it, others move a lot.
            let _ = self.reap(Suspects::AllWhoTakePart);
            taken.extend(store.take_numbers(owner, n - taken.len(), MANY_LOOKS).0);
        }
        taken.sort_unstable();
        taken
    }

    /// Looks at those whose death would matter, takes back what the dead held, and serves. `true` if anything
    /// came back.
    pub(crate) fn reap(&self, whom: Suspects) -> Result<bool, Error> {
        let mut came_back = false;
        loop {
            let dead = self.recover_dead(self.suspects(whom)?, &self.probe, |_, _| {})?;
            self.serve_all()?;
            if !dead {
                return Ok(came_back);
            }
            // What came back may have been granted to somebody who is dead as well.
            came_back = true;
        }
    }

    /// Seats other than this one whose owners, if dead, keep something from others; with their generations.
    pub(crate) fn suspects(&self, whom: Suspects) -> Result<Vec<(usize, u32)>, Error> {
        let (seats, waiters, heads) = self.look(|tx| {
            Ok((tx.book.seats_used, tx.book.waiters_used, [tx.book.acquirers.head, tx.book.releasers.head]))
        })?;
        let store = self.store();
        let mut suspects = vec![false; usize::from(seats)];
        for number in 1..=waiters {
            let Ok(who) = Who::unpack(store.peek(layout::waiter(usize::from(number), waiter::WHO))) else { continue };
            let counts = match who.stage {
                Stage::Free => false,
                // Permits that are neither loose nor free, nor held.
                Stage::Reserved => true,
                _ => whom == Suspects::AllWhoTakePart || heads.contains(&number),
            };
            if counts && let Some(suspect) = suspects.get_mut(who.seat) {
                *suspect = true;
            }
        }
        let peek = |number, word| store.peek(layout::seat(number, word));
        Ok((0..usize::from(seats))
            .filter(|&number| number != self.seat)
            .filter_map(|number| {
                // The status first: what a seat holds is of this generation or a later one, and `recover`
                // tells them apart.
                let status = SeatWord::unpack(peek(number, seat::STATUS));
                let held = peek(number, seat::OWN).wrapping_add(peek(number, seat::GIVEN));
                (status.taken && (held != 0 || suspects[number])).then_some((number, status.generation))
            })
            .collect())
    }

    /// Declares the file gone: no new process can find it, so no process may wait in it.
    pub(crate) fn declare_gone(&self) -> Result<(), Error> {
        self.act(|tx, wakes| {
            if tx.book.gone {
                return Ok(Outcome::Keep(()));
            }
            tx.book.gone = true;
            tx.serve(wakes)?;
            Ok(Outcome::Commit(()))
        })
    }
}
