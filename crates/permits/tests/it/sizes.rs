//! How many bytes things take, on machines with pointers of 64 bits. An array of semaphores has one in each
//! cache line; a waiting future is part of every future that contains it.
#![cfg(all(target_pointer_width = "64", not(feature = "check")))]

use permits::{
    Acquire, AcquireError, AcquireLoose, AcquireLooseOwned, AcquireOwned, OwnedPermit, Permit, Release, ReleaseOwned,
    Semaphore, TryAcquireError,
};
use std::mem::size_of;

#[test]
fn semaphore_fits_a_cache_line() {
    assert!(size_of::<Semaphore>() <= 64, "{}", size_of::<Semaphore>());
}

#[test]
fn permit_is_a_pointer_and_a_number() {
    assert_eq!((size_of::<Permit<'_>>(), size_of::<OwnedPermit>()), (16, 16));
    assert_eq!((size_of::<Option<Permit<'_>>>(), size_of::<Option<OwnedPermit>>()), (16, 16));
    assert!(size_of::<Result<Permit<'_>, AcquireError>>() <= 24);
}

#[test]
fn waiting_future_is_no_larger_than_its_peers() {
    // A cache line; tokio's takes 88.
    const MOST: usize = 64;
    for (name, size) in [
        ("Acquire", size_of::<Acquire<'_>>()),
        ("AcquireOwned", size_of::<AcquireOwned>()),
        ("AcquireLoose", size_of::<AcquireLoose<'_>>()),
        ("AcquireLooseOwned", size_of::<AcquireLooseOwned>()),
        ("Release", size_of::<Release<'_>>()),
        ("ReleaseOwned", size_of::<ReleaseOwned>()),
    ] {
        assert!(size <= MOST, "{name} takes {size} bytes");
    }
}

#[test]
fn error_of_a_try_is_a_few_words() {
    assert!(size_of::<TryAcquireError>() <= 16 && size_of::<AcquireError>() <= 16);
}
