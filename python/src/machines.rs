//! A semaphore of machines, as this process has it.
//!
//! Its calls go to servers. What does not wait for a permit waits for their answer at least, so it detaches
//! its thread from the interpreter too ([`answer`]). The lease is renewed by a thread of the connection,
//! which is not Python's: it needs no interpreter lock.
//!
//! The last handle on a connection gives the lease back, without waiting for it. The end of the interpreter
//! waits for all of these ([`leave`]), or the process would be gone first, and its permits out until their
//! leases end.

use crate::errors::Failure;
use crate::locks::lock;
use crate::own::Own;
use crate::park::Sleeper;
use permits::limit::{Held, Limit, Wait};
use permits::{Error, ErrorKind, State, Token};
use permits_any::{Address, AnyPermit, AnySemaphore, Cluster, Options};
use pyo3::prelude::*;
use std::pin::Pin;
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

/// Leases that are being given back.
static LEAVING: Mutex<Vec<Own<Leaving>>> = Mutex::new(Vec::new());
/// Connections that may be in use.
static OPEN: Mutex<Vec<Weak<Machines>>> = Mutex::new(Vec::new());

type Leaving = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// With which number of permits a semaphore is opened.
#[derive(Clone, Copy)]
pub(crate) enum Terms {
    Max(u32),
    Resized(u32),
    Existing,
}

struct Connection {
    sem: AnySemaphore,
    #[cfg(feature = "machines")]
    etcd: permits_etcd::Etcd,
}

/// A handle on a semaphore of machines, with a connection of its own.
pub(crate) struct Machines {
    connection: Own<Connection>,
    address: Address,
}

impl Machines {
    /// Connects, and opens what an address names. `backend` is where `@NAME` is.
    pub(crate) fn open(
        address: &str,
        backend: Option<&str>,
        terms: Terms,
        options: &Options,
    ) -> Result<Arc<Machines>, Failure> {
        let backend = backend.map(Cluster::parse).transpose().map_err(Failure::Machines)?;
        let address = Address::parse(address, backend.as_ref()).map_err(Failure::Machines)?;
        let connection = connect(&address, terms, options)?;
        let machines = Arc::new(Machines { connection: Own::new(connection), address });
        let mut open = lock(&OPEN);
        open.retain(|known| known.strong_count() > 0);
        open.push(Arc::downgrade(&machines));
        Ok(machines)
    }

    /// Its address, which never has a password.
    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn name(&self) -> &str {
        self.address.name()
    }

    /// The semaphore; an error in a child of a fork.
    pub(crate) fn sem(&self) -> Result<&AnySemaphore, Failure> {
        self.connection.get().map(|connection| &connection.sem).ok_or_else(|| not_ours(self.name()))
    }

    pub(crate) fn state(&self) -> Result<State, Failure> {
        answer(self.sem()?.state())
    }

    /// A try, with an error that tells what both sides wait for if it fails (C22).
    pub(crate) fn last_try<W: Wait>(&self, request: W) -> Result<W::Granted, Failure> {
        answer(async {
            let late = request.timed_out();
            match request.try_now().await {
                Err(why) if why.kind() == ErrorKind::NotNow => Err(late.await),
                outcome => outcome,
            }
        })
    }

    /// Gives the lease back, with all that is held under it.
    fn disconnect(&self) {
        #[cfg(feature = "machines")]
        if let Some(connection) = self.connection.get() {
            send_off(Box::pin(connection.etcd.disconnect()));
        }
    }
}

impl Drop for Machines {
    fn drop(&mut self) {
        self.disconnect();
    }
}

#[cfg(feature = "machines")]
fn connect(address: &Address, terms: Terms, options: &Options) -> Result<Connection, Failure> {
    let Address::Etcd { cluster, name } = address else {
        let what = format!("`{}` is a name of this host, not an address of machines", address.name());
        return Err(Failure::Machines(Error::new(ErrorKind::BadName, what)));
    };
    let etcd = options.connect(cluster).map_err(Failure::Machines)?;
    let sem = answer(match terms {
        Terms::Max(max) => etcd.open(name, max),
        Terms::Resized(max) => etcd.open_resized(name, max),
        Terms::Existing => etcd.open_existing(name),
    })?;
    Ok(Connection { sem: AnySemaphore::Etcd(sem), etcd })
}

/// The error says that this was built without machines.
#[cfg(not(feature = "machines"))]
fn connect(address: &Address, terms: Terms, options: &Options) -> Result<Connection, Failure> {
    let sem = answer(match terms {
        Terms::Max(max) => options.open(address, max),
        Terms::Resized(max) => options.open_resized(address, max),
        Terms::Existing => options.open_existing(address),
    })?;
    Ok(Connection { sem })
}

/// Has a call begin. Only the end of the interpreter waits for it.
#[cfg(feature = "machines")]
fn send_off(mut call: Leaving) {
    let mut context = Context::from_waker(std::task::Waker::noop());
    if call.as_mut().poll(&mut context).is_pending() {
        let mut all = lock(&LEAVING);
        all.retain_mut(|other| other.get_mut().is_some_and(|other| other.as_mut().poll(&mut context).is_pending()));
        all.push(Own::new(call));
    }
}

