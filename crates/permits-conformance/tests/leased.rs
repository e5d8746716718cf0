//! The suite on trial: a made-up reach with leases and tokens passes, and each way of getting them wrong is noticed.

use permits::lease::{BootTime, Lease};
use permits::limit::{Held, Limit, Properties, Safety, Wait, WaitBlocking};
use permits::{
    AcquireTimeoutError, Error, ErrorKind, MergeError, OwnedPermit, ReleaseTimeoutError, Semaphore, Side, SplitError,
    State, Stuck, Token,
};
use permits_conformance::{Policy, Rig, Severed, clauses};
use std::collections::HashMap;
use std::future::{Future, IntoFuture};
use std::num::NonZeroU64;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How the reach is made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Made {
    Right,
    /// It gives the permits of who is cut off to others, and does not tell.
    NotTelling,
    /// It gives them to others first, and tells then.
    TellingLate,
    /// It tells, and lets who lost a permit return it all the same.
    Forgiving,
    /// All grants have one token.
    Tokenless,
}

/// What decides about permits: a semaphore of this process, and a count of grants.
struct Server {
    made: Made,
    semaphore: Arc<Semaphore>,
    grants: AtomicU64,
}

/// One handle's link to the server, which has what it holds.
struct Session {
    server: Arc<Server>,
    lease: Mutex<Arc<Lease>>,
    held: Mutex<HashMap<u64, OwnedPermit>>,
    next: AtomicU64,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Nothing here expires by time: a session is cut off by hand.
fn lease() -> Arc<Lease> {
    fn clock() -> BootTime {
        BootTime::new(Duration::from_secs(1))
    }
    Arc::new(Lease::new(clock, clock() + Duration::from_secs(1)))
}

impl Session {
    fn new(server: &Arc<Server>) -> Arc<Session> {
        let (lease, held) = (Mutex::new(lease()), Mutex::default());
        Arc::new(Session { server: Arc::clone(server), lease, held, next: AtomicU64::new(0) })
    }

    fn keep(self: &Arc<Self>, permit: OwnedPermit, token: Token) -> Leased {
        let (id, n) = (self.next.fetch_add(1, Ordering::Relaxed), permit.count());
        let lease = Arc::clone(&locked(&self.lease));
        locked(&self.held).insert(id, permit);
        Leased { session: Arc::clone(self), lease, id, n, token }
    }
}

#[derive(Clone)]
struct Reach(Arc<Session>);

/// A permit as its holder has it.
struct Leased {
    session: Arc<Session>,
    lease: Arc<Lease>,
    id: u64,
    n: u32,
    token: Token,
}

impl Leased {
    /// What the server has of it; an error if it is lost.
    fn take(&self) -> Result<OwnedPermit, Error> {
        let lost = || Error::new(ErrorKind::Lost, "the lease was lost");
        if self.lease.is_lost() {
            return Err(lost());
        }
        locked(&self.session.held).remove(&self.id).ok_or_else(lost)
    }
}

impl Drop for Leased {
    fn drop(&mut self) {
        drop(self.take());
    }
}

impl Held for Leased {
    fn count(&self) -> u32 {
        self.n
    }

    fn split(&mut self, n: u32) -> Result<Leased, Error> {
        if n > self.n {
            return Err(SplitError::new(n, self.n).into());
        }
        let mut whole = self.take()?;
        let part = whole.split(n)?;
        locked(&self.session.held).insert(self.id, whole);
        self.n -= n;
        Ok(self.session.keep(part, self.token))
    }

    fn merge(&mut self, other: Leased) -> Result<(), Leased> {
        if !Arc::ptr_eq(&self.session, &other.session) {
            return Err(other);
        }
        let (Ok(mut mine), Ok(theirs)) = (self.take(), other.take()) else { return Err(other) };
        mine.merge(theirs).map_err(MergeError::into_permit).expect("they are of one semaphore");
        (self.n, self.token) = (mine.count(), self.token.max(other.token));
        locked(&self.session.held).insert(self.id, mine);
        Ok(())
    }

