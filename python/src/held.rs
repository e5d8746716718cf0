//! Permits that an object of Python's holds.

use crate::errors::Failure;
use crate::here::{Guard, Here};
#[cfg(target_os = "linux")]
use crate::machines::Lent;
#[cfg(target_os = "linux")]
use crate::reach::loss_of;
use crate::reach::{BoxedWaiting, Granted, Never, Reach};
use std::sync::Arc;
use std::time::Duration;

/// Permits that an object of Python's holds, at their reach. They are returned when it is dropped.
pub(crate) enum Held {
    Here(Guard),
    #[cfg(target_os = "linux")]
    Host(permits_host::OwnedPermit),
    #[cfg(target_os = "linux")]
    Machines(Lent),
}

impl Held {
    /// `None` if nothing was granted that could be held.
    pub(crate) fn new(reach: &Reach, granted: Granted) -> Option<Held> {
        match granted {
            Granted::Nothing => None,
            Granted::Here(permit) => Some(Held::Here(Guard::new(reach.here()?, permit))),
            #[cfg(target_os = "linux")]
            Granted::Host(permit) => Some(Held::Host(permit)),
            #[cfg(target_os = "linux")]
            Granted::Machines(permit) => Some(Held::Machines(Lent::new(reach.machines()?, permit))),
        }
    }

    pub(crate) fn count(&self) -> u32 {
        match self {
            Held::Here(guard) => guard.count(),
            #[cfg(target_os = "linux")]
            Held::Host(permit) => permit.count(),
            #[cfg(target_os = "linux")]
            Held::Machines(permit) => permit.count(),
        }
    }

    /// The numbers of its permits, if they have any.
    pub(crate) fn slots(&self) -> &[u32] {
        match self {
            #[cfg(target_os = "linux")]
            Held::Host(permit) => permit.slots(),
            _ => &[],
        }
    }

    /// The fencing token, if its reach has them (C19).
    pub(crate) fn token(&self) -> Option<u64> {
        match self {
            #[cfg(target_os = "linux")]
            Held::Machines(permit) => permit.token(),
            _ => None,
        }
    }

    /// How long they are held for certain, if they are held under a lease.
    pub(crate) fn remaining(&self) -> Option<Duration> {
        match self {
            #[cfg(target_os = "linux")]
            Held::Machines(permit) => permit.remaining(),
            _ => None,
        }
    }

    pub(crate) fn is_lost(&self) -> bool {
        match self {
            #[cfg(target_os = "linux")]
            Held::Machines(permit) => permit.is_lost(),
            _ => false,
        }
    }

    /// Why they cannot be used any more, if they are lost (C20).
    pub(crate) fn loss(&self) -> Option<Failure> {
        match self {
            #[cfg(target_os = "linux")]
            Held::Machines(permit) => permit.loss(),
            _ => None,
        }
    }

    /// A request that is granted once they are lost, and the reach that it is of. It does not hold them.
    pub(crate) fn loss_to_come(&self) -> (Reach, BoxedWaiting) {
        match self {
            #[cfg(target_os = "linux")]
            Held::Machines(permit) => (Reach::Machines(Arc::clone(permit.of())), loss_of(permit)),
            _ => (Reach::Here(Arc::new(Here::new(permits::Semaphore::new(1)))), Box::pin(Never)),
        }
    }

    /// Returns them, without waiting; an error if they were lost before.
    pub(crate) fn give_back(self) -> Result<(), Failure> {
        self.loss().map_or(Ok(()), Err)
    }

    pub(crate) fn forget(self) -> Result<(), Failure> {
        match self {
            Held::Here(guard) => guard.into_permit().forget(),
            #[cfg(target_os = "linux")]
            Held::Host(permit) => permit.forget(),
            #[cfg(target_os = "linux")]
            Held::Machines(permit) => permit.forget()?,
        }
        Ok(())
    }

    /// The permits alone.
    pub(crate) fn into_granted(self) -> Granted {
        match self {
            Held::Here(guard) => Granted::Here(guard.into_permit()),
            #[cfg(target_os = "linux")]
            Held::Host(permit) => Granted::Host(permit),
            #[cfg(target_os = "linux")]
            Held::Machines(permit) => Granted::Machines(permit.into_permit()),
        }
    }

    /// Splits `n` off; `None` if it has fewer.
    pub(crate) fn split(&mut self, n: u32) -> Option<Held> {
        match self {
            Held::Here(guard) => guard.split(n).map(Held::Here),
            #[cfg(target_os = "linux")]
            Held::Host(permit) => permit.split(n).ok().map(Held::Host),
            #[cfg(target_os = "linux")]
            Held::Machines(permit) => permit.split(n).map(Held::Machines),
        }
    }

    /// Takes in those of `other`; gives it back if it is of another semaphore.
    pub(crate) fn merge(&mut self, other: Held) -> Result<(), Held> {
        match (self, other) {
            (Held::Here(mine), Held::Here(theirs)) => mine.merge(theirs).map_err(Held::Here),
            #[cfg(target_os = "linux")]
            (Held::Host(mine), Held::Host(theirs)) => {
                mine.merge(theirs).map_err(|error| Held::Host(error.into_permit()))
            }
            #[cfg(target_os = "linux")]
            (Held::Machines(mine), Held::Machines(theirs)) => mine.merge(theirs).map_err(Held::Machines),
            #[cfg(target_os = "linux")]
            (_, theirs) => Err(theirs),
        }
    }
}
