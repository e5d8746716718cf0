//! The public type, and what it is made of.

use crate::crash::{Point, point};
use crate::error::{self, Error, ErrorKind, Operation};
use crate::process::attachment::{Attachment, Settings};
use crate::process::files::{Place, Terms};
use crate::process::life::Suspects;
use crate::process::sys;
use crate::protocol::book::{MAX_INTERVAL, MAX_PERMITS, MIN_INTERVAL};
use crate::protocol::layout::{self, SEATS};
use crate::protocol::numbers::Owner;
use crate::protocol::tx::Outcome;
use crate::status;
use permits::{HolderId, Removal, Semaphore, State, Status};
use std::fmt;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// What all clones of a handle share, with their requests and permits.
pub(crate) struct Shared {
    pub(crate) place: Place,
    settings: Settings,
    first: Link,
}

/// A process's part in the semaphore. A child after fork that uses the handle gets another one, behind its
/// parent's.
struct Link {
    attachment: Arc<Attachment>,
    next: OnceLock<Box<Link>>,
}

impl Shared {
    fn find(&self, epoch: u64) -> Result<&Arc<Attachment>, &OnceLock<Box<Link>>> {
        let mut link = &self.first;
        while link.attachment.epoch != epoch {
            match link.next.get() {
                Some(next) => link = next,
                None => return Err(&link.next),
            }
        }
        Ok(&link.attachment)
    }

    /// Whether the permits of this handle have numbers.
    #[inline]
    pub(crate) fn is_numbered(&self) -> bool {
        self.settings.numbered
    }

    /// This process's part.
    #[inline]
    pub(crate) fn here(&self) -> Result<&Arc<Attachment>, Error> {
        let epoch = sys::epoch();
        if self.first.attachment.epoch == epoch { Ok(&self.first.attachment) } else { self.after_fork(epoch) }
    }

    #[cold]
    fn after_fork(&self, epoch: u64) -> Result<&Arc<Attachment>, Error> {
        loop {
            match self.find(epoch) {
                Ok(attachment) => return Ok(attachment),
                Err(end) => {
                    let attachment = Attachment::open(&self.place, None, &self.settings)?;
                    if attachment.file != self.first.attachment.file {
                        return Err(error::gone(&self.place.name));
                    }
                    // Another thread may have been faster; ours leaves its seat again.
                    if let Err(loser) = end.set(Box::new(Link { attachment, next: OnceLock::new() })) {
                        loser.attachment.dismiss();
                    }
                }
            }
        }
    }

    /// Does something with the part of the process of that epoch, if that is this one.
    #[inline]
    pub(crate) fn with_here(&self, epoch: u64, act: impl FnOnce(&Arc<Attachment>)) {
        if epoch == sys::epoch()
            && let Ok(attachment) = self.find(epoch)
        {
            act(attachment);
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Ok(attachment) = self.find(sys::epoch()) {
            attachment.dismiss();
        }
    }
}

/// A counting semaphore for the processes of one host, shared by all that open its name.
///
/// A handle takes part in the semaphore as long as it, a clone of it, or a request or permit made by one of
/// them lives. See the [crate's page](crate) for an example, and for its promises.
///
/// # Fairness
///
/// First come, first served among threads and tasks of all processes (C8). A try passes no waiter.
///
/// # After a crash
///
/// When a process dies, however it dies, its permits come back: within about a millisecond if there is a
/// waiter, and otherwise with the next request (C18). Loose permits stay out. A dead waiter is skipped.
///
/// # After a fork
///
/// A child may go on using the handle, and is then another participant. Permits that it inherited stay with
/// its parent.
#[derive(Clone)]
pub struct HostSemaphore {
    pub(crate) shared: Arc<Shared>,
}

impl HostSemaphore {
    /// The most permits that a semaphore can have: 4,194,303 (C2).
    pub const MAX_PERMITS: u32 = Semaphore::MAX_PERMITS;

    /// How many permits can have numbers: 384. See [`Guard::slots`](crate::Guard::slots).
    pub const MAX_SLOTS: u32 = layout::NUMBERS as u32;

    pub(crate) fn attach(place: Place, terms: Option<Terms>, settings: Settings) -> Result<HostSemaphore, Error> {
        let attachment = Attachment::open(&place, terms, &settings)?;
        let first = Link { attachment, next: OnceLock::new() };
        Ok(HostSemaphore { shared: Arc::new(Shared { place, settings, first }) })
    }

