//! Calls that take effect and whose answers are lost: each does what it says, and does it once.

use crate::scene::{DEADLINE, Scene};
use permits_conformance::wait::{Polled, Running, eventually};
use permits_etcd::{ErrorKind, Etcd};

/// How often each of them is done.
const ROUNDS: u32 = 30;

/// In the keys of all places.
const PLACE: &str = "/q/";
/// In the keys of releases that wait.
const RETURN: &str = "/r/";
/// In the keys of all receipts, which each release of loose permits writes.
const RECEIPT: &str = "/o/";
/// In the keys of clients.
const MEMBER: &str = "/s/";
/// In what each step of the configuration writes.
const CONFIG: &str = "\"max\":";

#[test]
fn acquire_without_an_answer_has_one_place() {
    let Some(scene) = Scene::new(4) else { return };
    let mut last = None;
    for round in 0..ROUNDS {
        let n = 1 + round % 3;
        let permit = scene.losing(PLACE, 1, || scene.take(n));

        scene.settles(n, 0);
        assert!(last < Some(permit.token()), "tokens grow");
        last = Some(permit.token());
        permit.release().wait().expect("it is held");
        scene.settles(0, 0);
    }
    scene.is_empty();
}

#[test]
fn try_without_an_answer_is_granted_or_leaves_no_place() {
    let Some(scene) = Scene::new(1) else { return };
    for _ in 0..ROUNDS {
        let permit = scene.losing(PLACE, 1, || scene.semaphore.acquire().try_now().wait()).expect("it is free");
        scene.settles(1, 0);
        drop(permit);
        scene.settles(0, 0);
    }
    scene.is_empty();
}

#[test]
fn first_acquire_of_a_client_without_an_answer_has_one_place() {
    let Some(scene) = Scene::new(1) else { return };
    for _ in 0..ROUNDS {
        let etcd = Etcd::connect([scene.proxy.address().to_string()]).expect("the options are good");
        let semaphore = etcd.open_existing(scene.semaphore.name()).wait().expect("it is there");
        let permit = scene.losing(MEMBER, 2, || semaphore.acquire().wait_timeout(DEADLINE)).expect("it is free");
        scene.settles(1, 0);
        permit.release().wait().expect("it is held");
    }
    scene.is_empty();
}

#[test]
fn release_without_an_answer_releases_once() {
    let Some(scene) = Scene::new(3) else { return };
    let kept = scene.other.acquire().wait_timeout(DEADLINE).expect("it is free");
    for _ in 0..ROUNDS {
        let permit = scene.take(2);
        scene.losing(PLACE, 1, || permit.release().wait()).expect("it was held");
        scene.settles(1, 0);
    }
    drop(kept);
    scene.is_empty();
}

#[test]
fn dropped_permit_without_an_answer_comes_back_once() {
    let Some(scene) = Scene::new(3) else { return };
    let kept = scene.take(1);
    for _ in 0..ROUNDS {
        let mut permit = scene.take(2);
        let part = permit.split(1).expect("it has two");
        scene.losing(PLACE, 1, || drop(part));
        scene.settles(2, 0);
        assert!(!kept.is_lost() && !permit.is_lost());
        drop(permit);
        scene.settles(1, 0);
    }
    drop(kept);
    scene.is_empty();
}

#[test]
fn cancel_without_an_answer_leaves_no_place() {
    let Some(scene) = Scene::new(1) else { return };
    for _ in 0..ROUNDS {
        let held = scene.other.acquire().wait_timeout(DEADLINE).expect("it is free");
        let mut waiter = Polled::new(scene.semaphore.acquire().into_future());
        assert!(waiter.poll().is_pending());
        scene.queues(1, 0);

        scene.losing(PLACE, 1, || drop(waiter));

        scene.settles(1, 0);
        drop(held);
        scene.settles(0, 0);
    }
    scene.is_empty();
}

/// The place and the cancel, both in doubt.
#[test]
fn cancel_of_a_place_without_an_answer_leaves_no_place() {
    let Some(scene) = Scene::new(1) else { return };
    let held = scene.other.acquire().wait_timeout(DEADLINE).expect("it is free");
    for _ in 0..ROUNDS {
        let mut waiter = Polled::new(scene.semaphore.acquire().into_future());
        scene.losing(PLACE, 2, || {
            assert!(waiter.poll().is_pending());
            scene.queues(1, 0);
            drop(waiter);
        });
        scene.settles(1, 0);
    }
    drop(held);
    scene.is_empty();
}

#[test]
fn forget_without_an_answer_leaves_the_permits_loose() {
    let Some(scene) = Scene::new(2) else { return };
    for _ in 0..ROUNDS {
        let permit = scene.take(2);
        scene.losing(PLACE, 1, || permit.forget().wait()).expect("it was held");
        scene.settles(2, 2);
        scene.other.release_many(2).wait_timeout(DEADLINE).expect("they are loose");
        scene.settles(0, 0);
    }
    scene.is_empty();
}

/// The second try finds no key any more, or those of others.
#[test]
fn forget_without_an_answer_is_no_loss_if_the_permits_are_returned_at_once() {
    let Some(scene) = Scene::new(2) else { return };
    for round in 0..ROUNDS {
        let other = scene.other.clone();
        let mut releaser = Running::start(move || other.release().wait_timeout(DEADLINE));
        scene.queues(0, 1);
        let n = 1 + round % 2;
        let permit = scene.take(n);

        let forgotten = scene.losing(PLACE, 1, || permit.forget().wait());

        releaser.outcome(DEADLINE).expect("it ends").expect("a permit is loose");
        forgotten.expect("it was held, and is loose since");
        scene.settles(n - 1, n - 1);
        scene.other.release_many(n - 1).wait_timeout(DEADLINE).expect("they are loose");
    }
    scene.is_empty();
}

