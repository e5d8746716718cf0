//! Asking, and the ways of waiting.

use crate::acts::{Collected, GiveUp, Kind as Sleeper, Refusal, Stage, Wakes, Who};
use crate::attach::{Attachment, Suspects};
use crate::attendants::GRACE;
use crate::book::{Quick, Side};
use crate::crash::{Point, point};
use crate::error::{Error, ErrorKind};
use crate::layout::{self, seat, waiter};
use crate::permit::Guard;
use crate::semaphore::{HostSemaphore, Shared};
use crate::sys;
use crate::tx::Outcome;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// A request for permits, made by [`HostSemaphore::acquire`] and [`HostSemaphore::acquire_many`]; yields a [`Permit`](crate::Permit).
pub type Acquire<'a> = Request<&'a HostSemaphore, Guarded>;
/// The same without a borrow, made by [`HostSemaphore::acquire_owned`] and its kin; yields an [`OwnedPermit`](crate::OwnedPermit).
pub type AcquireOwned = Request<HostSemaphore, Guarded>;
/// A request for permits that nobody shall hold, made by [`Acquire::loose`](Request::loose); yields nothing.
pub type AcquireLoose<'a> = Request<&'a HostSemaphore, Loose>;
/// The same without a borrow.
pub type AcquireLooseOwned = Request<HostSemaphore, Loose>;
/// A request to return loose permits, made by [`HostSemaphore::release`] and [`HostSemaphore::release_many`].
pub type Release<'a> = Request<&'a HostSemaphore, Returned>;
/// The same without a borrow, made by [`HostSemaphore::release_owned`] and [`HostSemaphore::release_many_owned`].
pub type ReleaseOwned = Request<HostSemaphore, Returned>;

/// How a request or a permit reaches its semaphore: by a reference, or by a handle of its own. Implemented for `&HostSemaphore` and
/// `HostSemaphore`, and for nothing else.
pub trait Handle: Clone + sealed::Handle {}

impl Handle for &HostSemaphore {}
impl Handle for HostSemaphore {}

/// What a request is for: [`Guarded`], [`Loose`] or [`Returned`].
pub trait Kind: sealed::Kind {
    /// What is got by it.
    type Output<H: Handle>;
}

/// For permits that a guard holds.
#[derive(Debug)]
pub struct Guarded(());
/// For permits that are loose at once.
#[derive(Debug)]
pub struct Loose(());
/// For returning loose permits.
#[derive(Debug)]
pub struct Returned(());

impl Kind for Guarded {
    type Output<H: Handle> = Guard<H>;
}
impl Kind for Loose {
    type Output<H: Handle> = ();
}
impl Kind for Returned {
    type Output<H: Handle> = ();
}

#[allow(private_interfaces, reason = "the traits are sealed, and cannot be named outside")]
pub(crate) mod sealed {
    use super::{Arc, Guard, Guarded, HostSemaphore, Loose, Returned, Shared, Side};

    pub trait Handle {
        fn shared(&self) -> &Arc<Shared>;
    }

    impl Handle for &HostSemaphore {
        #[inline]
        fn shared(&self) -> &Arc<Shared> {
            &self.shared
        }
    }

    impl Handle for HostSemaphore {
        #[inline]
        fn shared(&self) -> &Arc<Shared> {
            &self.shared
        }
    }

    pub trait Kind: Send + Sync + 'static {
        const SIDE: Side;
        /// What is got by it, from the process of that epoch.
        fn granted<H: super::Handle>(handle: H, epoch: u64, n: u32) -> Self::Output<H>
        where
            Self: super::Kind;
    }

    impl Kind for Guarded {
        const SIDE: Side = Side::Acquire;
        #[inline]
        fn granted<H: super::Handle>(handle: H, epoch: u64, n: u32) -> Guard<H> {
            Guard::new(handle, epoch, n)
        }
    }

    impl Kind for Loose {
        const SIDE: Side = Side::Acquire;
        #[inline]
        fn granted<H: super::Handle>(handle: H, epoch: u64, n: u32) {
            Guard::new(handle, epoch, n).forget();
        }
    }

    impl Kind for Returned {
        const SIDE: Side = Side::Release;
        #[inline]
        fn granted<H: super::Handle>(_: H, _: u64, _: u32) {}
    }
}

