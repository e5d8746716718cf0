//! What must be there to be measured between processes.

use crate::engine::Order;

/// What processes share. It is made before they are started, and each of them opens it for itself.
pub trait Peer: Sized + 'static {
    const NAME: &'static str;
    const ORDER: Order;
    /// The most permits that it can have. A lock has one.
    const MAX_PERMITS: u32 = u32::MAX;
    type Handle<'a>: Handle
    where
        Self: 'a;

    /// With all permits free.
    fn new(permits: u32) -> Self;
    fn open(&self) -> Self::Handle<'_>;
}

/// A process's end of it.
pub trait Handle {
    fn acquire(&mut self);
    fn release(&mut self);
}

/// A peer whose permits may be given by one process and taken by another.
pub trait Gives: Peer {
    /// With room for one permit, which is not free.
    fn drained() -> Self;
}
