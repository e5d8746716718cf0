//! What may cross threads, be moved, and be kept over a panic: a table, so that a change of a field that
//! changes one of them is seen.

use permits::{
    Acquire, AcquireError, AcquireLoose, AcquireLooseOwned, AcquireOwned, AcquireTimeoutError, Error, MaxPermitsError,
    MergeError, OwnedPermit, Permit, Release, ReleaseError, ReleaseOwned, ReleaseTimeoutError, Semaphore, SplitError,
    State, TryAcquireError, TryReleaseError,
};
use std::panic::{RefUnwindSafe, UnwindSafe};

trait Otherwise {
    const IS: bool = false;
}

impl<T> Otherwise for T {}

/// Does a type implement a trait? An inherent constant, where its bound holds, goes before that of a trait.
macro_rules! is {
    ($type:ty: $bound:path) => {{
        struct Probe<T>(std::marker::PhantomData<T>);
        #[allow(dead_code, reason = "it is used for the types that have the trait")]
        impl<T: $bound> Probe<T> {
            const IS: bool = true;
        }
        <Probe<$type>>::IS
    }};
}

macro_rules! row {
    ($($type:ty),*) => {
        [$((
            stringify!($type),
            [is!($type: Send), is!($type: Sync), is!($type: Unpin), is!($type: UnwindSafe), is!($type: RefUnwindSafe)],
        )),*]
    };
}

const ALL: [bool; 5] = [true; 5];

#[test]
fn semaphore_and_permits_go_anywhere() {
    for (name, traits) in row!(Semaphore, Permit<'static>, OwnedPermit, State) {
        assert_eq!(traits, ALL, "Send, Sync, Unpin, UnwindSafe, RefUnwindSafe of {name}");
    }
}

#[test]
fn errors_go_anywhere() {
    for (name, traits) in row!(
        AcquireError,
        TryAcquireError,
        AcquireTimeoutError,
        ReleaseError,
        TryReleaseError,
        ReleaseTimeoutError,
        MaxPermitsError,
        SplitError,
        MergeError<OwnedPermit>
    ) {
        assert_eq!(traits, ALL, "Send, Sync, Unpin, UnwindSafe, RefUnwindSafe of {name}");
    }
    // It contains any error at all, which may not be safe to look at after a panic.
    let [(name, traits)] = row!(Error);
    assert_eq!(traits, [true, true, true, false, false], "Send, Sync, Unpin, UnwindSafe, RefUnwindSafe of {name}");
}

/// The queue points into a request that waits: it may change threads, and must not move.
#[test]
fn requests_change_threads_and_stay_where_they_are() {
    for (name, traits) in
        row!(Acquire<'static>, AcquireOwned, AcquireLoose<'static>, AcquireLooseOwned, Release<'static>, ReleaseOwned)
    {
        let [send, sync, unpin, ..] = traits;
        assert_eq!([send, sync, unpin], [true, true, false], "Send, Sync, Unpin of {name}");
    }
}

#[test]
fn owned_things_borrow_nothing() {
    fn outlives<T: 'static>() {}
    outlives::<Semaphore>();
    outlives::<OwnedPermit>();
    outlives::<AcquireOwned>();
    outlives::<AcquireLooseOwned>();
    outlives::<ReleaseOwned>();
    outlives::<MergeError<OwnedPermit>>();
    outlives::<Error>();
}

/// The probe itself, on types that are known.
#[test]
fn the_table_tells_yes_from_no() {
    let rows = row!(u32, std::rc::Rc<u32>, std::cell::Cell<u32>, std::marker::PhantomPinned);
    let expected =
        [ALL, [false, false, true, true, true], [true, false, true, true, false], [true, true, false, true, true]];
    assert_eq!(rows.map(|(_, traits)| traits), expected);
}
