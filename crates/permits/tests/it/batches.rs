//! More waiters are served at once than one batch of wakers holds, and the wakers use the time in between.
//!
//! Covers: order, bound and readings while a shrink tells the refused; threads that are woken along with
//! tasks; wakers whose drop panics.

use crate::{both_policies, counts};
use permits::Semaphore;
use permits_conformance::wait::{Polled, Running};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker};

/// More than any batch.
const MANY: usize = 40;

struct OnWake<F: Fn() + Send + Sync>(F);

impl<F: Fn() + Send + Sync> Wake for OnWake<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

fn on_wake(act: impl Fn() + Send + Sync + 'static) -> Waker {
    Waker::from(Arc::new(OnWake(act)))
}

fn poll<F: Future>(future: &mut Pin<Box<F>>, waker: &Waker) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(waker))
}

#[test]
fn grow_amid_a_shrink_keeps_the_first_in_line_first() {
    let sem = Arc::new(Semaphore::fair(10));
    let held = sem.try_acquire_many_owned(10).unwrap();
    let woken = Arc::new(Mutex::new(Vec::new()));
    let waiter = |number: usize, n: u32| {
        let mut request = Box::pin(sem.acquire_many_owned(n));
        let (sem, woken) = (Arc::clone(&sem), Arc::clone(&woken));
        let waker = on_wake(move || {
            if sem.max_permits() == 5 {
                sem.set_max_permits(10).unwrap();
            }
            woken.lock().unwrap().push(number);
        });
        assert!(poll(&mut request, &waker).is_pending());
        request
    };
    let first = waiter(0, 1);
    let large: Vec<_> = (1..=MANY).map(|number| waiter(number, 9)).collect();

    sem.shrink(5).unwrap();

    assert_eq!(
        woken.lock().unwrap().as_slice(),
        (1..=MANY).collect::<Vec<_>>(),
        "all that became impossible, in order"
    );
    woken.lock().unwrap().clear();
    drop(held);
    assert_eq!(woken.lock().unwrap().as_slice(), [0]);
    drop((first, large));
}

#[test]
fn refused_of_a_shrink_are_not_in_the_queue_any_more() {
    let sem = Arc::new(Semaphore::with_overtaking(10, 1));
    let _held = sem.try_acquire_many_owned(6).unwrap();
    let mut first = Polled::new(sem.acquire_many_owned(5));
    assert!(first.poll().is_pending());
    drop(sem.try_acquire().unwrap());
    assert!(sem.try_acquire().is_err(), "the first has been passed as often as it may");
    let passed = Arc::new(AtomicUsize::new(0));
    let others = Arc::new(Mutex::new(Vec::new()));
    let large: Vec<_> = (0..MANY)
        .map(|_| {
            let mut request = Box::pin(sem.acquire_many_owned(9));
            let (sem, passed, others) = (Arc::clone(&sem), Arc::clone(&passed), Arc::clone(&others));
            let waker = on_wake(move || {
                passed.fetch_add(usize::from(sem.try_acquire().is_ok()), Ordering::Relaxed);
                let state = sem.state();
                others.lock().unwrap().push((state.waiting_acquirers, state.next_acquirer));
            });
            assert!(poll(&mut request, &waker).is_pending());
            request
        })
        .collect();

    sem.shrink(2).unwrap();

    assert_eq!(passed.load(Ordering::Relaxed), 0, "newcomers that passed the first in line beyond its bound");
    assert!(others.lock().unwrap().iter().all(|waiting| *waiting == (1, 5)), "{others:?}");
    drop(large);
}

#[test]
fn refused_waiter_may_leave_before_it_is_told() {
    for sem in both_policies(9).map(Arc::new) {
        let held = sem.try_acquire_many_owned(9).unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        for _ in 0..MANY {
            let mut request = Box::pin(sem.acquire_many_owned(9));
            let requests_too = Arc::clone(&requests);
            // The first that is told drops the last, which is not yet.
            let waker = on_wake(move || drop(requests_too.lock().unwrap().pop()));
            assert!(poll(&mut request, &waker).is_pending());
            requests.lock().unwrap().push(request);
        }

        sem.shrink(4).unwrap();

        requests.lock().unwrap().clear();
        drop(held);
        assert_eq!(counts(&sem), (5, 0, 0));
    }
}

