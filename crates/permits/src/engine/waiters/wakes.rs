//! Wakers on their way out of the lock, and the one way in which foreign code is called.

use super::node::Wake;
use crate::engine::sync::MODELLED;
use std::iter;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Wakers on their way out of the lock. As many as are worth a stretch under the lock; then it is set free in
/// between.
pub(crate) struct Wakes {
    first: Option<Wake>,
    /// Nothing is set up for these until there is a second one: mostly there is not.
    more: Option<[Option<Wake>; Wakes::MANY - 1]>,
    len: usize,
}

impl Wakes {
    /// Few in the models, so that they see a lock that is set free in between.
    const MANY: usize = if MODELLED { 2 } else { 16 };

    pub(crate) fn new() -> Wakes {
        Wakes { first: None, more: None, len: 0 }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.len == Wakes::MANY
    }

    pub(crate) fn push(&mut self, wake: Wake) {
        match self.len.checked_sub(1) {
            None => self.first = Some(wake),
            Some(at) => self.more.get_or_insert([const { None }; Wakes::MANY - 1])[at] = Some(wake),
        }
        self.len += 1;
    }

    /// Wakes them all, even if one panics.
    ///
    /// Threads first: to wake one is our own code, which waits for nothing, while a task's waker may do
    /// anything, even wait for a lock that one of these threads has.
    ///
    /// A waker's panic ends here, reported by the panic hook as any other. Passed on, it would reach the
    /// thread that gave the permits or took some before, which has nothing to do with it: a permit that was
    /// won would be lost in the unwinding, and a guard's drop would fail (C5).
    pub(crate) fn wake_all(&mut self) {
        let Some(more) = &mut self.more else {
            return self.first.take().into_iter().for_each(call);
        };
        let is_thread = |one: &Option<Wake>| matches!(one, Some(Wake::Thread(_)));
        iter::once(&mut self.first)
            .chain(&mut *more)
            .filter(|one| is_thread(one))
            .filter_map(Option::take)
            .for_each(call);
        iter::once(&mut self.first).chain(&mut *more).filter_map(Option::take).for_each(call);
    }
}

/// Wakes one.
pub(crate) fn call(wake: Wake) {
    contained(|| wake.wake());
}

/// Runs foreign code, whose panic is not for our caller: the panic hook has reported it.
pub(crate) fn contained(foreign: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(foreign)) {
        // Its drop is foreign code as well, and may panic too.
        mem::forget(payload);
    }
}
