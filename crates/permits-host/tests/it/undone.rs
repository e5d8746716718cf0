//! Acts in the middle of which damage is found: what was taken for them comes back, and what was done stays done.

use crate::format::{LINKS, NUMBERS_AT, waiter};
use crate::look::kind;
use crate::place::NAME;
use crate::victim::{MAX, Victim};
use permits_conformance::wait::Polled;
use permits_host::{ErrorKind, HostSemaphore, Repair};
use std::task::Poll;
use std::thread;

fn numbered(victim: &Victim) -> HostSemaphore {
    victim.directory.options().numbered(true).open_existing(NAME).expect("it is sound")
}

/// Which numbers the permits of a handle have, as others see it.
fn numbers_of(semaphore: &HostSemaphore) -> Vec<u32> {
    let status = semaphore.status().expect("it is sound");
    status.holders.into_iter().find(|holder| holder.who.id == semaphore.id()).expect("it holds").slots
}

#[test]
fn the_numbers_of_permits_that_could_not_be_merged_stay_with_them() {
    let victim = Victim::new();
    let (one, other) = (numbered(&victim), numbered(&victim));
    let mut permit = one.try_acquire_owned().expect("it is free");
    let foreign = other.try_acquire_many_owned(2).expect("they are free");

    victim.condemn();
    let foreign = permit.merge(foreign).expect_err("the file is damaged").into_permit();

    assert!(matches!(victim.repair(), Ok(Repair::Recounted { .. })), "it can be repaired");
    assert_eq!((permit.slots(), foreign.slots()), (&[0][..], &[1, 2][..]));
    assert_eq!((numbers_of(&one), numbers_of(&other)), (vec![0], vec![1, 2]));
    drop(foreign);
    assert_eq!(one.try_acquire_many_owned(3).expect("they are free").slots(), [1, 2, 3], "they came back");
}

#[test]
fn numbers_that_were_taken_before_damage_was_found_come_back_with_their_permits() {
    // Once more, as the thread may have given up its search before the damage was there.
    for _ in 0..100 {
        let victim = Victim::new();
        let (one, other) = (numbered(&victim), numbered(&victim));
        let last = NUMBERS_AT + u64::from(MAX) - 1;
        // The last number is said to be that of one who lives, so that it is looked for again and again.
        let permit = other.try_acquire_many_owned(MAX).expect("they are free");
        let theirs = victim.get(last);
        drop(permit);
        victim.put(last, theirs);
        let taker = thread::spawn({
            let one = one.clone();
            move || one.try_acquire_many_owned(MAX).expect("they are free")
        });

        while victim.get(last - 1) == 0 && !taker.is_finished() {
            thread::yield_now();
        }
        victim.condemn();
        let searched = !taker.is_finished();
        let permit = taker.join().expect("it comes to an end");

        assert_eq!(permit.slots(), [0, 1, 2], "they are its own");
        assert!(matches!(victim.repair(), Ok(Repair::Recounted { .. })), "it can be repaired");
        drop(permit);
        assert_eq!((0..MAX - 1).map(|n| victim.get(NUMBERS_AT + u64::from(n))).sum::<u64>(), 0, "they came back");
        if searched {
            return;
        }
    }
    panic!("the damage always came too late");
}

#[test]
fn a_resize_is_done_though_damage_is_found_where_it_serves_on() {
    /// More than one commit can grant.
    const WAITERS: u32 = 40;
    // The process looks after those of its tasks that wait, so it may find the damage before the resize does.
    for _ in 0..20 {
        let victim = Victim::new();
        let semaphore = victim.open().expect("it is sound");
        let _permit = semaphore.try_acquire_many_owned(MAX).expect("they are free");
        let mut waiters: Vec<_> = (0..WAITERS).map(|_| Polled::new(semaphore.acquire_owned())).collect();
        assert!(waiters.iter_mut().all(|waiter| waiter.poll().is_pending()));
        victim.put_low(waiter(u64::from(WAITERS) - 1, LINKS), 400 << 16);

        let grown = semaphore.grow(WAITERS);

        let granted =
            waiters.iter_mut().map(Polled::poll).filter(|outcome| matches!(outcome, Poll::Ready(Ok(_)))).count();
        assert_eq!(kind(semaphore.state()), Some(ErrorKind::Damaged), "the damage is told to who comes next");
        if granted > 0 {
            assert!(grown.is_ok(), "it is committed: {grown:?}");
            assert!(granted < WAITERS as usize, "{granted} were granted before");
            return;
        }
        assert_eq!(kind(grown), Some(ErrorKind::Damaged), "it was found before");
    }
    panic!("the damage was always found before the resize");
}
