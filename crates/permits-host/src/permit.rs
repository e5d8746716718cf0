//! Guards: permits that are held.

use crate::crash::{Point, point};
use crate::error::{self, Error, Operation};
use crate::handle::Handle;
use crate::process::attachment::Attachment;
use crate::process::sys;
use crate::protocol::book::Quick;
use crate::protocol::layout::seat;
use crate::protocol::tx::{Outcome, Tx};
use crate::protocol::waiter::Wakes;
use crate::semaphore::HostSemaphore;
use permits::{MergeError, SplitError};
use std::fmt;
use std::mem::ManuallyDrop;
use std::sync::Arc;

/// A guard that borrows its handle. See [`Guard`].
pub type Permit<'a> = Guard<&'a HostSemaphore>;

/// A guard with a handle of its own: it can move to another thread or task and outlive this one. See
/// [`Guard`].
pub type OwnedPermit = Guard<HostSemaphore>;

/// A guard that holds permits; [`Permit`] and [`OwnedPermit`] are this type. Dropping it returns them, never
/// waits and never fails (C5); the death of the process returns them too (C18).
///
/// # After a fork
///
/// A guard stays with the parent. A child can read its [`count`](Self::count); dropping or forgetting it
/// there does nothing.
#[must_use = "permits are returned as soon as this is dropped"]
pub struct Guard<H: Handle> {
    handle: H,
    /// The process that it belongs to: see `sys::epoch`.
    epoch: u64,
    n: u32,
    /// In ascending order; fewer than `n` if they are not numbered, or too many.
    slots: Vec<u32>,
}

impl<H: Handle> Guard<H> {
    #[inline]
    pub(crate) fn new(handle: H, epoch: u64, n: u32) -> Guard<H> {
        let mut permit = Guard { handle, epoch, n, slots: Vec::new() };
        if permit.handle.shared().is_numbered()
            && let Some(attachment) = permit.ours()
        {
            permit.slots = attachment.take_numbers(n);
        }
        permit
    }

    /// For loose permits: they need no numbers.
    #[inline]
    pub(crate) fn without_slots(handle: H, epoch: u64, n: u32) -> Guard<H> {
        Guard { handle, epoch, n, slots: Vec::new() }
    }

