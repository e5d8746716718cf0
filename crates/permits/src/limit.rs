//! The contract as a trait: for code that takes a limit as an argument and does not care whether it spans
//! threads, processes or machines.
//!
//! Use the concrete types where you can: their errors are exact. The trait is for libraries that take a limit
//! as a parameter, for tests that replace a remote limit by a local one, and for the conformance suite, which
//! an implementation of the trait must pass. It may change before 1.0.
//!
//! ```
//! use permits::{Error, Semaphore, blocking::block_on, limit::{Held, Limit, Local}};
//!
//! async fn polite_download(limit: &impl Limit) -> Result<(), Error> {
//!     let permit = limit.acquire().await?;
//!     // … at most as many at a time as there are permits, and if `permit.is_lost()`, stop …
//!     permit.release().await                     // or drop it, if the result does not matter
//! }
//!
//! block_on(polite_download(&Local::new(2)))?;
//! # Ok::<(), Error>(())
//! ```
//!
//! A thread calls `limit.acquire().wait()`, on a limit whose requests can block:
//! `L: Limit<Acquire: WaitBlocking>`.
//!
//! # When the other end does not answer
//!
//! A server may decide about permits, and it may be gone, stopped or cut off (C21). A reach over a network
//! states a time in its documentation. Within it, every call of the upper part of this table ends, whatever
//! the server does:
//!
//! | call | ends with |
//! |---|---|
//! | [`try_now`](Wait::try_now), and a wait with a timeout of zero | [`Unreachable`](ErrorKind::Unreachable) |
//! | [`state`](Limit::state), [`status`](Limit::status), [`set_max_permits`](Limit::set_max_permits), [`grow`](Limit::grow), [`shrink`](Limit::shrink), [`close`](Limit::close) | `Unreachable` |
//! | [`Held::release`], [`Held::forget`] | [`Lost`](ErrorKind::Lost) once the permit is lost, `Unreachable` before; never `Ok` without an answer |
//! | [`timed_out`](Wait::timed_out) | an error of the kind [`TimedOut`](ErrorKind::TimedOut), without a [`Stuck`] |
//! | [`wait_timeout`](WaitBlocking::wait_timeout), [`wait_deadline`](WaitBlocking::wait_deadline) | `TimedOut` or `Unreachable`, this time after their limit at the latest |
//! | dropping a permit or a request | at once, without an answer |
//! | `.await` and [`wait`](WaitBlocking::wait) | may wait as long as the server does not answer |
//! | [`Held::lost`] | at the deadline of the lease, by the holder's own clock |
//!
//! - A request that waits outlives the loss of its handle's lease, or ends with `Unreachable`. Once the
//!   server answers again it ends with that error, or is served in its turn: it never waits on with no place
//!   in the queue.
//! - After `Unreachable` it is not known whether the call took effect. Permits that were on their way back,
//!   by `release` or by a drop, come back in any case: the reach returns them when the server answers again,
//!   or their lease ends.
//! - A handle outlives its lease. Once the server answers again, the next acquire is made under a new lease.
//!   Permits of the lost lease stay lost, even if the server had not given them to others yet.
//! - In one process and on one host there is no server, and none of this happens.
//!
//! `docs/guide/reach.md` in the repository shows how to write a reach.

