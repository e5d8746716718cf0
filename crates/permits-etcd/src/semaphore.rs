//! The public type: verbs and readings.

use crate::call::Call;
use crate::engine::caller::Calling;
use crate::engine::link::Link;
use crate::engine::remove;
use crate::engine::resize::{self, Change};
use crate::engine::room::Room;
use crate::error::{Error, Operation};
use crate::handle::Shared;
use crate::request::{Acquire, Release};
use crate::sizes;
use crate::status;
use permits::{HolderId, Removal, State, Status, Token};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

#[cfg(doc)]
use crate::error::ErrorKind;

/// A counting semaphore on etcd, shared by all processes of all machines that open its name in one namespace.
///
/// Its calls are futures that any executor can poll, and each has a `wait()` for threads. See the
/// [crate's page](crate) for an example, and for its promises.
///
/// # Fairness
///
/// First come, first served among the threads and tasks of all clients (C8). A try passes no waiter.
#[derive(Clone)]
pub struct EtcdSemaphore {
    pub(crate) shared: Arc<Shared>,
}

impl EtcdSemaphore {
    /// The most permits that a semaphore can have: 4,194,303 (C2).
    pub const MAX_PERMITS: u32 = sizes::MAX_PERMITS;

    /// The most permits that one request can be for: 64, what one transaction of etcd carries. Merge permits
    /// if you need more.
    pub const MAX_AT_ONCE: u32 = sizes::MAX_AT_ONCE;

    pub(crate) fn new(link: &Arc<Link>, name: &Arc<str>) -> EtcdSemaphore {
        EtcdSemaphore { shared: Arc::new(Shared { link: Arc::clone(link), name: Arc::clone(name) }) }
    }

    /// Requests one permit.
    pub fn acquire(&self) -> Acquire {
        self.acquire_many(1)
    }

    /// Requests `n` permits, `0..=MAX_AT_ONCE`, all at once or none (C3).
    pub fn acquire_many(&self, n: u32) -> Acquire {
        Acquire::new(&self.shared, n)
    }

    /// Requests to return one loose permit.
    pub fn release(&self) -> Release {
        self.release_many(1)
    }

    /// Requests to return `n` loose permits, `0..=MAX_AT_ONCE`; it waits while fewer are out (C4).
    pub fn release_many(&self, n: u32) -> Release {
        Release::new(&self.shared, n)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Tells this handle and its clones from all other handles of the process.
    #[doc(hidden)]
    #[must_use]
    pub fn id(&self) -> usize {
        Arc::as_ptr(&self.shared).addr()
    }

    /// All readings at one instant of the call (C15).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unreachable`], [`ErrorKind::Gone`] if its keys were deleted, [`ErrorKind::Damaged`].
    pub fn state(&self) -> Call<State> {
        self.call(|room| async move {
            let view = room.read(room.patience()).await.map_err(|why| why.with_operation(Operation::Read))?;
            Ok(view.state())
        })
    }

    /// The readings, the holders and the waiters, at one instant of the call.
    ///
    /// # Errors
    ///
    /// As [`state`](Self::state).
    pub fn status(&self) -> Call<Status> {
        self.call(|room| async move {
            let view = room.read(room.patience()).await.map_err(|why| why.with_operation(Operation::Read))?;
            Ok(status::of(&room.name, &view))
        })
    }

    /// A token that no permit which is out is older than, at one instant of the call; `None` if none is out.
    ///
    /// For the resource, where several permits may be out at a time: it keeps the greatest of these that it was
    /// told, and refuses a smaller [token](crate::EtcdPermit::token). So it never refuses one that is still held,
    /// and refuses one that is lost from the next holder on that was granted its permit when all older ones were
    /// back. Loose permits count as out, and places in the queue once all permits are back.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unreachable`], [`ErrorKind::Denied`].
    pub fn oldest_token(&self) -> Call<Option<Token>> {
        self.call(
            |room| async move { status::oldest_token(&room).await.map_err(|why| why.with_operation(Operation::Read)) },
        )
    }

    /// Sets the number of permits to `n` (C13).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::BadMax`] for a number out of `1..=MAX_PERMITS`; as [`state`](Self::state).
    pub fn set_max_permits(&self, n: u32) -> Call<()> {
        self.change(Change::Set(n))
    }

    /// Adds `n` permits, in one step (C13).
    ///
    /// # Errors
    ///
    /// As [`set_max_permits`](Self::set_max_permits). After [`ErrorKind::Unreachable`] it may have taken
    /// effect.
    pub fn grow(&self, n: u32) -> Call<()> {
        self.change(Change::Grow(n))
    }

    /// Takes `n` permits away, in one step (C13).
    ///
    /// # Errors
    ///
    /// As [`grow`](Self::grow).
    pub fn shrink(&self, n: u32) -> Call<()> {
        self.change(Change::Shrink(n))
    }

    /// Closes it for all clients, and for good: waiters and later requests fail with [`ErrorKind::Closed`]
    /// (C12).
    ///
    /// # Errors
    ///
    /// As [`state`](Self::state).
    pub fn close(&self) -> Call<()> {
        self.change(Change::Close)
    }

    /// Removes it, and says what it was like. What was opened by its name is used again once it was created anew.
    ///
    /// Of a client that comes at the same moment either the request is in time, and the semaphore stays, or it fails
    /// with [`ErrorKind::Gone`]. By [force](Removal::Force), holders are told, by
    /// [`EtcdPermit::lost`](crate::EtcdPermit::lost), and others may have permits of a new one at once; waiters fail
    /// with [`ErrorKind::Gone`], and a source that says that they had a place. What a client that died has left counts
    /// as in use until its lease ends.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InUse`] with [`Removal::IfIdle`] if permits are held or loose, or there are waiters: then it stays.
    /// After [`ErrorKind::Unreachable`] it may be removed, or may be as soon as it is idle. As [`state`](Self::state).
    pub fn remove(&self, removal: Removal) -> Call<State> {
        self.call(move |room| async move {
            let removed = remove::remove(&room, removal).await;
            removed.map_err(|why| why.with_semaphore(&room.name).with_operation(Operation::Remove))
        })
    }

    /// Deletes the place of a holder or of a waiter, as [`status`](Self::status) shows it. A holder is told,
    /// by [`EtcdPermit::lost`](crate::EtcdPermit::lost), and others may have the permits at once.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoSuchHolder`]; as [`state`](Self::state).
    pub fn revoke(&self, holder: HolderId) -> Call<()> {
        self.call(move |room| async move {
            status::revoke(&room, holder).await.map_err(|why| why.with_operation(Operation::Revoke))
        })
    }

    fn change(&self, change: Change) -> Call<()> {
        self.call(move |room| async move { resize::change(&room, change).await })
    }

    pub(crate) fn call<T: Send + 'static, F>(&self, act: impl FnOnce(Rc<Room>) -> F + Send + 'static) -> Call<T>
    where
        F: Future<Output = Result<T, Error>> + 'static,
    {
        Call::of(Calling::answer(&self.shared.link, &self.shared.name, act))
    }
}

impl fmt::Debug for EtcdSemaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EtcdSemaphore").field("name", &self.shared.name).finish_non_exhaustive()
    }
}
