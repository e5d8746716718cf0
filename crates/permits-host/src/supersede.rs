//! The newest handle of a key replaces those before it.

use crate::crash::{Point, point};
use crate::error::{Error, ErrorKind, Operation};
use crate::process::attachment::Attachment;
use crate::process::life::Life;
use crate::process::sys;
use crate::protocol::supersede::{Key, LONGEST_KEY};
use crate::semaphore::HostSemaphore;
use crate::status;
use permits::Participant;

/// Which earlier handles of a key to ask to give up; see [`HostSemaphore::supersede`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Supersede {
    /// Those that hold no permits, whether they wait or not. A handle that holds permits keeps them.
    Waiters,
    /// Also those that hold permits.
    WaitersAndHolders,
}

impl HostSemaphore {
    /// The most bytes that the key of [`supersede`](Self::supersede) can have: 64.
    pub const MAX_KEY: usize = LONGEST_KEY;

    /// Makes this handle the newest of `key`, asks the earlier handles of that key to give up, and returns
    /// how many those were.
    ///
    /// Call it before a request; it acquires nothing itself. A handle that is asked sees
    /// [`is_revoked`](Self::is_revoked), and decides what to do: its requests wait on until they are granted
    /// or dropped. `permits run` gives up its place in the queue.
    ///
    /// If several handles call this at the same moment, exactly one is not superseded. The others see
    /// [`is_superseded`](Self::is_superseded) when the call returns, or later. A handle stays superseded,
    /// even when the newer one is gone, until it calls this again and is the newest itself.
    ///
    /// It is a call and not an option for opening, since it marks when a handle arrives: a child after a fork
    /// is another handle, and supersedes its parent only if it calls this.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::BadName`] unless the key has 1 to [`MAX_KEY`](Self::MAX_KEY) bytes, none of them a
    /// control character; [`ErrorKind::Damaged`].
    ///
    /// # Examples
    ///
    /// ```
    /// use permits_host::{HostSemaphore, Supersede};
    ///
    /// # let directory = std::env::temp_dir().join(format!("permits-doc-supersede-{}", std::process::id()));
    /// # std::fs::create_dir(&directory)?;
    /// let open = || HostSemaphore::options().directory(&directory).open("deploy", 1);
    /// let (first, second) = (open()?, open()?);
    /// first.supersede("web", Supersede::Waiters)?;
    /// assert_eq!(second.supersede("web", Supersede::Waiters)?, 1);
    /// assert!(first.is_revoked() && !second.is_revoked());
    /// # drop((first, second));
    /// # std::fs::remove_dir_all(directory)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn supersede(&self, key: &str, whom: Supersede) -> Result<usize, Error> {
        self.during(Operation::Revoke, |attachment| {
            let key = Key::new(key);
            let key = key.map_err(|why| Error::new(ErrorKind::BadName, format!("this cannot be a key: {why}")))?;
            attachment.supersede(&key, whom)
        })
    }

    /// Whether a newer handle has [superseded](Self::supersede) this one. It may hold permits nevertheless.
    #[must_use]
    pub fn is_superseded(&self) -> bool {
        self.shared.here().is_ok_and(|attachment| attachment.store().superseded_by(attachment.seat).is_some())
    }

    /// Returns the newest handle that has superseded this one, if that still takes part.
    #[must_use]
    pub fn superseded_by(&self) -> Option<Participant> {
        let attachment = self.shared.here().ok()?;
        let store = attachment.store();
        let arrival = store.superseded_by(attachment.seat)?;
        let seats = attachment.look(|tx| Ok(usize::from(tx.book.seats_used))).ok()?;
        let owner = store.arrived_as(arrival, seats)?;
        let life = attachment.life(owner.seat, &attachment.probe).unwrap_or(Life::Dead);
        Some(status::participant(&store, owner, life))
    }
}

impl Attachment {
    fn supersede(&self, key: &Key, whom: Supersede) -> Result<usize, Error> {
        let earlier = {
            let turn = self.memo.turn();
            self.store().supersede(self.seat, key).map_err(|what| self.condemn(what, &turn))?
        };
        point(Point::Superseded);
        for &owner in &earlier {
            if whom == Supersede::WaitersAndHolders {
                // Also one that holds nothing yet: it may be granted just now.
                self.revoke(owner)?;
            } else {
                sys::ring(self.seat_bell(owner.seat));
            }
        }
        Ok(earlier.len())
    }
}
