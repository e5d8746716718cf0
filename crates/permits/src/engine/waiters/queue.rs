//! A first-in-first-out ring of nodes. All of its methods run with the semaphore's lock held: a [`Queue`]
//! lives inside it.

use super::node::{Linked, Node, Passed, Stage, Wake};
use crate::engine::sync::Ordering;
use crate::engine::word::{Act, Manner};
use std::pin::Pin;
use std::ptr;
use std::task::Waker;

/// A ring: the head's `prev` is the tail, so that one pointer serves both ends.
#[derive(Debug)]
pub(crate) struct Queue {
    head: *const Node,
    len: u32,
    /// How much budget for passing was ever dealt out to newcomers on this side, wrapping. Minus what the
    /// word still has, it is how many have passed.
    pub(crate) dealt: u32,
}

// SAFETY: the pointed-to nodes are `Sync`, and the queue is reached through the lock alone.
unsafe impl Send for Queue {}

/// What there is to know about the first waiter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub(crate) n: u32,
    pub(crate) act: Act,
    /// A task, which is never passed, and passes no other waiter.
    pub(crate) is_task: bool,
    /// It completes a grant by its next poll; a thread that is blocked here needs no second step.
    pub(crate) is_polled: bool,
    pub(crate) starved: bool,
    pub(crate) stamp: u32,
    pub(crate) passed: Passed,
}

impl Queue {
    pub(crate) const fn new() -> Queue {
        Queue { head: ptr::null(), len: 0, dealt: 0 }
    }

    #[inline]
    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    /// Puts a node at the tail. It stays there until `pop`, or `remove` by its owner; see I2 for why this is
    /// safe to call.
    ///
    /// # Panics
    ///
    /// If the node is linked already, or if 2³² - 1 nodes wait.
    #[inline]
    pub(crate) fn push(&mut self, node: Pin<&Node>, wake: impl Into<Wake>, stamp: u32) {
        let node: &Node = node.get_ref();
        assert!(node.stage() == Stage::Idle, "a node waits in one place at a time");
        self.len = self.len.checked_add(1).expect("fewer than 2^32 waiters");
        let (prev, next) = match self.head.is_null() {
            true => (ptr::from_ref(node), ptr::from_ref(node)),
            false => (linked(self.head, |head| head.prev), self.head),
        };
        // Made here, in its place: carried here through memory, it would be written in other pieces than it
        // is read, for which a processor has to wait.
        write(node, Linked { prev, next, wake: Some(wake.into()), passed: Passed::UNKNOWN, stamp });
        if self.head.is_null() {
            self.head = node;
        } else {
            linked(prev, |tail| tail.next = node);
            linked(next, |head| head.prev = node);
        }
        node.set_stage(Stage::Waiting);
    }

    #[inline]
    pub(crate) fn head(&self) -> Option<Head> {
        if self.head.is_null() {
            return None;
        }
        let node = alive(self.head);
        Some(linked(node, |head| Head {
            n: node.n,
            act: node.act,
            is_task: matches!(head.wake, Some(Wake::Task(_))),
            is_polled: !matches!(head.wake, Some(Wake::Thread(_))),
            starved: head.passed == Passed::FOR_LONG,
            stamp: head.stamp,
            passed: head.passed,
        }))
    }

    /// Marks the head as passed since now.
    pub(crate) fn passed_since(&mut self, ticks: u32) {
        linked(self.head, |head| head.passed = Passed::since(ticks));
    }

    /// Marks the head as one that newcomers may no longer pass.
    pub(crate) fn starve(&mut self) {
        linked(self.head, |head| head.passed = Passed::FOR_LONG);
    }

    /// Tells the head, which stays where it is, that there is something for it to take. The caller sets the W
    /// flag and wakes it.
    ///
    /// A foreign waker is taken, not cloned: a clone is foreign code. It is not needed before its owner has
    /// looked, and an owner that looks and waits on brings a new one.
    pub(crate) fn notify(&mut self) -> Wake {
        let node = alive(self.head);
        node.set_stage(Stage::Notified);
        linked(node, |head| match head.wake.as_mut().expect("a linked node has a waker") {
            Wake::Thread(thread) => Wake::Thread(thread.clone()),
            Wake::Sleeper(waker) => Wake::Sleeper(waker.take()),
            Wake::Task(_) => unreachable!("a task is granted its permits, and takes none by itself"),
        })
    }

    /// Calls a notified head back; its owner will find that it still waits. The caller clears the W flag, and
    /// gives a waiter that polls a waker anew (`rewake`) before it unlocks.
    pub(crate) fn recall(&mut self) {
        alive(self.head).set_stage(Stage::Waiting);
    }

