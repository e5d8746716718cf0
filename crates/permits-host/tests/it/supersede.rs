//! The newest of a key supersedes those before it, and no others.

use crate::actor::{Actor, Order};
use crate::format::{ARRIVAL, ARRIVALS, BELL, KEY, SUPERSEDED, seat as seat_word};
use crate::look::{DEADLINE, kind, lives};
use crate::place::{Directory, NAME, file_in, fresh, overwrite};
use permits_conformance::wait::{Polled, Running, eventually};
use permits_host::{ErrorKind, HostSemaphore, Supersede};

fn another(directory: &Directory) -> HostSemaphore {
    directory.options().open_existing(NAME).expect("it is there")
}

fn supersedes(semaphore: &HostSemaphore, key: &str) -> usize {
    semaphore.supersede(key, Supersede::Waiters).expect("it is sound")
}

#[test]
fn one_that_waits_is_superseded_and_one_that_holds_is_not() {
    let (directory, holder) = fresh(1);
    assert_eq!(supersedes(&holder, "k"), 0);
    let permit = holder.try_acquire_owned().expect("it is free");
    let waiter = another(&directory);
    assert_eq!(supersedes(&waiter, "k"), 1);
    let mut waits = Polled::new(waiter.acquire_owned());
    assert!(waits.poll().is_pending());
    assert!(!waiter.is_revoked() && !waiter.is_superseded());

    let newest = another(&directory);
    assert_eq!(supersedes(&newest, "k"), 2);

    assert!(waiter.is_revoked() && waiter.is_superseded());
    assert!(holder.is_superseded() && !holder.is_revoked() && !permit.is_revoked(), "it holds a permit");
    assert!(!newest.is_revoked() && !newest.is_superseded());
    let status = newest.status().expect("it can be read");
    assert!(status.waiters[0].who.revoked && !status.holders[0].who.revoked);
    drop(permit);
    assert!(holder.is_revoked(), "what it would wait for now is for the newest");
}

#[test]
fn one_that_holds_is_superseded_on_demand() {
    let (directory, holder) = fresh(1);
    supersedes(&holder, "k");
    let permit = holder.try_acquire_owned().expect("it is free");
    let newest = another(&directory);

    newest.supersede("k", Supersede::WaitersAndHolders).expect("it is sound");

    assert!(holder.is_revoked() && permit.is_revoked());
    assert_eq!(newest.state().expect("it is sound").given_out, 1, "nothing is taken from it");
}

#[test]
fn other_keys_and_no_key_are_left_alone() {
    let (directory, without) = fresh(1);
    let other = another(&directory);
    supersedes(&other, "k2");
    let longer = another(&directory);
    supersedes(&longer, "kk");

    assert_eq!(another(&directory).supersede("k", Supersede::WaitersAndHolders).expect("it is sound"), 0);

    for left in [&without, &other, &longer] {
        assert!(!left.is_revoked() && !left.is_superseded() && left.superseded_by().is_none());
    }
}

#[test]
fn the_superseded_one_is_told_by_whom() {
    let (directory, first) = fresh(1);
    supersedes(&first, "k");
    let second = directory.options().label("night").open_existing(NAME).expect("it is there");
    supersedes(&second, "k");
    let by = first.superseded_by().expect("it takes part");
    assert_eq!((by.id, by.pid, by.label.as_str(), by.alive), (second.id(), std::process::id(), "night", true));
    assert_eq!(by.supersede_key.as_deref(), Some("k"));

    let third = another(&directory);
    supersedes(&third, "k");
    assert_eq!(first.superseded_by().map(|by| by.id), Some(third.id()), "it is the newest");

    drop(third);
    assert!(first.is_superseded() && first.superseded_by().is_none(), "it has gone, and the mark stays");
}

#[test]
fn waiting_to_be_revoked_ends_when_a_newer_one_comes() {
    let (directory, first) = fresh(1);
    supersedes(&first, "k");
    let mut waits = Running::start(move || first.wait_revoked(DEADLINE * 10));

    let newest = another(&directory);
    supersedes(&newest, "k");

    assert_eq!(waits.outcome(DEADLINE), Some(true));
}

#[test]
fn the_superseded_one_is_rung_for_once_it_is_marked() {
    let (directory, first) = fresh(1);
    supersedes(&first, "k");
    let bell = || {
        let file = std::fs::read(file_in(&directory)).expect("it is ours");
        let at = 8 * seat_word(first.id().parts().0, BELL) as usize;
        u64::from_ne_bytes(file[at..at + 8].try_into().expect("eight bytes"))
    };
    let before = bell();

    supersedes(&another(&directory), "other");
    assert_eq!(bell(), before);
    supersedes(&another(&directory), "k");

    assert_ne!(bell(), before, "it need not look by itself");
}