/// Gives all leases of this process back, and waits until the servers have answered, or have not in time; or
/// until a signal's handler raises.
pub(crate) fn leave() -> Result<(), Failure> {
    let open: Vec<_> = lock(&OPEN).iter().filter_map(Weak::upgrade).collect();
    open.iter().for_each(|machines| machines.disconnect());
    let leaving = std::mem::take(&mut *lock(&LEAVING));
    for leaving in leaving {
        let Some(leaving) = leaving.into_inner() else { continue };
        // Without an answer the permits come back when their leases end.
        if let Err(raised @ Failure::Raised(_)) = answer(leaving) {
            return Err(raised);
        }
    }
    Ok(())
}

/// Waits for an answer, detached from the interpreter. A signal's handler that raises ends the wait.
pub(crate) fn answer<T>(call: impl Future<Output = Result<T, Error>>) -> Result<T, Failure> {
    Python::attach(|py| {
        let mut sleeper = Sleeper::new();
        let mut call = Own::new(Box::pin(call));
        loop {
            // A handler may have forked, and this may be the child.
            let Some(call) = call.get_mut() else { return Err(not_ours("")) };
            if let Poll::Ready(outcome) = call.as_mut().poll(&mut Context::from_waker(sleeper.waker())) {
                return outcome.map_err(Failure::Machines);
            }
            if sleeper.sleep(py, None) {
                py.check_signals().map_err(Failure::Raised)?;
            }
        }
    })
}

/// Permits that are held on machines. In a child of a fork it holds none: they are the parent's.
pub(crate) struct Lent {
    permit: Own<AnyPermit>,
    // After the permit: the last of these gives the lease back.
    of: Arc<Machines>,
}

impl Lent {
    pub(crate) fn new(of: &Arc<Machines>, permit: Own<AnyPermit>) -> Lent {
        Lent { permit, of: Arc::clone(of) }
    }

    pub(crate) fn count(&self) -> u32 {
        self.permit.get().map_or(0, Held::count)
    }

    pub(crate) fn token(&self) -> Option<u64> {
        self.permit.get().and_then(Held::token).map(Token::get)
    }

    pub(crate) fn remaining(&self) -> Option<Duration> {
        self.permit.get().map_or(Some(Duration::ZERO), Held::remaining)
    }

    /// Also in a child of a fork, which does not hold them.
    pub(crate) fn is_lost(&self) -> bool {
        self.permit.get().is_none_or(Held::is_lost)
    }

    /// A future that is ready once they are lost, and does not hold them; `None` in a child of a fork.
    pub(crate) fn lost(&self) -> Option<Pin<Box<dyn Future<Output = ()> + Send>>> {
        self.permit.get().map(|permit| -> Pin<Box<dyn Future<Output = ()> + Send>> { Box::pin(permit.lost()) })
    }

    pub(crate) fn of(&self) -> &Arc<Machines> {
        &self.of
    }

    /// Why it cannot be given back, if it is lost.
    pub(crate) fn loss(&self) -> Option<Failure> {
        let is_lost = self.permit.get().is_some_and(Held::is_lost);
        is_lost.then(|| {
            let what = "the permits were lost: the lease has ended, or another client has revoked them";
            Failure::Machines(Error::new(ErrorKind::Lost, what).with_semaphore(self.of.name()))
        })
    }

    pub(crate) fn forget(self) -> Result<(), Failure> {
        match self.permit.into_inner() {
            Some(permit) => Python::attach(|py| {
                // Not ended by a signal: then it would be unknown whether they are loose. It ends in time by
                // itself.
                py.detach(|| permits::blocking::block_on(permit.forget())).map_err(Failure::Machines)
            }),
            None => Err(not_ours(self.of.name())),
        }
    }

    pub(crate) fn into_permit(self) -> Own<AnyPermit> {
        self.permit
    }

    pub(crate) fn split(&mut self, n: u32) -> Option<Lent> {
        let part = self.permit.get_mut()?.split(n).ok()?;
        Some(Lent::new(&self.of, Own::new(part)))
    }

    /// Takes in those of `other`; gives it back if it is of another semaphore.
    pub(crate) fn merge(&mut self, other: Lent) -> Result<(), Lent> {
        let Lent { permit, of } = other;
        let (Some(mine), Some(theirs)) = (self.permit.get_mut(), permit.into_inner()) else {
            // A child of a fork, where neither holds anything.
            return Ok(());
        };
        mine.merge(theirs).map_err(|theirs| Lent { permit: Own::new(theirs), of })
    }
}

pub(crate) fn not_ours(name: &str) -> Failure {
    let what = "the connection belongs to the process that this one was forked from: connect again";
    let error = Error::new(ErrorKind::NotOurs, what);
    Failure::Machines(if name.is_empty() { error } else { error.with_semaphore(name) })
}
