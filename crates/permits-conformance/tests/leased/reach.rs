//! A reach over a made-up network: a session for each handle, with a lease that it renews.
//!
//! Calls that travel block for as long as they take, as there is no runtime here; all else is as a real reach does it.

use crate::flaw::{Call, Flaw};
use crate::server::{Place, Server, clock, locked};
use permits::lease::{BootTime, Lease};
use permits::limit::{Held, Limit, Properties, Safety, Wait, WaitBlocking};
use permits::{Error, ErrorKind, MaxPermitsError, Operation, OwnedPermit, Side, SplitError, State, Token};
use std::collections::HashMap;
use std::future::{Future, IntoFuture, pending, poll_fn};
use std::num::NonZeroU64;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

/// The most permits that this reach allows.
pub(crate) const MAX_PERMITS: u32 = 1000;

/// A handle: what implements [`Limit`].
#[derive(Clone)]
pub(crate) struct Reach(Arc<Session>);

/// A client's end: its link to the server, and its lease.
struct Session {
    server: Arc<Server>,
    flaw: Flaw,
    duration: Duration,
    link: Mutex<Link>,
    seat: Mutex<Seat>,
    /// What the server could not be told yet: permits that were dropped, by the number of the session that held them.
    unsent: Mutex<HashMap<u64, u32>>,
    loop_thread: OnceLock<Thread>,
}

#[derive(Default)]
struct Link {
    is_cut: bool,
    /// How much later what the server says arrives.
    delay: Duration,
    /// Those who wait: for an answer, or for the link.
    wakers: Vec<Waker>,
}

/// The lease as this end knows it, and what its session is called at the other. There is another one after it was lost.
#[derive(Clone)]
struct Seat {
    session: u64,
    lease: Arc<Lease>,
    /// When the lease was last asked for.
    asked: BootTime,
}

fn unreachable() -> Error {
    Error::new(ErrorKind::Unreachable, "the server does not answer")
}

fn lost() -> Error {
    Error::new(ErrorKind::Lost, "the lease was lost")
}

impl Session {
    fn start(server: &Arc<Server>, flaw: Flaw, duration: Duration) -> Arc<Session> {
        let (link, unsent, loop_thread) = (Mutex::default(), Mutex::default(), OnceLock::new());
        let asked = clock();
        let (session, server) = (server.open(), Arc::clone(server));
        let lease = Arc::new(Lease::new(clock, flaw.deadline(asked, duration)));
        let seat = Mutex::new(Seat { session, lease, asked });
        let session = Arc::new(Session { server, flaw, duration, link, seat, unsent, loop_thread });

        let weak = Arc::downgrade(&session);
        let running = thread::spawn(move || {
            // The session loop: it renews, looks at the deadline, and sleeps until the next of both.
            while let Some(session) = weak.upgrade() {
                let pause = session.tend();
                drop(session);
                thread::park_timeout(pause);
            }
        });
        session.loop_thread.set(running.thread().clone()).expect("it is set once");
        session
    }

    /// One turn of the session loop; how long until the next.
    fn tend(&self) -> Duration {
        self.send_what_is_unsent();
        let period = self.duration / 3;
        let seat = locked(&self.seat).clone();
        // Whoever waits for the loss is woken by this look, at the deadline.
        let Some(deadline) = seat.lease.check() else {
            self.wake_those_who_wait();
            return period;
        };
        let now = clock();
        let due = seat.asked + period;
        if now < due {
            return due.saturating_duration_since(now).min(deadline.saturating_duration_since(now));
        }
        match self.call(|server| server.renew(seat.session)) {
            Ok(true) => {
                // From when it was asked for: what the server counts from was later.
                _ = seat.lease.renew(self.flaw.deadline(now, self.duration));
                locked(&self.seat).asked = now;
            }
            // The server has ended the session.
            Ok(false) => seat.lease.revoke(),
            Err(_) => return (period / 10).min(deadline.saturating_duration_since(now)),
        }
        Duration::ZERO
    }

    /// A lease that is held: a new one, if the last was lost.
    fn seat(&self) -> Result<Seat, Error> {
        let mut seat = locked(&self.seat);
        if seat.lease.is_lost() {
            let asked = clock();
            let session = self.call(|server| server.open())?;
            let lease = Arc::new(Lease::new(clock, self.flaw.deadline(asked, self.duration)));
            *seat = Seat { session, lease, asked };
        }
        Ok(seat.clone())
    }