    async fn release(self) -> Result<(), Error> {
        match self.take() {
            Err(error) if self.session.server.made != Made::Forgiving => Err(error),
            returned => {
                drop(returned);
                Ok(())
            }
        }
    }

    async fn forget(self) -> Result<(), Error> {
        self.take().map(OwnedPermit::forget)
    }

    fn lost(&self) -> impl Future<Output = ()> + Send + 'static {
        self.lease.lost()
    }

    fn is_lost(&self) -> bool {
        self.lease.is_lost()
    }

    fn remaining(&self) -> Option<Duration> {
        Some(self.lease.remaining())
    }

    fn token(&self) -> Option<Token> {
        Some(self.token)
    }
}

type Boxed<T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>;

struct Acquiring(Reach, u32);
struct Releasing(Reach, u32);

impl Acquiring {
    fn granted(&self, permit: OwnedPermit) -> Leased {
        let server = &self.0.0.server;
        let grant = if server.made == Made::Tokenless { 1 } else { server.grants.fetch_add(1, Ordering::SeqCst) + 1 };
        self.0.0.keep(permit, Token::new(NonZeroU64::new(grant).expect("it counts from 1")))
    }
}

impl IntoFuture for Acquiring {
    type Output = Result<Leased, Error>;
    type IntoFuture = Boxed<Leased>;

    fn into_future(self) -> Boxed<Leased> {
        Box::pin(async move {
            let request = self.0.0.server.semaphore.acquire_many_owned(self.1);
            Ok(self.granted(request.await?))
        })
    }
}

impl IntoFuture for Releasing {
    type Output = Result<(), Error>;
    type IntoFuture = Boxed<()>;

    fn into_future(self) -> Boxed<()> {
        let request = self.0.0.server.semaphore.release_many_owned(self.1);
        Box::pin(async move { Ok(request.await?) })
    }
}

impl Wait for Acquiring {
    type Granted = Leased;

    async fn try_now(self) -> Result<Leased, Error> {
        let permit = self.0.0.server.semaphore.try_acquire_many_owned(self.1)?;
        Ok(self.granted(permit))
    }

    fn timed_out(&self) -> impl Future<Output = Error> + Send + 'static {
        let (semaphore, n) = (Arc::clone(&self.0.0.server.semaphore), self.1);
        async move { AcquireTimeoutError::TimedOut(Stuck::new(Side::Acquire, n, semaphore.state())).into() }
    }
}

impl Wait for Releasing {
    type Granted = ();

    async fn try_now(self) -> Result<(), Error> {
        Ok(self.0.0.server.semaphore.try_release_many(self.1)?)
    }

    fn timed_out(&self) -> impl Future<Output = Error> + Send + 'static {
        let (semaphore, n) = (Arc::clone(&self.0.0.server.semaphore), self.1);
        async move { ReleaseTimeoutError::TimedOut(Stuck::new(Side::Release, n, semaphore.state())).into() }
    }
}

// By the future, as a reach over a network does.
impl WaitBlocking for Acquiring {}
impl WaitBlocking for Releasing {}

impl Limit for Reach {
    type Permit = Leased;
    type Acquire = Acquiring;
    type Release = Releasing;

    fn traits(&self) -> Properties {
        Properties::new(Safety::Process).leased().fenced()
    }

    fn acquire_many(&self, n: u32) -> Acquiring {
        Acquiring(self.clone(), n)
    }

    fn release_many(&self, n: u32) -> Releasing {
        Releasing(self.clone(), n)
    }

    async fn state(&self) -> Result<State, Error> {
        Ok(self.0.server.semaphore.state())
    }

    async fn set_max_permits(&self, n: u32) -> Result<(), Error> {
        Ok(self.0.server.semaphore.set_max_permits(n)?)
    }

    async fn grow(&self, n: u32) -> Result<(), Error> {
        Ok(self.0.server.semaphore.grow(n)?)
    }

    async fn shrink(&self, n: u32) -> Result<(), Error> {
        Ok(self.0.server.semaphore.shrink(n)?)
    }

    async fn close(&self) -> Result<(), Error> {
        self.0.server.semaphore.close();
        Ok(())
    }
}

