//! C17: threads and tasks at one semaphore.

use crate::rig::{Policy, Rig};
use crate::trial::{Trial, Waiting, Who, forget};
use crate::wait::{Running, eventually};
use permits::limit::{Limit, WaitBlocking};

/// C17 mixed waits: threads and tasks wait on the same object, and no task blocks who runs it.
pub fn c17_mixed_waits<R: Rig>(rig: &R, policy: Policy) {
    for (tasks, threads) in [(10, 10), (1, 10), (10, 1)] {
        all_acquirers_are_served(rig, policy, tasks, threads);
        all_releasers_are_served(rig, policy, tasks, threads);
    }
    either_kind_lets_the_other_through(rig, policy);
    a_poll_that_has_to_wait_returns(rig, policy);
}

/// The order of arrival: `tasks` tasks and `threads` threads, in turns while both last.
fn mixture(tasks: usize, threads: usize) -> Vec<Who> {
    let both = tasks.min(threads) * 2;
    let rest = if tasks > threads { Who::Task } else { Who::Thread };
    (0..tasks + threads).map(|place| if place < both { Who::turn(place) } else { rest }).collect()
}

/// What the waits come to, in whatever order they end.
fn all<R: Rig, T: Send + 'static>(trial: &Trial<'_, R>, mut waiting: Vec<Waiting<T>>, mut each: impl FnMut(T)) {
    let done = eventually(trial.rig.deadline(), || {
        waiting.retain_mut(|one| match one.now() {
            Some(outcome) => {
                each(outcome.expect("it is not closed"));
                false
            }
            None => true,
        });
        waiting.is_empty()
    });
    assert!(done, "{} are not served: {:?}", waiting.len(), trial.state());
}

fn all_acquirers_are_served<R: Rig>(rig: &R, policy: Policy, tasks: usize, threads: usize) {
    let trial = Trial::new(rig, policy, 3);
    let held = trial.take(3);
    let waiting: Vec<_> = mixture(tasks, threads).into_iter().map(|who| trial.acquirer(who, 1)).collect();
    trial.queues((tasks + threads) as u32, 0);

    drop(held);

    all(&trial, waiting, drop);
    trial.settles(3, 0, 0);
    trial.queues(0, 0);
}

fn all_releasers_are_served<R: Rig>(rig: &R, policy: Policy, tasks: usize, threads: usize) {
    let trial = Trial::new(rig, policy, 3);
    let waiting: Vec<_> = mixture(tasks, threads).into_iter().map(|who| trial.releaser(who, 1)).collect();
    trial.queues(0, (tasks + threads) as u32);

    let limit = rig.another(&trial.limit);
    let mut taker = Running::start(move || {
        for _ in 0..tasks + threads {
            forget(limit.acquire_many(1).wait().expect("it is not closed"));
        }
    });

    all(&trial, waiting, |()| {});
    taker.outcome(rig.deadline()).expect("all that it took went back");
    trial.settles(3, 0, 0);
    trial.queues(0, 0);
}

fn either_kind_lets_the_other_through<R: Rig>(rig: &R, policy: Policy) {
    for first in Who::BOTH {
        for second in Who::BOTH {
            let trial = Trial::new(rig, policy, 1);
            let mut releaser = trial.releaser(first, 1);
            let held = trial.take(1);
            let mut acquirer = trial.acquirer(second, 1);

            forget(held);

            trial.granted(&mut releaser);
            forget(trial.granted(&mut acquirer));
            trial.settles(0, 0, 1);
        }
    }
}

fn a_poll_that_has_to_wait_returns<R: Rig>(rig: &R, policy: Policy) {
    let trial = Trial::new(rig, policy, 1);
    let mut releasing = trial.releasing(1);
    let held = trial.take(1);
    let mut acquiring = trial.acquiring(1);

    // Some executor's only thread, which would never get back to work.
    let (mut releasing, mut acquiring) = Running::start(move || {
        assert!(releasing.poll().is_pending() && acquiring.poll().is_pending());
        assert!(releasing.poll().is_pending() && acquiring.poll().is_pending());
        (releasing, acquiring)
    })
    .outcome(rig.deadline())
    .expect("a poll does not wait");

    forget(held);
    let mut tasks = 2;
    let done = eventually(rig.deadline(), || {
        tasks -= u32::from(releasing.poll_if_woken().is_ready());
        tasks -= u32::from(acquiring.poll_if_woken().is_ready());
        tasks == 0
    });
    assert!(done, "both are let through by what was forgotten");
    trial.settles(1, 0, 0);
}
