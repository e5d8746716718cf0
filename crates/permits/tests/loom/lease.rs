//! Leases. Time is a word of the model's own, which one of its threads sets.

use super::{check, poll_once};
use loom::future::block_on;
use loom::thread;
use permits::lease::{BootTime, Lease};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const EARLY: u64 = 1;
const DEADLINE: u64 = 10;
const LATE: u64 = 20;

fn at(time: u64) -> BootTime {
    BootTime::new(Duration::from_nanos(time))
}

/// A model with a clock of its own, as models run side by side. `$clock` is its word, `$lease` a lease until
/// [`DEADLINE`].
macro_rules! model {
    ($name:ident, |$clock:ident, $lease:ident| $body:block) => {
        #[test]
        fn $name() {
            static CLOCK: AtomicU64 = AtomicU64::new(EARLY);
            fn clock() -> BootTime {
                at(CLOCK.load(Ordering::SeqCst))
            }
            check(3, || {
                CLOCK.store(EARLY, Ordering::SeqCst);
                let ($clock, $lease) = (&CLOCK, Arc::new(Lease::new(clock, at(DEADLINE))));
                $body
            });
        }
    };
}

model!(a_lease_that_was_told_lost_is_never_renewed, |clock, lease| {
    let other = Arc::clone(&lease);
    let looker = thread::spawn(move || {
        clock.store(DEADLINE, Ordering::SeqCst);
        let first = other.is_lost();
        let second = other.is_lost();
        assert!(second || !first, "it came back to life (L1)");
        first
    });

    let renewed = lease.renew(at(LATE)).is_ok();

    let was_lost = looker.join().unwrap();
    assert!(renewed != was_lost, "told lost, or renewed, and not both (L1)");
    assert_eq!(lease.is_lost(), was_lost);
});

model!(a_renewal_does_not_undo_a_revocation, |_clock, lease| {
    let other = Arc::clone(&lease);
    let revoker = thread::spawn(move || other.revoke());

    let _ = lease.renew(at(LATE));

    revoker.join().unwrap();
    assert!(lease.is_lost(), "it was revoked (L1)");
});

model!(of_two_renewals_the_later_deadline_stays, |_clock, lease| {
    let other = Arc::clone(&lease);
    let renewer = thread::spawn(move || other.renew(at(LATE)).unwrap());

    lease.renew(at(LATE - 5)).unwrap();

    renewer.join().unwrap();
    assert_eq!(lease.valid_until(), Some(at(LATE)), "L2");
});

model!(who_waits_for_the_loss_is_woken_by_a_revocation, |_clock, lease| {
    let other = Arc::clone(&lease);
    let revoker = thread::spawn(move || other.revoke());

    // It ends, or loom reports a deadlock (L3).
    block_on(lease.lost());

    revoker.join().unwrap();
});

model!(who_waits_for_the_loss_is_woken_at_the_deadline, |clock, lease| {
    let other = Arc::clone(&lease);
    let session = thread::spawn(move || {
        clock.store(DEADLINE, Ordering::SeqCst);
        assert_eq!(other.check(), None);
    });

    block_on(lease.lost());

    session.join().unwrap();
});

model!(a_look_that_finds_it_run_out_wakes_who_waits, |clock, lease| {
    let other = Arc::clone(&lease);
    let looker = thread::spawn(move || {
        clock.store(DEADLINE, Ordering::SeqCst);
        assert!(other.is_lost());
        // Whoever waits sees the same time as before, and has to be told.
        clock.store(EARLY, Ordering::SeqCst);
    });

    block_on(lease.lost());

    looker.join().unwrap();
});

model!(a_wait_that_is_dropped_leaves_the_others_to_be_woken, |_clock, lease| {
    let other = Arc::clone(&lease);
    let dropper = thread::spawn(move || {
        let mut lost = pin!(other.lost());
        let _ = poll_once(lost.as_mut());
    });
    let revoked = Arc::clone(&lease);
    let revoker = thread::spawn(move || revoked.revoke());

    block_on(lease.lost());

    dropper.join().unwrap();
    revoker.join().unwrap();
});

/// Here time passes at any step of the others, between two readings of the clock as well: it is a word of loom's.
#[test]
fn a_rest_of_zero_is_never_followed_by_a_renewal() {
    loom::lazy_static! {
        static ref NOW: loom::sync::atomic::AtomicU64 = loom::sync::atomic::AtomicU64::new(EARLY);
    }
    fn clock() -> BootTime {
        at(NOW.load(Ordering::Relaxed))
    }
    check(3, || {
        assert_eq!(clock(), at(EARLY));
        let lease = Arc::new(Lease::new(clock, at(DEADLINE)));
        let (read, renewed) = (Arc::clone(&lease), Arc::clone(&lease));
        let reader = thread::spawn(move || read.remaining().is_zero());
        let renewer = thread::spawn(move || renewed.renew(at(LATE)).is_ok());

        NOW.store(DEADLINE, Ordering::Relaxed);

        let (told_zero, renewed) = (reader.join().unwrap(), renewer.join().unwrap());
        assert!(!(told_zero && renewed), "L1");
    });
}
