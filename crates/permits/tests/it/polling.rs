//! Threads that poll, since they sleep in a way of their own: `Request::poll_passing`.

use crate::{both_policies, counts, queued};
use permits::Semaphore;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Wake, Waker};

/// Counts how often it was woken.
#[derive(Default)]
struct Count(AtomicU32);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Count {
    fn new() -> (Arc<Count>, Waker) {
        let count = Arc::new(Count::default());
        (Arc::clone(&count), Waker::from(count))
    }

    fn woken(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }
}

fn noop() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

#[test]
fn a_polling_thread_passes_a_waiter_within_the_bound_and_a_fair_one_does_not() {
    for (overtakes, passes) in [(3, true), (0, false)] {
        let sem = Semaphore::with_overtaking(3, overtakes);
        let held = sem.try_acquire_many(2).unwrap();
        let mut large = pin!(sem.acquire_many(3));
        assert!(large.as_mut().poll(&mut noop()).is_pending());

        let small = pin!(sem.acquire()).poll_passing(&mut noop());

        assert_eq!(small.is_ready(), passes);
        drop(held);
    }
}

#[test]
fn a_woken_polling_thread_may_be_passed_and_takes_what_comes_next() {
    let sem = Semaphore::new(1);
    let held = sem.try_acquire().unwrap();
    let (count, waker) = Count::new();
    let mut request = pin!(sem.acquire());
    assert!(request.as_mut().poll_passing(&mut Context::from_waker(&waker)).is_pending());

    drop(held);
    let passing = sem.try_acquire().unwrap();
    assert!(request.as_mut().poll_passing(&mut Context::from_waker(&waker)).is_pending());
    drop(passing);

    assert_eq!(count.woken(), 2);
    let permit = request.as_mut().poll_passing(&mut Context::from_waker(&waker));
    assert!(permit.is_ready());
}

#[test]
fn a_woken_polling_thread_that_leaves_has_the_next_one_woken() {
    for sem in both_policies(1) {
        let held = sem.try_acquire().unwrap();
        let mut first = Box::pin(sem.acquire());
        assert!(first.as_mut().poll_passing(&mut noop()).is_pending());
        let (count, waker) = Count::new();
        let mut second = pin!(sem.acquire());
        assert!(second.as_mut().poll_passing(&mut Context::from_waker(&waker)).is_pending());
        drop(held);

        drop(first);

        assert_eq!(count.woken(), 1);
        assert!(second.as_mut().poll_passing(&mut noop()).is_ready());
        assert_eq!(queued(&sem), (0, 0));
    }
}

#[test]
fn a_granted_polling_thread_that_leaves_returns_what_it_never_had() {
    for sem in both_policies(2) {
        sem.acquire_many(2).loose().wait().unwrap();
        let mut request = Box::pin(sem.acquire_many(2).loose());
        assert!(request.as_mut().poll_passing(&mut noop()).is_pending());
        sem.release_many(2).wait().unwrap();

        drop(request);

        assert_eq!((counts(&sem), queued(&sem)), ((2, 0, 0), (0, 0)));
    }
}

#[test]
fn one_request_may_be_polled_in_both_manners() {
    for sem in both_policies(1) {
        let held = sem.try_acquire().unwrap();
        let mut request = pin!(sem.acquire());
        let (as_task, task) = Count::new();
        let (as_thread, thread) = Count::new();
        assert!(request.as_mut().poll(&mut Context::from_waker(&task)).is_pending());
        assert!(request.as_mut().poll_passing(&mut Context::from_waker(&thread)).is_pending());
        drop(held);
        assert_eq!((as_task.woken(), as_thread.woken()), (0, 1));

        let permit = request.as_mut().poll(&mut Context::from_waker(&task));

        assert!(permit.is_ready());
    }
}
