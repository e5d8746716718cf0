//! What is shown: one reading of every semaphore, in plain values.
//!
//! Less than the library's status, and its texts are harmless already, see [`Who`]: a test, or a picture in
//! the docs, makes up a sample of any size.
use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use permits_host::{Error, ErrorKind, HostSemaphore, Options, Side, Status};

use crate::failure::Failure;
use crate::people::{Who, tame};
use crate::place;
use crate::reach;

/// One reading of everything.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) taken: SystemTime,
    /// Where the semaphores live, for the title.
    pub(crate) directory: String,
    /// By name.
    pub(crate) semaphores: Vec<Semaphore>,
    /// Why there is nothing, if the directory itself could not be read.
    pub(crate) trouble: Option<String>,
    /// Exit code where this is all that is shown: that of the first that could not be read, or 0.
    pub(crate) code: u8,
}

/// One semaphore, or why it could not be read.
#[derive(Clone, Debug)]
pub(crate) struct Semaphore {
    pub(crate) name: String,
    pub(crate) reading: Result<Reading, String>,
}

/// One semaphore at one instant.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    pub(crate) max: u32,
    pub(crate) free: u32,
    pub(crate) held: u32,
    pub(crate) loose: u32,
    pub(crate) closed: bool,
    /// By `since`.
    pub(crate) holders: Vec<Holder>,
    /// Acquirers in order, then releasers in order.
    pub(crate) waiters: Vec<Waiter>,
    /// Machines count neither of the next two.
    pub(crate) is_of_machines: bool,
    /// Acquisitions since the semaphore was made.
    pub(crate) granted: u64,
    /// Permits taken back from the dead since then.
    pub(crate) recovered: u64,
    /// Between two starts at least, if they are spaced; and how long it is until the next, if that may not be
    /// now.
    pub(crate) interval: Option<Duration>,
    pub(crate) next_start: Option<Duration>,
}

#[derive(Clone, Debug)]
pub(crate) struct Holder {
    pub(crate) who: Who,
    pub(crate) permits: u32,
    /// The fencing token, on machines.
    pub(crate) token: Option<u64>,
    /// Their numbers, lowest first.
    pub(crate) slots: Vec<u32>,
    pub(crate) since: SystemTime,
}

#[derive(Clone, Debug)]
pub(crate) struct Waiter {
    pub(crate) who: Who,
    pub(crate) side: Side,
    /// 1 = first of its side.
    pub(crate) position: u32,
    pub(crate) permits: u32,
    pub(crate) since: SystemTime,
}

impl Semaphore {
    /// Its name as it is shown: others may have chosen it.
    pub(crate) fn shown(&self) -> String {
        tame(&self.name)
    }
}

impl Reading {
    pub(crate) fn waiting(&self, side: Side) -> usize {
        self.waiters.iter().filter(|waiter| waiter.side == side).count()
    }

    /// Permits whose holder has died, where no process has taken them back yet; see [`sample`].
    pub(crate) fn of_the_dead(&self) -> u32 {
        self.holders.iter().filter(|holder| !holder.who.alive).map(|holder| holder.permits).sum()
    }

    pub(crate) fn given_out(&self) -> u32 {
        self.held + self.loose
    }

    /// How many permits are out beyond `max`: a shrink that is still owed (C13).
    pub(crate) fn owed(&self) -> u32 {
        self.given_out().saturating_sub(self.max)
    }
}

/// Handles on the semaphores that are shown, by name.
pub(crate) type Handles = HashMap<String, Handle>;

/// A semaphore that is looked at again and again.
pub(crate) enum Handle {
    Host {
        semaphore: HostSemaphore,
        /// Device and inode when it was opened: a handle goes on telling of a file that was deleted or replaced.
        file: Option<(u64, u64)>,
    },
    #[cfg(feature = "etcd")]
    Machines(permits_etcd::EtcdSemaphore),
}