/// A request, [`Acquire`] or [`Release`]. Nothing happens until it is waited for: by `.await`, [`wait`](Self::wait),
/// [`wait_timeout`](Self::wait_timeout), [`wait_deadline`](Self::wait_deadline), or not at all, [`try_now`](Self::try_now).
///
/// # Fairness
///
/// First come, first served among all threads and tasks of all processes (C8), but for two kinds that never come again: the dead, whose
/// places are taken away, and those who ask for more than there is since a shrink.
///
/// # Cancel safety
///
/// Dropping the future gives up its place in the queue; if it was granted already, the permits go to the next (C10).
///
/// # After a fork
///
/// A request that waits as a future is the parent's: in a child, polling it panics, and dropping it does nothing.
#[must_use = "a request does nothing until it is waited for: `.await` it, or call `.wait()`"]
pub struct Request<H: Handle, K: Kind> {
    handle: H,
    n: u32,
    progress: Progress,
    kind: PhantomData<K>,
}

enum Progress {
    New,
    Queued(Place),
    Over,
}

/// A task's place in the queue; dropping it gives it up.
struct Place {
    attachment: Arc<Attachment>,
    number: u16,
}

impl<H: Handle> Request<H, Guarded> {
    /// For permits without a guard: they are loose as soon as they are had, and outlive this process, until somebody releases them
    /// (C6). A process that dies in between returns them.
    pub fn loose(self) -> Request<H, Loose> {
        debug_assert!(matches!(self.progress, Progress::New), "it takes a request that was not polled, by value");
        Request::new(self.handle, self.n)
    }
}

impl<H: Handle, K: Kind> Request<H, K> {
    #[inline]
    pub(crate) fn new(handle: H, n: u32) -> Self {
        Request { handle, n, progress: Progress::New, kind: PhantomData }
    }

    /// Blocks the thread until it is granted.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Closed`], [`ErrorKind::TooMany`], [`ErrorKind::Gone`], [`ErrorKind::Exhausted`] if there is no place in the queue,
    /// [`ErrorKind::Damaged`]. In each case nothing was taken or returned.
    pub fn wait(self) -> Result<K::Output<H>, Error> {
        self.block(None)
    }

    /// Blocks the thread for at most `time`; zero is a try, and a time too long to be added to now is no limit.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait), and [`ErrorKind::TimedOut`], with what both sides wait for in its text (C22). A grant that comes at
    /// the same time as the limit wins (C11).
    pub fn wait_timeout(self, time: Duration) -> Result<K::Output<H>, Error> {
        self.block(Instant::now().checked_add(time))
    }

    /// Blocks the thread until `deadline` at most.
    ///
    /// # Errors
    ///
    /// As [`wait_timeout`](Self::wait_timeout).
    pub fn wait_deadline(self, deadline: Instant) -> Result<K::Output<H>, Error> {
        self.block(Some(deadline))
    }

    /// Does not wait. It may take some microseconds to see whether any holder is dead, if there are too few permits otherwise.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait), and [`ErrorKind::NotNow`].
    #[inline]
    pub fn try_now(self) -> Result<K::Output<H>, Error> {
        let attachment = self.handle.shared().here()?;
        let epoch = attachment.epoch;
        if K::SIDE == Side::Release || !attachment.take_quickly(self.n) {
            try_slowly(K::SIDE, attachment, self.n)?;
        }
        Ok(K::granted(self.handle, epoch, self.n))
    }

    /// Which one it is in its queue, 1 being the first; `None` if it is not queued as a future.
    #[must_use]
    pub fn position(&self) -> Option<u32> {
        let Progress::Queued(place) = &self.progress else { return None };
        if place.attachment.epoch != sys::epoch() {
            return None;
        }
        place.attachment.position(place.number).ok().flatten()
    }