    /// Closes the semaphore for all processes, and for good: waiters and later requests fail with
    /// [`ErrorKind::Closed`] (C12).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Gone`] if it was removed; [`ErrorKind::Damaged`].
    pub fn close(&self) -> Result<(), Error> {
        self.during(Operation::Close, |attachment| {
            let closed = attachment.act_then(
                |tx, wakes| {
                    if tx.book.gone {
                        return Ok(Outcome::Keep(false));
                    }
                    tx.book.closed = true;
                    tx.serve(wakes)?;
                    Ok(Outcome::Commit(true))
                },
                |&closed| {
                    if closed {
                        point(Point::Closed);
                    }
                },
            )?;
            if closed { Ok(()) } else { Err(error::gone(self.name())) }
        })
    }

    /// Removes the semaphore: its name is free then, and the next process that opens it creates a new one.
    /// Returns the state at the moment of the removal: what was given out, and how many waited.
    ///
    /// After that, on this handle, its clones and those of other processes, waits end with
    /// [`ErrorKind::Gone`], and so does each call to acquire, resize or close. Guards that are left return
    /// their permits to the removed semaphore.
    ///
    /// It is safe against processes that open the name at the same moment: they take part in this semaphore,
    /// which is in use then, or create a new one. Permits of dead holders are taken back first.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InUse`] with [`Removal::IfIdle`] if permits are held or loose, or there are waiters;
    /// [`ErrorKind::Gone`] if it was removed already; [`ErrorKind::Denied`] if the file system lets only
    /// other users remove the file; [`ErrorKind::Damaged`]. Nothing has happened then.
    ///
    /// # Examples
    ///
    /// ```
    /// use permits_host::{ErrorKind, HostSemaphore, Removal};
    ///
    /// # let directory = std::env::temp_dir().join(format!("permits-doc-remove-{}", std::process::id()));
    /// # std::fs::create_dir(&directory)?;
    /// let pr = HostSemaphore::options().directory(&directory).open("pr-17", 2)?;
    /// let permit = pr.try_acquire_owned()?;
    /// assert_eq!(pr.remove(Removal::IfIdle).unwrap_err().kind(), ErrorKind::InUse);
    /// drop(permit);
    /// pr.remove(Removal::IfIdle)?;
    /// assert_eq!(pr.try_acquire_owned().unwrap_err().kind(), ErrorKind::Gone);
    /// # std::fs::remove_dir(directory)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn remove(&self, removal: Removal) -> Result<State, Error> {
        self.during(Operation::Remove, |attachment| attachment.remove(removal))
    }

