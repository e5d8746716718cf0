//! The other end: what a server does for its clients, here in the same process. It knows the clients by their
//! sessions, and a session by its number.

use permits::lease::BootTime;
use permits::{MergeError, OwnedPermit, Semaphore, State};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

pub(crate) fn locked<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The clock of both ends. A real reach asks the system for one that goes on while the machine is suspended.
pub(crate) fn clock() -> BootTime {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    BootTime::new(Duration::from_secs(1) + START.elapsed())
}

pub(crate) struct Server {
    pub(crate) semaphore: Arc<Semaphore>,
    /// How long a session lasts that is not renewed.
    lease: Duration,
    sessions: Mutex<HashMap<u64, Session>>,
    /// Numbers of sessions, of places and of grants.
    next: AtomicU64,
}

/// A client as the server knows it.
struct Session {
    until: BootTime,
    /// All that its client holds. How that is split into permits is the client's own matter.
    held: Option<OwnedPermit>,
    /// Its requests that wait.
    queued: HashMap<u64, Arc<dyn Place>>,
}

/// A request that waits, or one that was granted and whose client has not heard of it. Taking it out cancels
/// it: what it was granted goes to the next, be it permits that it asks for or those that it returns (C10).
pub(crate) trait Place: Send + Sync {
    fn take_out(&self);
}

impl<T: Send> Place for Mutex<Option<T>> {
    fn take_out(&self) {
        let request = locked(self).take();
        drop(request);
    }
}

impl Server {
    pub(crate) fn start(semaphore: Semaphore, lease: Duration) -> Arc<Server> {
        let (semaphore, sessions, next) = (Arc::new(semaphore), Mutex::default(), AtomicU64::new(1));
        let server = Arc::new(Server { semaphore, lease, sessions, next });
        let weak = Arc::downgrade(&server);
        thread::spawn(move || {
            while let Some(server) = weak.upgrade() {
                server.end_sessions_that_ran_out();
                drop(server);
                thread::sleep(lease / 200);
            }
        });
        server
    }

    pub(crate) fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::SeqCst)
    }

    /// Sets how many permits there are, in one step; says which number it was if that is out of range.
    pub(crate) fn resize(&self, max: impl FnOnce(State) -> i64, limit: u32) -> Result<(), i64> {
        // One at a time, by the lock that is there.
        let _sessions = locked(&self.sessions);
        let max = max(self.semaphore.state());
        match u32::try_from(max) {
            Ok(number) if (1..=limit).contains(&number) => self.semaphore.set_max_permits(number).map_err(|_| max),
            _ => Err(max),
        }
    }

    /// Opens a session, and says its number.
    pub(crate) fn open(&self) -> u64 {
        let number = self.number();
        let session = Session { until: clock() + self.lease, held: None, queued: HashMap::new() };
        locked(&self.sessions).insert(number, session);
        number
    }

    /// Whether there is such a session: it lasts for a lease from now on then.
    pub(crate) fn renew(&self, session: u64) -> bool {
        self.with(session, |session| session.until = clock() + self.lease).is_some()
    }

    /// Ends a session whose client says goodbye.
    pub(crate) fn end(&self, session: u64) {
        let ended = locked(&self.sessions).remove(&session);
        ended.into_iter().for_each(Session::end);
    }

    fn end_sessions_that_ran_out(&self) {
        let now = clock();
        let mut sessions = locked(&self.sessions);
        let over: Vec<u64> = sessions.iter().filter(|(_, it)| it.until <= now).map(|(number, _)| *number).collect();
        let over: Vec<Session> = over.iter().filter_map(|number| sessions.remove(number)).collect();
        drop(sessions);
        over.into_iter().for_each(Session::end);
    }

    /// Gives a session what it was granted; `false`, and the permits are free, if there is no such session.
    pub(crate) fn keep(&self, session: u64, permit: OwnedPermit) -> bool {
        let mut permit = Some(permit);
        self.with(session, |session| match (&mut session.held, permit.take()) {
            (Some(held), Some(more)) => held.merge(more).map_err(MergeError::into_permit).expect("of one semaphore"),
            (held, more) => *held = more,
        })
        .is_some()
    }

    /// Takes `n` permits from what a session holds; `None` if there is no such session.
    pub(crate) fn take(&self, session: u64, n: u32) -> Option<OwnedPermit> {
        self.with(session, |session| session.held.as_mut()?.split(n).ok()).flatten()
    }

    /// Notes a request that waits under its session; `false` if there is no such session.
    pub(crate) fn enqueue(&self, session: u64, number: u64, place: Arc<dyn Place>) -> bool {
        self.with(session, |session| session.queued.insert(number, place)).is_some()
    }

    /// The client has what the request was for, or wants it no more.
    pub(crate) fn dequeue(&self, session: u64, number: u64) {
        let place = self.with(session, |session| session.queued.remove(&number)).flatten();
        place.into_iter().for_each(|place| place.take_out());
    }

    fn with<T>(&self, session: u64, act: impl FnOnce(&mut Session) -> T) -> Option<T> {
        locked(&self.sessions).get_mut(&session).map(act)
    }
}

impl Session {
    fn end(self) {
        self.queued.values().for_each(|place| place.take_out());
        drop(self.held);
    }
}
