//! Wakers that come back to the semaphore, or panic, in whatever the semaphore does with them.
#![allow(unsafe_code, reason = "only a raw waker can act when it is cloned")]

use crate::{assert_idle, check, policies};
use loom::future::block_on;
use loom::thread;
use permits::{AcquireError, AcquireOwned, OwnedPermit, Semaphore};
use std::future::{Future, poll_fn};
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};

#[derive(Clone, Copy, PartialEq)]
enum Function {
    Clone,
    Wake,
    Drop,
}

struct Hostile {
    sem: Arc<Semaphore>,
    act: Act,
    inner: Waker,
}

impl Hostile {
    fn called(&self, function: Function) {
        if function == Function::Wake {
            self.inner.wake_by_ref();
        }
        (self.act)(&self.sem, function);
    }

    /// The one that a poll is given: it is the model's own, and its drop does nothing. So it is another than
    /// any that is kept.
    fn waker(self) -> Waker {
        // SAFETY: the table takes what `Arc::into_raw` made, and counts the shares as a waker has to.
        unsafe { Waker::from_raw(RawWaker::new(Arc::into_raw(Arc::new(self)).cast(), &OWN)) }
    }
}

static OWN: RawWakerVTable = RawWakerVTable::new(
    clone,
    |_| unreachable!("only clones are kept"),
    |_| unreachable!("only clones are kept"),
    // SAFETY: dropping takes the waker's share.
    |data| drop(unsafe { Arc::from_raw(data.cast::<Hostile>()) }),
);

static KEPT: RawWakerVTable = RawWakerVTable::new(
    clone,
    // SAFETY: waking takes the waker's share.
    |data| unsafe { Arc::from_raw(data.cast::<Hostile>()) }.called(Function::Wake),
    // SAFETY: a waker has one share of it.
    |data| unsafe { &*data.cast::<Hostile>() }.called(Function::Wake),
    // SAFETY: dropping takes the waker's share.
    |data| unsafe { Arc::from_raw(data.cast::<Hostile>()) }.called(Function::Drop),
);

fn clone(data: *const ()) -> RawWaker {
    // SAFETY: a waker has one share of it.
    unsafe { &*data.cast::<Hostile>() }.called(Function::Clone);
    // SAFETY: as above; the new waker has the new share.
    unsafe { Arc::increment_strong_count(data.cast::<Hostile>()) };
    RawWaker::new(data, &KEPT)
}

/// Whatever it is asked to do, it takes the lock.
fn read(sem: &Semaphore, _: Function) {
    _ = sem.state();
}

/// A panic of `clone` is for whoever polls; these are for nobody.
fn panic_unless_cloned(_: &Semaphore, function: Function) {
    if function != Function::Clone {
        resume_unwind(Box::new("this waker has a bug"));
    }
}

type Act = fn(&Semaphore, Function);

const ACTS: [Act; 2] = [read, panic_unless_cloned];

/// Polls it as a task, or as a thread.
fn poll(
    request: &mut Pin<Box<AcquireOwned>>,
    (sem, passing, act): (&Arc<Semaphore>, bool, Act),
    inner: &Waker,
) -> Poll<Result<OwnedPermit, AcquireError>> {
    let waker = Hostile { sem: Arc::clone(sem), act, inner: inner.clone() }.waker();
    let mut context = Context::from_waker(&waker);
    match passing {
        true => request.as_mut().poll_passing(&mut context),
        false => request.as_mut().poll(&mut context),
    }
}

fn check_wakers(preemptions: usize, model: fn(Arc<Semaphore>, bool, Act)) {
    for (policy, act) in policies().into_iter().flat_map(|policy| ACTS.map(|act| (policy, act))) {
        for passing in [false, true] {
            check(preemptions, move || model(Arc::new(policy(1)), passing, act));
        }
    }
}

#[test]
fn a_hostile_waker_is_woken_with_the_lock_free_and_gets_its_permit() {
    check_wakers(2, |sem, passing, act| {
        let permit = sem.try_acquire_owned().unwrap();
        let giver = thread::spawn(move || drop(permit));
        let mut request = Box::pin(sem.acquire_owned());
        drop(block_on(poll_fn(|context| poll(&mut request, (&sem, passing, act), context.waker()))).unwrap());
        giver.join().unwrap();
        drop(request);
        assert_idle(&sem);
    });
}

#[test]
fn a_hostile_waker_that_comes_too_late_is_woken_again() {
    check_wakers(2, |sem, passing, act| {
        let permit = sem.try_acquire_owned().unwrap();
        let mut request = Box::pin(sem.acquire_owned());
        assert!(poll(&mut request, (&sem, passing, act), Waker::noop()).is_pending());
        let giver = {
            let sem = Arc::clone(&sem);
            thread::spawn(move || {
                drop(permit);
                drop(sem.try_acquire());
            })
        };
        drop(block_on(poll_fn(|context| poll(&mut request, (&sem, passing, act), context.waker()))).unwrap());
        giver.join().unwrap();
        drop(request);
        assert_idle(&sem);
    });
}

#[test]
fn a_hostile_waker_is_exchanged_and_dropped_with_the_lock_free() {
    check_wakers(2, |sem, passing, act| {
        let permit = sem.try_acquire_owned().unwrap();
        let mut request = Box::pin(sem.acquire_owned());
        assert!(poll(&mut request, (&sem, passing, act), Waker::noop()).is_pending());
        let giver = thread::spawn(move || drop(permit));
        drop(poll(&mut request, (&sem, passing, act), Waker::noop()));
        drop(request);
        giver.join().unwrap();
        assert_idle(&sem);
    });
}