use crate::blocking::{block_on, block_on_until};
use crate::check::Hold;
use crate::engine::word::Act;
use crate::error::exact::{MaxPermitsError, MergeError, Stuck};
use crate::error::refusal::Refusal;
use crate::error::{Error, ErrorKind, Operation};
use crate::handle::Handle;
use crate::permit::OwnedPermit;
use crate::request::{Guarded, Kind, Loose, Request, Returned};
use crate::semaphore::Semaphore;
use crate::state::State;
use crate::status::Status;
use crate::token::Token;
use std::future::{Future, IntoFuture, pending, ready};
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A semaphore at any reach. A clone is another handle on the same one.
pub trait Limit: Clone + Send + Sync + 'static {
    /// The guard of permits.
    type Permit: Held;
    /// A request for permits. Named, so that a bound such as `Acquire: WaitBlocking` can be written.
    type Acquire: Wait<Granted = Self::Permit>;
    /// A request to return permits.
    type Release: Wait<Granted = ()>;

    /// What kind of limit this is, for callers that choose by it. It is known without a call to a server, and
    /// never changes.
    fn traits(&self) -> Properties;

    /// Requests `n` permits (C3).
    fn acquire_many(&self, n: u32) -> Self::Acquire;

    /// Requests to return `n` loose permits (C4).
    fn release_many(&self, n: u32) -> Self::Release;

    /// Requests one permit.
    fn acquire(&self) -> Self::Acquire {
        self.acquire_many(1)
    }

    /// Requests to return one loose permit.
    fn release(&self) -> Self::Release {
        self.release_many(1)
    }

    /// Acquires `n` permits and leaves them loose, with no guard (C6): for a later
    /// [`release_many`](Self::release_many) by any participant.
    ///
    /// By default it is an acquire and a [`forget`](Held::forget), two round trips over a network; a reach
    /// that can do both in one does so here.
    ///
    /// # Errors
    ///
    /// Those of an acquire and of a forget: [`ErrorKind::Closed`], [`ErrorKind::TooMany`],
    /// [`ErrorKind::Lost`] if the permits were lost between the two, [`ErrorKind::Unreachable`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future takes the request back, or returns what it was granted (C10). If a forget was sent
    /// and not answered yet, the permits may be loose.
    fn acquire_loose_many(&self, n: u32) -> impl Future<Output = Result<(), Error>> + Send + 'static {
        let request = self.acquire_many(n);
        async move { request.await?.forget().await }
    }

    /// The name of the semaphore, if it has one, as its errors state it. A semaphore of one process has none.
    fn name(&self) -> Option<&str> {
        None
    }

    /// All readings at one instant of the call (C15).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unreachable`], within a time that the reach states (C21); and other errors on the way to
    /// other processes.
    fn state(&self) -> impl Future<Output = Result<State, Error>> + Send;

    /// The readings, the holders and the waiters. `None` if the reach does not know them, as in one process.
    ///
    /// # Errors
    ///
    /// As [`state`](Self::state).
    fn status(&self) -> impl Future<Output = Result<Option<Status>, Error>> + Send {
        ready(Ok(None))
    }

    /// Sets the number of permits to `n` (C13), `1..=` the most that the reach allows (C2).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::BadMax`] for a number out of range; [`ErrorKind::Unreachable`], within a time that the
    /// reach states (C21).
    fn set_max_permits(&self, n: u32) -> impl Future<Output = Result<(), Error>> + Send;

    /// Adds `n` permits, in one step: two callers that grow at the same time both count (C13).
    ///
    /// # Errors
    ///
    /// As [`set_max_permits`](Self::set_max_permits). After `Unreachable` it may have taken effect: look at
    /// the state before growing again.
    fn grow(&self, n: u32) -> impl Future<Output = Result<(), Error>> + Send;

    /// Takes `n` permits away, in one step (C13).
    ///
    /// # Errors
    ///
    /// As [`grow`](Self::grow).
    fn shrink(&self, n: u32) -> impl Future<Output = Result<(), Error>> + Send;

    /// Closes it for all users (C12). A second close does nothing, so it can be repeated.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unreachable`], within a time that the reach states (C21).
    fn close(&self) -> impl Future<Output = Result<(), Error>> + Send;
}

/// A request of a [`Limit`], to `.await`. Dropping the future takes the request back (C10).
#[must_use = "a request does nothing until it is awaited or waited for"]
pub trait Wait: IntoFuture<Output = Result<Self::Granted, Error>, IntoFuture: Send + 'static> + Send + 'static {
    /// What a grant yields.
    type Granted: Send + 'static;

    /// Tries the request, and does not wait for permits. It is a future, since a try may have to ask a
    /// server.
    ///
    /// It must end by itself, within a time that the reach states: see [the
    /// module](self#when-the-other-end-does-not-answer). A wait with a timeout of zero is this try, and has
    /// no other limit (C11).
    ///
    /// # Errors
    ///
    /// As `.await`, and [`ErrorKind::NotNow`]; [`ErrorKind::Unreachable`] if a server does not answer (C21).
    fn try_now(self) -> impl Future<Output = Result<Self::Granted, Error>> + Send;

    /// The error of a wait for this request that timed out. The caller calls this before the wait, and awaits
    /// it after the wait.
    ///
    /// Its kind must be [`ErrorKind::TimedOut`], whatever else goes wrong. If the state can be read, it says
    /// what both sides were waiting for (C22), see [`Error::stuck`]. It must end by itself, as
    /// [`try_now`](Self::try_now). A reach reads the state, in bounded time, and makes the error by
    /// [`Error::timed_out`].
    fn timed_out(&self) -> impl Future<Output = Error> + Send + 'static;
}