    /// A call that travels. Where the link is cut a real one takes some time to find out.
    fn call<T>(&self, act: impl FnOnce(&Server) -> T) -> Result<T, Error> {
        let link = locked(&self.link);
        if link.is_cut {
            return Err(unreachable());
        }
        let (answer, delay) = (act(&self.server), link.delay);
        drop(link);
        if !delay.is_zero() {
            thread::sleep(delay);
            // What was on its way when the link was cut does not arrive.
            if locked(&self.link).is_cut {
                return Err(unreachable());
            }
        }
        Ok(answer)
    }

    /// What a caller asks for. It hangs where the reach is made so.
    async fn ask<T>(&self, call: Call, act: impl FnOnce(&Session) -> Result<T, Error>) -> Result<T, Error> {
        if self.flaw == Flaw::Hanging(call) && locked(&self.link).is_cut {
            pending::<()>().await;
        }
        act(self)
    }

    async fn asked_for_state(&self, call: Call) -> Result<State, Error> {
        self.ask(call, |session| session.call(|server| server.semaphore.state())).await
    }

    /// Tells the server, or has the session loop tell it later; never waits (C5).
    fn give_back(&self, session: u64, n: u32) {
        if self.flaw != Flaw::Leaking || !locked(&self.link).is_cut {
            *locked(&self.unsent).entry(session).or_default() += n;
        }
        self.send_what_is_unsent();
    }

    fn send_what_is_unsent(&self) {
        let link = locked(&self.link);
        if !link.is_cut {
            let unsent = std::mem::take(&mut *locked(&self.unsent));
            for (session, n) in unsent {
                drop(self.server.take(session, n));
            }
        }
    }

    fn keep(self: &Arc<Self>, seat: Seat, permit: OwnedPermit) -> Result<Leased, Error> {
        let n = permit.count();
        if !self.server.keep(seat.session, permit) {
            return Err(unreachable());
        }
        Ok(Leased { session: Arc::clone(self), seat, n, token: self.token() })
    }

    fn token(&self) -> Token {
        let grant = if self.flaw == Flaw::Tokenless { 1 } else { self.server.number() };
        Token::new(NonZeroU64::new(grant).expect("it counts from 1"))
    }

    /// Ready if the link is there; whoever waits is woken when it is mended.
    fn poll_link(&self, context: &Context<'_>) -> Poll<()> {
        let mut link = locked(&self.link);
        if !link.wakers.iter().any(|waker| waker.will_wake(context.waker())) {
            link.wakers.push(context.waker().clone());
        }
        if link.is_cut { Poll::Pending } else { Poll::Ready(()) }
    }

    fn wake_those_who_wait(&self) {
        let wakers = std::mem::take(&mut locked(&self.link).wakers);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Has a request wait at the server, and hears what comes of it.
    ///
    /// The server grants it by setting permits aside; that this end has heard of it is what makes it happen
    /// (C10). So a grant to a client that is cut off goes on to the next when its session ends.
    async fn wait<F, T>(self: Arc<Self>, request: F) -> Result<(Seat, T), Error>
    where
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let seat = loop {
            poll_fn(|context| self.poll_link(context)).await;
            if let Ok(seat) = self.seat() {
                break seat;
            }
        };
        let place = Arc::new(Mutex::new(Some(Box::pin(request))));
        let entered = Entered { client: &self, session: seat.session, number: self.server.number() };
        let erased = Arc::clone(&place) as Arc<dyn Place>;
        if !self.server.enqueue(seat.session, entered.number, erased) {
            return Err(unreachable());
        }
        let granted = poll_fn(|context| {
            if self.poll_link(context).is_pending() {
                return Poll::Pending;
            }
            // Through the link, so that it is not cut in between.
            let answer = self.call(|_| {
                let mut place = locked(&place);
                let polled = place.as_mut().map(|request| request.as_mut().poll(context));
                if polled.as_ref().is_some_and(Poll::is_ready) {
                    *place = None;
                }
                polled
            });
            match answer {
                Err(_) => Poll::Pending,
                Ok(Some(polled)) => polled,
                // The session ended, and the place with it.
                Ok(None) if self.flaw == Flaw::Stranding => Poll::Pending,
                Ok(None) => Poll::Ready(Err(unreachable())),
            }
        })
        .await?;
        Ok((seat, granted))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let session = locked(&self.seat).session;
        let server = Arc::clone(&self.server);
        _ = self.call(|_| server.end(session));
        self.loop_thread.get().into_iter().for_each(Thread::unpark);
    }
}

