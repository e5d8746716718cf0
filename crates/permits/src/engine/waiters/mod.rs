//! Those who wait: two queues of nodes that live where their owners wait.
//!
//! Unsafe code is here and in `request/future.rs`, which pins the nodes of futures, and nowhere else in the
//! crate.
//!
//! # The problem
//!
//! A thread that gives permits back must find the waiters in order; a waiter must be able to leave from the
//! middle of the queue at any moment, in constant time; and none of this may allocate (C10, C16). Threads and
//! tasks share the order (C17).
//!
//! # The idea
//!
//! 1. A waiter's node lies on the stack of its blocked thread, or inside its pinned future. A queue is a ring
//!    of raw pointers to such nodes.
//! 2. The rings, and the fields of a node that others touch ([`node::Linked`]), belong to the one lock of the
//!    semaphore.
//! 3. One byte of the node, its [`Stage`], tells its owner what became of it; it is an atomic, since the
//!    owner looks at it without the lock.
//! 4. The thread that takes a node off its queue takes its waker along, *then* stores the final stage, and
//!    never touches the node again: from that store on the owner may be gone, and the node with it.
//! 5. Wakers are called, cloned and dropped outside the lock only: they are foreign code, and may come back
//!    to this very semaphore. Only a poll clones, its own waker, before it takes the lock; all others move. A
//!    panic of that clone is the poll's, and changes nothing; a panic of a wake or a drop ends where it is
//!    called ([`contained`]).
//!
//! # Stages
//!
//! | stage | linked | who may change it | next |
//! |---|---|---|---|
//! | `Idle` | no | its owner | `Waiting` |
//! | `Waiting` | yes | who holds the lock | all below |
//! | `Notified` | yes, at the head | who holds the lock | `Waiting` (came too late), `Idle` (took its permits, or left), `Closed`, `Refusing` |
//! | `Refusing` | yes, among the refused of a shrink | who holds the lock | `TooMany`, `Idle` (left) |
//! | `Granted` | no | its owner | `Idle` |
//! | `Closed`, `TooMany` | no | its owner | `Idle` |
//!
//! Only threads are ever `Notified`: in the default policy a woken thread competes with those that run, and
//! takes its permits by itself. A task, and any waiter that has been passed too often, is `Granted`: it gets
//! its permits from the thread that serves it, before it is woken. For a request that is polled, a grant is a
//! reservation, and the poll completes it, so that a future that is dropped unpolled has done nothing; for a
//! blocked thread nothing lies between the grant and the return, and the grant is all of it. A thread may
//! poll as well (`Request::poll_passing`), and be `Notified`; if it drops its request then, the next waiter
//! is woken instead. Its waker leaves the node with the notification. From then on it has been told, and is
//! told no more, whatever becomes of it: it looks at its stage by its next poll, which takes the permits, or
//! puts a waker in anew before the lock is free.
//!
//! # Invariants
//!
//! - **I1 order.** Nodes enter at the tail; the head leaves first, unless a node leaves by cancel or by a
//!   refusal.
//! - **I2 alive.** A linked node is alive and does not move. [`Queue::push`] takes a pinned node, pinned
//!   memory is not reused before the node's drop, and dropping a linked node aborts the process: it cannot
//!   happen while the two owners (`Request` and `block`) take their nodes out first, and the check is what
//!   makes `push` a safe function.
//! - **I3 last touch.** After a store of `Granted`, `Closed` or `TooMany` the storing side does not touch the
//!   node.
//! - **I4 flag.** Whenever the lock is free, the word's Q flag of a side is set if that queue is not empty.
//!   It may stay set when the last waiter gives up while nothing is at hand on that side, and is cleared, at
//!   the latest, by the next thread that puts something there: that one sees the flag and comes to the lock.
//!   So a wait that is given up costs no exchange of the word, nor does the next one. Whenever the flag is
//!   set, the queue is empty, and something is at hand, a thread is on its way to the lock, as in I6.
//! - **I5 awake.** Whenever the lock is free, the word's W flag of a side is set if and only if the head's
//!   stage is `Notified`.
//! - **I6 served.** Whenever the lock is free and no thread is on its way to it, no head that is `Waiting`
//!   fits. Every event that can make a head fit, or another node the head, ends in `Core::serve_and_unlock`
//!   or `Core::hand_over`, which run to a fixed point over both queues, or stop where the word says that
//!   there is nothing for either (`Word::at_rest`). (A server with more wakers than one batch holds is on its
//!   way while it wakes the first: threads first, then tasks, whose wakers are foreign code.)
//!
//! # Orderings
//!
//! - `stage`: the stores of `Granted`, `Closed`, `TooMany` are Release and pair with the owner's Acquire load
//!   in [`Node::stage`]; what travels is everything that happened before the grant, the return of the permits
//!   included (C14), also of those that were handed over without a change of the word, and that the granting
//!   side is done with the node (I3). All other accesses to it happen with the lock held.
//! - [`node::Linked`] needs no ordering of its own: the lock's.
//! - The counts' word is `core.rs`'s story.
//!
//! # What it gives up
//!
//! A slow path takes a lock, so it is not lock-free; a thread that is preempted inside it delays the other
//! slow paths by a time slice, and none of the fast ones. A grant to a thread that is not running, or to a
//! future that is not polled, keeps its permits from all other waiters: that is the price of order, and the
//! reason why the default lets running threads pass.
//!
//! # Sources
//!
//! Queues of stack nodes: Mellor-Crummey and Scott, *Algorithms for scalable synchronization on shared-memory
//! multiprocessors* (1991). Waiters inside pinned futures under a lock: the futures-intrusive crate and
//! tokio's batch semaphore. Two-sided bounds: Magee and Kramer, *Concurrency: State Models and Java
//! Programs*, the bounded semaphore. Passing with a bound: the discussion of barging and fairness in *Locking
//! in WebKit* (2016). `PhantomPinned` as the way to tell the compiler that a `&mut` to the future is not
//! unique: rust-lang/rust issue 125735.

mod node;
mod queue;
mod wakes;

pub(crate) use node::{Node, Stage, Wake};
pub(crate) use queue::{Head, Queue, Refused};
pub(crate) use wakes::{Wakes, call, contained};
