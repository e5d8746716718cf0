//! Requests that arrive when their client has long asked again, and answers that come late: they do no harm.

use crate::scene::{DEADLINE, Scene};
use permits_conformance::wait::{Polled, Running, always};
use permits_etcd::{ErrorKind, Etcd};
use std::time::Duration;

/// Longer than a client needs to notice that its place was deleted.
const NOTICED: Duration = Duration::from_millis(500);

#[test]
fn acquire_that_arrives_after_its_release_leaves_no_place() {
    let Some(scene) = Scene::new(1) else { return };
    for _ in 0..3 {
        scene.proxy.hold("/q/");
        let permit = scene.take(1);
        scene.proxy.is_holding();
        permit.release().wait().expect("it is held");
        scene.settles(0, 0);

        scene.proxy.deliver();

        scene.is_empty();
        drop(scene.take(1));
    }
    scene.is_empty();
}

#[test]
fn release_that_arrives_late_deletes_no_place_that_is_alive() {
    let Some(scene) = Scene::new(2) else { return };
    for _ in 0..3 {
        let permit = scene.take(1);
        scene.proxy.hold("/q/");
        permit.release().wait().expect("it is held");
        scene.proxy.is_holding();
        let permit = scene.take(2);

        scene.proxy.deliver();

        assert!(always(NOTICED, || !permit.is_lost()), "a place was deleted that is alive");
        scene.settles(2, 0);
        permit.release().wait().expect("it is held");
    }
    scene.is_empty();
}

/// What a client knows of a semaphore goes with its last handle; its lease stays.
#[test]
fn release_that_arrives_late_deletes_no_place_of_a_later_handle() {
    let Some(scene) = Scene::new(1) else { return };
    let name = scene.other.name().to_owned();
    let kept = scene.etcd.open(&format!("{name}/kept"), 1).wait().expect("a server is there");
    let _lease = kept.acquire().wait_timeout(DEADLINE).expect("it is free");
    let permit = scene.take(1);
    scene.proxy.hold("/q/");
    permit.release().wait().expect("it is held");
    scene.proxy.is_holding();
    let Scene { proxy, etcd, semaphore, other, .. } = scene;
    drop(semaphore);

    let semaphore = etcd.open_existing(&name).wait().expect("it is there");
    let permit = semaphore.acquire().wait_timeout(DEADLINE).expect("it is free");
    proxy.deliver();

    assert!(always(NOTICED, || !permit.is_lost()), "a place was deleted that is alive");
    assert_eq!(other.state().wait().expect("a server is there").given_out, 1);
}

/// Its loose permits keep their keys.
#[test]
fn later_handle_of_a_client_uses_no_name_of_its_loose_permits() {
    let Some(scene) = Scene::new(2) else { return };
    let name = scene.other.name().to_owned();
    let kept = scene.etcd.open(&format!("{name}/kept"), 1).wait().expect("a server is there");
    let _lease = kept.acquire().wait_timeout(DEADLINE).expect("it is free");
    scene.take(1).forget().wait().expect("it is held");
    // So that nothing looks after what is held there any more.
    assert!(always(NOTICED, || scene.semaphore.state().wait().is_ok_and(|state| state.loose == 1)));
    let Scene { etcd, semaphore, .. } = scene;
    drop(semaphore);

    let semaphore = etcd.open_existing(&name).wait().expect("it is there");
    let permit = semaphore.acquire().wait_timeout(DEADLINE);

    permit.expect("one is free").release().wait().expect("it is held");
}

#[test]
fn forget_that_arrives_late_makes_no_permit_loose() {
    let Some(scene) = Scene::new(1) else { return };
    for _ in 0..2 {
        let permit = scene.take(1);
        scene.proxy.hold("/q/");
        permit.forget().wait().expect("it is held");
        scene.proxy.is_holding();
        scene.other.release().wait_timeout(DEADLINE).expect("it is loose");
        let permit = scene.take(1);

        scene.proxy.deliver();

        scene.settles(1, 0);
        permit.release().wait().expect("it is held");
    }
    scene.is_empty();
}

/// Its second try finds that others wait, and it waits behind them until it is cancelled (C10).
#[test]
fn release_of_a_loose_permit_that_arrives_late_returns_nothing_for_one_that_was_cancelled() {
    let Some(scene) = Scene::new(3) else { return };
    scene.other.acquire().wait_timeout(DEADLINE).expect("it is free").forget().wait().expect("it is held");
    // Its first write is for a seat, so it has one before.
    drop(scene.take(1));
    scene.proxy.hold("/o/");
    let semaphore = scene.semaphore.clone();
    let mut cancelled = Running::start(move || semaphore.release().wait_timeout(Duration::from_secs(4)));
    scene.proxy.is_holding();
    let mut first = Polled::new(scene.other.release_many(2).into_future());
    assert!(first.poll().is_pending());
    scene.queues(0, 2);
    let refused = cancelled.outcome(DEADLINE).expect("it ends").expect_err("another waits before it");
    assert_eq!(refused.kind(), ErrorKind::TimedOut);
    drop(first);
    scene.settles(1, 1);

    scene.proxy.deliver();

    scene.settles(1, 1);
    scene.other.release().wait_timeout(DEADLINE).expect("it is loose");
    scene.is_empty();
}

#[test]
fn release_that_waits_and_arrives_after_its_cancel_leaves_no_place() {
    let Some(scene) = Scene::new(1) else { return };
    drop(scene.take(1));
    scene.proxy.hold("/r/");
    let mut releaser = Polled::new(scene.semaphore.release().into_future());
    assert!(releaser.poll().is_pending());
    scene.proxy.is_holding();
    scene.queues(0, 1);
    drop(releaser);
    scene.settles(0, 0);

    scene.proxy.deliver();

    scene.is_empty();
}

/// And not from when the answer has come: the server counts from when it has heard of it.
#[test]
fn lease_is_counted_from_when_it_was_asked_for() {
    let Some(scene) = Scene::new(1) else { return };
    let (ttl, margin, delay) = (Duration::from_secs(5), Duration::from_millis(500), Duration::from_millis(600));
    let etcd = Etcd::options([scene.proxy.address().to_string()]).ttl(ttl).connect().expect("the options are good");
    let semaphore = etcd.open_existing(scene.semaphore.name()).wait().expect("it is there");
    scene.proxy.delay(delay);
    let permit = semaphore.acquire().wait_timeout(DEADLINE).expect("it is free");

    // Some renewals long, one a second.
    let is_short = always(Duration::from_secs(4), || permit.remaining() <= ttl - margin - delay);

    assert!(is_short, "it is held for {:?} more", permit.remaining());
    assert!(!permit.is_lost(), "it is renewed");
    scene.proxy.delay(Duration::ZERO);
    permit.release().wait().expect("it is held");
}

#[test]
fn resize_that_arrives_late_changes_nothing() {
    let Some(scene) = Scene::new(1) else { return };
    scene.proxy.hold("\"max\":");
    scene.semaphore.grow(2).wait().expect("it grows");
    scene.proxy.is_holding();
    scene.other.set_max_permits(5).wait().expect("a server is there");

    scene.proxy.deliver();

    assert_eq!(scene.other.state().wait().expect("a server is there").max_permits, 5);
}
