//! Names of semaphores and of holders, and the tokens of grants, as people and programs find them.

use crate::cluster::{self, QUICK, etcdctl, revision};
use permits::ErrorKind;
use permits_etcd::Etcd;
use permits_testbed::etcd::{Engine, Etcd as Cluster};

#[test]
fn list_has_the_semaphores_of_its_namespace_and_no_others() {
    let Some(endpoints) = cluster::endpoints() else { return };
    let connect =
        |namespace: &str| Etcd::options(endpoints.clone()).namespace(namespace).connect().expect("it is good");
    let (ours, others) = (connect("/naming/list/"), connect("/naming/list-of-others/"));
    for name in ["b", "a/b c", "建"] {
        let semaphore = ours.open(name, 2).wait().expect("it is new");
        // Keys beside its configuration.
        semaphore.acquire_many(2).wait().expect("they are free").forget().wait().expect("they are held");
    }
    others.open("c", 1).wait().expect("it is new");

    let mut names = ours.list().wait().expect("the server answers");

    names.sort_unstable();
    assert_eq!(names, ["a/b c", "b", "建"]);
    assert_eq!(connect("/naming/nothing/").list().wait().expect("the server answers"), [""; 0]);
}

#[test]
fn holder_of_a_permit_is_the_one_of_the_status() {
    let Some(endpoints) = cluster::endpoints() else { return };
    let etcd = Etcd::connect(endpoints).expect("the endpoints are good");
    let semaphore = etcd.open("naming/holder", 5).wait().expect("it is new");
    let mut permit = semaphore.acquire_many(3).wait().expect("they are free");
    let other = semaphore.acquire().wait().expect("one is free");

    let part = permit.split(1).expect("it has three");

    let status = semaphore.status().wait().expect("the server answers");
    let ids: Vec<_> = status.holders.iter().map(|holder| Some(holder.who.id)).collect();
    assert_eq!(ids, [permit.holder(), other.holder()]);
    assert_eq!(part.holder(), permit.holder());
    assert_eq!(semaphore.acquire_many(0).wait().expect("none is needed").holder(), None);
    let id = other.holder().expect("it holds one");
    semaphore.revoke(id).wait().expect("it is there");
    assert_eq!(semaphore.revoke(id).wait().expect_err("it is gone").kind(), ErrorKind::NoSuchHolder);
}

#[test]
fn oldest_token_is_that_of_the_permit_that_is_out_longest() {
    let Some(endpoints) = cluster::endpoints() else { return };
    let etcd = Etcd::connect(endpoints).expect("the endpoints are good");
    let semaphore = etcd.open("naming/oldest", 2).wait().expect("it is new");
    let oldest = || semaphore.oldest_token().wait().expect("the server answers");
    assert_eq!(oldest(), None);

    let first = semaphore.acquire().wait().expect("it is free");
    let second = semaphore.acquire().wait().expect("it is free");
    assert_eq!(oldest(), Some(first.token()));
    first.release().wait().expect("it is held");
    assert_eq!(oldest(), Some(second.token()));

    // A loose permit is out as well, though it has no holder.
    let token = second.token();
    second.forget().wait().expect("it is held");
    let third = semaphore.acquire().wait().expect("one is free");
    assert_eq!(oldest(), Some(token));
    semaphore.release().wait().expect("it is loose");
    assert_eq!(oldest(), Some(third.token()));
}

#[test]
fn servers_say_what_they_are_and_what_they_have_forgotten() {
    for engine in Engine::ALL {
        let Some(program) = engine.program() else { return };
        let cluster = Cluster::start(&program, 1, &QUICK);
        let mut endpoints = cluster.endpoints();
        // At this one no server is there.
        endpoints.push("127.0.0.1:1".to_owned());
        let etcd = Etcd::connect(&endpoints).expect("the endpoints are good");
        let semaphore = etcd.open("naming/servers", 1).wait().expect("it is new");
        drop(semaphore.acquire().wait().expect("it is free"));

        let servers = etcd.servers().wait().expect("the connection lives");

        let [(at, Ok(server)), (_, Err(why))] = &servers[..] else { panic!("{servers:?}") };
        assert_eq!(at, &format!("http://{}", endpoints[0]));
        assert!(server.version.starts_with("3.") && server.has_leader && server.alarms.is_empty(), "{server:?}");
        assert!(server.revision > 1 && server.database > 0, "{server:?}");
        assert_eq!(why.kind(), ErrorKind::Unreachable);
        let newest = server.revision;
        assert!(!etcd.is_compacted(newest - 1).wait().expect("the server answers"));
        etcdctl(engine, &endpoints[..1], &["compaction", &revision(engine, &endpoints[..1])]);
        assert!(etcd.is_compacted(newest - 1).wait().expect("the server answers"));
    }
}