/// The ways of waiting that block a thread (C11).
///
/// A reach whose requests are only futures implements this with an empty `impl`: the thread sleeps on the
/// future, which the reach's own session drives.
pub trait WaitBlocking: Wait + Sized {
    /// Blocks the thread until the request is granted. It may wait as long as a server does not answer: see
    /// [the module](self#when-the-other-end-does-not-answer).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Closed`], [`ErrorKind::TooMany`]; over a network [`ErrorKind::Unreachable`], if its place
    /// in the queue was lost; and other errors on the way to other processes.
    fn wait(self) -> Result<Self::Granted, Error> {
        block_on(self.into_future())
    }

    /// Blocks the thread for at most `time`; zero is a try, and a time beyond the range of the clock is no
    /// limit.
    ///
    /// It may end about a second after its time, if it must ask a server for the state: see
    /// [`timed_out`](Wait::timed_out).
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait), and [`ErrorKind::TimedOut`], even if the state can no longer be read.
    fn wait_timeout(self, time: Duration) -> Result<Self::Granted, Error> {
        wait_until(self, Instant::now().checked_add(time))
    }

    /// Blocks the thread until `deadline` at most.
    ///
    /// # Errors
    ///
    /// As [`wait_timeout`](Self::wait_timeout).
    fn wait_deadline(self, deadline: Instant) -> Result<Self::Granted, Error> {
        wait_until(self, Some(deadline))
    }
}

fn wait_until<W: Wait>(request: W, deadline: Option<Instant>) -> Result<W::Granted, Error> {
    let timed_out = request.timed_out();
    if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
        // A try, and not one poll: what is free at the other end of a network is not seen by that (C11).
        return match block_on(request.try_now()) {
            Err(error) if error.kind() == ErrorKind::NotNow => Err(told(timed_out)),
            other => other,
        };
    }
    block_on_until(request.into_future(), deadline).unwrap_or_else(|| Err(told(timed_out)))
}

/// How long a thread that has timed out waits for the state. More than a round trip to another continent.
const TELLING: Duration = Duration::from_secs(1);

/// The error of a wait that timed out. A reach that breaks its promise neither keeps the thread nor changes
/// the kind (C11).
fn told(timed_out: impl Future<Output = Error>) -> Error {
    const UNTOLD: &str = "timed out, and the state could not be read";
    match block_on_until(timed_out, Instant::now().checked_add(TELLING)) {
        Some(error) if error.kind() == ErrorKind::TimedOut => error,
        Some(error) => Error::new(ErrorKind::TimedOut, UNTOLD).with_source(error),
        None => Error::new(ErrorKind::TimedOut, UNTOLD),
    }
}

/// A guard that holds permits; dropping it returns them (C5), without a result.
pub trait Held: Sized + Send + Sync + 'static {
    /// How many permits it holds.
    fn count(&self) -> u32;

    /// Splits `n` permits off, `0..=count`. Both parts have the lease of the whole, and its token; if permits
    /// are numbered, the greatest among their own slots (C19, C20). It does not ask a server.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TooMany`] if there are fewer, and [`ErrorKind::Lost`] if they are lost (C20); the permit
    /// stays as it was.
    fn split(&mut self, n: u32) -> Result<Self, Error>;

    /// Takes the permits of `other` into this guard. From then on its token is the greater one of the two
    /// (C19). It does not ask a server.
    ///
    /// # Errors
    ///
    /// `other`, if it belongs to another semaphore, if the two have different leases (as permits of two
    /// handles have), or if one of them is lost. Both stay as they were.
    fn merge(&mut self, other: Self) -> Result<(), Self>;

    /// Returns the permits, and says whether they were still held. `Ok` is the answer of the server or the
    /// file that decides, never a guess.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Lost`] if they were lost before (C20): then nothing is returned.
    /// [`ErrorKind::Unreachable`] if there is no answer within a time that the reach states (C21): they come
    /// back later, see [the module](self#when-the-other-end-does-not-answer).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the permits: they come back, without a result.
    fn release(self) -> impl Future<Output = Result<(), Error>> + Send;

    /// Leaves the permits given out, as loose ones (C6). They are held until this is done.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Lost`] if they were lost before; [`ErrorKind::Unreachable`] if there is no answer within
    /// a time that the reach states (C21): then they are loose, or come back.
    ///
    /// # Cancel safety
    ///
    /// After the future is dropped they are loose, or come back.
    fn forget(self) -> impl Future<Output = Result<(), Error>> + Send;

    /// A future that is ready once the permits are lost (C20); never, if permits cannot be lost. It borrows
    /// nothing, so you can spawn it beside the work that the permit is for.
    fn lost(&self) -> impl Future<Output = ()> + Send + 'static {
        pending()
    }

    /// Whether the permits are lost (C20): for threads, and for a look before each use.
    fn is_lost(&self) -> bool {
        false
    }

    /// How long the permits are still held for certain, if the lease is not renewed. `None` means as long as
    /// the holder lives.
    fn remaining(&self) -> Option<Duration> {
        None
    }

    /// The fencing token (C19); `None` if grants carry none.
    fn token(&self) -> Option<Token> {
        None
    }
}

