//! No operation allocates (C16): not on the fast paths, and not while it waits, wakes, cancels, closes or resizes.
//!
//! A test binary of its own, since the counting allocator is one for the whole process; it counts by thread,
//! so that tests do not disturb each other. Futures are pinned before the counting starts, in memory that is
//! the test's own. What may allocate is said where it is warmed up: a thread's handle, on the first use in a
//! thread that Rust did not start.
#![cfg(not(any(permits_loom, permits_shuttle, feature = "check")))]
#![allow(unsafe_code, reason = "an allocator is an unsafe trait")]

use permits::{Acquire, Guard, Release, Semaphore, State};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

struct Counting;

thread_local! {
    /// How often this thread has allocated. Needs no memory of its own: it has no destructor.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    ALLOCATIONS.set(ALLOCATIONS.get() + 1);
}

// SAFETY: all is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps what `alloc` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps what `dealloc` asks for.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller keeps what `realloc` asks for.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Does it, and sees that this thread has allocated nothing.
#[track_caller]
fn without_allocating<T>(act: impl FnOnce() -> T) -> T {
    let before = ALLOCATIONS.get();
    let outcome = act();
    assert_eq!(ALLOCATIONS.get() - before, 0, "it has allocated");
    outcome
}

fn both_policies(max: u32) -> [Semaphore; 2] {
    [Semaphore::new(max), Semaphore::fair(max)]
}

fn until(sem: &Semaphore, holds: impl Fn(&State) -> bool) {
    let start = Instant::now();
    while !holds(&sem.state()) {
        assert!(start.elapsed() < Duration::from_secs(60), "it did not come to that: {sem:?}");
        thread::yield_now();
    }
}

fn poll<F: Future>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

fn acquiring(sem: &Semaphore, n: u32, many: usize) -> Vec<Pin<Box<Acquire<'_>>>> {
    (0..many).map(|_| Box::pin(sem.acquire_many(n))).collect()
}

fn releasing(sem: &Semaphore, n: u32, many: usize) -> Vec<Pin<Box<Release<'_>>>> {
    (0..many).map(|_| Box::pin(sem.release_many(n))).collect()
}

fn queue<F: Future>(futures: &mut [Pin<Box<F>>]) {
    for future in futures {
        assert!(poll(future).is_pending());
    }
}

fn finish<F: Future>(futures: &mut [Pin<Box<F>>]) {
    for future in futures {
        assert!(poll(future).is_ready());
    }
}

#[test]
fn the_allocator_does_count() {
    let before = ALLOCATIONS.get();
    drop(Box::new(1));

    assert_eq!(ALLOCATIONS.get() - before, 1);
}

#[test]
fn making_and_reading_allocates_nothing() {
    without_allocating(|| {
        let sem = Semaphore::new(3);
        let _permit = sem.try_acquire();
        _ = (sem.state(), sem.given_out(), sem.loose(), sem.max_permits(), sem.available_permits(), sem.is_closed());
        _ = (sem.waiting_acquirers(), sem.waiting_releasers());
        assert!(Semaphore::try_fair(0).is_err());
    });
}

#[test]
fn taking_and_giving_allocates_nothing() {
    for sem in both_policies(3) {
        let sem = Arc::new(sem);
        without_allocating(|| {
            let long = Duration::from_secs(60);
            drop(sem.try_acquire().unwrap());
            drop(sem.acquire_many(3).wait().unwrap());
            drop(sem.acquire().wait_timeout(long).unwrap());
            drop(sem.acquire_owned().wait_deadline(Instant::now() + long).unwrap());
            sem.acquire_many(2).loose().wait().unwrap();
            sem.acquire_owned().wait().unwrap().forget();
            sem.try_release().unwrap();
            sem.release_many(2).wait_timeout(long).unwrap();
            assert!(sem.acquire_many(4).wait().is_err() && sem.release_many(4).wait().is_err());
            assert!(sem.try_release().is_err() && sem.acquire_many(0).wait().is_ok());
        });
    }
}

#[test]
fn splitting_and_merging_allocates_nothing() {
    for sem in both_policies(3) {
        let sem = Arc::new(sem);
        let other = Semaphore::new(1);
        without_allocating(|| {
            let mut permit = sem.try_acquire_many(3).unwrap();
            let part = permit.split(1).unwrap();
            assert!(permit.split(7).is_err());
            permit.merge(part).unwrap();
            assert!(permit.merge(other.try_acquire().unwrap()).is_err());
            permit.forget();
            sem.release_many(3).wait().unwrap();
            let mut permit = sem.try_acquire_many_owned(3).unwrap();
            let part = permit.split(2).unwrap();
            drop(permit);
            part.forget();
        });
    }
}

