//! C8 and C9: order, and no starvation.

use super::overtaking;
use crate::rig::{Policy, Rig};
use crate::trial::{Trial, Waiting, Who, fails, forget};
use crate::wait::Running;
use permits::ErrorKind;
use permits::limit::{Held, Limit, WaitBlocking};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// C8 order: first come, first served; or, by default, passed no more often than the bound says.
pub fn c08_order<R: Rig>(rig: &R, policy: Policy) {
    tasks_acquire_in_the_order_they_came(rig, policy);
    tasks_release_in_the_order_they_came(rig, policy);
    a_task_queues_behind_whoever_waits(rig, policy);
    match policy {
        Policy::Fair => {
            threads_and_tasks_acquire_in_one_order(rig);
            threads_and_tasks_release_in_one_order(rig);
            nobody_passes_a_waiting_acquirer(rig);
            nobody_passes_a_waiting_releaser(rig);
        }
        Policy::Default | Policy::Bounded(_) => overtaking::bounded(rig),
    }
}

fn tasks_acquire_in_the_order_they_came<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 3);
    let held = [trial.take(1), trial.take(1), trial.take(1)];
    let mut queue = [2, 1, 3, 1].map(|n| Some(trial.acquirer(Who::Task, n)));

    for one in held {
        drop(one);
    }

    // As many as fit go, and nobody past the one who does not fit.
    let first = served(&trial, &mut queue[0]);
    let second = served(&trial, &mut queue[1]);
    trial.waits(queue[2].as_mut().expect("it was not served"));
    trial.waits(queue[3].as_mut().expect("it was not served"));
    drop(first);
    trial.waits(queue[3].as_mut().expect("it was not served"));
    drop(second);
    let third = served(&trial, &mut queue[2]);
    trial.waits(queue[3].as_mut().expect("it was not served"));
    drop(third);
    served(&trial, &mut queue[3]);
}

fn tasks_release_in_the_order_they_came<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 3);
    let mut queue = [2, 1, 3, 1].map(|n| Some(trial.releaser(Who::Task, n)));

    for (n, next) in [(2, 0), (1, 1), (3, 2), (1, 3)] {
        for _ in 1..n {
            trial.take_loose(1);
            trial.waits(queue[next].as_mut().expect("it was not served"));
            for later in queue[next + 1..].iter_mut().flatten() {
                trial.waits(later);
            }
        }
        trial.take_loose(1);
        served(&trial, &mut queue[next]);
        trial.settles(3, 0, 0);
    }
}

/// Even where it is a thread that waits, and a running thread might pass it.
fn a_task_queues_behind_whoever_waits<R: Rig>(rig: &R, policy: Policy) {
    for first in Who::BOTH {
        let trial = Trial::new(rig, policy, 2);
        let held = trial.take(1);
        let mut large = trial.acquirer(first, 2);
        let mut small = trial.acquirer(Who::Task, 1);
        trial.stays(1, 1, 0);
        trial.waits(&mut small);
        drop(held);
        drop(trial.granted(&mut large));
        drop(trial.granted(&mut small));

        trial.take_loose(1);
        let mut large = trial.releaser(first, 2);
        let mut small = trial.releaser(Who::Task, 1);
        trial.stays(1, 0, 1);
        trial.waits(&mut small);
        trial.take_loose(1);
        trial.granted(&mut large);
        trial.take_loose(1);
        trial.granted(&mut small);
    }
}

fn served<R: Rig, T: Send + 'static>(trial: &Trial<'_, R>, waiting: &mut Option<Waiting<T>>) -> T {
    trial.granted(&mut waiting.take().expect("it was not served before"))
}

fn threads_and_tasks_acquire_in_one_order<R: Rig>(rig: &R) {
    let trial = Trial::new(rig, Policy::Fair, 1);
    let held = trial.take(1);
    let mut queue: Vec<_> = (0..8).map(|place| Some(trial.acquirer(Who::turn(place), 1))).collect();

    // Nobody but the next one has a permit, and nobody gets one before that one is dropped.
    let mut permit = held;
    for place in 0..queue.len() {
        drop(permit);
        permit = served(&trial, &mut queue[place]);
        trial.queues((queue.len() - place - 1) as u32, 0);
        assert!(queue.iter_mut().flatten().all(|later| later.now().is_none()), "another waiter passed waiter {place}");
    }
}

fn threads_and_tasks_release_in_one_order<R: Rig>(rig: &R) {
    let trial = Trial::new(rig, Policy::Fair, 1);
    let mut queue: Vec<_> = (0..8).map(|place| Some(trial.releaser(Who::turn(place), 1))).collect();

    for place in 0..queue.len() {
        trial.take_loose(1);
        served(&trial, &mut queue[place]);
        trial.queues(0, (queue.len() - place - 1) as u32);
        assert!(queue.iter_mut().flatten().all(|later| later.now().is_none()), "another waiter passed waiter {place}");
    }
}

fn nobody_passes_a_waiting_acquirer<R: Rig>(rig: &R) {
    for who in Who::BOTH {
        let trial = Trial::new(rig, Policy::Fair, 3);
        let held = trial.take(2);
        let mut large = trial.acquirer(who, 3);

        fails(trial.try_take(1), ErrorKind::NotNow);
        fails(trial.limit.acquire_many(1).wait_timeout(Duration::ZERO), ErrorKind::TimedOut);
        fails(trial.limit.acquire_many(1).wait_timeout(rig.grace()), ErrorKind::TimedOut);
        let mut thread = trial.acquirer(Who::Thread, 1);
        let mut task = trial.acquirer(Who::Task, 1);
        trial.waits(&mut thread);
        trial.waits(&mut task);

        trial.settles(1, 2, 0);
        drop(held);
        let large = trial.granted(&mut large);
        trial.settles(0, 3, 0);
        drop(large);
        let both = (trial.granted(&mut thread), trial.granted(&mut task));
        trial.settles(1, 2, 0);
        drop(both);
    }
}

