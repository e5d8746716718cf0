//! How a task waits: one poll at a time, never spinning, never blocking but for the short lock (C16, C17).
//! And how a thread waits that polls, since it sleeps in a way of its own.

use crate::engine::core::{Arrival, Contest, Core, Locked};
use crate::engine::waiters::{Node, Stage, Wake, contained};
use crate::engine::word::{Act, Entry, Manner};
use crate::error::refusal::Refusal;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

impl Core {
    #[inline(always)]
    pub(crate) fn poll(
        &self,
        node: Pin<&Node>,
        act: Act,
        manner: Manner,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Refusal>> {
        if !node.is_idle() {
            if node.is_granted() {
                return self.complete(node, act);
            }
            return self.poll_again(node, manner, context);
        }
        if node.count() == 0 {
            return Poll::Ready(self.nothing(act.side()));
        }
        match self.enter(act, node.count(), manner) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(Entry::Closed) => Poll::Ready(Err(Refusal::Closed)),
            Err(_) => self.queue_up(node, manner, context),
        }
    }

    #[inline(never)]
    fn queue_up(&self, node: Pin<&Node>, manner: Manner, context: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        let waker = context.waker().clone();
        let mut queues = self.lock();
        if manner == Manner::Queuing
            && let Some(stamp) = self.stamp_under_flag(&queues, node)
        {
            queues[node.act().side() as usize].push(node, waker, stamp);
            return Poll::Pending;
        }
        self.queue_first(queues, node, manner, waker)
    }

    /// The rest of `queue_up`, for those that may be the first to wait, or need not wait.
    #[inline(never)]
    fn queue_first(
        &self,
        mut queues: Locked<'_>,
        node: Pin<&Node>,
        manner: Manner,
        waker: Waker,
    ) -> Poll<Result<(), Refusal>> {
        let mut wake = Some(Wake::polling(manner, waker));
        match self.arrive(&mut queues, node, manner, &mut wake) {
            Arrival::Queued => Poll::Pending,
            Arrival::Refused(refusal) => {
                drop(queues);
                let_go(wake);
                Poll::Ready(Err(refusal))
            }
            Arrival::Done => {
                self.serve_and_unlock(queues);
                let_go(wake);
                Poll::Ready(Ok(()))
            }
        }
    }

    #[inline(never)]
    fn poll_again(&self, node: Pin<&Node>, manner: Manner, context: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        let act = node.act();
        match node.stage() {
            Stage::Granted => self.complete(node, act),
            Stage::Closed => Poll::Ready(Err(Refusal::Closed)),
            Stage::TooMany => Poll::Ready(Err(node.too_many())),
            Stage::Refusing => {
                let_go(self.withdraw(self.lock(), node));
                Poll::Ready(Err(node.too_many()))
            }
            Stage::Notified => self.contest_or_wait_on(node, manner, context),
            Stage::Idle | Stage::Waiting => self.wait_on(node, manner, context),
        }
    }

    /// The second half of a grant; until here a dropped future had done nothing.
    #[inline(always)]
    fn complete(&self, node: Pin<&Node>, act: Act) -> Poll<Result<(), Refusal>> {
        node.set_stage(Stage::Idle);
        if let Some(feeds) = act.feeds() {
            self.give_in_crowd(act.commit(node.count()), feeds);
        }
        Poll::Ready(Ok(()))
    }

    /// It polls in the manner of a thread, and was woken to take its permits by itself.
    fn contest_or_wait_on(
        &self,
        node: Pin<&Node>,
        manner: Manner,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Refusal>> {
        // For the case that it waits on: then its waker has to be there before the lock is free.
        let wake = Wake::polling(manner, context.waker().clone());
        let mut queues = self.lock();
        if node.stage() != Stage::Notified {
            // Closed, refused or served in the meantime.
            drop(queues);
            let_go(Some(wake));
            return self.poll_again(node, manner, context);
        }
        match self.contest(&mut queues, node) {
            Contest::Lost => {
                let old = queues[node.act().side() as usize].rewake(node, wake);
                drop(queues);
                let_go(old);
                Poll::Pending
            }
            Contest::Won(old) => {
                self.serve_and_unlock(queues);
                let_go(old);
                let_go(Some(wake));
                Poll::Ready(Ok(()))
            }
        }
    }

    /// Still waiting; but perhaps for another task, or in another executor, than at the last poll.
    fn wait_on(&self, node: Pin<&Node>, manner: Manner, context: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        let side = node.act().side();
        let queues = self.lock();
        if node.stage() == Stage::Waiting && queues[side as usize].would_wake(node, manner, context.waker()) {
            return Poll::Pending;
        }
        drop(queues);

        let wake = Wake::polling(manner, context.waker().clone());
        let mut queues = self.lock();
        if node.stage() != Stage::Waiting {
            drop(queues);
            let_go(Some(wake));
            return self.poll_again(node, manner, context);
        }
        let old = queues[side as usize].rewake(node, wake);
        drop(queues);
        let_go(old);
        Poll::Pending
    }

    /// A future is dropped that was polled and was not ready.
    #[inline(never)]
    pub(crate) fn abandon(&self, node: Pin<&Node>) {
        let_go(self.withdraw(self.lock(), node));
    }
}

/// Drops a waker that is not needed, with the lock free. Its panic ends here as that of a wake does: permits
/// that were taken, or a drop, must not be lost to it.
fn let_go(wake: Option<Wake>) {
    if let Some(wake) = wake {
        contained(|| drop(wake));
    }
}