#[test]
fn a_tasks_whole_life_allocates_nothing() {
    for sem in both_policies(1) {
        let mut futures = acquiring(&sem, 1, 4);
        let mut releases = releasing(&sem, 1, 3);
        let (other_waker, mut context) = (Waker::from(Arc::new(Nothing)), Context::from_waker(Waker::noop()));
        without_allocating(|| {
            queue(&mut releases);
            let held = sem.try_acquire().unwrap();
            queue(&mut futures);
            // Again with the same waker, and with another, which is cloned.
            queue(&mut futures);
            assert!(futures[0].as_mut().poll(&mut Context::from_waker(&other_waker)).is_pending());
            assert!(futures[0].as_mut().poll(&mut context).is_pending());
            drop(held);
            let Poll::Ready(Ok(permit)) = poll(&mut futures[0]) else { panic!("it is granted") };
            permit.forget();
            finish(&mut releases[..1]);
            let Poll::Ready(Ok(permit)) = poll(&mut futures[1]) else { panic!("it is granted") };
            drop(permit);
            sem.close();
            finish(&mut releases[1..]);
        });
    }
}

struct Nothing;

impl Wake for Nothing {
    fn wake(self: Arc<Self>) {}
}

#[test]
fn cancelling_allocates_nothing() {
    for sem in both_policies(2) {
        let held = sem.try_acquire().unwrap();
        let mut futures = acquiring(&sem, 2, 50);
        let mut releases = releasing(&sem, 1, 50);
        queue(&mut futures);
        queue(&mut releases);
        let mut behind = acquiring(&sem, 1, 1);
        queue(&mut behind);

        without_allocating(|| {
            // From the middle, from the tail, the head last; then one that was granted by that.
            drop(futures.remove(20));
            while let Some(future) = futures.pop() {
                drop(future);
            }
            drop(releases.remove(0));
            releases.clear();
            behind.clear();
            drop(held);
        });
    }
}

#[test]
fn serving_a_hundred_at_once_allocates_nothing() {
    for sem in both_policies(100) {
        let held = sem.try_acquire_many(100).unwrap();
        let mut futures = acquiring(&sem, 1, 100);
        let mut releases = releasing(&sem, 1, 100);
        queue(&mut futures);
        queue(&mut releases);

        without_allocating(|| drop(held));

        without_allocating(|| {
            for future in &mut futures {
                let Poll::Ready(Ok(permit)) = poll(future) else { panic!("it is granted") };
                permit.forget();
            }
            finish(&mut releases);
        });
    }
}

#[test]
fn closing_and_resizing_with_a_hundred_waiting_allocates_nothing() {
    for sem in both_policies(3) {
        let _held = sem.try_acquire_many(3).unwrap();
        let mut large = acquiring(&sem, 3, 100);
        let mut small = acquiring(&sem, 1, 100);
        let mut releases = releasing(&sem, 2, 100);
        queue(&mut large);
        queue(&mut small);
        queue(&mut releases);

        without_allocating(|| {
            sem.set_max_permits(2).unwrap();
            finish(&mut large);
            sem.grow(2).unwrap();
            finish(&mut small[..1]);
            sem.close();
            finish(&mut releases);
            finish(&mut small[1..]);
        });
    }
}

/// A thread that Rust starts has its handle from the start.
#[test]
fn a_thread_that_waits_and_the_one_that_wakes_it_allocate_nothing() {
    for sem in both_policies(1) {
        let through = AtomicUsize::new(0);
        let (sem, through) = (&sem, &through);
        thread::scope(|scope| {
            let held = sem.try_acquire().unwrap();
            for timed in [false, true] {
                scope.spawn(move || {
                    without_allocating(|| match timed {
                        false => sem.acquire().loose().wait().unwrap(),
                        true => sem.acquire().loose().wait_timeout(Duration::from_secs(60)).unwrap(),
                    });
                    through.fetch_add(1, Ordering::SeqCst);
                });
                scope.spawn(move || {
                    without_allocating(|| match timed {
                        false => sem.release().wait().unwrap(),
                        true => sem.release().wait_deadline(Instant::now() + Duration::from_secs(60)).unwrap(),
                    });
                    through.fetch_add(1, Ordering::SeqCst);
                });
            }
            without_allocating(|| until(sem, |state| (state.waiting_acquirers, state.waiting_releasers) == (2, 2)));

            without_allocating(|| drop(held));
        });
        assert_eq!(through.load(Ordering::SeqCst), 4);
    }
}

#[test]
fn a_wait_that_times_out_allocates_nothing() {
    // This thread is the test harness's: its handle may not be made yet.
    _ = thread::current();
    for sem in both_policies(1) {
        let _held = sem.try_acquire().unwrap();
        without_allocating(|| {
            assert!(sem.acquire().wait_timeout(Duration::from_millis(5)).is_err());
            assert!(sem.release().wait_timeout(Duration::from_millis(5)).is_err());
            assert!(sem.acquire().wait_timeout(Duration::ZERO).is_err());
        });
    }
}

#[test]
fn a_wait_that_a_close_or_a_shrink_ends_allocates_nothing() {
    for sem in both_policies(2) {
        let _held = sem.try_acquire_many(2).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| without_allocating(|| assert!(sem.acquire_many(2).wait().map(Guard::forget).is_err())));
            scope.spawn(|| without_allocating(|| assert!(sem.acquire_many(1).wait().map(Guard::forget).is_err())));
            scope.spawn(|| without_allocating(|| assert!(sem.release_many(1).wait().is_err())));
            until(&sem, |state| (state.waiting_acquirers, state.waiting_releasers) == (2, 1));
            without_allocating(|| sem.shrink(1).unwrap());
            until(&sem, |state| state.waiting_acquirers == 1);
            without_allocating(|| sem.close());
        });
    }
}
