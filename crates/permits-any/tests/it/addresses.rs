//! An address chooses the reach.

use permits::blocking::block_on;
use permits::limit::{Held, Limit, Wait};
use permits::{ErrorKind, Removal};
use permits_any::{Address, AnySemaphore, Options};

#[test]
fn bare_name_is_a_semaphore_of_this_host() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let options = Options::new().host(permits_host::Options::new().directory(directory.path()));
    let address = Address::parse("build", None).expect("it is a name");

    let semaphore = options.open(&address, 2).wait().expect("it is new");

    assert!(matches!(semaphore, AnySemaphore::Host(_)) && !semaphore.traits().leased);
    assert_eq!(options.open(&address, 3).wait().expect_err("it has two").kind(), ErrorKind::MaxDiffers);
    options.open_resized(&address, 3).wait().expect("it may have three");
    assert_eq!(block_on(semaphore.state()).expect("it can be read").max_permits, 3);
}

#[cfg(feature = "etcd")]
#[test]
fn address_of_servers_is_a_semaphore_of_machines() {
    let Some(cluster) = crate::on_etcd::cluster() else { return };
    let address = Address::parse("@addresses/build?ttl=7s", Some(cluster)).expect("it is one");
    let options = Options::new();

    let semaphore = options.open(&address, 2).wait().expect("it is new");

    let permit = block_on(semaphore.acquire().try_now()).expect("one is free");
    assert!(matches!(semaphore, AnySemaphore::Etcd(_)) && semaphore.traits().leased);
    let remaining = permit.remaining().expect("it is leased").as_secs();
    assert!(remaining < 7 && permit.token().is_some() && !permit.is_lost(), "{remaining}");
    let missing = Address::parse("@addresses/none", Some(cluster)).expect("it is one");
    assert_eq!(options.open_existing(&missing).wait().expect_err("it was not made").kind(), ErrorKind::NotFound);
}

#[cfg(feature = "etcd")]
#[test]
fn permits_of_two_reaches_do_not_merge() {
    let Some(cluster) = crate::on_etcd::cluster() else { return };
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let options = Options::new().host(permits_host::Options::new().directory(directory.path()));
    let take = |address: &Address| {
        let semaphore = options.open(address, 1).wait().expect("it is new");
        (block_on(semaphore.acquire().try_now()).expect("one is free"), semaphore)
    };
    let (mut here, _here) = take(&Address::Host("x".to_owned()));
    let (there, machines) = take(&cluster.semaphore("addresses/merge"));

    let there = here.merge(there).expect_err("it is of another semaphore");

    assert_eq!((here.count(), there.count()), (1, 1));
    block_on(there.release()).expect("it was held");
    assert_eq!(block_on(machines.state()).expect("the server answers").given_out, 0);
}

/// What is in use stays, and what is idle goes.
fn removes(options: &Options, address: &Address) {
    let semaphore = options.open(address, 2).wait().expect("it is new");
    let permit = block_on(semaphore.acquire().try_now()).expect("one is free");

    let refused = semaphore.remove(Removal::IfIdle).wait().expect_err("it is in use");
    block_on(permit.release()).expect("it is held");
    let state = semaphore.remove(Removal::IfIdle).wait().expect("it is idle");

    assert_eq!((refused.kind(), state.max_permits), (ErrorKind::InUse, 2), "{refused}");
    assert_eq!(options.open_existing(address).wait().expect_err("it is gone").kind(), ErrorKind::NotFound);
}

#[test]
fn semaphore_of_this_host_is_removed() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let options = Options::new().host(permits_host::Options::new().directory(directory.path()));

    removes(&options, &Address::Host("x".to_owned()));
}

#[cfg(feature = "etcd")]
#[test]
fn semaphore_of_machines_is_removed() {
    let Some(cluster) = crate::on_etcd::cluster() else { return };

    removes(&Options::new(), &cluster.semaphore("addresses/removed"));
}

#[cfg(not(feature = "etcd"))]
#[test]
fn address_of_servers_says_which_feature_is_missing() {
    let address = Address::parse("etcd://127.0.0.1:2379/build", None).expect("it is one");

    let why = Options::new().open(&address, 1).wait().expect_err("it was left out");

    assert_eq!(why.kind(), ErrorKind::System);
    assert!(why.to_string().contains("without the feature `etcd`"), "{why}");
}