    /// Takes the head off with a final stage: `Granted` or `Closed`. The caller wakes it after unlocking.
    pub(crate) fn pop(&mut self, stage: Stage) -> Wake {
        let node = alive(self.head);
        let wake = self.unlink(node).expect("a linked node has a waker");
        // Release: pairs with the Acquire in `Node::stage`. The last touch of the node (I3).
        node.stage.store(stage as u8, Ordering::Release);
        wake
    }

    /// Takes the caller's own node out, wherever it is. Drop the waker after unlocking.
    #[inline]
    pub(crate) fn remove(&mut self, node: Pin<&Node>) -> Option<Wake> {
        let wake = self.unlink(node.get_ref());
        node.set_stage(Stage::Idle);
        wake
    }

    #[inline]
    pub(crate) fn is_head(&self, node: &Node) -> bool {
        ptr::eq(self.head, node)
    }

    /// Whether waking the caller's own, linked node would wake a request that is polled with that waker, in
    /// that manner.
    pub(crate) fn would_wake(&self, node: Pin<&Node>, manner: Manner, waker: &Waker) -> bool {
        // `will_wake` compares pointers, and runs none of the waker's code.
        linked(node.get_ref(), |mine| match (&mine.wake, manner) {
            (Some(Wake::Task(old)), Manner::Queuing) | (Some(Wake::Sleeper(Some(old))), Manner::Passing) => {
                old.will_wake(waker)
            }
            _ => false,
        })
    }

    /// Exchanges the waker of the caller's own, linked node. Drop the old one after unlocking.
    pub(crate) fn rewake(&mut self, node: Pin<&Node>, wake: Wake) -> Option<Wake> {
        linked(node.get_ref(), |mine| mine.wake.replace(wake))
    }

    /// Moves the waiters that ask for more than `max` over to `refused`, in their order. `true` if the head
    /// is the same after it. O(length).
    pub(crate) fn part(&mut self, max: u32, refused: Pin<&Refused>) -> bool {
        let head = self.head;
        let mut at = head;
        for _ in 0..self.len {
            let node = alive(at);
            at = linked(node, |mine| mine.next);
            if node.n > max {
                let wake = self.unlink(node);
                linked(node, |mine| (mine.wake, mine.stamp) = (wake, max));
                refused.push(node);
            }
        }
        ptr::eq(self.head, head)
    }

    /// Takes the caller's own node out of the [`Refused`] that it is in. Drop the waker after unlocking.
    pub(crate) fn leave_refused(&mut self, node: Pin<&Node>) -> Option<Wake> {
        debug_assert!(node.stage() == Stage::Refusing);
        let wake = leave_ring(node.get_ref());
        node.set_stage(Stage::Idle);
        wake
    }

    #[inline]
    fn unlink(&mut self, node: &Node) -> Option<Wake> {
        if ptr::eq(self.head, node) {
            self.head = linked(node, |mine| mine.next);
        }
        self.len -= 1;
        if self.len == 0 {
            self.head = ptr::null();
        }
        leave_ring(node)
    }
}

/// The waiters that a shrink has made impossible, until they are woken. There may be more of them than fit
/// one batch of wakers, and if they stayed in the queue until then, others would see them as the next in
/// line.
///
/// A ring through a node of its own, which waits for nothing: so a node that leaves needs to know only its
/// neighbours.
pub(crate) struct Refused {
    sentinel: Node,
}

impl Refused {
    pub(crate) fn new() -> Refused {
        Refused { sentinel: Node::new(Act::Take, 0) }
    }

    fn push(self: Pin<&Self>, node: &Node) {
        let sentinel: *const Node = &self.get_ref().sentinel;
        // As long as others point here it must not go: its drop aborts in this stage (I2).
        if self.sentinel.stage() == Stage::Idle {
            let alone = Linked { prev: sentinel, next: sentinel, wake: None, passed: Passed::UNKNOWN, stamp: 0 };
            write(&self.get_ref().sentinel, alone);
            self.sentinel.set_stage(Stage::Refusing);
        }
        let last = linked(sentinel, |it| it.prev);
        linked(node, |mine| (mine.prev, mine.next) = (last, sentinel));
        linked(last, |it| it.next = node);
        linked(sentinel, |it| it.prev = node);
        node.set_stage(Stage::Refusing);
    }

    /// Takes the first one off, with the stage `TooMany`. `None` when there is none left. `_lock` is the
    /// proof that it is held.
    pub(crate) fn pop(self: Pin<&Self>, _lock: &mut [Queue; 2]) -> Option<Wake> {
        if self.sentinel.stage() == Stage::Idle {
            return None;
        }
        let sentinel: *const Node = &self.get_ref().sentinel;
        let first = linked(sentinel, |it| it.next);
        if ptr::eq(first, sentinel) {
            self.sentinel.set_stage(Stage::Idle);
            return None;
        }
        let node = alive(first);
        let wake = leave_ring(node).expect("a linked node has a waker");
        // Release: as in `Queue::pop`, and the last touch as well (I3).
        node.stage.store(Stage::TooMany as u8, Ordering::Release);
        Some(wake)
    }
}