/// What kind of limit a [`Limit`] is: see [`Limit::traits`].
///
/// # Examples
///
/// ```
/// use permits::limit::{Properties, Safety};
///
/// const ETCD: Properties = Properties::new(Safety::Linearizable).leased().fenced();
/// assert!(ETCD.leased && ETCD.fenced && !ETCD.overtaking);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Properties {
    /// Permits are held by a lease that the holder must renew, so they can be lost (C20). Then
    /// [`Held::remaining`] is never `None`, and a holder must check [`Held::is_lost`] or wait for
    /// [`Held::lost`]. Otherwise permits are held as long as the holder lives.
    pub leased: bool,
    /// Grants carry a fencing token (C19). Then [`Held::token`] is never `None`; otherwise it always is.
    pub fenced: bool,
    /// Running threads and tries may pass waiters within a bound; otherwise the order is strict (C8).
    pub overtaking: bool,
    /// What an acknowledged grant survives, and so how far you can trust the count when machines fail.
    pub safety: Safety,
}

impl Properties {
    /// For a reach: neither leased nor fenced, in strict order.
    #[must_use]
    pub const fn new(safety: Safety) -> Properties {
        Properties { leased: false, fenced: false, overtaking: false, safety }
    }

    /// For a reach: the same, [`leased`](Self::leased).
    #[must_use]
    pub const fn leased(mut self) -> Properties {
        self.leased = true;
        self
    }

    /// For a reach: the same, [`fenced`](Self::fenced).
    #[must_use]
    pub const fn fenced(mut self) -> Properties {
        self.fenced = true;
        self
    }

    /// For a reach: the same, [`overtaking`](Self::overtaking).
    #[must_use]
    pub const fn overtaking(mut self) -> Properties {
        self.overtaking = true;
        self
    }
}

/// How far you can trust the count of a limit when machines fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Safety {
    /// It lives and dies with one process.
    Process,
    /// It is as safe as the memory of one host.
    Host,
    /// A majority of servers agrees on every grant: none is lost while a majority lives.
    Linearizable,
    /// One server writes every grant to its disk before it says so.
    DurablePrimary,
    /// One server grants; a grant that it has acknowledged can vanish when another server takes over.
    PrimaryOnly,
}

/// A [`Semaphore`] of this process as a [`Limit`].
///
/// It is a separate type, so that the trait's methods do not hide those of an `Arc<Semaphore>`:
/// `semaphore.close()` closes the semaphore there; with the trait it would be a future that is never awaited.
#[derive(Clone, Debug)]
pub struct Local(Arc<Semaphore>);

impl Local {
    /// A new semaphore of `max_permits` permits, as [`Semaphore::new`] makes it.
    ///
    /// # Panics
    ///
    /// As [`Semaphore::new`].
    #[must_use]
    #[track_caller]
    pub fn new(max_permits: u32) -> Local {
        Local(Arc::new(Semaphore::new(max_permits)))
    }

    /// The semaphore behind it.
    #[must_use]
    pub fn semaphore(&self) -> &Arc<Semaphore> {
        &self.0
    }
}

impl From<Arc<Semaphore>> for Local {
    fn from(semaphore: Arc<Semaphore>) -> Local {
        Local(semaphore)
    }
}

impl From<Semaphore> for Local {
    fn from(semaphore: Semaphore) -> Local {
        Local(Arc::new(semaphore))
    }
}

/// The [`Kind`] of a [`Local`]'s requests: as `K`, but every error is an [`Error`].
#[derive(Debug)]
pub struct Uniform<K>(PhantomData<K>);

impl<K> crate::request::Sealed for Uniform<K> {}