    /// How many permits the guard holds.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.n
    }

    /// The numbers of its permits, in ascending order, if its handle was opened
    /// [`numbered`](crate::Options::numbered); else none.
    ///
    /// The numbers go from 0 to one below the number of permits (after a shrink: of those that are out) at
    /// the time of the acquire. No two permits of live holders have the same number, even after a holder was
    /// killed. An acquire gets the lowest free numbers. The 385th permit and later ones have no number, and
    /// no permit has one in a file that was found damaged.
    ///
    /// Use them to choose among things of which each permit stands for one: GPUs, ports, test databases.
    /// Loose permits have no numbers: see [`forget`](Self::forget).
    ///
    /// # After a fork
    ///
    /// The numbers stay with the parent.
    #[must_use]
    pub fn slots(&self) -> &[u32] {
        &self.slots
    }

    /// Ends the guard and leaves its permits given out, as loose ones: they outlive this process, until a
    /// `release` returns them (C6).
    pub fn forget(self) {
        // A damaged file has no count that this could be missing from, and what is the parent's is not ours
        // to forget.
        let _ = self.let_go();
    }

    /// [`forget`](Self::forget), but reports whether it succeeded.
    pub(crate) fn let_go(self) -> Result<(), Error> {
        self.end(Operation::Forget, |attachment, n| {
            let let_go = |tx: &mut Tx<'_>, wakes: &mut Wakes| tx.let_go(attachment.seat, n, wakes).map(Outcome::Commit);
            attachment.act_to_give_back(let_go, |()| {})
        })
    }

    /// Returns the permits, as dropping does, but reports whether it succeeded.
    pub(crate) fn give_back(self) -> Result<(), Error> {
        self.end(Operation::Release, |attachment, n| give_back(attachment, n))
    }

    /// Ends it, by `how` if it is this process's.
    fn end(
        self,
        operation: Operation,
        how: impl FnOnce(&Arc<Attachment>, u32) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let permit = ManuallyDrop::new(self);
        let name = &permit.handle.shared().place.name;
        let outcome = match permit.ours() {
            None => Err(error::not_ours(name)),
            Some(_) if permit.n == 0 => Ok(()),
            Some(attachment) => {
                give_numbers_back(attachment, &permit.slots);
                how(attachment, permit.n)
            }
        };
        let outcome = outcome.map_err(error::during(name, operation));
        let_go_of(permit);
        outcome
    }

    /// Splits `n` permits off, all, some or none, into a guard of their own.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TooMany`](crate::ErrorKind::TooMany) if the guard holds fewer; then it keeps them.
    pub fn split(&mut self, n: u32) -> Result<Guard<H>, Error> {
        if n > self.n {
            return Err(error::named(&self.handle.shared().place.name, SplitError::new(n, self.n)));
        }
        self.n -= n;
        // The highest, and those that have none.
        let slots = self.slots.split_off(self.slots.len().min(self.n as usize));
        Ok(Guard { handle: self.handle.clone(), epoch: self.epoch, n, slots })
    }

    /// Takes the permits of `other` into this guard; another handle of this process may have acquired them.
    ///
    /// # Errors
    ///
    /// If `other` belongs to another semaphore or another process, or the file is damaged; the error returns
    /// it, and both live on (C6).
    pub fn merge(&mut self, other: Guard<H>) -> Result<(), MergeError<Guard<H>>> {
        let (Some(ours), Some(theirs)) = (self.ours(), other.ours()) else { return Err(MergeError::new(other)) };
        if !Arc::ptr_eq(ours, theirs) && ours.file != theirs.file {
            return Err(MergeError::new(other));
        }
        let Some(sum) = self.n.checked_add(other.n) else { return Err(MergeError::new(other)) };
        if !Arc::ptr_eq(ours, theirs) && other.n > 0 {
            for &slot in &other.slots {
                ours.store().hand_number_over(theirs.owner(), ours.owner(), slot);
            }
            let moved = ours.transact(|tx| {
                tx.hand_over(theirs.seat, ours.seat, other.n)?;
                Ok(Outcome::Commit(()))
            });
            if moved.is_err() {
                // The permits have stayed where they were, and so do their numbers.
                for &slot in &other.slots {
                    ours.store().hand_number_over(ours.owner(), theirs.owner(), slot);
                }
                return Err(MergeError::new(other));
            }
        }
        let mut other = ManuallyDrop::new(other);
        self.n = sum;
        self.slots.append(&mut other.slots);
        self.slots.sort_unstable();
        let_go_of(other);
        Ok(())
    }

    /// Whether another process asked this handle to give its permits up: see
    /// [`HostSemaphore::revoke`](crate::HostSemaphore::revoke).
    #[must_use]
    pub fn is_revoked(&self) -> bool {
        self.ours().is_some_and(|attachment| attachment.is_revoked())
    }

    /// The handle's part in the semaphore, unless the permit is the parent's and this a child.
    #[inline]
    fn ours(&self) -> Option<&Arc<Attachment>> {
        if self.epoch == sys::epoch() { self.handle.shared().here().ok() } else { None }
    }
}

/// Ends a guard without giving anything back.
fn let_go_of<H: Handle>(permit: ManuallyDrop<Guard<H>>) {
    let mut permit = ManuallyDrop::into_inner(permit);
    permit.n = 0;
}

impl<H: Handle> Drop for Guard<H> {
    #[inline]
    fn drop(&mut self) {
        if self.n == 0 {
            return;
        }
        self.handle.shared().with_here(self.epoch, |attachment| {
            give_numbers_back(attachment, &self.slots);
            // A damaged file has no count that this could be missing from.
            let _ = give_back(attachment, self.n);
        });
    }
}

/// Before their permits go, so that the next holder finds the numbers free.
#[inline]
fn give_numbers_back(attachment: &Attachment, slots: &[u32]) {
    for &slot in slots {
        attachment.store().give_number_back(attachment.owner(), slot);
    }
}

/// Returns permits that the seat of this process holds.
fn give_back(attachment: &Attachment, n: u32) -> Result<(), Error> {
    point(Point::Held);
    point(Point::Returning);
    attachment.note(seat::USED);
    if attachment.quick(Quick::Return(n)) {
        point(Point::Returned);
        return Ok(());
    }
    let give_back = |tx: &mut Tx<'_>, wakes: &mut Wakes| tx.give_back(attachment.seat, n, wakes).map(Outcome::Commit);
    attachment.act_to_give_back(give_back, |()| point(Point::Returned))
}

impl<H: Handle> fmt::Debug for Guard<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("semaphore", &self.handle.shared().place.name).field("count", &self.n).finish()
    }
}