fn nobody_passes_a_waiting_releaser<R: Rig>(rig: &R) {
    for who in Who::BOTH {
        let trial = Trial::new(rig, Policy::Fair, 3);
        trial.take_loose(1);
        let mut large = trial.releaser(who, 2);

        fails(trial.try_give(1), ErrorKind::NotNow);
        fails(trial.limit.release_many(1).wait_timeout(Duration::ZERO), ErrorKind::TimedOut);
        fails(trial.limit.release_many(1).wait_timeout(rig.grace()), ErrorKind::TimedOut);
        let mut thread = trial.releaser(Who::Thread, 1);
        trial.waits(&mut thread);

        trial.settles(2, 0, 1);
        trial.take_loose(2);
        trial.granted(&mut large);
        trial.granted(&mut thread);
        trial.settles(3, 0, 0);
    }
}

/// C9 no starvation: a large request gets its turn, and hoards nothing until then.
pub fn c09_no_starvation<R: Rig>(rig: &R, policy: Policy) {
    for who in Who::BOTH {
        what_the_head_cannot_have_yet_is_seen_as_free(rig, policy, who);
        small_acquirers_do_not_starve_a_large_one(rig, policy, who);
        small_releasers_do_not_starve_a_large_one(rig, policy, who);
    }
}

fn what_the_head_cannot_have_yet_is_seen_as_free<R: Rig>(rig: &R, policy: Policy, who: Who) {
    let trial = Trial::new(rig, policy, 10);
    let (one, three) = (trial.take(1), trial.take(3));
    let mut large = trial.acquirer(who, 8);
    let mut small = trial.acquirer(Who::Task, 1);

    trial.stays(6, 4, 0);
    drop(one);
    trial.settles(7, 3, 0);
    trial.stays(7, 3, 0);
    drop(three);

    let large = trial.granted(&mut large);
    let small = trial.granted(&mut small);
    trial.settles(1, 9, 0);
    drop((large, small));

    let trial = Trial::new(rig, policy, 4);
    trial.take_loose(2);
    let mut large = trial.releaser(who, 3);
    trial.stays(2, 0, 2);
    trial.take_loose(1);
    trial.granted(&mut large);
}

/// Threads that take and return without a pause, until they are told to stop.
struct Stream {
    stop: Arc<AtomicBool>,
    threads: Vec<Running<()>>,
}

impl Stream {
    fn of(many: usize, act: impl Fn() + Clone + Send + 'static) -> Stream {
        let stop = Arc::new(AtomicBool::new(false));
        let one = |_| {
            let (stop, act) = (Arc::clone(&stop), act.clone());
            Running::start(move || {
                while !stop.load(Ordering::SeqCst) {
                    act();
                }
            })
        };
        let threads = (0..many).map(one).collect();
        Stream { stop, threads }
    }

    fn end(mut self, rig: &impl Rig) {
        self.stop.store(true, Ordering::SeqCst);
        for thread in &mut self.threads {
            thread.outcome(rig.deadline()).expect("a stream ends when it is told to");
        }
    }
}

fn small_acquirers_do_not_starve_a_large_one<R: Rig>(rig: &R, policy: Policy, who: Who) {
    let trial = Trial::new(rig, policy, 3);
    let limit = rig.another(&trial.limit);
    let grace = rig.grace();
    // Each holds one while it takes the next: the three are never all free by chance alone.
    let stream = Stream::of(2, move || {
        let first = limit.acquire_many(1).wait().expect("it is not closed");
        let second = limit.acquire_many(1).wait_timeout(grace);
        drop(first);
        drop(second);
    });
    for _ in 0..3 {
        let large = match who {
            Who::Thread => trial.limit.acquire_many(3).wait_timeout(rig.deadline()),
            Who::Task => trial.acquiring(3).outcome(rig.deadline()).expect("it is not starved"),
        };
        assert_eq!(large.expect("it is not starved").count(), 3);
    }
    stream.end(rig);
    trial.settles(3, 0, 0);
}

fn small_releasers_do_not_starve_a_large_one<R: Rig>(rig: &R, policy: Policy, who: Who) {
    let trial = Trial::new(rig, policy, 3);
    let (takers, givers) = (rig.another(&trial.limit), rig.another(&trial.limit));
    let grace = rig.grace();
    let takers = Stream::of(1, move || {
        if let Ok(permit) = takers.acquire_many(1).wait_timeout(grace) {
            forget(permit);
        }
    });
    let givers = Stream::of(2, move || _ = givers.release_many(1).wait_timeout(grace));
    for _ in 0..3 {
        let large = match who {
            Who::Thread => trial.limit.release_many(3).wait_timeout(rig.deadline()),
            Who::Task => trial.releasing(3).outcome(rig.deadline()).expect("it is not starved"),
        };
        large.expect("it is not starved");
    }
    takers.end(rig);
    givers.end(rig);
    let loose = trial.until("nothing is held", |state| state.loose == state.given_out).loose;
    trial.give(loose);
    trial.settles(3, 0, 0);
}
