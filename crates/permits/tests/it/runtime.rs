//! Tasks of a real runtime, next to threads (C17). The crate knows of no runtime; these show that it gets on with one.
//!
//! Covers: a task that yields for its budget before it is in the queue and so loses its place, a grant lost
//! in a timeout, a `select!` or an aborted task.

use crate::{DEADLINE, both_policies, counts, queued};
use permits_conformance::wait::Polled;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::task::{self, JoinSet};
use tokio::time;

fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

fn two_threads() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap()
}

#[test]
fn task_that_waits_lets_its_only_thread_go_on() {
    for sem in both_policies(1) {
        let sem = Arc::new(sem);
        one_thread().block_on(async {
            let (taking, giving) = (Arc::clone(&sem), Arc::clone(&sem));
            let taker = task::spawn(async move {
                for _ in 0..100 {
                    taking.acquire().loose().await.unwrap();
                }
            });
            let giver = task::spawn(async move {
                for _ in 0..100 {
                    giving.release().await.unwrap();
                }
            });

            taker.await.unwrap();
            giver.await.unwrap();
        });
        assert_eq!((counts(&sem), queued(&sem)), ((1, 0, 0), (0, 0)));
    }
}

#[test]
fn no_more_tasks_are_inside_than_there_are_permits() {
    const MAX: u32 = 3;
    for sem in both_policies(MAX) {
        let sem = Arc::new(sem);
        let inside = Arc::new(AtomicU32::new(0));
        two_threads().block_on(async {
            let mut tasks = JoinSet::new();
            for number in 0..100 {
                let (sem, inside) = (Arc::clone(&sem), Arc::clone(&inside));
                tasks.spawn(async move {
                    for _ in 0..20 {
                        let permit = sem.acquire_many_owned(1 + number % MAX).await.unwrap();
                        let now = inside.fetch_add(permit.count(), Ordering::SeqCst) + permit.count();
                        assert!(now <= MAX, "{now} permits are held at once");
                        task::yield_now().await;
                        inside.fetch_sub(permit.count(), Ordering::SeqCst);
                    }
                });
            }
            for outcome in tasks.join_all().await {
                outcome
            }
        });
        assert_eq!((counts(&sem), queued(&sem)), ((MAX, 0, 0), (0, 0)));
    }
}

#[test]
fn tasks_and_threads_take_turns_on_one_semaphore() {
    for sem in both_policies(2) {
        let sem = Arc::new(sem);
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let sem = Arc::clone(&sem);
                std::thread::spawn(move || {
                    for _ in 0..200 {
                        sem.acquire().loose().wait().unwrap();
                        std::thread::yield_now();
                    }
                })
            })
            .collect();
        two_threads().block_on(async {
            let mut tasks = JoinSet::new();
            for _ in 0..8 {
                let sem = Arc::clone(&sem);
                tasks.spawn(async move {
                    for _ in 0..100 {
                        sem.release().await.unwrap();
                    }
                });
            }
            tasks.join_all().await;
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!((counts(&sem), queued(&sem)), ((2, 0, 0), (0, 0)));
    }
}

#[test]
fn timeout_around_a_request_leaves_no_trace() {
    for sem in both_policies(1) {
        one_thread().block_on(async {
            let held = sem.try_acquire().unwrap();

            assert!(time::timeout(Duration::from_millis(20), sem.acquire()).await.is_err());
            assert!(time::timeout(Duration::from_millis(20), sem.release()).await.is_err());

            assert_eq!((counts(&sem), queued(&sem)), ((0, 1, 0), (0, 0)));
            drop(held);
            assert!(time::timeout(DEADLINE, sem.acquire()).await.is_ok());
        });
    }
}

#[test]
fn branch_that_loses_a_select_leaves_no_trace() {
    for (here, there) in both_policies(1).into_iter().zip(both_policies(1)) {
        one_thread().block_on(async {
            let (held, _other) = (here.try_acquire().unwrap(), there.try_acquire().unwrap());
            for _ in 0..100 {
                tokio::select! {
                    _ = here.acquire() => panic!("it is held"),
                    _ = there.release() => panic!("nothing is loose"),
                    () = task::yield_now() => {}
                }
            }
            assert_eq!((queued(&here), queued(&there)), ((0, 0), (0, 0)));

            drop(held);
            tokio::select! {
                permit = here.acquire() => drop(permit.unwrap()),
                _ = there.release() => panic!("nothing is loose"),
            }
            assert_eq!((counts(&here), queued(&there)), ((1, 0, 0), (0, 0)));
        });
    }
}

#[test]
fn first_poll_queues_though_the_tasks_budget_is_spent() {
    for sem in both_policies(1) {
        one_thread().block_on(async {
            let held = sem.try_acquire().unwrap();
            let mut waiting = pin!(sem.acquire());
            std::future::poll_fn(|context| {
                // Tokio's own futures yield from here on, until the task has.
                while pin!(task::coop::consume_budget()).poll(context).is_ready() {}
                assert!(waiting.as_mut().poll(context).is_pending());
                assert_eq!(queued(&sem), (1, 0));
                drop(Polled::new(sem.acquire()).poll());
                std::task::Poll::Ready(())
            })
            .await;

            drop(held);

            assert!(waiting.await.is_ok());
        });
    }
}

#[test]
fn aborted_task_gives_back_what_it_held_and_what_it_waited_for() {
    for sem in both_policies(2) {
        let sem = Arc::new(sem);
        one_thread().block_on(async {
            let theirs = Arc::clone(&sem);
            let task = task::spawn(async move {
                let _held = theirs.acquire().await.unwrap();
                theirs.acquire_many(2).await.map(drop)
            });
            while queued(&sem) != (1, 0) {
                task::yield_now().await;
            }
            assert_eq!(counts(&sem), (1, 1, 0));

            task.abort();

            assert!(task.await.unwrap_err().is_cancelled());
            assert_eq!((counts(&sem), queued(&sem)), ((2, 0, 0), (0, 0)));
        });
    }
}