    #[inline]
    fn block(self, deadline: Option<Instant>) -> Result<K::Output<H>, Error> {
        let attachment = self.handle.shared().here()?;
        let epoch = attachment.epoch;
        if K::SIDE == Side::Release || !attachment.take_quickly(self.n) {
            block_slowly(K::SIDE, attachment, self.n, deadline)?;
        }
        Ok(K::granted(self.handle, epoch, self.n))
    }
}

#[cold]
fn try_slowly(side: Side, attachment: &Attachment, n: u32) -> Result<(), Error> {
    match enter(side, attachment, n, None)? {
        Entry::Granted => return Ok(()),
        // What the dead hold is free, though nobody has said so yet (C18).
        Entry::Refused(Refusal::NotNow { .. }) if attachment.reap(Suspects::InTheWay)? => {}
        Entry::Refused(refusal) => return Err(attachment.refused(side, refusal)),
        Entry::Queued(_) => unreachable!("it was not told to queue"),
    }
    match enter(side, attachment, n, None)? {
        Entry::Granted => Ok(()),
        Entry::Refused(refusal) => Err(attachment.refused(side, refusal)),
        Entry::Queued(_) => unreachable!("it was not told to queue"),
    }
}

#[cold]
fn block_slowly(side: Side, attachment: &Arc<Attachment>, n: u32, deadline: Option<Instant>) -> Result<(), Error> {
    if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
        return match try_slowly(side, attachment, n) {
            Err(error) if error.kind() == ErrorKind::NotNow => Err(attachment.timed_out(side, n)?),
            other => other,
        };
    }
    match enter(side, attachment, n, Some(Sleeper::Thread))? {
        Entry::Granted => Ok(()),
        Entry::Refused(refusal) => Err(attachment.refused(side, refusal)),
        Entry::Queued(number) => match attachment.sleep(number, deadline)? {
            Collected::Granted => {
                attachment.note_since(side, n);
                Ok(())
            }
            Collected::Refused(refusal) => Err(attachment.refused(side, refusal)),
            // A wait that was short may not have been looked after by anybody.
            Collected::GaveUp | Collected::Queued => match try_slowly(side, attachment, n) {
                Err(error) if error.kind() == ErrorKind::NotNow => Err(attachment.timed_out(side, n)?),
                other => other,
            },
        },
    }
}

enum Entry {
    Granted,
    Refused(Refusal),
    Queued(u16),
}

/// Takes or returns `n` at once, or queues as `kind`; without one it is refused.
fn enter(side: Side, attachment: &Attachment, n: u32, kind: Option<Sleeper>) -> Result<Entry, Error> {
    loop {
        let own = attachment.seat;
        let (entry, was_idle, wakes) = attachment.transact(|tx| {
            let mut wakes = Wakes::default();
            let was_idle = side == Side::Acquire && tx.held(own)? == 0;
            let entry = match (tx.enter(own, side, n)?, kind) {
                (Ok(()), _) => Entry::Granted,
                (Err(Refusal::NotNow { .. }), Some(kind)) => match tx.enqueue(own, side, kind, n)? {
                    Some(number) => Entry::Queued(number),
                    None => Entry::Refused(Refusal::Crowded),
                },
                (Err(refusal), _) => return Ok(Outcome::Keep((Entry::Refused(refusal), false, wakes))),
            };
            if let Entry::Refused(_) = entry {
                return Ok(Outcome::Keep((entry, false, wakes)));
            }
            // Returned permits are for those who wait; and whoever was to serve those before us may be dead.
            if tx.has_work() {
                tx.serve(&mut wakes)?;
            }
            Ok(Outcome::Commit((entry, was_idle, wakes)))
        })?;
        match entry {
            Entry::Granted => {
                point(Point::Taken);
                if was_idle {
                    attachment.note(seat::SINCE);
                }
            }
            Entry::Queued(number) => {
                if was_idle {
                    // Whoever grants it cannot tell the time for this seat.
                    attachment.store().word(layout::seat(own, seat::SINCE)).store(0, Ordering::Relaxed);
                }
                // Whatever the one before in this place knew.
                attachment.tell(number).store(0, Ordering::SeqCst);
                let since = layout::waiter(usize::from(number), waiter::SINCE);
                // Relaxed: told for tables.
                attachment.store().word(since).store(sys::now(), Ordering::Relaxed);
                point(Point::Queued);
            }
            Entry::Refused(Refusal::Crowded) if attachment.make_room()? => continue,
            Entry::Refused(_) => {}
        }
        attachment.dispatch(wakes)?;
        return Ok(entry);
    }
}

