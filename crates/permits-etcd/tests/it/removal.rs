//! Removing a semaphore: what is in use stays unless it is forced, whoever comes finds the old one or a new one, and a
//! request of before has no effect on the next one.

use crate::cluster;
use crate::scene::{DEADLINE, Scene};
use permits_conformance::wait::{Polled, Running, eventually};
use permits_etcd::{Error, ErrorKind, Etcd, EtcdSemaphore, Removal, State};
use std::error::Error as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

/// In the key of the configuration.
const CONFIG: &str = "/cfg";

fn idle(max: u32) -> State {
    State { max_permits: max, available_permits: max, ..State::default() }
}

#[track_caller]
fn is_gone<T>(outcome: Result<T, Error>, had_a_place: bool) {
    let why = outcome.map(|_| ()).expect_err("it is removed");
    assert_eq!((why.kind(), why.source().is_some()), (ErrorKind::Gone, had_a_place), "{why}");
}

#[test]
fn idle_one_is_removed_and_a_new_one_has_its_own_number() {
    let Some(scene) = Scene::new(2) else { return };
    let (ours, other, name) = (&scene.semaphore, &scene.other, scene.semaphore.name().to_owned());
    let token = scene.take(2).token();
    scene.settles(0, 0);

    assert_eq!(ours.remove(Removal::IfIdle).wait().expect("it is idle"), idle(2));

    is_gone(other.acquire().wait_timeout(DEADLINE), false);
    is_gone(other.acquire().try_now().wait(), false);
    is_gone(other.release().wait_timeout(DEADLINE), false);
    is_gone(other.state().wait(), false);
    is_gone(other.grow(1).wait(), false);
    is_gone(other.remove(Removal::Force).wait(), false);
    let missing = scene.etcd.open_existing(&name).wait().expect_err("it is removed");
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    assert!(!scene.keys().iter().any(|key| key == "cfg"), "{:?}", scene.keys());
    // Under the same name, with what was opened by it.
    scene.etcd.open(&name, 5).wait().expect("it is new");
    let permit = other.acquire_many(5).wait_timeout(DEADLINE).expect("all of them are free");
    assert!(permit.token() > token);
}

#[test]
fn one_in_use_stays() {
    let Some(scene) = Scene::new(2) else { return };
    let refused = |part: &str| {
        let why = scene.semaphore.remove(Removal::IfIdle).wait().expect_err("it is in use");
        assert_eq!(why.kind(), ErrorKind::InUse, "{why}");
        assert!(why.to_string().contains(part), "{why}");
    };
    let mut releaser = Polled::new(scene.other.release().into_future());
    assert!(releaser.poll().is_pending());
    scene.queues(0, 1);
    refused("it is in use: `1` waiting to release");
    drop(releaser);
    scene.settles(0, 0);
    let permit = scene.other.acquire_many(2).wait_timeout(DEADLINE).expect("they are free");
    let mut waiter = Polled::new(scene.semaphore.acquire().into_future());
    assert!(waiter.poll().is_pending());
    scene.queues(1, 0);
    refused("it is in use: `2` held, `1` waiting to acquire");
    drop(waiter);
    permit.forget().wait().expect("it is held");
    scene.settles(2, 2);
    refused("it is in use: `2` loose");
    scene.other.release_many(2).wait_timeout(DEADLINE).expect("they are loose");

    assert_eq!(scene.semaphore.remove(Removal::IfIdle).wait().expect("it is idle"), idle(2));
}

#[test]
fn by_force_holders_lose_their_permits_and_waiters_fail() {
    let Some(scene) = Scene::new(3) else { return };
    let loose = scene.other.acquire().wait_timeout(DEADLINE).expect("it is free");
    loose.forget().wait().expect("it is held");
    let permit = scene.take(2);
    let semaphore = scene.other.clone();
    let mut waiter = Running::start(move || semaphore.acquire().wait_timeout(DEADLINE));
    let semaphore = scene.other.clone();
    let mut releaser = Running::start(move || semaphore.release_many(2).wait_timeout(DEADLINE));
    scene.queues(1, 1);

    let state = scene.semaphore.remove(Removal::Force).wait().expect("a server is there");
    scene.etcd.open(scene.semaphore.name(), 3).wait().expect("it is new");

    let counts = (state.given_out, state.loose, state.waiting_acquirers, state.waiting_releasers);
    assert_eq!(counts, (3, 1, 1, 1));
    is_gone(waiter.outcome(DEADLINE).expect("it ends"), true);
    is_gone(releaser.outcome(DEADLINE).expect("it ends"), true);
    assert!(eventually(DEADLINE, || permit.is_lost()), "its place was deleted");
    scene.settles(0, 0);
    assert_eq!(permit.release().wait().expect_err("it was lost before").kind(), ErrorKind::Lost);
    drop(scene.take(3));
    scene.is_empty();
}