    /// Does something with this process's part; an error gets what it lacks.
    pub(crate) fn during<T>(
        &self,
        operation: Operation,
        act: impl FnOnce(&Arc<Attachment>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.shared.here().and_then(act).map_err(error::during(self.name(), operation))
    }

    /// Whether the semaphore was closed.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Damaged`].
    pub fn is_closed(&self) -> Result<bool, Error> {
        self.during(Operation::Read, |attachment| attachment.look(|tx| Ok(tx.book.closed)))
    }

    /// Sets the number of permits, for all processes (C13).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::BadMax`] unless `1 <= max <= MAX_PERMITS`; [`ErrorKind::Gone`] if it was removed;
    /// [`ErrorKind::Damaged`].
    pub fn set_max_permits(&self, max: u32) -> Result<(), Error> {
        self.resize(|_| i64::from(max))
    }

    /// Adds `n` permits.
    ///
    /// # Errors
    ///
    /// As [`set_max_permits`](Self::set_max_permits).
    pub fn grow(&self, n: u32) -> Result<(), Error> {
        self.resize(|max| i64::from(max) + i64::from(n))
    }

    /// Removes `n` permits: free ones now, and if too few are free, those that are out as they come back.
    ///
    /// # Errors
    ///
    /// As [`set_max_permits`](Self::set_max_permits).
    pub fn shrink(&self, n: u32) -> Result<(), Error> {
        self.resize(|max| i64::from(max) - i64::from(n))
    }

    fn resize(&self, target: impl Fn(u32) -> i64) -> Result<(), Error> {
        self.during(Operation::Resize, |attachment| {
            let resized = attachment.act_then(
                |tx, wakes| {
                    let wanted = target(tx.book.max);
                    if tx.book.gone {
                        return Ok(Outcome::Keep(Err(None)));
                    }
                    match u32::try_from(wanted) {
                        Ok(max) if (1..=MAX_PERMITS).contains(&max) => {
                            tx.resize(max, wakes).map(|_| Outcome::Commit(Ok(())))
                        }
                        _ => Ok(Outcome::Keep(Err(Some(wanted)))),
                    }
                },
                |resized: &Result<(), Option<i64>>| {
                    if resized.is_ok() {
                        point(Point::Resized);
                    }
                },
            )?;
            resized.map_err(|wanted| match wanted {
                Some(wanted) => error::bad_max(self.name(), wanted),
                None => error::gone(self.name()),
            })
        })
    }

    /// Sets the minimum time between two starts, for all processes. [`Options::every`](crate::Options::every)
    /// describes it and gives its range; zero ends the spacing.
    ///
    /// The new time counts from the last spaced start, so the next start may be allowed at once. It also
    /// holds for requests that wait for the next start now.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::BadInterval`]; [`ErrorKind::Gone`] if it was removed; [`ErrorKind::Damaged`].
    pub fn set_interval(&self, interval: Duration) -> Result<(), Error> {
        self.during(Operation::Resize, |attachment| {
            let interval = interval_of(interval)?;
            let set = attachment.act(|tx, wakes| {
                if tx.book.gone {
                    return Ok(Outcome::Keep(false));
                }
                tx.space(interval, wakes)?;
                Ok(Outcome::Commit(true))
            })?;
            if set { Ok(()) } else { Err(error::gone(self.name())) }
        })
    }

    /// Returns the minimum time between two starts, `None` if they are not spaced: see
    /// [`Options::every`](crate::Options::every).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Damaged`].
    pub fn interval(&self) -> Result<Option<Duration>, Error> {
        self.during(Operation::Read, |attachment| {
            let interval = attachment.look(|tx| Ok(tx.book.interval))?;
            Ok((interval != 0).then(|| Duration::from_millis(u64::from(interval))))
        })
    }

    /// All readings at one instant (C15), after what the dead held was taken back.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Damaged`]; [`ErrorKind::Gone`] if it was removed, or the file replaced, so that the
    /// readings would not be those of the name.
    pub fn state(&self) -> Result<State, Error> {
        self.read(|attachment| attachment.readings())
    }

    /// Reads, after the permits of dead holders were taken back, and if the file is still the one of its
    /// name.
    fn read<T>(&self, how: impl FnOnce(&Arc<Attachment>) -> Result<T, Error>) -> Result<T, Error> {
        self.during(Operation::Read, |attachment| {
            if attachment.notice_gone(&attachment.probe)? {
                return Err(error::gone(self.name()));
            }
            attachment.reap(Suspects::AllWhoTakePart)?;
            how(attachment)
        })
    }

    /// How many permits there are.
    ///
    /// # Errors
    ///
    /// As [`state`](Self::state).
    pub fn max_permits(&self) -> Result<u32, Error> {
        Ok(self.state()?.max_permits)
    }

    /// How many permits are free.
    ///
    /// # Errors
    ///
    /// As [`state`](Self::state).
    pub fn available_permits(&self) -> Result<u32, Error> {
        Ok(self.state()?.available_permits)
    }

    /// How many permits are out, held or loose.
    ///
    /// # Errors
    ///
    /// As [`state`](Self::state).
    pub fn given_out(&self) -> Result<u32, Error> {
        Ok(self.state()?.given_out)
    }

    /// How many permits are out with no guard that holds them.
    ///
    /// # Errors
    ///
    /// As [`state`](Self::state).
    pub fn loose(&self) -> Result<u32, Error> {
        Ok(self.state()?.loose)
    }

    /// How many threads and tasks wait to acquire.
    ///
    /// # Errors
    ///
    /// As [`state`](Self::state).
    pub fn waiting_acquirers(&self) -> Result<usize, Error> {
        Ok(self.state()?.waiting_acquirers as usize)
    }

    /// How many threads and tasks wait to release.
    ///
    /// # Errors
    ///
    /// As [`state`](Self::state).
    pub fn waiting_releasers(&self) -> Result<usize, Error> {
        Ok(self.state()?.waiting_releasers as usize)
    }

    /// The status: readings, holders, waiters.
    ///
    /// # Errors
    ///
    /// As [`state`](Self::state).
    pub fn status(&self) -> Result<Status, Error> {
        self.read(|attachment| attachment.status())
    }

    /// The name of the semaphore.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.place.name
    }