/// A place at the server; dropping it leaves the queue, if the server can be told.
struct Entered<'s> {
    client: &'s Session,
    session: u64,
    number: u64,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let (session, number) = (self.session, self.number);
        let link = locked(&self.client.link);
        if !link.is_cut {
            self.client.server.dequeue(session, number);
        }
    }
}

/// A permit as its holder has it: a number, a lease and a token. Splitting and merging asks nobody.
pub(crate) struct Leased {
    session: Arc<Session>,
    seat: Seat,
    n: u32,
    token: Token,
}

impl Leased {
    /// Takes the permits out of this guard, and asks the server to do something with them.
    async fn end(mut self, call: Call, act: fn(OwnedPermit)) -> Result<(), Error> {
        if self.is_lost() {
            return Err(lost());
        }
        let (session, n) = (self.seat.session, self.n);
        let client = Arc::clone(&self.session);
        // Without an answer the guard is dropped as any other: the permits come back later.
        let taken = client.ask(call, |it| it.call(|server| server.take(session, n).map(act).is_some())).await?;
        self.n = 0;
        if taken {
            return Ok(());
        }
        self.seat.lease.revoke();
        Err(lost())
    }
}

impl Drop for Leased {
    fn drop(&mut self) {
        if self.n > 0 && !self.is_lost() {
            self.session.give_back(self.seat.session, self.n);
        }
    }
}

impl Held for Leased {
    fn count(&self) -> u32 {
        self.n
    }

    fn split(&mut self, n: u32) -> Result<Leased, Error> {
        let rest = self.n.checked_sub(n).ok_or_else(|| SplitError::new(n, self.n))?;
        if self.is_lost() && self.session.flaw != Flaw::SplittingTheLost {
            return Err(lost().with_operation(Operation::Split));
        }
        self.n = rest;
        let is_renumbered = self.session.flaw == Flaw::RenumberingParts;
        let token = if is_renumbered { self.session.token() } else { self.token };
        Ok(Leased { session: Arc::clone(&self.session), seat: self.seat.clone(), n, token })
    }

    fn merge(&mut self, mut other: Leased) -> Result<(), Leased> {
        let is_of_this_lease = Arc::ptr_eq(&self.seat.lease, &other.seat.lease) && !self.is_lost();
        if !is_of_this_lease && self.session.flaw != Flaw::MergingLeases {
            return Err(other);
        }
        self.n += std::mem::take(&mut other.n);
        if self.session.flaw != Flaw::KeepingTheToken {
            self.token = self.token.max(other.token);
        }
        Ok(())
    }

    async fn release(self) -> Result<(), Error> {
        let flaw = self.session.flaw;
        match self.end(Call::Release, drop).await {
            Err(error) if flaw == Flaw::Forgiving && error.kind() == ErrorKind::Lost => Ok(()),
            Err(error) if flaw == Flaw::NotHearing && error.kind() == ErrorKind::Unreachable => Ok(()),
            other => other,
        }
    }

    async fn forget(self) -> Result<(), Error> {
        self.end(Call::Forget, OwnedPermit::forget).await
    }

    fn lost(&self) -> impl Future<Output = ()> + Send + 'static {
        self.seat.lease.lost()
    }

    fn is_lost(&self) -> bool {
        self.seat.lease.is_lost()
    }

    fn remaining(&self) -> Option<Duration> {
        Some(self.seat.lease.remaining())
    }

    fn token(&self) -> Option<Token> {
        Some(self.token)
    }
}

type Boxed<T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>;

pub(crate) struct Acquiring(Arc<Session>, u32);
pub(crate) struct Releasing(Arc<Session>, u32);

impl IntoFuture for Acquiring {
    type Output = Result<Leased, Error>;
    type IntoFuture = Boxed<Leased>;

    fn into_future(self) -> Boxed<Leased> {
        let request = self.0.server.semaphore.acquire_many_owned(self.1);
        Box::pin(async move {
            let client = Arc::clone(&self.0);
            let (seat, permit) = client.wait(async move { Ok(request.await?) }).await?;
            self.0.keep(seat, permit)
        })
    }
}

impl IntoFuture for Releasing {
    type Output = Result<(), Error>;
    type IntoFuture = Boxed<()>;

    fn into_future(self) -> Boxed<()> {
        let Releasing(client, n) = self;
        let request = client.server.semaphore.release_many_owned(n);
        Box::pin(async move {
            if client.flaw == Flaw::GrantingInOneStep {
                let running = thread::spawn(|| request.wait());
                let finished = poll_fn(move |context| {
                    context.waker().wake_by_ref();
                    if running.is_finished() { Poll::Ready(Ok(())) } else { Poll::Pending }
                });
                return client.wait(finished).await.map(drop);
            }
            client.wait(async move { Ok(request.await?) }).await.map(drop)
        })
    }
}

