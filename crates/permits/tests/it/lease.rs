//! Leases: permits that are held until a deadline.

use permits::lease::{BootTime, Lease, LostLease};
use permits::{Error, ErrorKind, Operation};
use permits_conformance::wait::Polled;
use std::cell::Cell;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

std::thread_local! {
    /// Each test has a thread of its own, and so a clock of its own.
    static SECONDS: Cell<u64> = const { Cell::new(100) };
}

fn clock() -> BootTime {
    at(SECONDS.get())
}

fn at(seconds: u64) -> BootTime {
    BootTime::new(Duration::from_secs(seconds))
}

fn lease() -> Arc<Lease> {
    Arc::new(Lease::new(clock, at(110)))
}

#[test]
fn lease_is_held_until_its_deadline_and_not_at_it() {
    let lease = lease();

    assert_eq!((lease.is_lost(), lease.remaining()), (false, Duration::from_secs(10)));
    SECONDS.set(109);
    assert_eq!((lease.is_lost(), lease.remaining()), (false, Duration::from_secs(1)));
    SECONDS.set(110);
    assert_eq!((lease.is_lost(), lease.remaining(), lease.valid_until()), (true, Duration::ZERO, None));
}

#[test]
fn renewed_lease_is_held_until_the_later_deadline() {
    let lease = lease();

    lease.renew(at(120)).unwrap();
    lease.renew(at(115)).unwrap();

    assert_eq!(lease.valid_until(), Some(at(120)), "a late reply does not move it back");
}

#[test]
fn lease_that_has_run_out_is_not_renewed_though_nobody_has_looked() {
    let lease = lease();
    SECONDS.set(111);

    assert_eq!(lease.renew(at(200)), Err(LostLease));

    SECONDS.set(101);
    assert!(lease.is_lost(), "it stays lost");
}

#[test]
fn revoked_lease_is_lost_before_its_deadline_and_for_ever() {
    let lease = lease();

    lease.revoke();
    lease.revoke();

    assert!(lease.is_lost());
    assert_eq!(lease.renew(at(200)), Err(LostLease));
    assert_eq!((lease.remaining(), lease.check()), (Duration::ZERO, None));
}

#[test]
fn check_loses_it_only_at_the_deadline() {
    let lease = lease();
    let mut lost = Polled::new(lease.lost());
    assert!(lost.poll().is_pending());

    assert_eq!(lease.check(), Some(at(110)));
    assert_eq!(lost.wakes(), 0);
    SECONDS.set(110);
    assert_eq!(lease.check(), None);

    assert_eq!(lost.wakes(), 1);
    assert!(lost.poll().is_ready());
}

#[test]
fn lost_lease_is_an_error_of_all_reaches() {
    let lease = lease();
    lease.revoke();

    let error = Error::from(lease.renew(at(120)).unwrap_err());

    assert_eq!((error.kind(), error.operation()), (ErrorKind::Lost, Some(Operation::Renew)));
}

#[test]
fn time_between_two_readings_of_the_clock_is_never_negative() {
    assert_eq!(at(12).saturating_duration_since(at(10)), Duration::from_secs(2));
    assert_eq!(at(10).saturating_duration_since(at(12)), Duration::ZERO);
}

#[test]
fn all_who_wait_for_the_loss_are_woken_once() {
    let lease = lease();
    let mut waiting: Vec<_> = (0..100).map(|_| Polled::new(lease.lost())).collect();
    assert!(waiting.iter_mut().all(|lost| lost.poll().is_pending()));
    drop(waiting.drain(30..60));

    lease.revoke();

    assert!(waiting.iter().all(|lost| lost.wakes() == 1));
    assert!(waiting.iter_mut().all(|lost| lost.poll().is_ready()));
}

#[test]
fn dropped_wait_drops_its_waker() {
    let lease = lease();
    let mut lost = Polled::new(lease.lost());
    assert!(lost.poll().is_pending());
    let waker = lost.change_waker();
    assert!(lost.poll().is_pending());
    assert_eq!(Arc::strong_count(&waker), 1, "the waker before was replaced");
    let waker = lost.change_waker();

    drop(lost);

    assert_eq!(Arc::strong_count(&waker), 1);
}

#[test]
fn places_of_dropped_waits_are_used_again() {
    let lease = lease();
    let mut kept = Polled::new(lease.lost());
    assert!(kept.poll().is_pending());
    for _ in 0..1000 {
        assert!(Polled::new(lease.lost()).poll().is_pending());
    }

    lease.revoke();

    assert_eq!(kept.wakes(), 1);
}

#[test]
fn thread_that_waits_for_the_loss_looks_at_the_deadline_without_a_session() {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    fn running() -> BootTime {
        at(1000) + START.elapsed()
    }
    let lease = Arc::new(Lease::new(running, running() + Duration::from_millis(20)));

    assert!(lease.wait_lost(Duration::from_secs(3600)));
}

#[test]
fn thread_waits_for_the_loss_with_a_limit() {
    let lease = lease();

    assert!(!lease.wait_lost(Duration::from_millis(2)));
    lease.revoke();
    assert!(lease.wait_lost(Duration::ZERO));
}
