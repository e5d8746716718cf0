//! For some seconds each: storms, crowds and very many turns.
//!
//! Covers: short timeouts that stop everybody (as <https://bugs.openjdk.org/browse/JDK-8386085> tells),
//! cancels that walk the queue, and lost wake-ups.

use crate::{DEADLINE, both_policies, counts, queued};
use permits::Semaphore;
use permits_conformance::Dice;
use permits_conformance::wait::Running;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Barrier};
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

/// Several threads that do one thing each; `act` gets the number.
fn crowd(many: usize, act: impl Fn(usize) + Send + Sync + 'static) -> Vec<Running<()>> {
    let act = Arc::new(act);
    let one = |number| {
        let act = Arc::clone(&act);
        Running::start(move || act(number))
    };
    (0..many).map(one).collect()
}

fn join(crowd: Vec<Running<()>>) {
    for mut thread in crowd {
        thread.outcome(DEADLINE).expect("everybody gets there");
    }
}

#[test]
fn after_a_storm_of_timeouts_all_permits_are_had_at_once() {
    let cores = thread::available_parallelism().map_or(2, |cores| cores.get());
    for sem in both_policies(cores as u32) {
        let sem = Arc::new(sem);
        let over = Arc::new(AtomicBool::new(false));
        let held = sem.try_acquire_many_owned(cores as u32).unwrap();
        let (theirs, stop) = (Arc::clone(&sem), Arc::clone(&over));
        let storm = crowd(2 * cores, move |number| {
            while !stop.load(Ordering::SeqCst) {
                let time = Duration::from_micros(1);
                match number % 2 {
                    0 => _ = theirs.acquire().wait_timeout(time),
                    _ => _ = theirs.release().wait_timeout(time),
                }
            }
        });
        // The storm lasts as long as this, and nothing is waited for.
        thread::sleep(if cfg!(miri) { Duration::from_millis(10) } else { Duration::from_millis(1_500) });

        drop(held);
        let start = Instant::now();
        let all: Vec<_> = (0..cores).map(|_| sem.acquire().wait_timeout(DEADLINE).unwrap()).collect();
        let lasted = start.elapsed();

        over.store(true, Ordering::SeqCst);
        drop(all);
        join(storm);
        assert!(lasted < Duration::from_secs(10), "it took {lasted:?}");
        assert_eq!((counts(&sem), queued(&sem)), ((cores as u32, 0, 0), (0, 0)));
    }
}

/// Were a cancel to walk the queue, this would take hours.
#[test]
fn a_million_waiters_leave_in_any_order() {
    const CROWD: usize = if cfg!(miri) { 100 } else { 1_000_000 };
    for sem in both_policies(2) {
        let _held = sem.try_acquire_many(2).unwrap();
        let mut context = Context::from_waker(Waker::noop());
        let mut waiting: Vec<_> = (0..CROWD).map(|number| Box::pin(sem.acquire_many(1 + number as u32 % 2))).collect();
        for future in &mut waiting {
            assert!(future.as_mut().poll(&mut context).is_pending());
        }
        assert_eq!(sem.waiting_acquirers(), CROWD);
        Dice::seeded(11).shuffle(&mut waiting);

        for (gone, future) in waiting.into_iter().enumerate() {
            drop(future);
            if gone % (CROWD / 10) == 0 {
                assert_eq!(sem.waiting_acquirers(), CROWD - gone - 1);
            }
        }

        assert_eq!((counts(&sem), queued(&sem)), ((0, 2, 0), (0, 0)));
    }
}

#[test]
fn a_hundred_and_twenty_eight_threads_share_two_permits() {
    const THREADS: usize = if cfg!(miri) { 4 } else { 128 };
    const TURNS: usize = if cfg!(miri) { 5 } else { 1_000 };
    for sem in both_policies(2) {
        let sem = Arc::new(sem);
        let (theirs, inside) = (Arc::clone(&sem), AtomicU32::new(0));

        let threads = crowd(THREADS, move |number| {
            for turn in 0..TURNS {
                let permit = theirs.acquire_many(1 + ((number + turn) % 16 == 0) as u32).wait().unwrap();
                let now = inside.fetch_add(permit.count(), Ordering::SeqCst) + permit.count();
                assert!(now <= 2, "{now} permits are held at once");
                inside.fetch_sub(permit.count(), Ordering::SeqCst);
            }
        });

        join(threads);
        assert_eq!((counts(&sem), queued(&sem)), ((2, 0, 0), (0, 0)));
    }
}

/// Eight wait and eight come back, one by one; then the sides change.
#[test]
fn no_wake_up_is_lost() {
    const WAITERS: usize = 8;
    const ROUNDS: usize = if cfg!(miri) { 3 } else { 4_000 };
    for policy in [Semaphore::new, Semaphore::fair] {
        for timed in [false, true] {
            let sem = Arc::new(policy(WAITERS as u32));
            sem.acquire_many(WAITERS as u32).loose().wait().unwrap();
            let start = Arc::new(Barrier::new(WAITERS + 1));
            let (theirs, meeting) = (Arc::clone(&sem), Arc::clone(&start));
            let waiters = crowd(WAITERS, move |_| {
                for round in 0..ROUNDS {
                    meeting.wait();
                    match (timed, round % 2) {
                        (false, 0) => theirs.acquire().loose().wait().unwrap(),
                        (true, 0) => theirs.acquire().loose().wait_timeout(DEADLINE).unwrap(),
                        (false, _) => theirs.release().wait().unwrap(),
                        (true, _) => theirs.release().wait_timeout(DEADLINE).unwrap(),
                    }
                }
            });

            for round in 0..ROUNDS {
                start.wait();
                for _ in 0..WAITERS {
                    if round % 2 == 0 {
                        sem.release().wait_timeout(DEADLINE).expect("as many are loose as were ever taken");
                    } else {
                        sem.acquire().loose().wait_timeout(DEADLINE).expect("as many are free as went back");
                    }
                }
            }

            join(waiters);
            assert_eq!((counts(&sem), queued(&sem)), ((0, 0, WAITERS as u32), (0, 0)));
        }
    }
}

/// The exercise, without its pauses: each turn needs both.
#[test]
fn two_threads_take_turns_for_as_long_as_they_like() {
    const TURNS: u32 = if cfg!(miri) { 20 } else { 100_000 };
    for sem in both_policies(1) {
        let sem = Arc::new(sem);
        let theirs = Arc::clone(&sem);
        let giver = crowd(1, move |_| {
            for _ in 0..TURNS {
                theirs.release().wait().unwrap();
            }
        });

        for _ in 0..TURNS {
            sem.acquire().wait().unwrap().forget();
        }

        join(giver);
        assert_eq!((counts(&sem), queued(&sem)), ((1, 0, 0), (0, 0)));
    }
}
