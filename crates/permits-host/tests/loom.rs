//! Models of the interleavings that matter: loom runs each of them through every schedule and every value
//! that a weak memory may show, within a bound on preemptions. Run them with `RUSTFLAGS="--cfg permits_loom"
//! cargo test --release -p permits-host --test loom`.
//!
//! The processes are threads here, and the file is an array. Who dies does nothing more; see `Store::commit_and_die`.
//!
//! loom takes an access that is `SeqCst` for an `AcqRel` one, and knows `SeqCst` only of fences. Where two
//! words have to be seen in one order, `TELL` and the root, the model has a fence in the place of the
//! `SeqCst` of an access. And it lets a store that releases a lock come later than any number of exchanges
//! that find it taken, so `Memo::turn` with two threads never ends in it: each process has one thread here.
//! Nor does it know that nothing comes between what an exchange has read and what it writes, so it shows an
//! owner's plain stores to `OWN` before a helper's exchange that was there first: no model has a helper at
//! work on an `OWN` that its owner goes on changing.

#![cfg(permits_loom)]

#[allow(dead_code, unreachable_pub, reason = "the models kill by themselves")]
#[path = "../src/crash.rs"]
mod crash;
#[allow(dead_code, reason = "the rest of the crate uses it")]
#[path = "../src/protocol/mod.rs"]
mod protocol;

#[path = "loom/bench.rs"]
mod bench;
#[path = "loom/book.rs"]
mod book;
#[path = "loom/close.rs"]
mod close;
#[path = "loom/damage.rs"]
mod damage;
#[path = "loom/death.rs"]
mod death;
#[path = "loom/history.rs"]
mod history;
#[path = "loom/numbers.rs"]
mod numbers;
#[path = "loom/queue.rs"]
mod queue;
#[path = "loom/releasers.rs"]
mod releasers;
#[path = "loom/resize.rs"]
mod resize;
#[path = "loom/serving.rs"]
mod serving;
#[path = "loom/spacing.rs"]
mod spacing;
#[path = "loom/supersede.rs"]
mod supersede;
#[path = "loom/transactions.rs"]
mod transactions;

/// What the protocol stands on, as loom has it.
mod sync {
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};

    pub(crate) fn wait_for_turn(_: u32) {
        loom::thread::yield_now();
    }

    pub(crate) fn back_off(_: u32) {
        loom::thread::yield_now();
    }
}
