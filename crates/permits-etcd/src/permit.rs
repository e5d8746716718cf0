//! The guard.

use crate::call::Call;
use crate::engine::caller::Calling;
use crate::engine::grant::Grant;
use crate::engine::keys::Name;
use crate::engine::{loose, release};
use crate::error::{self, Error, Operation};
use permits::lease::{self, Lease};
use permits::{HolderId, SplitError, Token};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::timeout;

#[cfg(doc)]
use crate::error::ErrorKind;

/// Permits that are held, under the lease of their connection. Dropping it returns them (C5).
///
/// They can be lost: if no server could renew the lease in time, or if another client has revoked them. See
/// [`is_lost`](Self::is_lost) and [`lost`](Self::lost), and [`token`](Self::token) for what to do about a
/// holder that does not look.
#[must_use = "if unused the permits come back at once"]
pub struct EtcdPermit(Grant);

impl EtcdPermit {
    /// How many permits it holds.
    #[must_use]
    pub fn count(&self) -> u32 {
        u32::try_from(self.0.parts.len()).unwrap_or(u32::MAX)
    }

    /// Returns the permits, and says whether they were still held.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Lost`] if they were lost before (C20); [`ErrorKind::Unreachable`] if no server answers in
    /// time: then they come back later.
    ///
    /// # Cancel safety
    ///
    /// Dropping the call drops the permits: they come back, without a result.
    pub fn release(self) -> Call<()> {
        self.ended(Operation::Release, |room, names| async move { release::told(&room, &names).await })
    }

    /// Leaves the permits given out, as loose ones (C6): without a lease, for any client to return.
    ///
    /// # Errors
    ///
    /// As [`release`](Self::release).
    ///
    /// # Cancel safety
    ///
    /// After the call is dropped they are loose, or come back.
    pub fn forget(self) -> Call<()> {
        self.ended(Operation::Forget, |room, names| async move {
            if names.is_empty() { Ok(()) } else { loose::forget(&room, &names).await }
        })
    }

    fn ended<F>(
        self,
        operation: Operation,
        act: impl FnOnce(std::rc::Rc<crate::engine::room::Room>, Vec<Name>) -> F + Send + 'static,
    ) -> Call<()>
    where
        F: Future<Output = Result<(), Error>> + 'static,
    {
        let (link, name) = (Arc::clone(&self.0.link), Arc::clone(&self.0.name));
        // The permit goes along: a call that is never made drops it.
        Call::of(Calling::answer(&link, &name, move |room| async move {
            let mut permit = self.0;
            let names = permit.taken();
            let (lease, limit) = (Arc::clone(&permit.lease), room.base.settings.answer);
            // It goes on when nobody waits for it any more.
            let acting = tokio::task::spawn_local(act(room, names));
            let outcome = match timeout(limit, acting).await {
                Ok(Ok(outcome)) => outcome,
                _ if lease.is_lost() => Err(error::lost(&permit.name, "the lease has ended")),
                _ => Err(error::unreachable(limit, None)),
            };
            outcome.map_err(|why| why.with_semaphore(&permit.name).with_operation(operation))
        }))
    }

    /// Splits `n` permits off, `0..=count`. Both parts have the token of the whole.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TooMany`] if there are fewer, [`ErrorKind::Lost`] if they are lost; it stays as it was.
    pub fn split(&mut self, n: u32) -> Result<EtcdPermit, Error> {
        if self.is_lost() {
            let why = error::lost(&self.0.name, "the lease has ended, or another client has deleted its key");
            return Err(why.with_operation(Operation::Split));
        }
        let Some(rest) = self.count().checked_sub(n) else {
            let why = SplitError::new(n, self.count());
            return Err(Error::from(why).with_semaphore(&self.0.name));
        };
        let parts = self.0.parts.split_off(rest as usize);
        Ok(EtcdPermit(Grant::new(&self.0.link, &self.0.name, &self.0.lease, self.0.token, parts)))
    }

    /// Takes the permits of `other` into this one, whose token is the greater of both from then on.
    ///
    /// # Errors
    ///
    /// `other`, if it is of another semaphore, another connection or another lease, or if one of the two is
    /// lost.
    pub fn merge(&mut self, mut other: EtcdPermit) -> Result<(), EtcdPermit> {
        let is_alike = self.0.name == other.0.name && Arc::ptr_eq(&self.0.lease, &other.0.lease);
        if !is_alike || self.is_lost() || other.is_lost() {
            return Err(other);
        }
        self.0.token = self.0.token.max(other.0.token);
        self.0.parts.append(&mut other.0.parts);
        Ok(())
    }

    /// Whether the permits are lost (C20). Look before each use of what they protect.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.0.is_lost()
    }

    /// A future that is ready once the permits are lost. It borrows nothing.
    ///
    /// # Cancel safety
    ///
    /// It may be dropped at any time.
    pub fn lost(&self) -> Lost {
        let mut signs = vec![self.0.lease.lost()];
        let mut last: Option<&Arc<Lease>> = None;
        for part in &self.0.parts {
            if last.is_none_or(|last| !Arc::ptr_eq(last, &part.gone)) {
                signs.push(part.gone.lost());
                last = Some(&part.gone);
            }
        }
        Lost(signs)
    }

    /// How long they are still held for certain if the lease is not renewed; zero if they are lost.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        if self.is_lost() { Duration::ZERO } else { self.0.lease.remaining() }
    }

    /// The fencing token (C19): greater than that of every earlier grant of this semaphore. It is the
    /// revision of etcd at which the place was created times 128, and a number below that.
    #[must_use]
    pub fn token(&self) -> Token {
        self.0.token
    }

    /// The id by which the status shows its holder, and by which it can be revoked; `None` if it holds no
    /// permits. After a merge it is that of the first part.
    #[must_use]
    pub fn holder(&self) -> Option<HolderId> {
        let part = self.0.parts.first()?;
        Some(HolderId::new(part.name.lease.cast_unsigned(), part.first.into()))
    }

    /// The revisions at which its places were created, a permit each: what a transaction of etcd can compare
    /// with, to write only if they are still held.
    #[must_use]
    pub fn create_revisions(&self) -> Vec<i64> {
        self.0.parts.iter().map(|part| part.create).collect()
    }
}

impl From<Grant> for EtcdPermit {
    fn from(grant: Grant) -> EtcdPermit {
        EtcdPermit(grant)
    }
}

impl fmt::Debug for EtcdPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EtcdPermit")
            .field("semaphore", &self.0.name)
            .field("count", &self.count())
            .field("token", &self.0.token)
            .finish_non_exhaustive()
    }
}

/// A future that is ready once permits are lost: see [`EtcdPermit::lost`].
#[must_use = "a future does nothing until it is awaited"]
#[derive(Debug)]
pub struct Lost(Vec<lease::Lost>);

impl Future for Lost {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut signs = self.0.iter_mut();
        if signs.any(|sign| Pin::new(sign).poll(context).is_ready()) { Poll::Ready(()) } else { Poll::Pending }
    }
}
