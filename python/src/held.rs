//! Permits that an object of Python's holds.

use crate::here::Guard;
use crate::reach::{Granted, Reach};

/// Permits that an object of Python's holds, at their reach. They are returned when it is dropped.
pub(crate) enum Held {
    Here(Guard),
    #[cfg(target_os = "linux")]
    Host(permits_host::OwnedPermit),
}

impl Held {
    /// `None` if nothing was granted that could be held.
    pub(crate) fn new(reach: &Reach, granted: Granted) -> Option<Held> {
        match granted {
            Granted::Nothing => None,
            Granted::Here(permit) => Some(Held::Here(Guard::new(reach.here()?, permit))),
            #[cfg(target_os = "linux")]
            Granted::Host(permit) => Some(Held::Host(permit)),
        }
    }

    pub(crate) fn count(&self) -> u32 {
        match self {
            Held::Here(guard) => guard.count(),
            #[cfg(target_os = "linux")]
            Held::Host(permit) => permit.count(),
        }
    }

    /// The numbers of its permits, if they have any.
    pub(crate) fn slots(&self) -> &[u32] {
        match self {
            Held::Here(_) => &[],
            #[cfg(target_os = "linux")]
            Held::Host(permit) => permit.slots(),
        }
    }

    pub(crate) fn forget(self) {
        match self {
            Held::Here(guard) => guard.into_permit().forget(),
            #[cfg(target_os = "linux")]
            Held::Host(permit) => permit.forget(),
        }
    }

    /// The permits alone.
    pub(crate) fn into_granted(self) -> Granted {
        match self {
            Held::Here(guard) => Granted::Here(guard.into_permit()),
            #[cfg(target_os = "linux")]
            Held::Host(permit) => Granted::Host(permit),
        }
    }

    /// Splits `n` off; `None` if it has fewer.
    pub(crate) fn split(&mut self, n: u32) -> Option<Held> {
        match self {
            Held::Here(guard) => guard.split(n).map(Held::Here),
            #[cfg(target_os = "linux")]
            Held::Host(permit) => permit.split(n).ok().map(Held::Host),
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
            (_, theirs) => Err(theirs),
        }
    }
}