    /// The path of its file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.shared.place.path
    }

    /// The id of this handle among the holders and the waiters. In a child after fork that could not take a
    /// seat of its own, the id of its parent.
    #[must_use]
    pub fn id(&self) -> HolderId {
        let attachment = self.shared.here().unwrap_or(&self.shared.first.attachment);
        status::id(attachment.seat, attachment.generation)
    }

    /// Asks a holder or a waiter to give up. It is notified, and nothing is taken from it (C18): it decides
    /// what to do. `permits run` ends its command.
    ///
    /// If the holder's process has ended, and only the command that it ran still keeps the permits, no process
    /// acts on this: see [`Participant::revocable`](permits::Participant::revocable). The permits come back when
    /// the command ends.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoSuchHolder`] if no participant has that id any more.
    pub fn revoke(&self, holder: HolderId) -> Result<(), Error> {
        self.during(Operation::Revoke, |attachment| {
            let (number, generation) = holder.parts();
            let owner =
                usize::try_from(number).ok().filter(|&number| number < SEATS).zip(u32::try_from(generation).ok());
            let asked = owner.map(|(seat, generation)| attachment.revoke(Owner { seat, generation })).transpose()?;
            if asked == Some(true) {
                return Ok(());
            }
            Err(Error::new(ErrorKind::NoSuchHolder, format!("no holder or waiter has the id `{holder}`")))
        })
    }

    /// Whether this handle was asked to give up: it was [revoked](Self::revoke), or holds nothing and was
    /// [superseded](Self::supersede).
    #[must_use]
    pub fn is_revoked(&self) -> bool {
        self.shared.here().is_ok_and(|attachment| attachment.is_revoked())
    }

    /// Blocks until this handle is asked to give up, or for `time` at most; returns whether it was asked.
    ///
    /// A handle that is superseded while it holds permits, and returns them later, learns of it up to two
    /// seconds late.
    #[must_use]
    pub fn wait_revoked(&self, time: Duration) -> bool {
        let Ok(attachment) = self.shared.here() else { return false };
        let deadline = Instant::now().checked_add(time);
        let bell = attachment.seat_bell(attachment.seat);
        loop {
            let value = bell.load(Ordering::SeqCst);
            if attachment.is_revoked() {
                return true;
            }
            let rest = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if rest.is_some_and(|rest| rest.is_zero()) {
                return false;
            }
            sys::futex_wait(bell, value, rest);
        }
    }

    /// Blocks until no permit is out and there are no waiters, or for `time` at most; returns `false` after a
    /// timeout. It looks every 20 ms.
    ///
    /// # Errors
    ///
    /// As [`state`](Self::state), and [`ErrorKind::Gone`].
    pub fn wait_idle(&self, time: Option<Duration>) -> Result<bool, Error> {
        let deadline = time.and_then(|time| Instant::now().checked_add(time));
        loop {
            if self.state()?.is_idle() {
                return Ok(true);
            }
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Ok(false);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A time between two starts in whole milliseconds, rounded up; 0: none.
pub(crate) fn interval_of(time: Duration) -> Result<u32, Error> {
    let [least, most] = [MIN_INTERVAL, MAX_INTERVAL].map(|limit| Duration::from_millis(limit.into()));
    if time.is_zero() || (least..=most).contains(&time) {
        return Ok(u32::try_from(time.as_nanos().div_ceil(1_000_000)).expect("a day is within the range"));
    }
    let what =
        format!("starts cannot be `{time:?}` apart: from `{least:?}` to `{most:?}`, or `0` to leave them unspaced");
    Err(Error::new(ErrorKind::BadInterval, what))
}

impl fmt::Debug for HostSemaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostSemaphore").field("name", &self.name()).field("path", &self.path()).finish_non_exhaustive()
    }
}