impl Attachment {
    /// Takes permits in the plainest case.
    #[inline]
    fn take_quickly(&self, n: u32) -> bool {
        let taken = self.quick(Quick::Take(n));
        if taken {
            point(Point::Taken);
            self.note_since(Side::Acquire, n);
        }
        taken
    }

    /// Writes the time down in a word of this seat.
    #[inline]
    fn note(&self, word: usize) {
        // Relaxed: told for tables.
        self.store().word(layout::seat(self.seat, word)).store(sys::now(), Ordering::Relaxed);
    }

    /// If what was just granted is all that this seat holds, it holds it since now.
    fn note_since(&self, side: Side, n: u32) {
        let store = self.store();
        let held = store
            .peek(layout::seat(self.seat, seat::OWN))
            .wrapping_add(store.peek(layout::seat(self.seat, seat::GIVEN)));
        if side == Side::Acquire && held <= n {
            self.note(seat::SINCE);
        }
    }

    /// Sleeps until a waiter of this thread is granted or refused, or its time is over.
    fn sleep(self: &Arc<Self>, number: u16, deadline: Option<Instant>) -> Result<Collected, Error> {
        let bell = self.waiter_bell(usize::from(number));
        let (mut watched, mut looks_itself) = (self.arrive(number), false);
        let mut was_short = !watched;
        point(Point::Waiting);
        let end = loop {
            // SeqCst: read before the stage; who changes the stage rings after it.
            let value = bell.load(Ordering::SeqCst);
            match self.stage_of(number) {
                Ok(Stage::Queued) => {}
                Ok(_) => break Ok(GiveUp::No),
                Err(error) => break Err(error),
            }
            let rest = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if rest.is_some_and(|rest| rest.is_zero()) {
                point(Point::TimedOut);
                break Ok(GiveUp::Unless);
            }
            let nap = match (watched, looks_itself) {
                (false, _) => Some(GRACE),
                (true, true) => Some(Duration::from_millis(50)),
                (true, false) => None,
            };
            let limit = [rest, nap].into_iter().flatten().min();
            sys::futex_wait(bell, value, limit);
            if watched {
                if bell.load(Ordering::SeqCst) != value
                    && self.stage_of(number).is_ok_and(|stage| stage == Stage::Queued)
                {
                    // Told that it is the first now, or that something is wrong.
                    if let Err(error) = self.look(|tx| tx.who(number)) {
                        break Err(error);
                    }
                    self.look_anew(number);
                }
                if looks_itself
                    && let Err(error) = self.look_after(number)
                    && matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Gone)
                {
                    break Err(error);
                }
            } else if bell.load(Ordering::SeqCst) == value {
                looks_itself = !self.watch_thread(number);
                (watched, was_short) = (true, false);
            }
        };
        if watched {
            self.unwatch(number);
        }
        if was_short {
            self.was_short();
        }
        point(Point::Granted);
        match end {
            Ok(give_up) => self.collect(number, give_up),
            Err(error) => {
                // Nothing was taken or returned, and nobody waits here any more. A damaged file has no queue to leave.
                let _ = self.collect(number, GiveUp::Wholly);
                Err(error)
            }
        }
    }

    fn stage_of(&self, number: u16) -> Result<Stage, Error> {
        let who = self.store().peek(layout::waiter(usize::from(number), waiter::WHO));
        match Who::unpack(who) {
            Ok(who) => Ok(who.stage),
            Err(_) => Err(self.place.damaged("a waiter is in no stage that there is")),
        }
    }

    /// Which one a waiter is in its queue; `None` if it is in none.
    pub(crate) fn position(&self, number: u16) -> Result<Option<u32>, Error> {
        self.look(|tx| {
            let who = tx.who(number)?;
            if who.stage != Stage::Queued {
                return Ok(None);
            }
            let (mut position, mut at) = (1, number);
            loop {
                match tx.before(at, who.side)? {
                    0 => return Ok(Some(position)),
                    before => at = before,
                }
                position += 1;
                if position > u32::from(tx.book.waiters_used) {
                    return Err(crate::tx::Trouble::Damaged("a queue is a circle"));
                }
            }
        })
    }

    fn timed_out(&self, side: Side, n: u32) -> Result<Error, Error> {
        Ok(Error::timed_out(&self.place.name, side, n, self.readings()?))
    }
}