#[test]
fn refused_waiter_may_look_before_it_is_told() {
    for sem in both_policies(9).map(Arc::new) {
        let _held = sem.try_acquire_many_owned(9).unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (told, looked, knew) = (Arc::default(), Arc::default(), Arc::default());
        for _ in 0..MANY {
            let mut request = Box::pin(sem.acquire_many_owned(9));
            let requests_too = Arc::clone(&requests);
            let [told, looked, knew] = [&told, &looked, &knew].map(Arc::<AtomicUsize>::clone);
            // The first that is told looks at the last, which is not yet, and finds out the same.
            let waker = on_wake(move || {
                told.fetch_add(1, Ordering::Relaxed);
                let last = requests_too.lock().unwrap().pop();
                if let Some(mut request) = last {
                    looked.fetch_add(1, Ordering::Relaxed);
                    let outcome = poll(&mut request, Waker::noop());
                    knew.fetch_add(usize::from(matches!(outcome, Poll::Ready(Err(_)))), Ordering::Relaxed);
                }
            });
            assert!(poll(&mut request, &waker).is_pending());
            requests.lock().unwrap().push(request);
        }

        sem.shrink(4).unwrap();

        // Those who looked first are not told any more.
        let [told, looked, knew] = [told, looked, knew].map(|count| count.load(Ordering::Relaxed));
        assert!(told < MANY && looked > 0 && knew == looked, "{told} told, {looked} looked, {knew} knew");
        assert!(requests.lock().unwrap().iter_mut().all(|request| poll(request, Waker::noop()).is_ready()));
        assert_eq!((counts(&sem), sem.waiting_acquirers()), ((0, 9, 0), 0));
    }
}

#[test]
fn thread_is_woken_before_foreign_wakers_run() {
    for sem in both_policies(2).map(Arc::new) {
        let held = sem.try_acquire_many_owned(2).unwrap();
        let (done, is_done) = channel();
        let is_done = Mutex::new(is_done);
        let mut task = Box::pin(sem.acquire_owned());
        // The task's waker waits for the thread, as it may for a lock that the thread has.
        let in_time = Arc::new(AtomicBool::new(false));
        let in_time_too = Arc::clone(&in_time);
        let waker = on_wake(move || {
            let answer = is_done.lock().unwrap().recv_timeout(crate::DEADLINE);
            in_time_too.store(answer.is_ok(), Ordering::Relaxed);
        });
        assert!(poll(&mut task, &waker).is_pending());
        let mut thread = {
            let sem = Arc::clone(&sem);
            Running::start(move || {
                drop(sem.acquire().wait().unwrap());
                done.send(()).unwrap();
            })
        };
        crate::until(&sem, |state| state.waiting_acquirers == 2);

        drop(held);

        assert!(in_time.load(Ordering::Relaxed), "the thread slept until the task's waker gave up");
        thread.outcome(crate::DEADLINE).unwrap();
        drop(task);
        assert_eq!(counts(&sem), (2, 0, 0));
    }
}

/// A waker that does something when it is cloned, and whose clones panic, once, when they are dropped.
struct Nasty {
    on_clone: Box<dyn Fn() + Send + Sync>,
    armed: AtomicBool,
}

#[allow(unsafe_code, reason = "only a raw waker can act when it is cloned")]
fn nasty(on_clone: impl Fn() + Send + Sync + 'static) -> Waker {
    fn get(data: *const ()) -> &'static Nasty {
        // SAFETY: made below from a leaked box.
        unsafe { &*data.cast::<Nasty>() }
    }
    fn clone(data: *const ()) -> RawWaker {
        (get(data).on_clone)();
        get(data).armed.store(true, Ordering::Relaxed);
        RawWaker::new(data, &TABLE)
    }
    fn drop(data: *const ()) {
        assert!(!get(data).armed.swap(false, Ordering::Relaxed), "this drop panics, as the test wants it");
    }
    static TABLE: RawWakerVTable = RawWakerVTable::new(clone, |_| {}, |_| {}, drop);

    let nasty: &'static Nasty =
        Box::leak(Box::new(Nasty { on_clone: Box::new(on_clone), armed: AtomicBool::new(false) }));
    // SAFETY: the table's functions take what `get` can read, which is never freed.
    unsafe { Waker::from_raw(RawWaker::new(std::ptr::from_ref(nasty).cast(), &TABLE)) }
}

#[test]
fn waker_whose_drop_panics_loses_no_permit() {
    for polled_before in [false, true] {
        let sem = Arc::new(Semaphore::new(1));
        let held = Mutex::new(Some(sem.try_acquire_owned().unwrap()));
        let mut request = Box::pin(sem.acquire_owned());
        if polled_before {
            assert!(poll(&mut request, Waker::noop()).is_pending());
        }
        // The permit comes back while the poll clones its waker, so that the clone is not needed and is dropped.
        let waker = nasty(move || drop(held.lock().unwrap().take()));

        let _ = catch_unwind(AssertUnwindSafe(|| drop(poll(&mut request, &waker))));

        drop(request);
        assert_eq!(counts(&sem), (1, 0, 0), "polled before: {polled_before}");
    }
}