#[test]
fn one_that_calls_it_again_is_the_newest() {
    let (directory, first) = fresh(1);
    supersedes(&first, "k");
    let second = another(&directory);
    supersedes(&second, "k");

    assert_eq!(supersedes(&first, "k"), 1);

    assert!(!first.is_superseded() && second.is_superseded());
    supersedes(&first, "other");
    supersedes(&second, "k");
    assert!(!first.is_superseded() && !second.is_superseded(), "each has a key of its own");
}

#[test]
fn the_next_owner_of_a_seat_has_no_key() {
    let (directory, semaphore) = fresh(1);
    let first = another(&directory);
    supersedes(&first, "k");
    let second = another(&directory);
    supersedes(&second, "k");
    let id = first.id();
    drop((first, second));

    let mut next = another(&directory);
    // A child that another test has just forked may keep the seat until it executes its program.
    let has_it = |next: &HostSemaphore| next.id().parts().0 == id.parts().0;
    assert!(
        eventually(DEADLINE, || has_it(&next) || {
            next = another(&directory);
            false
        }),
        "it is free"
    );

    let _permit = next.try_acquire_owned().expect("it is free");
    assert!(!next.is_superseded() && !next.is_revoked());
    assert_eq!(supersedes(&semaphore, "k"), 0);
    assert_eq!(semaphore.status().expect("it can be read").holders[0].who.supersede_key, None);
}

#[test]
fn a_key_is_shown_by_all_who_look() {
    let (directory, semaphore) = fresh(1);
    let key = "refs/heads/ä".repeat(4) + "refs/heads/a";
    assert_eq!(key.len(), HostSemaphore::MAX_KEY);
    supersedes(&semaphore, &key);
    let _permit = semaphore.try_acquire_owned().expect("it is free");

    for status in [semaphore.status(), directory.options().read(NAME)] {
        let status = status.expect("it can be read");
        assert_eq!(status.holders[0].who.supersede_key.as_deref(), Some(key.as_str()));
    }
}

#[test]
fn what_cannot_be_a_key_is_refused() {
    let (_directory, semaphore) = fresh(1);
    let long = "k".repeat(HostSemaphore::MAX_KEY + 1);
    for (key, part) in [("", "it is empty"), ("a\0b", "'\\0'"), (&long, "has `65` bytes, at most `64` are allowed")] {
        let error = semaphore.supersede(key, Supersede::Waiters).expect_err("it cannot be one");

        assert_eq!(error.kind(), ErrorKind::BadName);
        assert!(error.to_string().contains(part), "{error}");
    }
    assert_eq!(supersedes(&semaphore, &long[1..]), 0);
}

#[test]
fn one_that_is_killed_in_the_middle_leaves_the_others_to_the_next() {
    let (directory, semaphore) = fresh(1);
    supersedes(&semaphore, "k");
    let mut victim = Actor::start(&directory);
    victim.told(Order::DieWhileSuperseding);
    assert!(eventually(DEADLINE, || !lives(victim.pid())), "it dies before it rings");
    assert!(semaphore.is_revoked(), "the mark is there, though its bell was not rung");

    let newest = another(&directory);
    assert!(supersedes(&newest, "k") >= 1);

    assert!(!newest.is_revoked());
    assert!(newest.acquire_owned().wait().is_ok());
}

fn write_word(directory: &Directory, word: u64, value: u64) {
    overwrite(directory, word * 8, &value.to_ne_bytes());
}

#[test]
fn nonsense_in_the_file_ends_in_an_answer() {
    let (directory, first) = fresh(1);
    supersedes(&first, "k");
    for nonsense in [u64::MAX, u64::MAX - 1, 0, 1] {
        write_word(&directory, ARRIVALS, nonsense);
        let handles: Vec<HostSemaphore> = (0..3).map(|_| another(&directory)).collect();

        for handle in &handles {
            assert_eq!(kind(handle.supersede("k", Supersede::WaitersAndHolders)), None);
        }

        assert!(handles.iter().any(|handle| !handle.is_superseded()), "{nonsense}");
    }
    // Arrivals, marks and keys of the first seats, whether they are taken or not.
    for seat in 0..8 {
        for word in [ARRIVAL, SUPERSEDED].into_iter().chain(KEY) {
            write_word(&directory, seat_word(seat, word), u64::MAX - seat - word);
        }
    }
    assert!(first.status().is_ok() && first.superseded_by().is_none());
    assert_eq!(kind(first.supersede("k", Supersede::WaitersAndHolders)), None);
    let next = another(&directory);
    supersedes(&next, "other");
    assert!(!next.is_superseded(), "what is taken anew is in order");
}