impl<K> Kind for Uniform<K>
where
    K: Kind<Error: Into<Error>, TryError: Into<Error>, TimeoutError: Into<Error>>,
{
    const ACT: Act = K::ACT;
    const NAME: &'static str = K::NAME;
    type Output<H: Handle> = K::Output<H>;
    type Error = Error;
    type TryError = Error;
    type TimeoutError = Error;

    fn refused(refusal: Refusal) -> Error {
        K::refused(refusal).into()
    }

    fn try_refused(refusal: Refusal) -> Error {
        K::try_refused(refusal).into()
    }

    fn timeout_refused(refusal: Refusal) -> Error {
        K::timeout_refused(refusal).into()
    }

    fn timed_out(stuck: Stuck) -> Error {
        K::timed_out(stuck).into()
    }

    fn finish<H: Handle>(handle: H, n: u32, hold: Hold) -> K::Output<H> {
        K::finish(handle, n, hold)
    }
}

impl<K, T> Wait for Request<Arc<Semaphore>, Uniform<K>>
where
    Uniform<K>:
        Kind<Output<Arc<Semaphore>> = T, Error = Error, TryError = Error, TimeoutError = Error> + Send + 'static,
    T: Send + 'static,
{
    type Granted = T;

    async fn try_now(self) -> Result<T, Error> {
        self.try_as(Hold::by_nobody())
    }

    fn timed_out(&self) -> impl Future<Output = Error> + Send + 'static {
        let (semaphore, n) = (Arc::clone(self.handle()), self.count());
        async move { <Uniform<K> as Kind>::timed_out(Stuck::new(<Uniform<K> as Kind>::ACT.side(), n, semaphore.state())) }
    }
}

/// By the semaphore's own ways of waiting: without allocation, in order, and with both sides' needs in the
/// error (C22).
impl<K, T> WaitBlocking for Request<Arc<Semaphore>, Uniform<K>>
where
    Uniform<K>:
        Kind<Output<Arc<Semaphore>> = T, Error = Error, TryError = Error, TimeoutError = Error> + Send + 'static,
    T: Send + 'static,
{
    #[cfg_attr(feature = "check", track_caller)]
    fn wait(self) -> Result<T, Error> {
        Request::wait(self)
    }

    #[cfg_attr(feature = "check", track_caller)]
    fn wait_timeout(self, time: Duration) -> Result<T, Error> {
        Request::wait_timeout(self, time)
    }

    #[cfg_attr(feature = "check", track_caller)]
    fn wait_deadline(self, deadline: Instant) -> Result<T, Error> {
        Request::wait_deadline(self, deadline)
    }
}

impl Limit for Local {
    type Permit = OwnedPermit;
    type Acquire = Request<Arc<Semaphore>, Uniform<Guarded>>;
    type Release = Request<Arc<Semaphore>, Uniform<Returned>>;

    fn traits(&self) -> Properties {
        let strict = Properties::new(Safety::Process);
        if self.0.overtakes() > 0 { strict.overtaking() } else { strict }
    }

    fn acquire_many(&self, n: u32) -> Self::Acquire {
        Request::new(Arc::clone(&self.0), n)
    }

    fn release_many(&self, n: u32) -> Self::Release {
        Request::new(Arc::clone(&self.0), n)
    }

    fn acquire_loose_many(&self, n: u32) -> impl Future<Output = Result<(), Error>> + Send + 'static {
        Request::<Arc<Semaphore>, Uniform<Loose>>::new(Arc::clone(&self.0), n)
    }

    async fn state(&self) -> Result<State, Error> {
        Ok(self.0.state())
    }

    async fn set_max_permits(&self, n: u32) -> Result<(), Error> {
        self.0.set_max_permits(n).map_err(not_resized)
    }

    async fn grow(&self, n: u32) -> Result<(), Error> {
        self.0.grow(n).map_err(not_resized)
    }

    async fn shrink(&self, n: u32) -> Result<(), Error> {
        self.0.shrink(n).map_err(not_resized)
    }

    async fn close(&self) -> Result<(), Error> {
        self.0.close();
        Ok(())
    }
}

fn not_resized(error: MaxPermitsError) -> Error {
    Error::from(error).with_operation(Operation::Resize)
}

impl Held for OwnedPermit {
    fn count(&self) -> u32 {
        OwnedPermit::count(self)
    }

    fn split(&mut self, n: u32) -> Result<Self, Error> {
        Ok(OwnedPermit::split(self, n)?)
    }

    fn merge(&mut self, other: Self) -> Result<(), Self> {
        OwnedPermit::merge(self, other).map_err(MergeError::into_permit)
    }

    async fn release(self) -> Result<(), Error> {
        drop(self);
        Ok(())
    }

    async fn forget(self) -> Result<(), Error> {
        OwnedPermit::forget(self);
        Ok(())
    }
}