impl Rig for Made {
    type Limit = Reach;

    const MAX_PERMITS: u32 = Semaphore::MAX_PERMITS;

    fn fresh(&self, _: Policy, max: u32) -> Result<Reach, Error> {
        let semaphore = Arc::new(Semaphore::try_fair(max)?);
        let server = Arc::new(Server { made: *self, semaphore, grants: AtomicU64::new(0) });
        Ok(Reach(Session::new(&server)))
    }

    fn another(&self, limit: &Reach) -> Reach {
        Reach(Session::new(&limit.0.server))
    }

    fn grace(&self) -> Duration {
        Duration::from_millis(5)
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(60)
    }

    fn rounds(&self) -> u32 {
        200
    }
}

impl Severed for Made {
    fn sever(&self, limit: &Reach) {
        if !matches!(self, Made::NotTelling | Made::TellingLate) {
            // What the holder's clock does, before the server's has run out.
            locked(&limit.0.lease).revoke();
        }
        let held = std::mem::take(&mut *locked(&limit.0.held));
        drop(held);
        if *self == Made::TellingLate {
            // When the next one has been there: a deadline as long as the suite's for what must not happen.
            let state = || limit.0.server.semaphore.state();
            permits_conformance::wait::eventually(self.grace(), || {
                state().given_out == 0 && state().waiting_acquirers == 0
            });
            locked(&limit.0.lease).revoke();
        }
    }

    fn heal(&self, limit: &Reach) {
        *locked(&limit.0.lease) = lease();
    }
}

#[test]
fn reach_that_is_made_right_passes() {
    clauses::c19_fencing(&Made::Right, Policy::Fair);
    clauses::c20_loss(&Made::Right, Policy::Fair);
}

#[test]
fn reach_that_blocks_on_its_futures_keeps_the_order_and_cancels() {
    let (rig, policy) = (&Made::Right, Policy::Fair);

    clauses::c03_acquire(rig, policy);
    clauses::c04_release(rig, policy);
    clauses::c05_guards(rig, policy);
    clauses::c06_forget(rig, policy);
    clauses::c08_order(rig, policy);
    clauses::c10_cancel(rig, policy);
    clauses::c11_time(rig, policy);
    clauses::c12_close(rig, policy);
    clauses::c22_batches(rig, policy);
}

/// A request that is never ready at its first poll, as those that travel.
struct Travelling;

impl IntoFuture for Travelling {
    type Output = Result<(), Error>;
    type IntoFuture = Boxed<()>;

    fn into_future(self) -> Boxed<()> {
        Box::pin(std::future::pending())
    }
}

impl Wait for Travelling {
    type Granted = ();

    async fn try_now(self) -> Result<(), Error> {
        Ok(())
    }

    fn timed_out(&self) -> impl Future<Output = Error> + Send + 'static {
        std::future::ready(Error::new(ErrorKind::TimedOut, "it never comes"))
    }
}

impl WaitBlocking for Travelling {}

#[test]
fn timeout_of_zero_is_a_try_and_not_a_poll() {
    assert!(Travelling.wait_timeout(Duration::ZERO).is_ok());
    let error = Travelling.wait_timeout(Duration::from_millis(1)).expect_err("it never comes");
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}

#[test]
#[should_panic(expected = "another one has the permit, and its holder does not know")]
fn holder_that_is_not_told_is_noticed() {
    clauses::c20_loss(&Made::NotTelling, Policy::Fair);
}

#[test]
#[should_panic(expected = "the first did not know")]
fn holder_that_is_told_late_is_noticed() {
    clauses::c20_loss(&Made::TellingLate, Policy::Fair);
}

#[test]
#[should_panic(expected = "it succeeded, and should have failed with Lost")]
fn release_after_a_loss_is_noticed() {
    clauses::c20_loss(&Made::Forgiving, Policy::Fair);
}

#[test]
#[should_panic(expected = "a token is not greater than the one before it")]
fn token_that_does_not_grow_is_noticed() {
    clauses::c19_fencing(&Made::Tokenless, Policy::Fair);
}