impl Wait for Acquiring {
    type Granted = Leased;

    async fn try_now(self) -> Result<Leased, Error> {
        let (client, n) = (Arc::clone(&self.0), self.1);
        let granted = client.ask(Call::TryAcquire, |it| {
            let seat = it.seat()?;
            let permit = it.call(|server| server.semaphore.try_acquire_many_owned(n))??;
            self.0.keep(seat, permit)
        });
        granted.await.map_err(|error| self.0.flaw.told(error))
    }

    fn timed_out(&self) -> impl Future<Output = Error> + Send + 'static {
        timed_out(&self.0, Side::Acquire, self.1)
    }
}

impl Wait for Releasing {
    type Granted = ();

    async fn try_now(self) -> Result<(), Error> {
        let n = self.1;
        let granted = self.0.ask(Call::TryRelease, |it| Ok(it.call(|server| server.semaphore.try_release_many(n))??));
        granted.await
    }

    fn timed_out(&self) -> impl Future<Output = Error> + Send + 'static {
        timed_out(&self.0, Side::Release, self.1)
    }
}

fn timed_out(client: &Arc<Session>, side: Side, n: u32) -> impl Future<Output = Error> + Send + use<> {
    let client = Arc::clone(client);
    async move {
        match client.asked_for_state(Call::TimedOut).await {
            Err(error) if client.flaw == Flaw::ChangingTheKind => error,
            state => client.flaw.told(Error::timed_out(side, n, state)),
        }
    }
}

// By the future, as a reach over a network does.
impl WaitBlocking for Acquiring {}
impl WaitBlocking for Releasing {}

impl Reach {
    pub(crate) fn connect(server: &Arc<Server>, flaw: Flaw, lease: Duration) -> Reach {
        Reach(Session::start(server, flaw, lease))
    }

    /// Another client of the same server.
    pub(crate) fn another(&self) -> Reach {
        Reach::connect(&self.0.server, self.0.flaw, self.0.duration)
    }

    pub(crate) fn cut(&self) {
        locked(&self.0.link).is_cut = true;
    }

    pub(crate) fn mend(&self) {
        locked(&self.0.link).is_cut = false;
        self.0.wake_those_who_wait();
        self.0.loop_thread.get().into_iter().for_each(Thread::unpark);
    }

    pub(crate) fn delay(&self, time: Duration) {
        locked(&self.0.link).delay = time;
    }

    async fn resize(&self, max: impl FnOnce(State) -> i64) -> Result<(), Error> {
        let resized = self.0.ask(Call::Resize, |it| {
            let refused = |max| MaxPermitsError::new(max, it.flaw.limit(MAX_PERMITS));
            Ok(it.call(|server| server.resize(max, MAX_PERMITS))?.map_err(refused)?)
        });
        resized.await
    }
}

impl Limit for Reach {
    type Permit = Leased;
    type Acquire = Acquiring;
    type Release = Releasing;

    fn traits(&self) -> Properties {
        match self.0.flaw {
            Flaw::Unleased => Properties::new(Safety::PrimaryOnly).fenced(),
            Flaw::Unfenced => Properties::new(Safety::PrimaryOnly).leased(),
            Flaw::SafeAsAProcess => Properties::new(Safety::Process).leased().fenced(),
            _ => Properties::new(Safety::PrimaryOnly).leased().fenced(),
        }
    }

    fn acquire_many(&self, n: u32) -> Acquiring {
        Acquiring(Arc::clone(&self.0), n)
    }

    fn release_many(&self, n: u32) -> Releasing {
        Releasing(Arc::clone(&self.0), n)
    }

    async fn state(&self) -> Result<State, Error> {
        self.0.asked_for_state(Call::State).await
    }

    async fn set_max_permits(&self, n: u32) -> Result<(), Error> {
        self.resize(|_| n.into()).await
    }

    async fn grow(&self, n: u32) -> Result<(), Error> {
        self.resize(|state| i64::from(state.max_permits) + i64::from(n)).await
    }

    async fn shrink(&self, n: u32) -> Result<(), Error> {
        self.resize(|state| i64::from(state.max_permits) - i64::from(n)).await
    }

    async fn close(&self) -> Result<(), Error> {
        self.0.ask(Call::Close, |it| it.call(|server| server.semaphore.close())).await
    }
}
