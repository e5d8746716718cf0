//! Asking, and the ways of waiting.

use crate::acts::{Collected, GiveUp, Kind, Refusal, Stage, Wakes, Who};
use crate::attach::Attachment;
use crate::book::Side;
use crate::crash::{Point, point};
use crate::error::{Error, ErrorKind};
use crate::layout::{self, seat, waiter};
use crate::permit::Permit;
use crate::semaphore::Shared;
use crate::sys;
use crate::tx::Outcome;
use crate::watch::GRACE;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// A request for permits; see [`HostSemaphore::acquire`](crate::HostSemaphore::acquire).
pub type Acquire = Request<ToAcquire>;
/// A request to return loose permits; see [`HostSemaphore::release`](crate::HostSemaphore::release).
pub type Release = Request<ToRelease>;

/// What a request is for.
pub trait Act: sealed::Act {}
/// For permits.
#[derive(Debug)]
pub struct ToAcquire(());
/// For returning loose permits.
#[derive(Debug)]
pub struct ToRelease(());
impl Act for ToAcquire {}
impl Act for ToRelease {}

pub(crate) mod sealed {
    use super::{Arc, Permit, Shared, Side, ToAcquire, ToRelease};

    pub trait Act: Send + Sync + 'static {
        type Output: Send + 'static;
        const SIDE: Side;
        /// What is got by it, from the process of that epoch.
        #[allow(private_interfaces, reason = "the trait is sealed, and cannot be named outside")]
        fn granted(shared: &Arc<Shared>, epoch: u64, n: u32) -> Self::Output;
    }

    impl Act for ToAcquire {
        type Output = Permit;
        const SIDE: Side = Side::Acquire;
        #[allow(private_interfaces, reason = "the trait is sealed, and cannot be named outside")]
        #[inline]
        fn granted(shared: &Arc<Shared>, epoch: u64, n: u32) -> Permit {
            Permit::new(Arc::clone(shared), epoch, n)
        }
    }

    impl Act for ToRelease {
        type Output = ();
        const SIDE: Side = Side::Release;
        #[allow(private_interfaces, reason = "the trait is sealed, and cannot be named outside")]
        #[inline]
        fn granted(_: &Arc<Shared>, _: u64, _: u32) {}
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
pub struct Request<A: Act> {
    shared: Arc<Shared>,
    n: u32,
    /// Permits are to be left loose at once.
    progress: Progress,
    act: PhantomData<A>,
}

enum Progress {
    New,
    /// In the queue as a task.
    Queued {
        attachment: Arc<Attachment>,
        number: u16,
    },
    Over,
}

impl<A: Act> Request<A> {
    pub(crate) fn new(shared: Arc<Shared>, n: u32) -> Self {
        Request { shared, n, progress: Progress::New, act: PhantomData }
    }

    /// Blocks the thread until it is granted.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Closed`], [`ErrorKind::TooMany`], [`ErrorKind::Gone`], [`ErrorKind::Exhausted`] if there is no place in the queue,
    /// [`ErrorKind::Damaged`]. In each case nothing was taken or returned.
    pub fn wait(self) -> Result<A::Output, Error> {
        self.block(None)
    }

    /// Blocks the thread for at most `time`; zero is a try, and a time too long to be added to now is no limit.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait), and [`ErrorKind::TimedOut`], with what both sides wait for in its text (C22). A grant that comes at
    /// the same time as the limit wins (C11).
    pub fn wait_timeout(self, time: Duration) -> Result<A::Output, Error> {
        self.block(Instant::now().checked_add(time))
    }

    /// Blocks the thread until `deadline` at most.
    ///
    /// # Errors
    ///
    /// As [`wait_timeout`](Self::wait_timeout).
    pub fn wait_deadline(self, deadline: Instant) -> Result<A::Output, Error> {
        self.block(Some(deadline))
    }

    /// Does not wait. It may take some microseconds to see whether any holder is dead, if there are too few permits otherwise.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait), and [`ErrorKind::NotNow`].
    pub fn try_now(self) -> Result<A::Output, Error> {
        let attachment = self.shared.here()?;
        match enter::<A>(&attachment, self.n, None)? {
            Entry::Granted => return Ok(A::granted(&self.shared, attachment.epoch, self.n)),
            Entry::Refused(refusal @ Refusal::NotNow { .. }) => {
                // What the dead hold is free, though nobody has said so yet (C18).
                if A::SIDE == Side::Release || !attachment.reap()? {
                    return Err(attachment.refused(A::SIDE, refusal));
                }
            }
            Entry::Refused(refusal) => return Err(attachment.refused(A::SIDE, refusal)),
            Entry::Queued(_) => unreachable!("it was not told to queue"),
        }
        match enter::<A>(&attachment, self.n, None)? {
            Entry::Granted => Ok(A::granted(&self.shared, attachment.epoch, self.n)),
            Entry::Refused(refusal) => Err(attachment.refused(A::SIDE, refusal)),
            Entry::Queued(_) => unreachable!("it was not told to queue"),
        }
    }

    /// Which one it is in its queue, 1 being the first; `None` if it is not queued as a future.
    #[must_use]
    pub fn position(&self) -> Option<u32> {
        let Progress::Queued { attachment, number } = &self.progress else { return None };
        attachment.position(*number).ok().flatten()
    }

    fn block(self, deadline: Option<Instant>) -> Result<A::Output, Error> {
        let attachment = self.shared.here()?;
        let kind = if deadline.is_some_and(|deadline| deadline <= Instant::now()) { None } else { Some(Kind::Thread) };
        match enter::<A>(&attachment, self.n, kind)? {
            Entry::Granted => Ok(A::granted(&self.shared, attachment.epoch, self.n)),
            Entry::Refused(Refusal::NotNow { .. }) => match self.shared.retry::<A>(self.n)? {
                Some(granted) => Ok(granted),
                None => Err(attachment.timed_out(A::SIDE, self.n)?),
            },
            Entry::Refused(refusal) => Err(attachment.refused(A::SIDE, refusal)),
            Entry::Queued(number) => {
                let collected = attachment.sleep(number, deadline)?;
                match collected {
                    Collected::Granted => {
                        attachment.note_since(A::SIDE, self.n);
                        Ok(A::granted(&self.shared, attachment.epoch, self.n))
                    }
                    Collected::Refused(refusal) => Err(attachment.refused(A::SIDE, refusal)),
                    Collected::GaveUp | Collected::Queued => Err(attachment.timed_out(A::SIDE, self.n)?),
                }
            }
        }
    }
}

impl Shared {
    /// A try, for whoever has no time left.
    fn retry<A: Act>(self: &Arc<Self>, n: u32) -> Result<Option<A::Output>, Error> {
        match Request::<A>::new(Arc::clone(self), n).try_now() {
            Ok(granted) => Ok(Some(granted)),
            Err(error) if error.kind() == ErrorKind::NotNow => Ok(None),
            Err(error) => Err(error),
        }
    }
}

enum Entry {
    Granted,
    Refused(Refusal),
    Queued(u16),
}

/// Takes or returns `n` at once, or queues as `kind`; without one it is refused.
#[inline]
fn enter<A: Act>(attachment: &Attachment, n: u32, kind: Option<Kind>) -> Result<Entry, Error> {
    loop {
        let own = attachment.seat;
        let (entry, was_idle, wakes) = attachment.transact(|tx| {
            let mut wakes = Wakes::default();
            let was_idle = A::SIDE == Side::Acquire && tx.held(own)? == 0;
            let entry = match (tx.enter(own, A::SIDE, n)?, kind) {
                (Ok(()), _) => Entry::Granted,
                (Err(Refusal::NotNow { .. }), Some(kind)) => match tx.enqueue(own, A::SIDE, kind, n)? {
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
        let (mut watched, mut looks_itself) = (false, false);
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
                if bell.load(Ordering::SeqCst) != value && self.stage_of(number).is_ok_and(|stage| stage == Stage::Queued) {
                    // Told that it is the first now, or that something is wrong.
                    if let Err(error) = self.look(|tx| tx.who(number)) {
                        break Err(error);
                    }
                    self.look_anew();
                }
                if looks_itself && let Err(error) = self.look_after(number) {
                    break Err(error);
                }
            } else if bell.load(Ordering::SeqCst) == value {
                looks_itself = !self.watch_thread(number);
                watched = true;
            }
        };
        if watched {
            self.unwatch(number);
        }
        point(Point::Granted);
        self.collect(number, end?)
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

impl<A: Act> Unpin for Request<A> {}

impl<A: Act> Future for Request<A> {
    type Output = Result<A::Output, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        match std::mem::replace(&mut this.progress, Progress::Over) {
            Progress::New => this.first_poll(cx),
            Progress::Queued { attachment, number } => {
                assert!(attachment.epoch == sys::epoch(), "a request of the parent cannot be polled in a child after fork");
                if attachment.stage_of(number)? == Stage::Queued {
                    attachment.watch_task(number, cx.waker())?;
                }
                this.finish(attachment, number)
            }
            Progress::Over => panic!("a request was polled after it was over"),
        }
    }
}

impl<A: Act> Request<A> {
    fn first_poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<A::Output, Error>> {
        let attachment = Arc::clone(self.shared.here()?);
        match enter::<A>(&attachment, self.n, Some(Kind::Task))? {
            Entry::Granted => Poll::Ready(Ok(A::granted(&self.shared, attachment.epoch, self.n))),
            Entry::Refused(refusal) => Poll::Ready(Err(attachment.refused(A::SIDE, refusal))),
            Entry::Queued(number) => {
                if let Err(error) = attachment.watch_task(number, cx.waker()) {
                    // Nobody would wake it.
                    attachment.collect(number, GiveUp::Wholly)?;
                    return Poll::Ready(Err(error));
                }
                // It may have been granted before there was a waker to call.
                self.finish(attachment, number)
            }
        }
    }

    fn finish(&mut self, attachment: Arc<Attachment>, number: u16) -> Poll<Result<A::Output, Error>> {
        if attachment.stage_of(number)? == Stage::Queued {
            self.progress = Progress::Queued { attachment, number };
            return Poll::Pending;
        }
        attachment.unwatch(number);
        match attachment.collect(number, GiveUp::No)? {
            Collected::Granted => {
                attachment.note_since(A::SIDE, self.n);
                Poll::Ready(Ok(A::granted(&self.shared, attachment.epoch, self.n)))
            }
            Collected::Refused(refusal) => Poll::Ready(Err(attachment.refused(A::SIDE, refusal))),
            Collected::Queued | Collected::GaveUp => {
                Poll::Ready(Err(attachment.place.damaged("a waiter went back into its queue")))
            }
        }
    }
}

impl<A: Act> Drop for Request<A> {
    fn drop(&mut self) {
        if let Progress::Queued { attachment, number } = std::mem::replace(&mut self.progress, Progress::Over)
            && attachment.epoch == sys::epoch()
        {
            attachment.unwatch(number);
            // A damaged file has no queue to leave.
            let _ = attachment.collect(number, GiveUp::Wholly);
        }
    }
}

impl<A: Act> fmt::Debug for Request<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("semaphore", &self.shared.place.name)
            .field("side", &A::SIDE)
            .field("n", &self.n)
            .finish_non_exhaustive()
    }
}
