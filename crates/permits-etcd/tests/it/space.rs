//! A server whose space is used up: nothing new is written, and what is held can come back.

use crate::cluster::{QUICK, etcdctl, revision, try_etcdctl};
use crate::scene::DEADLINE;
use permits_conformance::wait::eventually;
use permits_etcd::{ErrorKind, Etcd};
use permits_testbed::etcd::{Engine, Etcd as Cluster};

#[test]
fn full_server_refuses_an_acquire_and_takes_permits_back() {
    for engine in Engine::ALL {
        let Some(program) = engine.program() else { return };
        let cluster = Cluster::start(&program, 1, &[&QUICK[..], &["--quota-backend-bytes", "4194304"]].concat());
        let endpoints = cluster.endpoints();
        let etcd = Etcd::connect(&endpoints).expect("the options are good");
        let semaphore = etcd.open("full", 3).wait().expect("a server is there");
        let permit = semaphore.acquire_many(2).wait_timeout(DEADLINE).expect("they are free");
        let dropped = semaphore.acquire().wait_timeout(DEADLINE).expect("it is free");
        let large = "x".repeat(100_000);
        let fills = |number: usize| try_etcdctl(engine, &endpoints, &["put", &format!("/large/{number}"), &large]);
        let why = (0..200).find_map(|number| fills(number).err()).expect("it is full some time");
        assert!(why.contains("database space exceeded"), "{why}");

        permit.release().wait().expect("it is held");
        drop(dropped);
        assert!(eventually(DEADLINE, || semaphore.state().wait().is_ok_and(|state| state.given_out == 0)));
        let refused = semaphore.acquire().wait_timeout(DEADLINE).expect_err("there is no space for a place");
        assert_eq!(refused.kind(), ErrorKind::Exhausted, "{refused}");
        let refused = semaphore.acquire().try_now().wait().expect_err("there is no space for a place");
        assert_eq!(refused.kind(), ErrorKind::Exhausted, "{refused}");

        // What is deleted takes its space until it is compacted.
        etcdctl(engine, &endpoints, &["del", "--prefix", "/large/"]);
        let revision = revision(engine, &endpoints);
        for command in [&["compaction", "--physical", &revision][..], &["defrag"], &["alarm", "disarm"]] {
            etcdctl(engine, &endpoints, command);
        }
        let permit = semaphore.acquire_many(3).wait_timeout(DEADLINE).expect("there is space again");
        permit.release().wait().expect("it is held");
        assert!(eventually(DEADLINE, || semaphore.state().wait().is_ok_and(|state| state.given_out == 0)));
    }
}