#[test]
fn removal_without_an_answer_is_done_once() {
    let Some(scene) = Scene::new(1) else { return };
    for removal in [Removal::IfIdle, Removal::Force] {
        for _ in 0..10 {
            let removed = scene.losing(CONFIG, 1, || scene.semaphore.remove(removal).wait());
            assert_eq!(removed.expect("it is idle"), idle(1));
            scene.etcd.open(scene.semaphore.name(), 1).wait().expect("it is new");
        }
    }
}

#[test]
fn removal_that_arrives_late_does_not_remove_the_next_one() {
    let Some(scene) = Scene::new(1) else { return };
    for removal in [Removal::IfIdle, Removal::Force] {
        scene.proxy.hold(CONFIG);
        scene.semaphore.remove(removal).wait().expect("it is idle");
        scene.proxy.is_holding();
        scene.other.clone().acquire().try_now().wait().expect_err("it is removed");
        let again = Etcd::connect([scene.server().to_string()]).expect("the options are good");
        let again = again.open(scene.semaphore.name(), 1).wait().expect("it is new");

        scene.proxy.deliver();

        assert_eq!(again.state().wait().expect("it is there"), idle(1));
    }
}

/// Its first try finds that the semaphore is idle again, and has been told to be in use.
#[test]
fn removal_that_was_refused_removes_nothing_late() {
    let Some(scene) = Scene::new(1) else { return };
    let began = Instant::now();
    loop {
        scene.proxy.hold(CONFIG);
        let semaphore = scene.semaphore.clone();
        let mut remover = Running::start(move || semaphore.remove(Removal::IfIdle).wait());
        scene.proxy.is_holding();
        let permit = scene.other.acquire().wait_timeout(DEADLINE);
        let removed = remover.outcome(DEADLINE).expect("it ends");
        let Ok(permit) = permit else {
            // The second try came first: once more.
            assert!(began.elapsed() < DEADLINE, "the acquire is never first");
            scene.proxy.deliver();
            Etcd::connect([scene.server().to_string()])
                .and_then(|etcd| etcd.open(scene.semaphore.name(), 1).wait())
                .expect("it is new");
            continue;
        };
        assert_eq!(removed.expect_err("it is in use").kind(), ErrorKind::InUse);
        permit.release().wait().expect("it is held");

        scene.proxy.deliver();

        assert_eq!(scene.other.state().wait().expect("it is still there"), idle(1));
        break;
    }
}

/// Those who come are served by one semaphore at a time, though it is removed again and again.
#[test]
fn whoever_comes_while_it_is_removed_is_served_by_the_old_one_or_the_next() {
    const ROUNDS: u32 = 40;
    let Some(endpoints) = cluster::endpoints() else { return };
    let open = |etcd: &Etcd| -> EtcdSemaphore { etcd.open("removal/race", 1).wait().expect("a server is there") };
    let inside = AtomicU32::new(0);
    let connect = || Etcd::connect(&endpoints).expect("the options are good");

    std::thread::scope(|scope| {
        let users: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let etcd = connect();
                    let mut semaphore = open(&etcd);
                    let mut served = 0;
                    while served < ROUNDS {
                        match semaphore.acquire().wait_timeout(DEADLINE) {
                            Ok(permit) => {
                                assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two hold the only permit");
                                inside.fetch_sub(1, Ordering::SeqCst);
                                permit.release().wait().expect("it is held");
                                served += 1;
                            }
                            Err(why) if why.kind() == ErrorKind::Gone && why.source().is_none() => {
                                semaphore = open(&etcd);
                            }
                            Err(why) => panic!("{why}"),
                        }
                    }
                })
            })
            .collect();
        let etcd = connect();
        while users.iter().any(|user| !user.is_finished()) {
            match open(&etcd).remove(Removal::IfIdle).wait() {
                Ok(state) => assert_eq!(state, idle(1)),
                Err(why) => assert!(matches!(why.kind(), ErrorKind::InUse | ErrorKind::Gone), "{why}"),
            }
        }
    });

    // When all have come and gone it is idle for good.
    open(&connect()).remove(Removal::IfIdle).wait().expect("it is idle");
}
