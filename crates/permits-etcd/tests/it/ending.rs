//! The end of a connection, which its user asks for.

use crate::scene::{DEADLINE, Scene};
use permits::ErrorKind;
use permits_conformance::wait::Polled;
use permits_etcd::Error;

#[track_caller]
fn fails<T: Send + 'static>(waiting: &mut Polled<'static, Result<T, Error>>) {
    let outcome = waiting.outcome(DEADLINE).expect("no wait outlasts its connection");
    let error = outcome.err().expect("it was not granted");
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
}

#[test]
fn disconnecting_returns_what_is_held_and_ends_what_waits() {
    let Some(scene) = Scene::new(2) else { return };
    let held = scene.take(2);
    let mut acquire = Polled::new(scene.semaphore.acquire().into_future());
    let mut release = Polled::new(scene.semaphore.release().into_future());
    assert!(acquire.poll().is_pending() && release.poll().is_pending());
    scene.queues(1, 1);

    scene.etcd.disconnect().wait().expect("a server is there");

    assert!(held.is_lost(), "others may have the permits by now");
    fails(&mut acquire);
    fails(&mut release);
    let lost = held.release().wait().expect_err("it was lost before");
    assert_eq!(lost.kind(), ErrorKind::Lost, "{lost}");
    scene.settles(0, 0);
    fails(&mut Polled::new(scene.semaphore.acquire().into_future()));
    fails(&mut Polled::new(scene.semaphore.release().into_future()));
    assert_eq!(scene.other.acquire_many(2).wait_timeout(DEADLINE).expect("they are free").count(), 2);
}