/// Reads the semaphores in `names`, or all in the directory if there are none. Never fails: what cannot be
/// read says why.
pub(crate) fn sample(options: &Options, handles: &mut Handles, directory: &Path, names: &[String]) -> Sample {
    let mut sample = Sample {
        taken: SystemTime::now(),
        directory: tame(&directory.to_string_lossy()),
        semaphores: Vec::new(),
        trouble: None,
        code: 0,
    };
    let listed = match names {
        [] => options.clone().list(),
        named => Ok(named.to_vec()),
    };
    match listed {
        Ok(listed) => {
            handles.retain(|name, _| listed.contains(name));
            for name in listed {
                let reading = match reach::is_of_machines(&name) {
                    true => status_of_machines(handles, &name),
                    false => status(options, handles, &name)
                        .map_err(|error| Failure::from(error).with_what_was_meant(options)),
                };
                let reading = reading.map(Reading::from);
                if let Err(failure) = &reading
                    && sample.code == 0
                {
                    sample.code = match names {
                        [] => place::code_among_others(directory, &name, failure),
                        _ => failure.code,
                    };
                }
                let reading = reading.map_err(|failure| tame(&failure.text));
                sample.semaphores.push(Semaphore { name, reading });
            }
        }
        Err(error) => {
            let failure = Failure::from(error);
            sample.code = failure.code;
            sample.trouble = Some(tame(&failure.text));
        }
    }
    sample
}

/// A handle takes back what the dead hold before it tells, so what is shown as held is held. Who may only
/// read sees the dead among the holders, until another process takes it back.
fn status(options: &Options, handles: &mut Handles, name: &str) -> Result<Status, Error> {
    if let Some(Handle::Host { semaphore, file }) = handles.get(name)
        && *file == file_of(semaphore)
    {
        return semaphore.status();
    }
    handles.remove(name);
    match options.clone().open_existing(name) {
        Ok(semaphore) => {
            let status = semaphore.status();
            let file = file_of(&semaphore);
            handles.insert(name.to_owned(), Handle::Host { semaphore, file });
            status
        }
        // No right to write, or no seat left: looking needs neither.
        Err(e) if matches!(e.kind(), ErrorKind::Denied | ErrorKind::Exhausted) => options.clone().read(name),
        Err(e) => Err(e),
    }
}

/// The connection is kept, and with it the servers that are asked first.
#[cfg(feature = "etcd")]
fn status_of_machines(handles: &mut Handles, name: &str) -> Result<Status, Failure> {
    let failed = |error| Failure::of_machines(error, name);
    if let Some(Handle::Machines(semaphore)) = handles.get(name) {
        return semaphore.status().wait().map_err(failed);
    }
    let semaphore = reach::Machines::connect(name)?.existing()?;
    let status = semaphore.status().wait().map_err(failed);
    handles.insert(name.to_owned(), Handle::Machines(semaphore));
    status
}

#[cfg(not(feature = "etcd"))]
fn status_of_machines(_: &mut Handles, name: &str) -> Result<Status, Failure> {
    Err(reach::left_out(name))
}

fn file_of(semaphore: &HostSemaphore) -> Option<(u64, u64)> {
    fs::symlink_metadata(semaphore.path()).ok().map(|found| (found.dev(), found.ino()))
}

impl From<Status> for Reading {
    fn from(status: Status) -> Self {
        let state = status.state;
        let holders = status.holders.into_iter();
        let waiters = status.waiters.into_iter();
        Reading {
            max: state.max_permits,
            free: state.available_permits,
            held: state.given_out.saturating_sub(state.loose),
            loose: state.loose,
            closed: state.closed,
            holders: holders
                .map(|h| Holder {
                    who: Who::from(&h.who),
                    permits: h.permits,
                    token: h.token.map(permits::Token::get),
                    slots: h.slots,
                    since: h.since,
                })
                .collect(),
            waiters: waiters
                .map(|w| Waiter {
                    who: Who::from(&w.who),
                    side: w.side,
                    position: w.position,
                    permits: w.permits,
                    since: w.since,
                })
                .collect(),
            is_of_machines: status.file.is_none(),
            granted: status.granted_total,
            recovered: status.recovered_total,
            interval: status.interval,
            next_start: status.next_start,
        }
    }
}
