//! A child of a fork has nothing of its parent's: it is told so, and what it drops stays the parent's.

use crate::scene::{DEADLINE, Scene};
use permits_conformance::wait::Polled;
use permits_etcd::{Error, ErrorKind};
use permits_testbed::in_child;
use std::task::Poll;

fn kind<T>(outcome: Result<T, Error>) -> Option<ErrorKind> {
    outcome.err().map(|error| error.kind())
}

#[test]
fn child_is_told_that_nothing_is_its_own() {
    let Some(scene) = Scene::new(2) else { return };
    let mut permit = Some(scene.take(1));
    let (etcd, semaphore) = (&scene.etcd, &scene.semaphore);

    let said = in_child(DEADLINE, || {
        let outcomes = [
            kind(semaphore.acquire().wait()),
            kind(semaphore.acquire().try_now().wait()),
            kind(semaphore.acquire().wait_timeout(DEADLINE)),
            kind(semaphore.release().wait()),
            kind(semaphore.state().wait()),
            kind(semaphore.status().wait()),
            kind(semaphore.grow(1).wait()),
            kind(semaphore.close().wait()),
            kind(etcd.open("another", 1).wait()),
            kind(etcd.disconnect().wait()),
            permit.take().and_then(|permit| kind(permit.release().wait())),
        ];
        let told = outcomes.iter().all(|kind| *kind == Some(ErrorKind::NotOurs));
        if told { "told".to_owned() } else { format!("{outcomes:?}") }
    });

    assert_eq!(said.as_deref(), Some("told"));
    scene.settles(1, 0);
}

#[test]
fn what_a_child_polls_and_drops_stays_with_its_parent() {
    let Some(scene) = Scene::new(2) else { return };
    let mut permit = Some(scene.take(1));
    let mut waiting = Some(Polled::new(scene.semaphore.acquire_many(2).into_future()));
    assert!(waiting.as_mut().expect("it was just made").poll().is_pending());
    scene.queues(1, 0);

    let said = in_child(DEADLINE, || {
        let polled = waiting.as_mut().map(Polled::poll);
        drop((waiting.take(), permit.take()));
        match polled {
            Some(Poll::Ready(outcome)) => format!("{:?}", kind(outcome)),
            _ => "it waits".to_owned(),
        }
    });

    assert_eq!(said.as_deref(), Some("Some(NotOurs)"));
    scene.queues(1, 0);
    drop(permit);
    let outcome = waiting.as_mut().expect("it is the parent's").outcome(DEADLINE).expect("it is served");
    assert_eq!(outcome.expect("they are free").count(), 2);
}