impl<H: Handle, K: Kind> Unpin for Request<H, K> {}

impl<H: Handle, K: Kind> Future for Request<H, K> {
    type Output = Result<K::Output<H>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        match std::mem::replace(&mut this.progress, Progress::Over) {
            Progress::New => this.first_poll(cx),
            Progress::Queued(place) => {
                let Place { attachment, number } = &place;
                assert!(
                    attachment.epoch == sys::epoch(),
                    "a request of the parent cannot be polled in a child after fork"
                );
                if attachment.stage_of(*number)? == Stage::Queued {
                    attachment.watch_task(*number, cx.waker())?;
                }
                this.finish(place)
            }
            Progress::Over => panic!("a request was polled after it was over"),
        }
    }
}

impl<H: Handle, K: Kind> Request<H, K> {
    fn first_poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<K::Output<H>, Error>> {
        let attachment = self.handle.shared().here()?;
        match enter(K::SIDE, attachment, self.n, Some(Sleeper::Task))? {
            Entry::Granted => Poll::Ready(Ok(self.granted(attachment.epoch))),
            Entry::Refused(refusal) => Poll::Ready(Err(attachment.refused(K::SIDE, refusal))),
            Entry::Queued(number) => {
                let place = Place { attachment: Arc::clone(attachment), number };
                // If nobody would wake it, it gives up its place.
                place.attachment.watch_task(number, cx.waker())?;
                // It may have been granted before there was a waker to call.
                self.finish(place)
            }
        }
    }

    fn granted(&self, epoch: u64) -> K::Output<H> {
        K::granted(self.handle.clone(), epoch, self.n)
    }

    fn finish(&mut self, place: Place) -> Poll<Result<K::Output<H>, Error>> {
        if place.attachment.stage_of(place.number)? == Stage::Queued {
            self.progress = Progress::Queued(place);
            return Poll::Pending;
        }
        let (attachment, collected) = place.leave();
        Poll::Ready(match collected? {
            Collected::Granted => {
                attachment.note_since(K::SIDE, self.n);
                Ok(self.granted(attachment.epoch))
            }
            Collected::Refused(refusal) => Err(attachment.refused(K::SIDE, refusal)),
            Collected::Queued | Collected::GaveUp => Err(attachment.place.damaged("a waiter went back into its queue")),
        })
    }
}

impl Place {
    /// Leaves it as somebody who was granted or refused.
    fn leave(mut self) -> (Arc<Attachment>, Result<Collected, Error>) {
        let attachment = Arc::clone(&self.attachment);
        attachment.unwatch(self.number);
        let collected = attachment.collect(self.number, GiveUp::No);
        self.number = 0;
        (attachment, collected)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.number != 0 && self.attachment.epoch == sys::epoch() {
            self.attachment.unwatch(self.number);
            // A damaged file has no queue to leave.
            let _ = self.attachment.collect(self.number, GiveUp::Wholly);
        }
    }
}

impl<H: Handle, K: Kind> fmt::Debug for Request<H, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("semaphore", &self.handle.shared().place.name)
            .field("side", &K::SIDE)
            .field("n", &self.n)
            .finish_non_exhaustive()
    }
}