#[test]
fn release_of_a_loose_permit_without_an_answer_returns_one() {
    let Some(scene) = Scene::new(ROUNDS) else { return };
    scene.take(ROUNDS).forget().wait().expect("it is held");
    for left in (0..ROUNDS).rev() {
        scene
            .losing(RECEIPT, 1, || {
                if left % 2 == 0 {
                    scene.semaphore.release().wait_timeout(DEADLINE)
                } else {
                    scene.semaphore.release().try_now().wait()
                }
            })
            .expect("one is loose");
        scene.settles(left, left);
    }
    scene.is_empty();
}

/// Its place in the queue and its turn, both in doubt.
#[test]
fn release_that_waits_without_an_answer_returns_one() {
    let Some(scene) = Scene::new(3) else { return };
    for _ in 0..ROUNDS {
        let semaphore = scene.semaphore.clone();
        let mut releaser = scene.losing(RETURN, 1, || {
            let releaser = Running::start(move || semaphore.release_many(2).wait_timeout(DEADLINE));
            scene.queues(0, 1);
            releaser
        });
        scene.losing(RECEIPT, 1, || {
            let permit = scene.other.acquire_many(3).wait_timeout(DEADLINE).expect("they are free");
            permit.forget().wait().expect("it is held");
            releaser.outcome(DEADLINE).expect("it ends").expect("they are loose");
        });
        scene.settles(1, 1);
        scene.other.release().wait_timeout(DEADLINE).expect("it is loose");
    }
    scene.is_empty();
}

#[test]
fn cancel_of_a_release_that_waits_without_an_answer_leaves_no_place() {
    let Some(scene) = Scene::new(1) else { return };
    for _ in 0..ROUNDS {
        let mut releaser = Polled::new(scene.semaphore.release().into_future());
        scene.losing(RETURN, 2, || {
            assert!(releaser.poll().is_pending());
            scene.queues(0, 1);
            drop(releaser);
        });
        scene.settles(0, 0);
        scene.take(1).forget().wait().expect("it is held");
        scene.settles(1, 1);
        scene.other.release().wait_timeout(DEADLINE).expect("it is loose");
    }
    scene.is_empty();
}

#[test]
fn grow_and_shrink_without_an_answer_happen_once() {
    let Some(scene) = Scene::new(1) else { return };
    for round in 0..ROUNDS {
        scene.losing(CONFIG, 1, || scene.semaphore.grow(2).wait()).expect("it grows");
        assert_eq!(scene.other.state().wait().expect("a server is there").max_permits, 3 + round);
        // Two steps.
        scene.losing(CONFIG, 2, || scene.semaphore.shrink(1).wait()).expect("it shrinks");
        assert_eq!(scene.other.state().wait().expect("a server is there").max_permits, 2 + round);
    }
    scene.is_empty();
}

/// A waiter behind the new number, which the readings must not take for granted.
#[test]
fn resize_without_an_answer_counts_right() {
    let Some(scene) = Scene::new(5) else { return };
    for _ in 0..ROUNDS {
        let mut held = scene.other.acquire_many(4).wait_timeout(DEADLINE).expect("they are free");
        let mut waiter = Polled::new(scene.other.acquire_many(2).into_future());
        assert!(waiter.poll().is_pending());
        scene.queues(1, 0);

        scene.losing(CONFIG, 2, || scene.semaphore.set_max_permits(2).wait()).expect("a server is there");
        let state = scene.other.state().wait().expect("a server is there");
        assert_eq!((state.max_permits, state.given_out, state.waiting_acquirers), (2, 4, 1));
        held.split(2).expect("it has four").release().wait().expect("they are held");
        let state = scene.other.state().wait().expect("a server is there");
        assert_eq!((state.max_permits, state.given_out, state.waiting_acquirers), (2, 2, 1));

        scene.losing(CONFIG, 1, || scene.semaphore.set_max_permits(7).wait()).expect("a server is there");
        drop(waiter.outcome(DEADLINE).expect("it is granted").expect("seven are enough"));
        scene.losing(CONFIG, 2, || scene.semaphore.set_max_permits(5).wait()).expect("a server is there");
        drop(held);
        scene.settles(0, 0);
    }
    scene.is_empty();
}

#[test]
fn open_and_close_without_an_answer_happen() {
    let Some(scene) = Scene::new(1) else { return };
    for round in 0..ROUNDS {
        let name = format!("{}/{round}", scene.semaphore.name());
        let semaphore = scene.losing(CONFIG, 1, || scene.etcd.open(&name, 3).wait()).expect("it is created");
        let permit = semaphore.acquire().wait_timeout(DEADLINE).expect("it is free");

        scene.losing(CONFIG, 2, || semaphore.close().wait()).expect("it can be closed");

        let refused = semaphore.acquire().wait_timeout(DEADLINE).expect_err("it is closed");
        assert_eq!(refused.kind(), ErrorKind::Closed);
        permit.release().wait().expect("what is out can come back");
        assert!(eventually(DEADLINE, || {
            let state = semaphore.state().wait().expect("a server is there");
            state.closed && (state.given_out, state.max_permits) == (0, 3)
        }));
    }
}
