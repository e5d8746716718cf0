//! Schedules at random: larger crowds than loom can exhaust, under shuttle's scheduler. Run them with
//! `RUSTFLAGS="--cfg permits_shuttle" cargo test --release -p permits --test shuttle`.
//!
//! A schedule in which somebody waits for ever is a deadlock and fails; shuttle prints what it takes to replay it.
#![cfg(permits_shuttle)]

use permits::Semaphore;
use shuttle::future::block_on;
use shuttle::rand::{Rng, thread_rng};
use shuttle::thread;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

const SCHEDULES: usize = 8_000;
const SOON: Duration = Duration::from_millis(1);

fn explore(scenario: impl Fn(fn(u32) -> Semaphore) + Send + Sync + Copy + 'static) {
    let policies: [fn(u32) -> Semaphore; 3] =
        [|max| Semaphore::fair(max), |max| Semaphore::with_overtaking(max, 2), |max| Semaphore::new(max)];
    for policy in policies {
        shuttle::check_random(move || scenario(policy), SCHEDULES);
        shuttle::check_pct(move || scenario(policy), SCHEDULES, 3);
    }
}

fn assert_idle(sem: &Semaphore) {
    let state = sem.state();
    assert_eq!(state.available_permits, state.max_permits, "{state}");
    assert_eq!((state.loose, state.waiting_acquirers, state.waiting_releasers), (0, 0, 0), "{state}");
}

/// Holds what it counts, and fails if more is held than there is.
struct Held<'a>(&'a AtomicU32, u32);

impl<'a> Held<'a> {
    fn new(held: &'a AtomicU32, n: u32, max: u32) -> Held<'a> {
        let before = held.fetch_add(n, Ordering::Relaxed);
        assert!(before + n <= max, "{before} were held when {n} more came, of {max}");
        Held(held, n)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(self.1, Ordering::Relaxed);
    }
}

/// One of the ways in which somebody may take permits and let go of them, at random.
fn visit(sem: &Semaphore, held: &AtomicU32) {
    let max = sem.max_permits();
    let n = thread_rng().gen_range(1..=max);
    match thread_rng().gen_range(0..6) {
        0 => {
            let permit = sem.acquire_many(n).wait().unwrap();
            let _held = Held::new(held, permit.count(), max);
            thread::yield_now();
        }
        1 => block_on(async {
            let permit = sem.acquire_many(n).await.unwrap();
            let _held = Held::new(held, permit.count(), max);
            shuttle::future::yield_now().await;
        }),
        2 => {
            if let Ok(permit) = sem.acquire_many(n).wait_timeout(SOON) {
                let _held = Held::new(held, permit.count(), max);
                thread::yield_now();
            }
        }
        3 => {
            // Polled once, and dropped: waiting, granted, or ready.
            let mut request = pin!(sem.acquire_many(n));
            let _ = request.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            thread::yield_now();
        }
        4 => {
            if let Ok(permit) = sem.try_acquire_many(n) {
                let _held = Held::new(held, permit.count(), max);
                thread::yield_now();
            }
        }
        _ => {
            let mut permit = sem.acquire_many(n).wait().unwrap();
            let part = permit.split(n / 2).unwrap();
            let rest = Held::new(held, permit.count(), max);
            {
                let _held = Held::new(held, part.count(), max);
                thread::yield_now();
            }
            drop(part);
            thread::yield_now();
            drop(rest);
        }
    }
}

#[test]
fn a_crowd_of_threads_and_tasks_that_come_and_go() {
    explore(|new| {
        let (sem, held) = (Arc::new(new(3)), Arc::new(AtomicU32::new(0)));
        let crowd: Vec<_> = (0..4)
            .map(|_| {
                let (sem, held) = (Arc::clone(&sem), Arc::clone(&held));
                thread::spawn(move || {
                    for _ in 0..3 {
                        visit(&sem, &held);
                    }
                })
            })
            .collect();
        for one in crowd {
            one.join().unwrap();
        }
        assert_idle(&sem);
    });
}

#[test]
fn takers_and_givers_of_loose_permits_all_finish() {
    explore(|new| {
        let sem = Arc::new(new(2));
        let crowd: Vec<_> = (0..6)
            .map(|i| {
                let sem = Arc::clone(&sem);
                thread::spawn(move || {
                    for _ in 0..2 {
                        match i {
                            0 => sem.acquire().loose().wait().unwrap(),
                            1 => sem.acquire().wait().unwrap().forget(),
                            2 => block_on(sem.acquire().loose()).unwrap(),
                            3 => block_on(sem.release()).unwrap(),
                            4 => while sem.release().wait_timeout(SOON).is_err() {},
                            _ => sem.release().wait().unwrap(),
                        }
                    }
                })
            })
            .collect();
        for one in crowd {
            one.join().unwrap();
        }
        assert_idle(&sem);
    });
}

#[test]
fn a_crowd_under_resizes_and_a_close() {
    explore(|new| {
        let sem = Arc::new(new(2));
        let crowd: Vec<_> = (0..5)
            .map(|i| {
                let sem = Arc::clone(&sem);
                thread::spawn(move || match i {
                    0 => {
                        sem.set_max_permits(4).unwrap();
                        sem.set_max_permits(1).unwrap();
                        sem.set_max_permits(3).unwrap();
                    }
                    1 => sem.close(),
                    2 => drop(sem.acquire_many(2).wait()),
                    3 => drop(block_on(sem.acquire_many(3))),
                    _ => {
                        if sem.acquire().loose().wait().is_ok() {
                            sem.release().wait().unwrap();
                        }
                    }
                })
            })
            .collect();
        for one in crowd {
            one.join().unwrap();
        }
        assert_idle(&sem);
        assert!(sem.is_closed());
    });
}

/// Not in loom, whose park token goes when a thread unlocks. A park that finds no token is a deadlock.
#[test]
fn an_unpark_by_the_program_is_there_after_a_wait() {
    explore(|new| {
        let sem = Arc::new(new(1));
        let held = sem.try_acquire_owned().unwrap();
        let sleeper = {
            let sem = Arc::clone(&sem);
            thread::spawn(move || {
                drop(sem.acquire().wait().unwrap());
                thread::park();
            })
        };
        sleeper.thread().unpark();
        drop(held);
        sleeper.join().unwrap();
        assert_idle(&sem);
    });
}

/// A polling thread's waker that reads, and so takes the lock, whenever anything is done with it.
struct Reading(Arc<Semaphore>, Waker);

impl Wake for Reading {
    fn wake(self: Arc<Self>) {
        _ = self.0.state();
        self.1.wake_by_ref();
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        _ = self.0.state();
    }
}

#[test]
fn a_crowd_whose_wakers_come_back_all_finish() {
    explore(|new| {
        let sem = Arc::new(new(2));
        let crowd: Vec<_> = (0..4)
            .map(|i| {
                let sem = Arc::clone(&sem);
                thread::spawn(move || {
                    let mut request = Box::pin(sem.acquire_many_owned(1 + i % 2));
                    let permit = block_on(poll_fn(|context| {
                        let waker = Waker::from(Arc::new(Reading(Arc::clone(&sem), context.waker().clone())));
                        let mut context = Context::from_waker(&waker);
                        if i < 2 {
                            request.as_mut().poll(&mut context)
                        } else {
                            request.as_mut().poll_passing(&mut context)
                        }
                    }));
                    drop(permit.unwrap());
                })
            })
            .collect();
        for one in crowd {
            one.join().unwrap();
        }
        assert_idle(&sem);
    });
}