/// Joins the neighbours of a node with each other.
#[inline]
fn leave_ring(node: &Node) -> Option<Wake> {
    let (prev, next, wake) = linked(node, |mine| {
        let ends = (mine.prev, mine.next);
        (mine.prev, mine.next) = (ptr::null(), ptr::null());
        (ends.0, ends.1, mine.wake.take())
    });
    if !ptr::eq(prev, node) {
        linked(prev, |it| it.next = next);
        linked(next, |it| it.prev = prev);
    }
    wake
}

/// The node behind a ring's pointer. Private to this file, whose pointers all come from rings, read under the
/// lock.
fn alive<'a>(node: *const Node) -> &'a Node {
    // SAFETY: a ring points to linked nodes only, and those are alive and do not move (I2). No caller keeps
    // the reference beyond the lock, nor beyond the store of a final stage (I3).
    unsafe { &*node }
}

/// Makes the part of a node that belongs to the lock. The node is the caller's own, and not linked yet.
fn write(node: &Node, content: Linked) {
    node.linked.with_mut(|cell| {
        // SAFETY: as in `linked`, and nothing that was there before needs a drop.
        unsafe { (*cell).write(content) };
    });
}

/// The part of a linked node, or of the caller's own that was linked before, that belongs to the lock.
#[inline]
fn linked<R>(node: *const Node, f: impl FnOnce(&mut Linked) -> R) -> R {
    alive(node).linked.with_mut(|cell| {
        // SAFETY: the caller has `&mut Queue` or `&Queue`, which live inside the lock, and `f` is one of this
        // file's closures, none of which looks at a second node: so this is the only reference.
        let content = unsafe { &mut *cell };
        // SAFETY: `push` writes it before it links the node.
        f(unsafe { content.assume_init_mut() })
    })
}

#[cfg(all(test, not(any(permits_loom, permits_shuttle))))]
mod tests {
    use super::*;
    use std::pin::pin;

    fn task() -> Wake {
        Wake::Task(Waker::noop().clone())
    }

    fn drain(queue: &mut Queue) -> Vec<u32> {
        let mut order = Vec::new();
        while let Some(head) = queue.head() {
            order.push(head.n);
            queue.pop(Stage::Granted);
        }
        order
    }

    #[test]
    fn nodes_leave_in_the_order_they_came_and_from_the_middle() {
        let mut queue = Queue::new();
        let (a, b, c) = (pin!(Node::new(Act::Take, 1)), pin!(Node::new(Act::Take, 2)), pin!(Node::new(Act::Take, 3)));
        for node in [a.as_ref(), b.as_ref(), c.as_ref()] {
            queue.push(node, task(), 0);
        }

        queue.remove(b.as_ref());

        assert_eq!(b.stage(), Stage::Idle);
        assert_eq!(drain(&mut queue), [1, 3]);
        assert_eq!((a.stage(), c.stage(), queue.len()), (Stage::Granted, Stage::Granted, 0));
    }

    #[test]
    fn impossible_waiters_part_in_order_and_the_rest_keeps_its_own() {
        let mut queues = [Queue::new(), Queue::new()];
        let nodes: Vec<_> = [9, 1, 9, 2, 8, 3, 7].map(|n| Box::pin(Node::new(Act::Take, n))).into();
        for node in &nodes {
            queues[0].push(node.as_ref(), task(), 0);
        }
        let refused = pin!(Refused::new());
        let refused = refused.as_ref();

        let same_head = queues[0].part(5, refused);
        queues[0].leave_refused(nodes[2].as_ref());

        assert!(!same_head);
        let mut told = Vec::new();
        while refused.pop(&mut queues).is_some() {
            let done: Vec<_> = nodes.iter().filter(|node| node.stage() == Stage::TooMany).map(|node| node.n).collect();
            told = done;
        }
        assert_eq!(told, [9, 8, 7]);
        assert_eq!(drain(&mut queues[0]), [1, 2, 3]);
    }

    #[test]
    fn a_queue_of_two_survives_the_parting_of_either() {
        for (first, second, left) in [(1, 9, 1), (9, 1, 1), (9, 9, 0), (1, 1, 2)] {
            let mut queues = [Queue::new(), Queue::new()];
            let (a, b) = (pin!(Node::new(Act::Take, first)), pin!(Node::new(Act::Take, second)));
            queues[0].push(a.as_ref(), task(), 0);
            queues[0].push(b.as_ref(), task(), 0);
            let refused = pin!(Refused::new());

            let same_head = queues[0].part(5, refused.as_ref());

            assert_eq!(same_head, first == 1);
            while refused.as_ref().pop(&mut queues).is_some() {}
            assert_eq!(drain(&mut queues[0]).len(), left);
        }
    }
}
