//! What `permits` promises in one process, beyond the clauses' suite: a file a topic, a test a fact, named
//! for what it shows.
//!
//! Where to look for what has gone wrong in one semaphore or another:
//!
//! | what went wrong | test |
//! |---|---|
//! | a cancelled head lets nobody go | `cancel::cancelled_head_lets_the_next_one_go`, `cancel::timed_out_head_lets_the_next_one_go`, … |
//! | a grant is lost with its future | `cancel::granted_and_dropped_unpolled_goes_to_the_next_in_line`, … |
//! | the first wake does not lead to the next | `cancel::one_return_of_three_serves_three_waiters`, `…_a_hundred_…` |
//! | wakers called, replaced or dropped under the lock | `wakers::waker_may_…`, `wakers::replaced_waker_may_…` |
//! | a waker does any of it while it is cloned, woken or dropped | `hostile` |
//! | a waker panics | `wakers::panicking_wakers_…`, `wakers::panic_of_a_waker_…`, `wakers::permits_of_a_thread_…` |
//! | the poll moves to another task | `wakers::second_poll_with_another_waker_replaces_the_first`, `wakers::future_may_be_polled_…` |
//! | a future outlives its task | `cancel::future_that_outlives_its_task_…` |
//! | the wrong one of two is dequeued | `cancel::two_futures_of_one_task_may_be_dropped_in_either_order` |
//! | forget or shrink reopens it | `close::no_operation_reopens_it` |
//! | the count wraps before the check | `bounds::too_many_is_refused_…`, `bounds::resizing_out_of_range_changes_nothing` |
//! | a runtime's budget costs the place in the queue | `runtime::first_poll_queues_though_the_tasks_budget_is_spent` |
//! | a request that is always ready never yields | by design: `wakers::ready_request_is_ready_at_its_first_poll_…` |
//! | waking over and over; busy waiting | `wakers::waiter_is_woken_once_and_not_before_it_fits`, `time::waiting_thread_sleeps`, `model` (counts wakes) |
//! | a notification lost between two words | `soak::no_wake_up_is_lost`, `order::two_returns_end_two_waits`; the loom models |
//! | aliased or moved nodes | `ui` (`polled_request_is_moved`, …), `auto_traits::requests_…_stay_where_they_are` |
//! | a node touched after its grant | `guards::waiter_may_be_gone_as_soon_as_it_is_granted`; the loom models |
//! | a timeout that took what it was refused | `time::grant_that_races_the_limit_is_kept_or_never_was` |
//! | a wait eats an `unpark` of the program | `parking` |
//! | permits with a future that nobody polls | `cancel::unpolled_grant_holds_up_the_queue_…`: documented, with its way out |
//! | a head that hoards | `order::free_permits_are_seen_as_free_while_the_head_wants_more` |
//! | storms of timeouts | `soak::after_a_storm_of_timeouts_all_permits_are_had_at_once` |
//!
//! And for the scenarios that the semaphores of other languages are tested by:
//!
//! | scenario | test |
//! |---|---|
//! | constructors; tries; over-release | `bounds` |
//! | limits of time; signals | `time`, `signals` |
//! | phases of 6, 7 and 6 on seven permits, and mirrored | `order::as_many_acquirers_…`, `order::as_many_releasers_…` |
//! | first come, first served; nobody passes a large one; no starvation | `conformance::…::c08_order`, `…::c09_no_starvation`, `order` |
//! | head leaves; second leaves; cancel races release | `cancel` |
//! | lost wake-ups; timeout storms; crowds | `soak` |
//! | threads and tasks, 10 and 10, 1 and 10, 10 and 1 | `conformance::…::c17_mixed_waits` |
//! | 50 wait and 25 come back | `time::as_many_end_well_as_permits_come_back` |
//! | user code inside release; the semaphore gone after the last wake | `wakers` |
//! | drain, reduce, grow, shrink with a queue | `resize` |
//! | lengths of the queues as they come and go | `conformance::…::c15_truth` |
//! | guards on every way out; leak and forget | `guards` |
//! | close with waiters, with permits out, from everywhere | `close` |
//! | as a mutex; weights at random | `conformance::…::c14_memory`, `stress` |
//! | linearizability | `model`, against `reference` |
//! | batches that wait for each other | `conformance::…::c22_batches`, `messages::timeout_tells_when_…` |
//! | a bounded channel as the oracle | `bounds::it_does_what_a_bounded_channel_does` |
//!
//! Not here: interruptible waits and owners of permits, which this semaphore does not have; allocations,
//! which `tests/alloc.rs` counts.
#![cfg(not(any(permits_loom, permits_shuttle)))]

mod auto_traits;
mod batches;
mod blocking;
mod bounds;
mod cancel;
mod close;
mod conformance;
mod exercise;
mod guards;
mod hostile;
mod lease;
mod limit;
mod messages;
mod model;
mod order;
mod parking;
mod polling;
mod process;
mod reference;
mod resize;
mod runtime;
#[cfg(unix)]
mod signals;
mod sizes;
mod soak;
mod stress;
mod time;
mod ui;
mod wakers;

use permits::{Semaphore, State};
use permits_conformance::wait::eventually;
use std::time::Duration;

/// How long a test waits for what must happen. A busy machine is no failure.
const DEADLINE: Duration = Duration::from_secs(60);

/// One semaphore of each kind.
fn both_policies(max: u32) -> [Semaphore; 2] {
    [Semaphore::new(max), Semaphore::fair(max)]
}

/// How many permits are free, held by guards (or granted and not collected), and loose.
fn counts(sem: &Semaphore) -> (u32, u32, u32) {
    let state = sem.state();
    (state.available_permits, state.given_out - state.loose, state.loose)
}

/// How many wait to acquire and to release.
fn queued(sem: &Semaphore) -> (u32, u32) {
    let state = sem.state();
    (state.waiting_acquirers, state.waiting_releasers)
}

/// Waits for a state that other threads bring about.
#[track_caller]
fn until(sem: &Semaphore, holds: impl Fn(&State) -> bool) {
    assert!(eventually(DEADLINE, || holds(&sem.state())), "it did not come to that: {:?}", sem.state());
}
